//! The trailing block: the random effects of all factors but the leading one.
//!
//! With B the cross-products of their columns after the leading factor is absorbed at lambda,
//! this holds `C = I + Lambda'B Lambda`, its Cholesky factor, and `P = Lambda C^-1 Lambda'` on the
//! pattern of B. Two storages, one interface: a dense matrix, or node blocks where nodes share
//! rows. In both, the entries of a column start at its node's diagonal block, which is kept full.

use faer::dyn_stack::MemBuffer;
use rayon::prelude::*;

use crate::blocks::Blocks;
use crate::crossprod::{Chunk, Rows, ROWS_BETWEEN_CHECKS};
use crate::dense;
use crate::error::LmmError;
use crate::layout::{Layout, Nodes};
use crate::memory::check_trailing;
use crate::pls::ChunkWork;
use crate::progress::Progress;
use crate::sandwich::Side;
use crate::small::{axpy, dot, symmetrise};
use crate::term::{Factor, Term};

/// Columns of a tile of the dense scatter: a tile of a few thousand rows stays in cache.
const TILE: usize = 48;
/// Dense kernels do this many operations in the time of one on single columns of a sparse factor.
const DENSE_ADVANTAGE: f64 = 12.0;
/// The same for the panels of a sparse factor, which one thread computes.
const PANEL_ADVANTAGE: f64 = 8.0;
/// Positions that a thread takes at once.
const NODES: usize = 64;
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
    /// Diagonal blocks of B, one after another.
    blocks: Vec<f64>,
    /// Diagonal blocks of C^-1, one after another.
    inverse_blocks: Vec<f64>,
}

impl Trailing {
    /// Choose the storage by counting operations and memory, and form the within part of B.
    pub fn new(
        rows: &Rows,
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
        trailing.form_within(rows, chunks, factors, layout, progress)?;
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
        let Some(blocks) = Blocks::new(&self.nodes, chunks, if fits { 0.25 } else { 1.0 })? else {
            return Ok(());
        };
        let advantage = if blocks.pattern.is_supernodal() {
            PANEL_ADVANTAGE
        } else {
            DENSE_ADVANTAGE
        };
        if !fits || blocks.pattern.flops() * advantage < m * m * m / 3.0 {
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

    fn form_within(
        &mut self,
        rows: &Rows,
        chunks: &[Chunk],
        factors: &[Factor],
        layout: &Layout,
        progress: &Progress,
    ) -> Result<(), LmmError> {
        let len = self.value_len();
        let mut b = allocate(len)?;
        for (k, &f) in layout.trailing.iter().enumerate() {
            for &g in &layout.trailing[k..] {
                self.add_rows(&mut b, rows, factors, layout, (f, g), progress)?;
            }
        }
        let panels = |k: usize| chunks[k].panel.as_slice();
        let size = factors[layout.leading].size;
        self.add_squares(-1.0, chunks, &panels, size, &mut b, (false, progress));
        progress.check()?;
        self.within = b;
        Ok(())
    }

    /// `Z_f'W Z_g` summed over the rows; f comes before g in the layout.
    fn add_rows(
        &self,
        b: &mut [f64],
        rows: &Rows,
        factors: &[Factor],
        layout: &Layout,
        (f, g): (usize, usize),
        progress: &Progress,
    ) -> Result<(), LmmError> {
        // Rows of one level of the leading factor often share the others, too.
        let (mut last, mut found) = ((usize::MAX, usize::MAX), 0);
        for i in 0..rows.n {
            if i % ROWS_BETWEEN_CHECKS == 0 {
                progress.check()?;
            }
            let from = layout.start[f][rows.codes[f][i] as usize] as usize;
            let to = layout.start[g][rows.codes[g][i] as usize] as usize;
            let zg = rows.z[g].row(i, factors[g].size);
            if last != (to, from) {
                last = (to, from);
                found = self.value_at(to, from);
            }
            let mut at = found;
            for v in rows.z[f].row(i, factors[f].size) {
                axpy(*v, zg, &mut b[at..at + zg.len()]);
                at += self.column_len(from);
            }
        }
        Ok(())
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
            blocks: allocate(blocks)?,
            inverse_blocks: allocate(blocks)?,
        })
    }

    /// `B <- within + sum over levels of V'V`.
    pub fn assemble(
        &self,
        chunks: &[Chunk],
        leading: &[ChunkWork],
        size: usize,
        work: &mut TrailingWork,
        how: (bool, &Progress),
    ) {
        self.form(chunks, leading, size, &mut work.values, how);
        self.copy_blocks(&work.values, &mut work.blocks);
    }

    /// B, lower triangle and diagonal blocks, once more (m x m: dense storage).
    pub fn b(&self, (chunks, leading): (&[Chunk], &[ChunkWork]), size: usize, out: &mut [f64]) {
        self.form(chunks, leading, size, out, (false, &Progress::default()));
    }

