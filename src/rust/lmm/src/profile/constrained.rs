//! The minimum of the criterion with the focus of a curve held at a value.

use crate::error::LmmError;
use crate::evaluation::Work;
use crate::model::Model;
use crate::optimize::ROUNDING;
use crate::profile::coordinates::Frame;
use crate::profile::criterion::{evaluate, Point};
use crate::progress::Progress;
use crate::quadratic::Quadratic;
use crate::small::{axpy, dot, norm};

/// Newton decrement, in units of the criterion, at which a minimum is reached. What is left is
/// subtracted, so that the value is good to far less.
const TOLERANCE: f64 = 1e-7;
/// Evaluations for one minimum.
const MOST: usize = 100;
/// A radius below this means that no step lowers the criterion.
const LAST_RADIUS: f64 = 1e-10;

/// One curve's problem, and the memory to solve it in.
pub struct Constrained<'a> {
    /// The model.
    pub model: &'a Model,
    /// Memory.
    pub work: &'a mut Work,
    /// Coordinates.
    pub frame: &'a Frame,
    /// Told to stop?
    pub progress: &'a Progress,
    /// Evaluations so far.
    pub evaluations: usize,
    /// A coordinate that stays zero, where the criterion is stationary by symmetry.
    pub frozen: Option<usize>,
}

/// A constrained minimum.
#[derive(Debug, Clone)]
pub struct Minimum {
    /// All coordinates, the focus first.
    pub x: Vec<f64>,
    /// Value there.
    pub value: f64,
    /// Its derivative along the curve.
    pub slope: f64,
    /// Its second derivative along the curve.
    pub bend: f64,
    /// How the free coordinates move with the focus.
    pub tangent: Vec<f64>,
    /// Fixed effects of the conditioned columns.
    pub beta: Vec<f64>,
    /// Whether nothing is left to gain.
    pub converged: bool,
}

impl Constrained<'_> {
    fn evaluate(&mut self, x: &[f64]) -> Result<Point, LmmError> {
        self.evaluations += 1;
        let (model, frame, progress) = (self.model, self.frame, self.progress);
        let work = &mut *self.work;
        model.run(|| evaluate(model, work, frame, x, progress))
    }

    fn quadratic(&self, x: &[f64], point: &Point) -> Result<Quadratic, LmmError> {
        let n = x.len();
        let columns = point.hessian.chunks_exact(n).skip(1);
        let mut hessian: Vec<f64> = columns.flat_map(|c| c[1..].iter().copied()).collect();
        let scale = self.frame.scale(x)[1..].to_vec();
        if let Some(t) = self.frozen {
            hessian[(t - 1) * n] = 1.0 / (scale[t - 1] * scale[t - 1]);
        }
        Quadratic::new(&point.gradient[1..], &hessian, scale)
            .ok_or_else(|| LmmError::Internal("second derivatives that are not finite".into()))
    }

    /// The minimum of the fit, as it is.
    ///
    /// # Errors
    /// [`LmmError`] when x cannot be evaluated, or the computation is to stop.
    pub fn center(&mut self, x: Vec<f64>) -> Result<Minimum, LmmError> {
        let point = self.evaluate(&x)?;
        let quadratic = self.quadratic(&x, &point)?;
        let found = minimum(x, &point, &quadratic, false);
        Ok(Minimum {
            converged: true,
            ..found
        })
    }

    /// The least criterion with one of the standard deviations of a correlation at zero, from x:
    /// there the correlation does not matter. `None` where the focus is something else.
    ///
    /// # Errors
    /// [`LmmError::Interrupted`] when the computation is to stop.
    pub fn without_correlation(&mut self, x: &[f64]) -> Result<Option<Minimum>, LmmError> {
        let mut least: Option<Minimum> = None;
        for root in self.frame.roots().into_iter().flatten() {
            let mut start = x.to_vec();
            start[root] = 0.0;
            self.frozen = Some(root);
            let found = self.minimise(start);
            self.frozen = None;
            match found {
                Err(LmmError::Interrupted) => return Err(LmmError::Interrupted),
                Ok(found) if least.as_ref().is_none_or(|l| found.value < l.value) => {
                    least = Some(found);
                }
                _ => {}
            }
        }
        Ok(least)
    }

    /// Trust-region Newton search over the free coordinates.
    ///
    /// # Errors
    /// [`LmmError`] when x itself cannot be evaluated, or the computation is to stop.
    pub fn minimise(&mut self, mut x: Vec<f64>) -> Result<Minimum, LmmError> {
        let mut point = self.evaluate(&x)?;
        let mut radius = 1.0;
        for _ in 0..MOST {
            let quadratic = self.quadratic(&x, &point)?;
            if quadratic.decrement() <= TOLERANCE && quadratic.is_convex() {
                return Ok(minimum(x, &point, &quadratic, true));
            }
            let (step, promised, length) = quadratic.minimise(radius);
            let mut trial = x.clone();
            axpy(1.0, &step, &mut trial[1..]);
            if let Some(t) = self.frozen {
                trial[t] = 0.0;
            }
            let found = match self.evaluate(&trial) {
                Err(LmmError::Interrupted) => return Err(LmmError::Interrupted),
                Err(_) => None,
                Ok(found) => Some(found),
            };
            let noise = ROUNDING * point.value.abs().max(1.0);
            let gain = found.as_ref().map_or(f64::NAN, |f| point.value - f.value);
            let ratio = gain / promised;
            if ratio.is_nan() || ratio < 0.25 && promised > 20.0 * noise {
                radius = 0.3 * length;
            } else if ratio > 0.75 && length > 0.8 * radius {
                radius = (3.0 * radius).min(1e6);
            }
            match found {
                Some(found) if ratio > 1e-4 || gain >= -noise && promised <= 20.0 * noise => {
                    (x, point) = (trial, found);
                }
                _ if promised <= 20.0 * noise => return Ok(minimum(x, &point, &quadratic, true)),
                _ => {}
            }
            if radius < LAST_RADIUS {
                break;
            }
        }
        let quadratic = self.quadratic(&x, &point)?;
        Ok(minimum(x, &point, &quadratic, false))
    }
}

