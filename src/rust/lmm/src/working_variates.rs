//! Q and c of the average information, from the working variates `Z h_t`.
//!
//! Each goes through the elimination as the response does: through the levels of the leading
//! factor, the trailing block and the fixed effects. What they are for is in [`crate::curvature`].

use rayon::prelude::*;

use crate::crossprod::Chunk;
use crate::dense;
use crate::derivatives::Derivatives;
use crate::lambda::Parameter;
use crate::model::Model;
use crate::pls::{ChunkWork, Pls};
use crate::scratch::with_scratch;
use crate::small::{axpy, dot, multiply_into};

/// The columns `Z h_t` as they go through the elimination, `h_t = S_t z` level by level.
pub(crate) struct Working {
    k: usize,
    /// Parameters of the leading factor, and of the others.
    lead: Vec<usize>,
    trail: Vec<usize>,
    /// `Z_2'V1^-1 Z h_t` (m x k).
    trailing: Vec<f64>,
    /// `X'V1^-1 Z h_t` (p x k).
    fixed: Vec<f64>,
    /// `h_s'Z'V1^-1 Z h_t` (k x k).
    square: Vec<f64>,
    /// h_t of the parameters `trail` (m columns' length each), and B times them.
    h: Vec<f64>,
    bh: Vec<f64>,
    /// `h_t'z`.
    c: Vec<f64>,
    /// What each chunk adds.
    shares: Vec<Share>,
}

impl Working {
    /// Memory for a model.
    pub(crate) fn new(model: &Model, parameters: &[Parameter]) -> Working {
        let (m, k) = (model.trailing.m, parameters.len());
        let leads = |t: &usize| model.terms[parameters[*t].term].factor == model.layout.leading;
        let (lead, trail): (Vec<usize>, Vec<usize>) = (0..k).partition(leads);
        Working {
            k,
            trailing: vec![0.0; m * k],
            fixed: vec![0.0; model.p * k],
            square: vec![0.0; k * k],
            h: vec![0.0; m * trail.len()],
            bh: vec![0.0; m * trail.len()],
            c: vec![0.0; k],
            shares: model
                .chunks
                .iter()
                .map(|chunk| Share::new(model, chunk, lead.len()))
                .collect(),
            lead,
            trail,
        }
    }

    /// Q and c.
    pub(crate) fn information(
        &mut self,
        model: &Model,
        (pls, d): (&Pls, &Derivatives),
        parameters: &[Parameter],
        directions: &[Vec<f64>],
    ) -> (Vec<f64>, Vec<f64>) {
        for sum in [
            &mut self.trailing,
            &mut self.fixed,
            &mut self.square,
            &mut self.c,
        ] {
            sum.fill(0.0);
        }
        self.add_trailing(model, (pls, d), parameters, directions);
        self.add_leading(model, (pls, d), parameters, directions);
        self.finish(model, pls);
        let divided = |v: &[f64]| v.iter().map(|v| v / d.s2).collect();
        (divided(&self.square), divided(&self.c))
    }

    /// The parameters of the trailing factors, and what their h_t give through B.
    fn add_trailing(
        &mut self,
        model: &Model,
        (pls, d): (&Pls, &Derivatives),
        parameters: &[Parameter],
        directions: &[Vec<f64>],
    ) {
        let (m, p) = (model.trailing.m, model.p);
        if m == 0 {
            return;
        }
        for (&t, column) in self.trail.iter().zip(self.h.chunks_exact_mut(m)) {
            let term = &model.terms[parameters[t].term];
            let levels = d.z[term.factor].chunks_exact(model.factors[term.factor].size);
            for (&start, z) in model.layout.start[term.factor].iter().zip(levels) {
                let own = &z[term.offset..term.offset + term.p];
                let from = start as usize + term.offset;
                let h = &mut column[from..from + term.p];
                multiply_into(&directions[t], own, (term.p, term.p, 1), h);
                self.c[t] += dot(h, own);
            }
        }
        pls.multiply_b(model, &self.h, self.trail.len(), &mut self.bh);
        let w = &pls.trailing_w[..m * p];
        for (k, &t) in self.trail.iter().enumerate() {
            let column = k * m..(k + 1) * m;
            self.trailing[t * m..(t + 1) * m].copy_from_slice(&self.bh[column.clone()]);
            let fixed = &mut self.fixed[t * p..(t + 1) * p];
            dense::add_transposed(1.0, w, &self.h[column], (p, 1), fixed);
        }
    }

