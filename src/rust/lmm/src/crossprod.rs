//! The cross-products of the rows, with the largest factor absorbed.
//!
//! The factor with the most random effects leads. Within each of its levels j the rows are rotated
//! so that `size` of them carry all of Z_j: with `A_jj = Z_j'W Z_j = R'R`,
//!
//! ```text
//! between:  R_j,   P_j = R^-T Z_j'W Z_2,   Q_j = R^-T Z_j'W [X y]          (size rows per level)
//! within:   A_22 - sum_j P_j'P_j,   Z_2'W [X y]_res,   [X y]_res'W [X y]_res
//! ```
//!
//! where `Z_2` are the columns of the other factors and `[X y]_res` residuals on Z_j within the
//! level, formed on the rows. The random effects of the leading factor touch the between rows only,
//! so the Schur complement at any lambda is the within part *plus* a sum of squares: nothing
//! cancels however large the variance of the leading factor is (the usual `A_22 - L_21 L_21'`
//! loses as many digits as n_j lambda^2 has). Both parts are sums over rows.

use rayon::prelude::*;

use crate::layout::Layout;
use crate::progress::Progress;
use crate::small::{axpy, dot, semidefinite_cholesky, solve_lower, solve_lower_transpose};
use crate::term::Factor;

/// A pivot of Z_j'W Z_j below this part of its diagonal is rounding.
const PIVOT_TOLERANCE: f64 = 1e-13;
/// Rows of a chunk, about: few enough for several chunks, many enough for loops to be worth it. They
/// follow from the rows alone, so that sums do not depend on the number of threads.
const CHUNK_ROWS: std::ops::RangeInclusive<usize> = 448..=8192;
/// Chunks of a model with few rows, about.
const CHUNKS: usize = 4;

/// Columns of `[X y]` that a thread sums at once.
const COLUMNS: usize = 2;

/// Rows that a loop takes between looks at whether it should stop.
pub const ROWS_BETWEEN_CHECKS: usize = 1 << 18;

/// Conditioned columns of one factor, row by row.
#[derive(Debug, Clone)]
pub enum ZRows {
    /// A single column of ones.
    Ones,
    /// n x size, row-major.
    Dense(Vec<f64>),
}

impl ZRows {
    /// The entries of row `i`.
    #[inline]
    pub fn row(&self, i: usize, size: usize) -> &[f64] {
        match self {
            ZRows::Ones => &[1.0],
            ZRows::Dense(z) => &z[i * size..(i + 1) * size],
        }
    }
}

/// All rows, sorted by the level of the leading factor.
pub struct Rows {
    /// Number of rows.
    pub n: usize,
    /// Columns of `w`: the basis of X, then y.
    pub p1: usize,
    /// `[X y]`, weighted and conditioned, row-major.
    pub w: Vec<f64>,
    /// Conditioned columns of each factor.
    pub z: Vec<ZRows>,
    /// Level of each row in each factor, from zero.
    pub codes: Vec<Vec<u32>>,
    /// First row of each level of the leading factor, and the end.
    pub level_start: Vec<usize>,
}

/// Some consecutive levels of the leading factor, absorbed.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// First level.
    pub first: usize,
    /// Number of levels.
    pub levels: usize,
    /// `R_j'` of each level: lower triangular, size x size.
    pub r: Vec<f64>,
    /// Start of each level in `columns`; `levels + 1` entries.
    pub start: Vec<usize>,
    /// Trailing positions that share rows with the level, ascending.
    pub columns: Vec<u32>,
    /// `P_j` of each level: size x (its columns).
    pub panel: Vec<f64>,
    /// `Q_j` of each level: size x p1.
    pub w: Vec<f64>,
    /// Within part of `[X y]'W [X y]`, this chunk's share (p1 x p1, lower triangle).
    pub within: Vec<f64>,
}

impl Chunk {
    /// The trailing positions of each level.
    pub fn level_columns(&self) -> impl Iterator<Item = &[u32]> {
        self.start.windows(2).map(|at| &self.columns[at[0]..at[1]])
    }
}

