//! What a caller provides, and whether a model can be made of it.

use crate::error::LmmError;
use crate::term::TermData;

/// Numbers in the data below which reading them takes less than a millisecond.
const SMALL_DATA: usize = 20_000;

/// What a caller provides. Matrices are column-major.
#[derive(Debug, Clone)]
pub struct ModelData<'a> {
    /// Fixed-effects model matrix (n x p), redundant columns included.
    pub x: &'a [f64],
    /// Names of its columns (p).
    pub columns: Vec<String>,
    /// Response (n).
    pub y: &'a [f64],
    /// Positive weights, proportional to inverse variances (n); `None`: all one.
    pub weights: Option<&'a [f64]>,
    /// Known part of the mean (n); `None`: zero.
    pub offset: Option<&'a [f64]>,
    /// Random-effects terms.
    pub terms: Vec<TermData<'a>>,
    /// REML criterion (`true`) or maximum likelihood.
    pub reml: bool,
    /// Threads that may be used.
    pub threads: usize,
    /// Memory that may be used, in bytes.
    pub available_bytes: f64,
}

impl ModelData<'_> {
    /// Whether the model is made in less time than it takes to start a thread, about.
    pub fn is_small(&self) -> bool {
        let columns = self.columns.len() + self.terms.iter().map(|t| t.p + 1).sum::<usize>();
        self.y.len() * (columns + 1) < SMALL_DATA
    }
}

pub(crate) fn validate(data: &ModelData, n: usize) -> Result<(), LmmError> {
    let length = |what: &str, expected: usize, found: usize| {
        if expected == found {
            return Ok(());
        }
        Err(LmmError::Dimension {
            what: what.to_string(),
            expected,
            found,
        })
    };
    length("entries of X", n * data.columns.len(), data.x.len())?;
    finite("the response", data.y)?;
    for (name, column) in data.columns.iter().zip(data.x.chunks_exact(n.max(1))) {
        finite(name, column)?;
    }
    if let Some(w) = data.weights {
        length("weights", n, w.len())?;
        finite("weights", w)?;
        if let Some(row) = w.iter().position(|v| *v <= 0.0) {
            let what = format!("the weight of row {} must be positive; rows", row + 1);
            return Err(LmmError::Dimension {
                what,
                expected: n,
                found: row,
            });
        }
    }
    if let Some(offset) = data.offset {
        length("offset", n, offset.len())?;
        finite("the offset", offset)?;
    }
    if data.terms.is_empty() {
        let what = "random-effects terms, at least".to_string();
        return Err(LmmError::Dimension {
            what,
            expected: 1,
            found: 0,
        });
    }
    data.terms.iter().try_for_each(|t| validate_term(t, n))
}

fn validate_term(term: &TermData, n: usize) -> Result<(), LmmError> {
    let wrong = |what: String, expected, found| LmmError::Dimension {
        what,
        expected,
        found,
    };
    if term.codes.len() != n {
        return Err(wrong(
            format!("codes of term '{}'", term.name),
            n,
            term.codes.len(),
        ));
    }
    if let Some(code) = term
        .codes
        .iter()
        .find(|&&c| c < 1 || c as usize > term.n_levels)
    {
        let what = format!("codes of term '{}' up to", term.name);
        return Err(wrong(what, term.n_levels, (*code).max(0) as usize));
    }
    match term.z {
        None if term.p != 1 => Err(wrong(format!("columns of term '{}'", term.name), 1, term.p)),
        Some(z) if z.len() != n * term.p => Err(wrong(
            format!("columns of term '{}'", term.name),
            n * term.p,
            z.len(),
        )),
        Some(z) => finite(&term.name, z),
        None => Ok(()),
    }
}

pub(crate) fn finite(column: &str, v: &[f64]) -> Result<(), LmmError> {
    match v.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(at) => Err(LmmError::NotFinite {
            column: column.to_string(),
            row: at + 1,
        }),
    }
}
