//! A sparse Cholesky factor in dense panels (supernodes: columns with the same rows below them) and
//! solves with it. The entries of the inverse on its pattern are found in `selected_inverse`.

mod selected_inverse;

use faer::linalg::matmul::matmul;
use faer::linalg::triangular_solve::{
    solve_lower_triangular_in_place, solve_upper_triangular_in_place,
};
use faer::prelude::ReborrowMut;
use faer::sparse::linalg::cholesky::supernodal::SymbolicSupernodalCholesky;
use faer::{Accum, Mat, MatMut, MatRef, Par};

use crate::small::{axpy, dot};

/// Up to this number of columns loops are faster than dense kernels.
const FEW: usize = 4;

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
    /// Where the rows R of each supernode stand in the panels above.
    segments: Vec<Vec<Segment>>,
}

/// Some rows of a supernode that are columns of one panel above it.
struct Segment {
    /// That panel's supernode.
    of: usize,
    /// The first of these rows, and the end.
    from: usize,
    to: usize,
    /// Where these and all later rows stand in the panel.
    local: Vec<u32>,
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
        let mut found = Supernodal {
            n,
            begin,
            row_start,
            rows,
            value_start: symbolic.col_ptr_for_val().to_vec(),
            of,
            by_depth,
            segments: Vec::new(),
        };
        found.segments = (0..count).map(|s| found.find_segments(s)).collect();
        found
    }

    fn find_segments(&self, s: usize) -> Vec<Segment> {
        let (rows, mut segments, mut from) = (self.rows(s), Vec::new(), 0);
        while from < rows.len() {
            let of = self.of[rows[from]];
            let end = self.columns(of).end;
            let to = from + rows[from..].partition_point(|&r| r < end);
            let local = rows[from..].iter().map(|&r| self.local(of, r) as u32);
            segments.push(Segment {
                of,
                from,
                to,
                local: local.collect(),
            });
            from = to;
        }
        segments
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
        for s in 0..self.count() {
            let (columns, rows) = (self.columns(s), self.rows(s));
            if k > FEW || columns.len() > FEW {
                self.solve_panel(l, (x, k), s);
                continue;
            }
            for x in x.chunks_exact_mut(self.n).take(k) {
                for (j, column) in columns.clone().zip(self.panel_columns(l, s)) {
                    let (top, below) = column.split_at(columns.len());
                    let own = x[j] / top[j - columns.start];
                    x[j] = own;
                    let later = &mut x[j + 1..columns.end];
                    axpy(-own, &top[j + 1 - columns.start..], later);
                    for (v, &row) in below.iter().zip(rows) {
                        x[row] -= v * own;
                    }
                }
            }
        }
    }

    fn solve_panel(&self, l: &[f64], (x, k): (&mut [f64], usize), s: usize) {
        let (columns, rows) = (self.columns(s), self.rows(s));
        let mut x = MatMut::from_column_major_slice_mut(&mut x[..self.n * k], self.n, k);
        let (top, below) = self.panel(l, s).split_at_row(columns.len());
        let mut own = x.rb_mut().subrows_mut(columns.start, columns.len());
        solve_lower_triangular_in_place(top, own.rb_mut(), Par::Seq);
        let product = below * own;
        for (r, &row) in rows.iter().enumerate() {
            for c in 0..k {
                x[(row, c)] -= product[(r, c)];
            }
        }
    }

    /// `x <- L^-T x` for k columns.
    pub(crate) fn solve_lower_transpose(&self, l: &[f64], x: &mut [f64], k: usize) {
        for s in (0..self.count()).rev() {
            let (columns, rows) = (self.columns(s), self.rows(s));
            if k > FEW || columns.len() > FEW {
                self.solve_panel_transpose(l, (x, k), s);
                continue;
            }
            for x in x.chunks_exact_mut(self.n).take(k) {
                for (j, column) in columns.clone().zip(self.panel_columns(l, s)).rev() {
                    let (top, below) = column.split_at(columns.len());
                    let later = &x[j + 1..columns.end];
                    let own = dot(&top[j + 1 - columns.start..], later);
                    let others = below.iter().zip(rows).map(|(v, &row)| v * x[row]);
                    let sum = own + others.sum::<f64>();
                    x[j] = (x[j] - sum) / top[j - columns.start];
                }
            }
        }
    }

    fn solve_panel_transpose(&self, l: &[f64], (x, k): (&mut [f64], usize), s: usize) {
        let (columns, rows) = (self.columns(s), self.rows(s));
        let mut x = MatMut::from_column_major_slice_mut(&mut x[..self.n * k], self.n, k);
        let (top, below) = self.panel(l, s).split_at_row(columns.len());
        let others = Mat::from_fn(rows.len(), k, |r, c| x[(rows[r], c)]);
        let mut own = x.rb_mut().subrows_mut(columns.start, columns.len());
        let left = below.transpose();
        matmul(own.rb_mut(), Accum::Add, left, &others, -1.0, Par::Seq);
        solve_upper_triangular_in_place(top.transpose(), own, Par::Seq);
    }

    /// The columns of a panel.
    fn panel_columns<'a>(&self, l: &'a [f64], s: usize) -> std::slice::ChunksExact<'a, f64> {
        let height = self.columns(s).len() + self.rows(s).len();
        l[self.value_start[s]..self.value_start[s + 1]].chunks_exact(height)
    }
}
