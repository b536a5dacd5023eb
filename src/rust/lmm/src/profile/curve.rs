//! One side of a curve: from the estimate outwards, in steps of about equal change of zeta.
//!
//! With `D(w)` the minimum of the criterion given the focus w and `D^` that of the fit,
//! `zeta = sign(w - w^) sqrt(D(w) - D^)` (Bates and Watts 1988, ch. 6), whose derivative is
//! `D' / (2 zeta)`: exact, since D' is the partial derivative at the minimum. A step solves the
//! second-order expansion of zeta; one that changes zeta by more than twice what was intended is
//! halved. So every stretch is known at its ends with slopes, and between them interpolated by a
//! cubic polynomial. The second derivative `(D'' / 2 - zeta'^2) / zeta`, which is known too, tells how
//! far off that is: where a correlation of the others reaches one on the way, or another local minimum
//! becomes the least, zeta bends suddenly, and points are added until the polynomials follow.
//!
//! The minimum need not be continuous in w. Where zeta falls on the way out, another local minimum is
//! lower, and is followed back; and a correlation does not count where a standard deviation is zero,
//! so that the least criterion with such a one is a cap on its curves.

use crate::error::LmmError;
use crate::model::Model;
use crate::profile::constrained::{Constrained, Minimum};
use crate::profile::coordinates::{Focus, Frame};
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
    /// The criterion cannot be evaluated further out.
    Failure,
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
/// How near to a corner, in zeta or as an angle, is near enough.
const CORNER: f64 = 1e-5;
/// Minima spent on finding it.
const CORNER_SEARCH: usize = 12;
/// How far off zeta may be between two points, about.
const INTERPOLATION: f64 = 2e-4;
/// From this on a curve is taken to break, and both ends of the stretch are tried as starts.
const BREAK: f64 = 1e-3;
/// Points that a side may get for that.
const ADDED: usize = 20;

/// A minimum on the way.
#[derive(Clone)]
struct Reached {
    minimum: Minimum,
    /// Size of zeta, and its derivative outwards.
    height: f64,
    steepness: f64,
}

/// A walk along one side, from the fit's minimum in the direction of `sign`.
pub struct Walk<'p, 'a> {
    /// The problem that is solved at every point.
    pub problem: &'p mut Constrained<'a>,
    /// The fit's minimum.
    pub center: &'p Minimum,
    /// Direction.
    pub sign: f64,
    /// How far and how fine.
    pub range: Range,
    /// The minimum that is there whatever the focus, should a curve rise so far.
    pub cap: Option<&'p Minimum>,
}

impl Walk<'_, '_> {
    /// Follow the curve.
    ///
    /// # Errors
    /// [`LmmError::Interrupted`] when the computation is to stop.
    pub fn follow(mut self) -> Result<Side, LmmError> {
        let bounds = self.problem.frame.bounds(self.center.x[0]);
        let bound = if self.sign > 0.0 { bounds.1 } else { bounds.0 };
        let mut path = vec![self.start()];
        let mut ending = Ending::Points;
        while path.len() <= self.range.most {
            let last = &path[path.len() - 1];
            let room = self.sign * (bound - last.minimum.x[0]);
            if room <= 0.0 {
                ending = Ending::Bound;
                break;
            }
            let Some(next) = self.advance(&path, room)? else {
                ending = Ending::Failure;
                break;
            };
            let level = self.cap.map_or(f64::INFINITY, |cap| self.height(cap));
            if let Some(cap) = self
                .cap
                .filter(|_| level < next.height.min(self.range.cutoff))
            {
                self.turn_flat(&mut path, &next, cap, bound)?;
                ending = Ending::Bound;
                break;
            }
            let height = next.height;
            path.push(next);
            if height >= self.range.cutoff {
                ending = Ending::Cutoff;
                break;
            }
        }
        self.sweep_back(&mut path)?;
        self.refine(&mut path)?;
        Ok(Side {
            lower: self.lowest(&path),
            points: path[1..].iter().map(|r| self.point(r)).collect(),
            ending,
        })
    }

    fn start(&self) -> Reached {
        Reached {
            minimum: self.center.clone(),
            height: 0.0,
            steepness: self.center_steepness(),
        }
    }

    fn center_steepness(&self) -> f64 {
        (0.5 * self.center.bend).max(0.0).sqrt()
    }

    fn height(&self, minimum: &Minimum) -> f64 {
        (minimum.value - self.center.value).max(0.0).sqrt()
    }

