//! The driver: from a model to its fit.

use crate::certificate::{certify, escape, is_convex, Certificate, GAIN};
use crate::criterion::{log_det_rx2, value};
use crate::curvature::{Coordinates, Curvature};
use crate::derivatives::Derivatives;
use crate::error::LmmError;
use crate::estimates::{conditional_covariance, user_fixed_effects, user_random_effects};
use crate::evaluation::{evaluate, Work};
use crate::hessian::hessian;
use crate::lambda::{condition, from_theta, to_theta, uncondition};
use crate::model::Model;
use crate::optimize::{search, Found};
use crate::pls::Pls;
use crate::progress::{Progress, Step};
use crate::quadratic::lowest_direction;
use crate::small::{axpy, dot, eigen, lower_factor, multiply, multiply_transpose};
use crate::start::start;
use crate::trace::{is_cheap, trace};

/// A standard deviation below this part of what the data can see is tried at zero.
const NEGLIGIBLE: f64 = 1e-3;
/// Rises of the criterion below this are rounding when a boundary is tried.
const ROUNDING: f64 = 1e-9;
/// How much larger than the moments the second start of a singular fit is.
const WIDE: f64 = 30.0;
/// Lengths, in natural units, of the steps along a direction of slightly negative curvature.
const ALONG_RIDGE: [f64; 4] = [0.01, -0.01, 0.1, -0.1];
/// Times that a search is continued from a point that is not optimal.
const RESTARTS: usize = 8;

/// How to fit.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Newton decrement at which the search stops, in units of the criterion.
    pub tolerance: f64,
    /// Largest number of evaluations.
    pub max_evaluations: usize,
    /// The user's theta to start from; `None`: moments.
    pub start: Option<Vec<f64>>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            tolerance: 1e-12,
            max_evaluations: 500,
            start: None,
        }
    }
}

/// Everything at one theta, in the user's columns and units.
#[derive(Debug, Clone)]
pub struct Solution {
    /// theta, diagonals non-negative.
    pub theta: Vec<f64>,
    /// Fixed effects of the kept columns.
    pub beta: Vec<f64>,
    /// Spherical random effects, term after term, level after level.
    pub u: Vec<f64>,
    /// Residual standard deviation.
    pub sigma: f64,
    /// `R_X` of the kept columns (p x p, upper).
    pub rx: Vec<f64>,
    /// The criterion that the model asks for.
    pub criterion: f64,
    /// REML criterion and maximum-likelihood deviance at this theta.
    pub criteria: (f64, f64),
    /// log|L|^2, log|R_X|^2, weighted residual and random-effects sums of squares, their sum.
    pub parts: [f64; 5],
    /// d criterion / d theta.
    pub gradient: Vec<f64>,
    /// Exact second derivatives, where asked for.
    pub hessian: Option<Vec<f64>>,
}

/// A fit.
pub struct Fit {
    /// The estimates.
    pub solution: Solution,
    /// The search, evaluation by evaluation.
    pub trace: Vec<Step>,
    /// Proof of the optimum.
    pub certificate: Certificate,
    /// Why the search ended.
    pub stopped: String,
    /// Whether it ended because nothing is left to gain.
    pub converged: bool,
}

/// Fit a model.
///
/// # Errors
/// [`LmmError`] when the search is interrupted, no point can be evaluated, or the response is
/// fitted exactly.
pub fn fit(model: &Model, settings: &Settings, progress: &Progress) -> Result<Fit, LmmError> {
    // on the pool's threads from the start: each thread has packing memory for dense kernels
    model.run(|| fit_here(model, settings, progress))
}

fn fit_here(model: &Model, settings: &Settings, progress: &Progress) -> Result<Fit, LmmError> {
    let (moments, units) = start(model);
    let from = match &settings.start {
        Some(theta) => positive_start(model, &condition(&model.terms, theta), &units),
        None => moments,
    };
    let mut work = Work::new(model)?;
    let found = best(model, &mut work, from, (settings, &units), progress)?;
    finish(model, &mut work, found, (&units, true), progress)
}

/// As [`fit`], in memory that serves many fits of one design, from a conditioned theta and without
/// the second derivatives in the user's theta.
pub(crate) fn fit_in(
    model: &Model,
    work: &mut Work,
    from: Vec<f64>,
    (settings, units): (&Settings, &[Vec<f64>]),
    progress: &Progress,
) -> Result<Fit, LmmError> {
    let found = best(model, work, from, (settings, units), progress)?;
    finish(model, work, found, (units, false), progress)
}

