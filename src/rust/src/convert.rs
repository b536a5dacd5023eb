//! From R's vectors to the core's data, and from its results to lists.

use extendr_api::prelude::*;
use lmm::certificate::Certificate;
use lmm::fit::{Fit, Solution};
use lmm::kenward_roger::KenwardRoger;
use lmm::satterthwaite::Satterthwaite;
use lmm::{LmmError, Model, ModelData, TermData};

use crate::memory::available_bytes;

/// What a function gives to R.
pub type Answer = std::result::Result<List, Failure>;

/// An error on its way to R: `list(kind, message, column)`.
pub struct Failure(LmmError);

impl From<LmmError> for Failure {
    fn from(error: LmmError) -> Self {
        Failure(error)
    }
}

impl From<Failure> for Robj {
    fn from(failure: Failure) -> Robj {
        let error = failure.0;
        let column: Robj = error.column().map_or(().into(), |c| c.into());
        list!(
            kind = error.kind(),
            message = error.to_string(),
            column = column
        )
        .into()
    }
}

fn wrong_type(what: &str) -> LmmError {
    LmmError::Internal(format!("'{what}' has the wrong type"))
}

/// A double vector of R.
pub fn doubles<'a>(what: &str, x: &'a Robj) -> std::result::Result<&'a [f64], LmmError> {
    x.as_real_slice().ok_or_else(|| wrong_type(what))
}

/// An integer vector of R.
pub fn integers<'a>(what: &str, x: &'a Robj) -> std::result::Result<&'a [i32], LmmError> {
    x.as_integer_slice().ok_or_else(|| wrong_type(what))
}

fn optional<'a>(what: &str, x: &'a Robj) -> std::result::Result<Option<&'a [f64]>, LmmError> {
    if x.is_null() {
        Ok(None)
    } else {
        doubles(what, x).map(Some)
    }
}

/// theta must have the model's length and be finite.
pub fn check_theta(model: &Model, theta: &[f64]) -> std::result::Result<(), LmmError> {
    if theta.len() != model.theta_len() {
        return Err(LmmError::Dimension {
            what: "entries of theta".into(),
            expected: model.theta_len(),
            found: theta.len(),
        });
    }
    match theta.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(at) => Err(LmmError::NotFinite {
            column: "theta".into(),
            row: at + 1,
        }),
    }
}

/// The core's view of R's vectors; nothing is copied.
#[allow(clippy::too_many_arguments)]
pub fn model_data<'a>(
    x: &'a Robj,
    columns: &Strings,
    y: &'a Robj,
    weights: &'a Robj,
    offset: &'a Robj,
    terms: &'a List,
    reml: bool,
    threads: i32,
) -> std::result::Result<ModelData<'a>, LmmError> {
    let terms: Vec<TermData> = terms
        .values()
        .map(term_data)
        .collect::<std::result::Result<_, _>>()?;
    let numbers = x.len()
        + terms
            .iter()
            .map(|t| t.codes.len() * (t.p + 1))
            .sum::<usize>();
    let effects = terms.iter().map(|t| t.n_levels * t.p).sum();
    Ok(ModelData {
        x: doubles("X", x)?,
        columns: columns.iter().map(|c| c.to_string()).collect(),
        y: doubles("y", y)?,
        weights: optional("weights", weights)?,
        offset: optional("offset", offset)?,
        terms,
        reml,
        threads: threads.max(1) as usize,
        available_bytes: available_bytes(numbers, effects),
    })
}

fn term_data<'a>(term: Robj) -> std::result::Result<TermData<'a>, LmmError> {
    let term = term.as_list().ok_or_else(|| wrong_type("term"))?;
    // Not with `$`, which is evaluated by R, at a hundred times the cost.
    let names: Vec<&str> = term.names().map_or_else(Vec::new, Iterator::collect);
    let values = term.as_slice();
    let field = |name: &str| {
        let at = names.iter().position(|n| *n == name);
        at.map(|at| &values[at]).ok_or_else(|| wrong_type(name))
    };
    let integer = |name: &str| field(name)?.as_integer().ok_or_else(|| wrong_type(name));
    let name = field("name")?.as_str().unwrap_or_default().to_string();
    let n_levels = integer("nlevels")?.max(0) as usize;
    let factor = integer("factor")? as usize - 1;
    let codes = slice_of(field("codes")?, Robj::as_integer_slice, "codes")?;
    let z = field("Z")?;
    if z.is_null() {
        return Ok(TermData {
            name,
            factor,
            n_levels,
            codes,
            z: None,
            p: 1,
        });
    }
    let values: &[f64] = slice_of(z, Robj::as_real_slice, "Z")?;
    let p = if codes.is_empty() {
        1
    } else {
        values.len() / codes.len()
    };
    Ok(TermData {
        name,
        factor,
        n_levels,
        codes,
        z: Some(values),
        p,
    })
}

