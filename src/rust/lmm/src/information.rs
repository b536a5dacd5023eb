//! Traces and products over all blocks of `N = Z'V0^-1 Z`, part by part.
//!
//! For the entry (a, b) of Sigma_s let `E_s = e_a e_b' + e_b e_a'` (`e_a e_a'` on the diagonal), at
//! every level, so that `V_s = Z E_s Z'`. With `J = Z'V0^-1 X R_X^-1`,
//!
//! ```text
//! t_s = tr(N E_s),   T_st = tr(N E_s N E_t),   K_s = J'E_s J,   Q_st = J'E_s N E_t J
//! ```
//!
//! are what the expected information and Kenward and Roger's adjustment are made of. Levels that
//! are not connected have no common block of N ([`Components`]). Within a part, with B, C, P of
//! [`crate::pls`] as dense matrices and Y the rows `G_j'V_j` of the leading levels,
//!
//! ```text
//! N_11 = diag(G_j'G_j) - Y P Y',   N_12 = Y R,   N_22 = B R,   R = I - P B
//! M_s = Y'E_s Y:   tr(N_11 E_s N_11 E_t) = sum_j [tr(N_jj E_s N_jj E_t) - tr(H_j E_s H_j E_t)]
//!                                          + tr(P M_s P M_t),   H_j = Y_j P Y_j'
//!                  tr(N_12 E_t N_21 E_s) = tr(E_t R'M_s R)
//! ```
//!
//! so that nothing larger than the trailing positions of a part is squared, however many levels the
//! leading factor has.

use faer::linalg::solvers::DenseSolveCore;
use faer::{Mat, MatMut, MatRef, Side};
use rayon::prelude::*;

use crate::components::{Component, Components};
use crate::derivatives::Derivatives;
use crate::error::LmmError;
use crate::lambda::Parameter;
use crate::model::Model;
use crate::pls::Pls;
use crate::progress::Progress;
use crate::sandwich::Side as Product;
use crate::small::{axpy, cholesky, dot, multiply_transpose, solve_lower, transpose};

/// Groups of parts that are summed on their own; fixed, so that threads change nothing.
const GROUPS: usize = 8;
/// Columns of a cross-product that are asked for at once.
const BATCH: usize = 64;
/// Columns of a product that one thread computes at a time.
const PANEL: usize = 64;

/// The sums over all blocks, in the conditioned columns.
pub struct Information {
    /// Number of entries of Sigma.
    pub k: usize,
    /// Number of fixed effects.
    pub p: usize,
    /// `t` (k).
    pub linear: Vec<f64>,
    /// `T` (k x k).
    pub trace: Vec<f64>,
    /// `K` (k matrices of p x p).
    pub fixed: Vec<f64>,
    /// `Q_st` for s >= t, column by column of that triangle (p x p each).
    pub cross: Vec<f64>,
}

impl Information {
    /// All sums at the point that `pls` and `d` were last updated to. `available_bytes` is what
    /// may be used.
    ///
    /// # Errors
    /// [`LmmError::Memory`] where the dense matrices of the largest part do not fit.
    pub fn new(
        model: &Model,
        pls: &Pls,
        d: &Derivatives,
        available_bytes: f64,
        progress: &Progress,
    ) -> Result<Information, LmmError> {
        let parts = Components::new(model);
        check_memory(model, &parts, available_bytes)?;
        let within = within_blocks(model, &parts, progress)?;
        let work = Work {
            model,
            d,
            lambda: &pls.lambda,
            entries: entries(model),
            local: &parts.local,
        };
        let groups = groups(&parts, &within);
        let sum = |group: &[(&Component, &Mat<f64>)]| -> Result<Information, LmmError> {
            let mut sums = Information::zero(model);
            for (part, within) in group {
                progress.check()?;
                work.add(part, within, &mut sums)?;
            }
            Ok(sums)
        };
        let sums: Result<Vec<_>, _> = match model.pool {
            Some(_) => groups.par_iter().map(|g| sum(g)).collect(),
            None => groups.iter().map(|g| sum(g)).collect(),
        };
        let mut total = Information::zero(model);
        sums?.iter().for_each(|s| total.accumulate(s));
        for s in 0..total.k {
            for t in 0..s {
                total.trace[t + s * total.k] = total.trace[s + t * total.k];
            }
        }
        Ok(total)
    }

    fn zero(model: &Model) -> Information {
        let (k, p) = (model.theta_len(), model.p);
        Information {
            k,
            p,
            linear: vec![0.0; k],
            trace: vec![0.0; k * k],
            fixed: vec![0.0; k * p * p],
            cross: vec![0.0; k * (k + 1) / 2 * p * p],
        }
    }

