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
use crate::dense;
use crate::error::LmmError;
use crate::lambda::fill_node_lambdas;
use crate::model::Model;
use crate::progress::Progress;
use crate::scratch::with_scratch;
use crate::small::{axpy, cholesky, dot, multiply_transpose_into, solve_lower, Product};
use crate::trailing::TrailingWork;

/// A residual mean square below this part of the response's: an exact fit.
const EXACT_FIT: f64 = 1e-15;

/// Entries of a chunk's panels from which dense kernels are faster than loops over its levels.
const STACKED: usize = 4096;

/// What changes with lambda in one chunk of the leading factor.
#[derive(Debug, Clone)]
pub struct ChunkWork {
    /// `V_j` of each level, as [`Chunk::panel`]; empty where they are stacked.
    pub panel: Vec<f64>,
    /// `v_j` of each level, as [`Chunk::w`].
    pub w: Vec<f64>,
    /// `G_j` of each level (size x size).
    pub g: Vec<f64>,
    /// Sum of `2 log|T_j|`.
    pub log_determinant: f64,
    /// Sum of `v_j'v_j` (p1 x p1).
    pub squares: Vec<f64>,
    /// The panels of all levels below one another ((levels size) x m), where each level meets all
    /// trailing columns: then dense kernels do the work. Else empty.
    pub stacked: Vec<f64>,
    /// `v_j` of all levels below one another ((levels size) x p1), with `stacked`.
    pub stacked_w: Vec<f64>,
}

/// Levels of a stacked chunk that are multiplied with P at once.
const LEVELS_AT_ONCE: usize = 16;

impl ChunkWork {
    fn new(chunk: &Chunk, size: usize, m: usize, p1: usize) -> ChunkWork {
        let len = chunk.panel.len();
        let full = ChunkWork::is_stacked(chunk, m);
        let (panel, stacked) = if full { (0, len) } else { (len, 0) };
        let rows = if full { chunk.levels * size } else { 0 };
        ChunkWork {
            panel: vec![0.0; panel],
            w: vec![0.0; chunk.w.len()],
            g: vec![0.0; chunk.r.len()],
            log_determinant: 0.0,
            squares: vec![0.0; p1 * p1],
            stacked: vec![0.0; stacked],
            stacked_w: vec![0.0; rows * p1],
        }
    }

    /// Whether the panels of a chunk are stacked.
    pub(crate) fn is_stacked(chunk: &Chunk, m: usize) -> bool {
        m > 0 && chunk.columns.len() == chunk.levels * m && chunk.panel.len() >= STACKED
    }

