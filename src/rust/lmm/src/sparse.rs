//! Sparse Cholesky factor of the trailing block, and the entries of its inverse on the factor's
//! pattern (Takahashi, Fagan and Chen 1973; Erisman and Tinney 1975).
//!
//! faer orders (approximate minimum degree) and factors; nested factors come out without fill.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::sparse::linalg::cholesky::{
    factorize_symbolic_cholesky, CholeskySymbolicParams, SymbolicCholesky, SymbolicCholeskyRaw,
    SymmetricOrdering,
};
use faer::sparse::linalg::SupernodalThreshold;
use faer::sparse::{SparseColMatRef, SymbolicSparseColMatRef};
use faer::{Par, Side};

use crate::error::LmmError;

/// Pattern of a symmetric matrix (lower triangle, CSC, rows ascending) and of its factor.
pub struct Pattern {
    n: usize,
    column_start: Vec<usize>,
    rows: Vec<usize>,
    symbolic: SymbolicCholesky<usize>,
    /// Position of each original index in the elimination order.
    position: Vec<usize>,
}

impl Pattern {
    /// Order and analyse. `a` is the lower triangle by columns, diagonal included.
    pub fn new(a: &sprs::CsMat<()>) -> Result<Pattern, LmmError> {
        let n = a.cols();
        let column_start = a.indptr().raw_storage().to_vec();
        let rows = a.indices().to_vec();
        let pattern = SymbolicSparseColMatRef::new_checked(n, n, &column_start, None, &rows);
        let params = CholeskySymbolicParams {
            supernodal_flop_ratio_threshold: SupernodalThreshold::FORCE_SIMPLICIAL,
            ..Default::default()
        };
        let symbolic =
            factorize_symbolic_cholesky(pattern, Side::Lower, SymmetricOrdering::Amd, params)
                .map_err(|e| LmmError::Internal(format!("symbolic factorisation: {e:?}")))?;
        let position = match symbolic.perm() {
            Some(p) => p.arrays().1.to_vec(),
            None => (0..n).collect(),
        };
        Ok(Pattern {
            n,
            column_start,
            rows,
            symbolic,
            position,
        })
    }

    /// Entries of the factor.
    pub fn factor_len(&self) -> usize {
        self.symbolic.len_val()
    }

    /// Multiplications and additions of a factorisation.
    pub fn flops(&self) -> f64 {
        let (start, _) = self.factor();
        start
            .windows(2)
            .map(|c| ((c[1] - c[0]) as f64).powi(2))
            .sum()
    }

    fn factor(&self) -> (&[usize], &[usize]) {
        match self.symbolic.raw() {
            SymbolicCholeskyRaw::Simplicial(s) => (s.col_ptr(), s.row_idx()),
            SymbolicCholeskyRaw::Supernodal(_) => (&[], &[]),
        }
    }

    /// Where the entry (row, column) of the matrix or its transpose stands in the factor.
    pub fn factor_position(&self, row: usize, column: usize) -> usize {
        let (a, b) = (self.position[row], self.position[column]);
        let (start, rows) = self.factor();
        let (r, c) = (a.max(b), a.min(b));
        let from = start[c];
        from + rows[from..start[c + 1]]
            .binary_search(&r)
            .expect("invariant: the factor holds it")
    }

    /// Numerical factor of the matrix with the values `a` (in the order of the pattern).
    pub fn cholesky(&self, a: &[f64], l: &mut [f64]) -> Result<(), LmmError> {
        let pattern = SymbolicSparseColMatRef::new_checked(
            self.n,
            self.n,
            &self.column_start,
            None,
            &self.rows,
        );
        let scratch = self
            .symbolic
            .factorize_numeric_llt_scratch::<f64>(Par::Seq, Default::default());
        let mut memory = MemBuffer::try_new(scratch).map_err(|_| LmmError::Memory {
            bytes: scratch.size_bytes() as u128,
            what: "the sparse factorisation".into(),
        })?;
        self.symbolic
            .factorize_numeric_llt(
                l,
                SparseColMatRef::new(pattern, a),
                Side::Lower,
                Default::default(),
                Par::Seq,
                MemStack::new(&mut memory),
                Default::default(),
            )
            .map(|_| ())
            .map_err(|_| LmmError::NotPositiveDefinite {
                what: "the penalised cross-product of the random effects".into(),
            })
    }

    /// log determinant of the matrix.
    pub fn log_determinant(&self, l: &[f64]) -> f64 {
        let (start, _) = self.factor();
        start[..self.n].iter().map(|&d| 2.0 * l[d].ln()).sum()
    }

    /// `x <- L^-1 P x` for k columns: the result is in elimination order.
    pub fn solve_lower(&self, l: &[f64], x: &mut [f64], k: usize) {
        let (start, rows) = self.factor();
        let mut y = vec![0.0; self.n];
        for column in x.chunks_exact_mut(self.n).take(k) {
            for (i, v) in column.iter().enumerate() {
                y[self.position[i]] = *v;
            }
            for j in 0..self.n {
                if y[j] == 0.0 {
                    continue;
                }
                let v = y[j] / l[start[j]];
                y[j] = v;
                for e in start[j] + 1..start[j + 1] {
                    y[rows[e]] -= l[e] * v;
                }
            }
            column.copy_from_slice(&y);
        }
    }

    /// `x <- P' L^-T x` for k columns given in elimination order.
    pub fn solve_lower_transpose(&self, l: &[f64], x: &mut [f64], k: usize) {
        let (start, rows) = self.factor();
        let mut y = vec![0.0; self.n];
        for column in x.chunks_exact_mut(self.n).take(k) {
            y.copy_from_slice(column);
            for j in (0..self.n).rev() {
                let mut v = y[j];
                for e in start[j] + 1..start[j + 1] {
                    v -= l[e] * y[rows[e]];
                }
                y[j] = v / l[start[j]];
            }
            for (i, v) in column.iter_mut().enumerate() {
                *v = y[self.position[i]];
            }
        }
    }

    /// Entries of the inverse on the pattern of the factor, in the factor's order.
    pub fn selected_inverse(&self, l: &[f64], z: &mut [f64], _parallel: bool) {
        let (start, rows) = self.factor();
        let mut value = vec![0.0; self.n];
        let mut sum = vec![0.0; self.n];
        let mut mark = vec![usize::MAX; self.n];
        for j in (0..self.n).rev() {
            let entries = start[j] + 1..start[j + 1];
            for e in entries.clone() {
                value[rows[e]] = l[e];
                sum[rows[e]] = 0.0;
                mark[rows[e]] = j;
            }
            for e in entries.clone() {
                let k = rows[e];
                sum[k] += z[start[k]] * value[k];
                for f in start[k] + 1..start[k + 1] {
                    let i = rows[f];
                    if mark[i] == j {
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
