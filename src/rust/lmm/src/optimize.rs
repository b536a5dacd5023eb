//! Trust-region Newton search on the entries of lambda, without bounds.
//!
//! One evaluation gives value, gradient and Hessian (average information at first, then the exact
//! one where that is cheap), see [`evaluate`]; the subproblem of the trust region (Conn, Gould and
//! Toint 2000, alg. 6.1.1) is solved exactly in `quadratic`. The criterion is even in the sign of
//! each column of lambda, so no bound is needed: signs are set afterwards.

use std::cell::RefCell;

use argmin::core::{
    Error, Executor, IterState, Problem, Solver, State, TerminationReason, TerminationStatus, KV,
};

use crate::error::LmmError;
use crate::model::Model;
use crate::progress::{Progress, Step};
use crate::quadratic::Quadratic;

pub use crate::evaluation::{evaluate, Point, Work};
pub use crate::quadratic::{lowest_direction, scale, scaled_curvature};

/// Radius at the start, in natural units.
const FIRST_RADIUS: f64 = 1.0;
/// A radius below this means that no step lowers the criterion.
const LAST_RADIUS: f64 = 1e-12;
/// Relative size of rounding in the criterion.
pub(crate) const ROUNDING: f64 = 2e-14;

/// The model as a problem of argmin.
pub struct Objective<'a> {
    model: &'a Model,
    progress: &'a Progress,
    units: &'a [Vec<f64>],
    work: RefCell<&'a mut Work>,
}

impl<'a> Objective<'a> {
    /// A problem that computes in `work`.
    pub fn new(
        model: &'a Model,
        work: &'a mut Work,
        units: &'a [Vec<f64>],
        progress: &'a Progress,
    ) -> Self {
        Objective {
            model,
            progress,
            units,
            work: RefCell::new(work),
        }
    }

    fn evaluate(&self, theta: &[f64], radius: f64) -> Result<Point, LmmError> {
        let work = &mut **self.work.borrow_mut();
        let point = self
            .model
            .run(|| evaluate(self.model, work, theta, self.progress))?;
        self.progress.record(Step {
            evaluation: self.progress.evaluations() + 1,
            criterion: point.value,
            gradient: scaled_gradient(&point.gradient, &self.scale(theta)),
            radius,
        });
        Ok(point)
    }

    /// Natural unit of each entry at `theta`: the length of its row of lambda, or what is visible.
    fn scale(&self, theta: &[f64]) -> Vec<f64> {
        scale(self.model, self.units, theta)
    }
}

fn scaled_gradient(gradient: &[f64], scale: &[f64]) -> f64 {
    gradient
        .iter()
        .zip(scale)
        .fold(0.0, |m, (g, s)| m.max((g * s).abs()))
}

/// The search; its state between iterations is argmin's.
pub struct TrustRegion {
    radius: f64,
    tolerance: f64,
    max_evaluations: usize,
    stalled: bool,
    failure: Option<LmmError>,
}

type SearchState = IterState<Vec<f64>, Vec<f64>, (), Vec<f64>, (), f64>;

impl TrustRegion {
    /// Stop when the Newton decrement is at most `tolerance`, or after `max_evaluations`.
    pub fn new(tolerance: f64, max_evaluations: usize) -> Self {
        let radius = FIRST_RADIUS;
        TrustRegion {
            radius,
            tolerance,
            max_evaluations,
            stalled: false,
            failure: None,
        }
    }

    fn quadratic(problem: &Objective, state: &SearchState) -> Option<Quadratic> {
        let theta = state.get_param()?;
        Quadratic::new(
            state.get_gradient()?,
            state.get_hessian()?,
            problem.scale(theta),
        )
    }