    /// The parameters of the leading factor: `G_j h_t` of each level goes into all parts.
    fn add_leading(
        &mut self,
        model: &Model,
        (pls, d): (&Pls, &Derivatives),
        parameters: &[Parameter],
        directions: &[Vec<f64>],
    ) {
        let f = model.layout.leading;
        let size = model.factors[f].size;
        let lead = &self.lead;
        let job = |((chunk, work), share): ((&Chunk, &ChunkWork), &mut Share)| {
            let z = &d.z[f][chunk.first * size..(chunk.first + chunk.levels) * size];
            share.update(model, (chunk, work), z, (lead, parameters), directions);
        };
        if model.pool.is_some() {
            let chunks = model.chunks.par_iter().zip(&pls.leading);
            chunks.zip(&mut self.shares).for_each(job);
        } else {
            let chunks = model.chunks.iter().zip(&pls.leading);
            chunks.zip(&mut self.shares).for_each(job);
        }
        let shares = std::mem::take(&mut self.shares);
        for (chunk, share) in model.chunks.iter().zip(&shares) {
            self.add_share(model, chunk, share);
        }
        self.shares = shares;
    }

    fn add_share(&mut self, model: &Model, chunk: &Chunk, share: &Share) {
        let (m, p) = (model.trailing.m, model.p);
        let width = chunk.columns.len();
        for (k, &t) in self.lead.iter().enumerate() {
            self.c[t] += share.c[k];
            axpy(
                1.0,
                &share.fixed[k * p..(k + 1) * p],
                &mut self.fixed[t * p..(t + 1) * p],
            );
            for (l, &s) in self.lead.iter().enumerate() {
                self.square[s + t * self.k] += share.square[l + k * self.lead.len()];
            }
            let to = &mut self.trailing[t * m..(t + 1) * m];
            if share.stacked {
                axpy(1.0, &share.trailing[k * m..(k + 1) * m], to);
            } else {
                let own = &share.trailing[k * width..(k + 1) * width];
                for (&c, v) in chunk.columns.iter().zip(own) {
                    to[c as usize] += v;
                }
            }
        }
    }

    /// `h_s'Z'P Z h_t`.
    fn finish(&mut self, model: &Model, pls: &Pls) {
        let (k, m, p) = (self.k, model.trailing.m, model.p);
        if m > 0 {
            for (h, &s) in self.h.chunks_exact(m).zip(&self.trail) {
                for (t, column) in self.trailing.chunks_exact(m).enumerate() {
                    self.square[s + t * k] += dot(h, column);
                }
            }
            self.share_leading();
            let f = &mut self.trailing;
            model.trailing.lambda_transpose(&pls.lambda, f);
            model.trailing.solve_lower(&pls.trailing, f, k);
            dense::add_transposed(-1.0, f, f, (k, k), &mut self.square);
            dense::add_transposed(-1.0, &pls.f[..m * p], f, (p, k), &mut self.fixed);
        }
        dense::solve_lower_of((&pls.rx, p + 1), p, &mut self.fixed);
        let fixed = &self.fixed;
        dense::add_transposed(-1.0, fixed, fixed, (k, k), &mut self.square);
    }

    /// A pair of a leading and a trailing parameter was counted in one triangle only.
    fn share_leading(&mut self) {
        for &s in &self.lead {
            for &t in &self.trail {
                self.square[s + t * self.k] = self.square[t + s * self.k];
            }
        }
    }
}

