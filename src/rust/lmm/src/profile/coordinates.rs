//! The coordinates in which a curve of the profile is computed.
//!
//! Along a curve one parameter of the user's scale is held at a value and the criterion is minimised
//! over the others. The constraint is met by construction: the covariance of a term, in units of the
//! scaled response, is
//!
//! ```text
//! Sigma = K M M' K',   M lower triangular,   q' K = e_1' (and r' K = e_2')
//! ```
//!
//! with q (and r) the rows of `R^-1` that belong to the user's columns in question. So the first row
//! of M is the standard deviation of that column, and with `M_21 = s sin(w)`, `M_22 = s cos(w)` the
//! correlation of the two is sin(w). The rest of K is orthonormal and orthogonal to them: whatever
//! the scale and origin of the user's columns, the other coordinates are those of the conditioned
//! ones. The criterion is even in the sign of each column of M, and in the roots of which the
//! standard deviations beside a correlation are the squares: no bounds are needed.

use crate::lambda::from_theta;
use crate::model::Model;
use crate::small::{axpy, dot, lower_factor, multiply, norm};

/// The parameter that a curve belongs to, on the user's scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Focus {
    /// Standard deviation of the effects of one column of a term.
    Deviation {
        /// Index of the term.
        term: usize,
        /// Column of the term.
        column: usize,
    },
    /// Correlation of the effects of two columns of a term.
    Correlation {
        /// Index of the term.
        term: usize,
        /// The two columns.
        columns: [usize; 2],
    },
    /// Their covariance.
    Covariance {
        /// Index of the term.
        term: usize,
        /// The two columns.
        columns: [usize; 2],
    },
    /// Residual standard deviation.
    Sigma,
    /// A fixed effect, counted over the columns that are kept.
    Fixed(usize),
}

/// Sigma is as good as zero at this part of its estimate (on the logarithmic scale).
const SIGMA_VANISHES: f64 = 9.2;
/// Or at this part of the response's scale.
const SIGMA_ZERO: f64 = -18.4;

/// How the first rows of a term's factor M depend on the coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    /// Every entry is a coordinate.
    Linear,
    /// `M_11 = x_a^2`, `(M_21, M_22) = x_b^2 (sin w, cos w)`.
    Angle { roots: [usize; 2] },
    /// `M_11 = exp(x_l)`, `M_21 = w exp(-x_l)`.
    Hyperbola { log: usize },
}

/// An entry of M, by its position in the p x p matrix, and a number.
type Entry = (usize, f64);

/// One term's factor as a function of the coordinates.
#[derive(Debug, Clone)]
pub struct TermFrame {
    /// Number of columns.
    pub p: usize,
    /// `K` (p x p).
    pub k: Vec<f64>,
    k_inverse: Vec<f64>,
    shape: Shape,
    /// Coordinates that are entries of M: their index and position.
    linear: Vec<(usize, usize)>,
    /// What the data can see of each row of M, squared, relative to sigma.
    unit: Vec<f64>,
}

/// The coordinates of one curve: the focus first, then the free ones.
#[derive(Debug, Clone)]
pub struct Frame {
    /// What is held fixed.
    pub focus: Focus,
    /// Factors, term by term.
    pub terms: Vec<TermFrame>,
    /// Number of coordinates.
    pub len: usize,
    /// Which of them is log sigma (of the scaled response).
    pub log_sigma: usize,
    /// For a fixed effect, what gives it from the effects of the conditioned columns.
    pub contrast: Option<Vec<f64>>,
}

impl Frame {
    /// The coordinates for a focus. `units` as of [`crate::start::start`].
    pub fn new(model: &Model, units: &[Vec<f64>], focus: Focus) -> Frame {
        let mut next = 1;
        let terms = model
            .terms
            .iter()
            .enumerate()
            .map(|(i, t)| TermFrame::new(focus, i, (&t.r_inverse, &units[i]), &mut next))
            .collect();
        let log_sigma = if focus == Focus::Sigma { 0 } else { next };
        Frame {
            focus,
            terms,
            len: next + usize::from(log_sigma > 0),
            log_sigma,
            contrast: match focus {
                Focus::Fixed(j) => Some(contrast(&model.fixed.r, model.p, j)),
                _ => None,
            },
        }
    }

