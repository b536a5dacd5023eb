//! Sparse Cholesky factor of the trailing block, and the entries of its inverse on the factor's
//! pattern.
//!
//! faer orders (approximate minimum degree) and factors; nested factors come out without fill. Where
//! columns have many rows in common they are kept and computed as dense panels
//! ([`crate::supernodal`]), else one by one ([`crate::simplicial`]): faer counts which is faster.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::sparse::linalg::cholesky::{
    factorize_symbolic_cholesky, CholeskySymbolicParams, SymbolicCholesky, SymbolicCholeskyRaw,
    SymmetricOrdering,
};
use faer::sparse::linalg::SupernodalThreshold;
use faer::sparse::{SparseColMatRef, SymbolicSparseColMatRef};
use faer::{Par, Side};

use crate::error::LmmError;
use crate::progress::Progress;
use crate::scratch::with_scratch;
use crate::simplicial::Simplicial;
use crate::supernodal::Supernodal;

/// Pattern of a symmetric matrix (lower triangle, CSC, rows ascending) and of its factor.
pub struct Pattern {
    n: usize,
    column_start: Vec<usize>,
    rows: Vec<usize>,
    symbolic: SymbolicCholesky<usize>,
    /// Position of each original index in the elimination order.
    position: Vec<usize>,
    factor: Factor,
}

enum Factor {
    Simplicial(Simplicial),
    Supernodal(Supernodal),
}

impl Pattern {
    /// Order and analyse. `a` is the lower triangle by columns, diagonal included.
    pub fn new(a: &sprs::CsMat<()>) -> Result<Pattern, LmmError> {
        Pattern::with_threshold(a, SupernodalThreshold::AUTO)
    }

    /// [`Pattern::new`] with faer's rule for panels replaced.
    pub fn with_threshold(
        a: &sprs::CsMat<()>,
        threshold: SupernodalThreshold,
    ) -> Result<Pattern, LmmError> {
        let n = a.cols();
        let column_start = a.indptr().raw_storage().to_vec();
        let rows = a.indices().to_vec();
        let pattern = SymbolicSparseColMatRef::new_checked(n, n, &column_start, None, &rows);
        let params = CholeskySymbolicParams {
            supernodal_flop_ratio_threshold: threshold,
            ..Default::default()
        };
        let symbolic =
            factorize_symbolic_cholesky(pattern, Side::Lower, SymmetricOrdering::Amd, params)
                .map_err(|e| LmmError::Internal(format!("symbolic factorisation: {e:?}")))?;
        let position = match symbolic.perm() {
            Some(p) => p.arrays().1.to_vec(),
            None => (0..n).collect(),
        };
        let factor = match symbolic.raw() {
            SymbolicCholeskyRaw::Simplicial(s) => Factor::Simplicial(Simplicial::new(s)),
            SymbolicCholeskyRaw::Supernodal(s) => Factor::Supernodal(Supernodal::new(s)),
        };
        Ok(Pattern {
            n,
            column_start,
            rows,
            symbolic,
            position,
            factor,
        })
    }

    /// Whether columns are kept as dense panels.
    pub fn is_supernodal(&self) -> bool {
        matches!(self.factor, Factor::Supernodal(_))
    }

    /// Entries of the factor.
    pub fn factor_len(&self) -> usize {
        self.symbolic.len_val()
    }

    /// Multiplications and additions of a factorisation.
    pub fn flops(&self) -> f64 {
        match &self.factor {
            Factor::Simplicial(s) => s.flops(),
            Factor::Supernodal(s) => s.flops(),
        }
    }

    /// Where the entry (row, column) of the matrix or its transpose stands in the factor.
    pub fn factor_position(&self, row: usize, column: usize) -> usize {
        let (a, b) = (self.position[row], self.position[column]);
        let (row, column) = (a.max(b), a.min(b));
        match &self.factor {
            Factor::Simplicial(s) => s.position(row, column),
            Factor::Supernodal(s) => s.position(row, column),
        }
    }

    /// Memory for [`Pattern::cholesky`].
    pub fn memory(&self) -> Result<MemBuffer, LmmError> {
        let scratch = self
            .symbolic
            .factorize_numeric_llt_scratch::<f64>(Par::Seq, Default::default());
        MemBuffer::try_new(scratch).map_err(|_| LmmError::Memory {
            bytes: scratch.size_bytes() as u128,
            what: "the sparse factorisation".into(),
        })
    }

    /// Numerical factor of the matrix with the values `a` (in the order of the pattern).
    pub fn cholesky(
        &self,
        a: &[f64],
        l: &mut [f64],
        memory: &mut MemBuffer,
    ) -> Result<(), LmmError> {
        let pattern = SymbolicSparseColMatRef::new_checked(
            self.n,
            self.n,
            &self.column_start,
            None,
            &self.rows,
        );
        self.symbolic
            .factorize_numeric_llt(
                l,
                SparseColMatRef::new(pattern, a),
                Side::Lower,
                Default::default(),
                Par::Seq,
                MemStack::new(memory),
                Default::default(),
            )
            .map(|_| ())
            .map_err(|_| LmmError::NotPositiveDefinite {
                what: "the penalised cross-product of the random effects".into(),
            })
    }

