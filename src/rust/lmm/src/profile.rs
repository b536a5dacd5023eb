//! Profile likelihood: the criterion as a function of one parameter of the user's scale, minimised
//! over all others.
//!
//! The parameters are standard deviations and correlations (or covariances) of the random effects,
//! sigma, and the fixed effects. With `D` the deviance, or the REML criterion for variance
//! parameters,
//!
//! ```text
//! zeta(w) = sign(w - w^) sqrt( min over the others of D given w  -  min of D )
//! ```
//!
//! is about standard normal at the true w, so that the values at which its size is below a normal
//! quantile are a confidence interval (Bates and Watts 1988, ch. 6; Venzon and Moolgavkar 1988;
//! Pinheiro and Bates 2000, sec. 2.4; Bates et al. 2015, sec. 5.1).
//!
//! Every curve has coordinates in which the constraint holds by construction ([`coordinates`]); the
//! criterion and its exact derivatives are carried over to them ([`criterion`]); each constrained
//! minimum is a few Newton steps ([`constrained`]) from where the tangent of the curve says it is
//! ([`curve`]). Curves are followed in parallel.

pub mod constrained;
pub mod coordinates;
pub mod criterion;
pub mod curve;

use std::f64::consts::FRAC_PI_2;

use rayon::prelude::*;

use crate::certificate::Certificate;
use crate::error::LmmError;
use crate::fit::{at, fit, Settings, Solution};
use crate::lambda::{condition, uncondition};
use crate::model::Model;
use crate::optimize::Work;
use crate::progress::Progress;
use crate::start::start;

use constrained::{Constrained, Minimum};
pub use coordinates::Focus;
use coordinates::Frame;
use curve::{curve_point, Lower, Side, Walk};
pub use curve::{CurvePoint, Ending, Range};

/// Evaluations that a curve takes, about.
const EVALUATIONS: f64 = 40.0;
/// How near to a bound, in the focus's natural unit, is at the bound.
const CLOSE: f64 = 1e-8;
/// Operations below which threads cost more than they gain (about 20 ms of one core).
const PARALLEL_WORK: f64 = 3e7;

/// What to profile.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The parameters.
    pub foci: Vec<Focus>,
    /// How far and how fine.
    pub range: Range,
    /// The user's theta: the fit's, or where to search for the minimum; `None`: moments.
    pub theta: Option<Vec<f64>>,
    /// Whether the minimum is to be searched for.
    pub search: bool,
    /// Threads for the curves, if the model itself uses one.
    pub threads: usize,
}

/// One parameter's profile.
pub struct Curve {
    /// The parameter.
    pub focus: Focus,
    /// Points by increasing value, the estimate among them.
    pub points: Vec<CurvePoint>,
    /// Index of the estimate.
    pub center: usize,
    /// Why it ends below and above.
    pub endings: [Ending; 2],
    /// Whether it is a correlation of effects that have no variance: any value fits as well.
    pub undefined: bool,
}

/// All profiles.
pub struct Profile {
    /// The estimates.
    pub solution: Solution,
    /// Proof of their optimality, where they were searched for.
    pub certificate: Option<Certificate>,
    /// One for each focus.
    pub curves: Vec<Curve>,
    /// A lower criterion than the estimates', and the user's theta there, should one turn up.
    pub lower: Option<(f64, Vec<f64>)>,
    /// Number of evaluations.
    pub evaluations: usize,
}

/// The minimum from which all curves start, in the conditioned columns.
struct Base {
    theta: Vec<f64>,
    log_sigma: f64,
    beta: Vec<f64>,
    units: Vec<Vec<f64>>,
}

/// Profile a model.
///
/// # Errors
/// [`LmmError`] for a focus that the model does not have, when the search for the minimum fails, or
/// the computation is to stop.
pub fn profile(model: &Model, plan: &Plan, progress: &Progress) -> Result<Profile, LmmError> {
    plan.foci.iter().try_for_each(|f| check(model, *f))?;
    let (solution, certificate) = estimates(model, plan, progress)?;
    let base = Base::new(model, &solution.theta, progress)?;
    progress.expect(plan.foci.len());
    let found = run_tasks(model, plan, &base, progress)?;
    let evaluations = found.iter().map(|f| f.evaluations).sum();
    let all_lower = found.iter().filter_map(|f| f.lower.as_ref());
    let lower = all_lower.min_by(|a, b| a.value.total_cmp(&b.value));
    Ok(Profile {
        solution,
        certificate,
        lower: lower.map(|l| (l.value, uncondition(&model.terms, &l.theta))),
        curves: found.into_iter().map(|f| f.curve).collect(),
        evaluations,
    })
}

fn check(model: &Model, focus: Focus) -> Result<(), LmmError> {
    let size = |term: usize| model.terms.get(term).map_or(0, |t| t.p);
    let fits = match focus {
        Focus::Sigma => true,
        Focus::Fixed(j) => j < model.p && !model.reml,
        Focus::Deviation { term, column } => column < size(term),
        Focus::Correlation { term, columns } | Focus::Covariance { term, columns } => {
            columns[0] != columns[1] && columns.iter().all(|c| *c < size(term))
        }
    };
    if fits {
        return Ok(());
    }
    Err(LmmError::Internal(format!(
        "the model has no {focus:?} to profile"
    )))
}

