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

use crate::crossprod::Chunk;
use crate::dense;
use crate::error::LmmError;
use crate::model::Model;
use crate::pls::{ChunkWork, Pls};
use crate::progress::Progress;
use crate::scratch::with_scratch;
use crate::small::{
    axpy, eigen, invert_lower, multiply, multiply_into, multiply_transpose,
    multiply_transpose_into, symmetrise,
};

/// Below this part of the information, `I - C^-1` has lost too many digits to be divided.
const SINGULAR: f64 = 1e-5;
/// Columns solved at once for a nearly singular trailing factor, about.
const BATCH: usize = 64;

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
        let p1 = model.p + 1;
        self.s2 = pls.pwrss / model.denominator();
        fixed_effects(model, pls, &mut self.beta);
        let parallel = model.pool.is_some();
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
        let singular = self.singular_trailing(model, pls, progress)?;
        block.invert(&pls.lambda, &mut pls.trailing, parallel, progress)?;
        self.leading(model, pls);
        progress.check()?;
        self.trailing(model, pls, singular.as_deref());
        self.sum(model, pls);
        Ok(())
    }

    /// Levels of the leading factor, chunk by chunk.
    fn leading(&mut self, model: &Model, pls: &mut Pls) {
        let f = model.layout.leading;
        let given = Given {
            model,
            p: &pls.trailing.values,
            rx: &pls.rx,
            lu: &self.lu,
            lu_rows: &self.lu_rows,
            beta: &self.beta,
        };
        let (size, p) = (model.factors[f].size, model.p);
        let all = Part {
            chunk: 0,
            work: &mut pls.leading,
            z: &mut self.z[f],
            j: &mut self.j[f],
            n: &mut self.n[f],
        };
        all.compute(&given, (size, p));
    }

    /// `N_jj` of the trailing factors whose lambda cannot be inverted, and `B Lambda C^-1 Lambda'
    /// B_w` (m x p1) if there are any: while B is there.
    fn singular_trailing(
        &mut self,
        model: &Model,
        pls: &Pls,
        progress: &Progress,
    ) -> Result<Option<Vec<f64>>, LmmError> {
        let mut product = None;
        for &f in &model.layout.trailing {
            if usable_inverse(model, pls, f).is_none() {
                solved_blocks(model, pls, f, progress, &mut self.n[f])?;
                let multiply = || {
                    let (b, p1) = (&pls.trailing.values, model.p + 1);
                    let mut product = vec![0.0; self.lu.len()];
                    model.trailing.multiply(b, &self.lu, p1, &mut product);
                    product
                };
                product.get_or_insert_with(multiply);
            }
        }
        Ok(product)
    }

    /// Nodes of the trailing factors, in the order of their levels.
    fn trailing(&mut self, model: &Model, pls: &Pls, product: Option<&[f64]>) {
        for &f in &model.layout.trailing {
            let inverse = usable_inverse(model, pls, f);
            if let Some(inverse) = &inverse {
                inverted_blocks(model, pls, f, inverse, &mut self.n[f]);
            }
            self.trailing_effects(model, pls, f, (inverse, product), model.trailing.m);
        }
    }

    /// z and J of one trailing factor: `Z'V0^-1 [X y]` is `lambda^-T` times what was solved for, or
    /// `B_w - B Lambda C^-1 Lambda' B_w`.
    fn trailing_effects(
        &mut self,
        model: &Model,
        pls: &Pls,
        f: usize,
        (inverse, product): (Option<Vec<f64>>, Option<&[f64]>),
        m: usize,
    ) {
        let (size, p, p1) = (model.factors[f].size, model.p, model.p + 1);
        let (mut raw, mut zw) = (vec![0.0; size * p1], vec![0.0; size * p1]);
        let z = self.z[f].chunks_exact_mut(size);
        let mut j = self.j[f].chunks_exact_mut((size * p).max(1));
        for (&start, z) in model.layout.start[f].iter().zip(z) {
            for (c, column) in raw.chunks_exact_mut(size).enumerate() {
                let at = start as usize + c * m;
                for (a, v) in column.iter_mut().enumerate() {
                    *v = match product {
                        Some(product) if inverse.is_none() => {
                            pls.trailing_w[at + a] - product[at + a]
                        }
                        _ => self.solved[at + a],
                    };
                }
            }
            match &inverse {
                Some(inverse) => {
                    multiply_transpose_into(inverse, &raw, (size, size, p1), &mut zw);
                }
                None => zw.copy_from_slice(&raw),
            }
            let j = j.next().unwrap_or_default();
            split(&zw, (size, p), &self.beta, (z, j));
        }
        solve_j(&mut self.j[f], (size, p), &pls.rx);
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

/// What all levels of the leading factor need.
struct Given<'a> {
    model: &'a Model,
    /// P on the pattern of B.
    p: &'a [f64],
    rx: &'a [f64],
    lu: &'a [f64],
    /// `lu` row by row.
    lu_rows: &'a [f64],
    beta: &'a [f64],
}

