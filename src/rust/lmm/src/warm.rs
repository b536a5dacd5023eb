//! Fits that start near their optimum, of which there are many: bootstrap replicates.
//!
//! Newton steps as in [`crate::optimize`], but for the last one, whose gain is so small that the
//! point it leads to is not differentiated any more: its value shows that the gain was made. What
//! is left to gain then is bounded by how fast the gains have shrunk. Only optima well inside the
//! space of covariances are found so, and only by steps that do what they promise; at the first
//! doubt the search of [`crate::fit`] goes on from the point reached.

use crate::certificate::GAIN;
use crate::criterion::value;
use crate::error::LmmError;
use crate::evaluation::{evaluate, Work};
use crate::lambda::from_theta;
use crate::model::Model;
use crate::optimize::ROUNDING;
use crate::progress::{Progress, Step};
use crate::quadratic::{scale, Quadratic};
use crate::small::{eigen, multiply_transpose, transpose};

/// Evaluations after which the start was not near.
const MOST: usize = 6;
/// Steps longer than this, in natural units, are not trusted.
const FAR: f64 = 0.5;
/// Gains shrink by no better than this factor at a step, it is assumed.
const SHRINKS: f64 = 1e-3;
/// A standard deviation below this part of what the data can see is near the boundary.
const NEAR_BOUNDARY: f64 = 0.1;
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
    from: Vec<f64>,
    units: &[Vec<f64>],
    progress: &Progress,
) -> Result<Warm, LmmError> {
    let mut theta = from.clone();
    let mut before: Option<(f64, f64)> = None;
    for _ in 0..MOST {
        let point = match evaluate(model, work, &theta, progress) {
            Err(LmmError::Interrupted) => return Err(LmmError::Interrupted),
            Err(_) => return Ok(Warm::Doubt(from)),
            Ok(point) => point,
        };
        record(progress, point.value);
        let noise = 20.0 * ROUNDING * point.value.abs();
        let good =
            before.is_none_or(|(old, promised)| old - point.value > WORTH_IT * promised - noise);
        let own = scale(model, units, &theta);
        let quadratic = Quadratic::new(&point.gradient, &point.hessian, own);
        let Some(quadratic) = quadratic.filter(|q| good && q.is_convex()) else {
            return Ok(Warm::Doubt(from));
        };
        let (step, promised, length) = quadratic.minimise(FAR);
        let next: Vec<f64> = theta.iter().zip(&step).map(|(t, s)| t + s).collect();
        if length >= FAR || !is_inside(model, units, &next) {
            return Ok(Warm::Doubt(theta));
        }
        let shrunk = before.map_or(1.0, |(_, last)| (promised / last).max(SHRINKS));
        if promised * shrunk <= GAIN {
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
        before = Some((point.value, promised));
        theta = next;
    }
    Ok(Warm::Doubt(theta))
}

fn record(progress: &Progress, criterion: f64) {
    progress.record(Step {
        evaluation: progress.evaluations() + 1,
        criterion,
        gradient: f64::NAN,
        radius: FAR,
    });
}

/// Whether all standard deviations, in any direction, are well above zero.
fn is_inside(model: &Model, units: &[Vec<f64>], theta: &[f64]) -> bool {
    let lambdas = from_theta(&model.terms, theta);
    lambdas.iter().zip(units).all(|(lambda, unit)| {
        let p = unit.len();
        let scaled: Vec<f64> = (0..p * p).map(|k| lambda[k] / unit[k % p].sqrt()).collect();
        let rows = transpose(&scaled, p, p);
        let square = multiply_transpose(&rows, &rows, p, p, p);
        eigen(&square, p).is_some_and(|(values, _)| values[0] > NEAR_BOUNDARY * NEAR_BOUNDARY)
    })
}
