//! The trace `T_st = tr(P0 V_s P0 V_t)` of the exact second derivatives, two ways.
//!
//! T needs all blocks of `N = Z'P0 Z`. With one factor N is block diagonal but for the fixed
//! effects; with few random effects N is formed. Larger models are for `hessian`.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;

use crate::curvature::Curvature;
use crate::derivatives::Derivatives;
use crate::model::Model;
use crate::pls::Pls;
use crate::small::{axpy, dot, symmetrise};

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
    levels * size * size * (size * size + (model.p as f64).powi(2)) + (k * size * size).powi(2)
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
    trace_in(&mut AllBlocks::default(), model, (pls, d), curvature)
}

/// [`trace`] in memory that is there.
pub(crate) fn trace_in(
    memory: &mut AllBlocks,
    model: &Model,
    (pls, d): (&Pls, &Derivatives),
    curvature: &Curvature,
) -> Vec<f64> {
    if model.trailing.m == 0 {
        curvature.trace_of_one_factor(model, d)
    } else {
        memory.update(model, pls, d);
        curvature.trace_of_all_blocks(model, &memory.n)
    }
}

impl Curvature {
    /// T when no factor but one is there: `N` is block diagonal but for the fixed effects.
    fn trace_of_one_factor(&self, model: &Model, d: &Derivatives) -> Vec<f64> {
        let f = model.layout.leading;
        let (size, k) = (model.factors[f].size, self.k);
        let p = if model.reml { model.p } else { 0 };
        let n = &d.n[f];
        let j = |part: usize| {
            let from = part * LEVELS * size * model.p;
            &d.j[f][from..(from + LEVELS * size * model.p).min(d.j[f].len())]
        };
        let job = |(part, n): (usize, &[f64])| OneFactor::sum(n, j(part), (size, model.p, p));
        let levels = LEVELS * size * size;
        let parts: Vec<OneFactor> = if model.pool.is_some() {
            n.par_chunks(levels).enumerate().map(job).collect()
        } else {
            n.chunks(levels).enumerate().map(job).collect()
        };
        let mut total = OneFactor::zero(size, p);
        parts.iter().for_each(|part| total.add(part));
        let full: Vec<Vec<f64>> = (0..k).map(|t| self.padded(model, t)).collect();
        let fixed: Vec<Vec<f64>> = full.iter().map(|s| total.fixed(s, (size, p))).collect();
        let mut trace = vec![0.0; k * k];
        for s in 0..k {
            for t in 0..=s {
                let v = contract(&total.products, &full[s], &full[t], size, size)
                    + dot(&fixed[s], &fixed[t]);
                trace[s + t * k] = v;
                trace[t + s * k] = v;
            }
        }
        trace
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
        let levels = |i: usize| model.factors[model.terms[i].factor].levels;
        let width = pi * pj;
        let mut products = vec![0.0; width * width];
        let mut block = vec![0.0; width];
        for c in (0..levels(j)).map(|level| node_start(model, j, level)) {
            for r in (0..levels(i)).map(|level| node_start(model, i, level)) {
                for b in 0..pj {
                    for a in 0..pi {
                        block[a + b * pi] = n[(r + a, c + b)];
                    }
                }
                add_products(&block, 1.0, &mut products);
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
}

/// Sums over levels of one factor, from which T follows for any parameters.
struct OneFactor {
    /// `N[a, b] (N - 2 J J')[c, d]` (size^2 x size^2).
    products: Vec<f64>,
    /// `J_a' J_b` of the rows a <= b of J (p x p each).
    pairs: Vec<f64>,
}

impl OneFactor {
    fn zero(size: usize, p: usize) -> OneFactor {
        OneFactor {
            products: vec![0.0; size.pow(4)],
            pairs: vec![0.0; size * (size + 1) / 2 * p * p],
        }
    }

    fn add(&mut self, other: &OneFactor) {
        axpy(1.0, &other.products, &mut self.products);
        axpy(1.0, &other.pairs, &mut self.pairs);
    }

    /// Some levels; `p` is zero where the fixed effects do not count, and `columns` their number.
    fn sum(n: &[f64], j: &[f64], (size, columns, p): (usize, usize, usize)) -> OneFactor {
        let square = size * size;
        let mut sums = OneFactor::zero(size, p);
        let mut rest = vec![0.0; square];
        let mut rows = vec![0.0; size * p];
        for (level, n) in n.chunks_exact(square).enumerate() {
            rest.copy_from_slice(n);
            if p > 0 {
                let j = &j[level * size * columns..level * size * columns + size * p];
                for (c, column) in j.chunks_exact(size).enumerate() {
                    for (a, v) in column.iter().enumerate() {
                        rows[a * p + c] = *v;
                    }
                }
                sums.add_rows(&rows, (size, p), &mut rest);
            }
            for (v, to) in n.iter().zip(sums.products.chunks_exact_mut(square)) {
                axpy(*v, &rest, to);
            }
        }
        sums
    }

    /// The products of the rows of J, and less twice their inner products in `rest`.
    fn add_rows(&mut self, rows: &[f64], (size, p): (usize, usize), rest: &mut [f64]) {
        let mut pairs = self.pairs.chunks_exact_mut(p * p);
        for (b, row_b) in rows.chunks_exact(p).enumerate() {
            for (a, row_a) in rows.chunks_exact(p).take(b + 1).enumerate() {
                let product = 2.0 * dot(row_a, row_b);
                rest[a + b * size] -= product;
                if a != b {
                    rest[b + a * size] -= product;
                }
                for (v, to) in row_b
                    .iter()
                    .zip(pairs.next().unwrap_or_default().chunks_exact_mut(p))
                {
                    axpy(*v, row_a, to);
                }
            }
        }
    }

    /// `J' S J` (p x p) of a symmetric S.
    fn fixed(&self, s: &[f64], (size, p): (usize, usize)) -> Vec<f64> {
        let mut sum = vec![0.0; p * p];
        let mut pairs = self.pairs.chunks_exact((p * p).max(1));
        for b in 0..size {
            for a in 0..=b {
                let both = if a == b { 0.5 } else { 1.0 };
                axpy(
                    both * s[a + b * size],
                    pairs.next().unwrap_or_default(),
                    &mut sum,
                );
            }
        }
        for c in 0..p {
            for r in 0..=c {
                let v = sum[r + c * p] + sum[c + r * p];
                sum[r + c * p] = v;
                sum[c + r * p] = v;
            }
        }
        sum
    }
}

/// Add `times` all products of two entries of a block.
pub(crate) fn add_products(block: &[f64], times: f64, sums: &mut [f64]) {
    for (v, to) in block.iter().zip(sums.chunks_exact_mut(block.len())) {
        axpy(times * v, block, to);
    }
}

/// `sum of N[a, b] S_t[b, d] N[c, d] S_s[a, c]` from the products `N[a, b] N[c, d]`.
pub(crate) fn contract(products: &[f64], s: &[f64], t: &[f64], pi: usize, pj: usize) -> f64 {
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

/// Where a level of a term stands in N: the leading factor first, then the trailing block.
fn node_start(model: &Model, i: usize, level: usize) -> usize {
    let t = &model.terms[i];
    let leading = &model.factors[model.layout.leading];
    if t.factor == model.layout.leading {
        return level * leading.size + t.offset;
    }
    let start = model.layout.start[t.factor][level];
    leading.levels * leading.size + start as usize + t.offset
}

/// `N = Z'P0 Z` as a dense matrix, and what it is made from.
pub(crate) struct AllBlocks {
    n: Mat<f64>,
    /// B and P (m x m), both triangles, and `I - P B`.
    b: Mat<f64>,
    p: Mat<f64>,
    rest: Mat<f64>,
    /// `G_j'V_j` of all levels of the leading factor (q1 x m), and times P.
    y: Mat<f64>,
    yp: Mat<f64>,
    /// J of all levels, in the order of N (q x p).
    j: Mat<f64>,
    /// The lower triangle of B, and one level's panel.
    lower: Vec<f64>,
    panel: Vec<f64>,
}

impl Default for AllBlocks {
    /// No memory yet: it is taken at the first use.
    fn default() -> AllBlocks {
        AllBlocks::new((0, 0, 0))
    }
}

impl AllBlocks {
    /// `N_11 = diag(G_j'G_j) - Y P Y'`, `N_12 = Y (I - P B)`, `N_22 = B (I - P B)`.
    fn update(&mut self, model: &Model, pls: &Pls, d: &Derivatives) {
        let leading = &model.factors[model.layout.leading];
        let (m, q1) = (model.trailing.m, leading.levels * leading.size);
        if self.n.nrows() != q1 + m {
            *self = AllBlocks::new((q1, m, model.p));
        }
        let how = (model.chunks.as_slice(), pls.leading.as_slice());
        model.trailing.b(how, leading.size, &mut self.lower);
        fill_both(&self.lower, &mut self.b);
        fill_both(&pls.trailing.values, &mut self.p);
        self.n.fill(0.0);
        self.leading_rows(model, pls);
        let AllBlocks {
            n,
            b,
            p,
            rest,
            y,
            yp,
            ..
        } = self;
        rest.fill(0.0);
        (0..m).for_each(|a| rest[(a, a)] = 1.0);
        add(rest.as_mut(), -1.0, p.as_ref(), b.as_ref());
        yp.fill(0.0);
        add(yp.as_mut(), 1.0, y.as_ref(), p.as_ref());
        let n11 = n.submatrix_mut(0, 0, q1, q1);
        add(n11, -1.0, yp.as_ref(), y.transpose());
        add(
            n.submatrix_mut(0, q1, q1, m),
            1.0,
            y.as_ref(),
            rest.as_ref(),
        );
        add(
            n.submatrix_mut(q1, q1, m, m),
            1.0,
            b.as_ref(),
            rest.as_ref(),
        );
        for c in 0..q1 {
            for a in 0..m {
                n[(q1 + a, c)] = n[(c, q1 + a)];
            }
        }
        if model.reml {
            self.fixed_rows(model, d);
            let AllBlocks { n, j, .. } = self;
            add(n.as_mut(), -1.0, j.as_ref(), j.transpose());
        }
    }

    /// Memory for q1 random effects of the leading factor, m others and p fixed effects.
    fn new((q1, m, p): (usize, usize, usize)) -> AllBlocks {
        AllBlocks {
            n: Mat::zeros(q1 + m, q1 + m),
            b: Mat::zeros(m, m),
            p: Mat::zeros(m, m),
            rest: Mat::zeros(m, m),
            y: Mat::zeros(q1, m),
            yp: Mat::zeros(q1, m),
            j: Mat::zeros(q1 + m, p),
            lower: vec![0.0; m * m],
            panel: Vec::new(),
        }
    }

    /// Y, and `diag(G_j'G_j)` in N.
    fn leading_rows(&mut self, model: &Model, pls: &Pls) {
        let size = model.factors[model.layout.leading].size;
        self.y.fill(0.0);
        for (chunk, work) in model.chunks.iter().zip(&pls.leading) {
            for (j, at) in chunk.start.windows(2).enumerate() {
                let row = (chunk.first + j) * size;
                let panel = work.level(j, at, size, &mut self.panel);
                let g = &work.g[j * size * size..(j + 1) * size * size];
                for a in 0..size {
                    let ga = &g[a * size..(a + 1) * size];
                    for (c, v) in (at[0]..at[1]).zip(panel.chunks_exact(size)) {
                        self.y[(row + a, chunk.columns[c] as usize)] = dot(ga, v);
                    }
                    for b in 0..size {
                        self.n[(row + a, row + b)] = dot(ga, &g[b * size..(b + 1) * size]);
                    }
                }
            }
        }
    }

    /// J of all levels (q x p), in the order of N.
    fn fixed_rows(&mut self, model: &Model, d: &Derivatives) {
        for (i, t) in model.terms.iter().enumerate() {
            let size = model.factors[t.factor].size;
            for level in 0..model.factors[t.factor].levels {
                let row = node_start(model, i, level);
                for k in 0..model.p {
                    let from = (level * model.p + k) * size + t.offset;
                    for a in 0..t.p {
                        self.j[(row + a, k)] = d.j[t.factor][from + a];
                    }
                }
            }
        }
    }
}

/// Both triangles from the lower one.
fn fill_both(lower: &[f64], out: &mut Mat<f64>) {
    let m = out.nrows();
    for c in 0..m {
        for a in c..m {
            out[(a, c)] = lower[a + c * m];
            out[(c, a)] = lower[a + c * m];
        }
    }
}

/// `out <- out + times a b`.
fn add(out: MatMut<'_, f64>, times: f64, a: MatRef<'_, f64>, b: MatRef<'_, f64>) {
    matmul(out, Accum::Add, a, b, times, Par::Seq);
}
