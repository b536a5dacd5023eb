//! Kernels for matrices of a few rows: column-major slices, no allocation where a caller loops.

#![allow(clippy::needless_range_loop)]

use faer::{MatMut, MatRef};

/// Lower Cholesky factor in place (upper triangle left alone); `false` if a pivot is not positive.
pub fn cholesky(a: &mut [f64], n: usize) -> bool {
    for j in 0..n {
        for k in 0..j {
            let ljk = a[j + k * n];
            for i in j..n {
                a[i + j * n] -= a[i + k * n] * ljk;
            }
        }
        let d = a[j + j * n];
        if d.is_nan() || d <= 0.0 {
            return false;
        }
        let root = d.sqrt();
        for i in j..n {
            a[i + j * n] /= root;
        }
    }
    true
}

/// Lower factor of a positive semidefinite matrix, strict upper triangle set to zero. A pivot below
/// `tol` times its diagonal entry gives a zero column.
pub fn semidefinite_cholesky(a: &mut [f64], n: usize, tol: f64) {
    for j in 0..n {
        let scale = a[j + j * n];
        for k in 0..j {
            let ljk = a[j + k * n];
            for i in j..n {
                a[i + j * n] -= a[i + k * n] * ljk;
            }
        }
        let d = a[j + j * n];
        let keep = d > tol * scale;
        let root = if keep { d.sqrt() } else { 1.0 };
        for i in j..n {
            a[i + j * n] = if keep { a[i + j * n] / root } else { 0.0 };
        }
        for i in 0..j {
            a[i + j * n] = 0.0;
        }
    }
}

/// `b <- L^-1 b` for `b` with `k` columns; a zero pivot gives a zero row.
pub fn solve_lower(l: &[f64], n: usize, b: &mut [f64], k: usize) {
    if n == 1 {
        let inverse = if l[0] == 0.0 { 0.0 } else { 1.0 / l[0] };
        for v in b[..k].iter_mut() {
            *v *= inverse;
        }
        return;
    }
    for c in 0..k {
        let col = &mut b[c * n..(c + 1) * n];
        for i in 0..n {
            let mut v = col[i];
            for j in 0..i {
                v -= l[i + j * n] * col[j];
            }
            let d = l[i + i * n];
            col[i] = if d == 0.0 { 0.0 } else { v / d };
        }
    }
}

/// `b <- L^-T b` for `b` with `k` columns; a zero pivot gives a zero row.
pub fn solve_lower_transpose(l: &[f64], n: usize, b: &mut [f64], k: usize) {
    for c in 0..k {
        let col = &mut b[c * n..(c + 1) * n];
        for i in (0..n).rev() {
            let mut v = col[i];
            for j in i + 1..n {
                v -= l[j + i * n] * col[j];
            }
            let d = l[i + i * n];
            col[i] = if d == 0.0 { 0.0 } else { v / d };
        }
    }
}

/// `c = a b` for `a` (m x k) and `b` (k x n).
pub fn multiply(a: &[f64], b: &[f64], m: usize, k: usize, n: usize) -> Vec<f64> {
    let mut c = vec![0.0; m * n];
    multiply_into(a, b, (m, k, n), &mut c);
    c
}

/// [`multiply`] into `c`, with `(m, k, n)` as there.
pub fn multiply_into(a: &[f64], b: &[f64], (m, k, n): (usize, usize, usize), c: &mut [f64]) {
    if m == 1 && k == 1 {
        // scalar terms, where loops over single entries would take longer than the arithmetic
        return c[..n].iter_mut().zip(b).for_each(|(v, x)| *v = a[0] * x);
    }
    c[..m * n].fill(0.0);
    for (cj, bj) in c
        .chunks_exact_mut(m.max(1))
        .zip(b.chunks_exact(k.max(1)))
        .take(n)
    {
        for (al, s) in a.chunks_exact(m.max(1)).zip(bj) {
            axpy(*s, al, cj);
        }
    }
}

