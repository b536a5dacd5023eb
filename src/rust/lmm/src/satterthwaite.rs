//! The pieces of Satterthwaite's approximation.
//!
//! A contrast `l'beta` has the estimated variance `v = sigma^2 l'(X'V0^-1 X)^-1 l`, a function of
//! theta and sigma, and its degrees of freedom are `2 v^2 / var(v)` (Satterthwaite 1946, Biometrics
//! Bulletin 2, 110-114; Giesbrecht and Burns 1985, Biometrics 41, 477-486), with the variance of v
//! by the delta method from the inverse of the observed information of theta and sigma. With sigma
//! profiled out (`sigma^2 = r^2/d`) and H the Hessian of the profiled criterion, that is
//!
//! ```text
//! 1 / df = 1/d + w'H^-1 w,     w_t = d log v(theta) / d theta_t = q'K_t q / q'q - c_t / d
//! q = R_X^-T l,    K_t = J'S_t J,    -c_t/d = d log r^2 / d theta_t
//! ```
//!
//! (the Schur complement of sigma in the information of both). K_t is a sum over levels.
//! Everything is in the conditioned columns; df does not depend on them.

use crate::curvature::{Coordinates, Curvature};
use crate::derivatives::Derivatives;
use crate::error::LmmError;
use crate::evaluation::{evaluate, Work};
use crate::hessian::hessian;
use crate::lambda::condition;
use crate::model::Model;
use crate::progress::Progress;
use crate::small::{axpy, dot, eigen};

/// Operations that differences of the gradient may take beyond those of a fit, by default.
pub(crate) const OPERATIONS: f64 = 1e11;

/// An eigenvalue of the Hessian, on unit diagonal, that counts as zero.
const FLAT: f64 = 1e-7;
/// The part of a gradient in such directions that may be left out.
const NEGLIGIBLE: f64 = 1e-4;

/// The pieces of the approximation.
pub struct Satterthwaite {
    /// H (k x k).
    pub hessian: Vec<f64>,
    /// How H was found: "exact", "differences" (in part from those of the exact gradient) or "average
    /// information".
    pub source: &'static str,
    /// `d log r^2 / d theta` (k).
    pub slope: Vec<f64>,
    /// `K_t` (k matrices of p x p).
    pub k: Vec<f64>,
}

/// The pieces at the user's theta. Differences of the gradient are taken where they need no more
/// evaluations than a fit, or no more than `operations`.
///
/// # Errors
/// [`LmmError`] when the criterion cannot be evaluated there.
pub fn satterthwaite(
    model: &Model,
    theta: &[f64],
    operations: f64,
    progress: &Progress,
) -> Result<Satterthwaite, LmmError> {
    let mut work = Work::new(model)?;
    let theta = condition(&model.terms, theta);
    model.run(|| evaluate(model, &mut work, &theta, progress))?;
    pieces(model, &mut work, (&theta, operations), progress)
}

/// The pieces at the conditioned theta that `work` is at.
pub(crate) fn pieces(
    model: &Model,
    work: &mut Work,
    (theta, operations): (&[f64], f64),
    progress: &Progress,
) -> Result<Satterthwaite, LmmError> {
    let (pls, d) = (&work.pls, &work.derivatives);
    let curvature = Curvature::new(model, pls, d, theta, Coordinates::Conditioned);
    let k = fixed_products(model, d, &curvature);
    let slope = curvature
        .c
        .iter()
        .map(|c| -c / model.denominator())
        .collect();
    let (hessian, source) = match hessian(model, work, &curvature, operations, progress)? {
        Some(found) => found,
        None => (curvature.average_information(), "average information"),
    };
    Ok(Satterthwaite {
        hessian,
        source,
        slope,
        k,
    })
}

/// `K_t = sum over levels of J_j'S_t J_j`.
fn fixed_products(model: &Model, d: &Derivatives, curvature: &Curvature) -> Vec<f64> {
    let square = model.p * model.p;
    let mut out = vec![0.0; curvature.k * square];
    for (i, term) in model.terms.iter().enumerate() {
        let of_term = |t: &usize| curvature.parameters[*t].term == i;
        let list: Vec<usize> = (0..curvature.k).filter(of_term).collect();
        for b in 0..term.p {
            for a in b..term.p {
                let products = row_products(model, d, i, a, b);
                for &t in &list {
                    let weight = curvature.directions[t][a + b * term.p];
                    axpy(weight, &products, &mut out[t * square..(t + 1) * square]);
                }
            }
        }
    }
    out
}

/// `sum over levels of J[a, ]'J[b, ]` of a term, and its transpose for a different from b.
fn row_products(model: &Model, d: &Derivatives, term: usize, a: usize, b: usize) -> Vec<f64> {
    let (p, t) = (model.p, &model.terms[term]);
    let size = model.factors[t.factor].size;
    let mut out = vec![0.0; p * p];
    let (mut left, mut right) = (vec![0.0; p], vec![0.0; p]);
    for level in d.j[t.factor].chunks_exact((size * p).max(1)) {
        for (k, column) in level.chunks_exact(size).enumerate() {
            left[k] = column[t.offset + a];
            right[k] = column[t.offset + b];
        }
        for (column, v) in out.chunks_exact_mut(p).zip(&right) {
            axpy(*v, &left, column);
        }
    }
    if a != b {
        let across = crate::small::transpose(&out, p, p);
        axpy(1.0, &across, &mut out);
    }
    out
}

impl Satterthwaite {
    /// Degrees of freedom of the contrast q, d being n or n - p; NaN where they depend on a direction
    /// in which the criterion is flat.
    pub fn degrees_of_freedom(&self, q: &[f64], d: f64) -> f64 {
        let k = self.slope.len();
        let unit = |t: usize| match self.hessian[t + t * k].abs().sqrt() {
            0.0 => 1.0,
            root => root,
        };
        let scaled: Vec<f64> = (0..k * k)
            .map(|i| self.hessian[i] / (unit(i % k) * unit(i / k)))
            .collect();
        let w: Vec<f64> = self
            .log_gradient(q)
            .iter()
            .enumerate()
            .map(|(t, w)| w / unit(t))
            .collect();
        let Some((values, vectors)) = eigen(&scaled, k) else {
            return f64::NAN;
        };
        let floor = FLAT * values[k - 1].max(FLAT);
        let (mut variance, mut lost) = (0.0, 0.0);
        for (value, vector) in values.iter().zip(vectors.chunks_exact(k)) {
            let part = dot(vector, &w).powi(2);
            if *value > floor {
                variance += part / value;
            } else {
                lost += part;
            }
        }
        if lost > NEGLIGIBLE * NEGLIGIBLE * dot(&w, &w).max(1e-12) {
            return f64::NAN;
        }
        1.0 / (1.0 / d + variance)
    }

    /// `q'K_t q / q'q - c_t / d` of a contrast, for each parameter.
    pub fn log_gradient(&self, q: &[f64]) -> Vec<f64> {
        let p = q.len();
        let length = dot(q, q);
        let matrices = self.k.chunks_exact((p * p).max(1));
        matrices
            .zip(&self.slope)
            .map(|(k, slope)| {
                let kq = crate::small::multiply(k, q, p, p, 1);
                dot(q, &kq) / length + slope
            })
            .collect()
    }
}
