//! The trailing block at one lambda: its Cholesky factor, and the inverse on the pattern of B.

use faer::dyn_stack::MemBuffer;

use super::{allocate, Storage, Trailing};
use crate::dense;
use crate::error::LmmError;
use crate::progress::Progress;
use crate::sandwich::Side;

/// Everything that changes with lambda.
pub struct TrailingWork {
    /// B, and after [`Trailing::invert`] P on the pattern of B: never needed together.
    pub values: Vec<f64>,
    /// C, then its Cholesky factor.
    factor: Vec<f64>,
    /// Sparse storage: C on the pattern of B, and its lower triangle as the factorisation wants it.
    c: Vec<f64>,
    lower: Vec<f64>,
    /// Sparse storage: what the factorisation needs beside.
    memory: Option<MemBuffer>,
    /// Sparse storage: C^-1 in the factor's storage.
    inverse: Vec<f64>,
    /// log|C|.
    pub(crate) log_determinant: f64,
    /// Diagonal blocks of B, one after another.
    pub(super) blocks: Vec<f64>,
    /// Diagonal blocks of C^-1, one after another.
    inverse_blocks: Vec<f64>,
}

impl Trailing {
    /// Memory for the values at one lambda.
    pub fn work(&self) -> Result<TrailingWork, LmmError> {
        let len = self.value_len();
        let (factor, c, lower, inverse) = match &self.storage {
            Storage::Dense => (len, 0, 0, 0),
            Storage::Sparse(s) => {
                let factor = s.pattern.factor_len();
                (factor, len, s.lower.len(), factor)
            }
        };
        let blocks = (0..self.m).map(|c| self.nodes.size_at(c)).sum();
        Ok(TrailingWork {
            values: allocate(len)?,
            factor: allocate(factor)?,
            c: allocate(c)?,
            lower: allocate(lower)?,
            memory: match &self.storage {
                Storage::Dense => None,
                Storage::Sparse(s) => Some(s.pattern.memory()?),
            },
            inverse: allocate(inverse)?,
            log_determinant: 0.0,
            blocks: allocate(blocks)?,
            inverse_blocks: allocate(blocks)?,
        })
    }

    /// `C = I + Lambda'B Lambda`, its Cholesky factor and log|C|.
    pub fn factorise(
        &self,
        lambda: &[Vec<f64>],
        work: &mut TrailingWork,
        parallel: bool,
        progress: &Progress,
    ) -> Result<(), LmmError> {
        if self.m == 0 {
            return Ok(());
        }
        work.log_determinant = match &self.storage {
            Storage::Dense => {
                self.sandwich(
                    &work.values,
                    &mut work.factor,
                    lambda,
                    Side::Inner,
                    parallel,
                );
                for c in 0..self.m {
                    work.factor[c + c * self.m] += 1.0;
                }
                dense::cholesky(&mut work.factor, self.m, parallel, progress)?;
                let diagonal = work.factor.iter().step_by(self.m + 1);
                diagonal.map(|d| 2.0 * d.ln()).sum()
            }
            Storage::Sparse(s) => {
                progress.check()?;
                self.sandwich(&work.values, &mut work.c, lambda, Side::Inner, parallel);
                for c in 0..self.m {
                    let own = c - self.nodes.block_start[c] as usize;
                    work.c[s.value_start[c] + own] += 1.0;
                }
                for (v, &from) in work.lower.iter_mut().zip(&s.lower) {
                    *v = work.c[from];
                }
                if let Some(memory) = &mut work.memory {
                    s.pattern.cholesky(&work.lower, &mut work.factor, memory)?;
                }
                s.pattern.log_determinant(&work.factor)
            }
        };
        Ok(())
    }

