//! Many fits of one design, for R.

use extendr_api::prelude::*;
use lmm::fit::Settings;
use lmm::refits::{refit_columns, Outcome, Wanted};
use lmm::ModelData;

use crate::convert::{doubles, matrix, model_data, Answer};
use crate::watch::watch_borrowed;

/// How to fit and what to keep; `start` is of length zero to leave it to the search.
pub fn wanted(
    start: &Robj,
    tol: f64,
    max_eval: i32,
    scales: &List,
    effects: bool,
) -> std::result::Result<Wanted, lmm::LmmError> {
    let start = doubles("start", start)?;
    let settings = Settings {
        tolerance: tol,
        max_evaluations: max_eval.max(1) as usize,
        start: (!start.is_empty()).then(|| start.to_vec()),
    };
    let scales = scales
        .values()
        .map(|s| doubles("scales", &s).map(<[f64]>::to_vec))
        .collect::<std::result::Result<_, _>>()?;
    Ok(Wanted {
        settings,
        scales,
        effects,
    })
}

/// Fit each column of a matrix on one design; rows where a response is NaN are left out of its fit.
#[extendr]
#[allow(clippy::too_many_arguments)]
fn rust_refit_columns(
    x: Robj,
    columns: Strings,
    y: Robj,
    weights: Robj,
    offset: Robj,
    terms: List,
    reml: bool,
    threads: i32,
    responses: Robj,
    tol: f64,
    max_eval: i32,
    scales: List,
) -> Answer {
    let data = model_data(&x, &columns, &y, &weights, &offset, &terms, reml, threads)?;
    let none: Robj = Vec::<f64>::new().into();
    let wanted = wanted(&none, tol, max_eval, &scales, false)?;
    let responses = doubles("responses", &responses)?;
    let fits = watch_borrowed(false, |progress| {
        refit_columns(&data, responses, &wanted, progress)
    })?;
    Ok(refits_list(&data, &fits))
}

/// One column for each fit, NaN where there is none.
pub fn refits_list(data: &ModelData, fits: &[Outcome]) -> List {
    let parameters: usize = data.terms.iter().map(|t| t.p * (t.p + 1) / 2).sum();
    let factors = data.terms.iter().map(|t| t.factor + 1).max().unwrap_or(0);
    let by_column = |f: &dyn Fn(&lmm::refits::Refit) -> Vec<f64>, rows: usize| {
        let mut values = vec![f64::NAN; rows * fits.len()];
        for (fit, own) in fits.iter().zip(values.chunks_exact_mut(rows.max(1))) {
            if let Ok(fit) = fit {
                own.copy_from_slice(&f(fit));
            }
        }
        matrix(&values, rows, fits.len())
    };
    let all = data.columns.len();
    let placed = |fit: &lmm::refits::Refit, values: &[f64]| {
        let mut out = vec![f64::NAN; all];
        fit.kept.iter().zip(values).for_each(|(&k, v)| out[k] = *v);
        out
    };
    let flag = |b: bool| f64::from(u8::from(b));
    list!(
        theta = by_column(&|f| f.solution.theta.clone(), parameters),
        beta = by_column(&|f| placed(f, &f.solution.beta), all),
        se = by_column(&|f| placed(f, &f.se), all),
        parameters = by_column(&|f| f.parameters.clone(), parameters + 1),
        criterion = by_column(&|f| vec![f.solution.criterion], 1),
        nobs = by_column(&|f| vec![f.n as f64], 1),
        levels = by_column(&|f| f.levels.iter().map(|&l| l as f64).collect(), factors),
        evaluations = by_column(&|f| vec![f.evaluations as f64], 1),
        certified = by_column(&|f| vec![flag(f.certificate.0)], 1),
        singular = by_column(
            &|f| f.singular.iter().map(|&s| flag(s)).collect(),
            data.terms.len()
        ),
        error = texts(fits, |fit| fit.as_ref().err().map(|e| e.to_string())),
        doubt = texts(fits, |fit| match fit {
            Ok(f) if !f.certificate.0 => Some(f.certificate.1.clone()),
            _ => None,
        })
    )
}

/// A text for each fit, empty where there is nothing to say.
fn texts(fits: &[Outcome], text: impl Fn(&Outcome) -> Option<String>) -> Vec<String> {
    fits.iter().map(|f| text(f).unwrap_or_default()).collect()
}

extendr_module! {
    mod refits;
    fn rust_refit_columns;
}
