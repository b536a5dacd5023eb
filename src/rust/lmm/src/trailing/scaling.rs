//! Products with Lambda, node by node: of the trailing block on both sides, and of vectors.

use rayon::prelude::*;

use super::{Storage, Trailing};
use crate::sandwich::Side;

/// Positions that a thread takes at once.
const NODES: usize = 64;

impl Trailing {
    pub(super) fn sandwich(
        &self,
        from: &[f64],
        to: &mut [f64],
        lambda: &[Vec<f64>],
        side: Side,
        parallel: bool,
    ) {
        if self.is_scalar() {
            self.scale(Some(from), to, lambda, parallel);
        } else {
            to.copy_from_slice(from);
            self.sandwich_in_place(to, lambda, side, parallel);
        }
    }

    /// Whether a dense block belongs to scalar terms alone.
    fn is_scalar(&self) -> bool {
        matches!(self.storage, Storage::Dense) && self.nodes.sizes.iter().all(|&s| s == 1)
    }

    /// The lower triangle of `Lambda M Lambda` where Lambda is diagonal; M is `from`, or `to`.
    fn scale(&self, from: Option<&[f64]>, to: &mut [f64], lambda: &[Vec<f64>], parallel: bool) {
        let m = self.m;
        let of = |c: usize| lambda[self.nodes.factor_of[c] as usize][0];
        let job = |(c, to): (usize, &mut [f64])| {
            let own = of(c);
            let from = from.map(|from| &from[c * m..(c + 1) * m]);
            let mut at = c;
            while at < m {
                let end = self.nodes.factor_end[at] as usize;
                let factor = own * of(at);
                match from {
                    Some(from) => {
                        for (t, f) in to[at..end].iter_mut().zip(&from[at..end]) {
                            *t = f * factor;
                        }
                    }
                    None => to[at..end].iter_mut().for_each(|t| *t *= factor),
                }
                at = end;
            }
        };
        if parallel {
            to.par_chunks_mut(m).enumerate().for_each(job);
        } else {
            to.chunks_mut(m).enumerate().for_each(job);
        }
    }

    /// `Lambda' M Lambda` (inner) or `Lambda M Lambda'` (outer).
    pub(super) fn sandwich_in_place(
        &self,
        values: &mut [f64],
        lambda: &[Vec<f64>],
        side: Side,
        parallel: bool,
    ) {
        if self.is_scalar() {
            self.scale(None, values, lambda, parallel);
            return;
        }
        self.over_nodes(0..self.m, values, parallel, &|node, own| {
            let size = self.nodes.size_at(node);
            let len = own.len() / size;
            side.columns(own, len, size, &lambda[self.nodes.factor_of[node] as usize]);
            for column in own.chunks_exact_mut(len) {
                self.scale_rows(column, node, lambda, side);
            }
        });
    }

    /// Run `job` on each node in a range of positions and on its columns.
    fn over_nodes(
        &self,
        range: std::ops::Range<usize>,
        values: &mut [f64],
        parallel: bool,
        job: &(impl Fn(usize, &mut [f64]) + Sync),
    ) {
        let (mut node, mut rest) = (range.start, values);
        if parallel && range.len() > NODES {
            let middle = self.nodes.block_start[(range.start + range.end) / 2] as usize;
            if middle > range.start {
                let len = self.column_start(middle) - self.column_start(range.start);
                let (left, right) = rest.split_at_mut(len);
                rayon::join(
                    || self.over_nodes(range.start..middle, left, true, job),
                    || self.over_nodes(middle..range.end, right, true, job),
                );
                return;
            }
        }
        while node < range.end {
            let size = self.nodes.size_at(node);
            let (own, others) = rest.split_at_mut(size * self.column_len(node));
            job(node, own);
            rest = others;
            node += size;
        }
    }

    /// The rows of a column of a node.
    fn scale_rows(&self, column: &mut [f64], node: usize, lambda: &[Vec<f64>], side: Side) {
        let at = match &self.storage {
            Storage::Dense => (None, node),
            Storage::Sparse(s) => (Some(s.rows_of(node)), 0),
        };
        self.scale_positions(column, at, lambda, side);
    }

    /// The entries of a column from `from` on, which are those of the positions in a list, or all.
    fn scale_positions(
        &self,
        column: &mut [f64],
        (list, from): (Option<&[u32]>, usize),
        lambda: &[Vec<f64>],
        side: Side,
    ) {
        let mut k = from;
        while k < column.len() {
            let position = list.map_or(k, |l| l[k] as usize);
            let f = self.nodes.factor_of[position] as usize;
            let size = self.nodes.sizes[f];
            if size == 1 {
                // all positions of the factor at once
                let end = self.nodes.factor_end[position];
                let count = list.map_or(end as usize - k, |l| l[k..].partition_point(|&r| r < end));
                let own = lambda[f][0];
                column[k..k + count].iter_mut().for_each(|v| *v *= own);
                k += count;
                continue;
            }
            side.rows(&mut column[k..k + size], size, &lambda[f]);
            k += size;
        }
    }

    /// `x <- Lambda' x` for k columns of length m.
    pub fn lambda_transpose(&self, lambda: &[Vec<f64>], x: &mut [f64]) {
        self.apply(lambda, x, Side::Inner);
    }

    /// `x <- Lambda x` for k columns of length m.
    pub fn lambda(&self, lambda: &[Vec<f64>], x: &mut [f64]) {
        self.apply(lambda, x, Side::Outer);
    }

    fn apply(&self, lambda: &[Vec<f64>], x: &mut [f64], side: Side) {
        for column in x.chunks_exact_mut(self.m.max(1)) {
            self.scale_positions(column, (None, 0), lambda, side);
        }
    }
}
