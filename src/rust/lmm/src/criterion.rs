//! The criterion and its exact gradient.
//!
//! With `N = Z'V0^-1 Z`, `J = Z'V0^-1 X R_X^-1`, `z = Z'V0^-1 (y - X beta)`, `s2 = r^2/d`:
//!
//! ```text
//! G_i = sum over levels j of { N_jj - [REML] J_j J_j' - z_j z_j' / s2 },    d criterion / d Sigma_i
//! d criterion / d lambda_i = 2 G_i lambda_i   (lower triangle)
//! ```
//!
//! (the derivative of log|V0| + d log r^2 for a covariance that is linear in Sigma; Harville 1977,
//! sec. 4). Only diagonal blocks of N are needed. For a level of the leading factor
//! `N_jj = G_j'(I - V_j P V_j')G_j` with `P = Lambda_2 C^-1 Lambda_2'` taken on the pattern of B
//! (a selected inverse); for a trailing node `N_jj = lambda^-T (I - [C^-1]_jj) lambda^-1`, or
//! `B_jj - F_j'F_j`, `F = L^-1 Lambda'B`, where lambda is too near to singular to be inverted.

use std::f64::consts::PI;

use rayon::prelude::*;

use crate::error::LmmError;
use crate::model::Model;
use crate::pls::Pls;
use crate::progress::Progress;
use crate::small::{
    axpy, eigen, invert_lower, multiply, multiply_transpose, solve_lower, solve_lower_transpose,
    symmetrise,
};

/// Below this part of the information, `I - C^-1` has lost too many digits to be divided.
const SINGULAR: f64 = 1e-5;
/// Columns solved at once for a nearly singular trailing factor.
const BATCH: usize = 64;

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

/// First derivatives and what the second ones share with them.
pub struct Derivatives {
    /// `s2 = r^2 / d` on the scaled response.
    pub s2: f64,
    /// Fixed effects on the conditioned X (p).
    pub beta: Vec<f64>,
    /// `z` of each factor: size per level, level after level.
    pub z: Vec<Vec<f64>>,
    /// `J` of each factor: for each level p columns of length size.
    pub j: Vec<Vec<f64>>,
    /// `N_jj` of each factor: size x size, level after level.
    pub n: Vec<Vec<f64>>,
    /// `G` of each term (p x p).
    pub g: Vec<Vec<f64>>,
    /// Derivative of the criterion with respect to the conditioned theta.
    pub gradient: Vec<f64>,
}

impl Derivatives {
    /// Differentiate at the point that `pls` was last updated to.
    pub fn new(model: &Model, pls: &mut Pls, progress: &Progress) -> Result<Self, LmmError> {
        let s2 = pls.pwrss / model.denominator();
        let (m, p1) = (model.trailing.m, model.p + 1);
        let beta = fixed_effects(model, pls);
        let mut solved = pls.f.clone();
        model
            .trailing
            .solve_lower_transpose(&pls.trailing, &mut solved, p1);
        let parallel = model.pool.is_some();
        model
            .trailing
            .invert(&pls.lambda, &mut pls.trailing, parallel, progress)?;
        let mut lu = solved.clone();
        model.trailing.lambda(&pls.lambda, &mut lu);
        let b_lu = model.trailing.multiply(&pls.trailing.b, &lu, p1);
        let count = model.factors.len();
        let mut d = Derivatives {
            s2,
            beta,
            z: vec![Vec::new(); count],
            j: vec![Vec::new(); count],
            n: vec![Vec::new(); count],
            g: Vec::new(),
            gradient: Vec::new(),
        };
        d.leading(model, pls, &lu);
        progress.check()?;
        for &f in &model.layout.trailing {
            d.trailing(model, pls, f, (&solved, &b_lu), m, progress)?;
        }
        d.sum(model, pls);
        Ok(d)
    }

    /// Levels of the leading factor, chunk by chunk.
    fn leading(&mut self, model: &Model, pls: &Pls, lu: &[f64]) {
        let f = model.layout.leading;
        let job = |k: usize| leading_chunk(model, pls, lu, &self.beta, k);
        let parts: Vec<Parts> = if model.pool.is_some() {
            (0..model.chunks.len()).into_par_iter().map(job).collect()
        } else {
            (0..model.chunks.len()).map(job).collect()
        };
        for part in parts {
            self.z[f].extend(part.z);
            self.j[f].extend(part.j);
            self.n[f].extend(part.n);
        }
    }

