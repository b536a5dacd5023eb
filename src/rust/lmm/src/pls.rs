//! The penalised least squares problem at one lambda.
//!
//! For a level j of the leading factor let `Y = R_j lambda` and `T T' = I + Y Y'` (its covariance,
//! seen in the between rows). Whitening these rows by T^-1 removes Z_1:
//!
//! ```text
//! V_j = T^-1 P_j,   v_j = T^-1 Q_j,   G_j = T^-1 R_j
//! B   = within + sum V_j'V_j     = Z_2' V1^-1 Z_2          V1 = W^-1 + Z_1 Sigma_1 Z_1'
//! B_w = within + sum V_j'v_j     = Z_2' V1^-1 [X y]
//! C   = I + Lambda_2' B Lambda_2 = L L'
//! F   = L^-1 Lambda_2' B_w
//! [R_X  R_Xy; 0  r]' [R_X  R_Xy; 0  r] = within + sum v_j'v_j - F'F = [X y]' V0^-1 [X y]
//! ```
//! so that `log|V0| = sum 2 log|T_j| + 2 log|L|` (without the weights) and `r^2` is the penalised
//! residual sum of squares (Bates et al. 2015, eqs. 17 to 21, reached by another elimination).

use rayon::prelude::*;

use crate::crossprod::Chunk;
use crate::error::LmmError;
use crate::lambda::{from_theta, node_lambda};
use crate::model::Model;
use crate::progress::Progress;
use crate::small::{axpy, cholesky, dot, multiply_transpose, solve_lower};
use crate::trailing::TrailingWork;

/// A residual mean square below this part of the response's: an exact fit.
const EXACT_FIT: f64 = 1e-15;

/// What changes with lambda in one chunk of the leading factor.
#[derive(Debug, Clone)]
pub struct ChunkWork {
    /// `V_j` of each level, as [`Chunk::panel`].
    pub panel: Vec<f64>,
    /// `v_j` of each level, as [`Chunk::w`].
    pub w: Vec<f64>,
    /// `G_j` of each level (size x size).
    pub g: Vec<f64>,
    /// Sum of `2 log|T_j|`.
    pub log_determinant: f64,
    /// Sum of `v_j'v_j` (p1 x p1).
    pub squares: Vec<f64>,
}

/// The solution at one lambda, and the memory it is computed in.
pub struct Pls {
    /// Conditioned theta.
    pub theta: Vec<f64>,
    /// lambda of each factor's nodes.
    pub lambda: Vec<Vec<f64>>,
    /// The leading factor.
    pub leading: Vec<ChunkWork>,
    /// The trailing block.
    pub trailing: TrailingWork,
    /// `B_w` (m x p1).
    pub trailing_w: Vec<f64>,
    /// `F` (m x p1).
    pub f: Vec<f64>,
    /// Lower Cholesky factor of `[X y]'V0^-1[X y]` (p1 x p1): `[R_X R_Xy; 0 r]'`.
    pub rx: Vec<f64>,
    /// log|V0| without the weights' part.
    pub log_determinant: f64,
    /// Penalised residual sum of squares, on the scaled response.
    pub pwrss: f64,
}

impl Pls {
    /// Memory for a model.
    pub fn new(model: &Model) -> Result<Pls, LmmError> {
        let p1 = model.p + 1;
        let leading = model
            .chunks
            .iter()
            .map(|c| ChunkWork {
                panel: vec![0.0; c.panel.len()],
                w: vec![0.0; c.w.len()],
                g: vec![0.0; c.r.len()],
                log_determinant: 0.0,
                squares: vec![0.0; p1 * p1],
            })
            .collect();
        Ok(Pls {
            theta: vec![0.0; model.theta_len()],
            lambda: Vec::new(),
            leading,
            trailing: model.trailing.work()?,
            trailing_w: vec![0.0; model.trailing.m * p1],
            f: vec![0.0; model.trailing.m * p1],
            rx: vec![0.0; p1 * p1],
            log_determinant: 0.0,
            pwrss: 0.0,
        })
    }

    /// Factor and solve at a conditioned theta.
    pub fn update(
        &mut self,
        model: &Model,
        theta: &[f64],
        progress: &Progress,
    ) -> Result<(), LmmError> {
        self.theta.copy_from_slice(theta);
        let lambdas = from_theta(&model.terms, theta);
        self.lambda = model
            .factors
            .iter()
            .map(|f| node_lambda(f, &model.terms, &lambdas))
            .collect();
        self.whiten(model);
        progress.check()?;
        let parallel = model.pool.is_some();
        let size = model.factors[model.layout.leading].size;
        let panels: Vec<&[f64]> = self.leading.iter().map(|c| c.panel.as_slice()).collect();
        model
            .trailing
            .assemble(&model.chunks, &panels, size, &mut self.trailing, parallel);
        progress.check()?;
        let trailing =
            model
                .trailing
                .factorise(&self.lambda, &mut self.trailing, parallel, progress)?;
        self.log_determinant =
            trailing + self.leading.iter().map(|c| c.log_determinant).sum::<f64>();
        self.reduce_w(model);
        self.factor_w(model)
    }

