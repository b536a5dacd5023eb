//! Second derivatives of the criterion.
//!
//! For a direction in which Sigma_i changes by `S_t`, let `V_t = Z_i (I (x) S_t) Z_i'` and
//! `h_t = S_t z` (level by level), so that `V_t P y = Z h_t`. With P projecting X out,
//!
//! ```text
//! Q_st = h_s' Z'P Z h_t / s2,    c_t = h_t' z / s2,    T_st = tr(P0 V_s P0 V_t)
//! average information:  Q - c c'/d
//! exact:                2 Q - c c'/d - T
//! ```
//!
//! (Gilmour, Thompson and Cullis 1995, Biometrics 51, eqs. 7 to 9, with sigma profiled out). On the
//! entries of lambda the curvature of Sigma itself is added: `2 G[a, a']` for two entries of the
//! same column of the same lambda. One forward solve per parameter; no pass over the rows. T, which
//! needs more than the diagonal blocks of N, is in [`crate::trace`].

use crate::derivatives::Derivatives;
use crate::lambda::{from_theta, Parameter};
use crate::model::Model;
use crate::pls::Pls;
use crate::small::{axpy, dot, eigen, multiply, multiply_transpose, transpose};
use crate::working_variates::Working;

/// Which columns theta refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coordinates {
    /// The conditioned columns.
    Conditioned,
    /// The user's columns.
    User,
}

/// The pieces of the second derivatives in some coordinates.
pub struct Curvature {
    /// Number of parameters.
    pub k: usize,
    /// `Q`.
    pub q: Vec<f64>,
    /// `c`.
    pub c: Vec<f64>,
    /// Curvature of Sigma in lambda.
    pub sigma: Vec<f64>,
    /// `S_t` of each parameter, in the conditioned columns.
    pub(crate) directions: Vec<Vec<f64>>,
    pub(crate) parameters: Vec<Parameter>,
    d: f64,
}

impl Curvature {
    /// Everything but T, at the point of `pls` and `derivatives`; `theta` in `coordinates`.
    pub fn new(
        model: &Model,
        pls: &Pls,
        derivatives: &Derivatives,
        theta: &[f64],
        coordinates: Coordinates,
    ) -> Curvature {
        let memory = &mut Working::new(model, &model.parameters());
        Curvature::new_in(memory, model, (pls, derivatives), theta, coordinates)
    }

    /// [`Curvature::new`] in memory that is there.
    pub(crate) fn new_in(
        memory: &mut Working,
        model: &Model,
        (pls, derivatives): (&Pls, &Derivatives),
        theta: &[f64],
        coordinates: Coordinates,
    ) -> Curvature {
        let parameters = model.parameters();
        let directions = directions(model, theta, coordinates, &parameters);
        let (q, c) = memory.information(model, (pls, derivatives), &parameters, &directions);
        let sigma = sigma_curvature(model, derivatives, coordinates, &parameters);
        let k = parameters.len();
        Curvature {
            k,
            q,
            c,
            sigma,
            directions,
            parameters,
            d: model.denominator(),
        }
    }

    /// Q and c along other directions: symmetric matrices in the conditioned columns, each of the
    /// term that `parameters` says.
    pub(crate) fn along(
        model: &Model,
        pls: &Pls,
        derivatives: &Derivatives,
        parameters: Vec<Parameter>,
        directions: Vec<Vec<f64>>,
    ) -> Curvature {
        let mut memory = Working::new(model, &parameters);
        let (q, c) = memory.information(model, (pls, derivatives), &parameters, &directions);
        let k = parameters.len();
        Curvature {
            k,
            q,
            c,
            sigma: vec![0.0; k * k],
            directions,
            parameters,
            d: model.denominator(),
        }
    }

    /// Average information plus the curvature of Sigma.
    pub fn average_information(&self) -> Vec<f64> {
        self.combine(1.0)
    }

    pub(crate) fn combine(&self, q_times: f64) -> Vec<f64> {
        let mut h = self.sigma.clone();
        axpy(q_times, &self.q, &mut h);
        for t in 0..self.k {
            axpy(
                -self.c[t] / self.d,
                &self.c,
                &mut h[t * self.k..(t + 1) * self.k],
            );
        }
        h
    }

