//! The pieces of Satterthwaite's approximation.
//!
//! A contrast `l'beta` has the estimated variance `v = sigma^2 l'(X'V0^-1 X)^-1 l`, a function of
//! theta and sigma, and its degrees of freedom are `2 v^2 / var(v)` (Satterthwaite 1946, Biometrics
//! Bulletin 2, 110-114; Giesbrecht and Burns 1985, Biometrics 41, 477-486), with the variance of v
//! by the delta method from the inverse of the observed information of theta and sigma. With sigma
//! profiled out (`sigma^2 = r^2/d`) and H the Hessian of the profiled criterion, that is
//!
//! ```text
//! 1 / df = 1/d + w'H^-1 w,     w_t = d log v(theta) / d theta_t = q'K_t q / q'q - c_t / d
//! q = R_X^-T l,    K_t = J'S_t J,    -c_t/d = d log r^2 / d theta_t
//! ```
//!
//! (the Schur complement of sigma in the information of both). K_t is a sum over levels.
//! Everything is in the conditioned columns; df does not depend on them.

use rayon::prelude::*;

use crate::curvature::{Coordinates, Curvature};
use crate::derivatives::{usable_inverse, Derivatives};
use crate::error::LmmError;
use crate::evaluation::{evaluate, Work};
use crate::lambda::condition;
use crate::model::Model;
use crate::pls::Pls;
use crate::progress::Progress;
use crate::quadratic::scale;
use crate::small::{axpy, dot, eigen, multiply_into, multiply_transpose};
use crate::start::start;
use crate::trace::{contract, is_cheap, trace};
use crate::trailing::Storage;

/// Step of the differences, relative to the natural unit of a parameter.
const STEP: f64 = 1e-4;
/// Operations that differences of the gradient may take beyond those of a fit, by default.
pub(crate) const OPERATIONS: f64 = 1e11;
/// Evaluations that a fit takes, about.
const OF_A_FIT: f64 = 12.0;

/// An eigenvalue of the Hessian, on unit diagonal, that counts as zero.
const FLAT: f64 = 1e-7;
/// The part of a gradient in such directions that may be left out.
const NEGLIGIBLE: f64 = 1e-4;

/// The pieces of the approximation.
pub struct Satterthwaite {
    /// H (k x k).
    pub hessian: Vec<f64>,
    /// How H was found: "exact", "differences" (in part from those of the exact gradient) or "average
    /// information".
    pub source: &'static str,
    /// `d log r^2 / d theta` (k).
    pub slope: Vec<f64>,
    /// `K_t` (k matrices of p x p).
    pub k: Vec<f64>,
}

/// The pieces at the user's theta. Differences of the gradient are taken where they need no more
/// evaluations than a fit, or no more than `operations`.
///
/// # Errors
/// [`LmmError`] when the criterion cannot be evaluated there.
pub fn satterthwaite(
    model: &Model,
    theta: &[f64],
    operations: f64,
    progress: &Progress,
) -> Result<Satterthwaite, LmmError> {
    let mut work = Work::new(model)?;
    let theta = condition(&model.terms, theta);
    model.run(|| evaluate(model, &mut work, &theta, progress))?;
    pieces(model, &mut work, (&theta, operations), progress)
}

/// The pieces at the conditioned theta that `work` is at.
pub(crate) fn pieces(
    model: &Model,
    work: &mut Work,
    (theta, operations): (&[f64], f64),
    progress: &Progress,
) -> Result<Satterthwaite, LmmError> {
    let (pls, d) = (&work.pls, &work.derivatives);
    let curvature = Curvature::new(model, pls, d, theta, Coordinates::Conditioned);
    let k = fixed_products(model, d, &curvature);
    let slope = curvature
        .c
        .iter()
        .map(|c| -c / model.denominator())
        .collect();
    let known = TrailingTrace::new(model, pls, d, &curvature);
    let differences = known.others();
    let (hessian, source) = if is_cheap(model) || model.trailing.m == 0 {
        let trace = model.run(|| trace(model, pls, d, &curvature));
        (curvature.exact(&trace), "exact")
    } else if are_cheap(model, &differences, operations) {
        let mut hessian = known.take_from(curvature.combine(2.0));
        let units = scale(model, &start(model).1, theta);
        let job = || by_differences(model, work, &units, &differences, &mut hessian, progress);
        model.run(job)?;
        (hessian, "differences")
    } else {
        (curvature.average_information(), "average information")
    };
    Ok(Satterthwaite {
        hessian,
        source,
        slope,
        k,
    })
}