/// The levels of some chunks, and where their results go.
struct Part<'a> {
    /// First chunk.
    chunk: usize,
    work: &'a mut [ChunkWork],
    z: &'a mut [f64],
    j: &'a mut [f64],
    n: &'a mut [f64],
}

impl<'a> Part<'a> {
    /// All chunks, in halves.
    fn compute(self, given: &Given, (size, p): (usize, usize)) {
        let count = self.work.len();
        if count <= 1 {
            if let [work] = self.work {
                let chunk = self.chunk;
                let (z, j, n) = (self.z, self.j, self.n);
                Levels {
                    chunk,
                    work,
                    z,
                    j,
                    n,
                }
                .compute(given);
            }
            return;
        }
        let (left, right) = self.split(&given.model.chunks, count / 2, (size, p));
        if given.model.pool.is_some() {
            rayon::join(
                || left.compute(given, (size, p)),
                || right.compute(given, (size, p)),
            );
        } else {
            left.compute(given, (size, p));
            right.compute(given, (size, p));
        }
    }

    fn split(self, chunks: &[Chunk], at: usize, (size, p): (usize, usize)) -> (Part<'a>, Part<'a>) {
        let own = &chunks[self.chunk..self.chunk + at];
        let levels: usize = own.iter().map(|c| c.levels).sum();
        let work = self.work.split_at_mut(at);
        let z = self.z.split_at_mut(levels * size);
        let j = self.j.split_at_mut(levels * size * p);
        let n = self.n.split_at_mut(levels * size * size);
        let part = |chunk, work, z, j, n| Part {
            chunk,
            work,
            z,
            j,
            n,
        };
        (
            part(self.chunk, work.0, z.0, j.0, n.0),
            part(self.chunk + at, work.1, z.1, j.1, n.1),
        )
    }
}

/// The levels of one chunk.
struct Levels<'a> {
    chunk: usize,
    work: &'a mut ChunkWork,
    z: &'a mut [f64],
    j: &'a mut [f64],
    n: &'a mut [f64],
}

impl Levels<'_> {
    fn compute(mut self, given: &Given) {
        self.effects(given);
        self.quadratics(given);
        let size = given.model.factors[given.model.layout.leading].size;
        let square = size * size;
        let levels = self.work.g.chunks_exact(square);
        with_scratch(square, |qg| {
            for (g, n) in levels.zip(self.n.chunks_exact_mut(square)) {
                n.iter_mut().for_each(|x| *x = -*x);
                for a in 0..size {
                    n[a + a * size] += 1.0;
                }
                multiply_into(n, g, (size, size, size), qg);
                multiply_transpose_into(g, qg, (size, size, size), n);
            }
        });
    }

    /// `z_j` and `J_j` from `G_j'(v_j - V_j Lambda C^-1 Lambda' B_w)`.
    fn effects(&mut self, given: &Given) {
        let model = given.model;
        let size = model.factors[model.layout.leading].size;
        let p1 = model.p + 1;
        let rows = if self.work.stacked.is_empty() {
            0
        } else {
            model.chunks[self.chunk].levels * size
        };
        with_scratch((rows + 2 * size) * p1, |scratch| {
            let (product, own) = scratch.split_at_mut(rows * p1);
            let (w, zw) = own.split_at_mut(size * p1);
            self.effects_in(given, product, (w, zw));
        });
        solve_j(self.j, (size, model.p), given.rx);
    }

    fn effects_in(
        &mut self,
        given: &Given,
        product: &mut [f64],
        (w, zw): (&mut [f64], &mut [f64]),
    ) {
        let (model, work) = (given.model, &*self.work);
        let chunk = &model.chunks[self.chunk];
        let size = model.factors[model.layout.leading].size;
        let (m, p, p1) = (model.trailing.m, model.p, model.p + 1);
        let rows = chunk.levels * size;
        if !product.is_empty() {
            dense::multiply(&work.stacked, given.lu, m, p1, product);
        }
        for (level, at) in chunk.start.windows(2).enumerate() {
            let g = &work.g[level * size * size..(level + 1) * size * size];
            w.copy_from_slice(&work.w[level * size * p1..(level + 1) * size * p1]);
            if product.is_empty() {
                let columns = &chunk.columns[at[0]..at[1]];
                let v = &work.panel[at[0] * size..at[1] * size];
                for (a, va) in columns.iter().zip(v.chunks_exact(size)) {
                    let lu = &given.lu_rows[*a as usize * p1..(*a as usize + 1) * p1];
                    if size == 1 {
                        axpy(-va[0], lu, w);
                        continue;
                    }
                    for (column, lu) in w.chunks_exact_mut(size).zip(lu) {
                        axpy(-lu, va, column);
                    }
                }
            } else {
                for (column, own) in w.chunks_exact_mut(size).zip(product.chunks_exact(rows)) {
                    axpy(-1.0, &own[level * size..(level + 1) * size], column);
                }
            }
            multiply_transpose_into(g, w, (size, size, p1), zw);
            let z = &mut self.z[level * size..(level + 1) * size];
            let j = &mut self.j[level * size * p..(level + 1) * size * p];
            split(zw, (size, p), given.beta, (z, j));
        }
    }

    /// `V_j P V_j'` of each level, into `n`.
    fn quadratics(&mut self, given: &Given) {
        let model = given.model;
        let chunk = &model.chunks[self.chunk];
        let size = model.factors[model.layout.leading].size;
        if !self.work.stacked.is_empty() {
            self.work.stacked_quadratics(given.p, size, self.n);
            return;
        }
        let mut targets = model.trailing.targets(self.chunk).iter();
        let blocks = self.n.chunks_exact_mut(size * size);
        with_scratch(size, |t| {
            for (at, n) in chunk.start.windows(2).zip(blocks) {
                let columns = &chunk.columns[at[0]..at[1]];
                let v = &self.work.panel[at[0] * size..at[1] * size];
                let block = &model.trailing;
                block.quadratic(given.p, columns, (v, size), &mut targets, (n, &mut *t));
            }
        });
    }
}

