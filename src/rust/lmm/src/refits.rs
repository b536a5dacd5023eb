//! What is kept of each of many fits, and the fits themselves.

use std::collections::HashMap;

use crate::error::LmmError;
use crate::fit::{fit, Fit, Settings, Solution};
use crate::lambda::from_theta;
use crate::model::{Model, ModelData};
use crate::progress::Progress;
use crate::response::{Design, Refitter};
use crate::small::{dot, eigen, multiply, multiply_transpose, norm, transpose};
use crate::subset::{Selection, Subset};
use crate::term::Term;
use crate::trace::is_cheap;
use crate::workers::run_jobs;

/// A standard deviation below this part of the residual one is zero.
const SINGULAR: f64 = 1e-4;

/// What is kept of a fit.
#[derive(Debug, Clone)]
pub struct Refit {
    /// Estimates; `u` is empty unless it was asked for.
    pub solution: Solution,
    /// Columns of X that `beta` belongs to.
    pub kept: Vec<usize>,
    /// Standard errors of `beta`.
    pub se: Vec<f64>,
    /// Satterthwaite's degrees of freedom of `beta`; empty unless they were asked for.
    pub df: Vec<f64>,
    /// Term after term its standard deviations, then its correlations (the lower triangle, column
    /// by column), and sigma. A correlation with an effect without variance is NaN.
    pub parameters: Vec<f64>,
    /// For each term, whether some combination of its effects has no variance.
    pub singular: Vec<bool>,
    /// Observations.
    pub n: usize,
    /// Levels of each grouping factor.
    pub levels: Vec<usize>,
    /// Evaluations of the search.
    pub evaluations: usize,
    /// Whether the optimum is certified, and in words.
    pub certificate: (bool, String),
}

/// How fits are to be made and what is to be kept.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// How to fit.
    pub settings: Settings,
    /// For each term R (p x p) with `R'R = Z'Z / n`: a singular lambda is one with a singular value
    /// of `R lambda` near zero.
    pub scales: Vec<Vec<f64>>,
    /// Keep the random effects of each fit?
    pub effects: bool,
    /// Find the degrees of freedom of the fixed effects?
    pub df: bool,
}

impl Refit {
    /// Summarise a fit of `model`.
    pub fn new(model: &Model, fit: Fit, wanted: &Wanted) -> Result<Refit, LmmError> {
        let certificate = (fit.certificate.certified, fit.certificate.text);
        Refit::summary(model, fit.solution, wanted, fit.trace.len(), certificate)
    }

    fn summary(
        model: &Model,
        mut solution: Solution,
        wanted: &Wanted,
        evaluations: usize,
        certificate: (bool, String),
    ) -> Result<Refit, LmmError> {
        let numbers = [solution.criterion, solution.sigma];
        let mut all = numbers.iter().chain(&solution.beta).chain(&solution.theta);
        if !all.all(|v| v.is_finite()) {
            return Err(LmmError::PerfectFit);
        }
        let lambdas = from_theta(&model.terms, &solution.theta);
        let mut parameters: Vec<f64> = Vec::new();
        for (t, lambda) in model.terms.iter().zip(&lambdas) {
            parameters.extend(sd_and_correlations(lambda, t.p, solution.sigma));
        }
        parameters.push(solution.sigma);
        let pairs = model.terms.iter().zip(&lambdas).zip(&wanted.scales);
        let singular = pairs.map(|((t, l), r)| is_singular(t, l, r)).collect();
        if !wanted.effects {
            solution.u = Vec::new();
        }
        Ok(Refit {
            se: standard_errors(&solution.rx, model.p, solution.sigma),
            df: Vec::new(),
            solution,
            kept: model.fixed.kept.clone(),
            parameters,
            singular,
            n: model.n,
            levels: model.factors.iter().map(|f| f.levels).collect(),
            evaluations,
            certificate,
        })
    }
}

/// From the relative factor of one term.
pub fn sd_and_correlations(lambda: &[f64], p: usize, sigma: f64) -> Vec<f64> {
    let rows = transpose(lambda, p, p);
    let row = |a: usize| &rows[a * p..(a + 1) * p];
    let length: Vec<f64> = (0..p).map(|a| norm(row(a))).collect();
    let mut out: Vec<f64> = length.iter().map(|l| sigma * l).collect();
    for b in 0..p {
        for a in b + 1..p {
            let r = dot(row(a), row(b)) / (length[a] * length[b]);
            out.push(r.clamp(-1.0, 1.0));
        }
    }
    out
}

fn is_singular(term: &Term, lambda: &[f64], scale: &[f64]) -> bool {
    let p = term.p;
    if p == 1 {
        return (scale[0] * lambda[0]).abs() < SINGULAR;
    }
    let m = multiply(scale, lambda, p, p, p);
    match eigen(&multiply_transpose(&m, &m, p, p, p), p) {
        Some((values, _)) => values[0].max(0.0).sqrt() < SINGULAR,
        None => false,
    }
}

/// `sigma sqrt(diag((R_X'R_X)^-1))`.
fn standard_errors(rx: &[f64], p: usize, sigma: f64) -> Vec<f64> {
    let inverse = transpose(&crate::small::invert_upper(rx, p), p, p);
    inverse
        .chunks_exact(p.max(1))
        .map(|row| sigma * norm(row))
        .collect()
}

/// The fit of one response, or why there is none.
pub type Outcome = Result<Refit, LmmError>;