    /// Nodes of one trailing factor, in the order of its levels.
    fn trailing(
        &mut self,
        model: &Model,
        pls: &Pls,
        f: usize,
        (solved, b_lu): (&[f64], &[f64]),
        m: usize,
        progress: &Progress,
    ) -> Result<(), LmmError> {
        let (size, p, p1) = (model.factors[f].size, model.p, model.p + 1);
        let inverse = usable_inverse(model, pls, f);
        self.n[f] = match &inverse {
            Some(inverse) => inverted_blocks(model, pls, f, inverse),
            None => solved_blocks(model, pls, f, progress)?,
        };
        for &start in &model.layout.start[f] {
            let start = start as usize;
            let mut zw = vec![0.0; size * p1];
            for c in 0..p1 {
                for a in 0..size {
                    let at = start + a + c * m;
                    zw[a + c * size] = match inverse {
                        Some(_) => solved[at],
                        None => pls.trailing_w[at] - b_lu[at],
                    };
                }
            }
            if let Some(inverse) = &inverse {
                zw = multiply_transpose(inverse, &zw, size, size, p1);
            }
            let (z, j) = split(&zw, size, p, &self.beta, &pls.rx);
            self.z[f].extend(z);
            self.j[f].extend(j);
        }
        Ok(())
    }

    /// `G` of each term, and the gradient.
    fn sum(&mut self, model: &Model, pls: &Pls) {
        for t in &model.terms {
            let size = model.factors[t.factor].size;
            let mut g = vec![0.0; t.p * t.p];
            let (z, j, n) = (&self.z[t.factor], &self.j[t.factor], &self.n[t.factor]);
            for level in 0..model.factors[t.factor].levels {
                let zl = &z[level * size + t.offset..level * size + t.offset + t.p];
                for b in 0..t.p {
                    let from = level * size * size + (t.offset + b) * size + t.offset;
                    axpy(1.0, &n[from..from + t.p], &mut g[b * t.p..(b + 1) * t.p]);
                    axpy(-zl[b] / self.s2, zl, &mut g[b * t.p..(b + 1) * t.p]);
                }
                if model.reml {
                    for column in
                        j[level * size * model.p..(level + 1) * size * model.p].chunks_exact(size)
                    {
                        let own = &column[t.offset..t.offset + t.p];
                        for b in 0..t.p {
                            axpy(-own[b], own, &mut g[b * t.p..(b + 1) * t.p]);
                        }
                    }
                }
            }
            symmetrise(&mut g, t.p);
            self.g.push(g);
        }
        self.gradient = gradient(model, &pls.theta, &self.g);
    }
}

/// `2 G lambda` on the lower triangles.
fn gradient(model: &Model, theta: &[f64], g: &[Vec<f64>]) -> Vec<f64> {
    let lambdas = crate::lambda::from_theta(&model.terms, theta);
    let products: Vec<Vec<f64>> = model
        .terms
        .iter()
        .zip(g.iter().zip(&lambdas))
        .map(|(t, (g, l))| {
            multiply(g, l, t.p, t.p, t.p)
                .iter()
                .map(|v| 2.0 * v)
                .collect()
        })
        .collect();
    crate::lambda::to_theta(&model.terms, &products)
}

/// `beta = R_X^-1 R_Xy` on the conditioned columns.
fn fixed_effects(model: &Model, pls: &Pls) -> Vec<f64> {
    let (p, p1) = (model.p, model.p + 1);
    let mut beta: Vec<f64> = (0..p).map(|k| pls.rx[p + k * p1]).collect();
    for i in (0..p).rev() {
        for k in i + 1..p {
            beta[i] -= pls.rx[k + i * p1] * beta[k];
        }
        beta[i] /= pls.rx[i + i * p1];
    }
    beta
}

/// From `Z_j'V0^-1 [X y]` (size x p1) to `z_j` and `J_j`.
fn split(zw: &[f64], size: usize, p: usize, beta: &[f64], rx: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let mut z = zw[p * size..].to_vec();
    let mut j = zw[..p * size].to_vec();
    for (b, column) in beta.iter().zip(zw.chunks_exact(size)) {
        axpy(-b, column, &mut z);
    }
    for k in 0..p {
        for l in 0..k {
            let r = rx[k + l * (p + 1)];
            let (done, own) = j.split_at_mut(k * size);
            axpy(-r, &done[l * size..(l + 1) * size], &mut own[..size]);
        }
        let d = rx[k + k * (p + 1)];
        j[k * size..(k + 1) * size].iter_mut().for_each(|v| *v /= d);
    }
    (z, j)
}

