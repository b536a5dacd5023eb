//! Blocked Cholesky factor, inverse and triangular solves of a large dense matrix.
//!
//! Lower triangles, column-major. faer's kernels do the arithmetic on panels; rayon spreads
//! independent panels over the threads of the caller's pool, and between panels the caller may stop
//! the work. The same panels are used whatever the number of threads, so the result is the same.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::triangular_solve::{
    solve_lower_triangular_in_place, solve_upper_triangular_in_place,
};
use faer::prelude::{Reborrow, ReborrowMut};
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use crate::error::LmmError;
use crate::progress::Progress;

/// Width of a panel.
const PANEL: usize = 128;

/// Cholesky factor in place.
pub fn cholesky(
    a: &mut [f64],
    m: usize,
    parallel: bool,
    progress: &Progress,
) -> Result<(), LmmError> {
    let mut rest = MatMut::from_column_major_slice_mut(a, m, m);
    let mut memory = MemBuffer::new(cholesky_in_place_scratch::<f64>(
        PANEL.min(m),
        Par::Seq,
        Default::default(),
    ));
    while rest.nrows() > 0 {
        progress.check()?;
        let width = PANEL.min(rest.nrows());
        let (mut a11, _, mut a21, mut a22) = rest.split_at_mut(width, width);
        cholesky_in_place(
            a11.rb_mut(),
            Default::default(),
            Par::Seq,
            MemStack::new(&mut memory),
            Default::default(),
        )
        .map_err(|_| LmmError::NotPositiveDefinite {
            what: "the penalised cross-product of the random effects".into(),
        })?;
        solve_panel(a11.rb(), a21.rb_mut(), parallel);
        downdate(a21.rb(), a22.rb_mut(), parallel);
        rest = a22;
    }
    Ok(())
}

/// `A21 <- A21 L11^-T`, in row blocks.
fn solve_panel(l11: MatRef<'_, f64>, a21: MatMut<'_, f64>, parallel: bool) {
    let blocks = row_blocks(a21);
    run(blocks, parallel, |block| {
        solve_lower_triangular_in_place(l11, block.transpose_mut(), Par::Seq)
    });
}

/// `A22 <- A22 - A21 A21'` on the lower triangle, in column blocks.
fn downdate(a21: MatRef<'_, f64>, a22: MatMut<'_, f64>, parallel: bool) {
    let blocks = column_blocks(a22);
    run(
        blocks.into_iter().enumerate().collect(),
        parallel,
        |(k, block)| {
            let (from, width) = (k * PANEL, block.ncols());
            let (_, own) = block.split_at_row_mut(from);
            let (diagonal, below) = own.split_at_row_mut(width);
            let left = a21.subrows(from, width);
            triangular::matmul(
                diagonal,
                BlockStructure::TriangularLower,
                Accum::Add,
                left,
                BlockStructure::Rectangular,
                left.transpose(),
                BlockStructure::Rectangular,
                -1.0,
                Par::Seq,
            );
            let lower = a21.subrows(from + width, a21.nrows() - from - width);
            matmul(below, Accum::Add, lower, left.transpose(), -1.0, Par::Seq);
        },
    );
}

/// `out <- (L L')^-1`, lower triangle.
pub fn inverse(
    l: &[f64],
    m: usize,
    out: &mut [f64],
    parallel: bool,
    progress: &Progress,
) -> Result<(), LmmError> {
    let l = MatRef::from_column_major_slice(l, m, m);
    let blocks = column_blocks(MatMut::from_column_major_slice_mut(out, m, m));
    run(
        blocks.into_iter().enumerate().collect(),
        parallel,
        |(k, block)| {
            if progress.check().is_ok() {
                invert_panel(l, k * PANEL, block);
            }
        },
    );
    for from in (0..m).step_by(PANEL) {
        progress.check()?;
        let width = PANEL.min(m - from);
        let whole = MatMut::from_column_major_slice_mut(out, m, m);
        let pivot = whole.rb().submatrix(from, from, m - from, width).to_owned();
        let blocks = column_blocks(whole.subcols_mut(0, from + width));
        run(blocks, parallel, |block| {
            let below = block.rb().subrows(from, m - from);
            let product = pivot.transpose() * below;
            block.subrows_mut(from, width).copy_from(product);
        });
    }
    Ok(())
}

