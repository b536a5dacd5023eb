//! The entries of the inverse on the pattern of a factor in panels.
//!
//! With the columns J of a supernode, its other rows R and `Y = L_RJ L_JJ^-1`, the recursion of
//! Takahashi, Fagan and Chen (1973) by blocks is
//!
//! ```text
//! Z_RJ = -Z_RR Y,    Z_JJ = (L_JJ L_JJ')^-1 - Y' Z_RJ
//! ```
//!
//! from the last supernode to the first: all of Z_RR stands in supernodes above it in the
//! elimination tree. Supernodes of the same depth do not need one another.

use faer::linalg::matmul::matmul;
use faer::linalg::triangular_solve::solve_upper_triangular_in_place;
use faer::prelude::ReborrowMut;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::{Supernodal, FEW};
use crate::dense;
use crate::error::LmmError;
use crate::progress::Progress;
use crate::small::{axpy, dot};

/// The panels of the inverse above a supernode: those from a place in the factor's storage on.
#[derive(Clone, Copy)]
struct Above<'a> {
    from: usize,
    values: &'a [f64],
}

impl Supernodal {
    /// Entries of the inverse on the pattern of the factor, in the factor's order.
    pub(crate) fn selected_inverse(
        &self,
        l: &[f64],
        z: &mut [f64],
        parallel: bool,
        progress: &Progress,
    ) -> Result<(), LmmError> {
        let mut memory = Vec::new();
        for list in &self.by_depth {
            progress.check()?;
            if parallel && list.len() > 1 {
                self.inverse_panels(l, z, list, progress)?;
                continue;
            }
            for &s in list {
                let from = self.value_start[s + 1];
                let (left, values) = z.split_at_mut(from);
                let above = Above { from, values };
                let own = &mut left[self.value_start[s]..];
                self.inverse_panel(l, above, (s, own), &mut memory, (parallel, progress))?;
            }
        }
        Ok(())
    }

    /// The panels of supernodes of the same depth, in parallel.
    fn inverse_panels(
        &self,
        l: &[f64],
        z: &mut [f64],
        list: &[usize],
        progress: &Progress,
    ) -> Result<(), LmmError> {
        let above = Above { from: 0, values: z };
        let job = |memory: &mut Vec<f64>, &s: &usize| {
            let mut own = vec![0.0; self.value_start[s + 1] - self.value_start[s]];
            self.inverse_panel(l, above, (s, &mut own), memory, (false, progress))?;
            Ok(own)
        };
        let panels: Result<Vec<_>, LmmError> = list.par_iter().map_init(Vec::new, job).collect();
        for (&s, panel) in list.iter().zip(panels?) {
            z[self.value_start[s]..self.value_start[s + 1]].copy_from_slice(&panel);
        }
        Ok(())
    }

    /// `Z_JJ` (lower triangle) and `Z_RJ` of one supernode into `own`.
    fn inverse_panel(
        &self,
        l: &[f64],
        above: Above,
        (s, own): (usize, &mut [f64]),
        memory: &mut Vec<f64>,
        how: (bool, &Progress),
    ) -> Result<(), LmmError> {
        let (columns, rows) = (self.columns(s).len(), self.rows(s).len());
        let needed = 2 * columns * columns + columns * rows + rows * rows;
        if memory.len() < needed {
            memory.resize(needed, 0.0);
        }
        let panel = &l[self.value_start[s]..self.value_start[s + 1]];
        if columns <= FEW {
            self.few_columns(panel, above, (s, own), memory);
            return Ok(());
        }
        let (square, rest) = memory.split_at_mut(columns * columns);
        let (inverse, rest) = rest.split_at_mut(columns * columns);
        let (y, rest) = rest.split_at_mut(columns * rows);
        let panel = MatRef::from_column_major_slice(panel, columns + rows, columns);
        let (top, below) = panel.split_at_row(columns);
        MatMut::from_column_major_slice_mut(square, columns, columns).copy_from(top);
        dense::inverse(square, columns, inverse, how.0, how.1)?;
        let out = MatMut::from_column_major_slice_mut(own, columns + rows, columns);
        let (mut own, mut others) = out.split_at_row_mut(columns);
        own.copy_from(MatRef::from_column_major_slice(inverse, columns, columns));
        if rows == 0 {
            return Ok(());
        }
        let mut y = MatMut::from_column_major_slice_mut(y, rows, columns);
        y.copy_from(below);
        solve_upper_triangular_in_place(top.transpose(), y.rb_mut().transpose_mut(), Par::Seq);
        let corner = &mut rest[..rows * rows];
        self.gather(above, s, corner);
        dense::fill_upper(corner, rows);
        let corner = MatRef::from_column_major_slice(corner, rows, rows);
        matmul(
            others.rb_mut(),
            Accum::Replace,
            corner,
            y.as_ref(),
            -1.0,
            Par::Seq,
        );
        let left = y.as_ref().transpose();
        matmul(own, Accum::Add, left, others.as_ref(), -1.0, Par::Seq);
        Ok(())
    }

