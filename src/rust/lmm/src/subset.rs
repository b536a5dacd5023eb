//! Some rows of a data set, in any order and any number of times, as data of their own.

use crate::model_data::ModelData;
use crate::term::TermData;

/// Which rows, and which of them belong to copies of groups that count as groups of their own.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Rows, from zero.
    pub rows: Vec<usize>,
    /// For each of them the copy that it belongs to; empty without copies.
    pub copies: Vec<u32>,
    /// For each grouping factor whether its levels are different ones in each copy.
    pub copied: Vec<bool>,
}

/// Selected rows of a data set, owned.
pub struct Subset {
    x: Vec<f64>,
    y: Vec<f64>,
    weights: Option<Vec<f64>>,
    offset: Option<Vec<f64>>,
    codes: Vec<Vec<i32>>,
    levels: Vec<usize>,
    z: Vec<Option<Vec<f64>>>,
}

impl Subset {
    /// Copy the rows; levels that are left are numbered anew, in their order.
    pub fn new(data: &ModelData, selection: &Selection) -> Subset {
        let n = data.y.len();
        let pick = |v: &[f64]| -> Vec<f64> { selection.rows.iter().map(|&i| v[i]).collect() };
        let columns = |m: &[f64]| -> Vec<f64> { m.chunks_exact(n).flat_map(pick).collect() };
        let mut codes: Vec<Vec<i32>> = Vec::new();
        let mut levels = Vec::new();
        for (i, t) in data.terms.iter().enumerate() {
            let first = data.terms[..i].iter().position(|s| s.factor == t.factor);
            let (own, count) = match first {
                Some(same) => (codes[same].clone(), levels[same]),
                None => renumber(t, selection),
            };
            codes.push(own);
            levels.push(count);
        }
        Subset {
            x: columns(data.x),
            y: pick(data.y),
            weights: data.weights.map(pick),
            offset: data.offset.map(pick),
            codes,
            levels,
            z: data.terms.iter().map(|t| t.z.map(columns)).collect(),
        }
    }

    /// The subset as data for a model on one thread; names and settings are those of `data`.
    pub fn data<'a>(&'a self, data: &'a ModelData) -> ModelData<'a> {
        let term = |(i, t): (usize, &'a TermData)| TermData {
            name: t.name.clone(),
            n_levels: self.levels[i],
            codes: &self.codes[i],
            z: self.z[i].as_deref(),
            ..*t
        };
        ModelData {
            x: &self.x,
            columns: data.columns.clone(),
            y: &self.y,
            weights: self.weights.as_deref(),
            offset: self.offset.as_deref(),
            terms: data.terms.iter().enumerate().map(term).collect(),
            threads: 1,
            ..*data
        }
    }
}

/// Codes from one, and the number of levels that are left.
fn renumber(term: &TermData, selection: &Selection) -> (Vec<i32>, usize) {
    let copied = selection.copied.get(term.factor).is_some_and(|&c| c);
    let copy = |k: usize| {
        if copied {
            u64::from(selection.copies[k])
        } else {
            0
        }
    };
    let rows = selection.rows.iter().enumerate();
    let keys: Vec<u64> = rows
        .map(|(k, &i)| (copy(k) << 32) | term.codes[i] as u64)
        .collect();
    let mut levels = keys.clone();
    levels.sort_unstable();
    levels.dedup();
    let code = |key: &u64| levels.partition_point(|l| l < key) as i32 + 1;
    (keys.iter().map(code).collect(), levels.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_picked_and_copies_are_levels_of_their_own() {
        let (x, y, codes) = ([1.0; 4], [1.0, 2.0, 3.0, 4.0], [1, 1, 3, 2]);
        let other = [2, 1, 2, 1];
        let term = |codes, factor, n_levels| TermData {
            name: "g".into(),
            factor,
            n_levels,
            codes,
            z: None,
            p: 1,
        };
        let data = ModelData {
            x: &x,
            columns: vec!["x".into()],
            y: &y,
            weights: Some(&y),
            offset: None,
            terms: vec![term(&codes, 0, 3), term(&other, 1, 2)],
            reml: true,
            threads: 4,
            available_bytes: 1e9,
        };
        let selection = Selection {
            rows: vec![2, 0, 1, 0, 1],
            copies: vec![0, 1, 1, 2, 2],
            copied: vec![true, false],
        };
        let subset = Subset::new(&data, &selection);
        let picked = subset.data(&data);
        assert_eq!(picked.y, [3.0, 1.0, 2.0, 1.0, 2.0]);
        assert_eq!(picked.weights, Some(picked.y));
        assert_eq!(picked.terms[0].codes, [1, 2, 2, 3, 3]);
        assert_eq!(picked.terms[0].n_levels, 3);
        assert_eq!(picked.terms[1].codes, [2, 2, 1, 2, 1]);
    }
}
