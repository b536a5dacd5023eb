//! Where the search starts: moments between levels, from the cross-products alone.
//!
//! Per term, ridge regressions of the residuals of y on X within each level give rough effects;
//! their mean square less what noise explains is a covariance, floored so that it is positive
//! definite (zero is a stationary point of the criterion in lambda, whatever the data say).

use crate::lambda::to_theta;
use crate::model::Model;
use crate::small::{axpy, cholesky, eigen, lower_factor, solve_lower, solve_lower_transpose};

/// Smallest eigenvalue of the start, relative to the largest.
const FLOOR: f64 = 0.01;

/// Cross-products of one factor: `Z_j'W Z_j` and `Z_j'W y` of each level.
struct Moments {
    a: Vec<f64>,
    z: Vec<f64>,
}

/// Conditioned theta to start from, and the natural unit of each entry: with it a step of one
/// changes a standard deviation by about itself, or by what the data can see.
pub fn start(model: &Model) -> (Vec<f64>, Vec<Vec<f64>>) {
    let noise = noise_variance(model);
    let mut lambdas = Vec::new();
    let mut units = Vec::new();
    let moments: Vec<Moments> = (0..model.factors.len())
        .map(|f| moments(model, f))
        .collect();
    for (i, t) in model.terms.iter().enumerate() {
        let own = &moments[t.factor];
        let information = mean_information(model, i, own);
        lambdas.push(term_start(model, i, own, noise, &information));
        units.push(information.iter().map(|v| 1.0 / v.max(1e-300)).collect());
    }
    (to_theta(&model.terms, &lambdas), units)
}

/// Residual variance within the levels of the leading factor, or half of the total.
fn noise_variance(model: &Model) -> f64 {
    let p1 = model.p + 1;
    let leading = &model.factors[model.layout.leading];
    let df = model.n as f64 - (leading.levels * leading.size + model.p) as f64;
    let within = model.within[p1 * p1 - 1];
    if df >= 1.0 && within > 0.0 {
        (within / df).min(1.0)
    } else {
        0.5
    }
}

fn moments(model: &Model, f: usize) -> Moments {
    let (size, levels) = (model.factors[f].size, model.factors[f].levels);
    let (m, p, p1) = (model.trailing.m, model.p, model.p + 1);
    let mut a = vec![0.0; levels * size * size];
    let mut z = vec![0.0; levels * size];
    if f == model.layout.leading {
        for chunk in &model.chunks {
            for j in 0..chunk.levels {
                let level = chunk.first + j;
                let r = &chunk.r[j * size * size..(j + 1) * size * size];
                let q = &chunk.w[(j * p1 + p) * size..(j * p1 + p + 1) * size];
                for k in 0..size {
                    let column = &r[k * size..(k + 1) * size];
                    axpy(q[k], column, &mut z[level * size..(level + 1) * size]);
                    for b in 0..size {
                        let at = level * size * size + b * size;
                        axpy(column[b], column, &mut a[at..at + size]);
                    }
                }
            }
        }
        return Moments { a, z };
    }
    let mut level_of = vec![usize::MAX; m];
    for (level, &start) in model.layout.start[f].iter().enumerate() {
        let block = model
            .trailing
            .diagonal_block(&model.trailing.within, start as usize);
        a[level * size * size..(level + 1) * size * size].copy_from_slice(&block);
        let from = p * m + start as usize;
        z[level * size..(level + 1) * size].copy_from_slice(&model.trailing_w[from..from + size]);
        level_of[start as usize] = level;
    }
    add_between(model, size, &level_of, &mut a, &mut z);
    Moments { a, z }
}

/// Add the between rows' share of a trailing factor's moments.
fn add_between(model: &Model, size: usize, level_of: &[usize], a: &mut [f64], z: &mut [f64]) {
    let (p, p1) = (model.p, model.p + 1);
    let rows = model.factors[model.layout.leading].size;
    for chunk in &model.chunks {
        for (j, at) in chunk.start.windows(2).enumerate() {
            let y = &chunk.w[(j * p1 + p) * rows..(j * p1 + p + 1) * rows];
            for k in at[0]..at[1] {
                let level = level_of[chunk.columns[k] as usize];
                if level == usize::MAX {
                    continue;
                }
                let panel = &chunk.panel[k * rows..(k + size) * rows];
                for (c, column) in panel.chunks_exact(rows).enumerate() {
                    z[level * size + c] += crate::small::dot(column, y);
                    for (b, other) in panel.chunks_exact(rows).enumerate() {
                        a[(level * size + c) * size + b] += crate::small::dot(column, other);
                    }
                }
            }
        }
    }
}

