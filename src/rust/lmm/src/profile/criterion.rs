//! The criterion with nothing profiled out but the fixed effects, and its derivatives in the
//! coordinates of a curve.
//!
//! ```text
//! D = log|V0| (+ log|X'V0^-1 X| for REML) + d log(2 pi sigma^2) + r^2 / sigma^2
//! ```
//!
//! with d = n, or n - p for REML. Where a fixed effect a'beta is held at b, with its estimate b^ and
//! `v = a'(X'V0^-1 X)^-1 a` at the same V0, `t = (b - b^) / v` and `w = R_X^-T a`,
//!
//! ```text
//! r^2(b) = r^2 + t^2 v,    z(b) = z - t J w,    P(b) = P + (V0^-1 X R_X^-1 w)(...)' / v
//! ```
//!
//! so that nothing has to be factored anew. In the entries of the relative covariances Sigma0, whose
//! directions are the symmetric matrices E, the second derivatives are `2 Q - T` (average
//! information: Q), see [`crate::curvature`], and
//!
//! ```text
//! with log sigma: 2 c,    log sigma twice: 4 r^2 / sigma^2,    with b: 2 sum_j z_j'E (J w)_j / (v sigma^2)
//! ```

use crate::criterion::log_det_rx2;
use crate::curvature::Curvature;
use crate::derivatives::Derivatives;
use crate::error::LmmError;
use crate::evaluation::Work;
use crate::lambda::Parameter;
use crate::model::Model;
use crate::pls::Pls;
use crate::profile::coordinates::{Frame, TermFrame};
use crate::progress::Progress;
use crate::small::{axpy, dot, multiply, multiply_transpose, solve_lower, transpose};
use crate::trace::{is_cheap, trace};

/// Value and derivatives by all coordinates, the focus first.
#[derive(Debug, Clone)]
pub struct Point {
    /// Criterion.
    pub value: f64,
    /// Gradient.
    pub gradient: Vec<f64>,
    /// Hessian, exact or average information.
    pub hessian: Vec<f64>,
    /// Fixed effects of the conditioned columns.
    pub beta: Vec<f64>,
}

/// A fixed effect that is held.
struct Held {
    /// `(b - b^) / v`.
    t: f64,
    v: f64,
    /// `sum over levels of z_j (J w)_j'` of each term (p x p).
    cross: Vec<Vec<f64>>,
}

/// Value and derivatives at x.
///
/// # Errors
/// [`LmmError`] where the criterion cannot be evaluated, or the computation is to stop.
pub fn evaluate(
    model: &Model,
    work: &mut Work,
    frame: &Frame,
    x: &[f64],
    progress: &Progress,
) -> Result<Point, LmmError> {
    let Work {
        pls,
        derivatives: d,
        ..
    } = work;
    pls.update(model, &frame.theta(model, x), progress)?;
    d.update(model, pls, progress)?;
    let held = frame
        .contrast
        .as_ref()
        .map(|a| hold(model, pls, d, a, x[0]));
    d.s2 = (2.0 * x[frame.log_sigma]).exp();
    d.sum(model, pls);
    let pwrss = pls.pwrss + held.as_ref().map_or(0.0, |h| h.t * h.t * h.v);
    let entries = Entries::new(model, pls, d, pwrss, held.as_ref());
    let (gradient, hessian) = entries.in_frame(model, frame, d, x);
    let value = value(model, pls, pwrss, x[frame.log_sigma]);
    if value.is_finite() && gradient.iter().chain(&hessian).all(|v| v.is_finite()) {
        return Ok(Point {
            value,
            gradient,
            hessian,
            beta: d.beta.clone(),
        });
    }
    Err(LmmError::NotPositiveDefinite {
        what: "the marginal covariance".into(),
    })
}

fn value(model: &Model, pls: &Pls, pwrss: f64, log_sigma: f64) -> f64 {
    let log_variance = 2.0 * (log_sigma + model.fixed.y_scale.ln());
    let fixed = if model.reml {
        log_det_rx2(model, pls)
    } else {
        0.0
    };
    let log_2pi = (2.0 * std::f64::consts::PI).ln();
    pls.log_determinant - model.log_weights
        + fixed
        + model.denominator() * (log_2pi + log_variance)
        + pwrss * (-2.0 * log_sigma).exp()
}

/// Hold `a'beta` at b: changes z and beta of `d`.
fn hold(model: &Model, pls: &Pls, d: &mut Derivatives, a: &[f64], b: f64) -> Held {
    let (p, p1) = (model.p, model.p + 1);
    let mut lower = vec![0.0; p * p];
    for c in 0..p {
        lower[c * p + c..(c + 1) * p].copy_from_slice(&pls.rx[c * p1 + c..c * p1 + p]);
    }
    let mut w = a.to_vec();
    solve_lower(&lower, p, &mut w, 1);
    let v = dot(&w, &w);
    let t = (b - dot(a, &d.beta)) / v;
    let mut shift = w.clone();
    crate::small::solve_lower_transpose(&lower, p, &mut shift, 1);
    axpy(t, &shift, &mut d.beta);
    let mut cross: Vec<Vec<f64>> = model.terms.iter().map(|t| vec![0.0; t.p * t.p]).collect();
    for factor in 0..model.factors.len() {
        hold_factor(model, d, factor, (&w, t), &mut cross);
    }
    Held { t, v, cross }
}

