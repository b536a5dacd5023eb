//! The trailing block: the random effects of all factors but the leading one.
//!
//! With B the cross-products of their columns after the leading factor is absorbed at lambda,
//! this holds `C = I + Lambda'B Lambda`, its Cholesky factor, and `P = Lambda C^-1 Lambda'` on the
//! pattern of B. Two storages, one interface: a dense matrix, or node blocks where nodes share
//! rows. In both, the entries of a column start at its node's diagonal block, which is kept full.
//!
//! Here the storage is chosen. `formation` makes B, `factor` what follows from it at one lambda, with
//! the products of `scaling` and `products`.

mod factor;
mod formation;
mod products;
mod scaling;

use crate::blocks::Blocks;
use crate::crossprod::Chunk;
use crate::error::LmmError;
use crate::layout::{Layout, Nodes};
use crate::memory::check_trailing;
use crate::progress::Progress;
use crate::term::{Factor, Term};

pub use factor::TrailingWork;

/// Dense kernels do this many operations in the time of one on single columns of a sparse factor.
const DENSE_ADVANTAGE: f64 = 12.0;
/// The same for the panels of a sparse factor, which one thread computes.
const PANEL_ADVANTAGE: f64 = 8.0;
/// Below this size dense is always right.
const SMALL: usize = 96;

/// Storage of the trailing block.
pub enum Storage {
    /// m x m, column-major.
    Dense,
    /// Node blocks.
    Sparse(Box<Blocks>),
}

/// The trailing block of a model: its pattern and its value when the leading variance is infinite.
pub struct Trailing {
    /// Number of trailing random effects.
    pub m: usize,
    /// Storage chosen.
    pub storage: Storage,
    /// Within part of B.
    pub within: Vec<f64>,
    /// What stands where.
    nodes: Nodes,
}

impl Trailing {
    /// Choose the storage by counting operations and memory; the within part of B is still to be
    /// formed.
    pub(crate) fn new(
        chunks: &[Chunk],
        (factors, terms): (&[Factor], &[Term]),
        layout: &Layout,
        available_bytes: f64,
        progress: &Progress,
    ) -> Result<Trailing, LmmError> {
        let mut trailing = Trailing {
            m: layout.m,
            storage: Storage::Dense,
            within: Vec::new(),
            nodes: Nodes::new(factors, layout),
        };
        progress.check()?;
        trailing.choose(chunks, available_bytes)?;
        check_trailing(trailing.bytes(), (factors, terms), layout, available_bytes)?;
        trailing.finish(chunks);
        Ok(trailing)
    }

    /// Name of the storage, for the record of a fit.
    pub fn kind(&self) -> &'static str {
        match (self.m, &self.storage) {
            (0, _) => "block diagonal",
            (_, Storage::Dense) => "dense",
            (_, Storage::Sparse(_)) => "sparse",
        }
    }

    /// Operations of one factorisation, and bytes of one copy of the factor.
    pub fn cost(&self) -> (f64, f64) {
        match &self.storage {
            Storage::Dense => ((self.m as f64).powi(3) / 3.0, 8.0 * (self.m as f64).powi(2)),
            Storage::Sparse(b) => (b.pattern.flops(), 8.0 * b.pattern.factor_len() as f64),
        }
    }

    /// Bytes of the values at one lambda and of the within part: three copies of a dense block, or
    /// of a sparse one three of its node blocks and two and a half of its factor.
    pub(crate) fn bytes(&self) -> f64 {
        match &self.storage {
            Storage::Dense => 3.0 * 8.0 * (self.m as f64).powi(2),
            Storage::Sparse(s) => {
                8.0 * (3.0 * s.value_start[self.m] as f64 + 2.5 * s.pattern.factor_len() as f64)
            }
        }
    }

    fn choose(&mut self, chunks: &[Chunk], available_bytes: f64) -> Result<(), LmmError> {
        let m = self.m as f64;
        if self.m <= SMALL {
            return Ok(());
        }
        let fits = self.bytes() < available_bytes;
        let dense = m * m * m / 3.0;
        let limits = if fits {
            (0.25, dense / PANEL_ADVANTAGE)
        } else {
            (1.0, f64::INFINITY)
        };
        let Some(blocks) = Blocks::new(&self.nodes, chunks, limits)? else {
            return Ok(());
        };
        let advantage = if blocks.pattern.is_supernodal() {
            PANEL_ADVANTAGE
        } else {
            DENSE_ADVANTAGE
        };
        if !fits || blocks.pattern.flops() * advantage < dense {
            self.storage = Storage::Sparse(Box::new(blocks));
        }
        Ok(())
    }

    /// What a sparse block needs beside its pattern.
    fn finish(&mut self, chunks: &[Chunk]) {
        if let Storage::Sparse(blocks) = &mut self.storage {
            blocks.finish(&self.nodes, chunks);
        }
    }

    /// Where the entry (row, column) stands; for sparse storage both are starts of nodes.
    fn value_at(&self, row: usize, column: usize) -> usize {
        match &self.storage {
            Storage::Dense => row + column * self.m,
            Storage::Sparse(s) => {
                let (at, len) = s.list[column];
                let found = s.rows[at..at + len].binary_search(&(row as u32));
                s.value_start[column] + found.expect("invariant: in the pattern")
            }
        }
    }

    fn column_start(&self, column: usize) -> usize {
        match &self.storage {
            Storage::Dense => column * self.m,
            Storage::Sparse(s) => s.value_start[column],
        }
    }

    fn column_len(&self, column: usize) -> usize {
        match &self.storage {
            Storage::Dense => self.m,
            Storage::Sparse(s) => s.list[column].1,
        }
    }

    fn value_len(&self) -> usize {
        match &self.storage {
            Storage::Dense => self.m * self.m,
            Storage::Sparse(s) => s.value_start[self.m],
        }
    }
}

/// Zeros, which the system gives page by page as they are needed. `vec!` cannot fail but by an abort,
/// so the memory is asked for first.
fn allocate(len: usize) -> Result<Vec<f64>, LmmError> {
    let mut probe: Vec<f64> = Vec::new();
    let found = probe.try_reserve_exact(len);
    std::hint::black_box(&probe);
    drop(probe);
    found.map_err(|_| LmmError::Memory {
        bytes: 8 * len as u128,
        what: "the cross-products of the random effects".into(),
    })?;
    Ok(vec![0.0; len])
}
