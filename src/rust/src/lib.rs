//! The boundary between R and the `lmm` crate: vectors in, lists out, nothing else.
//!
//! Computations run on a thread of their own while R's thread watches for an interrupt, so that no
//! R object is ever touched outside R's thread. Errors are returned as values (`result_condition`):
//! extendr 0.9 would pass their text through printf.

mod convert;
mod memory;
mod profile;
mod refits;
mod watch;

use std::sync::Arc;

use extendr_api::prelude::*;
use lmm::fit::{adopt, at, conditional_covariances, fit, Settings};
use lmm::kenward_roger::kenward_roger;
use lmm::satterthwaite::satterthwaite;
use lmm::{LmmError, Model};

use convert::{
    factorisation, fit_list, kenward_roger_list, model_data, satterthwaite_list, solution_list,
    Answer,
};
use watch::{watch, watch_borrowed};

/// A model that R holds a pointer to.
struct Handle(Arc<Model>);

#[extendr]
impl Handle {}

/// Validate, condition and reduce a model to its cross-products.
#[extendr]
#[allow(clippy::too_many_arguments)]
fn rust_model(
    x: Robj,
    columns: Strings,
    y: Robj,
    weights: Robj,
    offset: Robj,
    terms: List,
    reml: bool,
    threads: i32,
) -> Answer {
    let data = model_data(&x, &columns, &y, &weights, &offset, &terms, reml, threads)?;
    let model = watch_borrowed(data.is_small(), |progress| Model::new(&data, progress))?;
    let kept: Vec<i32> = model.fixed.kept.iter().map(|&k| k as i32 + 1).collect();
    Ok(list!(
        factorisation = factorisation(&model),
        model = ExternalPtr::new(Handle(Arc::new(model))),
        kept = kept
    ))
}

/// Search for the optimum; its steps are printed once it has taken `print_after` seconds.
#[extendr]
fn rust_fit(
    model: ExternalPtr<Handle>,
    start: Robj,
    tol: f64,
    max_eval: i32,
    print_after: f64,
) -> Answer {
    let model = Arc::clone(&model.0);
    let start = convert::doubles("start", &start)?;
    if !start.is_empty() {
        convert::check_theta(&model, start)?;
    }
    let settings = Settings {
        tolerance: tol,
        max_evaluations: max_eval.max(1) as usize,
        start: (!start.is_empty()).then(|| start.to_vec()),
    };
    let shared = Arc::clone(&model);
    let found = watch(model.is_small(), print_after, move |progress| {
        fit(&shared, &settings, progress)
    })?;
    Ok(fit_list(&model, &found))
}

/// Everything at a given theta.
#[extendr]
fn rust_at(model: ExternalPtr<Handle>, theta: Robj, hessian: bool) -> Answer {
    let model = Arc::clone(&model.0);
    let theta = convert::doubles("theta", &theta)?.to_vec();
    convert::check_theta(&model, &theta)?;
    let shared = Arc::clone(&model);
    let found = watch(model.is_small(), f64::INFINITY, move |progress| {
        at(&shared, &theta, hessian, progress)
    })?;
    Ok(List::from_pairs(solution_list(&model, &found)))
}

/// As `rust_fit`, at a given theta and without a search.
#[extendr]
fn rust_adopt(model: ExternalPtr<Handle>, theta: Robj) -> Answer {
    let model = Arc::clone(&model.0);
    let theta = convert::doubles("theta", &theta)?.to_vec();
    convert::check_theta(&model, &theta)?;
    let shared = Arc::clone(&model);
    let found = watch(model.is_small(), f64::INFINITY, move |progress| {
        adopt(&shared, &theta, progress)
    })?;
    Ok(fit_list(&model, &found))
}

/// Conditional covariances of the random effects, divided by sigma squared.
#[extendr]
fn rust_cond_var(model: ExternalPtr<Handle>, theta: Robj) -> Answer {
    let model = Arc::clone(&model.0);
    let theta = convert::doubles("theta", &theta)?.to_vec();
    convert::check_theta(&model, &theta)?;
    let shared = Arc::clone(&model);
    let blocks = watch(model.is_small(), f64::INFINITY, move |progress| {
        conditional_covariances(&shared, &theta, progress)
    })?;
    let mut arrays = Vec::new();
    for (t, values) in model.terms.iter().zip(blocks) {
        let mut array: Robj = values.into();
        let dim = [
            t.p as i32,
            t.p as i32,
            model.factors[t.factor].levels as i32,
        ];
        array
            .set_attrib("dim", dim)
            .map_err(|e| LmmError::Internal(e.to_string()))?;
        arrays.push(array);
    }
    Ok(List::from_values(arrays))
}

/// What Satterthwaite's degrees of freedom are made of.
#[extendr]
fn rust_satterthwaite(model: ExternalPtr<Handle>, theta: Robj, operations: f64) -> Answer {
    let model = Arc::clone(&model.0);
    let theta = convert::doubles("theta", &theta)?.to_vec();
    convert::check_theta(&model, &theta)?;
    let shared = Arc::clone(&model);
    let found = watch(model.is_small(), f64::INFINITY, move |progress| {
        satterthwaite(&shared, &theta, operations, progress)
    })?;
    Ok(satterthwaite_list(&model, found))
}

/// What Kenward and Roger's adjustment and degrees of freedom are made of; at most `bytes` are used.
#[extendr]
fn rust_kenward_roger(model: ExternalPtr<Handle>, theta: Robj, bytes: f64) -> Answer {
    let model = Arc::clone(&model.0);
    let theta = convert::doubles("theta", &theta)?.to_vec();
    convert::check_theta(&model, &theta)?;
    let shared = Arc::clone(&model);
    let found = watch(model.is_small(), f64::INFINITY, move |progress| {
        kenward_roger(&shared, &theta, bytes, progress)
    })?;
    Ok(kenward_roger_list(&model, found))
}

extendr_module! {
    mod rlmm;
    use profile;
    use refits;
    fn rust_model;
    fn rust_fit;
    fn rust_at;
    fn rust_adopt;
    fn rust_cond_var;
    fn rust_satterthwaite;
    fn rust_kenward_roger;
}