/// Inverse of a trailing factor's lambda, if dividing by it loses few digits.
pub(crate) fn usable_inverse(model: &Model, pls: &Pls, f: usize) -> Option<Vec<f64>> {
    let size = model.factors[f].size;
    let lambda = &pls.lambda[f];
    let squares = multiply_transpose(lambda, lambda, size, size, size);
    let smallest = eigen(&squares, size)?.0[0];
    let mut information = 0.0;
    for &start in &model.layout.start[f] {
        let block = model.trailing.b_block(&pls.trailing, start as usize);
        information += block.iter().step_by(size + 1).sum::<f64>();
    }
    information /= (model.factors[f].levels * size) as f64;
    (smallest * information > SINGULAR).then(|| invert_lower(lambda, size))
}

/// `lambda^-T (I - [C^-1]_jj) lambda^-1` of each level, into `out`.
fn inverted_blocks(model: &Model, pls: &Pls, f: usize, inverse: &[f64], out: &mut [f64]) {
    let size = model.factors[f].size;
    let square = size * size;
    let (mut block, mut right) = (vec![0.0; square], vec![0.0; square]);
    for (&start, to) in model.layout.start[f]
        .iter()
        .zip(out.chunks_exact_mut(square))
    {
        let own = model.trailing.inverse_block(&pls.trailing, start as usize);
        block.iter_mut().zip(own).for_each(|(b, v)| *b = -v);
        for a in 0..size {
            block[a + a * size] += 1.0;
        }
        multiply_into(&block, inverse, (size, size, size), &mut right);
        multiply_transpose_into(inverse, &right, (size, size, size), to);
    }
}

/// `B_jj - F_j'F_j` of each level, by solving for the columns of the factor, into `out`.
fn solved_blocks(
    model: &Model,
    pls: &Pls,
    f: usize,
    progress: &Progress,
    out: &mut [f64],
) -> Result<(), LmmError> {
    let (size, m) = (model.factors[f].size, model.trailing.m);
    let mut to = out.chunks_exact_mut(size * size);
    for starts in model.layout.start[f].chunks((BATCH / size).max(1)) {
        progress.check()?;
        let mut columns = vec![0.0; m * size * starts.len()];
        for (k, &start) in starts.iter().enumerate() {
            for a in 0..size {
                columns[(k * size + a) * m + start as usize + a] = 1.0;
            }
        }
        let count = size * starts.len();
        let mut solved = vec![0.0; m * count];
        let b = &pls.trailing.values;
        model.trailing.multiply(b, &columns, count, &mut solved);
        model.trailing.lambda_transpose(&pls.lambda, &mut solved);
        model
            .trailing
            .solve_lower(&pls.trailing, &mut solved, count);
        for (&start, own) in starts.iter().zip(solved.chunks_exact(m * size)) {
            let mut block = model
                .trailing
                .b_block(&pls.trailing, start as usize)
                .to_vec();
            axpy(
                -1.0,
                &multiply_transpose(own, own, m, size, size),
                &mut block,
            );
            if let Some(to) = to.next() {
                to.copy_from_slice(&block);
            }
        }
    }
    Ok(())
}