    fn accumulate(&mut self, other: &Information) {
        axpy(1.0, &other.linear, &mut self.linear);
        axpy(1.0, &other.trace, &mut self.trace);
        axpy(1.0, &other.fixed, &mut self.fixed);
        axpy(1.0, &other.cross, &mut self.cross);
    }

    /// `K_s`.
    pub fn fixed_of(&self, s: usize) -> &[f64] {
        &self.fixed[s * self.p * self.p..(s + 1) * self.p * self.p]
    }

    /// `Q_st`, for s >= t.
    pub fn cross_of(&self, s: usize, t: usize) -> &[f64] {
        let (at, square) = (self.pair(s, t), self.p * self.p);
        &self.cross[at * square..(at + 1) * square]
    }

    fn cross_mut(&mut self, s: usize, t: usize) -> &mut [f64] {
        let (at, square) = (self.pair(s, t), self.p * self.p);
        &mut self.cross[at * square..(at + 1) * square]
    }

    fn pair(&self, s: usize, t: usize) -> usize {
        // Columns before t hold k, k - 1, ... entries.
        t * self.k - t * t.saturating_sub(1) / 2 + (s - t)
    }

    /// Add `tr(E_s N E_t N)` and `q`, which is `Q_st`, where they belong.
    fn add(&mut self, s: usize, t: usize, trace: f64, q: MatRef<'_, f64>) {
        let (k, p) = (self.k, self.p);
        self.trace[s.max(t) + s.min(t) * k] += trace;
        let to = MatMut::from_column_major_slice_mut(self.cross_mut(s.max(t), s.min(t)), p, p);
        let q = if s >= t { q } else { q.transpose() };
        faer::zip!(to, q).for_each(|faer::unzip!(to, q)| *to += q);
    }
}

/// Bytes that the sums take.
pub fn bytes(model: &Model, parts: &Components) -> f64 {
    let (k, p) = (model.theta_len() as f64, model.p as f64);
    let leading = &model.factors[model.layout.leading];
    let own: usize = leading.terms.iter().map(|&t| model.terms[t].p).sum();
    let matrices = 8.0 + (own * (own + 1)) as f64;
    let at_once = if model.pool.is_some() && parts.list.len() > 1 {
        2.0
    } else {
        1.0
    };
    let largest = parts.largest() as f64;
    let sums = (GROUPS as f64 + 1.0) * k * (k + 1.0) / 2.0 * p * p;
    8.0 * (sums + parts.squares() + at_once * matrices * largest * largest)
}

fn check_memory(model: &Model, parts: &Components, available: f64) -> Result<(), LmmError> {
    let bytes = bytes(model, parts);
    if bytes <= available {
        return Ok(());
    }
    let what = format!(
        "the expected information of the variances, where {} random effects besides those of '{}' \
         are connected with one another,",
        parts.largest(),
        model.terms[model.factors[model.layout.leading].terms[0]].name
    );
    Err(LmmError::Memory {
        bytes: bytes as u128,
        what,
    })
}

/// Parts in a fixed number of groups of about the same work.
fn groups<'a>(
    parts: &'a Components,
    within: &'a [Mat<f64>],
) -> Vec<Vec<(&'a Component, &'a Mat<f64>)>> {
    let work = |c: &Component| c.levels.len() as f64 + (c.positions.len() as f64).powi(3);
    let total: f64 = parts.list.iter().map(work).sum();
    let mut groups = vec![Vec::new(); GROUPS];
    let mut before = 0.0;
    for pair in parts.list.iter().zip(within) {
        let at = (before / total * GROUPS as f64) as usize;
        groups[at.min(GROUPS - 1)].push(pair);
        before += work(pair.0);
    }
    groups
}

