//! A sparse Cholesky factor in dense panels (supernodes: columns with the same rows below them):
//! solves, and the entries of the inverse on its pattern.
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
use faer::linalg::triangular_solve::{
    solve_lower_triangular_in_place, solve_upper_triangular_in_place,
};
use faer::prelude::ReborrowMut;
use faer::sparse::linalg::cholesky::supernodal::SymbolicSupernodalCholesky;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;

use crate::dense;
use crate::error::LmmError;
use crate::progress::Progress;

/// Pattern of the factor: each panel holds its columns J, rows J first and then R, column-major.
pub(crate) struct Supernodal {
    n: usize,
    /// First column of each supernode, and n.
    begin: Vec<usize>,
    /// Start of each supernode's rows R in `rows`, and the end.
    row_start: Vec<usize>,
    rows: Vec<usize>,
    /// Start of each panel's values, and the end.
    value_start: Vec<usize>,
    /// Supernode of each column.
    of: Vec<usize>,
    /// Supernodes by depth in the elimination tree, roots first.
    by_depth: Vec<Vec<usize>>,
}

impl Supernodal {
    pub(crate) fn new(symbolic: &SymbolicSupernodalCholesky<usize>) -> Supernodal {
        let n = symbolic.ncols();
        let count = symbolic.n_supernodes();
        let mut begin = symbolic.supernode_begin().to_vec();
        begin.push(n);
        let (mut row_start, mut rows) = (vec![0], Vec::new());
        let mut of = vec![0; n];
        for s in 0..count {
            rows.extend_from_slice(symbolic.supernode(s).pattern());
            row_start.push(rows.len());
            of[begin[s]..begin[s + 1]].fill(s);
        }
        let mut depth = vec![0; count];
        let mut by_depth: Vec<Vec<usize>> = Vec::new();
        for s in (0..count).rev() {
            if let Some(&first) = rows[row_start[s]..row_start[s + 1]].first() {
                depth[s] = depth[of[first]] + 1;
            }
            by_depth.resize_with(by_depth.len().max(depth[s] + 1), Vec::new);
            by_depth[depth[s]].push(s);
        }
        Supernodal {
            n,
            begin,
            row_start,
            rows,
            value_start: symbolic.col_ptr_for_val().to_vec(),
            of,
            by_depth,
        }
    }

    fn count(&self) -> usize {
        self.begin.len() - 1
    }

    /// Columns J of a supernode.
    fn columns(&self, s: usize) -> std::ops::Range<usize> {
        self.begin[s]..self.begin[s + 1]
    }

    /// Rows R of a supernode.
    fn rows(&self, s: usize) -> &[usize] {
        &self.rows[self.row_start[s]..self.row_start[s + 1]]
    }