    fn whiten(&mut self, model: &Model) {
        let size = model.factors[model.layout.leading].size;
        let lambda = &self.lambda[model.layout.leading];
        let job = |(chunk, work): (&Chunk, &mut ChunkWork)| {
            whiten_chunk(chunk, work, size, model.p + 1, lambda)
        };
        if model.pool.is_some() {
            model.chunks.par_iter().zip(&mut self.leading).for_each(job);
        } else {
            model.chunks.iter().zip(&mut self.leading).for_each(job);
        }
    }

    /// `B_w` and `F`.
    fn reduce_w(&mut self, model: &Model) {
        let (m, p1) = (model.trailing.m, model.p + 1);
        if m == 0 {
            return;
        }
        let size = model.factors[model.layout.leading].size;
        let mut rows = vec![0.0; m * p1];
        for (chunk, work) in model.chunks.iter().zip(&self.leading) {
            for (j, level) in chunk.start.windows(2).enumerate() {
                let w = &work.w[j * size * p1..(j + 1) * size * p1];
                for k in level[0]..level[1] {
                    let v = &work.panel[k * size..(k + 1) * size];
                    let c = chunk.columns[k] as usize;
                    for (out, column) in rows[c * p1..(c + 1) * p1]
                        .iter_mut()
                        .zip(w.chunks_exact(size))
                    {
                        *out += dot(v, column);
                    }
                }
            }
        }
        self.trailing_w.copy_from_slice(&model.trailing_w);
        for c in 0..m {
            for k in 0..p1 {
                self.trailing_w[c + k * m] += rows[c * p1 + k];
            }
        }
        self.f.copy_from_slice(&self.trailing_w);
        model.trailing.lambda_transpose(&self.lambda, &mut self.f);
        model.trailing.solve_lower(&self.trailing, &mut self.f, p1);
    }

    fn factor_w(&mut self, model: &Model) -> Result<(), LmmError> {
        let (m, p1) = (model.trailing.m, model.p + 1);
        self.rx.copy_from_slice(&model.within);
        for c in &self.leading {
            axpy(1.0, &c.squares, &mut self.rx);
        }
        if m > 0 {
            axpy(
                -1.0,
                &multiply_transpose(&self.f, &self.f, m, p1, p1),
                &mut self.rx,
            );
        }
        if cholesky(&mut self.rx, p1) {
            let r = self.rx[p1 * p1 - 1];
            self.pwrss = r * r;
            if self.pwrss > EXACT_FIT * model.n as f64 {
                return Ok(());
            }
            return Err(LmmError::PerfectFit);
        }
        let fixed_ok = (0..model.p).all(|k| self.rx[k + k * p1] > 0.0);
        if fixed_ok && self.rx[p1 * p1 - 1] <= EXACT_FIT * model.n as f64 {
            return Err(LmmError::PerfectFit);
        }
        Err(LmmError::NotPositiveDefinite {
            what: "the cross-product of the fixed effects given the random effects".into(),
        })
    }
}

fn whiten_chunk(chunk: &Chunk, work: &mut ChunkWork, size: usize, p1: usize, lambda: &[f64]) {
    work.log_determinant = 0.0;
    work.squares.fill(0.0);
    work.panel.copy_from_slice(&chunk.panel);
    work.w.copy_from_slice(&chunk.w);
    let mut t = vec![0.0; size * size];
    for j in 0..chunk.levels {
        let r = &chunk.r[j * size * size..(j + 1) * size * size];
        let g = &mut work.g[j * size * size..(j + 1) * size * size];
        let (from, to) = (chunk.start[j], chunk.start[j + 1]);
        let panel = &mut work.panel[from * size..to * size];
        let w = &mut work.w[j * size * p1..(j + 1) * size * p1];
        whitener(r, lambda, size, &mut t, g);
        for k in 0..size {
            work.log_determinant += 2.0 * t[k + k * size].ln();
        }
        solve_lower(&t, size, panel, to - from);
        solve_lower(&t, size, w, p1);
        solve_lower(&t, size, g, size);
        for b in 0..p1 {
            for a in b..p1 {
                work.squares[a + b * p1] +=
                    dot(&w[a * size..(a + 1) * size], &w[b * size..(b + 1) * size]);
            }
        }
    }
}

/// T with `T T' = I + R lambda lambda' R'`, and R itself in `upper`, from `lower = R'`.
fn whitener(lower: &[f64], lambda: &[f64], size: usize, t: &mut [f64], upper: &mut [f64]) {
    if size == 1 {
        let y = lower[0] * lambda[0];
        t[0] = 1f64.hypot(y);
        upper[0] = lower[0];
        return;
    }
    for c in 0..size {
        for i in 0..size {
            upper[c + i * size] = lower[i + c * size];
        }
    }
    let y = multiply_transpose(lower, lambda, size, size, size);
    for b in 0..size {
        for a in b..size {
            let mut v = if a == b { 1.0 } else { 0.0 };
            for k in 0..size {
                v += y[a + k * size] * y[b + k * size];
            }
            t[a + b * size] = v;
        }
    }
    let positive = cholesky(t, size);
    debug_assert!(positive, "invariant: I + Y Y' is positive definite");
}