/// The within part of B of each component. A product with the columns number c of all components
/// gives them all, as components have no common entry.
fn within_blocks(
    model: &Model,
    parts: &Components,
    progress: &Progress,
) -> Result<Vec<Mat<f64>>, LmmError> {
    let sizes = parts.list.iter().map(|c| c.positions.len());
    let mut blocks: Vec<Mat<f64>> = sizes.map(|s| Mat::zeros(s, s)).collect();
    let m = model.trailing.m;
    for from in (0..parts.largest()).step_by(BATCH) {
        progress.check()?;
        let to = (from + BATCH).min(parts.largest());
        let mut x = vec![0.0; m * (to - from)];
        let columns = |c: &Component| from..to.min(c.positions.len()).max(from);
        for part in &parts.list {
            for c in columns(part) {
                x[part.positions[c] as usize + (c - from) * m] = 1.0;
            }
        }
        let mut product = vec![0.0; m * (to - from)];
        let within = &model.trailing.within;
        model.trailing.multiply(within, &x, to - from, &mut product);
        for (part, block) in parts.list.iter().zip(&mut blocks) {
            for c in columns(part) {
                for (r, &position) in part.positions.iter().enumerate() {
                    block[(r, c)] = product[position as usize + (c - from) * m];
                }
            }
        }
    }
    Ok(blocks)
}

/// An entry of Sigma: row >= column within the node of its factor.
#[derive(Clone, Copy)]
struct Entry {
    factor: usize,
    row: usize,
    column: usize,
}

fn entries(model: &Model) -> Vec<Entry> {
    let entry = |k: Parameter| {
        let t = &model.terms[k.term];
        Entry {
            factor: t.factor,
            row: t.offset + k.row,
            column: t.offset + k.column,
        }
    };
    model.parameters().into_iter().map(entry).collect()
}

impl Entry {
    /// The places of E_s that are one.
    fn places(&self) -> impl Iterator<Item = (usize, usize)> + Clone {
        let off_diagonal = (self.row != self.column).then_some((self.column, self.row));
        std::iter::once((self.row, self.column)).chain(off_diagonal)
    }

    /// `tr(E_s A)` of a symmetric A.
    fn trace(&self, a: impl Fn(usize, usize) -> f64) -> f64 {
        self.places().map(|(i, j)| a(j, i)).sum()
    }

    /// `tr(E_s A E_t A')` for a block A between the nodes of the two.
    fn trace_of_pair(&self, other: &Entry, a: impl Fn(usize, usize) -> f64) -> f64 {
        let pairs = self
            .places()
            .flat_map(|(i, j)| other.places().map(move |(k, l)| (i, j, k, l)));
        pairs.map(|(i, j, k, l)| a(j, k) * a(i, l)).sum()
    }

    /// Add `E_s x` (rows of a node, from `start`) to `out`.
    fn times(&self, x: impl Fn(usize, usize) -> f64, p: usize, start: usize, out: &mut Mat<f64>) {
        for (i, j) in self.places() {
            for c in 0..p {
                out[(start + i, c)] += x(j, c);
            }
        }
    }
}

/// What all parts share.
struct Work<'a> {
    model: &'a Model,
    d: &'a Derivatives,
    lambda: &'a [Vec<f64>],
    entries: Vec<Entry>,
    local: &'a [u32],
}

/// One level of the leading factor.
struct Level<'a> {
    /// Places of its columns within the part.
    columns: Vec<usize>,
    /// `V_j` and `Y_j = G_j'V_j`, size x columns.
    v: Vec<f64>,
    y: Vec<f64>,
    /// `D_j = G_j'G_j`.
    square: Vec<f64>,
    /// `J_j` (p columns of length size).
    j: &'a [f64],
}