/// z of one factor, and the sums of its products with J w.
fn hold_factor(
    model: &Model,
    d: &mut Derivatives,
    factor: usize,
    (w, t): (&[f64], f64),
    cross: &mut [Vec<f64>],
) {
    let size = model.factors[factor].size;
    let mut jw = vec![0.0; size];
    let levels = d.z[factor].chunks_exact_mut(size);
    for (z, j) in levels.zip(d.j[factor].chunks_exact(size * w.len())) {
        jw.fill(0.0);
        for (wk, column) in w.iter().zip(j.chunks_exact(size)) {
            axpy(*wk, column, &mut jw);
        }
        axpy(-t, &jw, z);
        for &i in &model.factors[factor].terms {
            let term = &model.terms[i];
            let own = term.offset..term.offset + term.p;
            for (to, v) in cross[i].chunks_exact_mut(term.p).zip(&jw[own.clone()]) {
                axpy(*v, &z[own.clone()], to);
            }
        }
    }
}

/// Derivatives by the entries of the relative covariances in the conditioned columns (lower
/// triangles, term by term), then by log sigma, then by the focus if that is a fixed effect.
struct Entries {
    parameters: Vec<Parameter>,
    len: usize,
    gradient: Vec<f64>,
    hessian: Vec<f64>,
}

impl Entries {
    fn new(model: &Model, pls: &Pls, d: &Derivatives, pwrss: f64, held: Option<&Held>) -> Entries {
        let parameters = model.parameters();
        let directions = symmetric_directions(model, &parameters);
        let m = parameters.len();
        let curvature = Curvature::along(model, pls, d, parameters, directions);
        let exact = is_cheap(model).then(|| trace(model, pls, d, &curvature));
        let Curvature {
            q, c, parameters, ..
        } = curvature;
        let len = m + 1 + usize::from(held.is_some());
        let mut out = Entries {
            len,
            gradient: vec![0.0; len],
            hessian: vec![0.0; len * len],
            parameters,
        };
        out.gradient[m] = 2.0 * (model.denominator() - pwrss / d.s2);
        out.set(m, m, 4.0 * pwrss / d.s2);
        let along = held.map(|h| out.along_held(h));
        for s in 0..m {
            out.gradient[s] = out.component(&d.g, s);
            out.set(s, m, 2.0 * c[s]);
            for t in 0..=s {
                let mut h = q[s + t * m];
                if let (Some(h_), Some(e)) = (held, &along) {
                    h += e[s] * e[t] / (h_.v * d.s2);
                }
                if let Some(trace) = &exact {
                    h = 2.0 * h - trace[s + t * m];
                }
                out.set(s, t, h);
            }
        }
        if let (Some(h), Some(e)) = (held, along) {
            out.gradient[m + 1] = 2.0 * h.t / d.s2;
            out.set(m + 1, m + 1, 2.0 / (h.v * d.s2));
            out.set(m + 1, m, -4.0 * h.t / d.s2);
            for (s, e) in e.iter().enumerate() {
                out.set(m + 1, s, 2.0 * e / (h.v * d.s2));
            }
        }
        out
    }

    fn set(&mut self, s: usize, t: usize, value: f64) {
        self.hessian[s + t * self.len] = value;
        self.hessian[t + s * self.len] = value;
    }

    /// `tr(E_s A)` for one matrix A per term, symmetric or not.
    fn component(&self, a: &[Vec<f64>], s: usize) -> f64 {
        let Parameter { term, row, column } = self.parameters[s];
        let a = &a[term];
        let p = (a.len() as f64).sqrt() as usize;
        if row == column {
            a[row + row * p]
        } else {
            a[row + column * p] + a[column + row * p]
        }
    }

    /// `sum over levels of z_j'E_s (J w)_j`.
    fn along_held(&self, held: &Held) -> Vec<f64> {
        let all = 0..self.parameters.len();
        all.map(|s| self.component(&held.cross, s)).collect()
    }