    /// `P = Lambda C^-1 Lambda'` on the pattern of B, and the diagonal blocks of C^-1.
    pub fn invert(
        &self,
        lambda: &[Vec<f64>],
        work: &mut TrailingWork,
        parallel: bool,
        progress: &Progress,
    ) -> Result<(), LmmError> {
        if self.m == 0 {
            return Ok(());
        }
        match &self.storage {
            Storage::Dense => {
                dense::inverse(&work.factor, self.m, &mut work.values, parallel, progress)?;
            }
            Storage::Sparse(s) => {
                progress.check()?;
                let (l, z) = (&work.factor, &mut work.inverse);
                s.pattern.selected_inverse(l, z, parallel, progress)?;
                for (v, &from) in work.values.iter_mut().zip(&s.in_factor) {
                    *v = work.inverse[from];
                }
            }
        }
        self.fill_diagonal_blocks(&mut work.values);
        self.copy_blocks(&work.values, &mut work.inverse_blocks);
        self.sandwich_in_place(&mut work.values, lambda, Side::Outer, parallel);
        Ok(())
    }

    /// Copy the lower triangle of each diagonal block to its upper one.
    fn fill_diagonal_blocks(&self, values: &mut [f64]) {
        for c in 0..self.m {
            let node = self.nodes.block_start[c] as usize;
            let (start, len) = (self.value_at(node, node), self.column_len(node));
            for a in 0..c - node {
                values[start + a + (c - node) * len] = values[start + (c - node) + a * len];
            }
        }
    }

    /// The diagonal blocks of `values`, one after another.
    pub(super) fn copy_blocks(&self, values: &[f64], blocks: &mut [f64]) {
        for c in 0..self.m {
            let (node, size) = (self.nodes.block_start[c] as usize, self.nodes.size_at(c));
            let from = self.value_at(node, node) + (c - node) * self.column_len(node);
            let at = self.nodes.block_offset[c];
            blocks[at..at + size].copy_from_slice(&values[from..from + size]);
        }
    }

    /// Diagonal block of C^-1 at a node.
    pub fn inverse_block<'a>(&self, work: &'a TrailingWork, node: usize) -> &'a [f64] {
        self.block(&work.inverse_blocks, node)
    }

    /// Diagonal block of B at a node.
    pub fn b_block<'a>(&self, work: &'a TrailingWork, node: usize) -> &'a [f64] {
        self.block(&work.blocks, node)
    }

    /// Sum of the diagonal of B over the nodes of a factor.
    pub(crate) fn b_trace(&self, work: &TrailingWork, factor: usize) -> f64 {
        let own = (0..self.m).filter(|&c| self.nodes.factor_of[c] as usize == factor);
        let at = own.map(|c| self.nodes.block_offset[c] + c - self.nodes.block_start[c] as usize);
        at.map(|at| work.blocks[at]).sum()
    }

    fn block<'a>(&self, blocks: &'a [f64], node: usize) -> &'a [f64] {
        let size = self.nodes.size_at(node);
        let at = self.nodes.block_offset[node];
        &blocks[at..at + size * size]
    }

    /// Diagonal block of `values` (in B's storage) at a node.
    pub fn diagonal_block(&self, values: &[f64], node: usize) -> Vec<f64> {
        let size = self.nodes.size_at(node);
        let (start, len) = (self.value_at(node, node), self.column_len(node));
        let columns = values[start..].chunks(len).take(size);
        columns.flat_map(|c| c[..size].iter().copied()).collect()
    }

    /// `x <- L^-1 x` for k columns (in the elimination order of the factor).
    pub fn solve_lower(&self, work: &TrailingWork, x: &mut [f64], k: usize) {
        match &self.storage {
            _ if self.m == 0 || k == 0 => {}
            Storage::Dense => dense::solve_lower(&work.factor, self.m, x, k),
            Storage::Sparse(s) => s.pattern.solve_lower(&work.factor, x, k),
        }
    }

    /// `x <- L^-T x` for k columns (from the elimination order of the factor).
    pub fn solve_lower_transpose(&self, work: &TrailingWork, x: &mut [f64], k: usize) {
        match &self.storage {
            _ if self.m == 0 || k == 0 => {}
            Storage::Dense => dense::solve_lower_transpose(&work.factor, self.m, x, k),
            Storage::Sparse(s) => s.pattern.solve_lower_transpose(&work.factor, x, k),
        }
    }
}
