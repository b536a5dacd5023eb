//! One side of a curve: from the estimate outwards, in steps of about equal change of zeta.
//!
//! With `D(w)` the minimum of the criterion given the focus w and `D^` that of the fit,
//! `zeta = sign(w - w^) sqrt(D(w) - D^)` (Bates and Watts 1988, ch. 6), whose derivative is
//! `D' / (2 zeta)`: exact, since D' is the partial derivative at the minimum. A step solves the
//! second-order expansion of zeta; one that changes zeta by more than twice what was intended is
//! halved. So every stretch is known at its ends with slopes.

use crate::error::LmmError;
use crate::model::Model;
use crate::profile::constrained::{Constrained, Minimum};
use crate::profile::coordinates::Frame;
use crate::small::multiply;

/// How far to go, and how fine.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// Largest size of zeta.
    pub cutoff: f64,
    /// Change of zeta from point to point.
    pub delta: f64,
    /// Points on each side.
    pub most: usize,
}

/// Why a side ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// zeta has reached the cutoff.
    Cutoff,
    /// The focus has reached its bound: a standard deviation of zero, a correlation of one.
    Bound,
    /// The largest number of points.
    Points,
}

/// A point of a curve.
#[derive(Debug, Clone)]
pub struct CurvePoint {
    /// The focus: a standard deviation, the arc sine of a correlation, a covariance, the logarithm
    /// of sigma, or a fixed effect, in the user's units.
    pub at: f64,
    /// Signed root of the criterion's rise.
    pub zeta: f64,
    /// Derivative of zeta by `at`.
    pub slope: f64,
    /// All parameters, in the user's units: standard deviations, then correlations (lower triangle
    /// by columns) of each term; sigma; fixed effects.
    pub parameters: Vec<f64>,
    /// Whether the search found nothing left to gain.
    pub converged: bool,
}

/// How far below the fit a curve came, and the coordinates there.
#[derive(Debug, Clone)]
pub struct Lower {
    /// The criterion.
    pub value: f64,
    /// Conditioned theta.
    pub theta: Vec<f64>,
}

/// One side.
pub struct Side {
    /// Its points, from the estimate outwards, without the estimate.
    pub points: Vec<CurvePoint>,
    /// Why it ends.
    pub ending: Ending,
    /// The lowest point below the fit.
    pub lower: Option<Lower>,
}

/// Rises and falls of the criterion below this are no news.
const NEGLIGIBLE: f64 = 1e-6;
/// Longest step beside the last one.
const GROWTH: f64 = 4.0;
/// How often a step is halved.
const HALVINGS: usize = 12;
/// How far beyond the cutoff the last point is meant to be, relatively.
const MARGIN: f64 = 1.02;
/// Below this zeta is too small to divide by.
const SMALL: f64 = 0.01;

/// Follow a curve from the fit's minimum in the direction of `sign`.
///
/// # Errors
/// [`LmmError`] when the computation is to stop.
pub fn follow(
    problem: &mut Constrained,
    center: &Minimum,
    sign: f64,
    range: Range,
) -> Result<Side, LmmError> {
    let bounds = problem.frame.bounds();
    let bound = if sign > 0.0 { bounds.1 } else { bounds.0 };
    let mut side = Side {
        points: Vec::new(),
        ending: Ending::Points,
        lower: None,
    };
    let mut walk = Walk {
        last: center.clone(),
        before: None,
        height: 0.0,
        steepness: (0.5 * center.bend).max(0.0).sqrt(),
        step: f64::INFINITY,
    };
    while side.points.len() < range.most {
        let room = sign * (bound - walk.last.x[0]);
        if room <= 0.0 {
            side.ending = Ending::Bound;
            break;
        }
        let (minimum, height, step) = walk.advance(problem, center.value, sign, room, range)?;
        note_lower(problem, center, &minimum, &mut side.lower);
        walk.accept(minimum, height, sign, step, center);
        side.points.push(walk.point(problem, sign));
        if height >= range.cutoff {
            side.ending = Ending::Cutoff;
            break;
        }
    }
    Ok(side)
}

/// Where a walk along one side is.
struct Walk {
    last: Minimum,
    before: Option<Minimum>,
    /// Size of zeta, and its derivative outwards.
    height: f64,
    steepness: f64,
    /// Length of the last step.
    step: f64,
}