    /// Evaluate at the end of the step; returns the new point when it is to be accepted.
    fn attempt(
        &mut self,
        problem: &mut Problem<Objective<'_>>,
        state: &SearchState,
        quadratic: &Quadratic,
    ) -> Result<Option<(Vec<f64>, Point)>, Error> {
        let (step, promised, length) = quadratic.minimise(self.radius);
        let old = state.get_cost();
        let theta: Vec<f64> = state
            .get_param()
            .map(|t| t.iter().zip(&step).map(|(t, s)| t + s).collect())
            .unwrap_or_default();
        let radius = self.radius;
        let tried = objective(problem)?.evaluate(&theta, radius);
        let point = match tried {
            Ok(point) => point,
            Err(error @ LmmError::NotPositiveDefinite { .. }) => {
                self.radius = 0.25 * length;
                self.failure = Some(error);
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        self.failure = None;
        let noise = ROUNDING * old.abs().max(1.0);
        if promised <= 20.0 * noise && length < 0.999 * self.radius {
            let new = objective(problem)?.scale(&theta);
            let before = scaled_gradient(state.get_gradient().map_or(&[], |g| g), &quadratic.scale);
            // The criterion is all rounding here: the gradient decides.
            self.stalled = scaled_gradient(&point.gradient, &new) >= 0.5 * before;
            return Ok((!self.stalled).then_some((theta, point)));
        }
        let ratio = (old - point.value) / promised;
        if ratio.is_nan() || ratio < 0.25 {
            self.radius = 0.3 * length;
        } else if ratio > 0.75 && length > 0.8 * self.radius {
            self.radius = (3.0 * self.radius).min(1e6);
        }
        Ok((ratio > 1e-4).then_some((theta, point)))
    }
}

impl Solver<Objective<'_>, SearchState> for TrustRegion {
    fn name(&self) -> &str {
        "trust-region Newton on lambda"
    }

    fn init(
        &mut self,
        problem: &mut Problem<Objective<'_>>,
        mut state: SearchState,
    ) -> Result<(SearchState, Option<KV>), Error> {
        let theta = state.take_param().unwrap_or_default();
        let radius = self.radius;
        let point = objective(problem)?.evaluate(&theta, radius)?;
        Ok((with_point(state, theta, point), None))
    }

    fn next_iter(
        &mut self,
        problem: &mut Problem<Objective<'_>>,
        state: SearchState,
    ) -> Result<(SearchState, Option<KV>), Error> {
        let Some(quadratic) = Self::quadratic(objective(problem)?, &state) else {
            let reason = "the second derivatives are not finite".to_string();
            return Ok((
                state.terminate_with(TerminationReason::SolverExit(reason)),
                None,
            ));
        };
        if quadratic.decrement() <= self.tolerance && quadratic.is_convex() {
            return Ok((
                state.terminate_with(TerminationReason::SolverConverged),
                None,
            ));
        }
        if objective(problem)?.progress.evaluations() >= self.max_evaluations {
            return Ok((
                state.terminate_with(TerminationReason::MaxItersReached),
                None,
            ));
        }
        let state = match self.attempt(problem, &state, &quadratic)? {
            Some((theta, point)) => with_point(state, theta, point),
            None => state,
        };
        if self.stalled {
            return Ok((
                state.terminate_with(TerminationReason::SolverConverged),
                None,
            ));
        }
        if self.radius < LAST_RADIUS {
            if let Some(error) = self.failure.take() {
                return Err(error.into());
            }
            let reason = "no step lowers the criterion".to_string();
            return Ok((
                state.terminate_with(TerminationReason::SolverExit(reason)),
                None,
            ));
        }
        Ok((state, None))
    }

    fn terminate_internal(&mut self, state: &SearchState) -> TerminationStatus {
        state.get_termination_status().clone()
    }
}

fn objective<'p, 'a>(problem: &'p Problem<Objective<'a>>) -> Result<&'p Objective<'a>, Error> {
    problem.problem.as_ref().ok_or_else(|| lost().into())
}

fn with_point(state: SearchState, theta: Vec<f64>, point: Point) -> SearchState {
    state
        .param(theta)
        .cost(point.value)
        .gradient(point.gradient)
        .hessian(point.hessian)
}

/// Where a search ended.
pub struct Found {
    /// Conditioned theta.
    pub theta: Vec<f64>,
    /// Value, gradient and Hessian there.
    pub point: Point,
    /// Why it ended.
    pub stopped: String,
    /// Whether it ended because nothing is left to gain.
    pub converged: bool,
}

/// Search from `theta`. On return `work` is at the point found.
pub fn search(
    model: &Model,
    work: &mut Work,
    units: &[Vec<f64>],
    theta: Vec<f64>,
    (tolerance, max_evaluations): (f64, usize),
    progress: &Progress,
) -> Result<Found, LmmError> {
    let objective = Objective::new(model, work, units, progress);
    let result = Executor::new(objective, TrustRegion::new(tolerance, max_evaluations))
        .configure(|s| s.param(theta).max_iters(u64::MAX))
        .ctrlc(false)
        .run()
        .map_err(|e| match e.downcast::<LmmError>() {
            Ok(error) => error,
            Err(other) => LmmError::Internal(other.to_string()),
        })?;
    let mut state = result.state;
    let theta = state.take_param().ok_or_else(lost)?;
    let reason = state.get_termination_reason().cloned();
    let point = if work.pls.theta == theta {
        Point {
            value: state.get_cost(),
            gradient: state.take_gradient().ok_or_else(lost)?,
            hessian: state.take_hessian().ok_or_else(lost)?,
        }
    } else {
        model.run(|| evaluate(model, work, &theta, progress))?
    };
    Ok(Found {
        theta,
        point,
        converged: reason == Some(TerminationReason::SolverConverged),
        stopped: match reason {
            Some(TerminationReason::MaxItersReached) => "maximum number of evaluations".into(),
            Some(TerminationReason::SolverConverged) => "converged".into(),
            Some(reason) => reason.text().to_string(),
            None => "unknown".into(),
        },
    })
}

fn lost() -> LmmError {
    LmmError::Internal("the search lost its state".into())
}
