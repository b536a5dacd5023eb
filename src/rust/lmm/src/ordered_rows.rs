//! The rows as the model reads them: conditioned columns and response, sorted by the leading factor.

use crate::conditioning::{condition_term, long_dot, project_out, weighted, Basis, TermColumns};
use crate::crossprod::{Rows, ZRows};
use crate::error::LmmError;
use crate::layout::Layout;
use crate::model_data::ModelData;
use crate::progress::Progress;
use crate::small::{axpy, norm};
use crate::term::{Factor, TermData};

/// Response below this part of its length after X is taken out: X fits it exactly.
const EXACT_FIT: f64 = 1e-13;

/// The response less offset and least-squares fit, with unit root mean square.
pub(crate) fn condition_response(
    y: &[f64],
    offset: Option<&[f64]>,
    basis: &Basis,
    root_w: Option<&[f64]>,
) -> Result<(Vec<f64>, Vec<f64>, f64), LmmError> {
    let mut y = weighted(y, None);
    if let Some(offset) = offset {
        axpy(-1.0, offset, &mut y);
    }
    let mut y = weighted(&y, root_w);
    let before = norm(&y);
    let mut beta0 = project_out(&basis.q, &mut y);
    crate::small::solve_lower_transpose(
        &crate::small::transpose(&basis.r, basis.rank(), basis.rank()),
        basis.rank(),
        &mut beta0,
        1,
    );
    let after = norm(&y);
    if after <= EXACT_FIT * before {
        return Err(LmmError::PerfectFit);
    }
    let y_scale = after / (y.len() as f64).sqrt();
    y.iter_mut().for_each(|v| *v /= y_scale);
    Ok((y, beta0, y_scale))
}

/// Layout, rows sorted by the leading factor, and the first row of each of its levels.
pub(crate) fn order(data: &ModelData, factors: &[Factor]) -> (Layout, Vec<usize>, Vec<usize>) {
    let leading = (0..factors.len())
        .max_by_key(|&f| (factors[f].levels * factors[f].size, usize::MAX - f))
        .unwrap_or(0);
    let counts: Vec<Vec<usize>> = factors
        .iter()
        .map(|f| {
            let mut count = vec![0; f.levels];
            for c in data.terms[f.terms[0]].codes {
                count[*c as usize - 1] += 1;
            }
            count
        })
        .collect();
    let layout = Layout::new(factors, leading, &counts);
    let mut level_start = vec![0];
    for c in &counts[leading] {
        level_start.push(level_start[level_start.len() - 1] + c);
    }
    let codes = data.terms[factors[leading].terms[0]].codes;
    let mut next = level_start.clone();
    let mut row_order = vec![0; codes.len()];
    for (i, c) in codes.iter().enumerate() {
        let at = &mut next[*c as usize - 1];
        row_order[*at] = i;
        *at += 1;
    }
    (layout, row_order, level_start)
}

#[allow(clippy::too_many_arguments)]
pub(crate) fn condition_rows(
    data: &ModelData,
    basis: &Basis,
    y: &[f64],
    root_w: Option<&[f64]>,
    factors: &[Factor],
    row_order: &[usize],
    level_start: Vec<usize>,
    progress: &Progress,
) -> Result<(Rows, Vec<Vec<f64>>), LmmError> {
    let (n, p) = (y.len(), basis.rank());
    let mut w = vec![0.0; n * (p + 1)];
    for (k, column) in basis
        .q
        .chunks_exact(n)
        .chain(std::iter::once(y))
        .enumerate()
    {
        progress.check()?;
        for (to, &from) in row_order.iter().enumerate() {
            w[to * (p + 1) + k] = column[from];
        }
    }
    let mut transforms = vec![Vec::new(); data.terms.len()];
    let mut z = Vec::new();
    let mut codes = Vec::new();
    for f in factors {
        progress.check()?;
        let first = &data.terms[f.terms[0]];
        codes.push(
            row_order
                .iter()
                .map(|&i| first.codes[i] as u32 - 1)
                .collect(),
        );
        if f.size == 1 && first.z.is_none() && root_w.is_none() {
            transforms[f.terms[0]] = vec![1.0];
            z.push(ZRows::Ones);
            continue;
        }
        let mut dense = vec![0.0; n * f.size];
        let mut offset = 0;
        for &i in &f.terms {
            let t = &data.terms[i];
            let columns = conditioned(t, n, root_w);
            for (k, column) in columns.z.chunks_exact(n).enumerate() {
                for (to, &from) in row_order.iter().enumerate() {
                    dense[to * f.size + offset + k] = column[from];
                }
            }
            transforms[i] = columns.r;
            offset += t.p;
        }
        z.push(ZRows::Dense(dense));
    }
    Ok((
        Rows {
            n,
            p1: p + 1,
            w,
            z,
            codes,
            level_start,
        },
        transforms,
    ))
}

fn conditioned(term: &TermData, n: usize, root_w: Option<&[f64]>) -> TermColumns {
    match (term.z, root_w) {
        (Some(z), _) => condition_term(z, n, term.p, root_w),
        (None, None) => TermColumns {
            z: vec![1.0; n],
            r: vec![1.0],
        },
        (None, Some(w)) => {
            let r = (long_dot(w, w) / n as f64).sqrt();
            TermColumns {
                z: w.iter().map(|v| v / r).collect(),
                r: vec![r],
            }
        }
    }
}