    fn reached(&self, minimum: Minimum) -> Reached {
        let height = self.height(&minimum);
        Reached {
            steepness: if height > SMALL {
                self.sign * minimum.slope / (2.0 * height)
            } else {
                self.center_steepness()
            },
            height,
            minimum,
        }
    }

    /// The minimum from a start; `None` where the criterion cannot be evaluated.
    fn minimise(&mut self, x: Vec<f64>) -> Result<Option<Reached>, LmmError> {
        match self.problem.minimise(x) {
            Ok(minimum) => Ok(Some(self.reached(minimum))),
            Err(LmmError::Interrupted) => Err(LmmError::Interrupted),
            Err(_) => Ok(None),
        }
    }

    /// The next minimum; `None` if no step leads to a point that can be evaluated.
    fn advance(&mut self, path: &[Reached], room: f64) -> Result<Option<Reached>, LmmError> {
        let last = &path[path.len() - 1];
        let before = path.len().checked_sub(2).map(|k| &path[k].minimum);
        let mut step = self.propose(last, before).min(room);
        for attempt in 0..=HALVINGS {
            let mut x = last
                .minimum
                .predict(self.problem.frame, self.sign * step, before);
            if step == room {
                x[0] = last.minimum.x[0] + self.sign * room;
            }
            if let Some(next) = self.minimise(x)? {
                let jump = (next.height - last.height).abs();
                if jump <= 2.0 * self.range.delta || attempt == HALVINGS {
                    return Ok(Some(next));
                }
            }
            step *= 0.5;
        }
        Ok(None)
    }

    /// The step that the second-order expansion of zeta asks for.
    fn propose(&self, last: &Reached, before: Option<&Minimum>) -> f64 {
        // No crumb of a step at the end.
        let left = MARGIN * self.range.cutoff - last.height;
        let rise = if left < 1.5 * self.range.delta {
            left
        } else {
            self.range.delta
        };
        let longest = before.map(|b| GROWTH * (last.minimum.x[0] - b.x[0]).abs());
        match expansion(last, rise) {
            Some(step) => step.min(longest.unwrap_or(f64::INFINITY)),
            None => longest.unwrap_or(0.1 * self.problem.frame.scale(&last.minimum.x)[0]),
        }
    }

    /// The curve meets the cap between the last point and `next`, and is flat from there on.
    fn turn_flat(
        &mut self,
        path: &mut Vec<Reached>,
        next: &Reached,
        cap: &Minimum,
        bound: f64,
    ) -> Result<(), LmmError> {
        let level = self.height(cap);
        let mut beyond = next.minimum.x[0];
        for _ in 0..CORNER_SEARCH {
            let below = &path[path.len() - 1];
            let left = level - below.height;
            let room = (beyond - below.minimum.x[0]).abs();
            if left < CORNER || room < CORNER {
                break;
            }
            let step = expansion(below, left).filter(|s| *s < room);
            let step = self.sign * step.unwrap_or(0.5 * room);
            let x = below.minimum.predict(self.problem.frame, step, None);
            let at = x[0];
            match self.minimise(x)? {
                Some(found) if found.height < level - CORNER => path.push(found),
                _ => beyond = at,
            }
        }
        path.push(self.flat_at(cap, beyond));
        if self.sign * (bound - beyond) > 0.0 {
            path.push(self.flat_at(cap, bound));
        }
        Ok(())
    }

    /// The cap with the focus at w.
    fn flat_at(&self, cap: &Minimum, w: f64) -> Reached {
        let mut flat = cap.clone();
        self.problem.frame.turn(&mut flat.x, w);
        Reached {
            height: self.height(&flat),
            minimum: flat,
            steepness: 0.0,
        }
    }

    /// Where zeta falls, the walk had followed a local minimum up to there: look back from beyond.
    /// Gives the first point that was replaced, if any.
    fn sweep_back(&mut self, path: &mut [Reached]) -> Result<Option<usize>, LmmError> {
        let mut first = None;
        for end in (2..path.len()).rev() {
            if path[end].height > path[end - 1].height - NEGLIGIBLE.sqrt() {
                continue;
            }
            for k in (1..end).rev() {
                let step = path[k].minimum.x[0] - path[k + 1].minimum.x[0];
                let mut x = path[k + 1].minimum.predict(self.problem.frame, step, None);
                x[0] = path[k].minimum.x[0];
                match self.minimise(x)? {
                    Some(other) if other.minimum.value < path[k].minimum.value - NEGLIGIBLE => {
                        path[k] = other;
                        first = Some(k);
                    }
                    _ => break,
                }
            }
        }
        Ok(first)
    }

