//! Products and quadratic forms with symmetric matrices in the storage of B.

use super::{Storage, Trailing};
use crate::blocks::Blocks;
use crate::dense;
use crate::small::{axpy, symmetrise};

impl Trailing {
    /// `B x` for k columns, into `out`.
    pub fn multiply(&self, b: &[f64], x: &[f64], k: usize, out: &mut [f64]) {
        match &self.storage {
            Storage::Dense => dense::multiply_symmetric(b, self.m, x, k, out),
            Storage::Sparse(s) => {
                out.fill(0.0);
                let pairs = x[..k * self.m].chunks(2 * self.m);
                for (x, out) in pairs.zip(out.chunks_mut(2 * self.m)) {
                    if x.len() > self.m {
                        self.multiply_sparse::<2>(s, b, x, out);
                    } else {
                        self.multiply_sparse::<1>(s, b, x, out);
                    }
                }
            }
        }
    }

    /// Of K columns, in one pass over the pattern.
    fn multiply_sparse<const K: usize>(&self, s: &Blocks, b: &[f64], x: &[f64], out: &mut [f64]) {
        let m = self.m;
        for c in 0..m {
            let node = self.nodes.block_start[c] as usize;
            let own = self.nodes.size_at(c);
            let rows = &s.rows_of(c)[own..];
            let values = &b[s.value_start[c]..s.value_start[c + 1]];
            let (mut sum, mut at) = ([0.0; K], [0.0; K]);
            for k in 0..K {
                at[k] = x[c + k * m];
                axpy(
                    at[k],
                    &values[..own],
                    &mut out[node + k * m..node + own + k * m],
                );
            }
            for (v, &a) in values[own..].iter().zip(rows) {
                for k in 0..K {
                    out[a as usize + k * m] += v * at[k];
                    sum[k] += v * x[a as usize + k * m];
                }
            }
            for k in 0..K {
                out[c + k * m] += sum[k];
            }
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
        if size == 1 {
            out[0] = self.sparse_quadratic(p, columns, v, targets);
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

    /// [`Trailing::quadratic`] of a single row with sparse storage.
    fn sparse_quadratic(
        &self,
        p: &[f64],
        columns: &[u32],
        v: &[f64],
        targets: &mut std::slice::Iter<'_, usize>,
    ) -> f64 {
        let mut sum = 0.0;
        for (k, (&c, vk)) in columns.iter().zip(v).enumerate() {
            let own = k - (c - self.nodes.block_start[c as usize]) as usize;
            let end = own + self.nodes.size_at(c as usize);
            let mut product =
                |v: &[f64]| -> f64 { v.iter().zip(&mut *targets).map(|(v, &to)| v * p[to]).sum() };
            let block = product(&v[own..end]);
            sum += vk * (block + 2.0 * product(&v[end..]));
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
