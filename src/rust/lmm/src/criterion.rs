//! The criterion at one solution of the penalised least squares problem.

use std::f64::consts::PI;

use crate::model::Model;
use crate::pls::Pls;

/// The criterion from the parts of a solution, in the user's units.
pub fn value(model: &Model, pls: &Pls, reml: bool) -> f64 {
    let n = model.n as f64;
    let p = model.p;
    let d = if reml { n - p as f64 } else { n };
    let rest = pls.log_determinant - model.log_weights
        + d * (1.0 + (2.0 * PI / d).ln() + pls.pwrss.ln() + 2.0 * model.fixed.y_scale.ln());
    if reml {
        rest + log_det_rx2(model, pls)
    } else {
        rest
    }
}

/// log|X'V0^-1 X| of the user's columns.
pub fn log_det_rx2(model: &Model, pls: &Pls) -> f64 {
    let (p, p1) = (model.p, model.p + 1);
    (0..p)
        .map(|k| 2.0 * (pls.rx[k + k * p1].ln() + model.fixed.r[k + k * p].ln()))
        .sum()
}