fn estimates(
    model: &Model,
    plan: &Plan,
    progress: &Progress,
) -> Result<(Solution, Option<Certificate>), LmmError> {
    if let (Some(theta), false) = (&plan.theta, plan.search) {
        return Ok((at(model, theta, false, progress)?, None));
    }
    let settings = Settings {
        start: plan.theta.clone(),
        ..Settings::default()
    };
    let found = fit(model, &settings, progress)?;
    Ok((found.solution, Some(found.certificate)))
}

impl Base {
    fn new(model: &Model, theta: &[f64], progress: &Progress) -> Result<Base, LmmError> {
        let theta = condition(&model.terms, theta);
        let mut work = Work::new(model)?;
        model.run(|| work.pls.update(model, &theta, progress))?;
        let mut beta = vec![0.0; model.p];
        crate::derivatives::fixed_effects(model, &work.pls, &mut beta);
        Ok(Base {
            theta,
            log_sigma: 0.5 * (work.pls.pwrss / model.denominator()).ln(),
            beta,
            units: start(model).1,
        })
    }
}

/// A curve, and what else came of it.
struct Found {
    curve: Curve,
    lower: Option<Lower>,
    evaluations: usize,
}

fn run_tasks(
    model: &Model,
    plan: &Plan,
    base: &Base,
    progress: &Progress,
) -> Result<Vec<Found>, LmmError> {
    let job = |work: &mut Option<Work>, &focus: &Focus| {
        let mut own = match work.take() {
            Some(work) => work,
            None => Work::new(model)?,
        };
        let found = one_curve(model, &mut own, base, (focus, plan.range), progress);
        *work = Some(own);
        progress.advance();
        found
    };
    let k = model.theta_len() as f64;
    let cost = plan.foci.len() as f64 * EVALUATIONS * (3.0 + k) * model.work_per_evaluation();
    let threads = plan.threads.min(plan.foci.len());
    if model.pool.is_none() && threads > 1 && cost > PARALLEL_WORK {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        if let Ok(pool) = pool {
            let foci = plan.foci.par_iter();
            return pool.install(|| foci.map_init(|| None, job).collect());
        }
    }
    let mut work = None;
    plan.foci.iter().map(|f| job(&mut work, f)).collect()
}

/// Both sides of one curve.
fn one_curve(
    model: &Model,
    work: &mut Work,
    base: &Base,
    (focus, range): (Focus, Range),
    progress: &Progress,
) -> Result<Found, LmmError> {
    let frame = Frame::new(model, &base.units, focus);
    let mut x = frame.locate(model, &base.theta, base.log_sigma, &base.beta);
    snap(&frame, &mut x);
    let mut problem = Constrained {
        model,
        work,
        frame: &frame,
        progress,
        evaluations: 0,
        frozen: None,
    };
    let center = problem.center(x)?;
    let undefined = frame
        .roots()
        .is_some_and(|r| r.iter().any(|&t| center.x[t] == 0.0));
    let sides = if undefined {
        [-1.0, 1.0].map(|sign| flat_side(model, &frame, &center, sign))
    } else {
        let cap = problem.without_correlation(&center.x)?;
        let mut walk = |sign| {
            Walk {
                problem: &mut problem,
                center: &center,
                sign,
                range,
                cap: cap.as_ref(),
            }
            .follow()
        };
        [walk(-1.0)?, walk(1.0)?]
    };
    let evaluations = problem.evaluations;
    let steepness = (0.5 * center.bend).max(0.0).sqrt();
    let middle = curve_point(model, &frame, &center, 0.0, steepness);
    Ok(join(focus, middle, sides, undefined, evaluations))
}

/// Set the focus to its bound if it is as good as there.
fn snap(frame: &Frame, x: &mut [f64]) {
    let (lower, upper) = frame.bounds(x[0]);
    let close = CLOSE * frame.scale(x)[0];
    for bound in [lower, upper] {
        if (x[0] - bound).abs() <= close {
            x[0] = bound;
        }
    }
}

/// A correlation of effects without variance can be anything.
fn flat_side(model: &Model, frame: &Frame, center: &Minimum, sign: f64) -> Side {
    let mut point = curve_point(model, frame, center, 0.0, 0.0);
    point.at = sign * FRAC_PI_2;
    Side {
        points: vec![point],
        ending: Ending::Bound,
        lower: None,
    }
}

fn join(
    focus: Focus,
    middle: CurvePoint,
    [down, up]: [Side; 2],
    undefined: bool,
    evaluations: usize,
) -> Found {
    let endings = [down.ending, up.ending];
    let mut points = down.points;
    points.reverse();
    let center = points.len();
    points.push(middle);
    points.extend(up.points);
    let both = [down.lower, up.lower].into_iter().flatten();
    Found {
        curve: Curve {
            focus,
            points,
            center,
            endings,
            undefined,
        },
        lower: both.min_by(|a, b| a.value.total_cmp(&b.value)),
        evaluations,
    }
}
