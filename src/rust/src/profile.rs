//! Profile likelihood: what R asks for, and the curves as lists.

use std::sync::Arc;

use extendr_api::prelude::*;
use lmm::profile::{profile, Curve, Ending, Focus, Plan, Profile, Range};
use lmm::{LmmError, Model};

use crate::convert::{certificate, check_theta, doubles, solution_list};
use crate::watch::watch;
use crate::{Answer, Handle};

/// Follow the profiles of some parameters. `foci` has four numbers for each: the kind, and, from one,
/// a term and two of its columns, or a fixed effect. `theta` is the fit's, or where to search for
/// the minimum first (length zero: moments).
#[extendr]
#[allow(clippy::too_many_arguments)]
fn rust_profile(
    model: ExternalPtr<Handle>,
    theta: Robj,
    search: bool,
    foci: Robj,
    cutoff: f64,
    delta: f64,
    most: i32,
    threads: i32,
    print_after: f64,
) -> Answer {
    let model = Arc::clone(&model.0);
    let theta = doubles("theta", &theta)?;
    if !theta.is_empty() {
        check_theta(&model, theta)?;
    }
    let plan = Plan {
        foci: doubles("foci", &foci)?
            .chunks_exact(4)
            .map(focus)
            .collect::<Result<_>>()?,
        range: Range {
            cutoff,
            delta,
            most: most.max(1) as usize,
        },
        theta: (!theta.is_empty()).then(|| theta.to_vec()),
        search,
        threads: threads.max(1) as usize,
    };
    let shared = Arc::clone(&model);
    let found = watch(model.is_small(), print_after, move |progress| {
        profile(&shared, &plan, progress)
    })?;
    Ok(profile_list(&model, &found))
}

type Result<T> = std::result::Result<T, LmmError>;

/// A focus from its four numbers.
fn focus(code: &[f64]) -> Result<Focus> {
    let from_one = |v: f64| (v as usize).wrapping_sub(1);
    let (term, columns) = (from_one(code[1]), [from_one(code[2]), from_one(code[3])]);
    match code[0] as i32 {
        1 => Ok(Focus::Deviation {
            term,
            column: columns[0],
        }),
        2 => Ok(Focus::Correlation { term, columns }),
        3 => Ok(Focus::Covariance { term, columns }),
        4 => Ok(Focus::Sigma),
        5 => Ok(Focus::Fixed(term)),
        other => Err(LmmError::Internal(format!("no parameter of kind {other}"))),
    }
}

fn profile_list(model: &Model, found: &Profile) -> List {
    let mut pairs = solution_list(model, &found.solution);
    let lower = found.lower.as_ref();
    pairs.extend([
        (
            "certificate",
            found.certificate.as_ref().map_or(().into(), certificate),
        ),
        (
            "curves",
            List::from_values(found.curves.iter().map(curve)).into(),
        ),
        ("lower_criterion", lower.map_or(().into(), |l| l.0.into())),
        (
            "lower_theta",
            lower.map_or(().into(), |l| l.1.clone().into()),
        ),
        ("evaluations", Robj::from(found.evaluations as i32)),
    ]);
    List::from_pairs(pairs)
}

fn curve(c: &Curve) -> Robj {
    let column = |value: fn(&lmm::profile::CurvePoint) -> f64| -> Vec<f64> {
        c.points.iter().map(value).collect()
    };
    let width = c.points.first().map_or(0, |p| p.parameters.len());
    let ending = |e: Ending| match e {
        Ending::Cutoff => "cutoff",
        Ending::Bound => "bound",
        Ending::Points => "points",
        Ending::Failure => "failure",
    };
    list!(
        at = column(|p| p.at),
        zeta = column(|p| p.zeta),
        slope = column(|p| p.slope),
        parameters = RMatrix::new_matrix(c.points.len(), width, |i, j| c.points[i].parameters[j]),
        converged = c.points.iter().map(|p| p.converged).collect::<Vec<bool>>(),
        center = c.center as i32 + 1,
        endings = c.endings.map(ending).to_vec(),
        undefined = c.undefined
    )
    .into()
}

extendr_module! {
    mod profile;
    fn rust_profile;
}