/// `c = a' b` for `a` (k x m) and `b` (k x n).
pub fn multiply_transpose(a: &[f64], b: &[f64], k: usize, m: usize, n: usize) -> Vec<f64> {
    let mut c = vec![0.0; m * n];
    multiply_transpose_into(a, b, (k, m, n), &mut c);
    c
}

/// [`multiply_transpose`] into `c`, with `(k, m, n)` as there.
pub fn multiply_transpose_into(
    a: &[f64],
    b: &[f64],
    (k, m, n): (usize, usize, usize),
    c: &mut [f64],
) {
    if k == 1 {
        for (cj, s) in c.chunks_exact_mut(m.max(1)).zip(b).take(n) {
            cj.iter_mut().zip(a).for_each(|(v, x)| *v = s * x);
        }
        return;
    }
    for j in 0..n {
        for i in 0..m {
            c[i + j * m] = dot(&a[i * k..(i + 1) * k], &b[j * k..(j + 1) * k]);
        }
    }
}

/// Transpose of `a` (m x n).
pub fn transpose(a: &[f64], m: usize, n: usize) -> Vec<f64> {
    let mut t = vec![0.0; m * n];
    for j in 0..n {
        for i in 0..m {
            t[j + i * n] = a[i + j * m];
        }
    }
    t
}

/// Inner product, in four sums: a single one would wait for each addition.
#[inline]
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    let mut sums = [0.0; 4];
    let (fours, others) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest = fours.remainder().iter().zip(others.remainder());
    let rest: f64 = rest.map(|(x, y)| x * y).sum();
    for (x, y) in fours.zip(others) {
        for k in 0..4 {
            sums[k] += x[k] * y[k];
        }
    }
    (sums[0] + sums[2]) + (sums[1] + sums[3]) + rest
}

/// The logarithm of a product of many positive numbers: few logarithms are taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Product {
    part: f64,
    log: f64,
}

impl Default for Product {
    /// The empty product.
    fn default() -> Product {
        Product {
            part: 1.0,
            log: 0.0,
        }
    }
}

impl Product {
    /// One factor more.
    #[inline]
    pub(crate) fn multiply(&mut self, factor: f64) {
        let product = self.part * factor;
        if (1e-100..1e100).contains(&product) {
            self.part = product;
        } else {
            self.log += self.part.ln() + factor.ln();
            self.part = 1.0;
        }
    }

    /// Its logarithm.
    pub(crate) fn log(self) -> f64 {
        self.log + self.part.ln()
    }
}

/// `y += s x`.
#[inline]
pub fn axpy(s: f64, x: &[f64], y: &mut [f64]) {
    for (yi, xi) in y.iter_mut().zip(x) {
        *yi += s * xi;
    }
}

/// Frobenius norm.
pub fn norm(a: &[f64]) -> f64 {
    let scale = a.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    if scale == 0.0 || !scale.is_finite() {
        return scale;
    }
    scale
        * a.iter()
            .map(|v| (v / scale) * (v / scale))
            .sum::<f64>()
            .sqrt()
}

/// Replace `a` (n x n) by `(a + a')/2`.
pub fn symmetrise(a: &mut [f64], n: usize) {
    for j in 0..n {
        for i in 0..j {
            let v = 0.5 * (a[i + j * n] + a[j + i * n]);
            a[i + j * n] = v;
            a[j + i * n] = v;
        }
    }
}

/// The lower triangular `L` with non-negative diagonal and `L L' = M M'`, by Householder
/// reflections of `M'`: exact for singular `M` too. `M` is n x k with k >= n.
pub fn lower_factor(m: &[f64], n: usize, k: usize) -> Vec<f64> {
    let mut a = transpose(m, n, k);
    for j in 0..n {
        let tail = norm(&a[j * k + j..(j + 1) * k]);
        if tail == 0.0 {
            continue;
        }
        let alpha = if a[j + j * k] > 0.0 { -tail } else { tail };
        let mut v = a[j * k + j..(j + 1) * k].to_vec();
        v[0] -= alpha;
        let vv = dot(&v, &v);
        for c in j..n {
            let col = &mut a[c * k + j..(c + 1) * k];
            let f = 2.0 * dot(&v, col) / vv;
            axpy(-f, &v, col);
        }
    }
    let mut l = vec![0.0; n * n];
    for j in 0..n {
        let sign = if a[j + j * k] < 0.0 { -1.0 } else { 1.0 };
        for i in j..n {
            l[i + j * n] = sign * a[j + i * k];
        }
    }
    l
}