    /// The coordinates of a conditioned theta with residual standard deviation `exp(log_sigma)` and
    /// fixed effects `beta` of the conditioned columns.
    pub fn locate(&self, model: &Model, theta: &[f64], log_sigma: f64, beta: &[f64]) -> Vec<f64> {
        let mut x = vec![0.0; self.len];
        x[self.log_sigma] = log_sigma;
        let lambdas = from_theta(&model.terms, theta);
        for (t, lambda) in self.terms.iter().zip(&lambdas) {
            let p = t.p;
            let absolute: Vec<f64> = lambda.iter().map(|v| v * log_sigma.exp()).collect();
            let factor = lower_factor(&multiply(&t.k_inverse, &absolute, p, p, p), p, p);
            t.locate(&factor, log_sigma, &mut x);
        }
        if let Some(a) = &self.contrast {
            x[0] = dot(a, beta);
        }
        x
    }

    /// Conditioned theta at x.
    pub fn theta(&self, model: &Model, x: &[f64]) -> Vec<f64> {
        let relative = (-x[self.log_sigma]).exp();
        let lambdas: Vec<Vec<f64>> = self
            .terms
            .iter()
            .map(|t| {
                let l: Vec<f64> = t.factor(x).iter().map(|v| v * relative).collect();
                lower_factor(&l, t.p, t.p)
            })
            .collect();
        crate::lambda::to_theta(&model.terms, &lambdas)
    }

    /// Natural unit of each coordinate at x: a step of one changes a standard deviation by about
    /// itself, or by what the data can see.
    pub fn scale(&self, x: &[f64]) -> Vec<f64> {
        let mut scale = vec![0.5; self.len];
        let variance = (2.0 * x[self.log_sigma]).exp();
        for t in &self.terms {
            t.scale(x, variance, &mut scale);
        }
        scale
    }

    /// Smallest and largest value of the focus, whose estimate is `center`.
    pub fn bounds(&self, center: f64) -> (f64, f64) {
        match self.focus {
            Focus::Sigma => {
                let zero = (center - SIGMA_VANISHES).max(SIGMA_ZERO).min(center);
                (zero, f64::INFINITY)
            }
            Focus::Deviation { .. } => (0.0, f64::INFINITY),
            Focus::Correlation { .. } => {
                let right = std::f64::consts::FRAC_PI_2;
                (-right, right)
            }
            _ => (f64::NEG_INFINITY, f64::INFINITY),
        }
    }

    /// A value of the focus in the user's units, and the size there of one unit.
    pub fn in_user_units(&self, model: &Model, w: f64) -> (f64, f64) {
        let y = model.fixed.y_scale;
        match self.focus {
            Focus::Deviation { .. } => (w * y, y),
            Focus::Correlation { .. } => (w, 1.0),
            Focus::Covariance { .. } => (w * y * y, y * y),
            Focus::Sigma => (w + y.ln(), 1.0),
            Focus::Fixed(j) => (model.fixed.beta0[j] + w * y, y),
        }
    }

    /// Set the focus to w, which is a correlation whose first or second standard deviation is zero,
    /// and leave the covariance as it is.
    pub fn turn(&self, x: &mut [f64], w: f64) {
        let turn = w - x[0];
        x[0] = w;
        for t in &self.terms {
            t.turn(x, turn);
        }
    }

    /// For a correlation, the coordinates whose squares are its two standard deviations.
    pub fn roots(&self) -> Option<[usize; 2]> {
        self.terms.iter().find_map(|t| match t.shape {
            Shape::Angle { roots } => Some(roots),
            _ => None,
        })
    }
}

impl TermFrame {
    fn new(focus: Focus, i: usize, (r_inverse, unit): (&[f64], &[f64]), next: &mut usize) -> Self {
        let p = unit.len();
        let columns: &[usize] = match &focus {
            Focus::Deviation { term, column } if *term == i => std::slice::from_ref(column),
            Focus::Correlation { term, columns } | Focus::Covariance { term, columns }
                if *term == i =>
            {
                columns
            }
            _ => &[],
        };
        let rows: Vec<Vec<f64>> = columns
            .iter()
            .map(|&a| (0..p).map(|b| r_inverse[a + b * p]).collect())
            .collect();
        let (k, k_inverse) = basis(&rows, p);
        let mean = unit.iter().sum::<f64>() / p as f64;
        let visible = |a: usize| rows.get(a).map_or(mean, |q| mean * dot(q, q));
        let mut take = || {
            *next += 1;
            *next - 1
        };
        let (shape, taken) = match (focus, columns.len()) {
            (Focus::Correlation { .. }, 2) => (
                Shape::Angle {
                    roots: [take(), take()],
                },
                vec![0, 1, 1 + p],
            ),
            (Focus::Covariance { .. }, 2) => (Shape::Hyperbola { log: take() }, vec![0, 1]),
            _ => (Shape::Linear, Vec::new()),
        };
        let mut linear = Vec::new();
        for b in 0..p {
            for a in b..p {
                let at = a + b * p;
                if at == 0 && columns.len() == 1 {
                    linear.push((0, 0));
                } else if !taken.contains(&at) {
                    linear.push((take(), at));
                }
            }
        }
        TermFrame {
            p,
            k,
            k_inverse,
            shape,
            linear,
            unit: (0..p).map(visible).collect(),
        }
    }