    /// `V_j` of one level, whose columns are `at` of the chunk's; `buffer` is for stacked ones.
    pub fn level<'a>(
        &'a self,
        level: usize,
        at: &[usize],
        size: usize,
        buffer: &'a mut Vec<f64>,
    ) -> &'a [f64] {
        if self.stacked.is_empty() {
            return &self.panel[at[0] * size..at[1] * size];
        }
        let rows = self.g.len() / size;
        buffer.clear();
        for column in self.stacked.chunks_exact(rows) {
            buffer.extend_from_slice(&column[level * size..(level + 1) * size]);
        }
        buffer
    }

    /// `V_j P V_j'` of all levels of a stacked chunk into `out` (size x size each), P given by its
    /// lower triangle.
    pub fn stacked_quadratics(&self, p: &[f64], size: usize, out: &mut [f64]) {
        let rows = self.g.len() / size;
        let m = self.stacked.len() / rows;
        let at_once = LEVELS_AT_ONCE * size;
        with_scratch(at_once.min(rows) * m, |product| {
            for (k, out) in out.chunks_mut(at_once * size).enumerate() {
                let here = k * at_once..((k + 1) * at_once).min(rows);
                dense::multiply_right((&self.stacked, rows), here.clone(), p, m, product);
                let product = (&product[..here.len() * m], here.len());
                dense::row_products((&self.stacked, rows), here.start, product, size, out);
            }
        });
    }
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
    /// What the levels add to `B_w`, row by row (p1 x m).
    rows: Vec<f64>,
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
        let m = model.trailing.m;
        let size = model.factors[model.layout.leading].size;
        let leading = model
            .chunks
            .iter()
            .map(|c| ChunkWork::new(c, size, m, p1))
            .collect();
        Ok(Pls {
            theta: vec![0.0; model.theta_len()],
            lambda: model
                .factors
                .iter()
                .map(|f| vec![0.0; f.size * f.size])
                .collect(),
            leading,
            trailing: model.trailing.work()?,
            trailing_w: vec![0.0; model.trailing.m * p1],
            f: vec![0.0; model.trailing.m * p1],
            rows: vec![0.0; model.trailing.m * p1],
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
        self.move_to(model, theta);
        progress.check()?;
        let parallel = model.pool.is_some();
        let size = model.factors[model.layout.leading].size;
        let chunks = &model.chunks;
        let how = (parallel, progress);
        model
            .trailing
            .assemble(chunks, &self.leading, size, &mut self.trailing, how);
        progress.check()?;
        let (lambda, trailing) = (&self.lambda, &mut self.trailing);
        let block = &model.trailing;
        block.factorise(lambda, trailing, parallel, progress)?;
        self.finish(model)
    }

    /// [`Pls::update`] where `trailing` is there already: it does not depend on the response.
    pub(crate) fn update_response(&mut self, model: &Model, theta: &[f64]) -> Result<(), LmmError> {
        self.move_to(model, theta);
        self.finish(model)
    }

    /// lambda, and the levels of the leading factor.
    fn move_to(&mut self, model: &Model, theta: &[f64]) {
        self.theta.copy_from_slice(theta);
        fill_node_lambdas(&model.factors, &model.terms, theta, &mut self.lambda);
        self.whiten(model);
    }

    /// All that follows the factor of the trailing block.
    fn finish(&mut self, model: &Model) -> Result<(), LmmError> {
        let leading = self.leading.iter().map(|c| c.log_determinant);
        self.log_determinant = self.trailing.log_determinant + leading.sum::<f64>();
        self.reduce_w(model);
        self.factor_w(model)
    }

    fn whiten(&mut self, model: &Model) {
        let size = model.factors[model.layout.leading].size;
        let lambda = &self.lambda[model.layout.leading];
        let job = |(chunk, work): (&Chunk, &mut ChunkWork)| {
            whiten_chunk(chunk, work, size, model.p + 1, lambda);
        };
        if model.pool.is_some() {
            model.chunks.par_iter().zip(&mut self.leading).for_each(job);
        } else {
            model.chunks.iter().zip(&mut self.leading).for_each(job);
        }
    }

    /// `B x` for k columns into `out`, at any time after [`Pls::update`].
    pub fn multiply_b(&self, model: &Model, x: &[f64], k: usize, out: &mut [f64]) {
        let (m, within) = (model.trailing.m, &model.trailing.within);
        let size = model.factors[model.layout.leading].size;
        model.trailing.multiply(within, x, k, out);
        for (chunk, own) in model.chunks.iter().zip(&self.leading) {
            if !own.stacked.is_empty() {
                with_scratch(chunk.levels * size * k, |product| {
                    dense::multiply(&own.stacked, x, m, k, product);
                    dense::add_transposed(1.0, &own.stacked, product, (m, k), out);
                });
                continue;
            }
            let job = |(out, x): (&mut [f64], &[f64])| add_panels(chunk, own, size, x, out);
            if model.pool.is_some() {
                out.par_chunks_exact_mut(m)
                    .zip(x.par_chunks_exact(m))
                    .for_each(job);
            } else {
                out.chunks_exact_mut(m).zip(x.chunks_exact(m)).for_each(job);
            }
        }
    }

    /// `B_w` and `F`.
    fn reduce_w(&mut self, model: &Model) {
        let (m, p1) = (model.trailing.m, model.p + 1);
        if m == 0 {
            return;
        }
        let size = model.factors[model.layout.leading].size;
        let rows = &mut self.rows;
        rows.fill(0.0);
        self.trailing_w.copy_from_slice(&model.trailing_w);
        for (chunk, work) in model.chunks.iter().zip(&self.leading) {
            if !work.stacked.is_empty() {
                let (s, w) = (&work.stacked, &work.stacked_w);
                dense::add_transposed(1.0, s, w, (m, p1), &mut self.trailing_w);
                continue;
            }
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
            dense::add_transposed(-1.0, &self.f, &self.f, (p1, p1), &mut self.rx);
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

/// Add `sum_j V_j'V_j x` over the levels of a chunk.
fn add_panels(chunk: &Chunk, work: &ChunkWork, size: usize, x: &[f64], out: &mut [f64]) {
    with_scratch(size, |sum| {
        for at in chunk.start.windows(2) {
            let columns = &chunk.columns[at[0]..at[1]];
            let panel = &work.panel[at[0] * size..at[1] * size];
            sum.fill(0.0);
            for (c, v) in columns.iter().zip(panel.chunks_exact(size)) {
                axpy(x[*c as usize], v, sum);
            }
            for (c, v) in columns.iter().zip(panel.chunks_exact(size)) {
                out[*c as usize] += dot(v, sum);
            }
        }
    });
}

fn whiten_chunk(chunk: &Chunk, work: &mut ChunkWork, size: usize, p1: usize, lambda: &[f64]) {
    with_scratch(2 * size * size, |scratch| {
        whiten_levels(chunk, work, (size, p1), lambda, scratch);
    });
    add_squares(work, size, p1);
}

fn whiten_levels(
    chunk: &Chunk,
    work: &mut ChunkWork,
    (size, p1): (usize, usize),
    lambda: &[f64],
    scratch: &mut [f64],
) {
    let mut determinant = Product::default();
    let own = work.panel.len();
    work.panel.copy_from_slice(&chunk.panel[..own]);
    work.w.copy_from_slice(&chunk.w);
    let square = size * size;
    let rows = chunk.levels * size;
    let (t, y) = scratch.split_at_mut(square);
    for j in 0..chunk.levels {
        let r = &chunk.r[j * square..(j + 1) * square];
        let (from, to) = (chunk.start[j], chunk.start[j + 1]);
        let w = &mut work.w[j * size * p1..(j + 1) * size * p1];
        if j > 0 && *r == chunk.r[(j - 1) * square..j * square] {
            // Balanced designs: the factor of the level before serves.
            work.g.copy_within((j - 1) * square..j * square, j * square);
        } else {
            let g = &mut work.g[j * square..(j + 1) * square];
            whitener(r, lambda, size, (&mut *t, &mut *y), g);
            solve_lower(t, size, g, size);
        }
        t.iter()
            .step_by(size + 1)
            .for_each(|d| determinant.multiply(*d));
        solve_lower(t, size, w, p1);
        if work.stacked.is_empty() {
            let panel = &mut work.panel[from * size..to * size];
            solve_lower(t, size, panel, to - from);
        } else {
            let panel = &chunk.panel[from * size..to * size];
            dense::solve_rows(t, size, panel, (&mut work.stacked, rows), j * size);
            for (c, column) in w.chunks_exact(size).enumerate() {
                let at = c * rows + j * size;
                work.stacked_w[at..at + size].copy_from_slice(column);
            }
        }
    }
    work.log_determinant = 2.0 * determinant.log();
}

/// Sum of `v_j'v_j`, lower triangle.
fn add_squares(work: &mut ChunkWork, size: usize, p1: usize) {
    work.squares.fill(0.0);
    if !work.stacked_w.is_empty() {
        let w = &work.stacked_w;
        dense::add_transposed(1.0, w, w, (p1, p1), &mut work.squares);
        return;
    }
    for w in work.w.chunks_exact(size * p1) {
        for b in 0..p1 {
            for a in b..p1 {
                work.squares[a + b * p1] +=
                    dot(&w[a * size..(a + 1) * size], &w[b * size..(b + 1) * size]);
            }
        }
    }
}

/// `sqrt(1 + x^2)`.
fn root_of_one_and_square(x: f64) -> f64 {
    if x.abs() < 1e150 {
        (1.0 + x * x).sqrt()
    } else {
        x.abs()
    }
}

/// T with `T T' = I + R lambda lambda' R'`, and R itself in `upper`, from `lower = R'`.
fn whitener(
    lower: &[f64],
    lambda: &[f64],
    size: usize,
    (t, y): (&mut [f64], &mut [f64]),
    upper: &mut [f64],
) {
    if size == 1 {
        t[0] = root_of_one_and_square(lower[0] * lambda[0]);
        upper[0] = lower[0];
        return;
    }
    for c in 0..size {
        for i in 0..size {
            upper[c + i * size] = lower[i + c * size];
        }
    }
    multiply_transpose_into(lower, lambda, (size, size, size), y);
    t.fill(0.0);
    for b in 0..size {
        t[b + b * size] = 1.0;
        for column in y.chunks_exact(size) {
            axpy(
                column[b],
                &column[b..],
                &mut t[b * size + b..(b + 1) * size],
            );
        }
    }
    let positive = cholesky(t, size);
    debug_assert!(positive, "invariant: I + Y Y' is positive definite");
}
