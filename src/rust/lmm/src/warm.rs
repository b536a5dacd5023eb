//! Fits that start near their optimum, of which there are many: bootstrap replicates.
//!
//! Newton steps as in [`crate::optimize`], but for the last one, whose gain is so small that the
//! point it leads to is not differentiated any more: its value shows that the gain was made. What
//! is left to gain then is bounded by how fast the gains have shrunk. Only optima are found so that
//! are well inside the space of covariances, but for single variances that are clearly zero, and
//! only by steps that do what they promise; at the first doubt the search of [`mod@crate::fit`] goes
//! on from the point reached.

use crate::certificate::GAIN;
use crate::criterion::value;
use crate::error::LmmError;
use crate::evaluation::{evaluate, evaluate_start, Point, Work};
use crate::lambda::from_theta;
use crate::model::Model;
use crate::optimize::ROUNDING;
use crate::progress::{Progress, Step};
use crate::quadratic::{scale, Quadratic};
use crate::small::{eigen, multiply_transpose, transpose};

/// Evaluations after which the start was not near.
const MOST: usize = 8;
/// Steps longer than this, in natural units, are not trusted.
const FAR: f64 = 0.5;
/// Gains shrink by no better than this factor at a step, it is assumed.
const SHRINKS: f64 = 1e-3;
/// A standard deviation below this part of what the data can see is near the boundary.
const NEAR_BOUNDARY: f64 = 0.1;
/// A variance is clearly zero if the criterion rises by this much, at least, on its way to what the
/// data can see, by its slope at zero.
const CLEARLY: f64 = 0.01;
/// A step has been good if it has gained this part of what it promised,
const WORTH_IT: f64 = 0.25;
/// and the last one, this part and no more than as much beyond it.
const AS_PROMISED: f64 = 0.7;

/// Where the steps ended.
pub(crate) enum Warm {
    /// At the optimum: `work.pls` is there, the derivatives are not.
    Optimum(Vec<f64>),
    /// At a point to go on from.
    Doubt(Vec<f64>),
}

/// Newton steps from a conditioned theta.
pub(crate) fn steps(
    model: &Model,
    work: &mut Work,
    mut from: Vec<f64>,
    units: &[Vec<f64>],
    progress: &Progress,
) -> Result<Warm, LmmError> {
    let mut theta = from.clone();
    let mut before: Option<(f64, f64)> = None;
    let mut zeros: Vec<Zero> = Vec::new();
    for k in 0..MOST {
        let evaluate = if k == 0 { evaluate_start } else { evaluate };
        let mut point = match evaluate(model, work, &theta, progress) {
            Err(LmmError::Interrupted) => return Err(LmmError::Interrupted),
            Err(_) => return Ok(Warm::Doubt(from)),
            Ok(point) => point,
        };
        record(progress, point.value);
        let noise = 20.0 * ROUNDING * point.value.abs();
        let good =
            before.is_none_or(|(old, promised)| old - point.value > WORTH_IT * promised - noise);
        let own = scale(model, units, &theta);
        for zero in &zeros {
            if work.derivatives.g[zero.term][0] * units[zero.term][0] < CLEARLY {
                return Ok(Warm::Doubt(from));
            }
            zero.hold(&mut point, own[zero.parameter]);
        }
        let quadratic = Quadratic::new(&point.gradient, &point.hessian, own);
        let Some(quadratic) = quadratic.filter(|q| good && q.is_convex()) else {
            return Ok(Warm::Doubt(from));
        };
        let (step, promised, length) = quadratic.minimise(FAR);
        let mut next: Vec<f64> = theta.iter().zip(&step).map(|(t, s)| t + s).collect();
        let Some(new) = new_zeros(model, units, &next, &zeros) else {
            return Ok(Warm::Doubt(theta));
        };
        let rises = |zero: &Zero| work.derivatives.g[zero.term][0] > 0.0;
        if length >= FAR || !new.iter().all(rises) {
            return Ok(Warm::Doubt(theta));
        }
        let shrunk = before.map_or(1.0, |(_, last)| (promised / last).max(SHRINKS));
        if new.is_empty() && promised * shrunk <= GAIN {
            work.pls.update(model, &next, progress)?;
            let last = value(model, &work.pls, model.reml);
            record(progress, last);
            let missing = (point.value - last - promised).abs();
            return Ok(if missing <= (1.0 - AS_PROMISED) * promised + noise {
                Warm::Optimum(next)
            } else {
                Warm::Doubt(next)
            });
        }
        before = new.is_empty().then_some((point.value, promised));
        if !new.is_empty() {
            from = theta;
        }
        for zero in new {
            next[zero.parameter] = 0.0;
            zeros.push(zero);
        }
        theta = next;
    }
    Ok(Warm::Doubt(theta))
}

/// The variance of a single random effect that is held at zero.
struct Zero {
    term: usize,
    parameter: usize,
}

impl Zero {
    /// Take the parameter out of a point's quadratic model.
    fn hold(&self, point: &mut Point, unit: f64) {
        let k = point.gradient.len();
        point.gradient[self.parameter] = 0.0;
        for other in 0..k {
            point.hessian[other + self.parameter * k] = 0.0;
            point.hessian[self.parameter + other * k] = 0.0;
        }
        point.hessian[self.parameter * (k + 1)] = 1.0 / (unit * unit);
    }
}

fn record(progress: &Progress, criterion: f64) {
    progress.record(Step {
        evaluation: progress.evaluations() + 1,
        criterion,
        gradient: f64::NAN,
        radius: FAR,
    });
}

/// The terms near the boundary, beside those at it, or `None` if one has more than one effect.
fn new_zeros(
    model: &Model,
    units: &[Vec<f64>],
    theta: &[f64],
    zeros: &[Zero],
) -> Option<Vec<Zero>> {
    let (lambdas, mut parameter, mut new) = (from_theta(&model.terms, theta), 0, Vec::new());
    for (term, (lambda, unit)) in lambdas.iter().zip(units).enumerate() {
        let p = unit.len();
        let held = zeros.iter().any(|zero| zero.term == term);
        if !held && !is_inside(lambda, unit) {
            if p > 1 {
                return None;
            }
            new.push(Zero { term, parameter });
        }
        parameter += p * (p + 1) / 2;
    }
    Some(new)
}

/// Whether all standard deviations of a term, in any direction, are well above zero.
fn is_inside(lambda: &[f64], unit: &[f64]) -> bool {
    let p = unit.len();
    let scaled: Vec<f64> = (0..p * p).map(|k| lambda[k] / unit[k % p].sqrt()).collect();
    let rows = transpose(&scaled, p, p);
    let square = multiply_transpose(&rows, &rows, p, p, p);
    eigen(&square, p).is_some_and(|(values, _)| values[0] > NEAR_BOUNDARY * NEAR_BOUNDARY)
}