    /// Halve the stretches along which a cubic polynomial is not good enough.
    fn refine(&mut self, path: &mut Vec<Reached>) -> Result<(), LmmError> {
        let mut left = ADDED.min((self.range.most + 1).saturating_sub(path.len()));
        let mut k = 1;
        while k < path.len() {
            let missed = self.bend_missed(&path[k - 1], &path[k]);
            if left == 0 || missed <= INTERPOLATION {
                k += 1;
                continue;
            }
            left -= 1;
            match self.between(&path[k - 1], &path[k], missed > BREAK)? {
                Some(found) => {
                    path.insert(k, found);
                    let first = self.sweep_back(&mut path[..=k + 1])?;
                    k = first.unwrap_or(k).min(k);
                }
                None => k += 1,
            }
        }
        Ok(())
    }

    /// What a polynomial with the same second derivative as zeta at one end adds to the cubic one
    /// halfway: the larger of both. At the estimate zeta has none that is known; where a standard deviation is zero,
    /// it depends on the direction from which the others have come.
    fn bend_missed(&self, a: &Reached, b: &Reached) -> f64 {
        let h = (b.minimum.x[0] - a.minimum.x[0]).abs();
        if h <= 2.0 * CORNER || a.steepness == 0.0 && b.steepness == 0.0 {
            return 0.0;
        }
        let mean = (b.height - a.height) / h;
        let cubic_at_a = (6.0 * mean - 4.0 * a.steepness - 2.0 * b.steepness) / h;
        let cubic_at_b = (2.0 * a.steepness + 4.0 * b.steepness - 6.0 * mean) / h;
        let missed = [(a, cubic_at_a), (b, cubic_at_b)]
            .into_iter()
            .filter(|(end, _)| end.height > SMALL && !self.is_zero_deviation(end))
            .map(|(end, cubic)| {
                let square = end.steepness * end.steepness;
                ((0.5 * end.minimum.bend - square) / end.height - cubic).abs()
            });
        missed.fold(0.0, f64::max) * h * h / 32.0
    }

    fn is_zero_deviation(&self, end: &Reached) -> bool {
        matches!(self.problem.frame.focus, Focus::Deviation { .. }) && end.minimum.x[0] == 0.0
    }

    /// The least criterion halfway, as found from the first end or from both.
    fn between(
        &mut self,
        a: &Reached,
        b: &Reached,
        both: bool,
    ) -> Result<Option<Reached>, LmmError> {
        let middle = 0.5 * (a.minimum.x[0] + b.minimum.x[0]);
        let mut least: Option<Reached> = None;
        for end in [a, b].into_iter().take(1 + usize::from(both)) {
            let step = middle - end.minimum.x[0];
            let x = end.minimum.predict(self.problem.frame, step, None);
            if let Some(found) = self.minimise(x)? {
                let value = |r: &Reached| r.minimum.value;
                if least.as_ref().is_none_or(|l| value(&found) < value(l)) {
                    least = Some(found);
                }
            }
        }
        let flat = self.cap.map(|cap| self.flat_at(cap, middle));
        let is_lower = |flat: &Reached| least.as_ref().is_some_and(|l| flat.height < l.height);
        Ok(flat.filter(is_lower).or(least))
    }

    /// The lowest point, if it is below the fit.
    fn lowest(&self, path: &[Reached]) -> Option<Lower> {
        let values = path[1..].iter().map(|r| &r.minimum);
        let lowest = values.min_by(|a, b| a.value.total_cmp(&b.value))?;
        (lowest.value < self.center.value - NEGLIGIBLE).then(|| Lower {
            value: lowest.value,
            theta: self.problem.frame.theta(self.problem.model, &lowest.x),
        })
    }

    fn point(&self, reached: &Reached) -> CurvePoint {
        let Constrained { model, frame, .. } = *self.problem;
        let zeta = self.sign * reached.height;
        curve_point(model, frame, &reached.minimum, zeta, reached.steepness)
    }
}

/// The step along which zeta rises by so much, by its second-order expansion; `None` where it does
/// not rise.
fn expansion(last: &Reached, rise: f64) -> Option<f64> {
    if last.steepness <= 0.0 {
        return None;
    }
    let square = last.steepness * last.steepness;
    let under = if last.height < SMALL {
        square
    } else {
        square + 2.0 * rise * (0.5 * last.minimum.bend - square) / last.height
    };
    Some(if under > 0.0 {
        2.0 * rise / (last.steepness + under.sqrt())
    } else {
        2.0 * rise / last.steepness
    })
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
