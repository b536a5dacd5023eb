//! Pattern and storage of a sparse trailing block, by nodes.

use crate::crossprod::Chunk;
use crate::error::LmmError;
use crate::layout::Nodes;
use crate::sparse::Pattern;

/// Up to this size pairs of positions are marked in a table (of 32 MB at most).
const MARKED: usize = 16384;

/// Node blocks: each node's columns share one list of rows.
pub struct Blocks {
    /// For each column, the first of its rows in `rows`, and how many there are.
    pub(crate) list: Vec<(usize, usize)>,
    /// Row positions, ascending from the node's own.
    pub(crate) rows: Vec<u32>,
    /// Start of each column's values; m + 1 entries.
    pub(crate) value_start: Vec<usize>,
    /// Pattern and order of the factorisation.
    pub(crate) pattern: Pattern,
    /// For each value that a factorisation takes, where it stands.
    pub(crate) lower: Vec<usize>,
    /// For each value, where it stands in the factor.
    pub(crate) in_factor: Vec<usize>,
    /// For each chunk, where the products of each level's panel go, in order.
    pub(crate) targets: Vec<Vec<usize>>,
}

impl Blocks {
    /// The pattern of B, or `None` as soon as more than `limit` of the lower triangle is filled, or if
    /// a factorisation takes more than `most` operations.
    pub fn new(
        nodes: &Nodes,
        chunks: &[Chunk],
        (limit, most): (f64, f64),
    ) -> Result<Option<Blocks>, LmmError> {
        let neighbours = match neighbours(nodes, chunks, limit) {
            Some(n) => n,
            None => return Ok(None),
        };
        let (mut list, mut rows, mut value_start) = (Vec::new(), Vec::new(), vec![0]);
        for column in 0..nodes.m {
            let node = nodes.block_start[column] as usize;
            if node == column {
                list.push((rows.len(), 0));
                let size = nodes.size_at(node);
                rows.extend(node as u32..(node + size) as u32);
                for &other in &neighbours[node] {
                    rows.extend(other..other + nodes.size_at(other as usize) as u32);
                }
                let last = list.len() - 1;
                list[last].1 = rows.len() - list[last].0;
            } else {
                list.push(list[node]);
            }
            value_start.push(value_start[column] + list[column].1);
        }
        let Some((pattern, lower)) = lower_pattern(&list, &rows, &value_start, most)? else {
            return Ok(None);
        };
        Ok(Some(Blocks {
            list,
            rows,
            value_start,
            pattern,
            lower,
            in_factor: Vec::new(),
            targets: Vec::new(),
        }))
    }

    /// Row positions of a column, ascending from its node's own.
    pub(crate) fn rows_of(&self, column: usize) -> &[u32] {
        let (at, len) = self.list[column];
        &self.rows[at..at + len]
    }

    /// What is needed only if the blocks are used: where values go to and come from.
    pub fn finish(&mut self, nodes: &Nodes, chunks: &[Chunk]) {
        self.in_factor = self.factor_positions();
        self.targets = chunks
            .iter()
            .map(|c| self.chunk_targets(nodes, c))
            .collect();
    }

    fn chunk_targets(&self, nodes: &Nodes, chunk: &Chunk) -> Vec<usize> {
        let mut targets = Vec::new();
        for level in chunk.start.windows(2) {
            let columns = &chunk.columns[level[0]..level[1]];
            for (k, &b) in columns.iter().enumerate() {
                let own = k - (b - nodes.block_start[b as usize]) as usize;
                let (at, len) = self.list[b as usize];
                let list = &self.rows[at..at + len];
                let mut from = 0;
                for &a in &columns[own..] {
                    from += list[from..]
                        .binary_search(&a)
                        .expect("invariant: in the pattern");
                    targets.push(self.value_start[b as usize] + from);
                }
            }
        }
        targets
    }

    fn factor_positions(&self) -> Vec<usize> {
        let mut out = Vec::with_capacity(self.rows.len());
        for (column, &(at, len)) in self.list.iter().enumerate() {
            let rows = &self.rows[at..at + len];
            out.extend(
                rows.iter()
                    .map(|&r| self.pattern.factor_position(r as usize, column)),
            );
        }
        out
    }
}

