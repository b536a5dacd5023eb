//! The quadratic model of the criterion at a point, in natural units, and its minimiser in a ball.
//!
//! An eigen-decomposition of the scaled Hessian solves the subproblem of a trust region exactly,
//! negative curvature included (Conn, Gould and Toint 2000, sec. 7.3; More and Sorensen 1983).

use crate::evaluation::Point;
use crate::lambda::{from_theta, to_theta};
use crate::model::Model;
use crate::small::{axpy, dot, eigen, norm};

/// Eigenvalues below this part of the largest are treated as that large.
const FLAT: f64 = 1e-10;
/// A negative eigenvalue below this part of the others is a direction to follow.
const CONVEX: f64 = 1e-6;

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

/// The scaled quadratic model at a point, in the basis of its eigenvectors.
pub(crate) struct Quadratic {
    pub(crate) scale: Vec<f64>,
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
