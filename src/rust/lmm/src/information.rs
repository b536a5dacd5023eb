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

mod entries;
mod matrices;
mod part;

use faer::{Mat, MatMut, MatRef};
use rayon::prelude::*;

use crate::components::{Component, Components};
use crate::derivatives::Derivatives;
use crate::error::LmmError;
use crate::model::Model;
use crate::pls::Pls;
use crate::progress::Progress;
use crate::small::axpy;

use entries::entries;
use part::Work;

/// Groups of parts that are summed on their own; fixed, so that threads change nothing.
const GROUPS: usize = 8;
/// Columns of a cross-product that are asked for at once.
const BATCH: usize = 64;

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