/// [`neighbours`] by marking pairs of nodes in a table: quick to see that most are filled.
fn marked_neighbours(nodes: &Nodes, chunks: &[Chunk], allowed: f64) -> Option<Vec<Vec<u32>>> {
    let words = nodes.m.div_ceil(64);
    let mut marked = vec![0u64; nodes.m * words];
    let mut entries = 0.0;
    for level in chunks.iter().flat_map(Chunk::level_columns) {
        for (k, &a) in level.iter().enumerate() {
            let row = &mut marked[a as usize * words..(a as usize + 1) * words];
            for &b in &level[k + 1..] {
                let (word, bit) = (b as usize / 64, 1u64 << (b % 64));
                entries += if row[word] & bit == 0 { 1.0 } else { 0.0 };
                row[word] |= bit;
            }
        }
        if entries > allowed {
            return None;
        }
    }
    let row = |a: usize| -> Vec<u32> {
        let mut later = Vec::new();
        if nodes.block_start[a] as usize != a {
            return later;
        }
        for (k, &word) in marked[a * words..(a + 1) * words].iter().enumerate() {
            let mut bits = word;
            while bits != 0 {
                let b = k as u32 * 64 + bits.trailing_zeros();
                if b > a as u32 && nodes.block_start[b as usize] == b {
                    later.push(b);
                }
                bits &= bits - 1;
            }
        }
        later
    };
    Some((0..nodes.m).map(row).collect())
}

/// For each node, the later nodes that share a level of the leading factor with it, ascending.
fn neighbours(nodes: &Nodes, chunks: &[Chunk], limit: f64) -> Option<Vec<Vec<u32>>> {
    let mut list: Vec<Vec<u32>> = vec![Vec::new(); nodes.m];
    let mut distinct = vec![64; nodes.m];
    let allowed = limit * 0.5 * (nodes.m as f64) * (nodes.m as f64);
    if nodes.m <= MARKED {
        return marked_neighbours(nodes, chunks, allowed);
    }
    let mut entries = 0.0;
    let mut own = Vec::new();
    for chunk in chunks {
        for level in chunk.start.windows(2) {
            own.clear();
            let columns = &chunk.columns[level[0]..level[1]];
            own.extend(
                columns
                    .iter()
                    .filter(|&&c| nodes.block_start[c as usize] == c),
            );
            for (k, &a) in own.iter().enumerate() {
                let (a, to) = (a as usize, &mut list[a as usize]);
                let before = to.len() as f64;
                to.extend_from_slice(&own[k + 1..]);
                if to.len() > 2 * distinct[a] {
                    to.sort_unstable();
                    to.dedup();
                    distinct[a] = to.len().max(64);
                }
                entries += (to.len() as f64 - before) * (nodes.size_at(a) as f64).powi(2);
            }
            if entries > 3.0 * allowed + 1e6 {
                return None;
            }
        }
    }
    let mut entries = 0.0;
    for (a, to) in list.iter_mut().enumerate() {
        to.sort_unstable();
        to.dedup();
        let size = nodes.size_at(a) as f64;
        entries += to
            .iter()
            .map(|&b| nodes.size_at(b as usize) as f64 * size)
            .sum::<f64>();
    }
    (entries <= allowed).then_some(list)
}

fn lower_pattern(
    list: &[(usize, usize)],
    rows: &[u32],
    value_start: &[usize],
    most: f64,
) -> Result<Option<(Pattern, Vec<usize>)>, LmmError> {
    let (mut start, mut index, mut from) = (vec![0], Vec::new(), Vec::new());
    for column in 0..list.len() {
        let (at, len) = list[column];
        for k in 0..len {
            if rows[at + k] as usize >= column {
                index.push(rows[at + k] as usize);
                from.push(value_start[column] + k);
            }
        }
        start.push(index.len());
    }
    let len = index.len();
    let lower = sprs::CsMat::try_new_csc((list.len(), list.len()), start, index, vec![(); len])
        .map_err(|(.., e)| LmmError::Internal(format!("pattern of the trailing block: {e}")))?;
    let pattern = Pattern::new(&lower, most)?;
    Ok(pattern.map(|pattern| {
        let lower = pattern.entries().iter().map(|&e| from[e]).collect();
        (pattern, lower)
    }))
}