/// Mean over the levels of the diagonal of `Z_j'W Z_j`.
fn mean_information(model: &Model, term: usize, moments: &Moments) -> Vec<f64> {
    let t = &model.terms[term];
    let (size, levels) = (model.factors[t.factor].size, model.factors[t.factor].levels);
    (0..t.p)
        .map(|a| {
            let at = (t.offset + a) * (size + 1);
            let sum: f64 = moments
                .a
                .chunks_exact(size * size)
                .map(|block| block[at])
                .sum();
            sum / levels as f64
        })
        .collect()
}

fn term_start(
    model: &Model,
    term: usize,
    moments: &Moments,
    noise: f64,
    information: &[f64],
) -> Vec<f64> {
    let t = &model.terms[term];
    let (p, size) = (t.p, model.factors[t.factor].size);
    let mut sum = LevelSum::new(information);
    let levels = moments.a.chunks_exact(size * size);
    for (block, z) in levels.zip(moments.z.chunks_exact(size)) {
        for b in 0..p {
            let from = (t.offset + b) * size + t.offset;
            sum.a[b * p..(b + 1) * p].copy_from_slice(&block[from..from + p]);
        }
        sum.add(&z[t.offset..t.offset + p]);
    }
    let LevelSum {
        mut sigma, used, ..
    } = sum;
    sigma
        .iter_mut()
        .for_each(|v| *v /= f64::max(used, 1.0) * noise);
    floored_factor(&sigma, p, information)
}

/// Sum over the levels of a term, and the memory it is computed in.
struct LevelSum {
    /// Sum of `b b' - M A M`.
    sigma: Vec<f64>,
    /// Levels in it.
    used: f64,
    /// `K`, the diagonal that makes the regressions well posed.
    penalty: Vec<f64>,
    /// A of the level at hand.
    a: Vec<f64>,
    ridge: Vec<f64>,
    ma: Vec<f64>,
    mam: Vec<f64>,
    b: Vec<f64>,
}

impl LevelSum {
    fn new(information: &[f64]) -> LevelSum {
        let p = information.len();
        let square = vec![0.0; p * p];
        LevelSum {
            sigma: square.clone(),
            used: 0.0,
            penalty: information.iter().map(|v| 0.1 * v.max(1e-300)).collect(),
            a: square.clone(),
            ridge: square.clone(),
            ma: square.clone(),
            mam: square,
            b: vec![0.0; p],
        }
    }

    /// Add `b b' - M A M` for the ridge estimate `b = M z`, `M = (A + K)^-1`, noise having
    /// variance 1.
    fn add(&mut self, z: &[f64]) {
        let p = z.len();
        self.ridge.copy_from_slice(&self.a);
        for (k, v) in self.penalty.iter().enumerate() {
            self.ridge[k + k * p] += v;
        }
        if !cholesky(&mut self.ridge, p) {
            return;
        }
        self.b.copy_from_slice(z);
        solve(&self.ridge, p, &mut self.b);
        self.ma.copy_from_slice(&self.a);
        solve(&self.ridge, p, &mut self.ma);
        for c in 0..p {
            for r in 0..p {
                self.mam[r + c * p] = self.ma[c + r * p];
            }
        }
        solve(&self.ridge, p, &mut self.mam);
        for k in 0..p {
            axpy(self.b[k], &self.b, &mut self.sigma[k * p..(k + 1) * p]);
        }
        axpy(-1.0, &self.mam, &mut self.sigma);
        self.used += 1.0;
    }
}

/// `x <- (L L')^-1 x` for all columns of x.
fn solve(l: &[f64], p: usize, x: &mut [f64]) {
    let k = x.len() / p;
    solve_lower(l, p, x, k);
    solve_lower_transpose(l, p, x, k);
}

/// Lower factor of `sigma` with its eigenvalues floored, in units of the information.
fn floored_factor(sigma: &[f64], p: usize, information: &[f64]) -> Vec<f64> {
    let root: Vec<f64> = information.iter().map(|v| v.max(1e-300).sqrt()).collect();
    let scaled: Vec<f64> = (0..p * p)
        .map(|k| sigma[k] * root[k % p] * root[k / p])
        .collect();
    let mut factor = vec![0.0; p * p];
    match eigen(&scaled, p) {
        Some((values, vectors)) => {
            let floor = (FLOOR * values[p - 1]).max(0.1);
            for k in 0..p {
                for i in 0..p {
                    let w = values[k].max(floor).sqrt();
                    factor[i + k * p] = vectors[i + k * p] * w / root[i];
                }
            }
        }
        None => (0..p).for_each(|i| factor[i + i * p] = 1.0 / root[i]),
    }
    lower_factor(&factor, p, p)
}