/// A vector inside a list argument: it lives as long as the call, not as the handle to it.
fn slice_of<'a, T>(
    x: &Robj,
    view: fn(&Robj) -> Option<&[T]>,
    what: &str,
) -> std::result::Result<&'a [T], LmmError> {
    let slice = view(x).ok_or_else(|| wrong_type(what))?;
    // SAFETY: the vector is an element of an argument of .Call, which R protects and does not move
    // until the call returns; the result does not outlive the call.
    Ok(unsafe { std::slice::from_raw_parts(slice.as_ptr(), slice.len()) })
}

/// A matrix from its columns.
pub fn matrix(values: &[f64], rows: usize, columns: usize) -> Robj {
    RMatrix::new_matrix(rows, columns, |i, j| values[i + j * rows]).into()
}

/// The estimates and what belongs to them.
pub fn solution_list(model: &Model, s: &Solution) -> Vec<(&'static str, Robj)> {
    let (p, k) = (model.p, s.theta.len());
    let [ld_l2, ld_rx2, wrss, ussq, pwrss] = s.parts;
    let hessian: Robj = s.hessian.as_ref().map_or(().into(), |h| matrix(h, k, k));
    vec![
        ("theta", s.theta.clone().into()),
        ("beta", s.beta.clone().into()),
        ("u", s.u.clone().into()),
        ("sigma", s.sigma.into()),
        ("RX", matrix(&s.rx, p, p)),
        ("criterion", s.criterion.into()),
        (
            "cmp",
            named(&[
                ("ldL2", ld_l2),
                ("ldRX2", ld_rx2),
                ("wrss", wrss),
                ("ussq", ussq),
                ("pwrss", pwrss),
            ]),
        ),
        ("gradient", s.gradient.clone().into()),
        ("hessian", hessian),
        (
            "devcrit",
            named(&[("REML", s.criteria.0), ("dev", s.criteria.1)]),
        ),
    ]
}

fn named(values: &[(&str, f64)]) -> Robj {
    let mut x: Robj = values.iter().map(|v| v.1).collect::<Vec<f64>>().into();
    // A names attribute of the right length is always accepted.
    let _ = x.set_names(values.iter().map(|v| v.0));
    x
}

/// How the model is factorised, and what that is expected to take.
pub fn factorisation(model: &Model) -> List {
    let (operations, bytes) = model.trailing.cost();
    let leading = &model.factors[model.layout.leading];
    list!(
        kind = model.trailing.kind(),
        leading = model.terms[leading.terms[0]].name.as_str(),
        leading_size = (leading.levels * leading.size) as f64,
        trailing_size = model.trailing.m as f64,
        trailing_operations = operations,
        trailing_bytes = bytes,
        operations = model.work_per_evaluation(),
        threads = model.pool.as_ref().map_or(1, |p| p.current_num_threads()) as i32
    )
}

/// A fit: the solution and the record of the search.
pub fn fit_list(model: &Model, fit: &Fit) -> List {
    let mut pairs = solution_list(model, &fit.solution);
    pairs.extend([
        ("evaluations", Robj::from(fit.trace.len() as i32)),
        ("trace", trace(fit)),
        ("certificate", certificate(&fit.certificate)),
        ("stopped", fit.stopped.as_str().into()),
        ("converged", fit.converged.into()),
    ]);
    List::from_pairs(pairs)
}

fn trace(fit: &Fit) -> Robj {
    let rows = fit.trace.len();
    let mut m = RMatrix::new_matrix(rows, 4, |i, j| {
        let s = &fit.trace[i];
        [s.evaluation as f64, s.criterion, s.gradient, s.radius][j]
    });
    m.set_dimnames(list!(
        NULL,
        Strings::from_values(["evaluation", "criterion", "gradient", "radius"])
    ));
    m.into()
}

/// The proof of an optimum.
pub fn certificate(c: &Certificate) -> Robj {
    let terms: Vec<Robj> = c
        .terms
        .iter()
        .map(|t| {
            list!(
                name = t.name.as_str(),
                stationarity = t.stationarity,
                positivity = t.positivity,
                direction = t.direction.clone()
            )
            .into()
        })
        .collect();
    list!(
        certified = c.certified,
        decrement = c.decrement,
        smallest_eigenvalue = c.eigenvalues.0,
        largest_eigenvalue = c.eigenvalues.1,
        hessian = c.hessian.as_str(),
        terms = List::from_values(terms),
        text = c.text.as_str()
    )
    .into()
}

/// The pieces of Satterthwaite's approximation.
pub fn satterthwaite_list(model: &Model, found: Satterthwaite) -> List {
    let k = found.slope.len();
    list!(
        hessian = matrix(&found.hessian, k, k),
        source = found.source,
        slope = found.slope,
        K = matrix(&found.k, model.p * model.p, k)
    )
}

/// The pieces of Kenward and Roger's approximation.
pub fn kenward_roger_list(model: &Model, found: KenwardRoger) -> List {
    let k = model.theta_len();
    list!(
        W = matrix(&found.w, k + 1, k + 1),
        U = matrix(&found.u, model.p, model.p),
        K = matrix(&found.k, model.p * model.p, k)
    )
}
