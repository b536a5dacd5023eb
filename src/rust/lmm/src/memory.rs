//! What a model will take, said before it is taken: bytes, and the term that most of them are for.
//!
//! Counts are in floating point: more than 2^31 entries, or 2^64 bytes, are a number like any other.

use crate::error::LmmError;
use crate::layout::Layout;
use crate::term::{Factor, Term};

const DOUBLE: f64 = 8.0;

/// Refuse a model whose rows and panels do not fit: p fixed effects and n rows.
pub(crate) fn check_rows(
    (n, p): (usize, usize),
    (factors, terms): (&[Factor], &[Term]),
    layout: &Layout,
    available_bytes: f64,
) -> Result<(), LmmError> {
    let fixed = DOUBLE * (p + 1) as f64 * n as f64;
    let mut shares: Vec<f64> = factors
        .iter()
        .map(|f| n as f64 * (DOUBLE * f.size as f64 + 4.0))
        .collect();
    let lead = &factors[layout.leading];
    shares[layout.leading] +=
        DOUBLE * 2.0 * (lead.levels * lead.size) as f64 * (lead.size + p + 1) as f64;
    for &f in &layout.trailing {
        // The one with more columns is to blame.
        let wider = factors[f].size > lead.size;
        shares[if wider { f } else { layout.leading }] += panels(n, &factors[f], lead);
    }
    let total = fixed + shares.iter().sum::<f64>();
    if total <= available_bytes {
        return Ok(());
    }
    let largest = (0..factors.len()).max_by(|&a, &b| shares[a].total_cmp(&shares[b]));
    Err(match largest {
        Some(f) if shares[f] > fixed => refused(total, &factors[f], terms),
        _ => LmmError::Memory {
            bytes: total as u128,
            what: "a model with these rows and fixed effects".into(),
        },
    })
}

/// The panels that the levels of two factors have in common: one as they come, one at lambda.
fn panels(n: usize, factor: &Factor, lead: &Factor) -> f64 {
    let pairs = (n as f64).min(factor.levels as f64 * lead.levels as f64);
    2.0 * pairs * factor.size as f64 * (DOUBLE * lead.size as f64 + 4.0)
}

/// Refuse a trailing block that takes `bytes`.
pub(crate) fn check_trailing(
    bytes: f64,
    (factors, terms): (&[Factor], &[Term]),
    layout: &Layout,
    available_bytes: f64,
) -> Result<(), LmmError> {
    match layout.trailing.first() {
        // The factors are in the order of their random effects, most of them first.
        Some(&f) if bytes > available_bytes => Err(refused(bytes, &factors[f], terms)),
        _ => Ok(()),
    }
}

fn refused(bytes: f64, factor: &Factor, terms: &[Term]) -> LmmError {
    let names: Vec<String> = factor
        .terms
        .iter()
        .map(|&i| format!("({})", terms[i].name))
        .collect();
    let effects = factor.levels as f64 * factor.size as f64;
    LmmError::Memory {
        bytes: bytes as u128,
        what: format!(
            "the model, for its {effects} random effects of {} above all,",
            names.join(" + ")
        ),
    }
}
