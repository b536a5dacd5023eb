//! Value, gradient and Hessian of the criterion at one theta, and the memory they are computed in.

use crate::criterion::value;
use crate::curvature::{Coordinates, Curvature};
use crate::derivatives::{usable_inverse, Derivatives};
use crate::error::LmmError;
use crate::model::Model;
use crate::pls::Pls;
use crate::progress::Progress;
use crate::small::axpy;
use crate::trace::{is_cheap, trace_in, AllBlocks};
use crate::trailing::TrailingWork;
use crate::working_variates::Working;

/// Evaluations before the exact Hessian: far from the optimum the average information, which is
/// more convex, leads there faster.
const AVERAGE_FIRST: usize = 3;
/// Step of the differences, relative to the natural unit of a parameter.
const DIFFERENCE: f64 = 1e-4;

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

/// The memory of an evaluation, and what the last one left in it.
pub struct Work {
    /// The penalised least squares problem.
    pub pls: Pls,
    /// Its derivatives.
    pub derivatives: Derivatives,
    /// Memory of the second derivatives.
    information: Working,
    blocks: AllBlocks,
    /// What does not depend on the response, at the theta where many responses start.
    shared: Option<Shared>,
}

/// The trailing block and N at one theta.
struct Shared {
    theta: Vec<f64>,
    trailing: TrailingWork,
    n: Vec<Vec<f64>>,
}

impl Work {
    /// Memory for a model.
    pub fn new(model: &Model) -> Result<Work, LmmError> {
        Ok(Work {
            pls: Pls::new(model)?,
            derivatives: Derivatives::allocate(model),
            information: Working::new(model, &model.parameters()),
            blocks: AllBlocks::default(),
            shared: None,
        })
    }

    /// Keep the trailing block and N of the last evaluation, unless a trailing lambda is singular.
    fn share(&mut self, model: &Model) -> Result<(), LmmError> {
        let mut trailing = model.layout.trailing.iter();
        if !trailing.all(|&f| usable_inverse(model, &self.pls, f).is_some()) {
            return Ok(());
        }
        let n = self.derivatives.n.iter().map(|n| vec![0.0; n.len()]);
        let mut shared = Shared {
            theta: self.pls.theta.clone(),
            n: n.collect(),
            trailing: model.trailing.work()?,
        };
        self.exchange(&mut shared);
        self.shared = Some(shared);
        Ok(())
    }

    fn exchange(&mut self, shared: &mut Shared) {
        std::mem::swap(&mut self.pls.trailing, &mut shared.trailing);
        std::mem::swap(&mut self.derivatives.n, &mut shared.n);
    }

    /// Add the central difference of the exact gradient in one parameter, which has the given
    /// natural unit, to `slope`. Leaves `self` beside the conditioned theta `at`.
    pub(crate) fn add_gradient_difference(
        &mut self,
        model: &Model,
        at: &[f64],
        (parameter, unit): (usize, f64),
        slope: &mut [f64],
        progress: &Progress,
    ) -> Result<(), LmmError> {
        let step = DIFFERENCE * unit;
        for sign in [1.0, -1.0] {
            let mut theta = at.to_vec();
            theta[parameter] += sign * step;
            self.pls.update(model, &theta, progress)?;
            self.derivatives.update(model, &mut self.pls, progress)?;
            axpy(sign / (2.0 * step), &self.derivatives.gradient, slope);
        }
        Ok(())
    }
}

/// Value, gradient and Hessian at a conditioned theta.
pub fn evaluate(
    model: &Model,
    work: &mut Work,
    theta: &[f64],
    progress: &Progress,
) -> Result<Point, LmmError> {
    work.pls.update(model, theta, progress)?;
    work.derivatives.update(model, &mut work.pls, progress)?;
    point(model, work, theta, progress)
}

/// [`evaluate`] at a theta where many responses start: what does not depend on the response is
/// computed once. Leaves the trailing block of `work` elsewhere.
pub(crate) fn evaluate_start(
    model: &Model,
    work: &mut Work,
    theta: &[f64],
    progress: &Progress,
) -> Result<Point, LmmError> {
    let Some(mut shared) = work.shared.take().filter(|shared| shared.theta == theta) else {
        let point = evaluate(model, work, theta, progress)?;
        work.share(model)?;
        return Ok(point);
    };
    work.exchange(&mut shared);
    let found = work.pls.update_response(model, theta).and_then(|()| {
        work.derivatives.update_response(model, &mut work.pls);
        point(model, work, theta, progress)
    });
    work.exchange(&mut shared);
    work.shared = Some(shared);
    found
}

/// The point that `work` is at.
fn point(
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
        ..
    } = work;
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
