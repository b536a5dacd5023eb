//! Trust-region Newton search on the entries of lambda, without bounds.
//!
//! One evaluation gives value, gradient and Hessian (average information at first, then the exact
//! one where that is cheap); an eigen-decomposition of the scaled Hessian solves the subproblem
//! exactly, negative curvature included (Conn, Gould and Toint 2000, alg. 6.1.1 and sec. 7.3; More
//! and Sorensen 1983). The criterion is even in the sign of each column of lambda, so no bound is
//! needed: signs are set afterwards.

use std::cell::RefCell;

use argmin::core::{
    Error, Executor, IterState, Problem, Solver, State, TerminationReason, TerminationStatus, KV,
};

use crate::criterion::value;
use crate::curvature::{Coordinates, Curvature};
use crate::derivatives::Derivatives;
use crate::error::LmmError;
use crate::lambda::{from_theta, to_theta};
use crate::model::Model;
use crate::pls::Pls;
use crate::progress::{Progress, Step};
use crate::small::{axpy, dot, eigen, norm};
use crate::trace::{is_cheap, trace_in, AllBlocks};
use crate::working_variates::Working;

/// Radius at the start, in natural units.
const FIRST_RADIUS: f64 = 1.0;
/// A radius below this means that no step lowers the criterion.
const LAST_RADIUS: f64 = 1e-12;
/// Relative size of rounding in the criterion.
pub(crate) const ROUNDING: f64 = 2e-14;
/// Eigenvalues below this part of the largest are treated as that large.
const FLAT: f64 = 1e-10;

/// A negative eigenvalue below this part of the others is a direction to follow.
const CONVEX: f64 = 1e-6;

/// Evaluations before the exact Hessian: far from the optimum the average information, which is
/// more convex, leads there faster.
const AVERAGE_FIRST: usize = 3;

/// The model as a problem of argmin.
pub struct Objective<'a> {
    model: &'a Model,
    progress: &'a Progress,
    units: &'a [Vec<f64>],
    work: RefCell<&'a mut Work>,
}

/// Value and derivatives at a point, on the conditioned theta.
#[derive(Clone)]
pub struct Point {
    /// Criterion.
    pub value: f64,
    /// Gradient.
    pub gradient: Vec<f64>,
    /// Hessian, exact or average information.
    pub hessian: Vec<f64>,
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

/// The memory of an evaluation, and what the last one left in it.
pub struct Work {
    /// The penalised least squares problem.
    pub pls: Pls,
    /// Its derivatives.
    pub derivatives: Derivatives,
    /// Memory of the second derivatives.
    information: Working,
    blocks: AllBlocks,
}

impl Work {
    /// Memory for a model.
    pub fn new(model: &Model) -> Result<Work, LmmError> {
        Ok(Work {
            pls: Pls::new(model)?,
            derivatives: Derivatives::allocate(model),
            information: Working::new(model, &model.parameters()),
            blocks: AllBlocks::default(),
        })
    }
}

/// Value, gradient and Hessian at a conditioned theta.
pub fn evaluate(
    model: &Model,
    work: &mut Work,
    theta: &[f64],
    progress: &Progress,
) -> Result<Point, LmmError> {
    let Work {
        pls,
        derivatives,
        information,
        blocks,
    } = work;
    pls.update(model, theta, progress)?;
    derivatives.update(model, pls, progress)?;
    let here = (&*pls, &*derivatives);
    let curvature = Curvature::new_in(information, model, here, theta, Coordinates::Conditioned);
    let exact = is_cheap(model) && progress.evaluations() >= AVERAGE_FIRST;
    let point = Point {
        value: value(model, pls, model.reml),
        gradient: derivatives.gradient.clone(),
        hessian: if exact {
            curvature.exact(&trace_in(blocks, model, here, &curvature))
        } else {
            curvature.average_information()
        },
    };
    if point.value.is_finite() && point.gradient.iter().all(|v| v.is_finite()) {
        Ok(point)
    } else {
        Err(LmmError::NotPositiveDefinite {
            what: "the marginal covariance".into(),
        })
    }
}

/// Natural unit of each entry of theta; `units` holds for each term the squared visible sizes.
pub fn scale(model: &Model, units: &[Vec<f64>], theta: &[f64]) -> Vec<f64> {
    let scales: Vec<Vec<f64>> = from_theta(&model.terms, theta)
        .iter()
        .zip(units)
        .map(|(l, unit)| {
            let p = unit.len();
            let row = |a: usize| (0..=a).map(|b| l[a + b * p] * l[a + b * p]).sum::<f64>();
            let size: Vec<f64> = (0..p).map(|a| (row(a) + unit[a]).sqrt()).collect();
            (0..p * p).map(|k| size[k % p]).collect()
        })
        .collect();
    to_theta(&model.terms, &scales)
}

fn scaled_gradient(gradient: &[f64], scale: &[f64]) -> f64 {
    gradient
        .iter()
        .zip(scale)
        .fold(0.0, |m, (g, s)| m.max((g * s).abs()))
}

/// The scaled quadratic model at a point, in the basis of its eigenvectors.
pub(crate) struct Quadratic {
    scale: Vec<f64>,
    /// Eigenvalues of the scaled Hessian, ascending.
    pub(crate) values: Vec<f64>,
    vectors: Vec<f64>,
    slopes: Vec<f64>,
}

impl Quadratic {
    pub(crate) fn new(gradient: &[f64], hessian: &[f64], scale: Vec<f64>) -> Option<Quadratic> {
        let k = gradient.len();
        let scaled: Vec<f64> = (0..k * k)
            .map(|i| hessian[i] * scale[i % k] * scale[i / k])
            .collect();
        let g: Vec<f64> = gradient.iter().zip(&scale).map(|(g, s)| g * s).collect();
        let (values, vectors) = eigen(&scaled, k)?;
        let slopes = vectors.chunks_exact(k).map(|v| dot(v, &g)).collect();
        Some(Quadratic {
            scale,
            values,
            vectors,
            slopes,
        })
    }

