//! Blocked Cholesky factor, inverse and triangular solves of a large dense matrix.
//!
//! Lower triangles, column-major. faer's kernels do the arithmetic on panels; rayon spreads
//! independent panels over the threads of the caller's pool, and between panels the caller may stop
//! the work. The same panels are used whatever the number of threads, so the result is the same.

use crate::error::LmmError;
use crate::progress::Progress;
use crate::scratch::with_scratch;
use crate::small::{axpy, dot};
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::triangular_solve::{
    solve_lower_triangular_in_place, solve_upper_triangular_in_place,
};
use faer::prelude::{Reborrow, ReborrowMut};
use faer::{Accum, MatMut, MatRef, Par};

/// Width of a panel.
const PANEL: usize = 128;
/// Width of the blocks that threads share, where they are of unequal height.
const BLOCK: usize = 64;
/// Rows of an inverse that are finished at once.
const PIVOT: usize = 96;
/// Width of a panel where the rows that are summed over are few.
const NARROW: usize = 48;

/// Up to this number of columns a product takes as long as its matrix to be read, each time.
const FEW: usize = 2;
/// Rows that are transposed at once.
const TILE: usize = 16;

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
    // Columns of the transpose.
    let job = |_: usize, block: MatMut<'_, f64>| {
        solve_lower_triangular_in_place(l11, block, Par::Seq);
    };
    over_columns(a21.transpose_mut(), (0, PANEL), parallel, &job);
}

/// `A22 <- A22 - A21 A21'` on the lower triangle, in column blocks.
fn downdate(a21: MatRef<'_, f64>, a22: MatMut<'_, f64>, parallel: bool) {
    over_columns(a22, (0, BLOCK), parallel, &|from, block| {
        let width = block.ncols();
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
    });
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
    let whole = MatMut::from_column_major_slice_mut(out, m, m);
    over_columns(whole, (0, BLOCK), parallel, &|from, block| {
        if progress.check().is_ok() {
            invert_panel(l, from, block);
        }
    });
    for from in (0..m).step_by(PIVOT) {
        progress.check()?;
        let whole = MatMut::from_column_major_slice_mut(out, m, m);
        finish_rows(whole, from, parallel);
    }
    Ok(())
}

/// Rows `from..` of the inverse, a pivot's number of them: products of the pivot's columns of `L^-1`.
fn finish_rows(whole: MatMut<'_, f64>, from: usize, parallel: bool) {
    let (left, right) = whole.split_at_col_mut(from);
    let width = PIVOT.min(right.ncols());
    let (above, pivot) = right.subcols_mut(0, width).split_at_row_mut(from);
    if from == 0 {
        with_scratch(width * width, |square| {
            let mut square = MatMut::from_column_major_slice_mut(square, width, width);
            square_rows(pivot.rb(), square.rb_mut());
            pivot.subrows_mut(0, width).copy_from(square);
        });
        return;
    }
    // above the diagonal there is room for what the pivot is replaced by
    let mut square = above.subrows_mut(from - width, width);
    let rows = pivot.rb();
    let others = || {
        over_columns(left, (0, PANEL), parallel, &|_, block| {
            multiply_rows(rows, from, block);
        });
    };
    if parallel {
        rayon::join(others, || square_rows(rows, square.rb_mut()));
    } else {
        others();
        square_rows(rows, square.rb_mut());
    }
    pivot.subrows_mut(0, width).copy_from(square);
}

/// Rows `from..` of `block`, as many as the pivot has columns, become `pivot' block`, the pivot
/// having all rows from there on.
fn multiply_rows(pivot: MatRef<'_, f64>, from: usize, block: MatMut<'_, f64>) {
    let (width, columns) = (pivot.ncols(), block.ncols());
    with_scratch(width * columns, |product| {
        let mut product = MatMut::from_column_major_slice_mut(product, width, columns);
        let (out, own) = (product.rb_mut(), block.rb().subrows(from, pivot.nrows()));
        matmul(out, Accum::Replace, pivot.transpose(), own, 1.0, Par::Seq);
        block.subrows_mut(from, width).copy_from(product);
    });
}