    /// `L = K M` at x: the covariance is `L L'`.
    pub fn factor(&self, x: &[f64]) -> Vec<f64> {
        multiply(&self.k, &self.m(x), self.p, self.p, self.p)
    }

    fn m(&self, x: &[f64]) -> Vec<f64> {
        let mut m = vec![0.0; self.p * self.p];
        for &(t, at) in &self.linear {
            m[at] = x[t];
        }
        match self.shape {
            Shape::Linear => {}
            Shape::Angle { roots: [a, b] } => {
                let s = x[b] * x[b];
                m[0] = x[a] * x[a];
                m[1] = s * x[0].sin();
                m[1 + self.p] = s * x[0].cos();
            }
            Shape::Hyperbola { log } => {
                m[0] = x[log].exp();
                m[1] = x[0] / m[0];
            }
        }
        m
    }

    /// Derivatives of L by the coordinates that it depends on.
    pub fn first(&self, x: &[f64]) -> Vec<(usize, Vec<f64>)> {
        let linear = self.linear.iter().map(|&(t, at)| (t, vec![(at, 1.0)]));
        linear
            .chain(self.shape_first(x))
            .map(|(t, entries)| (t, self.spread(&entries)))
            .collect()
    }

    /// Second derivatives of L that are not zero, for pairs in one order.
    pub fn second(&self, x: &[f64]) -> Vec<(usize, usize, Vec<f64>)> {
        self.shape_second(x)
            .into_iter()
            .map(|(s, t, entries)| (s, t, self.spread(&entries)))
            .collect()
    }

    /// `K` times the matrix with the given entries.
    fn spread(&self, entries: &[Entry]) -> Vec<f64> {
        let p = self.p;
        let mut l = vec![0.0; p * p];
        for &(at, v) in entries {
            let (row, column) = (at % p, at / p);
            let k = &self.k[row * p..(row + 1) * p];
            axpy(v, k, &mut l[column * p..(column + 1) * p]);
        }
        l
    }

    fn shape_first(&self, x: &[f64]) -> Vec<(usize, Vec<Entry>)> {
        let p = self.p;
        match self.shape {
            Shape::Linear => Vec::new(),
            Shape::Angle { roots: [a, b] } => {
                let (sin, cos) = x[0].sin_cos();
                let (s, two) = (x[b] * x[b], 2.0 * x[b]);
                vec![
                    (0, vec![(1, s * cos), (1 + p, -s * sin)]),
                    (a, vec![(0, 2.0 * x[a])]),
                    (b, vec![(1, two * sin), (1 + p, two * cos)]),
                ]
            }
            Shape::Hyperbola { log } => {
                let e = x[log].exp();
                vec![(0, vec![(1, 1.0 / e)]), (log, vec![(0, e), (1, -x[0] / e)])]
            }
        }
    }

    fn shape_second(&self, x: &[f64]) -> Vec<(usize, usize, Vec<Entry>)> {
        let p = self.p;
        match self.shape {
            Shape::Linear => Vec::new(),
            Shape::Angle { roots: [a, b] } => {
                let (sin, cos) = x[0].sin_cos();
                let (s, two) = (x[b] * x[b], 2.0 * x[b]);
                vec![
                    (0, 0, vec![(1, -s * sin), (1 + p, -s * cos)]),
                    (0, b, vec![(1, two * cos), (1 + p, -two * sin)]),
                    (a, a, vec![(0, 2.0)]),
                    (b, b, vec![(1, 2.0 * sin), (1 + p, 2.0 * cos)]),
                ]
            }
            Shape::Hyperbola { log } => {
                let e = x[log].exp();
                vec![
                    (0, log, vec![(1, -1.0 / e)]),
                    (log, log, vec![(0, e), (1, x[0] / e)]),
                ]
            }
        }
    }

    /// Coordinates of the factor M.
    fn locate(&self, m: &[f64], log_sigma: f64, x: &mut [f64]) {
        for &(t, at) in &self.linear {
            x[t] = m[at];
        }
        match self.shape {
            Shape::Linear => {}
            Shape::Angle { roots: [a, b] } => {
                let (sin, cos) = (m[1], m[1 + self.p]);
                x[0] = sin.atan2(cos);
                x[a] = m[0].sqrt();
                x[b] = sin.hypot(cos).sqrt();
            }
            Shape::Hyperbola { log } => {
                // A covariance needs two variances: the logarithm cannot start at zero.
                let least = 0.01 * self.unit[0].sqrt() * log_sigma.exp();
                x[log] = m[0].max(least).ln();
                x[0] = m[0] * m[1];
            }
        }
    }

