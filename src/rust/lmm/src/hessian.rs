//! The exact Hessian of the criterion, whatever way to the trace T is the cheapest.

use crate::curvature::Curvature;
use crate::error::LmmError;
use crate::evaluation::Work;
use crate::known_trace::KnownTrace;
use crate::model::Model;
use crate::progress::Progress;
use crate::quadratic::scale;
use crate::start::start;
use crate::trace::{is_cheap, trace};

/// Evaluations that a fit takes, about.
const OF_A_FIT: f64 = 12.0;

/// The Hessian at the point of `work`, which `curvature` is about in the conditioned columns, and
/// how it was found: "exact" or "differences" (in part from central ones of the exact gradient, and
/// `work` is left elsewhere). `None` where differences need more evaluations than a fit and more than
/// `operations`.
///
/// # Errors
/// [`LmmError`] when the work is interrupted or a point nearby cannot be evaluated.
pub(crate) fn hessian(
    model: &Model,
    work: &mut Work,
    curvature: &Curvature,
    operations: f64,
    progress: &Progress,
) -> Result<Option<(Vec<f64>, &'static str)>, LmmError> {
    if is_cheap(model) || model.trailing.m == 0 {
        let trace = model.run(|| trace(model, &work.pls, &work.derivatives, curvature));
        return Ok(Some((curvature.exact(&trace), "exact")));
    }
    let known = KnownTrace::new(model, work, curvature, progress)?;
    let unknown = known.others();
    let mut hessian = known.take_from(curvature.combine(2.0));
    if unknown.is_empty() {
        return Ok(Some((hessian, "exact")));
    }
    if !are_cheap(model, &unknown, operations) {
        return Ok(None);
    }
    model.run(|| by_differences(model, work, &unknown, &mut hessian, progress))?;
    Ok(Some((hessian, "differences")))
}

/// Two evaluations for each parameter, each of about three times the work of a value.
fn are_cheap(model: &Model, differences: &[usize], operations: f64) -> bool {
    let evaluations = 2.0 * differences.len() as f64;
    let work = 3.0 * evaluations * model.work_per_evaluation();
    evaluations <= OF_A_FIT || work <= operations
}

/// The rows and columns of H that belong to `parameters`, from central differences of the exact
/// gradient. Leaves `work` elsewhere.
fn by_differences(
    model: &Model,
    work: &mut Work,
    parameters: &[usize],
    hessian: &mut [f64],
    progress: &Progress,
) -> Result<(), LmmError> {
    let at = work.pls.theta.clone();
    let units = scale(model, &start(model).1, &at);
    let k = at.len();
    let mut columns = vec![0.0; k * parameters.len()];
    for (&t, column) in parameters.iter().zip(columns.chunks_exact_mut(k)) {
        work.add_gradient_difference(model, &at, (t, units[t]), column, progress)?;
    }
    for (i, &t) in parameters.iter().enumerate() {
        for s in 0..k {
            let mut v = columns[s + i * k];
            if let Some(j) = parameters.iter().position(|&other| other == s) {
                v = 0.5 * (v + columns[t + j * k]);
            }
            hessian[s + t * k] = v;
            hessian[t + s * k] = v;
        }
    }
    Ok(())
}
