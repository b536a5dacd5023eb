//! Sums of products of `N = Z'P0 Z` where the leading factor meets itself and the trailing ones.
//!
//! With the rows `Y = G'V` (one for each random effect of the leading factor, zero but for the
//! trailing columns that its level meets), P from the trailing block and `I - P B = P Sigma_2^-1`,
//!
//! ```text
//! N_11 = diag(G_j'G_j) - Y P Y' - J_1 J_1',    N_12 = Y P Sigma_2^-1 - J_1 J_2'
//! ```
//!
//! N is never held: the rows of `Y P` are made a few at a time and used at once.

use rayon::prelude::*;

use crate::derivatives::Derivatives;
use crate::error::LmmError;
use crate::known_trace::{trailing_j, NodeProducts};
use crate::model::Model;
use crate::pls::Pls;
use crate::progress::Progress;
use crate::small::{axpy, dot, multiply, multiply_transpose};
use crate::trace::add_products;

/// Rows of `Y P` at a time, so many that loops over them are vectorised.
const LANES: usize = 8;
/// Columns of P that are added at once.
const COLUMNS: usize = 4;
/// An operation here takes the time of so many in dense kernels, about.
const PER_OPERATION: f64 = 10.0;

type Lanes = [f64; LANES];

/// Operations, in units of those of dense kernels, or `None` where levels are too wide.
pub(crate) fn work(model: &Model) -> Option<f64> {
    let leading = &model.factors[model.layout.leading];
    let size = leading.size as f64;
    let columns: usize = model.chunks.iter().map(|c| c.columns.len()).sum();
    let (entries, rows) = (columns as f64 * size, leading.levels as f64 * size);
    let m = model.trailing.m as f64;
    let products = rows * size.powi(3) * (0.5 * rows + m);
    let fixed = rows * (0.5 * rows + m) * model.p as f64;
    let operations = entries * (m + 0.5 * rows) + products + fixed;
    (leading.size <= LANES).then_some(PER_OPERATION * operations)
}

/// The products, P given with both triangles in `pls`, and `Sigma^-1` of each trailing factor.
pub(crate) fn products(
    model: &Model,
    pls: &Pls,
    d: &Derivatives,
    inverses: &[(usize, Vec<f64>)],
    progress: &Progress,
) -> Result<Vec<NodeProducts>, LmmError> {
    let rows = Rows::new(model, pls, d, inverses);
    let at_once = LANES / rows.size;
    let job = |first: usize| {
        progress.check()?;
        Ok(rows.batch(first..(first + at_once).min(rows.levels.len())))
    };
    let batches = 0..rows.levels.len().div_ceil(at_once);
    let parts: Result<Vec<_>, LmmError> = if model.pool.is_some() {
        let batches = batches.into_par_iter();
        model.run(|| batches.map(|b| job(b * at_once)).collect())
    } else {
        batches.map(|b| job(b * at_once)).collect()
    };
    let mut sums = rows.zero();
    for part in parts? {
        for (to, own) in sums.iter_mut().zip(&part) {
            axpy(1.0, own, to);
        }
    }
    sums[0] = both_orders(&sums[0], rows.size);
    let leading = (model.layout.leading, rows.size);
    let others = rows.factors.iter().map(|f| (f.index, f.size));
    let pairs = std::iter::once(leading).chain(others).zip(sums);
    Ok(pairs
        .map(|((f, size), sums)| NodeProducts {
            factors: (leading.0, f),
            sizes: (rows.size, size),
            sums,
        })
        .collect())
}

/// Half the products and half those of the transposed blocks.
fn both_orders(sums: &[f64], size: usize) -> Vec<f64> {
    let width = size * size;
    let turned = |e: usize| e / size + e % size * size;
    let at = |e: usize, f: usize| sums[e + f * width];
    let pairs = (0..width * width).map(|k| (k % width, k / width));
    pairs
        .map(|(e, f)| 0.5 * (at(e, f) + at(turned(e), turned(f))))
        .collect()
}

/// A level of the leading factor: the columns of its rows of Y, and where their values start.
struct Level<'a> {
    columns: &'a [u32],
    start: usize,
}

/// A trailing factor: its positions and `Sigma^-1`.
struct Trailing<'a> {
    index: usize,
    size: usize,
    positions: std::ops::Range<usize>,
    inverse: &'a [f64],
}