impl Work<'_> {
    fn leading(&self) -> usize {
        self.model.layout.leading
    }

    fn entries_of(&self, leading: bool) -> Vec<usize> {
        let all = 0..self.entries.len();
        all.filter(|&s| (self.entries[s].factor == self.leading()) == leading)
            .collect()
    }

    /// Add one part.
    fn add(
        &self,
        part: &Component,
        within: &Mat<f64>,
        sums: &mut Information,
    ) -> Result<(), LmmError> {
        let levels: Vec<Level> = part.levels.iter().map(|&at| self.level(at)).collect();
        let blocks = Blocks::new(self, part, within, &levels)?;
        let (lead, trail) = (self.entries_of(true), self.entries_of(false));
        for level in &levels {
            self.add_level(level, &lead, &blocks, sums);
        }
        if part.positions.is_empty() {
            return Ok(());
        }
        let x: Vec<Mat<f64>> = trail
            .iter()
            .map(|&t| self.trailing_products(part, t, &blocks.j))
            .collect();
        self.add_trailing(part, &trail, &x, &blocks, sums);
        self.add_leading(part, (&lead, &trail), &levels, &x, &blocks, sums);
        Ok(())
    }

    /// Whitens one level as [`crate::pls`] does.
    fn level(&self, (k, level): (usize, usize)) -> Level<'_> {
        let (chunk, f) = (&self.model.chunks[k], self.leading());
        let (size, p) = (self.model.factors[f].size, self.model.p);
        let lower = &chunk.r[level * size * size..(level + 1) * size * size];
        let (from, to) = (chunk.start[level], chunk.start[level + 1]);
        let root = multiply_transpose(lower, &self.lambda[f], size, size, size);
        let across = transpose(&root, size, size);
        let mut t = multiply_transpose(&across, &across, size, size, size);
        for a in 0..size {
            t[a + a * size] += 1.0;
        }
        let positive = cholesky(&mut t, size);
        debug_assert!(positive, "invariant: I + R Sigma R' is positive definite");
        let mut g = transpose(lower, size, size);
        solve_lower(&t, size, &mut g, size);
        let mut v = chunk.panel[from * size..to * size].to_vec();
        solve_lower(&t, size, &mut v, to - from);
        let at = (chunk.first + level) * size * p;
        Level {
            columns: chunk.columns[from..to]
                .iter()
                .map(|&c| self.local[c as usize] as usize)
                .collect(),
            y: multiply_transpose(&g, &v, size, size, to - from),
            v,
            square: multiply_transpose(&g, &g, size, size, size),
            j: &self.d.j[f][at..at + size * p],
        }
    }

    /// What a leading level adds through its own diagonal block.
    fn add_level(&self, level: &Level, lead: &[usize], blocks: &Blocks, sums: &mut Information) {
        let size = self.model.factors[self.leading()].size;
        let p = self.model.p;
        let h = blocks.inner(level, size);
        let d = |i: usize, j: usize| level.square[i + j * size];
        let n = |i: usize, j: usize| d(i, j) - h[i + j * size];
        let j = |a: usize, c: usize| level.j[a + c * size];
        let products: Vec<Mat<f64>> = lead
            .iter()
            .map(|&s| {
                let mut out = Mat::zeros(size, p);
                self.entries[s].times(j, p, 0, &mut out);
                out
            })
            .collect();
        let own = MatRef::from_column_major_slice(level.j, size, p);
        let square = MatRef::from_column_major_slice(&level.square, size, size);
        for (at, &s) in lead.iter().enumerate() {
            let entry = &self.entries[s];
            sums.linear[s] += entry.trace(n);
            add_to(
                &mut sums.fixed[s * p * p..(s + 1) * p * p],
                own.transpose() * &products[at],
            );
            let left = products[at].transpose() * square;
            for (other, &t) in lead[..=at].iter().enumerate() {
                let pair = &self.entries[t];
                let trace = entry.trace_of_pair(pair, n)
                    - entry.trace_of_pair(pair, |i, j| h[i + j * size]);
                sums.add(s, t, trace, (&left * &products[other]).as_ref());
            }
        }
    }

    /// `E_t J_2`.
    fn trailing_products(&self, part: &Component, t: usize, j: &Mat<f64>) -> Mat<f64> {
        let mut out = Mat::zeros(part.positions.len(), self.model.p);
        let entry = &self.entries[t];
        for node in part.nodes.iter().filter(|n| n.factor == entry.factor) {
            let own = |a: usize, c: usize| j[(node.start + a, c)];
            entry.times(own, self.model.p, node.start, &mut out);
        }
        out
    }

    /// Pairs of entries of trailing factors.
    fn add_trailing(
        &self,
        part: &Component,
        trail: &[usize],
        x: &[Mat<f64>],
        blocks: &Blocks,
        sums: &mut Information,
    ) {
        let p = self.model.p;
        let n = &blocks.n;
        for (at, &s) in trail.iter().enumerate() {
            let entry = self.entries[s];
            let of = |factor: usize| part.nodes.iter().filter(move |n| n.factor == factor);
            for u in of(entry.factor) {
                sums.linear[s] += entry.trace(|i, j| n[(u.start + i, u.start + j)]);
            }
            add_to(
                &mut sums.fixed[s * p * p..(s + 1) * p * p],
                blocks.j.transpose() * &x[at],
            );
            let left = x[at].transpose() * n;
            for (other, &t) in trail[..=at].iter().enumerate() {
                let pair = self.entries[t];
                let mut trace = 0.0;
                for v in of(pair.factor) {
                    for u in of(entry.factor) {
                        trace += entry.trace_of_pair(&pair, |i, j| n[(u.start + i, v.start + j)]);
                    }
                }
                sums.add(s, t, trace, (&left * &x[other]).as_ref());
            }
        }
    }

    /// Pairs with an entry of the leading factor, through the trailing block.
    fn add_leading(
        &self,
        part: &Component,
        (lead, trail): (&[usize], &[usize]),
        levels: &[Level],
        x: &[Mat<f64>],
        blocks: &Blocks,
        sums: &mut Information,
    ) {
        let parallel = self.model.pool.is_some();
        let rx: Vec<Mat<f64>> = x.iter().map(|x| &blocks.r * x).collect();
        let mut pm: Vec<Mat<f64>> = Vec::with_capacity(lead.len());
        let mut a: Vec<Mat<f64>> = Vec::with_capacity(lead.len());
        for &s in lead {
            let entry = self.entries[s];
            let (square, own) = self.between_levels(part, levels, &entry);
            let mr = product(square.as_ref(), blocks.r.as_ref(), parallel);
            for (&t, rx) in trail.iter().zip(&rx) {
                let pair = self.entries[t];
                let mut trace = 0.0;
                for u in part.nodes.iter().filter(|n| n.factor == pair.factor) {
                    trace += pair.trace(|i, j| {
                        column_dot(blocks.r.as_ref(), u.start + i, mr.as_ref(), u.start + j)
                    });
                }
                sums.add(s, t, trace, (own.transpose() * rx).as_ref());
            }
            pm.push(product(blocks.p.as_ref(), square.as_ref(), parallel));
            a.push(own);
            let (last, left) = (pm.len() - 1, a[pm.len() - 1].transpose() * &blocks.p);
            for (at, &t) in lead[..=last].iter().enumerate() {
                let trace = trace_of_product(&pm[last], &pm[at]);
                sums.add(s, t, trace, (-(&left * &a[at])).as_ref());
            }
        }
    }

    /// `M_s = Y'E_s Y` and `Y'E_s J_1`.
    fn between_levels(
        &self,
        part: &Component,
        levels: &[Level],
        entry: &Entry,
    ) -> (Mat<f64>, Mat<f64>) {
        let size = self.model.factors[self.leading()].size;
        let (m, p) = (part.positions.len(), self.model.p);
        let (mut square, mut own) = (Mat::zeros(m, m), Mat::zeros(m, p));
        for level in levels {
            for (i, j) in entry.places() {
                for (&c, yc) in level.columns.iter().zip(level.y.chunks_exact(size)) {
                    let column = square.col_as_slice_mut(c);
                    for (&r, yr) in level.columns.iter().zip(level.y.chunks_exact(size)) {
                        column[r] += yr[i] * yc[j];
                    }
                    for k in 0..p {
                        own[(c, k)] += yc[i] * level.j[j + k * size];
                    }
                }
            }
        }
        (square, own)
    }
}

