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

use crate::crossprod::Chunk;
use crate::dense;
use crate::derivatives::Derivatives;
use crate::lambda::{from_theta, Parameter};
use crate::model::Model;
use crate::pls::{ChunkWork, Pls};
use crate::small::{
    axpy, dot, eigen, multiply, multiply_into, multiply_transpose, solve_lower, transpose,
};

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

/// Q and c.
fn information(
    model: &Model,
    pls: &Pls,
    d: &Derivatives,
    parameters: &[Parameter],
    directions: &[Vec<f64>],
) -> (Vec<f64>, Vec<f64>) {
    let mut working = Working::new(model, parameters.len());
    for (t, direction) in directions.iter().enumerate() {
        if model.terms[parameters[t].term].factor != model.layout.leading {
            working.add_trailing(model, d, t, parameters, direction);
        }
    }
    working.reduce_trailing(model, pls);
    working.add_leading(model, pls, d, parameters, directions);
    let c = working.c.iter().map(|v| v / d.s2).collect();
    let mut q = working.finish(model, pls, parameters);
    q.iter_mut().for_each(|v| *v /= d.s2);
    (q, c)
}

/// The columns `Z h_t` as they go through the elimination, `h_t = S_t z` level by level.
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
    /// `h_t'z`.
    c: Vec<f64>,
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
            c: vec![0.0; k],
        }
    }

    /// h_t of a parameter of a trailing factor.
    fn add_trailing(
        &mut self,
        model: &Model,
        d: &Derivatives,
        t: usize,
        parameters: &[Parameter],
        direction: &[f64],
    ) {
        let term = &model.terms[parameters[t].term];
        let (f, m) = (term.factor, model.trailing.m);
        let levels = d.z[f].chunks_exact(model.factors[f].size);
        for (&start, z) in model.layout.start[f].iter().zip(levels) {
            let own = &z[term.offset..term.offset + term.p];
            let from = t * m + start as usize + term.offset;
            let h = &mut self.h[from..from + term.p];
            multiply_into(direction, own, (term.p, term.p, 1), h);
            self.c[t] += dot(h, own);
        }
    }

    /// What the trailing h_t give through B.
    fn reduce_trailing(&mut self, model: &Model, pls: &Pls) {
        let (m, p, k) = (model.trailing.m, model.p, self.k);
        if m > 0 {
            self.trailing = model.trailing.multiply(&pls.trailing.b, &self.h, k);
            self.fixed = multiply_transpose(&pls.trailing_w[..m * p], &self.h, m, p, k);
        }
    }

    /// The parameters of the leading factor: `G_j h_t` of each level goes into all parts.
    fn add_leading(
        &mut self,
        model: &Model,
        pls: &Pls,
        d: &Derivatives,
        parameters: &[Parameter],
        directions: &[Vec<f64>],
    ) {
        let f = model.layout.leading;
        let size = model.factors[f].size;
        let leads = |t: &usize| model.terms[parameters[*t].term].factor == f;
        let list: Vec<usize> = (0..self.k).filter(leads).collect();
        let mut gh = vec![0.0; size * list.len()];
        let mut h = vec![0.0; size];
        for (chunk, work) in model.chunks.iter().zip(&pls.leading) {
            let rows = work.stacked.len() / model.trailing.m.max(1);
            let mut stacked = vec![0.0; rows * list.len()];
            for (j, at) in chunk.start.windows(2).enumerate() {
                let g = &work.g[j * size * size..(j + 1) * size * size];
                let z = &d.z[f][(chunk.first + j) * size..(chunk.first + j + 1) * size];
                for (to, &t) in gh.chunks_exact_mut(size).zip(&list) {
                    let term = &model.terms[parameters[t].term];
                    let own = term.offset..term.offset + term.p;
                    h.fill(0.0);
                    let shape = (term.p, term.p, 1);
                    multiply_into(&directions[t], &z[own.clone()], shape, &mut h[own]);
                    self.c[t] += dot(&h, z);
                    multiply_into(g, &h, (size, size, 1), to);
                }
                self.add_level(model, &list, &gh, (chunk, work), (j, at));
                if rows > 0 {
                    for (to, own) in stacked.chunks_exact_mut(rows).zip(gh.chunks_exact(size)) {
                        to[j * size..(j + 1) * size].copy_from_slice(own);
                    }
                }
            }
            if rows > 0 {
                self.add_stacked(model, &list, &work.stacked, &stacked);
            }
        }
    }

    fn add_level(
        &mut self,
        model: &Model,
        list: &[usize],
        gh: &[f64],
        (chunk, work): (&Chunk, &ChunkWork),
        (j, at): (usize, &[usize]),
    ) {
        let size = model.factors[model.layout.leading].size;
        let (m, p, p1) = (model.trailing.m, model.p, model.p + 1);
        let w = &work.w[j * size * p1..(j + 1) * size * p1];
        for (&t, own) in list.iter().zip(gh.chunks_exact(size)) {
            let fixed = self.fixed[t * p..(t + 1) * p].iter_mut();
            for (x, column) in fixed.zip(w.chunks_exact(size)) {
                *x += dot(own, column);
            }
            for (&s, other) in list.iter().zip(gh.chunks_exact(size)) {
                self.square[s + t * self.k] += dot(own, other);
            }
            if work.stacked.is_empty() {
                let columns = &chunk.columns[at[0]..at[1]];
                let panel = work.panel[at[0] * size..at[1] * size].chunks_exact(size);
                for (&c, v) in columns.iter().zip(panel) {
                    self.trailing[c as usize + t * m] += dot(own, v);
                }
            }
        }
    }

    fn add_stacked(&mut self, model: &Model, list: &[usize], s: &[f64], gh: &[f64]) {
        let m = model.trailing.m;
        let product = dense::multiply_transposed(s, gh, m, list.len());
        for (&t, column) in list.iter().zip(product.chunks_exact(m)) {
            axpy(1.0, column, &mut self.trailing[t * m..(t + 1) * m]);
        }
    }

    /// `h_s'Z'P Z h_t`.
    fn finish(mut self, model: &Model, pls: &Pls, parameters: &[Parameter]) -> Vec<f64> {
        let (k, m, p) = (self.k, model.trailing.m, model.p);
        if m > 0 {
            axpy(
                1.0,
                &dense::multiply_transposed(&self.h, &self.trailing, k, k),
                &mut self.square,
            );
            self.share_leading(model, parameters);
            model
                .trailing
                .lambda_transpose(&pls.lambda, &mut self.trailing);
            model
                .trailing
                .solve_lower(&pls.trailing, &mut self.trailing, k);
            let f = &self.trailing;
            axpy(
                -1.0,
                &dense::multiply_transposed(f, f, k, k),
                &mut self.square,
            );
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
    fn share_leading(&mut self, model: &Model, parameters: &[Parameter]) {
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
