//! The driver: from a model to its fit.

use crate::certificate::{certify, escape, Certificate};
use crate::criterion::{
    conditional_covariance, log_det_rx2, user_fixed_effects, user_random_effects, value,
    Derivatives,
};
use crate::curvature::{Coordinates, Curvature};
use crate::error::LmmError;
use crate::lambda::{condition, from_theta, to_theta, uncondition};
use crate::model::Model;
use crate::optimize::{evaluate, scale, search, Found};
use crate::pls::Pls;
use crate::progress::{Progress, Step};
use crate::small::{dot, eigen, lower_factor, multiply, multiply_transpose};
use crate::start::start;
use crate::trace::{is_cheap, trace};

/// A standard deviation below this part of what the data can see is tried at zero.
const NEGLIGIBLE: f64 = 1e-3;
/// Rises of the criterion below this are rounding when a boundary is tried.
const ROUNDING: f64 = 1e-9;
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
    let (moments, units) = start(model);
    let from = match &settings.start {
        Some(theta) => positive_start(model, &condition(&model.terms, theta), &units),
        None => moments,
    };
    let mut pls = Pls::new(model)?;
    let limits = (settings.tolerance, settings.max_evaluations);
    let mut found = search(model, &mut pls, &units, from, limits, progress)?;
    for _ in 0..RESTARTS {
        if progress.evaluations() >= settings.max_evaluations {
            break;
        }
        match leave(model, &mut pls, &mut found, progress)? {
            Some(theta) => found = search(model, &mut pls, &units, theta, limits, progress)?,
            None => break,
        }
    }
    let found = drop_negligible(model, &mut pls, found, &units, progress)?;
    finish(model, &mut pls, found, &units, progress)
}

/// A start must not be stationary by symmetry: a zero column of lambda is given a little variance.
fn positive_start(model: &Model, theta: &[f64], units: &[Vec<f64>]) -> Vec<f64> {
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
    pls: &mut Pls,
    found: &mut Found,
    progress: &Progress,
) -> Result<Option<Vec<f64>>, LmmError> {
    for power in 0..6 {
        let fraction = 0.25f64.powi(power);
        let Some(theta) = escape(model, &found.derivatives, &found.theta, fraction) else {
            return Ok(None);
        };
        if let Ok((point, _)) = model.run(|| evaluate(model, pls, &theta, progress)) {
            if point.value < found.point.value {
                return Ok(Some(theta));
            }
        }
    }
    (found.point, found.derivatives) =
        model.run(|| evaluate(model, pls, &found.theta, progress))?;
    Ok(None)
}

/// Directions of negligible variance become exact zeros where the criterion does not mind.
fn drop_negligible(
    model: &Model,
    pls: &mut Pls,
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
    let (point, derivatives) = model.run(|| evaluate(model, pls, &theta, progress))?;
    if point.value > found.point.value + ROUNDING + 1e-14 * found.point.value.abs() {
        pls.update(model, &found.theta, progress)?;
        let derivatives = Derivatives::new(model, pls, progress)?;
        return Ok(Found {
            derivatives,
            ..found
        });
    }
    Ok(Found {
        theta,
        point,
        derivatives,
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
    pls: &mut Pls,
    mut found: Found,
    units: &[Vec<f64>],
    progress: &Progress,
) -> Result<Fit, LmmError> {
    let steps = progress.steps();
    let d = &found.derivatives;
    let mut solution = describe(model, pls, d, &found.theta);
    if is_cheap(model) {
        let inner = Curvature::new(model, pls, d, &found.theta, Coordinates::Conditioned);
        found.point.hessian = inner.exact(&trace(model, pls, d, &inner));
        let user = second_derivatives(model, pls, d, &solution.theta, units, progress)?;
        solution.hessian = Some(user);
    }
    let certificate = certify(model, d, &found.theta, &found.point, units);
    Ok(Fit {
        solution,
        trace: steps,
        certificate,
        stopped: found.stopped,
        converged: found.converged,
    })
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
    let mut pls = Pls::new(model)?;
    let conditioned = condition(&model.terms, theta);
    let (_, d) = model.run(|| evaluate(model, &mut pls, &conditioned, progress))?;
    let mut solution = describe(model, &pls, &d, &conditioned);
    if hessian {
        let units = start(model).1;
        let theta = solution.theta.clone();
        solution.hessian = Some(second_derivatives(
            model, &mut pls, &d, &theta, &units, progress,
        )?);
    }
    Ok(solution)
}

/// Exact second derivatives in the user's theta at the point of `pls`, where it is left.
fn second_derivatives(
    model: &Model,
    pls: &mut Pls,
    d: &Derivatives,
    user: &[f64],
    units: &[Vec<f64>],
    progress: &Progress,
) -> Result<Vec<f64>, LmmError> {
    let outer = Curvature::new(model, pls, d, user, Coordinates::User);
    if is_cheap(model) {
        return Ok(outer.exact(&trace(model, pls, d, &outer)));
    }
    let theta = pls.theta.clone();
    let inner = Curvature::new(model, pls, d, &theta, Coordinates::Conditioned);
    let steps = scale(model, units, &theta);
    let trace = model.run(|| inner.trace_by_differences(model, pls, &steps, progress))?;
    Ok(outer.exact(&outer.transfer_trace(&trace, &inner)))
}

/// The user's quantities at the point of `pls`.
fn describe(model: &Model, pls: &Pls, d: &Derivatives, conditioned: &[f64]) -> Solution {
    let theta = uncondition(&model.terms, conditioned);
    let (beta, rx) = user_fixed_effects(model, pls);
    let u = user_random_effects(model, d, &theta);
    let pwrss = pls.pwrss * model.fixed.y_scale * model.fixed.y_scale;
    let ussq = dot(&u, &u);
    Solution {
        gradient: user_gradient(model, d, &theta),
        criterion: value(model, pls, model.reml),
        criteria: (value(model, pls, true), value(model, pls, false)),
        parts: [
            pls.log_determinant,
            log_det_rx2(model, pls),
            pwrss - ussq,
            ussq,
            pwrss,
        ],
        sigma: (pwrss / model.denominator()).sqrt(),
        hessian: None,
        theta,
        beta,
        u,
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
    let mut pls = Pls::new(model)?;
    let conditioned = condition(&model.terms, theta);
    model.run(|| evaluate(model, &mut pls, &conditioned, progress))?;
    let blocks = conditional_covariance(model, &pls);
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
