//! Proof that a point is a local optimum, or the direction in which it is not.
//!
//! All tests are in units of the criterion: how much a second-order step would gain. Besides the
//! Newton decrement and the Hessian in lambda, the conditions of Karush, Kuhn and Tucker on the
//! cone of covariance matrices are tested per term, because they alone suffice on the boundary:
//! `G Sigma = 0` for the whole matrix, and G positive semidefinite. (In lambda alone a point such
//! as diag(0, t) can be stationary without being optimal.)

use crate::derivatives::Derivatives;
use crate::evaluation::Point;
use crate::lambda::from_theta;
use crate::model::Model;
use crate::quadratic::scaled_curvature;
use crate::small::{axpy, dot, eigen, lower_factor, multiply, transpose};
use crate::trace::is_cheap;

/// Gain, in units of the criterion, below which nothing is left to gain.
pub const GAIN: f64 = 1e-8;
/// Negative eigenvalues of the Hessian below this part of the largest are rounding.
const CONVEX: f64 = 1e-6;

/// The KKT conditions of one term.
#[derive(Debug, Clone)]
pub struct TermConditions {
    /// Name of the term.
    pub name: String,
    /// Gain of a step along `-G Sigma`.
    pub stationarity: f64,
    /// Gain of adding variance in the most promising direction.
    pub positivity: f64,
    /// That direction, in the user's columns, of length one in natural units.
    pub direction: Vec<f64>,
}

/// The certificate of a fit.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// Whether all tests passed.
    pub certified: bool,
    /// Newton decrement.
    pub decrement: f64,
    /// Smallest and largest eigenvalue of the Hessian in natural units.
    pub eigenvalues: (f64, f64),
    /// Whether a slightly negative eigenvalue belongs to a ridge: steps along it gain nothing.
    pub flat: bool,
    /// How the Hessian was computed: "exact", or "average information" where that is dear.
    pub hessian: String,
    /// Per term.
    pub terms: Vec<TermConditions>,
    /// One sentence.
    pub text: String,
}

/// A step in one term's Sigma that would lower the criterion.
struct Escape {
    /// Multiple of `-G lambda` to add to lambda.
    along: f64,
    /// Variance to add in the direction.
    variance: f64,
    /// Direction in the conditioned columns.
    direction: Vec<f64>,
}

/// Examine a point.
pub fn certify(
    model: &Model,
    d: &Derivatives,
    theta: &[f64],
    point: &Point,
    units: &[Vec<f64>],
    flat: bool,
) -> Certificate {
    let kind = if is_cheap(model) {
        "exact"
    } else {
        "average information"
    };
    let (decrement, values) = scaled_curvature(model, units, theta, point);
    let eigenvalues = (values[0], values[values.len() - 1]);
    let terms: Vec<TermConditions> = (0..model.terms.len())
        .map(|i| conditions(model, d, theta, i).0)
        .collect();
    let convex = flat || is_convex(eigenvalues);
    let kkt = terms
        .iter()
        .all(|t| t.stationarity <= GAIN && t.positivity <= GAIN);
    let certified = decrement <= GAIN && convex && kkt;
    let mut certificate = Certificate {
        certified,
        decrement,
        eigenvalues,
        flat,
        hessian: kind.to_string(),
        terms,
        text: String::new(),
    };
    certificate.text = describe(&certificate, convex);
    certificate
}

/// Whether the smallest eigenvalue is not negative but by rounding.
pub fn is_convex(eigenvalues: (f64, f64)) -> bool {
    eigenvalues.0 >= -CONVEX * eigenvalues.1.abs()
}

fn describe(c: &Certificate, convex: bool) -> String {
    if c.certified {
        return "local optimum, certified".to_string();
    }
    if let Some(t) = c
        .terms
        .iter()
        .find(|t| t.stationarity > GAIN || t.positivity > GAIN)
    {
        let gain = t.stationarity.max(t.positivity);
        return format!(
            "not certified: changing the covariance of term '{}' would lower the criterion by \
             about {gain:.1e}",
            t.name
        );
    }
    if convex {
        return format!(
            "not certified: a Newton step would still lower the criterion by about {:.1e}",
            c.decrement
        );
    }
    "not certified: the Hessian has a negative eigenvalue".to_string()
}