/// What the levels of one chunk add for the parameters of the leading factor (k of them).
struct Share {
    /// `h_t'z`.
    c: Vec<f64>,
    /// `G h_t` (rows x k).
    gh: Vec<f64>,
    /// `(G h_s)'G h_t` (k x k).
    square: Vec<f64>,
    /// `v'G h_t` (p x k).
    fixed: Vec<f64>,
    /// `V'G h_t`: m x k where the panels are stacked, else one entry for each of the chunk's columns.
    trailing: Vec<f64>,
    /// Whether the panels are stacked.
    stacked: bool,
}

impl Share {
    fn new(model: &Model, chunk: &Chunk, k: usize) -> Share {
        let size = model.factors[model.layout.leading].size;
        let stacked = ChunkWork::is_stacked(chunk, model.trailing.m);
        let width = if stacked {
            model.trailing.m
        } else {
            chunk.columns.len()
        };
        Share {
            c: vec![0.0; k],
            gh: vec![0.0; chunk.levels * size * k],
            square: vec![0.0; k * k],
            fixed: vec![0.0; model.p * k],
            trailing: vec![0.0; width * k],
            stacked,
        }
    }

    fn update(
        &mut self,
        model: &Model,
        (chunk, work): (&Chunk, &ChunkWork),
        z: &[f64],
        (list, parameters): (&[usize], &[Parameter]),
        directions: &[Vec<f64>],
    ) {
        let size = model.factors[model.layout.leading].size;
        let (rows, k) = (chunk.levels * size, list.len());
        self.c.fill(0.0);
        with_scratch(size, |h| {
            for (n, (&t, column)) in list.iter().zip(self.gh.chunks_exact_mut(rows)).enumerate() {
                let term = &model.terms[parameters[t].term];
                let own = term.offset..term.offset + term.p;
                h.fill(0.0);
                let levels = z.chunks_exact(size).zip(work.g.chunks_exact(size * size));
                for ((z, g), to) in levels.zip(column.chunks_exact_mut(size)) {
                    let shape = (term.p, term.p, 1);
                    multiply_into(&directions[t], &z[own.clone()], shape, &mut h[own.clone()]);
                    self.c[n] += dot(h, z);
                    multiply_into(g, h, (size, size, 1), to);
                }
            }
        });
        self.square.fill(0.0);
        dense::add_transposed(1.0, &self.gh, &self.gh, (k, k), &mut self.square);
        self.fixed.fill(0.0);
        if self.stacked {
            let (m, p) = (model.trailing.m, model.p);
            let w = &work.stacked_w[..rows * p];
            dense::add_transposed(1.0, w, &self.gh, (p, k), &mut self.fixed);
            self.trailing.fill(0.0);
            let s = &work.stacked;
            dense::add_transposed(1.0, s, &self.gh, (m, k), &mut self.trailing);
        } else {
            self.by_level(chunk, work, (size, model.p));
        }
    }

    /// `v'G h_t` and `V'G h_t`, level by level.
    fn by_level(&mut self, chunk: &Chunk, work: &ChunkWork, (size, p): (usize, usize)) {
        let rows = chunk.levels * size;
        let width = chunk.columns.len();
        for (t, column) in self.gh.chunks_exact(rows).enumerate() {
            let fixed = &mut self.fixed[t * p..(t + 1) * p];
            let trailing = &mut self.trailing[t * width..(t + 1) * width];
            let levels = column
                .chunks_exact(size)
                .zip(work.w.chunks_exact(size * (p + 1)));
            for ((own, w), at) in levels.zip(chunk.start.windows(2)) {
                for (x, w) in fixed.iter_mut().zip(w.chunks_exact(size)) {
                    *x += dot(own, w);
                }
                let panel = work.panel[at[0] * size..at[1] * size].chunks_exact(size);
                for (x, v) in trailing[at[0]..at[1]].iter_mut().zip(panel) {
                    *x = dot(own, v);
                }
            }
        }
    }
}
