//! A sparse Cholesky factor column by column: solves, and the entries of the inverse on its pattern
//! (Takahashi, Fagan and Chen 1973; Erisman and Tinney 1975).

use faer::sparse::linalg::cholesky::simplicial::SymbolicSimplicialCholesky;

use crate::scratch::with_scratch;

/// Pattern of the factor: CSC, the diagonal first in each column.
pub(crate) struct Simplicial {
    start: Vec<usize>,
    rows: Vec<usize>,
}

impl Simplicial {
    pub(crate) fn new(symbolic: &SymbolicSimplicialCholesky<usize>) -> Simplicial {
        Simplicial {
            start: symbolic.col_ptr().to_vec(),
            rows: symbolic.row_idx().to_vec(),
        }
    }

    fn n(&self) -> usize {
        self.start.len() - 1
    }

    /// Multiplications and additions of a factorisation.
    pub(crate) fn flops(&self) -> f64 {
        let columns = self.start.windows(2);
        columns.map(|c| ((c[1] - c[0]) as f64).powi(2)).sum()
    }

    /// Where an entry stands, in elimination order and with row >= column.
    pub(crate) fn position(&self, row: usize, column: usize) -> usize {
        let from = self.start[column];
        let rows = &self.rows[from..self.start[column + 1]];
        from + rows
            .binary_search(&row)
            .expect("invariant: the factor holds it")
    }

    pub(crate) fn diagonal<'a>(&'a self, l: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        self.start[..self.n()].iter().map(|&d| l[d])
    }

    /// `x <- L^-1 x` for k columns.
    pub(crate) fn solve_lower(&self, l: &[f64], x: &mut [f64], k: usize) {
        let (start, rows) = (&self.start, &self.rows);
        for y in x.chunks_exact_mut(self.n()).take(k) {
            for j in 0..y.len() {
                if y[j] == 0.0 {
                    continue;
                }
                let v = y[j] / l[start[j]];
                y[j] = v;
                for e in start[j] + 1..start[j + 1] {
                    y[rows[e]] -= l[e] * v;
                }
            }
        }
    }

    /// `x <- L^-T x` for k columns.
    pub(crate) fn solve_lower_transpose(&self, l: &[f64], x: &mut [f64], k: usize) {
        let (start, rows) = (&self.start, &self.rows);
        for y in x.chunks_exact_mut(self.n()).take(k) {
            for j in (0..y.len()).rev() {
                let mut v = y[j];
                for e in start[j] + 1..start[j + 1] {
                    v -= l[e] * y[rows[e]];
                }
                y[j] = v / l[start[j]];
            }
        }
    }

    /// Entries of the inverse on the pattern of the factor, in the factor's order.
    pub(crate) fn selected_inverse(&self, l: &[f64], z: &mut [f64]) {
        with_scratch(3 * self.n(), |scratch| self.recurse(l, z, scratch));
    }

    fn recurse(&self, l: &[f64], z: &mut [f64], scratch: &mut [f64]) {
        let (n, start, rows) = (self.n(), &self.start, &self.rows);
        let (value, rest) = scratch.split_at_mut(n);
        let (sum, mark) = rest.split_at_mut(n);
        mark.fill(f64::NAN);
        for j in (0..n).rev() {
            let own = j as f64;
            let entries = start[j] + 1..start[j + 1];
            for e in entries.clone() {
                value[rows[e]] = l[e];
                sum[rows[e]] = 0.0;
                mark[rows[e]] = own;
            }
            for e in entries.clone() {
                let k = rows[e];
                sum[k] += z[start[k]] * value[k];
                for f in start[k] + 1..start[k + 1] {
                    let i = rows[f];
                    if mark[i] == own {
                        sum[i] += z[f] * value[k];
                        sum[k] += z[f] * value[i];
                    }
                }
            }
            let d = l[start[j]];
            let mut diagonal = 1.0 / d;
            for e in entries {
                z[e] = -sum[rows[e]] / d;
                diagonal -= l[e] * z[e];
            }
            z[start[j]] = diagonal / d;
        }
    }
}