fn best(
    model: &Model,
    work: &mut Work,
    from: Vec<f64>,
    (settings, units): (&Settings, &[Vec<f64>]),
    progress: &Progress,
) -> Result<Found, LmmError> {
    let wide: Vec<f64> = from.iter().map(|t| t * WIDE).collect();
    let mut found = optimum(model, work, from, (settings, units), progress)?;
    if settings.start.is_some() || !found.converged || !is_cheap(model) || !has_zero(model, &found)
    {
        return Ok(found);
    }
    // A variance can end at zero where a large one is better: look from the other side, too.
    match optimum(model, work, wide, (settings, units), progress) {
        Ok(other) if other.point.value < found.point.value => Ok(other),
        Err(LmmError::Interrupted) => Err(LmmError::Interrupted),
        _ => {
            found.point = model.run(|| evaluate(model, work, &found.theta, progress))?;
            Ok(found)
        }
    }
}

/// Search from a point until nothing is left to gain.
fn optimum(
    model: &Model,
    work: &mut Work,
    from: Vec<f64>,
    (settings, units): (&Settings, &[Vec<f64>]),
    progress: &Progress,
) -> Result<Found, LmmError> {
    let limits = (settings.tolerance, settings.max_evaluations);
    let mut found = search(model, work, units, from, limits, progress)?;
    for _ in 0..RESTARTS {
        if progress.evaluations() >= settings.max_evaluations {
            break;
        }
        match leave(model, work, &mut found, progress)? {
            Some(theta) => found = search(model, work, units, theta, limits, progress)?,
            None => break,
        }
    }
    drop_negligible(model, work, found, units, progress)
}

/// Whether some direction of a term has no variance.
fn has_zero(model: &Model, found: &Found) -> bool {
    let lambdas = from_theta(&model.terms, &found.theta);
    let mut pairs = model.terms.iter().zip(&lambdas);
    pairs.any(|(t, l)| (0..t.p).any(|a| l[a + a * t.p] == 0.0))
}

/// A start must not be stationary by symmetry: a zero column of lambda is given a little variance.
pub(crate) fn positive_start(model: &Model, theta: &[f64], units: &[Vec<f64>]) -> Vec<f64> {
    let mut lambdas = from_theta(&model.terms, theta);
    for (lambda, unit) in lambdas.iter_mut().zip(units) {
        let p = unit.len();
        for (a, u) in unit.iter().enumerate() {
            let d = &mut lambda[a + a * p];
            if d.abs() < 0.1 * u.sqrt() {
                *d = 0.1 * u.sqrt();
            }
        }
    }
    to_theta(&model.terms, &lambdas)
}

/// A better point to continue from, where the KKT conditions fail at a point found.
fn leave(
    model: &Model,
    work: &mut Work,
    found: &mut Found,
    progress: &Progress,
) -> Result<Option<Vec<f64>>, LmmError> {
    for power in 0..6 {
        let fraction = 0.25f64.powi(power);
        let Some(theta) = escape(model, &work.derivatives, &found.theta, fraction) else {
            return Ok(None);
        };
        let tried = model.run(|| evaluate(model, work, &theta, progress));
        if tried.is_ok_and(|point| point.value < found.point.value) {
            return Ok(Some(theta));
        }
        found.point = model.run(|| evaluate(model, work, &found.theta, progress))?;
    }
    Ok(None)
}

/// Directions of negligible variance become exact zeros where the criterion does not mind.
fn drop_negligible(
    model: &Model,
    work: &mut Work,
    found: Found,
    units: &[Vec<f64>],
    progress: &Progress,
) -> Result<Found, LmmError> {
    let mut lambdas = from_theta(&model.terms, &found.theta);
    let mut changed = false;
    for (lambda, unit) in lambdas.iter_mut().zip(units) {
        if let Some(smaller) = without_negligible(lambda, unit) {
            *lambda = smaller;
            changed = true;
        }
    }
    if !changed {
        return Ok(found);
    }
    let theta = to_theta(&model.terms, &lambdas);
    let point = model.run(|| evaluate(model, work, &theta, progress))?;
    if point.value > found.point.value + ROUNDING + 1e-14 * found.point.value.abs() {
        model.run(|| evaluate(model, work, &found.theta, progress))?;
        return Ok(found);
    }
    Ok(Found {
        theta,
        point,
        ..found
    })
}