/// Only an interrupt, or a defect, concerns the other fits.
pub fn own_failure(outcome: Outcome) -> Result<Outcome, LmmError> {
    match outcome {
        Err(error @ (LmmError::Interrupted | LmmError::Internal(_))) => Err(error),
        other => Ok(other),
    }
}

/// Fit one response on a design. Where second derivatives are dear and only fixed effects and
/// variances are wanted, a start that is near the optimum saves work.
pub fn refit(refitter: &mut Refitter, y: &[f64], wanted: &Wanted, progress: &Progress) -> Outcome {
    let own = progress.part();
    let mut settings = wanted.settings.clone();
    let near = !wanted.effects && !wanted.df && !is_cheap(refitter.model());
    if let (true, Some(start)) = (near, &wanted.settings.start) {
        match refitter.fit_near(y, start, &own)? {
            Ok(solution) => {
                let certificate = (true, "local optimum, certified".to_string());
                let (model, evaluations) = (refitter.model(), own.evaluations());
                return Refit::summary(model, solution, wanted, evaluations, certificate);
            }
            Err(theta) => settings.start = Some(theta),
        }
    }
    let fit = refitter.fit(y, &settings, &own)?;
    let df = if wanted.df {
        refitter.degrees_of_freedom(&fit, &own)?
    } else {
        Vec::new()
    };
    let refit = Refit::new(refitter.model(), fit, wanted)?;
    Ok(Refit { df, ..refit })
}

/// Fit some rows of a data set.
pub fn refit_subset(
    data: &ModelData,
    selection: &Selection,
    wanted: &Wanted,
    progress: &Progress,
) -> Outcome {
    let subset = Subset::new(data, selection);
    let own = progress.part();
    let model = Model::new(&subset.data(data), &own)?;
    let found = fit(&model, &wanted.settings, &own)?;
    Refit::new(&model, found, wanted)
}

/// Fit each column of `responses` (n x any number) on the design of `data`, whose own response is
/// not used. Rows where a response is NaN are left out of its fit.
///
/// # Errors
/// Those of [`Model::new`] that concern the design.
pub fn refit_columns(
    data: &ModelData,
    responses: &[f64],
    wanted: &Wanted,
    progress: &Progress,
) -> Result<Vec<Outcome>, LmmError> {
    let n = data.y.len().max(1);
    let columns: Vec<&[f64]> = responses.chunks_exact(n).collect();
    let mut groups: HashMap<Vec<bool>, Vec<usize>> = HashMap::new();
    for (k, y) in columns.iter().enumerate() {
        let present = y.iter().map(|v| !v.is_nan()).collect();
        groups.entry(present).or_default().push(k);
    }
    let mut out: Vec<Option<Outcome>> = columns.iter().map(|_| None).collect();
    if let Some(complete) = groups.remove(&vec![true; data.y.len()]) {
        let design = Design::new(data, progress)?;
        let fits = run_jobs(
            design.threads_for(complete.len()),
            complete.len(),
            progress,
            || Refitter::new(&design),
            |refitter, k| own_failure(refit(refitter, columns[complete[k]], wanted, progress)),
        )?;
        complete
            .into_iter()
            .zip(fits)
            .for_each(|(k, fit)| out[k] = Some(fit));
    }
    let groups: Vec<(Vec<bool>, Vec<usize>)> = groups.into_iter().collect();
    let threads = if data.is_small() && groups.len() < 8 {
        1
    } else {
        data.threads
    };
    let fits = run_jobs(
        threads,
        groups.len(),
        progress,
        || Ok(()),
        |(), g| {
            let (present, members) = &groups[g];
            refit_group(
                data,
                present,
                members.iter().map(|&k| columns[k]),
                wanted,
                progress,
            )
        },
    )?;
    for ((_, members), fits) in groups.iter().zip(fits) {
        members
            .iter()
            .zip(fits)
            .for_each(|(&k, fit)| out[k] = Some(fit));
    }
    Ok(out.into_iter().flatten().collect())
}

/// Fit responses with the same rows missing.
fn refit_group<'a>(
    data: &ModelData,
    present: &[bool],
    columns: impl Iterator<Item = &'a [f64]> + Clone,
    wanted: &Wanted,
    progress: &Progress,
) -> Result<Vec<Outcome>, LmmError> {
    let rows: Vec<usize> = (0..present.len()).filter(|&i| present[i]).collect();
    let all = |error: LmmError| columns.clone().map(|_| Err(error.clone())).collect();
    if rows.is_empty() {
        return Ok(all(no_rows()));
    }
    let selection = Selection {
        rows,
        ..Selection::default()
    };
    let subset = Subset::new(data, &selection);
    let design = match Design::new(&subset.data(data), &progress.part()) {
        Err(LmmError::Interrupted) => return Err(LmmError::Interrupted),
        Err(error) => return Ok(all(error)),
        Ok(design) => design,
    };
    let mut refitter = Refitter::new(&design)?;
    columns
        .clone()
        .map(|y| {
            let y: Vec<f64> = selection.rows.iter().map(|&i| y[i]).collect();
            own_failure(refit(&mut refitter, &y, wanted, progress))
        })
        .collect()
}

fn no_rows() -> LmmError {
    LmmError::Dimension {
        what: "rows that are not missing, at least".to_string(),
        expected: 1,
        found: 0,
    }
}