/// Two evaluations for each parameter, each of about three times the work of a value.
fn are_cheap(model: &Model, differences: &[usize], operations: f64) -> bool {
    let evaluations = 2.0 * differences.len() as f64;
    let work = 3.0 * evaluations * model.work_per_evaluation();
    evaluations <= OF_A_FIT || work <= operations
}

/// The rows and columns of H that belong to `parameters`, from central differences of the exact
/// gradient. Leaves `work` elsewhere.
fn by_differences(
    model: &Model,
    work: &mut Work,
    units: &[f64],
    parameters: &[usize],
    hessian: &mut [f64],
    progress: &Progress,
) -> Result<(), LmmError> {
    let at = work.pls.theta.clone();
    let k = at.len();
    let mut columns = vec![0.0; k * parameters.len()];
    for (&t, column) in parameters.iter().zip(columns.chunks_exact_mut(k)) {
        let step = STEP * units[t];
        for sign in [1.0, -1.0] {
            let mut theta = at.clone();
            theta[t] += sign * step;
            work.pls.update(model, &theta, progress)?;
            work.derivatives.update(model, &mut work.pls, progress)?;
            axpy(sign / (2.0 * step), &work.derivatives.gradient, column);
        }
    }
    for (i, &t) in parameters.iter().enumerate() {
        for s in 0..k {
            let mut v = columns[s + i * k];
            if let Some(j) = parameters.iter().position(|&other| other == s) {
                v = 0.5 * (v + columns[t + j * k]);
            }
            hessian[s + t * k] = v;
            hessian[t + s * k] = v;
        }
    }
    Ok(())
}

/// T of the trailing factors among themselves, where it costs less than a factorisation: with dense
/// storage and `C^-1` at hand, `N_uv = [u = v] Sigma^-1 - Sigma^-1 P_uv Sigma^-1 - J_u J_v'`.
struct TrailingTrace {
    k: usize,
    /// The parameters that it is about.
    parameters: Vec<usize>,
    /// `T_st` of these.
    trace: Vec<f64>,
}

impl TrailingTrace {
    fn new(model: &Model, pls: &Pls, d: &Derivatives, curvature: &Curvature) -> TrailingTrace {
        let mut found = TrailingTrace {
            k: curvature.k,
            parameters: Vec::new(),
            trace: vec![0.0; curvature.k * curvature.k],
        };
        if !matches!(model.trailing.storage, Storage::Dense) || model.trailing.m == 0 {
            return found;
        }
        let inverses: Option<Vec<(usize, Vec<f64>)>> = model
            .layout
            .trailing
            .iter()
            .map(|&f| Some((f, inverse_sigma(&usable_inverse(model, pls, f)?, model, f))))
            .collect();
        let Some(inverses) = inverses else {
            return found;
        };
        let scalar = |(f, _): &(usize, Vec<f64>)| model.factors[*f].size == 1;
        let products = if inverses.iter().all(scalar) {
            NodeProducts::of_scalars(model, pls, d, &inverses)
        } else {
            NodeProducts::of_nodes(model, pls, d, &inverses)
        };
        products.iter().for_each(|p| found.add(model, curvature, p));
        found.parameters = (0..curvature.k)
            .filter(|&t| factor_of(model, curvature, t) != model.layout.leading)
            .collect();
        found
    }