fn without_negligible(lambda: &[f64], unit: &[f64]) -> Option<Vec<f64>> {
    let p = unit.len();
    let scaled: Vec<f64> = (0..p * p).map(|k| lambda[k] / unit[k % p].sqrt()).collect();
    let sigma = multiply(&scaled, &crate::small::transpose(&scaled, p, p), p, p, p);
    let (values, vectors) = eigen(&sigma, p)?;
    let negligible = |w: f64| w < NEGLIGIBLE * NEGLIGIBLE;
    if !values.iter().any(|&w| negligible(w) && w != 0.0) {
        return None;
    }
    let mut factor = vec![0.0; p * p];
    for k in (0..p).filter(|&k| !negligible(values[k])) {
        for i in 0..p {
            factor[i + k * p] = vectors[i + k * p] * values[k].sqrt() * unit[i].sqrt();
        }
    }
    let mut lower = lower_factor(&factor, p, p);
    for k in 0..p {
        let row = (0..=k).map(|j| lower[k + j * p].abs()).fold(0.0, f64::max);
        if lower[k + k * p] <= 1e-7 * row {
            lower[k + k * p] = 0.0;
        }
    }
    Some(lower)
}

fn finish(
    model: &Model,
    work: &mut Work,
    mut found: Found,
    (units, user_hessian): (&[Vec<f64>], bool),
    progress: &Progress,
) -> Result<Fit, LmmError> {
    let steps = progress.steps();
    let mut solution = describe(model, work, &found.theta);
    if is_cheap(model) {
        let Work {
            pls,
            derivatives: d,
            ..
        } = &*work;
        let inner = Curvature::new(model, pls, d, &found.theta, Coordinates::Conditioned);
        found.point.hessian = inner.exact(&trace(model, pls, d, &inner));
        if user_hessian {
            let user = second_derivatives(model, work, &solution.theta, progress)?;
            solution.hessian = Some(user);
        }
    }
    let mut certificate = certify(
        model,
        &work.derivatives,
        &found.theta,
        &found.point,
        units,
        false,
    );
    if !is_convex(certificate.eigenvalues) && is_ridge(model, work, &found, units, progress)? {
        certificate = certify(
            model,
            &work.derivatives,
            &found.theta,
            &found.point,
            units,
            true,
        );
    }
    Ok(Fit {
        solution,
        trace: steps,
        certificate,
        stopped: found.stopped,
        converged: found.converged,
    })
}

/// Whether steps along the direction of the smallest eigenvalue gain nothing. Leaves `work` as it is.
fn is_ridge(
    model: &Model,
    work: &mut Work,
    found: &Found,
    units: &[Vec<f64>],
    progress: &Progress,
) -> Result<bool, LmmError> {
    let Some(direction) = lowest_direction(model, units, &found.theta, &found.point) else {
        return Ok(false);
    };
    let mut lowest = f64::INFINITY;
    for length in ALONG_RIDGE {
        let mut theta = found.theta.clone();
        axpy(length, &direction, &mut theta);
        work.pls.update(model, &theta, progress)?;
        lowest = lowest.min(value(model, &work.pls, model.reml));
    }
    model.run(|| evaluate(model, work, &found.theta, progress))?;
    Ok(lowest >= found.point.value - GAIN)
}

/// A given user theta in place of a search, with its certificate.
///
/// # Errors
/// [`LmmError`] when the criterion cannot be evaluated there.
pub fn adopt(model: &Model, theta: &[f64], progress: &Progress) -> Result<Fit, LmmError> {
    let units = start(model).1;
    let mut work = Work::new(model)?;
    let theta = condition(&model.terms, theta);
    let point = model.run(|| evaluate(model, &mut work, &theta, progress))?;
    let found = Found {
        theta,
        point,
        stopped: "no search".into(),
        converged: false,
    };
    finish(model, &mut work, found, (&units, true), progress)
}

/// Everything at a given user theta.
///
/// # Errors
/// [`LmmError`] when the criterion cannot be evaluated there.
pub fn at(
    model: &Model,
    theta: &[f64],
    hessian: bool,
    progress: &Progress,
) -> Result<Solution, LmmError> {
    let mut work = Work::new(model)?;
    let conditioned = condition(&model.terms, theta);
    model.run(|| evaluate(model, &mut work, &conditioned, progress))?;
    let mut solution = describe(model, &work, &conditioned);
    if hessian {
        let theta = solution.theta.clone();
        solution.hessian = Some(second_derivatives(model, &mut work, &theta, progress)?);
    }
    Ok(solution)
}