/// Absorb the leading factor. On return `rows.w` holds the residuals `[X y]_res`.
pub fn absorb(
    rows: &mut Rows,
    factors: &[Factor],
    layout: &Layout,
    parallel: bool,
    progress: &Progress,
) -> Result<Vec<Chunk>, crate::LmmError> {
    let bounds = chunk_bounds(&rows.level_start);
    let Rows {
        p1,
        w,
        z,
        codes,
        level_start,
        ..
    } = rows;
    let mut jobs = Vec::new();
    let mut rest = w.as_mut_slice();
    for b in bounds.windows(2) {
        let len = (level_start[b[1]] - level_start[b[0]]) * *p1;
        let (own, others) = rest.split_at_mut(len);
        jobs.push((b[0], b[1], own));
        rest = others;
    }
    let shared = Shared {
        factors,
        layout,
        p1: *p1,
        z,
        codes,
        level_start,
    };
    let run = |(from, to, own): (usize, usize, &mut [f64])| {
        progress.check()?;
        Ok(shared.chunk(from, to, own))
    };
    if parallel {
        jobs.into_par_iter().map(run).collect()
    } else {
        jobs.into_iter().map(run).collect()
    }
}

fn chunk_bounds(level_start: &[usize]) -> Vec<usize> {
    let levels = level_start.len() - 1;
    let rows = (level_start[levels] / CHUNKS).clamp(*CHUNK_ROWS.start(), *CHUNK_ROWS.end());
    let mut bounds = vec![0];
    for level in 1..=levels {
        let from = level_start[bounds[bounds.len() - 1]];
        if level == levels || level_start[level] - from >= rows {
            bounds.push(level);
        }
    }
    bounds
}

struct Shared<'a> {
    factors: &'a [Factor],
    layout: &'a Layout,
    p1: usize,
    z: &'a [ZRows],
    codes: &'a [Vec<u32>],
    level_start: &'a [usize],
}

impl Shared<'_> {
    fn chunk(&self, from: usize, to: usize, w: &mut [f64]) -> Chunk {
        let s = self.factors[self.layout.leading].size;
        let mut chunk = Chunk {
            first: from,
            levels: to - from,
            r: Vec::with_capacity((to - from) * s * s),
            start: vec![0],
            columns: Vec::new(),
            panel: Vec::new(),
            w: Vec::with_capacity((to - from) * s * self.p1),
            within: vec![0.0; self.p1 * self.p1],
        };
        let mut scratch = Scratch {
            at: vec![u32::MAX; self.layout.m],
            coefficients: vec![0.0; s * self.p1],
        };
        let base = self.level_start[from];
        for level in from..to {
            let (begin, end) = (self.level_start[level], self.level_start[level + 1]);
            let own = &mut w[(begin - base) * self.p1..(end - base) * self.p1];
            self.level(&mut chunk, begin..end, own, &mut scratch);
        }
        chunk
    }

    fn level(
        &self,
        chunk: &mut Chunk,
        rows: std::ops::Range<usize>,
        w: &mut [f64],
        scratch: &mut Scratch,
    ) {
        let s = self.factors[self.layout.leading].size;
        let first = chunk.columns.len();
        self.collect_columns(rows.clone(), &mut chunk.columns, &mut scratch.at);
        let k = chunk.columns.len() - first;
        let a = zeros(&mut chunk.r, s * s);
        let panel = zeros(&mut chunk.panel, s * k);
        let aw = zeros(&mut chunk.w, s * self.p1);
        let z = &self.z[self.layout.leading];
        for (i, wi) in rows.clone().zip(w.chunks_exact(self.p1)) {
            let zi = z.row(i, s);
            for (c, zc) in zi.iter().enumerate() {
                axpy(*zc, zi, &mut a[c * s..(c + 1) * s]);
            }
            if s == 1 {
                axpy(zi[0], wi, aw);
            } else {
                for (wc, column) in wi.iter().zip(aw.chunks_exact_mut(s)) {
                    axpy(*wc, zi, column);
                }
            }
            for &f in &self.layout.trailing {
                let start = self.layout.start[f][self.codes[f][i] as usize] as usize;
                let to = scratch.at[start] as usize - first;
                for (c, v) in self.z[f].row(i, self.factors[f].size).iter().enumerate() {
                    axpy(*v, zi, &mut panel[(to + c) * s..(to + c + 1) * s]);
                }
            }
        }
        semidefinite_cholesky(a, s, PIVOT_TOLERANCE);
        solve_lower(a, s, panel, k);
        solve_lower(a, s, aw, self.p1);
        scratch.coefficients.copy_from_slice(aw);
        solve_lower_transpose(a, s, &mut scratch.coefficients, self.p1);
        self.residuals(rows, &scratch.coefficients, w, &mut chunk.within);
        chunk.start.push(chunk.columns.len());
    }

    /// The positions that the rows touch, ascending, and in `at` where each stands in `columns`.
    fn collect_columns(
        &self,
        rows: std::ops::Range<usize>,
        columns: &mut Vec<u32>,
        at: &mut [u32],
    ) {
        let first = columns.len();
        for &f in &self.layout.trailing {
            let begin = columns.len();
            for i in rows.clone() {
                let start = self.layout.start[f][self.codes[f][i] as usize];
                let seen = at[start as usize] as usize;
                if seen < begin || seen >= columns.len() || columns[seen] != start {
                    at[start as usize] = columns.len() as u32;
                    columns.extend(start..start + self.factors[f].size as u32);
                }
            }
        }
        columns[first..].sort_unstable();
        for (k, c) in columns.iter().enumerate().skip(first) {
            at[*c as usize] = k as u32;
        }
    }

    /// Replace `[X y]` by its residuals on Z_j and add their squares to `within`.
    fn residuals(
        &self,
        rows: std::ops::Range<usize>,
        coefficients: &[f64],
        w: &mut [f64],
        within: &mut [f64],
    ) {
        let s = self.factors[self.layout.leading].size;
        let z = &self.z[self.layout.leading];
        for (i, wi) in rows.zip(w.chunks_exact_mut(self.p1)) {
            let zi = z.row(i, s);
            if s == 1 {
                axpy(-zi[0], coefficients, wi);
            } else {
                for (v, column) in wi.iter_mut().zip(coefficients.chunks_exact(s)) {
                    *v -= dot(zi, column);
                }
            }
            for (c, column) in within.chunks_exact_mut(self.p1).enumerate() {
                axpy(wi[c], &wi[c..], &mut column[c..]);
            }
        }
    }
}