/// Gains of the two KKT directions of term `i`, and the step that takes them.
fn conditions(model: &Model, d: &Derivatives, theta: &[f64], i: usize) -> (TermConditions, Escape) {
    let t = &model.terms[i];
    let p = t.p;
    let lambda = &from_theta(&model.terms, theta)[i];
    let g = &d.g[i];
    let delta = multiply(g, lambda, p, p, p);
    let slope = 2.0 * dot(&delta, &delta);
    let mut sigma_dot = multiply(&delta, &transpose(lambda, p, p), p, p, p);
    let transposed = transpose(&sigma_dot, p, p);
    axpy(1.0, &transposed, &mut sigma_dot);
    let bend = 2.0 * dot(&delta, &multiply(g, &delta, p, p, p)).max(0.0);
    let curvature = expected_curvature(model, d, i, &sigma_dot) + bend;
    let along = if curvature > 0.0 {
        slope / curvature
    } else {
        0.0
    };
    let (lowest, direction) = match eigen(g, p) {
        Some((values, vectors)) => (values[0], vectors[..p].to_vec()),
        None => (0.0, vec![0.0; p]),
    };
    let outer = multiply(&direction, &direction, p, 1, p);
    let outer_curvature = expected_curvature(model, d, i, &outer);
    let variance = if lowest < 0.0 && outer_curvature > 0.0 {
        -lowest / outer_curvature
    } else {
        0.0
    };
    let user = multiply(&t.r_inverse, &direction, p, p, 1);
    let found = TermConditions {
        name: t.name.clone(),
        stationarity: 0.5 * slope * along,
        positivity: 0.5 * -lowest.min(0.0) * variance,
        direction: user,
    };
    (
        found,
        Escape {
            along,
            variance,
            direction,
        },
    )
}

/// `sum over levels of tr(N_jj S N_jj S)`: a lower bound of the expected second derivative.
fn expected_curvature(model: &Model, d: &Derivatives, i: usize, s: &[f64]) -> f64 {
    let t = &model.terms[i];
    let (p, size) = (t.p, model.factors[t.factor].size);
    let mut ns = vec![0.0; p * p];
    let mut total = 0.0;
    for block in d.n[t.factor].chunks_exact(size * size) {
        ns.fill(0.0);
        for (to, s) in ns.chunks_exact_mut(p).zip(s.chunks_exact(p)) {
            for (b, v) in s.iter().enumerate() {
                let from = (t.offset + b) * size + t.offset;
                axpy(*v, &block[from..from + p], to);
            }
        }
        for c in 0..p {
            for r in 0..p {
                total += ns[r + c * p] * ns[c + r * p];
            }
        }
    }
    total
}

/// The theta to continue from when the KKT conditions fail: every failing term moved by `fraction`
/// of its second-order step. `None` if all hold.
pub fn escape(model: &Model, d: &Derivatives, theta: &[f64], fraction: f64) -> Option<Vec<f64>> {
    let mut lambdas = from_theta(&model.terms, theta);
    let mut moved = false;
    for (i, lambda) in lambdas.iter_mut().enumerate() {
        let (found, step) = conditions(model, d, theta, i);
        if found.stationarity <= GAIN && found.positivity <= GAIN {
            continue;
        }
        moved = true;
        let p = model.terms[i].p;
        let mut wide = lambda.clone();
        let delta = multiply(&d.g[i], &wide, p, p, p);
        axpy(-fraction * step.along, &delta, &mut wide);
        let root = (fraction * step.variance).sqrt();
        wide.extend(step.direction.iter().map(|v| v * root));
        *lambda = lower_factor(&wide, p, p + 1);
    }
    moved.then(|| crate::lambda::to_theta(&model.terms, &lambdas))
}