/// Inverse of an upper triangular matrix with non-zero diagonal.
pub fn invert_upper(r: &[f64], n: usize) -> Vec<f64> {
    let mut inv = vec![0.0; n * n];
    for j in 0..n {
        inv[j + j * n] = 1.0 / r[j + j * n];
        for i in (0..j).rev() {
            let mut v = 0.0;
            for k in i + 1..=j {
                v -= r[i + k * n] * inv[k + j * n];
            }
            inv[i + j * n] = v / r[i + i * n];
        }
    }
    inv
}

/// Inverse of a lower triangular matrix with non-zero diagonal.
pub fn invert_lower(l: &[f64], n: usize) -> Vec<f64> {
    transpose(&invert_upper(&transpose(l, n, n), n), n, n)
}

/// Eigenvalues (ascending) and eigenvectors (columns) of a symmetric matrix; `None` if it holds a
/// NaN or the iteration fails.
pub fn eigen(a: &[f64], n: usize) -> Option<(Vec<f64>, Vec<f64>)> {
    if n == 1 {
        return a[0].is_finite().then(|| (vec![a[0]], vec![1.0]));
    }
    if a.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let evd = MatRef::from_column_major_slice(a, n, n)
        .self_adjoint_eigen(faer::Side::Lower)
        .ok()?;
    let values = evd.S().column_vector().iter().copied().collect();
    let mut vectors = vec![0.0; n * n];
    MatMut::from_column_major_slice_mut(&mut vectors, n, n).copy_from(evd.U());
    Some((values, vectors))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_factor_reproduces_the_product_of_a_singular_matrix() {
        let m = [1.0, 2.0, 3.0, 2.0, 4.0, 6.0, 0.5, 1.0, -2.0];
        let l = lower_factor(&m, 3, 3);
        let (t, u) = (transpose(&m, 3, 3), transpose(&l, 3, 3));
        let (mm, ll) = (multiply(&m, &t, 3, 3, 3), multiply(&l, &u, 3, 3, 3));
        for (a, b) in mm.iter().zip(&ll) {
            assert!((a - b).abs() < 1e-12);
        }
        assert_eq!((l[3], l[6], l[7]), (0.0, 0.0, 0.0));
    }

    #[test]
    fn semidefinite_factor_keeps_the_range() {
        let mut a = [4.0, 2.0, 2.0, 1.0];
        semidefinite_cholesky(&mut a, 2, 1e-13);
        assert_eq!(a, [2.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn eigen_orders_ascending() {
        let (w, u) = eigen(&[2.0, 1.0, 1.0, 2.0], 2).expect("finite");
        assert!((w[0] - 1.0).abs() < 1e-14 && (w[1] - 3.0).abs() < 1e-14);
        assert!((u[0] * u[2] + u[1] * u[3]).abs() < 1e-14);
    }

    #[test]
    fn the_logarithm_of_a_product_does_not_overflow() {
        let factors: Vec<f64> = (0..5000).map(|k| (1.0 + k as f64).powf(40.0)).collect();
        let mut product = Product::default();
        factors.iter().for_each(|f| product.multiply(*f));
        let expected: f64 = factors.iter().map(|f| f.ln()).sum();
        assert!((product.log() / expected - 1.0).abs() < 1e-14);
        product.multiply(1e-300);
        assert!((product.log() - expected - 1e-300f64.ln()).abs() < 1e-9);
    }
}
