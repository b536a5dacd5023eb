//! A model ready to be evaluated: validated, conditioned, reduced to cross-products.

use std::sync::Arc;

use rayon::ThreadPool;

use crate::conditioning::{
    condition_term, long_dot, orthonormal_basis, project_out, weighted, Basis, TermColumns,
};
use crate::crossprod::{absorb, trailing_within, Chunk, Rows, ZRows};
use crate::error::LmmError;
use crate::lambda::{parameters, Parameter};
use crate::layout::Layout;
use crate::memory::check_rows;
use crate::progress::Progress;
use crate::small::{axpy, invert_upper, norm};
use crate::term::{Factor, Term, TermData};
use crate::trailing::Trailing;

/// Response below this part of its length after X is taken out: X fits it exactly.
const EXACT_FIT: f64 = 1e-13;
/// Operations that a row takes to be read, about; memory counts for more than arithmetic.
const WORK_PER_ROW: f64 = 500.0;
/// Operations below which threads cost more than they gain (about 20 ms of one core).
const PARALLEL_WORK: f64 = 3e7;

/// What a caller provides. Matrices are column-major.
#[derive(Debug, Clone)]
pub struct ModelData<'a> {
    /// Fixed-effects model matrix (n x p), redundant columns included.
    pub x: &'a [f64],
    /// Names of its columns (p).
    pub columns: Vec<String>,
    /// Response (n).
    pub y: &'a [f64],
    /// Positive weights, proportional to inverse variances (n); `None`: all one.
    pub weights: Option<&'a [f64]>,
    /// Known part of the mean (n); `None`: zero.
    pub offset: Option<&'a [f64]>,
    /// Random-effects terms.
    pub terms: Vec<TermData<'a>>,
    /// REML criterion (`true`) or maximum likelihood.
    pub reml: bool,
    /// Threads that may be used.
    pub threads: usize,
    /// Memory that may be used, in bytes.
    pub available_bytes: f64,
}

/// Operations that a level of the leading factor takes, however small it is, about.
const PER_LEVEL: f64 = 200.0;
/// Operations of an evaluation below which a whole fit takes milliseconds.
const SMALL_WORK: f64 = 1e5;
/// Numbers in the data below which reading them takes less than a millisecond.
const SMALL_DATA: usize = 20_000;

impl ModelData<'_> {
    /// Whether the model is made in less time than it takes to start a thread, about.
    pub fn is_small(&self) -> bool {
        let columns = self.columns.len() + self.terms.iter().map(|t| t.p + 1).sum::<usize>();
        self.y.len() * (columns + 1) < SMALL_DATA
    }
}

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
    /// Within part of `[X y]'W [X y]` (p1 x p1).
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
        let trailing = Trailing::new(&rows, &chunks, of, &layout, bytes, progress)?;
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

fn validate(data: &ModelData, n: usize) -> Result<(), LmmError> {
    let length = |what: &str, expected: usize, found: usize| {
        if expected == found {
            return Ok(());
        }
        Err(LmmError::Dimension {
            what: what.to_string(),
            expected,
            found,
        })
    };
    length("entries of X", n * data.columns.len(), data.x.len())?;
    finite("the response", data.y)?;
    for (name, column) in data.columns.iter().zip(data.x.chunks_exact(n.max(1))) {
        finite(name, column)?;
    }
    if let Some(w) = data.weights {
        length("weights", n, w.len())?;
        finite("weights", w)?;
        if let Some(row) = w.iter().position(|v| *v <= 0.0) {
            let what = format!("the weight of row {} must be positive; rows", row + 1);
            return Err(LmmError::Dimension {
                what,
                expected: n,
                found: row,
            });
        }
    }
    if let Some(offset) = data.offset {
        length("offset", n, offset.len())?;
        finite("the offset", offset)?;
    }
    if data.terms.is_empty() {
        let what = "random-effects terms, at least".to_string();
        return Err(LmmError::Dimension {
            what,
            expected: 1,
            found: 0,
        });
    }
    data.terms.iter().try_for_each(|t| validate_term(t, n))
}

fn validate_term(term: &TermData, n: usize) -> Result<(), LmmError> {
    let wrong = |what: String, expected, found| LmmError::Dimension {
        what,
        expected,
        found,
    };
    if term.codes.len() != n {
        return Err(wrong(
            format!("codes of term '{}'", term.name),
            n,
            term.codes.len(),
        ));
    }
    if let Some(code) = term
        .codes
        .iter()
        .find(|&&c| c < 1 || c as usize > term.n_levels)
    {
        let what = format!("codes of term '{}' up to", term.name);
        return Err(wrong(what, term.n_levels, (*code).max(0) as usize));
    }
    match term.z {
        None if term.p != 1 => Err(wrong(format!("columns of term '{}'", term.name), 1, term.p)),
        Some(z) if z.len() != n * term.p => Err(wrong(
            format!("columns of term '{}'", term.name),
            n * term.p,
            z.len(),
        )),
        Some(z) => finite(&term.name, z),
        None => Ok(()),
    }
}

pub(crate) fn finite(column: &str, v: &[f64]) -> Result<(), LmmError> {
    match v.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(at) => Err(LmmError::NotFinite {
            column: column.to_string(),
            row: at + 1,
        }),
    }
}