    /// Newton decrement `g'|H|^-1 g / 2`.
    pub(crate) fn decrement(&self) -> f64 {
        let floor = self.floor();
        let terms = self.slopes.iter().zip(&self.values);
        0.5 * terms.map(|(g, w)| g * g / w.abs().max(floor)).sum::<f64>()
    }

    /// Eigenvalues below this are as good as zero.
    fn floor(&self) -> f64 {
        let largest = self.values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        (FLAT * largest).max(f64::MIN_POSITIVE)
    }

    /// Whether no eigenvalue is negative but by rounding.
    pub(crate) fn is_convex(&self) -> bool {
        self.values[0] >= -CONVEX * norm(&self.values)
    }

    /// The Hessian's inverse, over the directions in which it is not flat, times `b`.
    pub(crate) fn solve(&self, b: &[f64]) -> Vec<f64> {
        let (k, floor) = (b.len(), self.floor());
        let scaled: Vec<f64> = b.iter().zip(&self.scale).map(|(b, s)| b * s).collect();
        let mut out = vec![0.0; k];
        for (w, v) in self.values.iter().zip(self.vectors.chunks_exact(k)) {
            if w.abs() > floor {
                axpy(dot(v, &scaled) / w, v, &mut out);
            }
        }
        out.iter_mut().zip(&self.scale).for_each(|(o, s)| *o *= s);
        out
    }

    fn step_at(&self, shift: f64) -> Vec<f64> {
        self.slopes
            .iter()
            .zip(&self.values)
            .map(|(g, w)| -g / (w + shift))
            .collect()
    }

    /// Minimiser within the radius: the step in the unscaled coordinates, the decrease that it
    /// promises, and its scaled length.
    pub(crate) fn minimise(&self, radius: f64) -> (Vec<f64>, f64, f64) {
        let (lowest, floor) = (self.values[0], self.floor());
        let mut step = self.step_at(0.0);
        if lowest <= floor || norm(&step) > radius {
            step = self.boundary_step((-lowest).max(0.0), floor, radius);
        }
        let promised = -self
            .slopes
            .iter()
            .zip(&self.values)
            .zip(&step)
            .map(|((g, w), s)| s * (g + 0.5 * w * s))
            .sum::<f64>();
        let k = step.len();
        let mut out = vec![0.0; k];
        for (s, v) in step.iter().zip(self.vectors.chunks_exact(k)) {
            axpy(*s, v, &mut out);
        }
        out.iter_mut().zip(&self.scale).for_each(|(o, s)| *o *= s);
        (out, promised, norm(&step))
    }

    /// The step whose length is the radius; in the hard case along the lowest eigenvector.
    fn boundary_step(&self, lowest: f64, floor: f64, radius: f64) -> Vec<f64> {
        let (mut low, mut high) = (lowest + floor, lowest + floor);
        let mut step = self.step_at(low);
        if norm(&step) <= radius {
            if self.values[0] < -floor {
                let rest = norm(&step[1..]);
                let along = (radius * radius - rest * rest).max(0.0).sqrt();
                step[0] = if self.slopes[0] > 0.0 { -along } else { along };
            }
            return step;
        }
        while norm(&self.step_at(high)) > radius {
            high = lowest + 4.0 * (high - lowest);
        }
        for _ in 0..60 {
            let middle = lowest + ((low - lowest) * (high - lowest)).sqrt();
            if norm(&self.step_at(middle)) > radius {
                low = middle;
            } else {
                high = middle;
            }
            if high - low <= 1e-3 * high {
                break;
            }
        }
        self.step_at(high)
    }
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

/// Newton decrement and eigenvalues of the Hessian, in natural units.
pub fn scaled_curvature(
    model: &Model,
    units: &[Vec<f64>],
    theta: &[f64],
    point: &Point,
) -> (f64, Vec<f64>) {
    match Quadratic::new(&point.gradient, &point.hessian, scale(model, units, theta)) {
        Some(q) => (q.decrement(), q.values),
        None => (f64::NAN, vec![f64::NAN]),
    }
}

/// A unit step, in natural units, along the eigenvector of the smallest eigenvalue.
pub fn lowest_direction(
    model: &Model,
    units: &[Vec<f64>],
    theta: &[f64],
    point: &Point,
) -> Option<Vec<f64>> {
    let scale = scale(model, units, theta);
    let q = Quadratic::new(&point.gradient, &point.hessian, scale)?;
    let lowest = q.vectors.chunks_exact(theta.len()).next()?;
    Some(lowest.iter().zip(&q.scale).map(|(v, s)| v * s).collect())
}

fn lost() -> LmmError {
    LmmError::Internal("the search lost its state".into())
}
