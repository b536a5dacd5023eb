//! A model ready to be evaluated: validated, conditioned, reduced to cross-products.

use std::sync::Arc;

use rayon::ThreadPool;

use crate::conditioning::{orthonormal_basis, Basis};
use crate::crossprod::{absorb, trailing_within, Chunk, Rows};
use crate::error::LmmError;
use crate::lambda::{parameters, Parameter};
use crate::layout::Layout;
use crate::memory::check_rows;
use crate::model_data::validate;
use crate::ordered_rows::{condition_response, condition_rows, order};
use crate::progress::Progress;
use crate::small::axpy;
use crate::term::{finish_terms, terms_and_factors, Factor, Term};
use crate::trailing::Trailing;

pub use crate::model_data::ModelData;

/// Operations that a row takes to be read, about; memory counts for more than arithmetic.
const WORK_PER_ROW: f64 = 500.0;
/// Operations below which threads cost more than they gain (about 20 ms of one core).
const PARALLEL_WORK: f64 = 3e7;
/// Operations that a level of the leading factor takes, however small it is, about.
const PER_LEVEL: f64 = 200.0;
/// Operations of an evaluation below which a whole fit takes milliseconds.
const SMALL_WORK: f64 = 1e5;

/// The fixed part: how X and y were conditioned.
#[derive(Debug, Clone)]
pub struct FixedPart {
    /// Columns of the user's X that are kept.
    pub kept: Vec<usize>,
    /// `sqrt(W) X[, kept] = Q R` (rank x rank).
    pub r: Vec<f64>,
    /// Weighted least-squares coefficients, taken out of y before the fit.
    pub beta0: Vec<f64>,
    /// What y was divided by.
    pub y_scale: f64,
}

/// A model reduced to its cross-products.
pub struct Model {
    /// Observations.
    pub n: usize,
    /// Rank of X.
    pub p: usize,
    /// REML or maximum likelihood.
    pub reml: bool,
    /// Sum of the log weights.
    pub log_weights: f64,
    /// Conditioning of X and y.
    pub fixed: FixedPart,
    /// Terms, in the caller's order.
    pub terms: Vec<Term>,
    /// Grouping factors.
    pub factors: Vec<Factor>,
    /// Order of the elimination.
    pub layout: Layout,
    /// The leading factor, absorbed.
    pub chunks: Vec<Chunk>,
    /// Within part of `[X y]'W [X y]` (p1 x p1, lower triangle).
    pub within: Vec<f64>,
    /// Within part of `Z_2'W [X y]` (m x p1).
    pub trailing_w: Vec<f64>,
    /// The trailing block, which does not depend on the response.
    pub trailing: Arc<Trailing>,
    /// Threads, when the work is worth them.
    pub pool: Option<ThreadPool>,
}

/// What a model was made from, as far as another response needs it.
pub(crate) struct Source {
    /// Orthonormal basis of X, of the caller's rows.
    pub basis: Basis,
    /// Conditioned rows; `w` holds residuals on the leading factor.
    pub rows: Rows,
    /// The caller's row of each of `rows`.
    pub row_order: Vec<usize>,
}

impl Model {
    /// Validate, condition and reduce.
    ///
    /// # Errors
    /// [`LmmError`] for inputs of the wrong length, values that are not finite, a response that X
    /// fits exactly, or memory that is not there.
    pub fn new(data: &ModelData, progress: &Progress) -> Result<Model, LmmError> {
        Ok(Model::with_source(data, false, progress)?.0)
    }