    /// Rotate the first two columns of M below its second row, if the first is zero.
    fn turn(&self, x: &mut [f64], turn: f64) {
        let Shape::Angle { roots: [a, _] } = self.shape else {
            return;
        };
        if x[a] != 0.0 {
            return;
        }
        let (sin, cos) = turn.sin_cos();
        let index = |at: usize| self.linear.iter().find(|l| l.1 == at).map(|l| l.0);
        for row in 2..self.p {
            if let (Some(u), Some(v)) = (index(row), index(row + self.p)) {
                (x[u], x[v]) = (x[u] * cos + x[v] * sin, x[v] * cos - x[u] * sin);
            }
        }
    }

    fn scale(&self, x: &[f64], variance: f64, scale: &mut [f64]) {
        let (p, m) = (self.p, self.m(x));
        let row = |a: usize| (0..=a).map(|b| m[a + b * p] * m[a + b * p]).sum::<f64>();
        let visible = |a: usize| (row(a) + self.unit[a] * variance).sqrt();
        for &(t, at) in &self.linear {
            scale[t] = visible(at % p);
        }
        if let Shape::Angle { roots } = self.shape {
            for (a, t) in roots.into_iter().enumerate() {
                scale[t] = 0.5 * visible(a).sqrt();
            }
        }
    }
}

/// `a` with `a'beta_conditioned = beta_j` on the scaled response: row j of `R^-1`.
fn contrast(r: &[f64], p: usize, j: usize) -> Vec<f64> {
    let inverse = crate::small::invert_upper(r, p);
    (0..p).map(|k| inverse[j + k * p]).collect()
}

/// K whose first columns are dual to `rows` (at most two, independent), the others orthonormal and
/// orthogonal to them; and its inverse.
fn basis(rows: &[Vec<f64>], p: usize) -> (Vec<f64>, Vec<f64>) {
    let mut orthonormal: Vec<Vec<f64>> = Vec::new();
    for q in rows {
        let length = norm(q);
        orthonormal.extend(next_direction(&orthonormal, &scaled(q, 1.0 / length)));
    }
    while orthonormal.len() < p {
        let unit = |a: usize| (0..p).map(|b| f64::from(u8::from(a == b))).collect();
        let units: Vec<Vec<f64>> = (0..p).map(unit).collect();
        let rest = units.iter().map(|u| left_over(&orthonormal, u));
        let longest = rest.max_by(|a, b| norm(a).total_cmp(&norm(b)));
        let longest = longest.unwrap_or_default();
        orthonormal.extend(next_direction(&orthonormal, &longest));
    }
    let mut k_inverse = vec![0.0; p * p];
    let given = rows.iter().chain(&orthonormal[rows.len()..]);
    for (a, q) in given.enumerate() {
        for b in 0..p {
            k_inverse[a + b * p] = q[b];
        }
    }
    let mut k = vec![0.0; p * p];
    for (to, q) in k.chunks_exact_mut(p).zip(dual(rows)) {
        to.copy_from_slice(&q);
    }
    for (to, q) in k.chunks_exact_mut(p).zip(&orthonormal).skip(rows.len()) {
        to.copy_from_slice(q);
    }
    (k, k_inverse)
}

/// Vectors in the span of one or two rows whose products with the rows are zero and one.
fn dual(rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    match rows {
        [q] => vec![scaled(q, 1.0 / dot(q, q))],
        [q, r] => {
            // Orthogonal to the other one first: no difference of large numbers.
            let without = |q: &[f64], r: &[f64]| left_over(&[scaled(r, 1.0 / norm(r))], q);
            let (a, b) = (without(q, r), without(r, q));
            vec![scaled(&a, 1.0 / dot(&a, q)), scaled(&b, 1.0 / dot(&b, r))]
        }
        _ => Vec::new(),
    }
}

fn scaled(q: &[f64], by: f64) -> Vec<f64> {
    q.iter().map(|v| v * by).collect()
}

/// `v` without its parts along orthonormal vectors.
fn left_over(orthonormal: &[Vec<f64>], v: &[f64]) -> Vec<f64> {
    let mut v = v.to_vec();
    for _ in 0..2 {
        for q in orthonormal {
            axpy(-dot(q, &v), q, &mut v);
        }
    }
    v
}

fn next_direction(orthonormal: &[Vec<f64>], v: &[f64]) -> Option<Vec<f64>> {
    let rest = left_over(orthonormal, v);
    let length = norm(&rest);
    (length > 0.0).then(|| scaled(&rest, 1.0 / length))
}