    fn form(
        &self,
        chunks: &[Chunk],
        leading: &[ChunkWork],
        size: usize,
        b: &mut [f64],
        how: (bool, &Progress),
    ) {
        b.copy_from_slice(&self.within);
        let panels = |k: usize| leading[k].panel.as_slice();
        self.add_squares(1.0, chunks, &panels, size, b, how);
        let stacked = leading.iter().map(|c| c.stacked.as_slice());
        dense::add_squares(stacked, self.m, b, how.0);
    }

    /// The diagonal blocks of `values`, one after another.
    fn copy_blocks(&self, values: &[f64], blocks: &mut [f64]) {
        for c in 0..self.m {
            let (node, size) = (self.nodes.block_start[c] as usize, self.nodes.size_at(c));
            let from = self.value_at(node, node) + (c - node) * self.column_len(node);
            let at = self.nodes.block_offset[c];
            blocks[at..at + size].copy_from_slice(&values[from..from + size]);
        }
    }

    /// Add `sign V'V` of the panels of all chunks (empty ones are left out).
    fn add_squares<'a>(
        &self,
        sign: f64,
        chunks: &[Chunk],
        panels: &(impl Fn(usize) -> &'a [f64] + Sync),
        size: usize,
        b: &mut [f64],
        (parallel, progress): (bool, &Progress),
    ) {
        if self.m == 0 {
            return;
        }
        match &self.storage {
            Storage::Dense => {
                let scatter = |(tile, values): (usize, &mut [f64])| {
                    // The caller checks again, and throws the rest away.
                    if progress.check().is_err() {
                        return;
                    }
                    for (k, chunk) in chunks.iter().enumerate() {
                        let panel = panels(k);
                        if !panel.is_empty() {
                            self.scatter_tile(sign, chunk, panel, size, tile * TILE, values);
                        }
                    }
                };
                if parallel {
                    b.par_chunks_mut(self.m * TILE)
                        .enumerate()
                        .for_each(scatter);
                } else {
                    b.chunks_mut(self.m * TILE).enumerate().for_each(scatter);
                }
            }
            Storage::Sparse(s) => {
                for (k, (chunk, targets)) in chunks.iter().zip(&s.targets).enumerate() {
                    self.scatter_targets(sign, chunk, panels(k), size, targets, b);
                }
            }
        }
    }

    fn scatter_tile(
        &self,
        sign: f64,
        chunk: &Chunk,
        panel: &[f64],
        size: usize,
        first: usize,
        values: &mut [f64],
    ) {
        let end = first + values.len() / self.m;
        for level in chunk.start.windows(2) {
            let columns = &chunk.columns[level[0]..level[1]];
            let v = &panel[level[0] * size..level[1] * size];
            let from = columns.partition_point(|&c| (c as usize) < first);
            let to = columns.partition_point(|&c| (c as usize) < end);
            for k in from..to {
                let c = columns[k] as usize;
                let own = k - (c - self.nodes.block_start[c] as usize);
                let out = &mut values[(c - first) * self.m..(c - first + 1) * self.m];
                if size == 1 {
                    let s = sign * v[k];
                    for (a, x) in columns[own..].iter().zip(&v[own..]) {
                        out[*a as usize] += s * x;
                    }
                } else {
                    let vk = &v[k * size..(k + 1) * size];
                    for (a, va) in columns[own..]
                        .iter()
                        .zip(v[own * size..].chunks_exact(size))
                    {
                        out[*a as usize] += sign * dot(va, vk);
                    }
                }
            }
        }
    }

    fn scatter_targets(
        &self,
        sign: f64,
        chunk: &Chunk,
        panel: &[f64],
        size: usize,
        targets: &[usize],
        b: &mut [f64],
    ) {
        let mut next = targets.iter();
        for level in chunk.start.windows(2) {
            let columns = &chunk.columns[level[0]..level[1]];
            let v = &panel[level[0] * size..level[1] * size];
            for (k, &c) in columns.iter().enumerate() {
                let own = k - (c - self.nodes.block_start[c as usize]) as usize;
                let vk = &v[k * size..(k + 1) * size];
                for (va, &to) in v[own * size..].chunks_exact(size).zip(&mut next) {
                    b[to] += sign * dot(va, vk);
                }
            }
        }
    }

    /// `C = I + Lambda'B Lambda` and its Cholesky factor; returns log|C|.
    pub fn factorise(
        &self,
        lambda: &[Vec<f64>],
        work: &mut TrailingWork,
        parallel: bool,
        progress: &Progress,
    ) -> Result<f64, LmmError> {
        if self.m == 0 {
            return Ok(0.0);
        }
        match &self.storage {
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
                Ok((0..self.m)
                    .map(|c| 2.0 * work.factor[c + c * self.m].ln())
                    .sum())
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
                Ok(s.pattern.log_determinant(&work.factor))
            }
        }
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