    /// The exact Hessian, given T.
    pub fn exact(&self, trace: &[f64]) -> Vec<f64> {
        let mut h = self.combine(2.0);
        axpy(-1.0, trace, &mut h);
        h
    }

    /// T in these coordinates from T in others at the same point: it is bilinear in the directions.
    pub fn transfer_trace(&self, trace: &[f64], from: &Curvature) -> Vec<f64> {
        let map = self.express_in(from);
        let right = multiply(trace, &map, from.k, from.k, self.k);
        multiply_transpose(&map, &right, from.k, self.k, self.k)
    }

    /// `S_t` within the node of its factor.
    pub(crate) fn padded(&self, model: &Model, t: usize) -> Vec<f64> {
        let term = &model.terms[self.parameters[t].term];
        let size = model.factors[term.factor].size;
        let mut full = vec![0.0; size * size];
        for b in 0..term.p {
            for a in 0..term.p {
                full[term.offset + a + (term.offset + b) * size] =
                    self.directions[t][a + b * term.p];
            }
        }
        full
    }

    /// Coefficients (least squares) of these directions in those of `other`.
    fn express_in(&self, other: &Curvature) -> Vec<f64> {
        let mut gram = vec![0.0; other.k * other.k];
        let mut cross = vec![0.0; other.k * self.k];
        for s in 0..other.k {
            let same = |p: &Parameter| p.term == other.parameters[s].term;
            for t in (0..other.k).filter(|&t| same(&other.parameters[t])) {
                gram[s + t * other.k] = dot(&other.directions[s], &other.directions[t]);
            }
            for t in (0..self.k).filter(|&t| same(&self.parameters[t])) {
                cross[s + t * other.k] = dot(&other.directions[s], &self.directions[t]);
            }
        }
        let Some((values, vectors)) = eigen(&gram, other.k) else {
            return cross;
        };
        let largest = values.last().copied().unwrap_or(0.0);
        let mut rotated = multiply_transpose(&vectors, &cross, other.k, other.k, self.k);
        for column in rotated.chunks_exact_mut(other.k) {
            for (v, w) in column.iter_mut().zip(&values) {
                *v = if *w > 1e-12 * largest { *v / w } else { 0.0 };
            }
        }
        multiply(&vectors, &rotated, other.k, other.k, self.k)
    }
}

/// `S_t = e_a l_b' + l_b e_a'` for the entry (a, b), carried over to the conditioned columns.
fn directions(
    model: &Model,
    theta: &[f64],
    coordinates: Coordinates,
    parameters: &[Parameter],
) -> Vec<Vec<f64>> {
    let lambdas = from_theta(&model.terms, theta);
    parameters
        .iter()
        .map(|k| {
            let term = &model.terms[k.term];
            let p = term.p;
            let mut s = vec![0.0; p * p];
            for i in 0..p {
                let l = lambdas[k.term][i + k.column * p];
                s[k.row + i * p] += l;
                s[i + k.row * p] += l;
            }
            match coordinates {
                Coordinates::Conditioned => s,
                Coordinates::User => {
                    let rs = multiply(&term.r, &s, p, p, p);
                    multiply(&rs, &transpose(&term.r, p, p), p, p, p)
                }
            }
        })
        .collect()
}

fn sigma_curvature(
    model: &Model,
    d: &Derivatives,
    coordinates: Coordinates,
    parameters: &[Parameter],
) -> Vec<f64> {
    let g: Vec<Vec<f64>> = model
        .terms
        .iter()
        .zip(&d.g)
        .map(|(t, g)| match coordinates {
            Coordinates::Conditioned => g.clone(),
            Coordinates::User => {
                let gr = multiply(g, &t.r, t.p, t.p, t.p);
                multiply_transpose(&t.r, &gr, t.p, t.p, t.p)
            }
        })
        .collect();
    let k = parameters.len();
    let mut h = vec![0.0; k * k];
    for (i, a) in parameters.iter().enumerate() {
        for (j, b) in parameters.iter().enumerate() {
            if a.term == b.term && a.column == b.column {
                h[i + j * k] = 2.0 * g[a.term][a.row + b.row * model.terms[a.term].p];
            }
        }
    }
    h
}