    /// A model, and the rows that it was made from. The basis of X is given up half-way unless it
    /// is to be kept.
    pub(crate) fn with_source(
        data: &ModelData,
        keep_basis: bool,
        progress: &Progress,
    ) -> Result<(Model, Source), LmmError> {
        let n = data.y.len();
        validate(data, n)?;
        let root_w: Option<Vec<f64>> = data.weights.map(|w| w.iter().map(|v| v.sqrt()).collect());
        let root_w = root_w.as_deref();
        let mut basis = orthonormal_basis(data.x, n, data.columns.len(), root_w);
        let p = basis.rank();
        if p >= n {
            return Err(LmmError::PerfectFit);
        }
        let (y, beta0, y_scale) = condition_response(data.y, data.offset, &basis, root_w)?;
        progress.check()?;
        let (terms, factors) = terms_and_factors(data);
        let (layout, row_order, level_start) = order(data, &factors);
        let bytes = data.available_bytes;
        check_rows((n, p), (&factors, &terms), &layout, bytes)?;
        let (mut rows, transforms) = condition_rows(
            data,
            &basis,
            &y,
            root_w,
            &factors,
            &row_order,
            level_start,
            progress,
        )?;
        let terms = finish_terms(terms, transforms);
        let fixed = FixedPart {
            kept: basis.kept.clone(),
            r: basis.r.clone(),
            beta0,
            y_scale,
        };
        if !keep_basis {
            basis.q = Vec::new();
        }
        let pool = thread_pool(data.threads, n as f64 * WORK_PER_ROW);
        let parallel = pool.is_some();
        let absorbed = run(&pool, || {
            absorb(&mut rows, &factors, &layout, parallel, progress)
        });
        let chunks = absorbed?;
        let trailing_w = run(&pool, || {
            trailing_within(&rows, &factors, &layout, parallel, progress)
        })?;
        let of = (factors.as_slice(), terms.as_slice());
        let mut trailing = Trailing::new(&chunks, of, &layout, bytes, progress)?;
        run(&pool, || {
            trailing.form_within(&rows, &chunks, &factors, &layout, (parallel, progress))
        })?;
        let within = sum_within(&chunks, p + 1);
        let mut model = Model {
            n,
            p,
            reml: data.reml,
            log_weights: data.weights.map_or(0.0, |w| w.iter().map(|v| v.ln()).sum()),
            fixed,
            terms,
            factors,
            layout,
            chunks,
            within,
            trailing_w,
            trailing: Arc::new(trailing),
            pool: None,
        };
        model.pool = thread_pool(data.threads, 3.0 * model.work_per_evaluation());
        let source = Source {
            basis,
            rows,
            row_order,
        };
        Ok((model, source))
    }

    /// The same design with room for a response of its own, and without threads.
    pub(crate) fn for_response(&self) -> Model {
        Model {
            fixed: self.fixed.clone(),
            terms: self.terms.clone(),
            factors: self.factors.clone(),
            layout: self.layout.clone(),
            chunks: self.chunks.clone(),
            within: self.within.clone(),
            trailing_w: self.trailing_w.clone(),
            trailing: Arc::clone(&self.trailing),
            pool: None,
            ..*self
        }
    }

    /// Number of entries of theta.
    pub fn theta_len(&self) -> usize {
        self.terms.iter().map(|t| t.p * (t.p + 1) / 2).sum()
    }

    /// The entries of theta.
    pub fn parameters(&self) -> Vec<Parameter> {
        parameters(&self.terms)
    }

    /// Number of random effects.
    pub fn q(&self) -> usize {
        self.factors.iter().map(|f| f.levels * f.size).sum()
    }

    /// Degrees of freedom that the residual variance is divided by: n, or n - p for REML.
    pub fn denominator(&self) -> f64 {
        (if self.reml { self.n - self.p } else { self.n }) as f64
    }

    /// Floating-point operations of one value of the criterion, about.
    pub fn work_per_evaluation(&self) -> f64 {
        let s = self.factors[self.layout.leading].size as f64;
        let panel: f64 = self
            .chunks
            .iter()
            .flat_map(|c| c.start.windows(2))
            .map(|l| s * ((l[1] - l[0]) as f64).powi(2))
            .sum();
        let levels = self.factors[self.layout.leading].levels as f64;
        let p1 = self.p as f64 + 1.0;
        panel + levels * (PER_LEVEL + s * (s * s + p1 * p1)) + 2.0 * self.trailing.cost().0
    }

    /// Whether a fit takes milliseconds.
    pub fn is_small(&self) -> bool {
        let k = self.theta_len() as f64;
        self.work_per_evaluation() * (1.0 + k) < SMALL_WORK
    }

    /// Run `job` in the model's thread pool, if it has one.
    pub fn run<T: Send>(&self, job: impl FnOnce() -> T + Send) -> T {
        run(&self.pool, job)
    }
}

fn run<T: Send>(pool: &Option<ThreadPool>, job: impl FnOnce() -> T + Send) -> T {
    match pool {
        Some(pool) => pool.install(job),
        None => job(),
    }
}

fn thread_pool(threads: usize, work: f64) -> Option<ThreadPool> {
    if threads < 2 || work < PARALLEL_WORK {
        return None;
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .ok()
}

fn sum_within(chunks: &[Chunk], p1: usize) -> Vec<f64> {
    let mut total = vec![0.0; p1 * p1];
    for c in chunks {
        axpy(1.0, &c.within, &mut total);
    }
    total
}