/// What is known at x; what a last Newton step would change is put right to first order.
fn minimum(x: Vec<f64>, point: &Point, quadratic: &Quadratic, converged: bool) -> Minimum {
    let n = x.len();
    let across = &point.hessian[1..n];
    let mut tangent = quadratic.solve(across);
    tangent.iter_mut().for_each(|v| *v = -*v);
    let left = if converged {
        quadratic.decrement().min(TOLERANCE)
    } else {
        0.0
    };
    Minimum {
        value: point.value - left,
        slope: point.gradient[0] + dot(&tangent, &point.gradient[1..]),
        bend: point.hessian[0] + dot(&tangent, across),
        tangent,
        beta: point.beta.clone(),
        converged,
        x,
    }
}

impl Minimum {
    /// Where the free coordinates are expected at a focus `step` away, `before` being the minimum
    /// reached before this one.
    pub fn predict(&self, frame: &Frame, step: f64, before: Option<&Minimum>) -> Vec<f64> {
        let scale = &frame.scale(&self.x)[1..];
        let size = |v: &[f64]| {
            let scaled: Vec<f64> = v.iter().zip(scale).map(|(v, s)| v / s).collect();
            norm(&scaled)
        };
        let mut move_by: Vec<f64> = self.tangent.iter().map(|t| t * step).collect();
        let long = size(&move_by);
        if long > 1.0 {
            move_by.iter_mut().for_each(|v| *v /= long);
        } else if let Some(before) = before {
            // Half the change of the tangent, as along a parabola.
            let h = 0.5 * step * step / (self.x[0] - before.x[0]);
            let turn: Vec<f64> = self
                .tangent
                .iter()
                .zip(&before.tangent)
                .map(|(a, b)| h * (a - b))
                .collect();
            if size(&turn) < 0.5 {
                axpy(1.0, &turn, &mut move_by);
            }
        }
        let mut x = self.x.clone();
        x[0] += step;
        axpy(1.0, &move_by, &mut x[1..]);
        x
    }
}
