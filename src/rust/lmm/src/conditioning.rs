//! Columns with a common scale and origin, before any cross-product is formed.
//!
//! Cross-products of raw columns lose digits in silence: with `x + 1e6` beside an intercept the
//! slope's information is what is left after cancelling twelve digits. So X is replaced by an
//! orthonormal basis, y by its least-squares residual, and the columns of each random-effects term
//! by columns that are orthogonal over the rows with unit root mean square. All of it is undone on
//! the estimates by triangular factors, and the criterion stays that of the user's columns.

use crate::small::{axpy, norm};

/// A redundant column leaves less than this of its spread about the mean,
const TOLERANCE_CENTRED: f64 = 1e-7;
/// or less than this of its length.
const TOLERANCE_RAW: f64 = 1e-11;

/// Orthonormal basis of weighted columns: `sqrt(W) X[, kept] = Q R`.
#[derive(Debug, Clone)]
pub struct Basis {
    /// Indices of the columns that are not redundant.
    pub kept: Vec<usize>,
    /// n x rank, column-major.
    pub q: Vec<f64>,
    /// rank x rank, upper triangular, positive diagonal.
    pub r: Vec<f64>,
}

impl Basis {
    /// Number of columns kept.
    pub fn rank(&self) -> usize {
        self.kept.len()
    }
}

/// Inner product of long vectors in eight partial sums.
pub fn long_dot(a: &[f64], b: &[f64]) -> f64 {
    let mut s = [0.0; 8];
    let (ca, cb) = (a.chunks_exact(8), b.chunks_exact(8));
    let tail: f64 = ca
        .remainder()
        .iter()
        .zip(cb.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in ca.zip(cb) {
        for k in 0..8 {
            s[k] += x[k] * y[k];
        }
    }
    s.iter().sum::<f64>() + tail
}

fn power_of_two_scale(v: &[f64]) -> f64 {
    let max = v.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    if max == 0.0 {
        0.0
    } else {
        2f64.powi(max.log2().floor().clamp(-1000.0, 1000.0) as i32)
    }
}

/// Length of `v` after its weighted mean is taken out: rounding of a large constant does not count.
fn centred_norm(v: &[f64], root_w: Option<&[f64]>) -> f64 {
    let n = v.len() as f64;
    let deviation: Vec<f64> = match root_w {
        None => {
            let mean = v.iter().sum::<f64>() / n;
            v.iter().map(|x| x - mean).collect()
        }
        Some(w) => {
            let mean = long_dot(v, w) / long_dot(w, w);
            v.iter().zip(w).map(|(x, w)| x - mean * w).collect()
        }
    };
    norm(&deviation)
}

/// Take the span of the orthonormal columns `q` out of `v`, twice (Bjorck 1996, sec. 2.4.5), and
/// return the coefficients.
pub fn project_out(q: &[f64], v: &mut [f64]) -> Vec<f64> {
    let n = v.len();
    let mut coefficients = vec![0.0; q.len() / n.max(1)];
    for _ in 0..2 {
        for (c, column) in coefficients.iter_mut().zip(q.chunks_exact(n.max(1))) {
            let h = long_dot(column, v);
            *c += h;
            axpy(-h, column, v);
        }
    }
    coefficients
}

/// Basis of the columns of `x` (n x p) weighted by `root_w`, redundant columns left out from left
/// to right as `lm` does.
pub fn orthonormal_basis(x: &[f64], n: usize, p: usize, root_w: Option<&[f64]>) -> Basis {
    let mut q: Vec<f64> = Vec::with_capacity(n * p);
    let mut kept = Vec::new();
    let mut columns: Vec<Vec<f64>> = Vec::new();
    for k in 0..p {
        let mut v = weighted(&x[k * n..(k + 1) * n], root_w);
        let scale = power_of_two_scale(&v);
        if scale == 0.0 {
            continue;
        }
        v.iter_mut().for_each(|x| *x /= scale);
        let threshold =
            (TOLERANCE_CENTRED * centred_norm(&v, root_w)).max(TOLERANCE_RAW * norm(&v));
        let mut r = project_out(&q, &mut v);
        let length = norm(&v);
        if length <= threshold {
            continue;
        }
        q.extend(v.iter().map(|x| x / length));
        r.push(length);
        columns.push(r.into_iter().map(|c| c * scale).collect());
        kept.push(k);
    }
    let rank = kept.len();
    let mut r = vec![0.0; rank * rank];
    for (k, column) in columns.iter().enumerate() {
        r[k * rank..k * rank + column.len()].copy_from_slice(column);
    }
    Basis { kept, q, r }
}

/// `root_w * x`, row by row.
pub fn weighted(x: &[f64], root_w: Option<&[f64]>) -> Vec<f64> {
    match root_w {
        None => x.to_vec(),
        Some(w) => x.iter().zip(w).map(|(x, w)| x * w).collect(),
    }
}

/// Conditioned columns of one term and the factor that undoes it.
pub struct TermColumns {
    /// n x p, column-major, weighted.
    pub z: Vec<f64>,
    /// p x p, upper triangular: `sqrt(W) Z_user = z r`.
    pub r: Vec<f64>,
}

/// Columns of a term made orthogonal over the rows with unit root mean square. Redundant columns
/// are only scaled: their covariance is not unique, but the fit is.
pub fn condition_term(z: &[f64], n: usize, p: usize, root_w: Option<&[f64]>) -> TermColumns {
    let root_n = (n as f64).sqrt();
    let mut basis = orthonormal_basis(z, n, p, root_w);
    if basis.rank() == p {
        basis.q.iter_mut().for_each(|v| *v *= root_n);
        basis.r.iter_mut().for_each(|v| *v /= root_n);
        return TermColumns {
            z: basis.q,
            r: basis.r,
        };
    }
    let mut columns = Vec::with_capacity(n * p);
    let mut r = vec![0.0; p * p];
    for k in 0..p {
        let v = weighted(&z[k * n..(k + 1) * n], root_w);
        let length = norm(&v) / root_n;
        let scale = if length > 0.0 { length } else { 1.0 };
        columns.extend(v.iter().map(|x| x / scale));
        r[k + k * p] = scale;
    }
    TermColumns { z: columns, r }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_of_a_million_is_not_redundant_and_a_copy_is() {
        let n = 50;
        let mut x = vec![1.0; n];
        x.extend((0..n).map(|i| 1e6 + (i % 10) as f64));
        x.extend((0..n).map(|i| 2.0 * (1e6 + (i % 10) as f64)));
        let b = orthonormal_basis(&x, n, 3, None);
        assert_eq!(b.kept, vec![0, 1]);
        let spread = (n as f64 * 8.25f64).sqrt();
        assert!((b.r[3] - spread).abs() < 1e-8 * spread);
        assert!(long_dot(&b.q[..n], &b.q[n..]).abs() < 1e-14);
    }

    #[test]
    fn columns_of_any_scale_are_kept() {
        let n = 20;
        let mut x: Vec<f64> = (0..n).map(|i| 1e-12 * (i as f64)).collect();
        x.extend((0..n).map(|i| 1e12 * ((i * i) as f64)));
        x.extend(vec![0.0; n]);
        assert_eq!(orthonormal_basis(&x, n, 3, None).kept, vec![0, 1]);
    }
}