#[derive(Default)]
struct Parts {
    z: Vec<f64>,
    j: Vec<f64>,
    n: Vec<f64>,
}

fn leading_chunk(model: &Model, pls: &Pls, lu: &[f64], beta: &[f64], k: usize) -> Parts {
    let (chunk, work) = (&model.chunks[k], &pls.leading[k]);
    let size = model.factors[model.layout.leading].size;
    let (m, p, p1) = (model.trailing.m, model.p, model.p + 1);
    let mut targets = model.trailing.targets(k).iter();
    let mut parts = Parts::default();
    let mut q = vec![0.0; size * size];
    for (level, at) in chunk.start.windows(2).enumerate() {
        let columns = &chunk.columns[at[0]..at[1]];
        let v = &work.panel[at[0] * size..at[1] * size];
        let g = &work.g[level * size * size..(level + 1) * size * size];
        let mut w = work.w[level * size * p1..(level + 1) * size * p1].to_vec();
        for (c, column) in w.chunks_exact_mut(size).enumerate() {
            for (a, va) in columns.iter().zip(v.chunks_exact(size)) {
                axpy(-lu[*a as usize + c * m], va, column);
            }
        }
        let zw = multiply_transpose(g, &w, size, size, p1);
        let (z, j) = split(&zw, size, p, beta, &pls.rx);
        parts.z.extend(z);
        parts.j.extend(j);
        model
            .trailing
            .quadratic(&pls.trailing.p, columns, v, size, &mut targets, &mut q);
        q.iter_mut().for_each(|x| *x = -*x);
        for a in 0..size {
            q[a + a * size] += 1.0;
        }
        let qg = multiply(&q, g, size, size, size);
        parts.n.extend(multiply_transpose(g, &qg, size, size, size));
    }
    parts
}

/// Inverse of a trailing factor's lambda, if dividing by it loses few digits.
fn usable_inverse(model: &Model, pls: &Pls, f: usize) -> Option<Vec<f64>> {
    let size = model.factors[f].size;
    let lambda = &pls.lambda[f];
    let squares = multiply_transpose(lambda, lambda, size, size, size);
    let smallest = eigen(&squares, size)?.0[0];
    let mut information = 0.0;
    for &start in &model.layout.start[f] {
        let block = model
            .trailing
            .diagonal_block(&pls.trailing.b, start as usize);
        information += (0..size).map(|a| block[a + a * size]).sum::<f64>();
    }
    information /= (model.factors[f].levels * size) as f64;
    (smallest * information > SINGULAR).then(|| invert_lower(lambda, size))
}

fn inverted_blocks(model: &Model, pls: &Pls, f: usize, inverse: &[f64]) -> Vec<f64> {
    let size = model.factors[f].size;
    let mut out = Vec::with_capacity(model.factors[f].levels * size * size);
    for &start in &model.layout.start[f] {
        let mut block = model.trailing.inverse_block(&pls.trailing, start as usize);
        block.iter_mut().for_each(|v| *v = -*v);
        for a in 0..size {
            block[a + a * size] += 1.0;
        }
        let right = multiply(&block, inverse, size, size, size);
        out.extend(multiply_transpose(inverse, &right, size, size, size));
    }
    out
}

/// `B_jj - F_j'F_j`, by solving for the columns of the factor.
fn solved_blocks(
    model: &Model,
    pls: &Pls,
    f: usize,
    progress: &Progress,
) -> Result<Vec<f64>, LmmError> {
    let (size, m) = (model.factors[f].size, model.trailing.m);
    let mut out = Vec::with_capacity(model.factors[f].levels * size * size);
    for starts in model.layout.start[f].chunks(BATCH) {
        progress.check()?;
        let mut columns = vec![0.0; m * size * starts.len()];
        for (k, &start) in starts.iter().enumerate() {
            for a in 0..size {
                columns[(k * size + a) * m + start as usize + a] = 1.0;
            }
        }
        let count = size * starts.len();
        let mut solved = model.trailing.multiply(&pls.trailing.b, &columns, count);
        model.trailing.lambda_transpose(&pls.lambda, &mut solved);
        model
            .trailing
            .solve_lower(&pls.trailing, &mut solved, count);
        for (&start, own) in starts.iter().zip(solved.chunks_exact(m * size)) {
            let mut block = model
                .trailing
                .diagonal_block(&pls.trailing.b, start as usize);
            axpy(
                -1.0,
                &multiply_transpose(own, own, m, size, size),
                &mut block,
            );
            out.extend(block);
        }
    }
    Ok(out)
}

