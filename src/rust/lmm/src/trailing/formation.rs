//! B: what the rows and the absorbed levels of the leading factor leave in the trailing block.
//!
//! The within part does not change with lambda; the rest is the sum of `V_j'V_j` over the levels.

use rayon::prelude::*;

use super::{allocate, Storage, Trailing, TrailingWork};
use crate::crossprod::{Chunk, Rows, ROWS_BETWEEN_CHECKS};
use crate::dense;
use crate::error::LmmError;
use crate::layout::Layout;
use crate::pls::ChunkWork;
use crate::progress::Progress;
use crate::small::{axpy, dot};
use crate::term::Factor;

/// Columns of a tile of the dense scatter: a tile of a few thousand rows stays in cache. A multiple of
/// the panels of [`dense::add_squares`], which write above the diagonal, too.
const TILE: usize = 48;

impl Trailing {
    /// Form the within part of B, on the caller's threads.
    pub(crate) fn form_within(
        &mut self,
        rows: &Rows,
        chunks: &[Chunk],
        factors: &[Factor],
        layout: &Layout,
        how: (bool, &Progress),
    ) -> Result<(), LmmError> {
        let (len, progress) = (self.value_len(), how.1);
        let mut b = allocate(len)?;
        for (k, &f) in layout.trailing.iter().enumerate() {
            for &g in &layout.trailing[k..] {
                self.add_rows(&mut b, rows, factors, layout, (f, g), progress)?;
            }
        }
        let panels = |k: usize| chunks[k].panel.as_slice();
        let size = factors[layout.leading].size;
        self.add_squares(-1.0, chunks, &panels, size, (None, &mut b), how);
        progress.check()?;
        self.within = b;
        Ok(())
    }

    /// `Z_f'W Z_g` summed over the rows; f comes before g in the layout.
    fn add_rows(
        &self,
        b: &mut [f64],
        rows: &Rows,
        factors: &[Factor],
        layout: &Layout,
        (f, g): (usize, usize),
        progress: &Progress,
    ) -> Result<(), LmmError> {
        // Rows of one level of the leading factor often share the others, too.
        let (mut last, mut found) = ((usize::MAX, usize::MAX), 0);
        for i in 0..rows.n {
            if i % ROWS_BETWEEN_CHECKS == 0 {
                progress.check()?;
            }
            let from = layout.start[f][rows.codes[f][i] as usize] as usize;
            let to = layout.start[g][rows.codes[g][i] as usize] as usize;
            let zg = rows.z[g].row(i, factors[g].size);
            if last != (to, from) {
                last = (to, from);
                found = self.value_at(to, from);
            }
            let mut at = found;
            for v in rows.z[f].row(i, factors[f].size) {
                axpy(*v, zg, &mut b[at..at + zg.len()]);
                at += self.column_len(from);
            }
        }
        Ok(())
    }

    /// `B <- within + sum over levels of V'V`.
    pub fn assemble(
        &self,
        chunks: &[Chunk],
        leading: &[ChunkWork],
        size: usize,
        work: &mut TrailingWork,
        how: (bool, &Progress),
    ) {
        self.form(chunks, leading, size, &mut work.values, how);
        self.copy_blocks(&work.values, &mut work.blocks);
    }

    /// B, lower triangle and diagonal blocks, once more (m x m: dense storage).
    pub fn b(&self, (chunks, leading): (&[Chunk], &[ChunkWork]), size: usize, out: &mut [f64]) {
        self.form(chunks, leading, size, out, (false, &Progress::default()));
    }

    fn form(
        &self,
        chunks: &[Chunk],
        leading: &[ChunkWork],
        size: usize,
        b: &mut [f64],
        how: (bool, &Progress),
    ) {
        let panels = |k: usize| leading[k].panel.as_slice();
        let from = Some(self.within.as_slice());
        self.add_squares(1.0, chunks, &panels, size, (from, b), how);
        let stacked = leading.iter().map(|c| c.stacked.as_slice());
        dense::add_squares(stacked, self.m, b, how.0);
    }

