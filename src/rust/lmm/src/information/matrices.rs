//! B, P and what follows from them, as dense matrices of one part.

use faer::linalg::solvers::DenseSolveCore;
use faer::{Mat, MatMut, MatRef, Side};
use rayon::prelude::*;

use super::part::{Level, Work};
use crate::components::Component;
use crate::error::LmmError;
use crate::sandwich::Side as Product;
use crate::small::{axpy, dot};

/// Columns of a product that one thread computes at a time.
const PANEL: usize = 64;

/// The dense matrices of one part.
pub(super) struct Matrices {
    /// P.
    pub(super) p: Mat<f64>,
    /// `R = I - P B`.
    pub(super) r: Mat<f64>,
    /// `N_22`.
    pub(super) n: Mat<f64>,
    /// `J_2` (trailing positions x p).
    pub(super) j: Mat<f64>,
}

impl Matrices {
    pub(super) fn new(
        work: &Work,
        part: &Component,
        within: &Mat<f64>,
        levels: &[Level],
    ) -> Result<Matrices, LmmError> {
        let (m, fixed) = (part.positions.len(), work.model.p);
        let parallel = work.model.pool.is_some();
        let size = work.model.factors[work.leading()].size;
        let b = complete(within, levels, size);
        let p = outer_inverse(work, part, &b)?;
        let mut r = product(p.as_ref(), b.as_ref(), parallel);
        r = Mat::<f64>::identity(m, m) - r;
        let n = product(b.as_ref(), r.as_ref(), parallel);
        let mut j = Mat::zeros(m, fixed);
        for node in &part.nodes {
            let size = work.model.factors[node.factor].size;
            for k in 0..fixed {
                for a in 0..size {
                    let from = (node.level * fixed + k) * size + a;
                    j[(node.start + a, k)] = work.d.j[node.factor][from];
                }
            }
        }
        Ok(Matrices { p, r, n, j })
    }

    /// `H_j = Y_j P Y_j'`.
    pub(super) fn inner(&self, level: &Level, size: usize) -> Vec<f64> {
        let mut h = vec![0.0; size * size];
        for (&c, yc) in level.columns.iter().zip(level.y.chunks_exact(size)) {
            let mut t = vec![0.0; size];
            for (&r, yr) in level.columns.iter().zip(level.y.chunks_exact(size)) {
                axpy(self.p[(r, c)], yr, &mut t);
            }
            for (b, v) in yc.iter().enumerate() {
                axpy(*v, &t, &mut h[b * size..(b + 1) * size]);
            }
        }
        h
    }
}

/// B: the within part and `sum V_j'V_j`.
fn complete(within: &Mat<f64>, levels: &[Level], size: usize) -> Mat<f64> {
    let mut b = within.clone();
    for level in levels {
        for (&c, vc) in level.columns.iter().zip(level.v.chunks_exact(size)) {
            let column = b.col_as_slice_mut(c);
            for (&r, vr) in level.columns.iter().zip(level.v.chunks_exact(size)) {
                column[r] += dot(vr, vc);
            }
        }
    }
    b
}

/// `P = Lambda (I + Lambda'B Lambda)^-1 Lambda'`.
fn outer_inverse(work: &Work, part: &Component, b: &Mat<f64>) -> Result<Mat<f64>, LmmError> {
    let m = part.positions.len();
    if m == 0 {
        return Ok(Mat::zeros(0, 0));
    }
    let mut c = sandwich(work, part, b, Product::Inner);
    for a in 0..m {
        c[(a, a)] += 1.0;
    }
    let factor = c
        .llt(Side::Lower)
        .map_err(|_| LmmError::NotPositiveDefinite {
            what: "the penalised cross-product of the random effects".into(),
        })?;
    Ok(sandwich(work, part, &factor.inverse(), Product::Outer))
}

/// `Lambda'A Lambda` or `Lambda A Lambda'` of a symmetric A.
fn sandwich(work: &Work, part: &Component, a: &Mat<f64>, side: Product) -> Mat<f64> {
    let rows = |a: &mut Mat<f64>| {
        for c in 0..a.ncols() {
            let column = a.col_as_slice_mut(c);
            for node in &part.nodes {
                let size = work.model.factors[node.factor].size;
                let own = &mut column[node.start..node.start + size];
                side.rows(own, size, &work.lambda[node.factor]);
            }
        }
    };
    let mut half = a.clone();
    rows(&mut half);
    let mut whole = half.transpose().to_owned();
    rows(&mut whole);
    whole
}

/// `a b`, some columns at a time.
pub(super) fn product(a: MatRef<'_, f64>, b: MatRef<'_, f64>, parallel: bool) -> Mat<f64> {
    if !parallel || b.ncols() <= PANEL {
        return a * b;
    }
    let mut out = Mat::zeros(a.nrows(), b.ncols());
    let columns: Vec<MatMut<'_, f64>> = {
        let mut rest = out.as_mut();
        let mut list = Vec::new();
        while rest.ncols() > 0 {
            let width = PANEL.min(rest.ncols());
            let (own, others) = rest.split_at_col_mut(width);
            list.push(own);
            rest = others;
        }
        list
    };
    columns
        .into_par_iter()
        .enumerate()
        .for_each(|(k, mut own)| {
            let width = own.ncols();
            own.copy_from(a * b.subcols(k * PANEL, width));
        });
    out
}
