//! Many responses on one design.
//!
//! Of what a model is reduced to, only one column belongs to the response: `Q_j` and `[X y]_res` of
//! y, their products, and the scale of y. So the design is reduced once, and each response costs
//! one pass over the rows; threads share the rows and the trailing block, which is the large part,
//! and have a copy of the rest for their own response.

use crate::crossprod::{Chunk, Rows};
use crate::error::LmmError;
use crate::fit::{fit_in, positive_start, without_effects, Fit, Settings, Solution};
use crate::lambda::{condition, uncondition};
use crate::model::{Model, Source};
use crate::model_data::{finite, ModelData};
use crate::optimize::Work;
use crate::ordered_rows::condition_response;
use crate::progress::Progress;
use crate::satterthwaite::{pieces, OPERATIONS};
use crate::small::{axpy, dot, invert_upper, solve_lower, solve_lower_transpose, transpose};
use crate::start::start;
use crate::warm::{self, Warm};

/// Evaluations that a fit takes, and what each costs beside the value of the criterion, about.
const EVALUATIONS: f64 = 15.0;
/// Operations of all fits below which threads cost more than they gain.
const PARALLEL_WORK: f64 = 3e6;
/// Copies of the trailing block's factor that a fit needs, and the point where all fits start.
const TRAILING_COPIES: f64 = 8.0;

/// A design without a response.
pub struct Design {
    model: Model,
    source: Source,
    root_w: Option<Vec<f64>>,
    offset: Option<Vec<f64>>,
    units: Vec<Vec<f64>>,
    threads: usize,
    available_bytes: f64,
}

impl Design {
    /// Validate, condition and reduce; the response of `data` is not used.
    ///
    /// # Errors
    /// As [`Model::new`].
    pub fn new(data: &ModelData, progress: &Progress) -> Result<Design, LmmError> {
        let any = any_response(data.y.len());
        let data = ModelData {
            y: &any,
            ..data.clone()
        };
        let (model, source) = Model::with_source(&data, true, progress)?;
        let units = start(&model).1;
        Ok(Design {
            model,
            source,
            root_w: data.weights.map(|w| w.iter().map(|v| v.sqrt()).collect()),
            offset: data.offset.map(<[f64]>::to_vec),
            units,
            threads: data.threads,
            available_bytes: data.available_bytes,
        })
    }

    /// The model, of a response without meaning.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Conditioned rows, in the order of the leading factor.
    pub(crate) fn rows(&self) -> &Rows {
        &self.source.rows
    }

    /// The caller's row of each of the conditioned rows.
    pub(crate) fn row_order(&self) -> &[usize] {
        &self.source.row_order
    }

    /// Square roots of the weights, in the caller's order.
    pub(crate) fn root_w(&self) -> Option<&[f64]> {
        self.root_w.as_deref()
    }

    /// Threads that `fits` fits are worth, each fit on one of them.
    pub fn threads_for(&self, fits: usize) -> usize {
        let one = EVALUATIONS * self.model.work_per_evaluation() + 50.0 * self.model.n as f64;
        if one * (fits as f64) < PARALLEL_WORK {
            return 1;
        }
        let panels: usize = self.model.chunks.iter().map(|c| c.panel.len()).sum();
        let bytes = TRAILING_COPIES * self.model.trailing.cost().1 + 40.0 * panels as f64;
        let fit = (0.5 * self.available_bytes / bytes.max(1.0)).floor() as usize;
        self.threads.min(fits).min(fit.max(1))
    }

    /// Whether `fits` fits are over before anybody could interrupt them.
    pub fn is_quick(&self, fits: usize) -> bool {
        self.model.is_small() && self.threads_for(fits) == 1
    }
}

/// Numbers without a pattern that columns of X could have: multiples of the golden ratio, modulo 1.
fn any_response(n: usize) -> Vec<f64> {
    (0..n)
        .map(|i| (i as f64 * 0.618_033_988_749_894_9).fract())
        .collect()
}

/// One thread's fits of responses on a design.
pub struct Refitter<'a> {
    design: &'a Design,
    model: Model,
    work: Work,
}