    /// Diagonal block of C^-1 at a node.
    pub fn inverse_block<'a>(&self, work: &'a TrailingWork, node: usize) -> &'a [f64] {
        self.block(&work.inverse_blocks, node)
    }

    /// Diagonal block of B at a node.
    pub fn b_block<'a>(&self, work: &'a TrailingWork, node: usize) -> &'a [f64] {
        self.block(&work.blocks, node)
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

    fn sandwich(
        &self,
        from: &[f64],
        to: &mut [f64],
        lambda: &[Vec<f64>],
        side: Side,
        parallel: bool,
    ) {
        if self.is_scalar() {
            self.scale(Some(from), to, lambda, parallel);
        } else {
            to.copy_from_slice(from);
            self.sandwich_in_place(to, lambda, side, parallel);
        }
    }

    /// Whether a dense block belongs to scalar terms alone.
    fn is_scalar(&self) -> bool {
        matches!(self.storage, Storage::Dense) && self.nodes.sizes.iter().all(|&s| s == 1)
    }

    /// The lower triangle of `Lambda M Lambda` where Lambda is diagonal; M is `from`, or `to`.
    fn scale(&self, from: Option<&[f64]>, to: &mut [f64], lambda: &[Vec<f64>], parallel: bool) {
        let m = self.m;
        let of = |c: usize| lambda[self.nodes.factor_of[c] as usize][0];
        let job = |(c, to): (usize, &mut [f64])| {
            let own = of(c);
            let from = from.map(|from| &from[c * m..(c + 1) * m]);
            let mut at = c;
            while at < m {
                let end = self.nodes.factor_end[at] as usize;
                let factor = own * of(at);
                match from {
                    Some(from) => {
                        for (t, f) in to[at..end].iter_mut().zip(&from[at..end]) {
                            *t = f * factor;
                        }
                    }
                    None => to[at..end].iter_mut().for_each(|t| *t *= factor),
                }
                at = end;
            }
        };
        if parallel {
            to.par_chunks_mut(m).enumerate().for_each(job);
        } else {
            to.chunks_mut(m).enumerate().for_each(job);
        }
    }

    /// `Lambda' M Lambda` (inner) or `Lambda M Lambda'` (outer).
    fn sandwich_in_place(
        &self,
        values: &mut [f64],
        lambda: &[Vec<f64>],
        side: Side,
        parallel: bool,
    ) {
        if self.is_scalar() {
            self.scale(None, values, lambda, parallel);
            return;
        }
        self.over_nodes(0..self.m, values, parallel, &|node, own| {
            let size = self.nodes.size_at(node);
            let len = own.len() / size;
            side.columns(own, len, size, &lambda[self.nodes.factor_of[node] as usize]);
            for column in own.chunks_exact_mut(len) {
                self.scale_rows(column, node, lambda, side);
            }
        });
    }

    /// Run `job` on each node in a range of positions and on its columns.
    fn over_nodes(
        &self,
        range: std::ops::Range<usize>,
        values: &mut [f64],
        parallel: bool,
        job: &(impl Fn(usize, &mut [f64]) + Sync),
    ) {
        let (mut node, mut rest) = (range.start, values);
        if parallel && range.len() > NODES {
            let middle = self.nodes.block_start[(range.start + range.end) / 2] as usize;
            if middle > range.start {
                let len = self.column_start(middle) - self.column_start(range.start);
                let (left, right) = rest.split_at_mut(len);
                rayon::join(
                    || self.over_nodes(range.start..middle, left, true, job),
                    || self.over_nodes(middle..range.end, right, true, job),
                );
                return;
            }
        }
        while node < range.end {
            let size = self.nodes.size_at(node);
            let (own, others) = rest.split_at_mut(size * self.column_len(node));
            job(node, own);
            rest = others;
            node += size;
        }
    }

    fn scale_rows(&self, column: &mut [f64], node: usize, lambda: &[Vec<f64>], side: Side) {
        let list: Option<&[u32]> = match &self.storage {
            Storage::Dense => None,
            Storage::Sparse(s) => Some(&s.rows[s.list[node].0..s.list[node].0 + s.list[node].1]),
        };
        let mut k = if list.is_none() { node } else { 0 };
        while k < column.len() {
            let position = list.map_or(k, |l| l[k] as usize);
            let f = self.nodes.factor_of[position] as usize;
            let size = self.nodes.sizes[f];
            side.rows(&mut column[k..k + size], size, &lambda[f]);
            k += size;
        }
    }

    /// `x <- Lambda' x` for k columns of length m.
    pub fn lambda_transpose(&self, lambda: &[Vec<f64>], x: &mut [f64]) {
        self.apply(lambda, x, Side::Inner);
    }

    /// `x <- Lambda x` for k columns of length m.
    pub fn lambda(&self, lambda: &[Vec<f64>], x: &mut [f64]) {
        self.apply(lambda, x, Side::Outer);
    }

    fn apply(&self, lambda: &[Vec<f64>], x: &mut [f64], side: Side) {
        for column in x.chunks_exact_mut(self.m.max(1)) {
            let mut k = 0;
            while k < self.m {
                let f = self.nodes.factor_of[k] as usize;
                side.rows(
                    &mut column[k..k + self.nodes.sizes[f]],
                    self.nodes.sizes[f],
                    &lambda[f],
                );
                k += self.nodes.sizes[f];
            }
        }
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

    /// `B x` for k columns, into `out`.
    pub fn multiply(&self, b: &[f64], x: &[f64], k: usize, out: &mut [f64]) {
        match &self.storage {
            Storage::Dense => dense::multiply_symmetric(b, self.m, x, k, out),
            Storage::Sparse(s) => {
                out.fill(0.0);
                for j in 0..k {
                    let column = j * self.m..(j + 1) * self.m;
                    self.multiply_sparse(s, b, &x[column.clone()], &mut out[column]);
                }
            }
        }
    }

    fn multiply_sparse(&self, s: &Blocks, b: &[f64], x: &[f64], out: &mut [f64]) {
        for c in 0..self.m {
            let node = self.nodes.block_start[c] as usize;
            let own = self.nodes.size_at(c);
            let (at, len) = s.list[c];
            let values = &b[s.value_start[c]..s.value_start[c] + len];
            axpy(x[c], &values[..own], &mut out[node..node + own]);
            let mut sum = 0.0;
            for (v, &a) in values[own..].iter().zip(&s.rows[at + own..at + len]) {
                out[a as usize] += v * x[c];
                sum += v * x[a as usize];
            }
            out[c] += sum;
        }
    }

    /// `V P V'` (size x size) for one level of a chunk, into `out` with the scratch `t` (size);
    /// `targets` walks the chunk's target list.
    pub fn quadratic(
        &self,
        p: &[f64],
        columns: &[u32],
        (v, size): (&[f64], usize),
        targets: &mut std::slice::Iter<'_, usize>,
        (out, t): (&mut [f64], &mut [f64]),
    ) {
        if size == 1 && matches!(self.storage, Storage::Dense) {
            out[0] = self.scalar_quadratic(p, columns, v);
            return;
        }
        out.fill(0.0);
        for (k, &c) in columns.iter().enumerate() {
            let c = c as usize;
            let own = k - (c - self.nodes.block_start[c] as usize);
            let block_end = own + self.nodes.size_at(c);
            t.fill(0.0);
            let dense = matches!(self.storage, Storage::Dense);
            for (a, va) in v[own * size..].chunks_exact(size).enumerate() {
                let value = if dense {
                    p[columns[own + a] as usize + c * self.m]
                } else {
                    p[*targets.next().expect("invariant: one target per pair")]
                };
                let weight = if own + a < block_end {
                    value
                } else {
                    2.0 * value
                };
                axpy(weight, va, t);
            }
            for (j, vk) in v[k * size..(k + 1) * size].iter().enumerate() {
                axpy(*vk, t, &mut out[j * size..(j + 1) * size]);
            }
        }
        symmetrise(out, size);
    }

    /// [`Trailing::quadratic`] of a single row with dense storage.
    fn scalar_quadratic(&self, p: &[f64], columns: &[u32], v: &[f64]) -> f64 {
        let mut sum = 0.0;
        for (k, (&c, vk)) in columns.iter().zip(v).enumerate() {
            let column = &p[c as usize * self.m..(c as usize + 1) * self.m];
            let below = columns[k + 1..].iter().zip(&v[k + 1..]);
            let rest: f64 = below.map(|(&a, va)| column[a as usize] * va).sum();
            // A wider node's own block is full, and its entries above the diagonal mirror these.
            sum += vk * (2.0 * rest + column[c as usize] * vk);
        }
        sum
    }

    /// The target list of a chunk (empty for dense storage), for [`Trailing::quadratic`].
    pub fn targets(&self, chunk: usize) -> &[usize] {
        match &self.storage {
            Storage::Dense => &[],
            Storage::Sparse(s) => &s.targets[chunk],
        }
    }
}

fn allocate(len: usize) -> Result<Vec<f64>, LmmError> {
    let mut v = Vec::new();
    v.try_reserve_exact(len).map_err(|_| LmmError::Memory {
        bytes: 8 * len as u128,
        what: "the cross-products of the random effects".into(),
    })?;
    v.resize(len, 0.0);
    Ok(v)
}