/// Columns `from..` of `L^-1`.
fn invert_panel(l: MatRef<'_, f64>, from: usize, mut block: MatMut<'_, f64>) {
    let m = l.nrows();
    block.fill(0.0);
    for j in 0..block.ncols() {
        block[(from + j, j)] = 1.0;
    }
    let below = block.subrows_mut(from, m - from);
    solve_lower_triangular_in_place(l.submatrix(from, from, m - from, m - from), below, Par::Seq);
}

/// `x <- L^-1 x` for k columns.
pub fn solve_lower(l: &[f64], m: usize, x: &mut [f64], k: usize) {
    let l = MatRef::from_column_major_slice(l, m, m);
    solve_lower_triangular_in_place(l, MatMut::from_column_major_slice_mut(x, m, k), Par::Seq);
}

/// `x <- L^-T x` for k columns.
pub fn solve_lower_transpose(l: &[f64], m: usize, x: &mut [f64], k: usize) {
    let l = MatRef::from_column_major_slice(l, m, m);
    solve_upper_triangular_in_place(
        l.transpose(),
        MatMut::from_column_major_slice_mut(x, m, k),
        Par::Seq,
    );
}

/// `out <- A x` for k columns, A given by its lower triangle.
pub fn multiply_symmetric(a: &[f64], m: usize, x: &[f64], k: usize, out: &mut [f64]) {
    let a = MatRef::from_column_major_slice(a, m, m);
    let x = MatRef::from_column_major_slice(x, m, k).transpose();
    let out = MatMut::from_column_major_slice_mut(out, m, k).transpose_mut();
    add_symmetric_product(x, a, out, Accum::Replace);
}

/// `S A` for A given by its lower triangle, into `out` or added to it.
fn add_symmetric_product(
    s: MatRef<'_, f64>,
    a: MatRef<'_, f64>,
    mut out: MatMut<'_, f64>,
    how: Accum,
) {
    let whole = BlockStructure::Rectangular;
    let parts = [
        (a, BlockStructure::TriangularLower, how),
        (
            a.transpose(),
            BlockStructure::StrictTriangularUpper,
            Accum::Add,
        ),
    ];
    for (part, structure, how) in parts {
        triangular::matmul(
            out.rb_mut(),
            whole,
            how,
            s,
            whole,
            part,
            structure,
            1.0,
            Par::Seq,
        );
    }
}

/// `A' B` for A with k columns and B with l.
pub fn multiply_transposed(a: &[f64], b: &[f64], k: usize, l: usize) -> Vec<f64> {
    let rows = a.len() / k.max(1);
    let mut out = vec![0.0; k * l];
    matmul(
        MatMut::from_column_major_slice_mut(&mut out, k, l),
        Accum::Replace,
        MatRef::from_column_major_slice(a, rows, k).transpose(),
        MatRef::from_column_major_slice(b, rows, l),
        1.0,
        Par::Seq,
    );
    out
}

/// `B <- B + S'S` on the lower triangle and the panels' diagonal blocks, for S with m columns.
pub fn add_square(s: &[f64], m: usize, b: &mut [f64], parallel: bool) {
    let s = MatRef::from_column_major_slice(s, s.len() / m, m);
    let blocks = column_blocks(MatMut::from_column_major_slice_mut(b, m, m));
    run(
        blocks.into_iter().enumerate().collect(),
        parallel,
        |(k, block)| {
            let (from, width) = (k * PANEL, block.ncols());
            let own = block.subrows_mut(from, m - from);
            let left = s.subcols(from, m - from).transpose();
            matmul(own, Accum::Add, left, s.subcols(from, width), 1.0, Par::Seq);
        },
    );
}

