//! The trace `T_st = tr(P0 V_s P0 V_t)` of the exact second derivatives, three ways.
//!
//! T needs all blocks of `N = Z'P0 Z`. With one factor N is block diagonal but for the fixed
//! effects; with few random effects N is formed; otherwise T is what central differences of the
//! exact gradient leave when the other parts of the Hessian are taken out.

use faer::{Mat, MatRef};
use rayon::prelude::*;

use crate::curvature::Curvature;
use crate::derivatives::Derivatives;
use crate::error::LmmError;
use crate::model::Model;
use crate::optimize::Work;
use crate::pls::Pls;
use crate::progress::Progress;
use crate::small::{axpy, dot, multiply_into, multiply_transpose_into, symmetrise, transpose};

/// Step of the differences, relative to the natural unit of a parameter.
const DIFFERENCE: f64 = 1e-4;
/// Levels summed at once.
const LEVELS: usize = 4096;
/// Multiplications that T may cost in every evaluation.
const DENSE_WORK: f64 = 3e7;

/// Whether T costs no more than an evaluation.
pub fn is_cheap(model: &Model) -> bool {
    match model.trailing.kind() {
        "block diagonal" => one_factor_work(model) < DENSE_WORK,
        "dense" => dense_work(model) < DENSE_WORK,
        _ => false,
    }
}

fn one_factor_work(model: &Model) -> f64 {
    let leading = &model.factors[model.layout.leading];
    let (levels, size) = (leading.levels as f64, leading.size as f64);
    let k = model.theta_len() as f64;
    levels * (k * size.powi(3) + k * k * size * (size + model.p as f64))
}

fn dense_work(model: &Model) -> f64 {
    let leading = &model.factors[model.layout.leading];
    let (q1, m) = (
        (leading.levels * leading.size) as f64,
        model.trailing.m as f64,
    );
    let moments: f64 = model.terms.iter().map(|t| (t.p * t.p) as f64).sum();
    2.0 * m * m * (m + q1) + q1 * q1 * m + (q1 + m) * (q1 + m) * moments
}

/// T without differences; meant for where [`is_cheap`] says so.
pub fn trace(model: &Model, pls: &Pls, d: &Derivatives, curvature: &Curvature) -> Vec<f64> {
    if model.trailing.m == 0 {
        curvature.trace_of_one_factor(model, d)
    } else {
        curvature.trace_of_all_blocks(model, &all_blocks(model, pls, d))
    }
}

impl Curvature {
    /// T when no factor but one is there: `N` is block diagonal but for the fixed effects.
    fn trace_of_one_factor(&self, model: &Model, d: &Derivatives) -> Vec<f64> {
        let f = model.layout.leading;
        let (size, k) = (model.factors[f].size, self.k);
        let p = if model.reml { model.p } else { 0 };
        let full: Vec<Vec<f64>> = (0..k).map(|t| self.padded(model, t)).collect();
        let n = d.n[f].par_chunks(LEVELS * size * size);
        let j = |part: usize| {
            let from = part * LEVELS * size * model.p;
            &d.j[f][from..(from + LEVELS * size * model.p).min(d.j[f].len())]
        };
        let job =
            |(part, n): (usize, &[f64])| OneFactor::sum(&full, n, j(part), (size, model.p, p));
        let parts: Vec<OneFactor> = if model.pool.is_some() {
            n.enumerate().map(job).collect()
        } else {
            d.n[f]
                .chunks(LEVELS * size * size)
                .enumerate()
                .map(job)
                .collect()
        };
        let mut total = OneFactor::zero(k, p);
        parts.iter().for_each(|part| total.add(part));
        let fixed: Vec<&[f64]> = total.fixed.chunks_exact((p * p).max(1)).collect();
        for s in 0..k {
            for t in 0..=s {
                if p > 0 {
                    total.trace[s + t * k] += dot(fixed[s], &transpose(fixed[t], p, p));
                }
                total.trace[t + s * k] = total.trace[s + t * k];
            }
        }
        total.trace
    }

    /// T from N as a dense matrix.
    fn trace_of_all_blocks(&self, model: &Model, n: &Mat<f64>) -> Vec<f64> {
        let mut trace = vec![0.0; self.k * self.k];
        for i in 0..model.terms.len() {
            for j in 0..=i {
                self.add_pair(model, n, (i, j), &mut trace);
            }
        }
        symmetrise(&mut trace, self.k);
        trace
    }

