//! z, J and N_jj of the levels of the leading factor, chunk by chunk.

use super::{solve_j, split, Derivatives};
use crate::crossprod::Chunk;
use crate::dense;
use crate::model::Model;
use crate::pls::{ChunkWork, Pls};
use crate::scratch::with_scratch;
use crate::small::{axpy, multiply_into, multiply_transpose_into};

impl Derivatives {
    /// Levels of the leading factor, chunk by chunk; without N, or with it.
    pub(super) fn leading(&mut self, model: &Model, pls: &mut Pls, with_n: bool) {
        let f = model.layout.leading;
        let given = Given {
            model,
            p: &pls.trailing.values,
            rx: &pls.rx,
            lu: &self.lu,
            lu_rows: &self.lu_rows,
            beta: &self.beta,
            with_n,
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
    /// Whether N is to be found, too.
    with_n: bool,
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
        if !given.with_n {
            return;
        }
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