/// The dense matrices of one part.
struct Blocks {
    /// P.
    p: Mat<f64>,
    /// `R = I - P B`.
    r: Mat<f64>,
    /// `N_22`.
    n: Mat<f64>,
    /// `J_2` (trailing positions x p).
    j: Mat<f64>,
}

impl Blocks {
    fn new(
        work: &Work,
        part: &Component,
        within: &Mat<f64>,
        levels: &[Level],
    ) -> Result<Blocks, LmmError> {
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
        Ok(Blocks { p, r, n, j })
    }

    /// `H_j = Y_j P Y_j'`.
    fn inner(&self, level: &Level, size: usize) -> Vec<f64> {
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
fn product(a: MatRef<'_, f64>, b: MatRef<'_, f64>, parallel: bool) -> Mat<f64> {
    if !parallel || b.ncols() <= PANEL {
        return a * b;
    }
    let mut out = Mat::zeros(a.nrows(), b.ncols());
    let rows = a.nrows();
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
    debug_assert_eq!(rows, a.nrows());
    columns
        .into_par_iter()
        .enumerate()
        .for_each(|(k, mut own)| {
            let width = own.ncols();
            own.copy_from(a * b.subcols(k * PANEL, width));
        });
    out
}

fn column_dot(a: MatRef<'_, f64>, i: usize, b: MatRef<'_, f64>, j: usize) -> f64 {
    a.col(i).transpose() * b.col(j)
}

/// `tr(A B)`.
fn trace_of_product(a: &Mat<f64>, b: &Mat<f64>) -> f64 {
    let across = b.transpose().to_owned();
    (0..a.ncols())
        .map(|c| dot(a.col_as_slice(c), across.col_as_slice(c)))
        .sum()
}

fn add_to(to: &mut [f64], from: Mat<f64>) {
    let to = MatMut::from_column_major_slice_mut(to, from.nrows(), from.ncols());
    faer::zip!(to, &from).for_each(|faer::unzip!(to, from)| *to += from);
}