    /// The block of T for terms i and j, through the products of all pairs of entries of N_ij.
    fn add_pair(&self, model: &Model, n: &Mat<f64>, (i, j): (usize, usize), trace: &mut [f64]) {
        let (pi, pj) = (model.terms[i].p, model.terms[j].p);
        let (rows, columns) = (node_starts(model, i), node_starts(model, j));
        let width = pi * pj;
        let mut products = vec![0.0; width * width];
        let mut block = vec![0.0; width];
        for &c in &columns {
            for &r in &rows {
                for b in 0..pj {
                    for a in 0..pi {
                        block[a + b * pi] = n[(r + a, c + b)];
                    }
                }
                for (v, to) in block.iter().zip(products.chunks_exact_mut(width)) {
                    axpy(*v, &block, to);
                }
            }
        }
        let of = |term: usize| (0..self.k).filter(move |&t| self.parameters[t].term == term);
        for s in of(i) {
            for t in of(j) {
                let v = contract(&products, &self.directions[s], &self.directions[t], pi, pj);
                trace[s + t * self.k] = v;
                trace[t + s * self.k] = v;
            }
        }
    }

    /// T from central differences of the exact gradient, in the conditioned columns.
    pub fn trace_by_differences(
        &self,
        model: &Model,
        work: &mut Work,
        units: &[f64],
        progress: &Progress,
    ) -> Result<Vec<f64>, LmmError> {
        let at = work.pls.theta.clone();
        let mut hessian = vec![0.0; self.k * self.k];
        for t in 0..self.k {
            let step = DIFFERENCE * units[t];
            let mut slope = vec![0.0; self.k];
            for sign in [1.0, -1.0] {
                let mut theta = at.clone();
                theta[t] += sign * step;
                work.pls.update(model, &theta, progress)?;
                work.derivatives.update(model, &mut work.pls, progress)?;
                axpy(sign / (2.0 * step), &work.derivatives.gradient, &mut slope);
            }
            hessian[t * self.k..(t + 1) * self.k].copy_from_slice(&slope);
        }
        symmetrise(&mut hessian, self.k);
        work.pls.update(model, &at, progress)?;
        work.derivatives.update(model, &mut work.pls, progress)?;
        let mut trace = self.combine(2.0);
        axpy(-1.0, &hessian, &mut trace);
        Ok(trace)
    }

    /// `S_t` within the node of its factor.
    fn padded(&self, model: &Model, t: usize) -> Vec<f64> {
        let term = &model.terms[self.parameters[t].term];
        let size = model.factors[term.factor].size;
        let mut full = vec![0.0; size * size];
        for b in 0..term.p {
            for a in 0..term.p {
                full[term.offset + a + (term.offset + b) * size] =
                    self.directions[t][a + b * term.p];
            }
        }
        full
    }
}

/// Sums over levels of one factor.
struct OneFactor {
    /// `tr(N S_t N S_s) - 2 tr(N S_t J J' S_s)`, lower triangle (k x k).
    trace: Vec<f64>,
    /// `J' S_t J` of each t (p x p).
    fixed: Vec<f64>,
}

impl OneFactor {
    fn zero(k: usize, p: usize) -> OneFactor {
        OneFactor {
            trace: vec![0.0; k * k],
            fixed: vec![0.0; k * p * p],
        }
    }

    fn add(&mut self, other: &OneFactor) {
        axpy(1.0, &other.trace, &mut self.trace);
        axpy(1.0, &other.fixed, &mut self.fixed);
    }

    /// Some levels; `p` is zero where the fixed effects do not count, and `columns` their number.
    fn sum(
        full: &[Vec<f64>],
        n: &[f64],
        j: &[f64],
        (size, columns, p): (usize, usize, usize),
    ) -> OneFactor {
        let (k, square) = (full.len(), size * size);
        let mut sums = OneFactor::zero(k, p);
        let mut ns = vec![0.0; k * square];
        let (mut sj, mut nsj) = (vec![0.0; k * size * p], vec![0.0; size * p]);
        let mut jsj = vec![0.0; p * p];
        for (level, n) in n.chunks_exact(square).enumerate() {
            let j = &j[level * size * columns..level * size * columns + size * p];
            for (s, own) in full.iter().enumerate() {
                let to = &mut ns[s * square..(s + 1) * square];
                multiply_into(n, own, (size, size, size), to);
                if p > 0 {
                    let to = &mut sj[s * size * p..(s + 1) * size * p];
                    multiply_into(own, j, (size, size, p), to);
                    multiply_transpose_into(j, to, (size, p, p), &mut jsj);
                    axpy(1.0, &jsj, &mut sums.fixed[s * p * p..(s + 1) * p * p]);
                }
            }
            for t in 0..k {
                if p > 0 {
                    let own = &sj[t * size * p..(t + 1) * size * p];
                    multiply_into(n, own, (size, size, p), &mut nsj);
                }
                for s in t..k {
                    let (a, b) = (&ns[s * square..], &ns[t * square..]);
                    let mut v = -2.0 * dot(&sj[s * size * p..(s + 1) * size * p], &nsj);
                    for c in 0..size {
                        for r in 0..size {
                            v += a[r + c * size] * b[c + r * size];
                        }
                    }
                    sums.trace[s + t * k] += v;
                }
            }
        }
        sums
    }
}

