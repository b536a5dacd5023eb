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

use crate::criterion::Derivatives;
use crate::lambda::{from_theta, Parameter};
use crate::model::Model;
use crate::pls::Pls;
use crate::small::{axpy, dot, eigen, multiply, multiply_transpose, solve_lower, transpose};

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
        let parameters = model.parameters();
        let directions = directions(model, theta, coordinates, &parameters);
        let (q, c) = information(model, pls, derivatives, &parameters, &directions);
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

/// `h_t = S_t z` of every level of the term.
fn working_effects(
    model: &Model,
    d: &Derivatives,
    parameter: &Parameter,
    direction: &[f64],
) -> Vec<f64> {
    let term = &model.terms[parameter.term];
    let size = model.factors[term.factor].size;
    let mut h = vec![0.0; d.z[term.factor].len()];
    for (to, z) in h
        .chunks_exact_mut(size)
        .zip(d.z[term.factor].chunks_exact(size))
    {
        let own = &mut to[term.offset..term.offset + term.p];
        for (b, column) in direction.chunks_exact(term.p).enumerate() {
            axpy(z[term.offset + b], column, own);
        }
    }
    h
}

/// Q and c.
fn information(
    model: &Model,
    pls: &Pls,
    d: &Derivatives,
    parameters: &[Parameter],
    directions: &[Vec<f64>],
) -> (Vec<f64>, Vec<f64>) {
    let k = parameters.len();
    let h: Vec<Vec<f64>> = parameters
        .iter()
        .zip(directions)
        .map(|(p, s)| working_effects(model, d, p, s))
        .collect();
    let factor = |t: usize| model.terms[parameters[t].term].factor;
    let c: Vec<f64> = (0..k).map(|t| dot(&h[t], &d.z[factor(t)]) / d.s2).collect();
    let mut working = Working::new(model, k);
    for (t, own) in h.iter().enumerate() {
        if factor(t) != model.layout.leading {
            working.add_trailing(model, pls, t, factor(t), own);
        }
    }
    let leading: Vec<usize> = (0..k)
        .filter(|&t| factor(t) == model.layout.leading)
        .collect();
    working.add_leading(model, pls, &leading, &h);
    let mut q = working.finish(model, pls);
    q.iter_mut().for_each(|v| *v /= d.s2);
    (q, c)
}

/// The columns `Z h_t` as they go through the elimination.
struct Working {
    k: usize,
    /// `Z_2'V1^-1 Z h_t` (m x k).
    trailing: Vec<f64>,
    /// `X'V1^-1 Z h_t` (p x k).
    fixed: Vec<f64>,
    /// `h_s'Z'V1^-1 Z h_t` (k x k).
    square: Vec<f64>,
    /// h_t of trailing factors (m x k).
    h: Vec<f64>,
}

impl Working {
    fn new(model: &Model, k: usize) -> Working {
        let m = model.trailing.m;
        Working {
            k,
            trailing: vec![0.0; m * k],
            fixed: vec![0.0; model.p * k],
            square: vec![0.0; k * k],
            h: vec![0.0; m * k],
        }
    }

    fn add_trailing(&mut self, model: &Model, pls: &Pls, t: usize, f: usize, h: &[f64]) {
        let (m, size) = (model.trailing.m, model.factors[f].size);
        let own = &mut self.h[t * m..(t + 1) * m];
        for (&start, values) in model.layout.start[f].iter().zip(h.chunks_exact(size)) {
            own[start as usize..start as usize + size].copy_from_slice(values);
        }
        let product = model.trailing.multiply(&pls.trailing.b, own, 1);
        for k in 0..model.p {
            self.fixed[k + t * model.p] = dot(&pls.trailing_w[k * m..(k + 1) * m], own);
        }
        self.trailing[t * m..(t + 1) * m].copy_from_slice(&product);
    }

    fn add_leading(&mut self, model: &Model, pls: &Pls, list: &[usize], h: &[Vec<f64>]) {
        let size = model.factors[model.layout.leading].size;
        let (m, p, p1) = (model.trailing.m, model.p, model.p + 1);
        let mut gh = vec![0.0; size * list.len()];
        for (chunk, work) in model.chunks.iter().zip(&pls.leading) {
            for (j, at) in chunk.start.windows(2).enumerate() {
                let g = &work.g[j * size * size..(j + 1) * size * size];
                let from = (chunk.first + j) * size;
                for (column, &t) in gh.chunks_exact_mut(size).zip(list) {
                    column.fill(0.0);
                    for (b, gb) in g.chunks_exact(size).enumerate() {
                        axpy(h[t][from + b], gb, column);
                    }
                }
                let w = &work.w[j * size * p1..(j + 1) * size * p1];
                for (i, &t) in list.iter().enumerate() {
                    let own = &gh[i * size..(i + 1) * size];
                    for (x, column) in self.fixed[t * p..(t + 1) * p]
                        .iter_mut()
                        .zip(w.chunks_exact(size))
                    {
                        *x += dot(own, column);
                    }
                    for (&s, other) in list.iter().zip(gh.chunks_exact(size)) {
                        self.square[s + t * self.k] += dot(own, other);
                    }
                    for c in at[0]..at[1] {
                        let v = &work.panel[c * size..(c + 1) * size];
                        self.trailing[chunk.columns[c] as usize + t * m] += dot(own, v);
                    }
                }
            }
        }
    }

    /// `h_s'Z'P Z h_t`.
    fn finish(mut self, model: &Model, pls: &Pls) -> Vec<f64> {
        let (k, m, p) = (self.k, model.trailing.m, model.p);
        if m > 0 {
            axpy(
                1.0,
                &multiply_transpose(&self.h, &self.trailing, m, k, k),
                &mut self.square,
            );
            self.share_leading(model);
            model
                .trailing
                .lambda_transpose(&pls.lambda, &mut self.trailing);
            model
                .trailing
                .solve_lower(&pls.trailing, &mut self.trailing, k);
            let f = &self.trailing;
            axpy(-1.0, &multiply_transpose(f, f, m, k, k), &mut self.square);
            axpy(
                -1.0,
                &multiply_transpose(&pls.f[..m * p], f, m, p, k),
                &mut self.fixed,
            );
        }
        let mut root = vec![0.0; p * p];
        for c in 0..p {
            for a in c..p {
                root[a + c * p] = pls.rx[a + c * (p + 1)];
            }
        }
        solve_lower(&root, p, &mut self.fixed, k);
        axpy(
            -1.0,
            &multiply_transpose(&self.fixed, &self.fixed, p, k, k),
            &mut self.square,
        );
        self.square
    }

    /// A pair of a leading and a trailing parameter was counted in one triangle only.
    fn share_leading(&mut self, model: &Model) {
        let parameters = model.parameters();
        let leads = |t: usize| model.terms[parameters[t].term].factor == model.layout.leading;
        for t in 0..self.k {
            for s in 0..self.k {
                if leads(s) && !leads(t) {
                    self.square[s + t * self.k] = self.square[t + s * self.k];
                }
            }
        }
    }
}