    fn add(&mut self, model: &Model, curvature: &Curvature, products: &NodeProducts) {
        for s in 0..self.k {
            for t in 0..self.k {
                let factors = (
                    factor_of(model, curvature, s),
                    factor_of(model, curvature, t),
                );
                if factors != products.factors {
                    continue;
                }
                let (sizes, at) = (products.sizes, |t: usize| {
                    node_direction(model, curvature, t)
                });
                let v = contract(&products.sums, &at(s), &at(t), sizes.0, sizes.1);
                self.trace[s + t * self.k] = v;
                self.trace[t + s * self.k] = v;
            }
        }
    }

    /// The parameters that it says nothing about.
    fn others(&self) -> Vec<usize> {
        let known = |t: &usize| self.parameters.contains(t);
        (0..self.k).filter(|t| !known(t)).collect()
    }

    fn take_from(&self, mut hessian: Vec<f64>) -> Vec<f64> {
        axpy(-1.0, &self.trace, &mut hessian);
        hessian
    }
}

fn factor_of(model: &Model, curvature: &Curvature, t: usize) -> usize {
    model.terms[curvature.parameters[t].term].factor
}

/// `S_t` within the node of its factor.
fn node_direction(model: &Model, curvature: &Curvature, t: usize) -> Vec<f64> {
    let term = &model.terms[curvature.parameters[t].term];
    let size = model.factors[term.factor].size;
    let mut full = vec![0.0; size * size];
    for b in 0..term.p {
        for a in 0..term.p {
            full[term.offset + a + (term.offset + b) * size] =
                curvature.directions[t][a + b * term.p];
        }
    }
    full
}

/// `Sigma^-1` from `lambda^-1`.
fn inverse_sigma(inverse: &[f64], model: &Model, f: usize) -> Vec<f64> {
    let size = model.factors[f].size;
    multiply_transpose(inverse, inverse, size, size, size)
}

/// The sums over the nodes of two factors of all products of two entries of their block of N.
struct NodeProducts {
    factors: (usize, usize),
    sizes: (usize, usize),
    sums: Vec<f64>,
}

impl NodeProducts {
    /// All pairs of factors of one random effect per level: sums of squares of N's entries, column
    /// by column of its lower triangle.
    fn of_scalars(
        model: &Model,
        pls: &Pls,
        d: &Derivatives,
        inverses: &[(usize, Vec<f64>)],
    ) -> Vec<NodeProducts> {
        let (m, p) = (model.trailing.m, if model.reml { model.p } else { 0 });
        let (mut of, mut scale) = (vec![0; m], vec![0.0; m]);
        let mut j = vec![0.0; m * p];
        for (i, (f, inverse)) in inverses.iter().enumerate() {
            for (level, &start) in model.layout.start[*f].iter().enumerate() {
                let at = start as usize;
                of[at] = i;
                scale[at] = inverse[0];
                for k in 0..p {
                    j[at + k * m] = d.j[*f][level * model.p + k];
                }
            }
        }
        let count = inverses.len();
        let job = |c: usize| {
            let mut sums = vec![0.0; count * count];
            let below = &pls.trailing.values[c * m + c..(c + 1) * m];
            let mut n: Vec<f64> = below.iter().zip(&scale[c..]).map(|(v, s)| v * s).collect();
            n.iter_mut().for_each(|v| *v *= -scale[c]);
            n[0] += scale[c];
            for column in j.chunks_exact(m) {
                axpy(-column[c], &column[c..], &mut n);
            }
            for (r, v) in n.iter().enumerate() {
                let twice = if r == 0 { 1.0 } else { 2.0 };
                sums[of[c + r] + of[c] * count] += twice * v * v;
            }
            sums
        };
        let parts: Vec<Vec<f64>> = match &model.pool {
            Some(pool) => pool.install(|| (0..m).into_par_iter().map(job).collect()),
            None => (0..m).map(job).collect(),
        };
        let mut sums = vec![0.0; count * count];
        parts.iter().for_each(|part| axpy(1.0, part, &mut sums));
        let mut list = Vec::new();
        for a in 0..count {
            for b in 0..=a {
                // a pair of two factors was counted twice, in whichever order it stands
                let both = sums[a + b * count] + sums[b + a * count];
                list.push(NodeProducts {
                    factors: (inverses[a].0, inverses[b].0),
                    sizes: (1, 1),
                    sums: vec![if a == b {
                        sums[a + a * count]
                    } else {
                        0.5 * both
                    }],
                });
            }
        }
        list
    }