/// `sum of N[a, b] S_t[b, d] N[c, d] S_s[a, c]` from the products `N[a, b] N[c, d]`.
fn contract(products: &[f64], s: &[f64], t: &[f64], pi: usize, pj: usize) -> f64 {
    let width = pi * pj;
    let mut sum = 0.0;
    for (ab, row) in products.chunks_exact(width).enumerate() {
        let (a, b) = (ab % pi, ab / pi);
        for d in 0..pj {
            let own = &row[d * pi..(d + 1) * pi];
            sum += t[b + d * pj] * dot(own, &s[a * pi..(a + 1) * pi]);
        }
    }
    sum
}

/// Where each level of a term stands in N: the leading factor first, then the trailing block.
fn node_starts(model: &Model, i: usize) -> Vec<usize> {
    let t = &model.terms[i];
    let leading = &model.factors[model.layout.leading];
    if t.factor == model.layout.leading {
        return (0..leading.levels)
            .map(|l| l * leading.size + t.offset)
            .collect();
    }
    let q1 = leading.levels * leading.size;
    model.layout.start[t.factor]
        .iter()
        .map(|&s| q1 + s as usize + t.offset)
        .collect()
}

/// `N = Z'P0 Z` as a dense matrix. With `Y` the rows `G_j'V_j` of the leading levels:
/// `N_11 = diag(G_j'G_j) - Y P Y'`, `N_12 = Y (I - P B)`, `N_22 = B (I - P B)`.
fn all_blocks(model: &Model, pls: &Pls, d: &Derivatives) -> Mat<f64> {
    let m = model.trailing.m;
    let full = |values: &[f64]| {
        let lower = MatRef::from_column_major_slice(values, m, m);
        Mat::from_fn(m, m, |i, j| lower[(i.max(j), i.min(j))])
    };
    let size = model.factors[model.layout.leading].size;
    let b = full(&model.trailing.b(&model.chunks, &pls.leading, size));
    let p = full(&pls.trailing.values);
    let (y, squares) = leading_rows(model, pls);
    let q1 = y.nrows();
    let pb = &p * &b;
    let mut n = Mat::zeros(q1 + m, q1 + m);
    n.submatrix_mut(0, 0, q1, q1)
        .copy_from(squares - (&y * &p) * y.transpose());
    let across = &y - &y * &pb;
    n.submatrix_mut(0, q1, q1, m).copy_from(&across);
    n.submatrix_mut(q1, 0, m, q1).copy_from(across.transpose());
    n.submatrix_mut(q1, q1, m, m).copy_from(&b - &b * &pb);
    if model.reml {
        let j = fixed_rows(model, d);
        n -= &j * j.transpose();
    }
    n
}

/// Y and `diag(G_j'G_j)`.
fn leading_rows(model: &Model, pls: &Pls) -> (Mat<f64>, Mat<f64>) {
    let leading = &model.factors[model.layout.leading];
    let (size, q1) = (leading.size, leading.levels * leading.size);
    let mut y = Mat::zeros(q1, model.trailing.m);
    let mut squares = Mat::zeros(q1, q1);
    let mut buffer = Vec::new();
    for (chunk, work) in model.chunks.iter().zip(&pls.leading) {
        for (j, at) in chunk.start.windows(2).enumerate() {
            let row = (chunk.first + j) * size;
            let panel = work.level(j, at, size, &mut buffer);
            let g = &work.g[j * size * size..(j + 1) * size * size];
            for a in 0..size {
                let ga = &g[a * size..(a + 1) * size];
                for (c, v) in (at[0]..at[1]).zip(panel.chunks_exact(size)) {
                    y[(row + a, chunk.columns[c] as usize)] = dot(ga, v);
                }
                for b in 0..size {
                    squares[(row + a, row + b)] = dot(ga, &g[b * size..(b + 1) * size]);
                }
            }
        }
    }
    (y, squares)
}

/// J of all levels (q x p), in the order of N.
fn fixed_rows(model: &Model, d: &Derivatives) -> Mat<f64> {
    let mut j = Mat::zeros(model.q(), model.p);
    for (i, t) in model.terms.iter().enumerate() {
        let size = model.factors[t.factor].size;
        for (level, row) in node_starts(model, i).into_iter().enumerate() {
            for k in 0..model.p {
                let from = (level * model.p + k) * size + t.offset;
                for a in 0..t.p {
                    j[(row + a, k)] = d.j[t.factor][from + a];
                }
            }
        }
    }
    j
}
