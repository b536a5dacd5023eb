//! The pieces of Kenward and Roger's approximation.
//!
//! Kenward and Roger (1997, Biometrics 53, 983-997) adjust the covariance of the fixed effects,
//! `Phi = (X'V^-1 X)^-1`, for the estimation of the variances gamma,
//!
//! ```text
//! Phi_A = Phi + 2 Phi { sum_st W_st (Q_st - P_s Phi P_t) } Phi   (section 2; V linear in gamma)
//! P_s = -X'V^-1 V_s V^-1 X,   Q_st = X'V^-1 V_s V^-1 V_t V^-1 X
//! W = 2 [tr(P V_s P V_t)]^-1,  P = V^-1 - V^-1 X Phi X'V^-1
//! ```
//!
//! W, the covariance of the estimates, is the inverse of the expected information of REML. The
//! residual variance is one of the variances; as V is linear in all of them, V itself takes its
//! place as a direction, and needs no sums: `tr(P V P V) = n - p`, `tr(P V P V_s) = tr(P V_s)`, and
//! its terms in the adjustment cancel. In units of sigma^2 and in the basis `X R_X^-1`, where
//! Phi = I, that is
//!
//! ```text
//! W = 2 [n - p, tr(N E_s); ., tr(N E_s N E_t)]^-1    with N = Z'P0 Z
//! U = sum_st W_st J'E_s N E_t J,    Phi_A = I + 2 U,    -P_s = K_s = J'E_s J  (K_0 = I)
//! ```
//!
//! in the notation of [`crate::information`]. Entries of Sigma are linear in the user's columns, so
//! that nothing needs to be carried back from the conditioned ones. The expected information is not
//! singular where a variance is zero, and all entries take part there as well.

use crate::error::LmmError;
use crate::evaluation::{evaluate, Work};
use crate::information::Information;
use crate::lambda::condition;
use crate::model::Model;
use crate::progress::Progress;
use crate::small::{axpy, dot, eigen, multiply, symmetrise, transpose};

/// An eigenvalue of the information, on unit diagonal, below which a combination of variances
/// cannot be told from the others.
const NOT_IDENTIFIED: f64 = 1e-10;

/// The pieces of the approximation, in units of sigma^2 and in the basis `X R_X^-1`.
pub struct KenwardRoger {
    /// Covariance of the variances, that of V itself first ((k + 1) x (k + 1)).
    pub w: Vec<f64>,
    /// `U` (p x p).
    pub u: Vec<f64>,
    /// `K_1 ... K_k` (p x p each).
    pub k: Vec<f64>,
}

/// The pieces at the user's theta, for a REML fit.
///
/// # Errors
/// [`LmmError`] when the criterion cannot be evaluated at theta, or the memory does not suffice.
pub fn kenward_roger(
    model: &Model,
    theta: &[f64],
    available_bytes: f64,
    progress: &Progress,
) -> Result<KenwardRoger, LmmError> {
    let mut work = Work::new(model)?;
    let theta = condition(&model.terms, theta);
    model.run(|| evaluate(model, &mut work, &theta, progress))?;
    let (pls, d) = (&work.pls, &work.derivatives);
    let sums = model.run(|| Information::new(model, pls, d, available_bytes, progress))?;
    let w = covariance(model, &sums)?;
    let u = adjustment(&sums, &w);
    Ok(KenwardRoger {
        w,
        u,
        k: sums.fixed,
    })
}

/// W.
fn covariance(model: &Model, sums: &Information) -> Result<Vec<f64>, LmmError> {
    let (k, p) = (sums.k, sums.p);
    let size = k + 1;
    let mut information = vec![0.0; size * size];
    information[0] = (model.n - p) as f64;
    for s in 0..k {
        let own = sums.fixed_of(s);
        let linear = sums.linear[s] - (0..p).map(|i| own[i + i * p]).sum::<f64>();
        information[s + 1] = linear;
        information[(s + 1) * size] = linear;
        for t in 0..=s {
            let q = sums.cross_of(s, t);
            let trace = sums.trace[s + t * k] - 2.0 * (0..p).map(|i| q[i + i * p]).sum::<f64>()
                + dot(own, &transpose(sums.fixed_of(t), p, p));
            information[s + 1 + (t + 1) * size] = trace;
            information[t + 1 + (s + 1) * size] = trace;
        }
    }
    let inverse = generalised_inverse(&information, size)
        .ok_or_else(|| LmmError::Internal("the expected information is not finite".into()))?;
    Ok(inverse.iter().map(|v| 2.0 * v).collect())
}

/// On unit diagonal, without the directions that are not identified.
fn generalised_inverse(a: &[f64], n: usize) -> Option<Vec<f64>> {
    let unit: Vec<f64> = (0..n)
        .map(|i| {
            if a[i + i * n] > 0.0 {
                a[i + i * n].sqrt()
            } else {
                1.0
            }
        })
        .collect();
    let scaled: Vec<f64> = (0..n * n)
        .map(|i| a[i] / (unit[i % n] * unit[i / n]))
        .collect();
    let (values, vectors) = eigen(&scaled, n)?;
    let mut inverse = vec![0.0; n * n];
    for (value, v) in values.iter().zip(vectors.chunks_exact(n)) {
        if *value > NOT_IDENTIFIED {
            for (j, column) in inverse.chunks_exact_mut(n).enumerate() {
                axpy(v[j] / value, v, column);
            }
        }
    }
    Some(
        (0..n * n)
            .map(|i| inverse[i] / (unit[i % n] * unit[i / n]))
            .collect(),
    )
}

/// U.
fn adjustment(sums: &Information, w: &[f64]) -> Vec<f64> {
    let (k, p) = (sums.k, sums.p);
    let mut u = vec![0.0; p * p];
    for s in 0..k {
        for t in 0..=s {
            // the pair (t, s) has the transpose
            let twice = if s == t { 1.0 } else { 2.0 };
            let weight = twice * w[s + 1 + (t + 1) * (k + 1)];
            axpy(weight, sums.cross_of(s, t), &mut u);
            let product = multiply(sums.fixed_of(s), sums.fixed_of(t), p, p, p);
            axpy(-weight, &product, &mut u);
        }
    }
    symmetrise(&mut u, p);
    u
}
