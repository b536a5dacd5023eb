//! Sparse Cholesky factor of the trailing block, and the entries of its inverse on the factor's
//! pattern.
//!
//! faer orders (approximate minimum degree) and factors; nested factors come out without fill. Where
//! columns have many rows in common they are kept and computed as dense panels
//! (`supernodal`), else one by one (`simplicial`): faer counts which is faster.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::sparse::linalg::amd;
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

/// Pattern of a symmetric matrix in the order of its elimination, and of its factor.
pub struct Pattern {
    n: usize,
    /// One triangle by columns, as faer wants it: the lower one for panels, else the upper one.
    triangle: Triangle,
    symbolic: SymbolicCholesky<usize>,
    /// Position of each original index in the elimination order.
    position: Vec<usize>,
    factor: Factor,
}

/// A triangle of a symmetric matrix by columns.
struct Triangle {
    start: Vec<usize>,
    rows: Vec<usize>,
    /// Which entry of the caller's triangle each of them is.
    entry: Vec<usize>,
}

/// The triangle that faer analyses when the order is given.
const SIDE: Side = Side::Upper;

enum Factor {
    Simplicial(Simplicial),
    Supernodal(Supernodal),
}

impl Pattern {
    /// Order and analyse, or `None` if a factorisation takes more than `most` multiplications and
    /// additions. `a` is the lower triangle by columns, diagonal included.
    pub fn new(a: &sprs::CsMat<()>, most: f64) -> Result<Option<Pattern>, LmmError> {
        Pattern::with_threshold(a, most, SupernodalThreshold::AUTO)
    }

    /// [`Pattern::new`] with faer's rule for panels replaced.
    pub fn with_threshold(
        a: &sprs::CsMat<()>,
        most: f64,
        threshold: SupernodalThreshold,
    ) -> Result<Option<Pattern>, LmmError> {
        let n = a.cols();
        let (position, operations) = order(a)?;
        if operations > most {
            return Ok(None);
        }
        let mut triangle = Triangle::upper(a, &position);
        let params = CholeskySymbolicParams {
            supernodal_flop_ratio_threshold: threshold,
            ..Default::default()
        };
        let ordered = SymmetricOrdering::Identity;
        let symbolic = factorize_symbolic_cholesky(triangle.as_ref(n), SIDE, ordered, params)
            .map_err(|e| LmmError::Internal(format!("symbolic factorisation: {e:?}")))?;
        let factor = match symbolic.raw() {
            SymbolicCholeskyRaw::Simplicial(s) => Factor::Simplicial(Simplicial::new(s)),
            SymbolicCholeskyRaw::Supernodal(s) => {
                triangle = triangle.transpose(n);
                Factor::Supernodal(Supernodal::new(s))
            }
        };
        Ok(Some(Pattern {
            n,
            triangle,
            symbolic,
            position,
            factor,
        }))
    }

    /// For each value that [`Pattern::cholesky`] takes, the entry of the lower triangle that it was
    /// given as.
    pub fn entries(&self) -> &[usize] {
        &self.triangle.entry
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

    /// Numerical factor of the matrix with the values `a`, one for each of [`Pattern::entries`].
    pub fn cholesky(
        &self,
        a: &[f64],
        l: &mut [f64],
        memory: &mut MemBuffer,
    ) -> Result<(), LmmError> {
        let side = match &self.factor {
            Factor::Simplicial(_) => Side::Upper,
            Factor::Supernodal(_) => Side::Lower,
        };
        self.symbolic
            .factorize_numeric_llt(
                l,
                SparseColMatRef::new(self.triangle.as_ref(self.n), a),
                side,
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

impl Triangle {
    /// The upper triangle in another order, from the lower one.
    fn upper(a: &sprs::CsMat<()>, position: &[usize]) -> Triangle {
        let mut pairs = Vec::with_capacity(a.nnz());
        for (column, own) in a.outer_iterator().enumerate() {
            for &row in own.indices() {
                let (i, j) = (position[row], position[column]);
                pairs.push((i.min(j), i.max(j)));
            }
        }
        let (n, count) = (position.len(), pairs.len());
        let by_rows = Triangle::sorted(n, count, |e| (pairs[e].1, pairs[e].0));
        by_rows.transpose(n)
    }

    /// By columns, from entries with a (row, column) each; within a column they keep their order.
    fn sorted(n: usize, count: usize, at: impl Fn(usize) -> (usize, usize)) -> Triangle {
        let mut start = vec![0; n + 1];
        (0..count).for_each(|e| start[at(e).1 + 1] += 1);
        (0..n).for_each(|c| start[c + 1] += start[c]);
        let mut next = start.clone();
        let (mut rows, mut entry) = (vec![0; count], vec![0; count]);
        for e in 0..count {
            let (row, column) = at(e);
            rows[next[column]] = row;
            entry[next[column]] = e;
            next[column] += 1;
        }
        Triangle { start, rows, entry }
    }

    /// The same entries as the other triangle: rows ascend within each column.
    fn transpose(&self, n: usize) -> Triangle {
        let mut column = vec![0; self.rows.len()];
        for (c, at) in self.start.windows(2).enumerate() {
            column[at[0]..at[1]].fill(c);
        }
        let mut turned = Triangle::sorted(n, column.len(), |k| (column[k], self.rows[k]));
        turned.entry.iter_mut().for_each(|k| *k = self.entry[*k]);
        turned
    }

    fn as_ref(&self, n: usize) -> SymbolicSparseColMatRef<'_, usize> {
        SymbolicSparseColMatRef::new_checked(n, n, &self.start, None, &self.rows)
    }
}

/// The position of each index in an elimination order, and the operations of a factorisation.
fn order(a: &sprs::CsMat<()>) -> Result<(Vec<usize>, f64), LmmError> {
    let n = a.cols();
    let (start, rows) = (a.indptr(), a.indices());
    let start = start.raw_storage();
    let pattern = SymbolicSparseColMatRef::new_checked(n, n, start, None, rows);
    let scratch = amd::order_maybe_unsorted_scratch::<usize>(n, rows.len());
    let memory = |_| LmmError::Memory {
        bytes: scratch.size_bytes() as u128,
        what: "the order of the sparse factorisation".into(),
    };
    let mut buffer = MemBuffer::try_new(scratch).map_err(memory)?;
    let (mut forward, mut position) = (vec![0; n], vec![0; n]);
    let stack = MemStack::new(&mut buffer);
    let control = amd::Control::default();
    let count = amd::order_maybe_unsorted(&mut forward, &mut position, pattern, control, stack)
        .map_err(|e| LmmError::Internal(format!("order of elimination: {e:?}")))?;
    // of the entries below the diagonal; with it, the sum of the squared lengths of columns
    let operations = 2.0 * count.n_mult_subs_ldl + count.n_div + n as f64;
    Ok((position, operations))
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
        let pattern = Pattern::with_threshold(&a, f64::INFINITY, threshold);
        let pattern = pattern.expect("analysed").expect("not too dear");
        let values: Vec<f64> = pattern.entries().iter().map(|&e| values[e]).collect();
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