impl<'a> Refitter<'a> {
    /// Memory for the fits.
    ///
    /// # Errors
    /// [`LmmError::Memory`].
    pub fn new(design: &'a Design) -> Result<Refitter<'a>, LmmError> {
        let model = design.model.for_response();
        let work = Work::new(&model)?;
        Ok(Refitter {
            design,
            model,
            work,
        })
    }

    /// The model of the last response.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Fit a response (n, in the caller's order). A start makes it quick where the optimum is near;
    /// without one the fit is that of [`crate::fit()`].
    ///
    /// # Errors
    /// Those of [`crate::fit()`] and of a response that is not finite.
    pub fn fit(
        &mut self,
        y: &[f64],
        settings: &Settings,
        progress: &Progress,
    ) -> Result<Fit, LmmError> {
        self.set_response(y)?;
        let (model, units) = (&self.model, &self.design.units);
        let from = match &settings.start {
            Some(theta) => positive_start(model, &condition(&model.terms, theta), units),
            None => start(model).0,
        };
        fit_in(model, &mut self.work, from, (settings, units), progress)
    }

    /// Degrees of freedom of each fixed effect, by Satterthwaite, after [`Refitter::fit`].
    ///
    /// # Errors
    /// [`LmmError::Interrupted`].
    pub fn degrees_of_freedom(
        &mut self,
        fit: &Fit,
        progress: &Progress,
    ) -> Result<Vec<f64>, LmmError> {
        degrees_of_freedom(&self.model, &mut self.work, &fit.solution.rx, progress)
    }

    /// Fixed effects and variances of a response whose optimum is near a conditioned theta, as
    /// [`Refitter::fit`] finds them but for a gain of about 1e-8; with the number of evaluations. In
    /// doubt, the point that [`Refitter::fit`] is to go on from.
    pub(crate) fn fit_near(
        &mut self,
        y: &[f64],
        start: &[f64],
        progress: &Progress,
    ) -> Result<Result<Solution, Vec<f64>>, LmmError> {
        self.set_response(y)?;
        let (model, units) = (&self.model, &self.design.units);
        let from = positive_start(model, &condition(&model.terms, start), units);
        Ok(
            match warm::steps(model, &mut self.work, from, units, progress)? {
                Warm::Optimum(theta) => Ok(without_effects(model, &self.work.pls, &theta)),
                Warm::Doubt(theta) => Err(uncondition(&model.terms, &theta)),
            },
        )
    }

    fn set_response(&mut self, y: &[f64]) -> Result<(), LmmError> {
        let design = self.design;
        finite("the response", y)?;
        let offset = design.offset.as_deref();
        let root_w = design.root_w();
        let (y, beta0, scale) = condition_response(y, offset, &design.source.basis, root_w)?;
        self.model.fixed.beta0 = beta0;
        self.model.fixed.y_scale = scale;
        let mut y: Vec<f64> = design.row_order().iter().map(|&i| y[i]).collect();
        self.absorb(&mut y);
        self.set_trailing(&y);
        Ok(())
    }

    /// `Q_j` of y, and the within products; leaves residuals on Z_j in `y`.
    fn absorb(&mut self, y: &mut [f64]) {
        let rows = &self.design.source.rows;
        let (p, p1) = (self.model.p, self.model.p + 1);
        let size = self.model.factors[self.model.layout.leading].size;
        let leading = self.model.layout.leading;
        let mut within = vec![0.0; p1];
        for chunk in &mut self.model.chunks {
            let mut own = vec![0.0; p1];
            for j in 0..chunk.levels {
                let level = chunk.first + j;
                let range = rows.level_start[level]..rows.level_start[level + 1];
                absorb_level(chunk, (j, size, p1), rows, leading, range.clone(), y);
                for i in range {
                    axpy(y[i], &rows.w[i * p1..i * p1 + p], &mut own[..p]);
                    own[p] += y[i] * y[i];
                }
            }
            axpy(1.0, &own, &mut within);
        }
        for (c, v) in within.iter().enumerate() {
            self.model.within[c * p1 + p] = *v;
        }
    }

    /// `Z_2'W y_res`.
    fn set_trailing(&mut self, y: &[f64]) {
        let rows = &self.design.source.rows;
        let (m, p) = (self.model.layout.m, self.model.p);
        let out = &mut self.model.trailing_w[m * p..];
        out.fill(0.0);
        for &f in &self.model.layout.trailing {
            let size = self.model.factors[f].size;
            let start = &self.model.layout.start[f];
            for (i, v) in y.iter().enumerate() {
                let at = start[rows.codes[f][i] as usize] as usize;
                axpy(*v, rows.z[f].row(i, size), &mut out[at..at + size]);
            }
        }
    }
}

fn absorb_level(
    chunk: &mut Chunk,
    (j, size, p1): (usize, usize, usize),
    rows: &Rows,
    leading: usize,
    range: std::ops::Range<usize>,
    y: &mut [f64],
) {
    let z = &rows.z[leading];
    let r = &chunk.r[j * size * size..(j + 1) * size * size];
    let at = (j * p1 + p1 - 1) * size;
    let own = &mut chunk.w[at..at + size];
    own.fill(0.0);
    for i in range.clone() {
        axpy(y[i], z.row(i, size), own);
    }
    solve_lower(r, size, own, 1);
    let mut coefficients = own.to_vec();
    solve_lower_transpose(r, size, &mut coefficients, 1);
    for i in range {
        y[i] -= dot(z.row(i, size), &coefficients);
    }
}

/// Degrees of freedom of each fixed effect at the point of `work`, `rx` being the user's R_X.
pub(crate) fn degrees_of_freedom(
    model: &Model,
    work: &mut Work,
    rx: &[f64],
    progress: &Progress,
) -> Result<Vec<f64>, LmmError> {
    let p = model.p;
    let theta = work.pls.theta.clone();
    let found = pieces(model, work, (&theta, OPERATIONS), progress)?;
    // columns of R_X^-T
    let whitened = transpose(&invert_upper(rx, p), p, p);
    let contrasts = whitened.chunks_exact(p.max(1));
    Ok(contrasts
        .map(|q| found.degrees_of_freedom(q, model.denominator()))
        .collect())
}