/// `len` zeros more at the end of `v`.
fn zeros(v: &mut Vec<f64>, len: usize) -> &mut [f64] {
    let from = v.len();
    v.resize(from + len, 0.0);
    &mut v[from..]
}

/// What the levels of a chunk share.
struct Scratch {
    /// Where each trailing position stands among the chunk's columns.
    at: Vec<u32>,
    /// Coefficients of `[X y]` on Z_j.
    coefficients: Vec<f64>,
}

/// `Z_2'W [X y]_res` (m x p1, column-major).
pub fn trailing_within(
    rows: &Rows,
    factors: &[Factor],
    layout: &Layout,
    parallel: bool,
    progress: &Progress,
) -> Result<Vec<f64>, crate::LmmError> {
    let (m, p1) = (layout.m, rows.p1);
    let mut out = vec![0.0; m * p1];
    if m == 0 {
        return Ok(out);
    }
    let job = |(k, out): (usize, &mut [f64])| {
        let first = k * COLUMNS;
        for &f in &layout.trailing {
            for (i, wi) in rows.w.chunks_exact(p1).enumerate() {
                if i % ROWS_BETWEEN_CHECKS == 0 {
                    progress.check()?;
                }
                let start = layout.start[f][rows.codes[f][i] as usize] as usize;
                for (a, v) in rows.z[f].row(i, factors[f].size).iter().enumerate() {
                    for (column, wc) in out.chunks_exact_mut(m).zip(&wi[first..]) {
                        column[start + a] += v * wc;
                    }
                }
            }
        }
        Ok(())
    };
    if parallel {
        let columns = out.par_chunks_mut(m * COLUMNS).enumerate();
        columns.try_for_each(job)?;
    } else {
        out.chunks_mut(m * COLUMNS).enumerate().try_for_each(job)?;
    }
    Ok(out)
}