    /// [`Supernodal::inverse_panel`] of few columns.
    fn few_columns(
        &self,
        panel: &[f64],
        above: Above,
        (s, own): (usize, &mut [f64]),
        memory: &mut [f64],
    ) {
        let (columns, rows) = (self.columns(s).len(), self.rows(s).len());
        let height = columns + rows;
        let entry = |a: usize, b: usize| panel[a + b * height];
        let (y, inverse) = memory.split_at_mut(columns * rows);
        for j in (0..columns).rev() {
            let (first, later) = y[j * rows..].split_at_mut(rows);
            first.copy_from_slice(&panel[columns + j * height..(j + 1) * height]);
            for (k, column) in (j + 1..columns).zip(later.chunks_exact(rows.max(1))) {
                axpy(-entry(k, j), column, first);
            }
            first.iter_mut().for_each(|v| *v /= entry(j, j));
        }
        own.fill(0.0);
        self.subtract_product(above, s, y, own);
        // L_JJ^-1, column by column, then its products with itself
        for j in 0..columns {
            for i in 0..columns {
                let sum: f64 = (j..i).map(|k| entry(i, k) * inverse[k + j * columns]).sum();
                let unit = if i == j { 1.0 } else { 0.0 };
                inverse[i + j * columns] = if i < j {
                    0.0
                } else {
                    (unit - sum) / entry(i, i)
                };
            }
        }
        for j in 0..columns {
            for i in j..columns {
                let (a, b) = (&inverse[i * columns..], &inverse[j * columns..]);
                let top = dot(&a[i..columns], &b[i..columns]);
                let below = &own[columns + j * height..(j + 1) * height];
                own[i + j * height] = top - dot(&y[i * rows..(i + 1) * rows], below);
            }
        }
    }

    /// `Z_RJ <- Z_RJ - Z_RR Y` for few columns, from the lower triangle of Z_RR where it stands.
    fn subtract_product(&self, above: Above, s: usize, y: &[f64], own: &mut [f64]) {
        let (columns, rows) = (self.columns(s).len(), self.rows(s).len());
        let height = columns + rows;
        self.for_columns(above, s, |b, values, local| {
            for j in 0..columns {
                let y = &y[j * rows + b..(j + 1) * rows];
                let out = &mut own[columns + j * height + b..(j + 1) * height];
                let (first, mut sum) = (y[0], 0.0);
                for ((&at, y), out) in local.iter().zip(y).zip(out.iter_mut()) {
                    let v = values[at as usize];
                    *out -= v * first;
                    sum += v * y;
                }
                // the diagonal was counted twice
                out[0] -= sum - values[local[0] as usize] * first;
            }
        });
    }

    /// The lower triangle of `Z_RR` for the rows R of a supernode.
    fn gather(&self, above: Above, s: usize, out: &mut [f64]) {
        let count = self.rows(s).len();
        self.for_columns(above, s, |b, values, local| {
            let column = &mut out[b * count + b..(b + 1) * count];
            for (to, &at) in column.iter_mut().zip(local) {
                *to = values[at as usize];
            }
        });
    }

    /// For each row of a supernode: its number, the column of the inverse that is its own, and where
    /// it and the later ones stand there.
    fn for_columns(&self, above: Above, s: usize, mut job: impl FnMut(usize, &[f64], &[u32])) {
        let rows = self.rows(s);
        for segment in &self.segments[s] {
            let columns = self.columns(segment.of);
            let height = columns.len() + self.rows(segment.of).len();
            let panel = &above.values[self.value_start[segment.of] - above.from..];
            let own = rows[segment.from..segment.to].iter();
            for (b, row) in (segment.from..).zip(own) {
                let own = (row - columns.start) * height;
                let local = &segment.local[b - segment.from..];
                job(b, &panel[own..own + height], local);
            }
        }
    }
}
