//! One random-effects term, and the grouping factors that terms share.

use crate::model_data::ModelData;
use crate::small::invert_upper;

/// A random-effects term as the caller gives it.
#[derive(Debug, Clone)]
pub struct TermData<'a> {
    /// Name of the term, for messages.
    pub name: String,
    /// Index of the grouping factor, from zero; terms with the same factor share it.
    pub factor: usize,
    /// Number of levels.
    pub n_levels: usize,
    /// Level of each row, from one (length n).
    pub codes: &'a [i32],
    /// Model-matrix columns (n x p, column-major); `None` for a single column of ones.
    pub z: Option<&'a [f64]>,
    /// Number of columns.
    pub p: usize,
}

/// A term as it is computed with: `Z_user = Z R`, so that `lambda = lower(R lambda_user)`.
#[derive(Debug, Clone)]
pub struct Term {
    /// Name of the term, for messages.
    pub name: String,
    /// Index of its grouping factor.
    pub factor: usize,
    /// Position of its first column within a node of the factor.
    pub offset: usize,
    /// Number of columns.
    pub p: usize,
    /// Upper triangular transformation of the columns (p x p).
    pub r: Vec<f64>,
    /// Inverse of `r`.
    pub r_inverse: Vec<f64>,
}

/// A grouping factor: its levels are the nodes of the elimination, all of the same size.
#[derive(Debug, Clone)]
pub struct Factor {
    /// Number of levels.
    pub levels: usize,
    /// Random effects per level, over all terms of the factor.
    pub size: usize,
    /// Its terms.
    pub terms: Vec<usize>,
}

/// Terms and factors of some data, without the transformation of the columns.
pub(crate) fn terms_and_factors(data: &ModelData) -> (Vec<Term>, Vec<Factor>) {
    let count = data.terms.iter().map(|t| t.factor + 1).max().unwrap_or(0);
    let mut factors: Vec<Factor> = (0..count)
        .map(|_| Factor {
            levels: 0,
            size: 0,
            terms: Vec::new(),
        })
        .collect();
    let mut terms = Vec::new();
    for (i, t) in data.terms.iter().enumerate() {
        let f = &mut factors[t.factor];
        terms.push(Term {
            name: t.name.clone(),
            factor: t.factor,
            offset: f.size,
            p: t.p,
            r: Vec::new(),
            r_inverse: Vec::new(),
        });
        f.levels = t.n_levels;
        f.size += t.p;
        f.terms.push(i);
    }
    (terms, factors)
}

/// Terms with the transformations R of their columns.
pub(crate) fn finish_terms(mut terms: Vec<Term>, transforms: Vec<Vec<f64>>) -> Vec<Term> {
    for (t, r) in terms.iter_mut().zip(transforms) {
        t.r_inverse = invert_upper(&r, t.p);
        t.r = r;
    }
    terms
}