    fn of_nodes(
        model: &Model,
        pls: &Pls,
        d: &Derivatives,
        inverses: &[(usize, Vec<f64>)],
    ) -> Vec<NodeProducts> {
        let mut list = Vec::new();
        for (i, (f, left)) in inverses.iter().enumerate() {
            for (g, right) in &inverses[..=i] {
                list.push(NodeProducts::of_pair(
                    model,
                    pls,
                    d,
                    (*f, left),
                    (*g, right),
                ));
            }
        }
        list
    }

    fn of_pair(
        model: &Model,
        pls: &Pls,
        d: &Derivatives,
        (f, left): (usize, &[f64]),
        (g, right): (usize, &[f64]),
    ) -> NodeProducts {
        let sizes = (model.factors[f].size, model.factors[g].size);
        let width = sizes.0 * sizes.1;
        let job = |level: usize| {
            let mut sums = vec![0.0; width * width];
            let mut block = Block::new(model, (f, left), (g, right));
            for other in 0..model.factors[g].levels {
                let n = block.compute(model, pls, d, level, other);
                for (v, to) in n.iter().zip(sums.chunks_exact_mut(width)) {
                    axpy(*v, n, to);
                }
            }
            sums
        };
        let levels = 0..model.factors[f].levels;
        let parts: Vec<Vec<f64>> = match &model.pool {
            Some(pool) => pool.install(|| levels.into_par_iter().map(job).collect()),
            None => levels.map(job).collect(),
        };
        let mut sums = vec![0.0; width * width];
        parts.iter().for_each(|part| axpy(1.0, part, &mut sums));
        NodeProducts {
            factors: (f, g),
            sizes,
            sums,
        }
    }
}

/// One block of N, and the memory it is computed in.
struct Block<'a> {
    f: usize,
    g: usize,
    left: &'a [f64],
    right: &'a [f64],
    sizes: (usize, usize),
    p: Vec<f64>,
    half: Vec<f64>,
    n: Vec<f64>,
}

impl<'a> Block<'a> {
    fn new(model: &Model, (f, left): (usize, &'a [f64]), (g, right): (usize, &'a [f64])) -> Self {
        let sizes = (model.factors[f].size, model.factors[g].size);
        let zero = vec![0.0; sizes.0 * sizes.1];
        Block {
            f,
            g,
            left,
            right,
            sizes,
            p: zero.clone(),
            half: zero.clone(),
            n: zero,
        }
    }

    fn compute(
        &mut self,
        model: &Model,
        pls: &Pls,
        d: &Derivatives,
        level: usize,
        other: usize,
    ) -> &[f64] {
        let (m, (rows, columns)) = (model.trailing.m, self.sizes);
        let row = model.layout.start[self.f][level] as usize;
        let column = model.layout.start[self.g][other] as usize;
        for b in 0..columns {
            for a in 0..rows {
                let (low, high) = if row + a >= column + b {
                    (row + a, column + b)
                } else {
                    (column + b, row + a)
                };
                self.p[a + b * rows] = pls.trailing.values[low + high * m];
            }
        }
        multiply_into(self.left, &self.p, (rows, rows, columns), &mut self.half);
        let shape = (rows, columns, columns);
        multiply_into(&self.half, self.right, shape, &mut self.n);
        self.n.iter_mut().for_each(|v| *v = -*v);
        if row == column {
            axpy(1.0, self.left, &mut self.n);
        }
        if model.reml {
            let j = &d.j[self.f][level * rows * model.p..(level + 1) * rows * model.p];
            let k = &d.j[self.g][other * columns * model.p..(other + 1) * columns * model.p];
            for (j, k) in j.chunks_exact(rows).zip(k.chunks_exact(columns)) {
                for (v, to) in k.iter().zip(self.n.chunks_exact_mut(rows)) {
                    axpy(-*v, j, to);
                }
            }
        }
        &self.n
    }
}

