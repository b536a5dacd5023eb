//! The connected parts of a design: levels that share no row, directly or through others, have
//! independent responses. Nested factors give one part for each level of the outermost factor,
//! crossed ones a single part.

use crate::crossprod::Chunk;
use crate::model::Model;

/// Levels of the leading factor in a part of its own, where no other factor joins them.
const LEVELS: usize = 4096;

/// A level of a trailing factor within a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Index of the factor.
    pub factor: usize,
    /// Level, from zero.
    pub level: usize,
    /// First of its positions within the component.
    pub start: usize,
}

/// One connected part.
#[derive(Debug, Clone, Default)]
pub struct Component {
    /// Levels of the leading factor: chunk, and level within it.
    pub levels: Vec<(usize, usize)>,
    /// Positions in the trailing block, ascending.
    pub positions: Vec<u32>,
    /// The levels that stand there.
    pub nodes: Vec<Node>,
}

/// All parts of a model, and for each trailing position its place within its part.
pub struct Components {
    /// The parts.
    pub list: Vec<Component>,
    /// Place of each trailing position within its part.
    pub local: Vec<u32>,
}

impl Components {
    /// The parts of a model.
    pub fn new(model: &Model) -> Components {
        if model.trailing.m == 0 {
            return Components {
                list: single_levels(&model.chunks),
                local: Vec::new(),
            };
        }
        let (count, of) = label(model);
        let mut list = vec![Component::default(); count];
        let mut local = vec![0; of.len()];
        for (position, &c) in of.iter().enumerate() {
            local[position] = list[c as usize].positions.len() as u32;
            list[c as usize].positions.push(position as u32);
        }
        for (k, chunk) in model.chunks.iter().enumerate() {
            for (level, columns) in chunk.level_columns().enumerate() {
                list[of[columns[0] as usize] as usize]
                    .levels
                    .push((k, level));
            }
        }
        for &factor in &model.layout.trailing {
            for (level, &start) in model.layout.start[factor].iter().enumerate() {
                list[of[start as usize] as usize].nodes.push(Node {
                    factor,
                    level,
                    start: local[start as usize] as usize,
                });
            }
        }
        Components { list, local }
    }

    /// Trailing positions of the largest part.
    pub fn largest(&self) -> usize {
        let sizes = self.list.iter().map(|c| c.positions.len());
        sizes.max().unwrap_or(0)
    }

    /// Numbers in one square matrix of the trailing positions of each part.
    pub fn squares(&self) -> f64 {
        self.list
            .iter()
            .map(|c| (c.positions.len() as f64).powi(2))
            .sum()
    }
}

/// Without a trailing block the levels are independent; some at a time are one part.
fn single_levels(chunks: &[Chunk]) -> Vec<Component> {
    let mut list = Vec::new();
    for (k, chunk) in chunks.iter().enumerate() {
        for from in (0..chunk.levels).step_by(LEVELS) {
            let to = (from + LEVELS).min(chunk.levels);
            list.push(Component {
                levels: (from..to).map(|level| (k, level)).collect(),
                ..Component::default()
            });
        }
    }
    list
}

/// Number of parts, and the part of each trailing position. Positions that share rows share a level
/// of the leading factor.
fn label(model: &Model) -> (usize, Vec<u32>) {
    let mut parent: Vec<u32> = model.layout.block_start.clone();
    for chunk in &model.chunks {
        for columns in chunk.level_columns() {
            for &c in columns {
                let (a, b) = (root(&mut parent, columns[0]), root(&mut parent, c));
                parent[a.max(b) as usize] = a.min(b);
            }
        }
    }
    let mut names = vec![u32::MAX; parent.len()];
    let mut count = 0;
    let mut of = Vec::with_capacity(parent.len());
    for position in 0..parent.len() as u32 {
        let name = &mut names[root(&mut parent, position) as usize];
        if *name == u32::MAX {
            *name = count;
            count += 1;
        }
        of.push(*name);
    }
    (count as usize, of)
}

fn root(parent: &mut [u32], mut at: u32) -> u32 {
    while parent[at as usize] != at {
        parent[at as usize] = parent[parent[at as usize] as usize];
        at = parent[at as usize];
    }
    at
}