    /// Add `sign V'V` of the panels of all chunks (empty ones are left out) to b, or to `from` with
    /// the sum in b.
    fn add_squares<'a>(
        &self,
        sign: f64,
        chunks: &[Chunk],
        panels: &(impl Fn(usize) -> &'a [f64] + Sync),
        size: usize,
        (from, b): (Option<&[f64]>, &mut [f64]),
        (parallel, progress): (bool, &Progress),
    ) {
        if self.m == 0 {
            return;
        }
        match &self.storage {
            Storage::Dense => {
                let scatter = |(tile, values): (usize, &mut [f64])| {
                    // The caller checks again, and throws the rest away.
                    if progress.check().is_err() {
                        return;
                    }
                    if let Some(from) = from {
                        self.copy_tile(from, tile * TILE, values);
                    }
                    for (k, chunk) in chunks.iter().enumerate() {
                        let panel = panels(k);
                        if !panel.is_empty() {
                            self.scatter_tile(sign, chunk, panel, size, tile * TILE, values);
                        }
                    }
                };
                if parallel {
                    b.par_chunks_mut(self.m * TILE)
                        .enumerate()
                        .for_each(scatter);
                } else {
                    b.chunks_mut(self.m * TILE).enumerate().for_each(scatter);
                }
            }
            Storage::Sparse(s) => {
                if let Some(from) = from {
                    b.copy_from_slice(from);
                }
                for (k, (chunk, targets)) in chunks.iter().zip(&s.targets).enumerate() {
                    self.scatter_targets(sign, chunk, panels(k), size, targets, b);
                }
            }
        }
    }

    /// The lower triangle of a tile of columns, and the diagonal blocks of its nodes.
    fn copy_tile(&self, from: &[f64], first: usize, values: &mut [f64]) {
        let columns = values.chunks_exact_mut(self.m).enumerate();
        for (c, to) in columns.map(|(k, to)| (first + k, to)) {
            let start = first.min(self.nodes.block_start[c] as usize);
            to[start..].copy_from_slice(&from[c * self.m + start..(c + 1) * self.m]);
        }
    }

    fn scatter_tile(
        &self,
        sign: f64,
        chunk: &Chunk,
        panel: &[f64],
        size: usize,
        first: usize,
        values: &mut [f64],
    ) {
        let end = first + values.len() / self.m;
        for level in chunk.start.windows(2) {
            let columns = &chunk.columns[level[0]..level[1]];
            let v = &panel[level[0] * size..level[1] * size];
            let from = columns.partition_point(|&c| (c as usize) < first);
            let to = columns.partition_point(|&c| (c as usize) < end);
            for k in from..to {
                let c = columns[k] as usize;
                let own = k - (c - self.nodes.block_start[c] as usize);
                let out = &mut values[(c - first) * self.m..(c - first + 1) * self.m];
                if size == 1 {
                    let s = sign * v[k];
                    for (a, x) in columns[own..].iter().zip(&v[own..]) {
                        out[*a as usize] += s * x;
                    }
                } else {
                    let vk = &v[k * size..(k + 1) * size];
                    for (a, va) in columns[own..]
                        .iter()
                        .zip(v[own * size..].chunks_exact(size))
                    {
                        out[*a as usize] += sign * dot(va, vk);
                    }
                }
            }
        }
    }

    fn scatter_targets(
        &self,
        sign: f64,
        chunk: &Chunk,
        panel: &[f64],
        size: usize,
        targets: &[usize],
        b: &mut [f64],
    ) {
        let mut next = targets.iter();
        for level in chunk.start.windows(2) {
            let columns = &chunk.columns[level[0]..level[1]];
            let v = &panel[level[0] * size..level[1] * size];
            for (k, &c) in columns.iter().enumerate() {
                let own = k - (c - self.nodes.block_start[c as usize]) as usize;
                let vk = &v[k * size..(k + 1) * size];
                for (va, &to) in v[own * size..].chunks_exact(size).zip(&mut next) {
                    b[to] += sign * dot(va, vk);
                }
            }
        }
    }
}