    /// Values of a supernode: ((|J| + |R|) x |J|).
    fn panel<'a>(&self, l: &'a [f64], s: usize) -> MatRef<'a, f64> {
        let columns = self.columns(s).len();
        let values = &l[self.value_start[s]..self.value_start[s + 1]];
        MatRef::from_column_major_slice(values, columns + self.rows(s).len(), columns)
    }

    /// Multiplications and additions of a factorisation.
    pub(crate) fn flops(&self) -> f64 {
        let column = |s: usize| {
            let height = self.columns(s).len() + self.rows(s).len();
            let lengths = (0..self.columns(s).len()).map(move |j| (height - j) as f64);
            lengths.map(|l| l * l).sum::<f64>()
        };
        (0..self.count()).map(column).sum()
    }

    /// Where an entry stands, in elimination order and with row >= column.
    pub(crate) fn position(&self, row: usize, column: usize) -> usize {
        let s = self.of[column];
        let columns = self.columns(s);
        let height = columns.len() + self.rows(s).len();
        self.value_start[s] + (column - columns.start) * height + self.local(s, row)
    }

    /// Where a row stands in a panel.
    fn local(&self, s: usize, row: usize) -> usize {
        let columns = self.columns(s);
        if row < columns.end {
            return row - columns.start;
        }
        let found = self.rows(s).binary_search(&row);
        columns.len() + found.expect("invariant: the factor holds it")
    }

    pub(crate) fn diagonal<'a>(&'a self, l: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        (0..self.count()).flat_map(move |s| {
            let panel = self.panel(l, s);
            (0..panel.ncols()).map(move |j| panel[(j, j)])
        })
    }

    /// `x <- L^-1 x` for k columns.
    pub(crate) fn solve_lower(&self, l: &[f64], x: &mut [f64], k: usize) {
        let mut x = MatMut::from_column_major_slice_mut(&mut x[..self.n * k], self.n, k);
        for s in 0..self.count() {
            let (columns, rows) = (self.columns(s), self.rows(s));
            let (top, below) = self.panel(l, s).split_at_row(columns.len());
            let mut own = x.rb_mut().subrows_mut(columns.start, columns.len());
            solve_lower_triangular_in_place(top, own.rb_mut(), Par::Seq);
            if rows.is_empty() {
                continue;
            }
            let product = below * own;
            for (r, &row) in rows.iter().enumerate() {
                for c in 0..k {
                    x[(row, c)] -= product[(r, c)];
                }
            }
        }
    }

    /// `x <- L^-T x` for k columns.
    pub(crate) fn solve_lower_transpose(&self, l: &[f64], x: &mut [f64], k: usize) {
        let mut x = MatMut::from_column_major_slice_mut(&mut x[..self.n * k], self.n, k);
        for s in (0..self.count()).rev() {
            let (columns, rows) = (self.columns(s), self.rows(s));
            let (top, below) = self.panel(l, s).split_at_row(columns.len());
            let others = Mat::from_fn(rows.len(), k, |r, c| x[(rows[r], c)]);
            let mut own = x.rb_mut().subrows_mut(columns.start, columns.len());
            let left = below.transpose();
            matmul(own.rb_mut(), Accum::Add, left, &others, -1.0, Par::Seq);
            solve_upper_triangular_in_place(top.transpose(), own, Par::Seq);
        }
    }

    /// Entries of the inverse on the pattern of the factor, in the factor's order.
    pub(crate) fn selected_inverse(
        &self,
        l: &[f64],
        z: &mut [f64],
        parallel: bool,
        progress: &Progress,
    ) -> Result<(), LmmError> {
        for list in &self.by_depth {
            progress.check()?;
            let alone = parallel && list.len() == 1;
            let job = |&s: &usize| self.inverse_panel(l, z, s, alone, progress);
            let panels: Vec<_> = if parallel && list.len() > 1 {
                list.par_iter().map(job).collect::<Result<_, _>>()?
            } else {
                list.iter().map(job).collect::<Result<_, _>>()?
            };
            for (&s, panel) in list.iter().zip(&panels) {
                let (rows, columns) = (panel.nrows(), panel.ncols());
                let own = &mut z[self.value_start[s]..self.value_start[s + 1]];
                MatMut::from_column_major_slice_mut(own, rows, columns).copy_from(panel);
            }
        }
        Ok(())
    }

    /// `Z_JJ` (lower triangle) and `Z_RJ` of one supernode.
    fn inverse_panel(
        &self,
        l: &[f64],
        z: &[f64],
        s: usize,
        parallel: bool,
        progress: &Progress,
    ) -> Result<Mat<f64>, LmmError> {
        let (columns, rows) = (self.columns(s).len(), self.rows(s).len());
        let (top, below) = self.panel(l, s).split_at_row(columns);
        let mut square = vec![0.0; columns * columns];
        let mut inverse = square.clone();
        MatMut::from_column_major_slice_mut(&mut square, columns, columns).copy_from(top);
        dense::inverse(&square, columns, &mut inverse, parallel, progress)?;
        let inverse = MatRef::from_column_major_slice(&inverse, columns, columns);
        let mut out = Mat::zeros(columns + rows, columns);
        let (mut own, mut others) = out.as_mut().split_at_row_mut(columns);
        own.copy_from(inverse);
        if rows == 0 {
            return Ok(out);
        }
        let mut y = below.to_owned();
        solve_upper_triangular_in_place(top.transpose(), y.transpose_mut(), Par::Seq);
        let above = self.gather(z, self.rows(s));
        matmul(others.rb_mut(), Accum::Replace, &above, &y, -1.0, Par::Seq);
        matmul(own, Accum::Add, y.transpose(), others, -1.0, Par::Seq);
        Ok(out)
    }

    /// `Z_RR` for the rows of a supernode.
    fn gather(&self, z: &[f64], rows: &[usize]) -> Mat<f64> {
        let mut out = Mat::zeros(rows.len(), rows.len());
        let (mut from, mut local) = (0, Vec::new());
        while from < rows.len() {
            let t = self.of[rows[from]];
            let columns = self.columns(t);
            let to = from + rows[from..].partition_point(|&r| r < columns.end);
            self.locals(t, &rows[from..], &mut local);
            let panel = self.panel(z, t);
            for b in from..to {
                let column = panel.col(rows[b] - columns.start);
                for a in b..rows.len() {
                    let v = column[local[a - from]];
                    out[(a, b)] = v;
                    out[(b, a)] = v;
                }
            }
            from = to;
        }
        out
    }

    /// Where ascending rows stand in a panel that holds them all.
    fn locals(&self, s: usize, rows: &[usize], local: &mut Vec<usize>) {
        let (columns, own) = (self.columns(s), self.rows(s));
        local.clear();
        let mut k = 0;
        for &row in rows {
            if row < columns.end {
                local.push(row - columns.start);
                continue;
            }
            k += own[k..].partition_point(|&r| r < row);
            local.push(columns.len() + k);
        }
    }
}