    /// log determinant of the matrix.
    pub fn log_determinant(&self, l: &[f64]) -> f64 {
        match &self.factor {
            Factor::Simplicial(s) => s.diagonal(l).map(|d| 2.0 * d.ln()).sum(),
            Factor::Supernodal(s) => s.diagonal(l).map(|d| 2.0 * d.ln()).sum(),
        }
    }

    /// `x <- L^-1 P x` for k columns: the result is in elimination order.
    pub fn solve_lower(&self, l: &[f64], x: &mut [f64], k: usize) {
        with_scratch(self.n, |y| {
            for column in x.chunks_exact_mut(self.n).take(k) {
                for (v, &to) in column.iter().zip(&self.position) {
                    y[to] = *v;
                }
                column.copy_from_slice(y);
            }
        });
        match &self.factor {
            Factor::Simplicial(s) => s.solve_lower(l, x, k),
            Factor::Supernodal(s) => s.solve_lower(l, x, k),
        }
    }

    /// `x <- P' L^-T x` for k columns given in elimination order.
    pub fn solve_lower_transpose(&self, l: &[f64], x: &mut [f64], k: usize) {
        match &self.factor {
            Factor::Simplicial(s) => s.solve_lower_transpose(l, x, k),
            Factor::Supernodal(s) => s.solve_lower_transpose(l, x, k),
        }
        with_scratch(self.n, |y| {
            for column in x.chunks_exact_mut(self.n).take(k) {
                y.copy_from_slice(column);
                for (v, &from) in column.iter_mut().zip(&self.position) {
                    *v = y[from];
                }
            }
        });
    }

    /// Entries of the inverse on the pattern of the factor, in the factor's order.
    pub fn selected_inverse(
        &self,
        l: &[f64],
        z: &mut [f64],
        parallel: bool,
        progress: &Progress,
    ) -> Result<(), LmmError> {
        match &self.factor {
            Factor::Simplicial(s) => {
                s.selected_inverse(l, z);
                progress.check()
            }
            Factor::Supernodal(s) => s.selected_inverse(l, z, parallel, progress),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of 12 along the diagonal, tied to a border of 9: positive definite.
    fn bordered(n: usize) -> (sprs::CsMat<()>, Vec<f64>, Vec<f64>) {
        let entry = |i: usize, j: usize| {
            if i == j {
                4.0 + (i % 5) as f64
            } else if i >= n - 9 || i / 12 == j / 12 {
                0.3 / (1.0 + ((i * 7 + j * 3) % 11) as f64)
            } else {
                0.0
            }
        };
        let (mut start, mut rows, mut values) = (vec![0], Vec::new(), Vec::new());
        let mut dense = vec![0.0; n * n];
        for j in 0..n {
            for i in j..n {
                let v = entry(i, j);
                if v != 0.0 {
                    rows.push(i);
                    values.push(v);
                    dense[i + j * n] = v;
                    dense[j + i * n] = v;
                }
            }
            start.push(rows.len());
        }
        let pattern = sprs::CsMat::new_csc((n, n), start, rows, vec![(); values.len()]);
        (pattern, values, dense)
    }

    fn check(threshold: SupernodalThreshold, parallel: bool) {
        let n = 105;
        let (a, values, dense) = bordered(n);
        let pattern = Pattern::with_threshold(&a, threshold).expect("analysed");
        let mut l = vec![0.0; pattern.factor_len()];
        let mut memory = pattern.memory().expect("memory");
        pattern
            .cholesky(&values, &mut l, &mut memory)
            .expect("positive definite");
        let mut z = vec![0.0; pattern.factor_len()];
        let progress = Progress::default();
        pattern
            .selected_inverse(&l, &mut z, parallel, &progress)
            .expect("not interrupted");
        let mut inverse = vec![0.0; n * n];
        (0..n).for_each(|i| inverse[i + i * n] = 1.0);
        pattern.solve_lower(&l, &mut inverse, n);
        pattern.solve_lower_transpose(&l, &mut inverse, n);
        let product = crate::small::multiply(&dense, &inverse, n, n, n);
        for (k, v) in product.iter().enumerate() {
            let expected = if k % n == k / n { 1.0 } else { 0.0 };
            assert!((v - expected).abs() < 1e-13);
        }
        for j in 0..n {
            for i in (j..n).filter(|i| dense[i + j * n] != 0.0) {
                let v = z[pattern.factor_position(i, j)];
                assert!((v - inverse[i + j * n]).abs() < 1e-14, "({i}, {j})");
            }
        }
        let mut whole = dense;
        assert!(crate::small::cholesky(&mut whole, n));
        let log: f64 = (0..n).map(|i| 2.0 * whole[i + i * n].ln()).sum();
        assert!((pattern.log_determinant(&l) - log).abs() < 1e-11);
    }

    #[test]
    fn columns_one_by_one_and_panels_agree_with_dense_formulas() {
        check(SupernodalThreshold::FORCE_SIMPLICIAL, false);
        check(SupernodalThreshold::FORCE_SUPERNODAL, false);
        check(SupernodalThreshold::FORCE_SUPERNODAL, true);
    }
}
