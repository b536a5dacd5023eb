//! The exact gradient of the criterion, and what the second derivatives share with it.
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

mod leading_levels;
mod trailing_nodes;

use crate::dense;
use crate::error::LmmError;
use crate::model::Model;
use crate::pls::Pls;
use crate::progress::Progress;
use crate::small::{axpy, multiply, symmetrise};

pub(crate) use trailing_nodes::usable_inverse;

/// First derivatives, and the memory they are computed in.
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
    /// `C^-1 Lambda' B_w` (m x p1).
    solved: Vec<f64>,
    /// `Lambda C^-1 Lambda' B_w` (m x p1), and row by row.
    lu: Vec<f64>,
    lu_rows: Vec<f64>,
}

impl Derivatives {
    /// Memory for a model.
    pub fn allocate(model: &Model) -> Derivatives {
        let each = |per_node: &dyn Fn(usize) -> usize| -> Vec<Vec<f64>> {
            let nodes = model.factors.iter();
            nodes
                .map(|f| vec![0.0; f.levels * per_node(f.size)])
                .collect()
        };
        let trailing_w = model.trailing.m * (model.p + 1);
        Derivatives {
            s2: 0.0,
            beta: vec![0.0; model.p],
            z: each(&|size| size),
            j: each(&|size| size * model.p),
            n: each(&|size| size * size),
            g: model.terms.iter().map(|t| vec![0.0; t.p * t.p]).collect(),
            gradient: vec![0.0; model.theta_len()],
            solved: vec![0.0; trailing_w],
            lu: vec![0.0; trailing_w],
            lu_rows: vec![0.0; trailing_w],
        }
    }

    /// Differentiate at the point that `pls` was last updated to.
    pub fn update(
        &mut self,
        model: &Model,
        pls: &mut Pls,
        progress: &Progress,
    ) -> Result<(), LmmError> {
        self.solve(model, pls);
        let singular = self.singular_trailing(model, pls, progress)?;
        let parallel = model.pool.is_some();
        let (lambda, trailing) = (&pls.lambda, &mut pls.trailing);
        model
            .trailing
            .invert(lambda, trailing, parallel, progress)?;
        self.leading(model, pls, true);
        progress.check()?;
        self.trailing(model, pls, singular.as_deref(), true);
        self.sum(model, pls);
        Ok(())
    }

    /// [`Derivatives::update`] where the trailing block is inverted and N is there already: they do
    /// not depend on the response. Not for a singular lambda.
    pub(crate) fn update_response(&mut self, model: &Model, pls: &mut Pls) {
        self.solve(model, pls);
        self.leading(model, pls, false);
        self.trailing(model, pls, None, false);
        self.sum(model, pls);
    }

    /// Residual variance, fixed effects, and `C^-1 Lambda' B_w`.
    fn solve(&mut self, model: &Model, pls: &Pls) {
        let p1 = model.p + 1;
        self.s2 = pls.pwrss / model.denominator();
        fixed_effects(model, pls, &mut self.beta);
        let block = &model.trailing;
        self.solved.copy_from_slice(&pls.f);
        block.solve_lower_transpose(&pls.trailing, &mut self.solved, p1);
        self.lu.copy_from_slice(&self.solved);
        block.lambda(&pls.lambda, &mut self.lu);
        for (a, row) in self.lu_rows.chunks_exact_mut(p1).enumerate() {
            for (c, v) in row.iter_mut().enumerate() {
                *v = self.lu[a + c * model.trailing.m];
            }
        }
    }

    /// `G` of each term, and the gradient, from z, J, N and `s2`.
    pub(crate) fn sum(&mut self, model: &Model, pls: &Pls) {
        for (t, g) in model.terms.iter().zip(&mut self.g) {
            let size = model.factors[t.factor].size;
            g.fill(0.0);
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
            symmetrise(g, t.p);
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
pub(crate) fn fixed_effects(model: &Model, pls: &Pls, beta: &mut [f64]) {
    let (p, p1) = (model.p, model.p + 1);
    for (k, b) in beta.iter_mut().enumerate() {
        *b = pls.rx[p + k * p1];
    }
    for i in (0..p).rev() {
        for k in i + 1..p {
            beta[i] -= pls.rx[k + i * p1] * beta[k];
        }
        beta[i] /= pls.rx[i + i * p1];
    }
}

/// From `Z_j'V0^-1 [X y]` (size x p1) to `z_j`, and its columns of X for [`solve_j`].
fn split(zw: &[f64], (size, p): (usize, usize), beta: &[f64], (z, j): (&mut [f64], &mut [f64])) {
    z.copy_from_slice(&zw[p * size..]);
    for (b, column) in beta.iter().zip(zw.chunks_exact(size)) {
        axpy(-b, column, z);
    }
    j.copy_from_slice(&zw[..p * size]);
}

/// `J_j` of some levels from `Z_j'V0^-1 X` (size x p), in place.
fn solve_j(j: &mut [f64], (size, p): (usize, usize), rx: &[f64]) {
    if size == 1 {
        dense::solve_lower_of((rx, p + 1), p, j);
        return;
    }
    for j in j.chunks_exact_mut((size * p).max(1)) {
        for k in 0..p {
            for l in 0..k {
                let r = rx[k + l * (p + 1)];
                let (done, own) = j.split_at_mut(k * size);
                axpy(-r, &done[l * size..(l + 1) * size], &mut own[..size]);
            }
            let d = rx[k + k * (p + 1)];
            j[k * size..(k + 1) * size].iter_mut().for_each(|v| *v /= d);
        }
    }
}