/// Exact second derivatives in the user's theta at the point of `work`, where it is left.
fn second_derivatives(
    model: &Model,
    work: &mut Work,
    user: &[f64],
    progress: &Progress,
) -> Result<Vec<f64>, LmmError> {
    let Work {
        pls,
        derivatives: d,
        ..
    } = &*work;
    let outer = Curvature::new(model, pls, d, user, Coordinates::User);
    if is_cheap(model) || model.trailing.m == 0 {
        return Ok(outer.exact(&trace(model, pls, d, &outer)));
    }
    let theta = pls.theta.clone();
    let inner = Curvature::new(model, pls, d, &theta, Coordinates::Conditioned);
    let Some((found, source)) = hessian(model, work, &inner, f64::INFINITY, progress)? else {
        return Err(LmmError::Internal("differences are too dear".into()));
    };
    if source == "differences" {
        model.run(|| evaluate(model, work, &theta, progress))?;
    }
    let mut trace = inner.combine(2.0);
    axpy(-1.0, &found, &mut trace);
    Ok(outer.exact(&outer.transfer_trace(&trace, &inner)))
}

/// The user's quantities at the point of `work`.
fn describe(model: &Model, work: &Work, conditioned: &[f64]) -> Solution {
    let mut solution = without_effects(model, &work.pls, conditioned);
    solution.gradient = user_gradient(model, &work.derivatives, &solution.theta);
    solution.u = user_random_effects(model, &work.derivatives, &solution.theta);
    let [.., wrss, ussq, pwrss] = &mut solution.parts;
    *ussq = dot(&solution.u, &solution.u);
    *wrss = *pwrss - *ussq;
    solution
}

/// Those that need no derivatives: random effects and gradient are empty, their sums of squares NaN.
pub(crate) fn without_effects(model: &Model, pls: &Pls, conditioned: &[f64]) -> Solution {
    let (beta, rx) = user_fixed_effects(model, pls);
    let pwrss = pls.pwrss * model.fixed.y_scale * model.fixed.y_scale;
    Solution {
        theta: uncondition(&model.terms, conditioned),
        criterion: value(model, pls, model.reml),
        criteria: (value(model, pls, true), value(model, pls, false)),
        parts: [
            pls.log_determinant,
            log_det_rx2(model, pls),
            f64::NAN,
            f64::NAN,
            pwrss,
        ],
        sigma: (pwrss / model.denominator()).sqrt(),
        gradient: Vec::new(),
        hessian: None,
        u: Vec::new(),
        beta,
        rx,
    }
}

/// `2 R'G R lambda_user` on the lower triangles.
fn user_gradient(model: &Model, d: &Derivatives, theta: &[f64]) -> Vec<f64> {
    let lambdas = from_theta(&model.terms, theta);
    let products: Vec<Vec<f64>> = model
        .terms
        .iter()
        .zip(d.g.iter().zip(&lambdas))
        .map(|(t, (g, l))| {
            let rl = multiply(&t.r, l, t.p, t.p, t.p);
            let grl = multiply(g, &rl, t.p, t.p, t.p);
            multiply_transpose(&t.r, &grl, t.p, t.p, t.p)
                .iter()
                .map(|v| 2.0 * v)
                .collect()
        })
        .collect();
    to_theta(&model.terms, &products)
}

/// Conditional covariance of each term's random effects given y, divided by sigma^2, in the user's
/// columns: p x p, level after level.
///
/// # Errors
/// [`LmmError`] when the criterion cannot be evaluated at `theta`.
pub fn conditional_covariances(
    model: &Model,
    theta: &[f64],
    progress: &Progress,
) -> Result<Vec<Vec<f64>>, LmmError> {
    let mut work = Work::new(model)?;
    let conditioned = condition(&model.terms, theta);
    model.run(|| evaluate(model, &mut work, &conditioned, progress))?;
    let blocks = conditional_covariance(model, &work.pls);
    Ok(model
        .terms
        .iter()
        .map(|t| {
            let (p, size) = (t.p, model.factors[t.factor].size);
            let mut out = Vec::new();
            for block in blocks[t.factor].chunks_exact(size * size) {
                let mut own = Vec::with_capacity(p * p);
                for b in 0..p {
                    let from = (t.offset + b) * size + t.offset;
                    own.extend_from_slice(&block[from..from + p]);
                }
                let left = multiply(&t.r_inverse, &own, p, p, p);
                let back = crate::small::transpose(&t.r_inverse, p, p);
                out.extend(multiply(&left, &back, p, p, p));
            }
            out
        })
        .collect())
}