/// Conditional covariance of the random effects given y, divided by sigma^2, in the conditioned
/// columns: of each factor size x size, level after level. Needs `Derivatives::new` before it.
pub fn conditional_covariance(model: &Model, pls: &Pls) -> Vec<Vec<f64>> {
    let mut out: Vec<Vec<f64>> = vec![Vec::new(); model.factors.len()];
    for &f in &model.layout.trailing {
        for &start in &model.layout.start[f] {
            out[f].extend(
                model
                    .trailing
                    .diagonal_block(&pls.trailing.p, start as usize),
            );
        }
    }
    let f = model.layout.leading;
    let size = model.factors[f].size;
    let lambda = &pls.lambda[f];
    for (k, (chunk, work)) in model.chunks.iter().zip(&pls.leading).enumerate() {
        let mut targets = model.trailing.targets(k).iter();
        let mut q = vec![0.0; size * size];
        for (level, at) in chunk.start.windows(2).enumerate() {
            let columns = &chunk.columns[at[0]..at[1]];
            let v = &work.panel[at[0] * size..at[1] * size];
            let g = &work.g[level * size * size..(level + 1) * size * size];
            model
                .trailing
                .quadratic(&pls.trailing.p, columns, v, size, &mut targets, &mut q);
            let own = &chunk.r[level * size * size..(level + 1) * size * size];
            out[f].extend(conditional_block(own, g, &q, lambda, size));
        }
    }
    out
}

/// `lambda (I + lambda'A lambda)^-1 lambda' + Sigma G'(V P V')G Sigma` for one level.
fn conditional_block(lower: &[f64], g: &[f64], q: &[f64], lambda: &[f64], size: usize) -> Vec<f64> {
    let y = multiply_transpose(lower, lambda, size, size, size);
    let mut d = multiply_transpose(&y, &y, size, size, size);
    for a in 0..size {
        d[a + a * size] += 1.0;
    }
    crate::small::cholesky(&mut d, size);
    let mut root = crate::small::transpose(lambda, size, size);
    solve_lower(&d, size, &mut root, size);
    let mut block = multiply_transpose(&root, &root, size, size, size);
    let sigma = multiply(
        lambda,
        &crate::small::transpose(lambda, size, size),
        size,
        size,
        size,
    );
    let gs = multiply(g, &sigma, size, size, size);
    let qgs = multiply(q, &gs, size, size, size);
    axpy(
        1.0,
        &multiply_transpose(&gs, &qgs, size, size, size),
        &mut block,
    );
    block
}

/// The user's fixed effects and R_X.
pub fn user_fixed_effects(model: &Model, pls: &Pls) -> (Vec<f64>, Vec<f64>) {
    let (p, p1) = (model.p, model.p + 1);
    let mut beta: Vec<f64> = fixed_effects(model, pls)
        .iter()
        .map(|b| b * model.fixed.y_scale)
        .collect();
    let transposed = crate::small::transpose(&model.fixed.r, p, p);
    solve_lower_transpose(&transposed, p, &mut beta, 1);
    axpy(1.0, &model.fixed.beta0, &mut beta);
    let mut upper = vec![0.0; p * p];
    for c in 0..p {
        for a in 0..=c {
            upper[a + c * p] = pls.rx[c + a * p1];
        }
    }
    (beta, multiply(&upper, &model.fixed.r, p, p, p))
}

/// The user's spherical random effects u, term after term, level after level.
pub fn user_random_effects(model: &Model, d: &Derivatives, theta: &[f64]) -> Vec<f64> {
    let lambdas = crate::lambda::from_theta(&model.terms, theta);
    let mut u = Vec::with_capacity(model.q());
    for (t, lambda) in model.terms.iter().zip(&lambdas) {
        let size = model.factors[t.factor].size;
        for level in d.z[t.factor].chunks_exact(size) {
            let own = &level[t.offset..t.offset + t.p];
            let z = multiply_transpose(&t.r, own, t.p, t.p, 1);
            u.extend(multiply_transpose(lambda, &z, t.p, t.p, 1));
        }
    }
    u.iter_mut().for_each(|v| *v *= model.fixed.y_scale);
    u
}
