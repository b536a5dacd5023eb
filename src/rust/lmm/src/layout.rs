//! Which factor leads, and where the random effects of the others stand.

use crate::term::Factor;

/// Where the random effects of the other factors stand in the trailing block.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Index of the leading factor.
    pub leading: usize,
    /// The other factors, in the order of their positions.
    pub trailing: Vec<usize>,
    /// For each factor, the first position of each level (empty for the leading one).
    pub start: Vec<Vec<u32>>,
    /// For each position, the first position of its node.
    pub block_start: Vec<u32>,
    /// Number of trailing random effects.
    pub m: usize,
}

impl Layout {
    /// Levels by decreasing number of rows, so that the busy part of the trailing block is compact.
    pub fn new(factors: &[Factor], leading: usize, counts: &[Vec<usize>]) -> Layout {
        let mut trailing: Vec<usize> = (0..factors.len()).filter(|&f| f != leading).collect();
        trailing.sort_by_key(|&f| factors[f].levels * factors[f].size);
        trailing.reverse();
        let mut start: Vec<Vec<u32>> = vec![Vec::new(); factors.len()];
        let mut block_start = Vec::new();
        for &f in &trailing {
            let mut order: Vec<usize> = (0..factors[f].levels).collect();
            order.sort_by_key(|&l| std::cmp::Reverse(counts[f][l]));
            start[f] = vec![0; factors[f].levels];
            for l in order {
                let at = block_start.len() as u32;
                start[f][l] = at;
                block_start.extend(std::iter::repeat_n(at, factors[f].size));
            }
        }
        let m = block_start.len();
        Layout {
            leading,
            trailing,
            start,
            block_start,
            m,
        }
    }
}

/// The nodes of the trailing block: levels of the trailing factors.
pub struct Nodes {
    /// Number of positions.
    pub m: usize,
    /// For each position, the first of its node.
    pub block_start: Vec<u32>,
    /// For each position, the factor.
    pub factor_of: Vec<u32>,
    /// For each position, the end of the positions of its factor.
    pub factor_end: Vec<u32>,
    /// Size of a node of each factor.
    pub sizes: Vec<usize>,
    /// For each position, where its column stands among all diagonal blocks.
    pub block_offset: Vec<usize>,
}

impl Nodes {
    /// The nodes of a layout.
    pub fn new(factors: &[Factor], layout: &Layout) -> Nodes {
        let sizes: Vec<usize> = factors.iter().map(|f| f.size).collect();
        let mut factor_of = vec![0; layout.m];
        for &f in &layout.trailing {
            for &start in &layout.start[f] {
                factor_of[start as usize..start as usize + sizes[f]].fill(f as u32);
            }
        }
        let mut factor_end = vec![layout.m as u32; layout.m];
        for c in (1..layout.m).rev() {
            factor_end[c - 1] = if factor_of[c - 1] == factor_of[c] {
                factor_end[c]
            } else {
                c as u32
            };
        }
        let mut offset = 0;
        let block_offset = factor_of
            .iter()
            .map(|&f| {
                let own = offset;
                offset += sizes[f as usize];
                own
            })
            .collect();
        Nodes {
            m: layout.m,
            block_start: layout.block_start.clone(),
            factor_of,
            factor_end,
            sizes,
            block_offset,
        }
    }

    /// Size of the node at a position.
    pub fn size_at(&self, position: usize) -> usize {
        self.sizes[self.factor_of[position] as usize]
    }
}