/// `K_t = sum over levels of J_j'S_t J_j`.
fn fixed_products(model: &Model, d: &Derivatives, curvature: &Curvature) -> Vec<f64> {
    let (p, square) = (model.p, model.p * model.p);
    let mut out = vec![0.0; curvature.k * square];
    for (i, term) in model.terms.iter().enumerate() {
        let of_term = |t: &usize| curvature.parameters[*t].term == i;
        let list: Vec<usize> = (0..curvature.k).filter(of_term).collect();
        for b in 0..term.p {
            for a in b..term.p {
                let products = row_products(model, d, i, a, b);
                for &t in &list {
                    let weight = curvature.directions[t][a + b * term.p];
                    axpy(weight, &products, &mut out[t * square..(t + 1) * square]);
                }
            }
        }
    }
    debug_assert_eq!(out.len(), curvature.k * p * p);
    out
}

/// `sum over levels of J[a, ]'J[b, ]` of a term, and its transpose for a different from b.
fn row_products(model: &Model, d: &Derivatives, term: usize, a: usize, b: usize) -> Vec<f64> {
    let (p, t) = (model.p, &model.terms[term]);
    let size = model.factors[t.factor].size;
    let mut out = vec![0.0; p * p];
    let (mut left, mut right) = (vec![0.0; p], vec![0.0; p]);
    for level in d.j[t.factor].chunks_exact((size * p).max(1)) {
        for (k, column) in level.chunks_exact(size).enumerate() {
            left[k] = column[t.offset + a];
            right[k] = column[t.offset + b];
        }
        for (column, v) in out.chunks_exact_mut(p).zip(&right) {
            axpy(*v, &left, column);
        }
    }
    if a != b {
        let across = crate::small::transpose(&out, p, p);
        axpy(1.0, &across, &mut out);
    }
    out
}

impl Satterthwaite {
    /// Degrees of freedom of the contrast q, d being n or n - p; NaN where they depend on a direction
    /// in which the criterion is flat.
    pub fn degrees_of_freedom(&self, q: &[f64], d: f64) -> f64 {
        let k = self.slope.len();
        let unit = |t: usize| match self.hessian[t + t * k].abs().sqrt() {
            0.0 => 1.0,
            root => root,
        };
        let scaled: Vec<f64> = (0..k * k)
            .map(|i| self.hessian[i] / (unit(i % k) * unit(i / k)))
            .collect();
        let w: Vec<f64> = self
            .log_gradient(q)
            .iter()
            .enumerate()
            .map(|(t, w)| w / unit(t))
            .collect();
        let Some((values, vectors)) = eigen(&scaled, k) else {
            return f64::NAN;
        };
        let floor = FLAT * values[k - 1].max(FLAT);
        let (mut variance, mut lost) = (0.0, 0.0);
        for (value, vector) in values.iter().zip(vectors.chunks_exact(k)) {
            let part = dot(vector, &w).powi(2);
            if *value > floor {
                variance += part / value;
            } else {
                lost += part;
            }
        }
        if lost > NEGLIGIBLE * NEGLIGIBLE * dot(&w, &w).max(1e-12) {
            return f64::NAN;
        }
        1.0 / (1.0 / d + variance)
    }

    /// `q'K_t q / q'q - c_t / d` of a contrast, for each parameter.
    pub fn log_gradient(&self, q: &[f64]) -> Vec<f64> {
        let p = q.len();
        let length = dot(q, q);
        let matrices = self.k.chunks_exact((p * p).max(1));
        matrices
            .zip(&self.slope)
            .map(|(k, slope)| {
                let kq = crate::small::multiply(k, q, p, p, 1);
                dot(q, &kq) / length + slope
            })
            .collect()
    }
}
