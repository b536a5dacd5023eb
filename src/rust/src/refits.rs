//! Many fits on one design and bootstrap samples, for R.

use std::sync::Arc;

use extendr_api::prelude::*;
use lmm::bootstrap::{bootstrap, bootstrap_cases, jackknife, Cases, Plan, Range, Source};
use lmm::fit::Settings;
use lmm::refits::{refit_columns, Outcome, Refit, Wanted};
use lmm::response::Design;
use lmm::simulate::Stream;
use lmm::{LmmError, ModelData};

use crate::convert::{doubles, integers, matrix, model_data, Answer};
use crate::watch::{watch, watch_borrowed};

/// A design that R holds a pointer to.
struct DesignHandle {
    design: Arc<Design>,
    shape: Shape,
}

#[extendr]
impl DesignHandle {}

/// What the columns of results belong to.
#[derive(Clone)]
struct Shape {
    /// Columns of X.
    columns: usize,
    /// Columns of each term.
    terms: Vec<usize>,
    /// Grouping factors.
    factors: usize,
}

impl Shape {
    fn new(data: &ModelData) -> Shape {
        Shape {
            columns: data.columns.len(),
            terms: data.terms.iter().map(|t| t.p).collect(),
            factors: data.terms.iter().map(|t| t.factor + 1).max().unwrap_or(0),
        }
    }
}

type Fallible<T> = std::result::Result<T, LmmError>;

/// Elements of a list of double vectors.
fn vectors(what: &str, list: &List) -> Fallible<Vec<Vec<f64>>> {
    let own = |x: Robj| doubles(what, &x).map(<[f64]>::to_vec);
    list.values().map(own).collect()
}