    /// Gradient and Hessian in the coordinates of a frame.
    fn in_frame(
        &self,
        model: &Model,
        frame: &Frame,
        d: &Derivatives,
        x: &[f64],
    ) -> (Vec<f64>, Vec<f64>) {
        let (n, len, m) = (frame.len, self.len, self.parameters.len());
        let relative = (-2.0 * x[frame.log_sigma]).exp();
        let mut jacobian = vec![0.0; len * n];
        let mut bend = vec![0.0; n * n];
        jacobian[frame.log_sigma * len + m] = 1.0;
        if frame.contrast.is_some() {
            jacobian[m + 1] = 1.0;
        }
        let mut first = 0;
        for (i, t) in frame.terms.iter().enumerate() {
            let change = TermChange::new(t, x, relative, &d.g[i]);
            change.add(frame, first, (&mut jacobian, len), &mut bend);
            first += t.p * (t.p + 1) / 2;
        }
        debug_assert_eq!(first, model.theta_len());
        let gradient = multiply_transpose(&jacobian, &self.gradient, len, n, 1);
        let right = multiply(&self.hessian, &jacobian, len, len, n);
        let mut hessian = multiply_transpose(&jacobian, &right, len, n, n);
        axpy(1.0, &bend, &mut hessian);
        (gradient, hessian)
    }
}

/// `E_ab = e_a e_b' + e_b e_a'`, or `e_a e_a'`.
fn symmetric_directions(model: &Model, parameters: &[Parameter]) -> Vec<Vec<f64>> {
    parameters
        .iter()
        .map(|k| {
            let p = model.terms[k.term].p;
            let mut e = vec![0.0; p * p];
            e[k.row + k.column * p] = 1.0;
            e[k.column + k.row * p] = 1.0;
            e
        })
        .collect()
}

/// How one term's relative covariance `Sigma0 = L L' / sigma^2` changes with the coordinates.
struct TermChange {
    p: usize,
    /// d Sigma0 by each coordinate of the term.
    slopes: Vec<(usize, Vec<f64>)>,
    /// d Sigma0 by log sigma.
    by_sigma: Vec<f64>,
    /// `tr(G d2 Sigma0)` for pairs of coordinates, each pair once.
    bends: Vec<(usize, usize, f64)>,
    /// `tr(G Sigma0)` and `tr(G d Sigma0)`.
    traces: (f64, Vec<(usize, f64)>),
}

impl TermChange {
    fn new(t: &TermFrame, x: &[f64], relative: f64, g: &[f64]) -> TermChange {
        let p = t.p;
        let l = t.factor(x);
        let first = t.first(x);
        let sigma0: Vec<f64> = multiply(&l, &transpose(&l, p, p), p, p, p)
            .iter()
            .map(|v| v * relative)
            .collect();
        let slopes: Vec<(usize, Vec<f64>)> = first
            .iter()
            .map(|(s, dl)| (*s, symmetric_product(dl, &l, relative, p)))
            .collect();
        let gl = multiply(g, &l, p, p, p);
        let mut bends = Vec::new();
        for (a, (s, ds)) in first.iter().enumerate() {
            let gds = multiply(g, ds, p, p, p);
            for (t, dt) in &first[..=a] {
                bends.push((*s, *t, 2.0 * relative * dot(&gds, dt)));
            }
        }
        for (s, t, second) in t.second(x) {
            bends.push((s, t, 2.0 * relative * dot(&gl, &second)));
        }
        let traces = slopes.iter().map(|(s, ds)| (*s, dot(g, ds))).collect();
        TermChange {
            p,
            by_sigma: sigma0.iter().map(|v| -2.0 * v).collect(),
            traces: (dot(g, &sigma0), traces),
            slopes,
            bends,
        }
    }

    /// Into the Jacobian (columns of length `len`, own rows from `first`) and the curvature.
    fn add(
        &self,
        frame: &Frame,
        first: usize,
        (jacobian, len): (&mut [f64], usize),
        bend: &mut [f64],
    ) {
        let (n, p, sigma) = (frame.len, self.p, frame.log_sigma);
        let by_sigma = (sigma, &self.by_sigma);
        for (s, ds) in self.slopes.iter().map(|(s, ds)| (*s, ds)).chain([by_sigma]) {
            let mut at = s * len + first;
            for b in 0..p {
                jacobian[at..at + p - b].copy_from_slice(&ds[b * p + b..(b + 1) * p]);
                at += p - b;
            }
        }
        let mut both = |s: usize, t: usize, v: f64| {
            bend[s + t * n] += v;
            if s != t {
                bend[t + s * n] += v;
            }
        };
        for &(s, t, v) in &self.bends {
            both(s, t, v);
        }
        for &(s, v) in &self.traces.1 {
            both(s, sigma, -2.0 * v);
        }
        both(sigma, sigma, 4.0 * self.traces.0);
    }
}

/// `scale (a b' + b a')`.
fn symmetric_product(a: &[f64], b: &[f64], scale: f64, p: usize) -> Vec<f64> {
    let ab = multiply(a, &transpose(b, p, p), p, p, p);
    let ba = transpose(&ab, p, p);
    ab.iter().zip(&ba).map(|(x, y)| scale * (x + y)).collect()
}