/// `out <- S A` for S with m columns, A given by its lower triangle.
pub fn multiply_right(s: &[f64], a: &[f64], m: usize, out: &mut [f64], parallel: bool) {
    let rows = s.len() / m;
    let (s, a) = (
        MatRef::from_column_major_slice(s, rows, m),
        MatRef::from_column_major_slice(a, m, m),
    );
    let blocks = column_blocks(MatMut::from_column_major_slice_mut(out, rows, m));
    run(
        blocks.into_iter().enumerate().collect(),
        parallel,
        |(k, mut block)| {
            let (from, width) = (k * PANEL, block.ncols());
            let (left, own) = (
                a.submatrix(from, 0, width, from),
                a.submatrix(from, from, width, width),
            );
            let below = a.submatrix(from + width, from, m - from - width, width);
            matmul(
                block.rb_mut(),
                Accum::Replace,
                s.subcols(0, from),
                left.transpose(),
                1.0,
                Par::Seq,
            );
            add_symmetric_product(s.subcols(from, width), own, block.rb_mut(), Accum::Add);
            let rest = s.subcols(from + width, m - from - width);
            matmul(block, Accum::Add, rest, below, 1.0, Par::Seq);
        },
    );
}

fn column_blocks(mut a: MatMut<'_, f64>) -> Vec<MatMut<'_, f64>> {
    let mut blocks = Vec::new();
    while a.ncols() > 0 {
        let width = PANEL.min(a.ncols());
        let (block, rest) = a.split_at_col_mut(width);
        blocks.push(block);
        a = rest;
    }
    blocks
}

fn row_blocks(mut a: MatMut<'_, f64>) -> Vec<MatMut<'_, f64>> {
    let mut blocks = Vec::new();
    while a.nrows() > 0 {
        let width = PANEL.min(a.nrows());
        let (block, rest) = a.split_at_row_mut(width);
        blocks.push(block);
        a = rest;
    }
    blocks
}

fn run<T: Send>(jobs: Vec<T>, parallel: bool, job: impl Fn(T) + Sync + Send) {
    if parallel && jobs.len() > 1 {
        jobs.into_par_iter().for_each(job);
    } else {
        jobs.into_iter().for_each(job);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spd(m: usize) -> Vec<f64> {
        let mut a = vec![0.0; m * m];
        for j in 0..m {
            for i in 0..m {
                a[i + j * m] = 1.0 / (1.0 + (i as f64 - j as f64).abs());
            }
            a[j + j * m] += 2.0;
        }
        a
    }

    #[test]
    fn factor_and_inverse_agree_with_the_matrix() {
        for m in [1, 5, 128, 129, 300] {
            let a = spd(m);
            let mut l = a.clone();
            cholesky(&mut l, m, false, &Progress::default()).expect("positive definite");
            let mut inv = vec![0.0; m * m];
            inverse(&l, m, &mut inv, false, &Progress::default()).expect("not interrupted");
            for j in 0..m {
                let full = |i: usize| inv[i.max(j) + i.min(j) * m];
                for i in 0..m {
                    let v: f64 = (0..m).map(|k| a[i + k * m] * full(k)).sum();
                    let e = if i == j { 1.0 } else { 0.0 };
                    assert!((v - e).abs() < 1e-12, "m {m} ({i}, {j}): {v}");
                }
            }
        }
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let m = 400;
        let (mut a, mut b) = (spd(m), spd(m));
        cholesky(&mut a, m, false, &Progress::default()).expect("positive definite");
        cholesky(&mut b, m, true, &Progress::default()).expect("positive definite");
        assert_eq!(a, b);
    }

    #[test]
    fn an_indefinite_matrix_is_an_error() {
        let mut a = vec![1.0, 2.0, 2.0, 1.0];
        let error = cholesky(&mut a, 2, false, &Progress::default()).expect_err("indefinite");
        assert_eq!(error.kind(), "not_positive_definite");
    }
}