/// The lower triangle of `pivot' pivot` into `out`.
fn square_rows(pivot: MatRef<'_, f64>, out: MatMut<'_, f64>) {
    triangular::matmul(
        out,
        BlockStructure::TriangularLower,
        Accum::Replace,
        pivot.transpose(),
        BlockStructure::Rectangular,
        pivot,
        BlockStructure::Rectangular,
        1.0,
        Par::Seq,
    );
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

/// `x <- L^-1 x` for all columns of x, L the leading p x p block of a matrix of more rows.
pub fn solve_lower_of((l, rows): (&[f64], usize), p: usize, x: &mut [f64]) {
    if p == 0 {
        return;
    }
    let l = MatRef::from_column_major_slice(l, rows, rows).submatrix(0, 0, p, p);
    let k = x.len() / p;
    solve_lower_triangular_in_place(l, MatMut::from_column_major_slice_mut(x, p, k), Par::Seq);
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
    if k <= FEW {
        for (x, out) in x.chunks_exact(m).zip(out.chunks_exact_mut(m)) {
            multiply_vector(a, x, out);
        }
        return;
    }
    let a = MatRef::from_column_major_slice(a, m, m);
    let x = MatRef::from_column_major_slice(x, m, k).transpose();
    let out = MatMut::from_column_major_slice_mut(out, m, k).transpose_mut();
    add_symmetric_product(x, a, out, Accum::Replace);
}

/// [`multiply_symmetric`] of one column, in one pass over the triangle.
fn multiply_vector(a: &[f64], x: &[f64], out: &mut [f64]) {
    let m = x.len();
    out.fill(0.0);
    for c in 0..m {
        let below = &a[c * m + c + 1..(c + 1) * m];
        axpy(x[c], below, &mut out[c + 1..]);
        out[c] += a[c * m + c] * x[c] + dot(below, &x[c + 1..]);
    }
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

/// `out <- A x` for A with m columns and x with k.
pub fn multiply(a: &[f64], x: &[f64], m: usize, k: usize, out: &mut [f64]) {
    let rows = a.len() / m.max(1);
    matmul(
        MatMut::from_column_major_slice_mut(out, rows, k),
        Accum::Replace,
        MatRef::from_column_major_slice(a, rows, m),
        MatRef::from_column_major_slice(x, m, k),
        1.0,
        Par::Seq,
    );
}

/// `out <- out + times A'B` for A with k columns and B with l.
pub fn add_transposed(times: f64, a: &[f64], b: &[f64], (k, l): (usize, usize), out: &mut [f64]) {
    if k == 0 || l == 0 {
        return;
    }
    let rows = a.len() / k;
    matmul(
        MatMut::from_column_major_slice_mut(out, k, l),
        Accum::Add,
        MatRef::from_column_major_slice(a, rows, k).transpose(),
        MatRef::from_column_major_slice(b, rows, l),
        times,
        Par::Seq,
    );
}

/// `B <- B + sum S'S` on the lower triangle and the panels' diagonal blocks, for each S with m
/// columns that is not empty.
pub fn add_squares<'a>(
    s: impl Iterator<Item = &'a [f64]> + Clone + Sync,
    m: usize,
    b: &mut [f64],
    parallel: bool,
) {
    if s.clone().all(<[f64]>::is_empty) {
        return;
    }
    let b = MatMut::from_column_major_slice_mut(b, m, m);
    over_columns(b, (0, NARROW), parallel, &|from, mut block| {
        for s in s.clone().filter(|s| !s.is_empty()) {
            let s = MatRef::from_column_major_slice(s, s.len() / m, m);
            let own = block.rb_mut().subrows_mut(from, m - from);
            let left = s.subcols(from, m - from).transpose();
            let right = s.subcols(from, own.ncols());
            matmul(own, Accum::Add, left, right, 1.0, Par::Seq);
        }
    });
}

/// Rows `at..at + size` of `s` (`rows` x any) become `L^-1 b`, L of order `size`.
pub fn solve_rows(l: &[f64], size: usize, b: &[f64], (s, rows): (&mut [f64], usize), at: usize) {
    let columns = b.len() / size;
    let b = MatRef::from_column_major_slice(b, size, columns);
    let mut own = MatMut::from_column_major_slice_mut(s, rows, columns).subrows_mut(at, size);
    own.copy_from(b);
    let l = MatRef::from_column_major_slice(l, size, size);
    solve_lower_triangular_in_place(l, own, Par::Seq);
}

/// Copy the lower triangle to the upper one.
pub fn fill_upper(a: &mut [f64], m: usize) {
    for first in (0..m).step_by(TILE) {
        for c in 0..m {
            for r in first.max(c + 1)..(first + TILE).min(m) {
                a[c + r * m] = a[r + c * m];
            }
        }
    }
}

/// Some rows of `S A` into `out`, for S with m columns, A given by its lower triangle.
pub fn multiply_right(
    (s, rows): (&[f64], usize),
    here: std::ops::Range<usize>,
    a: &[f64],
    m: usize,
    out: &mut [f64],
) {
    let count = here.len();
    let s = MatRef::from_column_major_slice(s, rows, m).subrows(here.start, count);
    let a = MatRef::from_column_major_slice(a, m, m);
    let out = MatMut::from_column_major_slice_mut(&mut out[..count * m], count, m);
    over_columns(out, (0, PANEL), false, &|from, mut block| {
        let width = block.ncols();
        let left = a.submatrix(from, 0, width, from);
        let own = a.submatrix(from, from, width, width);
        let below = a.submatrix(from + width, from, m - from - width, width);
        let before = s.subcols(0, from);
        matmul(
            block.rb_mut(),
            Accum::Replace,
            before,
            left.transpose(),
            1.0,
            Par::Seq,
        );
        add_symmetric_product(s.subcols(from, width), own, block.rb_mut(), Accum::Add);
        let rest = s.subcols(from + width, m - from - width);
        matmul(block, Accum::Add, rest, below, 1.0, Par::Seq);
    });
}

/// `S_j T_j'` of each node of `size` rows into `out` (size x size each): the rows of S from `first`
/// on, against those of `t`.
pub fn row_products(
    (s, rows): (&[f64], usize),
    first: usize,
    (t, count): (&[f64], usize),
    size: usize,
    out: &mut [f64],
) {
    let m = t.len() / count;
    let s = MatRef::from_column_major_slice(s, rows, m);
    let t = MatRef::from_column_major_slice(t, count, m);
    for (k, out) in out.chunks_exact_mut(size * size).enumerate() {
        matmul(
            MatMut::from_column_major_slice_mut(out, size, size),
            Accum::Replace,
            s.subrows(first + k * size, size),
            t.subrows(k * size, size).transpose(),
            1.0,
            Par::Seq,
        );
    }
}

/// Run `job` on blocks of columns and the first column of each, counted from `from`.
fn over_columns(
    a: MatMut<'_, f64>,
    (from, width): (usize, usize),
    parallel: bool,
    job: &(impl Fn(usize, MatMut<'_, f64>) + Sync),
) {
    let columns = a.ncols();
    if columns <= width {
        if columns > 0 {
            job(from, a);
        }
        return;
    }
    let half = columns.div_ceil(width) / 2 * width;
    let (left, right) = a.split_at_col_mut(half);
    if parallel {
        rayon::join(
            || over_columns(left, (from, width), true, job),
            || over_columns(right, (from + half, width), true, job),
        );
    } else {
        over_columns(left, (from, width), false, job);
        over_columns(right, (from + half, width), false, job);
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