impl Walk {
    /// The next minimum, the size of its zeta, and the step that led there.
    fn advance(
        &self,
        problem: &mut Constrained,
        lowest: f64,
        sign: f64,
        room: f64,
        range: Range,
    ) -> Result<(Minimum, f64, f64), LmmError> {
        // No crumb of a step at the end.
        let left = MARGIN * range.cutoff - self.height;
        let rise = if left < 1.5 * range.delta {
            left
        } else {
            range.delta
        };
        let mut step = self.propose(problem.frame, rise).min(room);
        let mut failure = None;
        for attempt in 0..=HALVINGS {
            let before = self.before.as_ref();
            let mut x = self.last.predict(problem.frame, sign * step, before);
            if step == room {
                x[0] = self.last.x[0] + sign * room;
            }
            match problem.minimise(x) {
                Ok(minimum) => {
                    let height = (minimum.value - lowest).max(0.0).sqrt();
                    let jump = (height - self.height).abs();
                    if jump <= 2.0 * range.delta || attempt == HALVINGS {
                        return Ok((minimum, height, step));
                    }
                }
                Err(LmmError::Interrupted) => return Err(LmmError::Interrupted),
                Err(error) => failure = Some(error),
            }
            step *= 0.5;
        }
        Err(failure.unwrap_or_else(|| LmmError::Internal("a profile that leads nowhere".into())))
    }

    /// The step that the second-order expansion of zeta asks for.
    fn propose(&self, frame: &Frame, rise: f64) -> f64 {
        let longest = GROWTH * self.step;
        if self.steepness <= 0.0 {
            let natural = 0.1 * frame.scale(&self.last.x)[0];
            return if longest.is_finite() {
                longest
            } else {
                natural
            };
        }
        let linear = rise / self.steepness;
        if self.height < SMALL {
            return linear.min(longest);
        }
        let turn = (0.5 * self.last.bend - self.steepness * self.steepness) / self.height;
        let under = self.steepness * self.steepness + 2.0 * turn * rise;
        let step = if under > 0.0 {
            2.0 * rise / (self.steepness + under.sqrt())
        } else {
            2.0 * linear
        };
        step.min(longest)
    }

    fn accept(&mut self, next: Minimum, height: f64, sign: f64, step: f64, center: &Minimum) {
        self.steepness = if height > SMALL {
            sign * next.slope / (2.0 * height)
        } else {
            (0.5 * center.bend).max(0.0).sqrt()
        };
        self.height = height;
        self.step = step;
        self.before = Some(std::mem::replace(&mut self.last, next));
    }

    fn point(&self, problem: &Constrained, sign: f64) -> CurvePoint {
        curve_point(
            problem.model,
            problem.frame,
            &self.last,
            sign * self.height,
            self.steepness,
        )
    }
}

/// A minimum in the user's units.
pub fn curve_point(
    model: &Model,
    frame: &Frame,
    minimum: &Minimum,
    zeta: f64,
    slope: f64,
) -> CurvePoint {
    let (at, unit) = frame.in_user_units(model, minimum.x[0]);
    CurvePoint {
        at,
        zeta,
        slope: slope / unit,
        parameters: user_parameters(model, frame, &minimum.x, &minimum.beta),
        converged: minimum.converged,
    }
}

fn note_lower(problem: &Constrained, center: &Minimum, found: &Minimum, lower: &mut Option<Lower>) {
    let best = lower
        .as_ref()
        .map_or(center.value - NEGLIGIBLE, |l| l.value);
    if found.value < best {
        *lower = Some(Lower {
            value: found.value,
            theta: problem.frame.theta(problem.model, &found.x),
        });
    }
}

/// All parameters at x, in the user's units: standard deviations, then correlations (lower triangle
/// by columns) of each term; sigma; fixed effects. `beta` is that of the conditioned columns.
pub fn user_parameters(model: &Model, frame: &Frame, x: &[f64], beta: &[f64]) -> Vec<f64> {
    let mut out = Vec::new();
    let y_scale = model.fixed.y_scale;
    for (t, f) in model.terms.iter().zip(&frame.terms) {
        let p = t.p;
        let l = multiply(&t.r_inverse, &f.factor(x), p, p, p);
        let product = |a: usize, b: usize| (0..p).map(|k| l[a + k * p] * l[b + k * p]).sum::<f64>();
        let sd: Vec<f64> = (0..p).map(|a| product(a, a).sqrt()).collect();
        out.extend(sd.iter().map(|s| s * y_scale));
        for b in 0..p {
            for a in b + 1..p {
                out.push((product(a, b) / (sd[a] * sd[b])).clamp(-1.0, 1.0));
            }
        }
    }
    out.push(x[frame.log_sigma].exp() * y_scale);
    out.extend(crate::estimates::user_beta(model, beta.to_vec()));
    out
}