/// The response less offset and least-squares fit, with unit root mean square.
pub(crate) fn condition_response(
    y: &[f64],
    offset: Option<&[f64]>,
    basis: &Basis,
    root_w: Option<&[f64]>,
) -> Result<(Vec<f64>, Vec<f64>, f64), LmmError> {
    let mut y = weighted(y, None);
    if let Some(offset) = offset {
        axpy(-1.0, offset, &mut y);
    }
    let mut y = weighted(&y, root_w);
    let before = norm(&y);
    let mut beta0 = project_out(&basis.q, &mut y);
    crate::small::solve_lower_transpose(
        &crate::small::transpose(&basis.r, basis.rank(), basis.rank()),
        basis.rank(),
        &mut beta0,
        1,
    );
    let after = norm(&y);
    if after <= EXACT_FIT * before {
        return Err(LmmError::PerfectFit);
    }
    let y_scale = after / (y.len() as f64).sqrt();
    y.iter_mut().for_each(|v| *v /= y_scale);
    Ok((y, beta0, y_scale))
}

fn terms_and_factors(data: &ModelData) -> (Vec<Term>, Vec<Factor>) {
    let count = data.terms.iter().map(|t| t.factor + 1).max().unwrap_or(0);
    let mut factors: Vec<Factor> = (0..count)
        .map(|_| Factor {
            levels: 0,
            size: 0,
            terms: Vec::new(),
        })
        .collect();
    let mut terms = Vec::new();
    for (i, t) in data.terms.iter().enumerate() {
        let f = &mut factors[t.factor];
        terms.push(Term {
            name: t.name.clone(),
            factor: t.factor,
            offset: f.size,
            p: t.p,
            r: Vec::new(),
            r_inverse: Vec::new(),
        });
        f.levels = t.n_levels;
        f.size += t.p;
        f.terms.push(i);
    }
    (terms, factors)
}

fn finish_terms(mut terms: Vec<Term>, transforms: Vec<Vec<f64>>) -> Vec<Term> {
    for (t, r) in terms.iter_mut().zip(transforms) {
        t.r_inverse = invert_upper(&r, t.p);
        t.r = r;
    }
    terms
}

/// Layout, rows sorted by the leading factor, and the first row of each of its levels.
fn order(data: &ModelData, factors: &[Factor]) -> (Layout, Vec<usize>, Vec<usize>) {
    let leading = (0..factors.len())
        .max_by_key(|&f| (factors[f].levels * factors[f].size, usize::MAX - f))
        .unwrap_or(0);
    let counts: Vec<Vec<usize>> = factors
        .iter()
        .map(|f| {
            let mut count = vec![0; f.levels];
            for c in data.terms[f.terms[0]].codes {
                count[*c as usize - 1] += 1;
            }
            count
        })
        .collect();
    let layout = Layout::new(factors, leading, &counts);
    let mut level_start = vec![0];
    for c in &counts[leading] {
        level_start.push(level_start[level_start.len() - 1] + c);
    }
    let codes = data.terms[factors[leading].terms[0]].codes;
    let mut next = level_start.clone();
    let mut row_order = vec![0; codes.len()];
    for (i, c) in codes.iter().enumerate() {
        let at = &mut next[*c as usize - 1];
        row_order[*at] = i;
        *at += 1;
    }
    (layout, row_order, level_start)
}

#[allow(clippy::too_many_arguments)]
fn condition_rows(
    data: &ModelData,
    basis: &Basis,
    y: &[f64],
    root_w: Option<&[f64]>,
    factors: &[Factor],
    row_order: &[usize],
    level_start: Vec<usize>,
    progress: &Progress,
) -> Result<(Rows, Vec<Vec<f64>>), LmmError> {
    let (n, p) = (y.len(), basis.rank());
    let mut w = vec![0.0; n * (p + 1)];
    for (k, column) in basis
        .q
        .chunks_exact(n)
        .chain(std::iter::once(y))
        .enumerate()
    {
        progress.check()?;
        for (to, &from) in row_order.iter().enumerate() {
            w[to * (p + 1) + k] = column[from];
        }
    }
    let mut transforms = vec![Vec::new(); data.terms.len()];
    let mut z = Vec::new();
    let mut codes = Vec::new();
    for f in factors {
        progress.check()?;
        let first = &data.terms[f.terms[0]];
        codes.push(
            row_order
                .iter()
                .map(|&i| first.codes[i] as u32 - 1)
                .collect(),
        );
        if f.size == 1 && first.z.is_none() && root_w.is_none() {
            transforms[f.terms[0]] = vec![1.0];
            z.push(ZRows::Ones);
            continue;
        }
        let mut dense = vec![0.0; n * f.size];
        let mut offset = 0;
        for &i in &f.terms {
            let t = &data.terms[i];
            let columns = conditioned(t, n, root_w);
            for (k, column) in columns.z.chunks_exact(n).enumerate() {
                for (to, &from) in row_order.iter().enumerate() {
                    dense[to * f.size + offset + k] = column[from];
                }
            }
            transforms[i] = columns.r;
            offset += t.p;
        }
        z.push(ZRows::Dense(dense));
    }
    Ok((
        Rows {
            n,
            p1: p + 1,
            w,
            z,
            codes,
            level_start,
        },
        transforms,
    ))
}

fn conditioned(term: &TermData, n: usize, root_w: Option<&[f64]>) -> TermColumns {
    match (term.z, root_w) {
        (Some(z), _) => condition_term(z, n, term.p, root_w),
        (None, None) => TermColumns {
            z: vec![1.0; n],
            r: vec![1.0],
        },
        (None, Some(w)) => {
            let r = (long_dot(w, w) / n as f64).sqrt();
            TermColumns {
                z: w.iter().map(|v| v / r).collect(),
                r: vec![r],
            }
        }
    }
}

fn sum_within(chunks: &[Chunk], p1: usize) -> Vec<f64> {
    let mut total = vec![0.0; p1 * p1];
    for c in chunks {
        axpy(1.0, &c.within, &mut total);
    }
    total
}
