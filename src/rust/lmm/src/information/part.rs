//! What one part adds to the sums: its leading levels, its trailing nodes, and pairs of both.

use faer::{Mat, MatMut, MatRef};

use super::entries::Entry;
use super::matrices::{product, Matrices};
use super::Information;
use crate::components::Component;
use crate::derivatives::Derivatives;
use crate::error::LmmError;
use crate::model::Model;
use crate::small::{cholesky, dot, multiply_transpose, solve_lower, transpose};

/// What all parts share.
pub(super) struct Work<'a> {
    pub(super) model: &'a Model,
    pub(super) d: &'a Derivatives,
    pub(super) lambda: &'a [Vec<f64>],
    pub(super) entries: Vec<Entry>,
    pub(super) local: &'a [u32],
}

/// One level of the leading factor.
pub(super) struct Level<'a> {
    /// Places of its columns within the part.
    pub(super) columns: Vec<usize>,
    /// `V_j` and `Y_j = G_j'V_j`, size x columns.
    pub(super) v: Vec<f64>,
    pub(super) y: Vec<f64>,
    /// `D_j = G_j'G_j`.
    pub(super) square: Vec<f64>,
    /// `J_j` (p columns of length size).
    pub(super) j: &'a [f64],
}

impl Work<'_> {
    pub(super) fn leading(&self) -> usize {
        self.model.layout.leading
    }

    fn entries_of(&self, leading: bool) -> Vec<usize> {
        let all = 0..self.entries.len();
        all.filter(|&s| (self.entries[s].factor == self.leading()) == leading)
            .collect()
    }

    /// Add one part.
    pub(super) fn add(
        &self,
        part: &Component,
        within: &Mat<f64>,
        sums: &mut Information,
    ) -> Result<(), LmmError> {
        let levels: Vec<Level> = part.levels.iter().map(|&at| self.level(at)).collect();
        let blocks = Matrices::new(self, part, within, &levels)?;
        let (lead, trail) = (self.entries_of(true), self.entries_of(false));
        for level in &levels {
            self.add_level(level, &lead, &blocks, sums);
        }
        if part.positions.is_empty() {
            return Ok(());
        }
        let x: Vec<Mat<f64>> = trail
            .iter()
            .map(|&t| self.trailing_products(part, t, &blocks.j))
            .collect();
        self.add_trailing(part, &trail, &x, &blocks, sums);
        self.add_leading(part, (&lead, &trail), &levels, &x, &blocks, sums);
        Ok(())
    }

    /// Whitens one level as [`crate::pls`] does.
    fn level(&self, (k, level): (usize, usize)) -> Level<'_> {
        let (chunk, f) = (&self.model.chunks[k], self.leading());
        let (size, p) = (self.model.factors[f].size, self.model.p);
        let lower = &chunk.r[level * size * size..(level + 1) * size * size];
        let (from, to) = (chunk.start[level], chunk.start[level + 1]);
        let root = multiply_transpose(lower, &self.lambda[f], size, size, size);
        let across = transpose(&root, size, size);
        let mut t = multiply_transpose(&across, &across, size, size, size);
        for a in 0..size {
            t[a + a * size] += 1.0;
        }
        let positive = cholesky(&mut t, size);
        debug_assert!(positive, "invariant: I + R Sigma R' is positive definite");
        let mut g = transpose(lower, size, size);
        solve_lower(&t, size, &mut g, size);
        let mut v = chunk.panel[from * size..to * size].to_vec();
        solve_lower(&t, size, &mut v, to - from);
        let at = (chunk.first + level) * size * p;
        Level {
            columns: chunk.columns[from..to]
                .iter()
                .map(|&c| self.local[c as usize] as usize)
                .collect(),
            y: multiply_transpose(&g, &v, size, size, to - from),
            v,
            square: multiply_transpose(&g, &g, size, size, size),
            j: &self.d.j[f][at..at + size * p],
        }
    }

    /// What a leading level adds through its own diagonal block.
    fn add_level(&self, level: &Level, lead: &[usize], blocks: &Matrices, sums: &mut Information) {
        let size = self.model.factors[self.leading()].size;
        let p = self.model.p;
        let h = blocks.inner(level, size);
        let d = |i: usize, j: usize| level.square[i + j * size];
        let n = |i: usize, j: usize| d(i, j) - h[i + j * size];
        let j = |a: usize, c: usize| level.j[a + c * size];
        let products: Vec<Mat<f64>> = lead
            .iter()
            .map(|&s| {
                let mut out = Mat::zeros(size, p);
                self.entries[s].times(j, p, 0, &mut out);
                out
            })
            .collect();
        let own = MatRef::from_column_major_slice(level.j, size, p);
        let square = MatRef::from_column_major_slice(&level.square, size, size);
        for (at, &s) in lead.iter().enumerate() {
            let entry = &self.entries[s];
            sums.linear[s] += entry.trace(n);
            add_to(
                &mut sums.fixed[s * p * p..(s + 1) * p * p],
                own.transpose() * &products[at],
            );
            let left = products[at].transpose() * square;
            for (other, &t) in lead[..=at].iter().enumerate() {
                let pair = &self.entries[t];
                let trace = entry.trace_of_pair(pair, n)
                    - entry.trace_of_pair(pair, |i, j| h[i + j * size]);
                sums.add(s, t, trace, (&left * &products[other]).as_ref());
            }
        }
    }

    /// `E_t J_2`.
    fn trailing_products(&self, part: &Component, t: usize, j: &Mat<f64>) -> Mat<f64> {
        let mut out = Mat::zeros(part.positions.len(), self.model.p);
        let entry = &self.entries[t];
        for node in part.nodes.iter().filter(|n| n.factor == entry.factor) {
            let own = |a: usize, c: usize| j[(node.start + a, c)];
            entry.times(own, self.model.p, node.start, &mut out);
        }
        out
    }

    /// Pairs of entries of trailing factors.
    fn add_trailing(
        &self,
        part: &Component,
        trail: &[usize],
        x: &[Mat<f64>],
        blocks: &Matrices,
        sums: &mut Information,
    ) {
        let p = self.model.p;
        let n = &blocks.n;
        for (at, &s) in trail.iter().enumerate() {
            let entry = self.entries[s];
            let of = |factor: usize| part.nodes.iter().filter(move |n| n.factor == factor);
            for u in of(entry.factor) {
                sums.linear[s] += entry.trace(|i, j| n[(u.start + i, u.start + j)]);
            }
            add_to(
                &mut sums.fixed[s * p * p..(s + 1) * p * p],
                blocks.j.transpose() * &x[at],
            );
            let left = x[at].transpose() * n;
            for (other, &t) in trail[..=at].iter().enumerate() {
                let pair = self.entries[t];
                let mut trace = 0.0;
                for v in of(pair.factor) {
                    for u in of(entry.factor) {
                        trace += entry.trace_of_pair(&pair, |i, j| n[(u.start + i, v.start + j)]);
                    }
                }
                sums.add(s, t, trace, (&left * &x[other]).as_ref());
            }
        }
    }

    /// Pairs with an entry of the leading factor, through the trailing block.
    fn add_leading(
        &self,
        part: &Component,
        (lead, trail): (&[usize], &[usize]),
        levels: &[Level],
        x: &[Mat<f64>],
        blocks: &Matrices,
        sums: &mut Information,
    ) {
        let parallel = self.model.pool.is_some();
        let rx: Vec<Mat<f64>> = x.iter().map(|x| &blocks.r * x).collect();
        let mut pm: Vec<Mat<f64>> = Vec::with_capacity(lead.len());
        let mut a: Vec<Mat<f64>> = Vec::with_capacity(lead.len());
        for &s in lead {
            let entry = self.entries[s];
            let (square, own) = self.between_levels(part, levels, &entry);
            let mr = product(square.as_ref(), blocks.r.as_ref(), parallel);
            for (&t, rx) in trail.iter().zip(&rx) {
                let pair = self.entries[t];
                let mut trace = 0.0;
                for u in part.nodes.iter().filter(|n| n.factor == pair.factor) {
                    trace += pair.trace(|i, j| {
                        column_dot(blocks.r.as_ref(), u.start + i, mr.as_ref(), u.start + j)
                    });
                }
                sums.add(s, t, trace, (own.transpose() * rx).as_ref());
            }
            pm.push(product(blocks.p.as_ref(), square.as_ref(), parallel));
            a.push(own);
            let (last, left) = (pm.len() - 1, a[pm.len() - 1].transpose() * &blocks.p);
            for (at, &t) in lead[..=last].iter().enumerate() {
                let trace = trace_of_product(&pm[last], &pm[at]);
                sums.add(s, t, trace, (-(&left * &a[at])).as_ref());
            }
        }
    }

    /// `M_s = Y'E_s Y` and `Y'E_s J_1`.
    fn between_levels(
        &self,
        part: &Component,
        levels: &[Level],
        entry: &Entry,
    ) -> (Mat<f64>, Mat<f64>) {
        let size = self.model.factors[self.leading()].size;
        let (m, p) = (part.positions.len(), self.model.p);
        let (mut square, mut own) = (Mat::zeros(m, m), Mat::zeros(m, p));
        for level in levels {
            for (i, j) in entry.places() {
                for (&c, yc) in level.columns.iter().zip(level.y.chunks_exact(size)) {
                    let column = square.col_as_slice_mut(c);
                    for (&r, yr) in level.columns.iter().zip(level.y.chunks_exact(size)) {
                        column[r] += yr[i] * yc[j];
                    }
                    for k in 0..p {
                        own[(c, k)] += yc[i] * level.j[j + k * size];
                    }
                }
            }
        }
        (square, own)
    }
}

fn column_dot(a: MatRef<'_, f64>, i: usize, b: MatRef<'_, f64>, j: usize) -> f64 {
    a.col(i).transpose() * b.col(j)
}

/// `tr(A B)`.
fn trace_of_product(a: &Mat<f64>, b: &Mat<f64>) -> f64 {
    let across = b.transpose().to_owned();
    (0..a.ncols())
        .map(|c| dot(a.col_as_slice(c), across.col_as_slice(c)))
        .sum()
}

fn add_to(to: &mut [f64], from: Mat<f64>) {
    let to = MatMut::from_column_major_slice_mut(to, from.nrows(), from.ncols());
    faer::zip!(to, &from).for_each(|faer::unzip!(to, from)| *to += from);
}
