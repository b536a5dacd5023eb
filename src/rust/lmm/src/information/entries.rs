//! The entries of Sigma as parameters, and the products with their `E_s`.

use faer::Mat;

use crate::lambda::Parameter;
use crate::model::Model;

/// An entry of Sigma: row >= column within the node of its factor.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) factor: usize,
    pub(super) row: usize,
    pub(super) column: usize,
}

pub(super) fn entries(model: &Model) -> Vec<Entry> {
    let entry = |k: Parameter| {
        let t = &model.terms[k.term];
        Entry {
            factor: t.factor,
            row: t.offset + k.row,
            column: t.offset + k.column,
        }
    };
    model.parameters().into_iter().map(entry).collect()
}

impl Entry {
    /// The places of E_s that are one.
    pub(super) fn places(&self) -> impl Iterator<Item = (usize, usize)> + Clone {
        let off_diagonal = (self.row != self.column).then_some((self.column, self.row));
        std::iter::once((self.row, self.column)).chain(off_diagonal)
    }

    /// `tr(E_s A)` of a symmetric A.
    pub(super) fn trace(&self, a: impl Fn(usize, usize) -> f64) -> f64 {
        self.places().map(|(i, j)| a(j, i)).sum()
    }

    /// `tr(E_s A E_t A')` for a block A between the nodes of the two.
    pub(super) fn trace_of_pair(&self, other: &Entry, a: impl Fn(usize, usize) -> f64) -> f64 {
        let pairs = self
            .places()
            .flat_map(|(i, j)| other.places().map(move |(k, l)| (i, j, k, l)));
        pairs.map(|(i, j, k, l)| a(j, k) * a(i, l)).sum()
    }

    /// Add `E_s x` (rows of a node, from `start`) to `out`.
    pub(super) fn times(
        &self,
        x: impl Fn(usize, usize) -> f64,
        p: usize,
        start: usize,
        out: &mut Mat<f64>,
    ) {
        for (i, j) in self.places() {
            for c in 0..p {
                out[(start + i, c)] += x(j, c);
            }
        }
    }
}