/// What N is made of.
struct Rows<'a> {
    size: usize,
    m: usize,
    /// Fixed effects that are projected out.
    p: usize,
    levels: Vec<Level<'a>>,
    /// The rows of Y, level after level.
    y: Vec<f64>,
    /// `G_j'G_j` of each level.
    own: Vec<f64>,
    factors: Vec<Trailing<'a>>,
    /// P, both triangles.
    inverse: &'a [f64],
    /// J of the leading factor, row by row, and of the others (m x p).
    j: Vec<f64>,
    j_trailing: Vec<f64>,
}

impl<'a> Rows<'a> {
    fn new(
        model: &'a Model,
        pls: &'a Pls,
        d: &Derivatives,
        inverses: &'a [(usize, Vec<f64>)],
    ) -> Rows<'a> {
        let leading = model.layout.leading;
        let mut end = 0;
        let factors = inverses.iter().map(|(f, inverse)| {
            let own = &model.factors[*f];
            end += own.levels * own.size;
            Trailing {
                index: *f,
                size: own.size,
                positions: end - own.levels * own.size..end,
                inverse,
            }
        });
        let mut rows = Rows {
            size: model.factors[leading].size,
            m: model.trailing.m,
            p: if model.reml { model.p } else { 0 },
            levels: Vec::new(),
            y: Vec::new(),
            own: Vec::new(),
            factors: factors.collect(),
            inverse: &pls.trailing.values,
            j: Vec::new(),
            j_trailing: Vec::new(),
        };
        rows.fill_y(model, pls);
        rows.fill_j(model, d);
        rows
    }

    fn fill_y(&mut self, model: &'a Model, pls: &Pls) {
        let (size, mut buffer) = (self.size, Vec::new());
        for (chunk, work) in model.chunks.iter().zip(&pls.leading) {
            let blocks = work.g.chunks_exact(size * size);
            for ((j, at), g) in chunk.start.windows(2).enumerate().zip(blocks) {
                self.levels.push(Level {
                    columns: &chunk.columns[at[0]..at[1]],
                    start: self.y.len(),
                });
                let panel = work.level(j, at, size, &mut buffer);
                for column in g.chunks_exact(size) {
                    let row = panel.chunks_exact(size).map(|v| dot(column, v));
                    self.y.extend(row);
                }
                self.own.extend(multiply_transpose(g, g, size, size, size));
            }
        }
    }

    fn fill_j(&mut self, model: &Model, d: &Derivatives) {
        let (size, p) = (self.size, self.p);
        if p == 0 {
            return;
        }
        for level in d.j[model.layout.leading].chunks_exact(size * p) {
            for a in 0..size {
                self.j.extend(level[a..].iter().step_by(size));
            }
        }
        self.j_trailing = trailing_j(model, d);
    }

    /// Sums for the leading factor and itself, and for it and each of the others.
    fn zero(&self) -> Vec<Vec<f64>> {
        let sizes = std::iter::once(self.size).chain(self.factors.iter().map(|f| f.size));
        sizes.map(|s| vec![0.0; (s * self.size).pow(2)]).collect()
    }

    /// The sums over some levels: with all trailing nodes, and with themselves and all later levels,
    /// these twice.
    fn batch(&self, batch: std::ops::Range<usize>) -> Vec<Vec<f64>> {
        let (size, m, p) = (self.size, self.m, self.p);
        let mut sums = self.zero();
        let mut lanes = vec![[0.0; LANES]; m + p];
        let mut rows = vec![0.0; size * m];
        for (k, level) in batch.clone().enumerate() {
            rows.fill(0.0);
            for (a, row) in rows.chunks_exact_mut(m).enumerate() {
                self.multiply_p(level, a, row);
                let lane = k * size + a;
                let j = &self.j[(level * size + a) * p..(level * size + a + 1) * p];
                for (to, v) in lanes.iter_mut().zip(row.iter().chain(j)) {
                    to[lane] = *v;
                }
                self.with_others(j, row);
            }
            self.add_others(&rows, &mut sums[1..]);
        }
        for other in batch.start..self.levels.len() {
            self.add_level(&lanes, batch.clone(), other, &mut sums[0]);
        }
        sums
    }

    /// Row `a` of a level of `Y P`, added to `row`.
    fn multiply_p(&self, level: usize, a: usize, row: &mut [f64]) {
        let Level { columns, start } = self.levels[level];
        let y = &self.y[start + a * columns.len()..start + (a + 1) * columns.len()];
        let column = |c: u32| &self.inverse[c as usize * self.m..(c as usize + 1) * self.m];
        let (y_at_once, columns_at_once) = (y.chunks_exact(COLUMNS), columns.chunks_exact(COLUMNS));
        for (v, c) in y_at_once
            .remainder()
            .iter()
            .zip(columns_at_once.remainder())
        {
            axpy(*v, column(*c), row);
        }
        for (v, c) in y_at_once.zip(columns_at_once) {
            let parts = [column(c[0]), column(c[1]), column(c[2]), column(c[3])];
            add_columns([v[0], v[1], v[2], v[3]], parts, row);
        }
    }

    /// From a row of `Y P`, with its row of J, to that of N_12.
    fn with_others(&self, j: &[f64], row: &mut [f64]) {
        for f in &self.factors {
            let own = &mut row[f.positions.clone()];
            if f.size == 1 {
                own.iter_mut().for_each(|v| *v *= f.inverse[0]);
                continue;
            }
            for node in own.chunks_exact_mut(f.size) {
                let product = multiply(f.inverse, node, f.size, f.size, 1);
                node.copy_from_slice(&product);
            }
        }
        for (v, column) in j.iter().zip(self.j_trailing.chunks_exact(self.m)) {
            axpy(-v, column, row);
        }
    }

    /// Products of the blocks of N_12 of one level, given by its rows.
    fn add_others(&self, rows: &[f64], sums: &mut [Vec<f64>]) {
        for (f, sums) in self.factors.iter().zip(sums) {
            if (self.size, f.size) == (1, 1) {
                let own = &rows[f.positions.clone()];
                sums[0] += dot(own, own);
                continue;
            }
            let mut block = vec![0.0; self.size * f.size];
            for node in f.positions.clone().step_by(f.size) {
                for (a, row) in rows.chunks_exact(self.m).enumerate() {
                    for (b, v) in row[node..node + f.size].iter().enumerate() {
                        block[a + b * self.size] = *v;
                    }
                }
                add_products(&block, 1.0, sums);
            }
        }
    }

    /// Products of the blocks of N_11 of a batch and one level, itself of the batch or later.
    fn add_level(
        &self,
        lanes: &[Lanes],
        batch: std::ops::Range<usize>,
        other: usize,
        sums: &mut [f64],
    ) {
        let size = self.size;
        let mut n = [[0.0; LANES]; LANES];
        for (a, n) in n[..size].iter_mut().enumerate() {
            *n = self.row_products(lanes, other, a);
        }
        let times = if other < batch.end { 1.0 } else { 2.0 };
        if size == 1 {
            if other < batch.end {
                n[0][other - batch.start] += self.own[other];
            }
            sums[0] += times * n[0].iter().map(|v| v * v).sum::<f64>();
            return;
        }
        let mut block = vec![0.0; size * size];
        for (k, level) in batch.enumerate() {
            for (column, n) in block.chunks_exact_mut(size).zip(&n) {
                column.copy_from_slice(&n[k * size..(k + 1) * size]);
            }
            if level == other {
                let own = &self.own[level * size * size..(level + 1) * size * size];
                axpy(1.0, own, &mut block);
            }
            add_products(&block, times, sums);
        }
    }

    /// `-(Y P y + J_1 j)` of all lanes, y and j being row `a` of a level.
    fn row_products(&self, lanes: &[Lanes], level: usize, a: usize) -> Lanes {
        let Level { columns, start } = self.levels[level];
        let y = &self.y[start + a * columns.len()..start + (a + 1) * columns.len()];
        let row = level * self.size + a;
        let j = &self.j[row * self.p..(row + 1) * self.p];
        let (inner, fixed) = lanes.split_at(self.m);
        let mut sum = [0.0; LANES];
        for (&c, v) in columns.iter().zip(y) {
            subtract(*v, &inner[c as usize], &mut sum);
        }
        for (lane, v) in fixed.iter().zip(j) {
            subtract(*v, lane, &mut sum);
        }
        sum
    }
}

/// `sum <- sum - v x`.
#[inline]
fn subtract(v: f64, x: &Lanes, sum: &mut Lanes) {
    for (s, x) in sum.iter_mut().zip(x) {
        *s -= v * x;
    }
}

/// `out <- out + sum of v_k c_k`.
fn add_columns(v: [f64; COLUMNS], c: [&[f64]; COLUMNS], out: &mut [f64]) {
    let c = c.map(|c| &c[..out.len()]);
    for (i, to) in out.iter_mut().enumerate() {
        *to += v[0] * c[0][i] + v[1] * c[1][i] + v[2] * c[2][i] + v[3] * c[3][i];
    }
}