/// From `list(start, tol, max_eval, scales, effects, df)`; `start` is of length zero to leave it to the
/// search.
fn wanted(settings: &List) -> Fallible<Wanted> {
    let wrong = || LmmError::Internal("settings of the fits".into());
    let field = |name: &str| settings.dollar(name).map_err(|_| wrong());
    let start = doubles("start", &field("start")?)?.to_vec();
    let scales = field("scales")?.as_list().ok_or_else(wrong)?;
    Ok(Wanted {
        settings: Settings {
            tolerance: field("tol")?.as_real().ok_or_else(wrong)?,
            max_evaluations: field("max_eval")?.as_integer().ok_or_else(wrong)?.max(1) as usize,
            start: (!start.is_empty()).then_some(start),
        },
        scales: vectors("scales", &scales)?,
        effects: field("effects")?.as_bool().ok_or_else(wrong)?,
        df: field("df")?.as_bool().ok_or_else(wrong)?,
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
    settings: List,
) -> Answer {
    let data = model_data(&x, &columns, &y, &weights, &offset, &terms, reml, threads)?;
    let wanted = wanted(&settings)?;
    let responses = doubles("responses", &responses)?;
    let fits = watch_borrowed(false, |progress| {
        refit_columns(&data, responses, &wanted, progress)
    })?;
    let fits: Vec<&Outcome> = fits.iter().collect();
    Ok(List::from_pairs(refits_list(&Shape::new(&data), &fits)))
}

/// A design for bootstrap samples.
#[extendr]
#[allow(clippy::too_many_arguments)]
fn rust_design(
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
    let shape = Shape::new(&data);
    let design = watch_borrowed(data.is_small(), |progress| Design::new(&data, progress))?;
    let design = Arc::new(design);
    Ok(list!(
        design = ExternalPtr::new(DesignHandle { design, shape })
    ))
}

/// Replicates `first`, ..., `first + count - 1` of a seed: responses drawn as `plan` has it, fitted.
#[extendr]
fn rust_bootstrap(
    design: ExternalPtr<DesignHandle>,
    plan: List,
    settings: List,
    seed: f64,
    first: i32,
    count: i32,
) -> Answer {
    let wanted = wanted(&settings)?;
    let plan = sampling_plan(&plan)?;
    let range = range(seed, first, count);
    let (shared, keep) = (Arc::clone(&design.design), wanted.effects);
    let quick = shared.is_quick(range.count);
    let samples = watch(quick, f64::INFINITY, move |progress| {
        bootstrap(&shared, &plan, &wanted, range, progress)
    })?;
    let fits: Vec<&Outcome> = samples.iter().map(|s| &s.outcome).collect();
    let mut pairs = refits_list(&design.shape, &fits);
    if keep {
        let n = design.design.model().n;
        let y: Vec<f64> = samples.iter().flat_map(|s| s.y.iter().copied()).collect();
        pairs.push(("y", matrix(&y, n, samples.len())));
        pairs.extend(solutions(&fits, design.design.model()));
    }
    Ok(List::from_pairs(pairs))
}

fn range(seed: f64, first: i32, count: i32) -> Range {
    Range {
        seed: seed as i64 as u64,
        first: first.max(0) as u64,
        count: count.max(0) as usize,
    }
}

/// From `list(mean, theta, sigma, drawn, effects, residuals)`; without residuals draws are normal.
fn sampling_plan(plan: &List) -> Fallible<Plan> {
    let wrong = || LmmError::Internal("the plan of the samples".into());
    let field = |name: &str| plan.dollar(name).map_err(|_| wrong());
    let numbers = |name: &str| Ok(doubles(name, &field(name)?)?.to_vec());
    let residuals = numbers("residuals")?;
    let source = if residuals.is_empty() {
        Source::Normal
    } else {
        let effects = field("effects")?.as_list().ok_or_else(wrong)?;
        Source::Resampled {
            effects: vectors("effects", &effects)?,
            residuals,
        }
    };
    let drawn = field("drawn")?.as_logical_vector().ok_or_else(wrong)?;
    Ok(Plan {
        mean: numbers("mean")?,
        theta: numbers("theta")?,
        sigma: field("sigma")?.as_real().ok_or_else(wrong)?,
        drawn: drawn.iter().map(|d| d.is_true()).collect(),
        source,
    })
}

/// From `list(codes, groups, draw_groups, draw_rows, copied)`.
fn cases(from: &List) -> Fallible<Cases> {
    let wrong = || LmmError::Internal("the cases to draw".into());
    let field = |name: &str| from.dollar(name).map_err(|_| wrong());
    let flag = |name: &str| field(name)?.as_bool().ok_or_else(wrong);
    let codes = field("codes")?;
    let groups = field("groups")?.as_integer().ok_or_else(wrong)?.max(0);
    let codes = integers("codes", &codes)?;
    if codes.iter().any(|c| !(1..=groups).contains(c)) {
        return Err(wrong());
    }
    let copied = field("copied")?.as_logical_vector().ok_or_else(wrong)?;
    Ok(Cases::new(
        codes,
        groups as usize,
        (flag("draw_groups")?, flag("draw_rows")?),
        copied.iter().map(|c| c.is_true()).collect(),
    ))
}

/// As `rust_bootstrap`, for samples of cases; with `count` zero the fits without each group.
#[extendr]
#[allow(clippy::too_many_arguments)]
fn rust_bootstrap_cases(
    x: Robj,
    columns: Strings,
    y: Robj,
    weights: Robj,
    offset: Robj,
    terms: List,
    reml: bool,
    threads: i32,
    draw: List,
    settings: List,
    seed: f64,
    first: i32,
    count: i32,
) -> Answer {
    let data = model_data(&x, &columns, &y, &weights, &offset, &terms, reml, threads)?;
    let (wanted, cases) = (wanted(&settings)?, cases(&draw)?);
    let fits = watch_borrowed(false, |progress| match count {
        0 => jackknife(&data, &cases, &wanted, progress),
        _ => bootstrap_cases(&data, &cases, &wanted, range(seed, first, count), progress),
    })?;
    let fits: Vec<&Outcome> = fits.iter().collect();
    Ok(List::from_pairs(refits_list(&Shape::new(&data), &fits)))
}

/// The rows, from one, of a sample of cases, and the number of the copy that each belongs to.
#[extendr]
fn rust_case_rows(draw: List, seed: f64, replicate: i32) -> Answer {
    let range = range(seed, replicate, 1);
    let drawn = cases(&draw)?.draw(&mut Stream::new(range.seed, range.first));
    Ok(list!(
        rows = drawn
            .rows
            .iter()
            .map(|&r| r as i32 + 1)
            .collect::<Vec<i32>>(),
        copies = drawn
            .copies
            .iter()
            .map(|&c| c as i32 + 1)
            .collect::<Vec<i32>>()
    ))
}

/// One column for each fit, NaN where there is none.
fn by_column(fits: &[&Outcome], rows: usize, values: impl Fn(&Refit) -> Vec<f64>) -> Robj {
    let mut all = vec![f64::NAN; rows * fits.len()];
    for (fit, own) in fits.iter().zip(all.chunks_exact_mut(rows.max(1))) {
        if let Ok(fit) = fit {
            own.copy_from_slice(&values(fit));
        }
    }
    matrix(&all, rows, fits.len())
}

fn refits_list(shape: &Shape, fits: &[&Outcome]) -> Vec<(&'static str, Robj)> {
    let parameters: usize = shape.terms.iter().map(|p| p * (p + 1) / 2).sum();
    let all = shape.columns;
    let placed = |fit: &Refit, values: &[f64]| {
        let mut out = vec![f64::NAN; all];
        fit.kept.iter().zip(values).for_each(|(&k, v)| out[k] = *v);
        out
    };
    let flag = |b: bool| f64::from(u8::from(b));
    let flags = |b: &[bool]| b.iter().map(|&b| flag(b)).collect();
    let levels = |f: &Refit| f.levels.iter().map(|&l| l as f64).collect();
    let one = |value: fn(&Refit) -> f64| by_column(fits, 1, |f| vec![value(f)]);
    vec![
        (
            "theta",
            by_column(fits, parameters, |f| f.solution.theta.clone()),
        ),
        (
            "beta",
            by_column(fits, all, |f| placed(f, &f.solution.beta)),
        ),
        ("se", by_column(fits, all, |f| placed(f, &f.se))),
        ("df", by_column(fits, all, |f| placed(f, &f.df))),
        (
            "parameters",
            by_column(fits, parameters + 1, |f| f.parameters.clone()),
        ),
        ("criterion", one(|f| f.solution.criterion)),
        ("nobs", one(|f| f.n as f64)),
        ("levels", by_column(fits, shape.factors, levels)),
        ("evaluations", one(|f| f.evaluations as f64)),
        (
            "certified",
            by_column(fits, 1, |f| vec![flag(f.certificate.0)]),
        ),
        (
            "singular",
            by_column(fits, shape.terms.len(), |f| flags(&f.singular)),
        ),
        (
            "error",
            texts(fits, |fit| fit.as_ref().err().map(|e| e.to_string())),
        ),
        ("doubt", texts(fits, doubt)),
    ]
}

fn doubt(fit: &Outcome) -> Option<String> {
    let (certified, text) = &fit.as_ref().ok()?.certificate;
    (!certified).then(|| text.clone())
}

/// A text for each fit, empty where there is nothing to say.
fn texts(fits: &[&Outcome], text: impl Fn(&Outcome) -> Option<String>) -> Robj {
    let own: Vec<String> = fits.iter().map(|f| text(f).unwrap_or_default()).collect();
    own.into()
}

/// What else a fitted model in R holds.
fn solutions(fits: &[&Outcome], model: &lmm::Model) -> Vec<(&'static str, Robj)> {
    let p = model.p;
    vec![
        ("u", by_column(fits, model.q(), |f| f.solution.u.clone())),
        ("RX", by_column(fits, p * p, |f| f.solution.rx.clone())),
        ("cmp", by_column(fits, 5, |f| f.solution.parts.to_vec())),
        ("dev", by_column(fits, 1, |f| vec![f.solution.criteria.1])),
    ]
}

extendr_module! {
    mod refits;
    fn rust_refit_columns;
    fn rust_design;
    fn rust_bootstrap;
    fn rust_bootstrap_cases;
    fn rust_case_rows;
}
