//! The trace T of the second derivatives from the inverse of the trailing block at hand.
//!
//! [`crate::trace`] forms N, where that is cheap. Here N is passed over block by block, which serves
//! larger models, as long as the trailing block is dense. What is dearer than differences of the
//! gradient is left to these.

use rayon::prelude::*;

use crate::curvature::Curvature;
use crate::dense;
use crate::derivatives::{usable_inverse, Derivatives};
use crate::error::LmmError;
use crate::evaluation::Work;
use crate::leading_trace;
use crate::model::Model;
use crate::pls::Pls;
use crate::progress::Progress;
use crate::small::{axpy, multiply_into, multiply_transpose};
use crate::trace::{add_products, contract};
use crate::trailing::Storage;

/// T of the trailing factors among themselves, where it costs less than a factorisation: with dense
/// storage and `C^-1` at hand, `N_uv = [u = v] Sigma^-1 - Sigma^-1 P_uv Sigma^-1 - J_u J_v'`. And of
/// the leading factor with all, where that costs less than differences.
pub(crate) struct KnownTrace {
    k: usize,
    /// The parameters that it is about.
    parameters: Vec<usize>,
    /// `T_st` of these.
    trace: Vec<f64>,
}

impl KnownTrace {
    /// What is known at the point of `work`.
    pub(crate) fn new(
        model: &Model,
        work: &mut Work,
        curvature: &Curvature,
        progress: &Progress,
    ) -> Result<KnownTrace, LmmError> {
        let mut found = KnownTrace {
            k: curvature.k,
            parameters: Vec::new(),
            trace: vec![0.0; curvature.k * curvature.k],
        };
        if !matches!(model.trailing.storage, Storage::Dense) || model.trailing.m == 0 {
            return Ok(found);
        }
        let Some(inverses) = inverses(model, &work.pls) else {
            return Ok(found);
        };
        let scalar = |(f, _): &(usize, Vec<f64>)| model.factors[*f].size == 1;
        let (pls, d) = (&work.pls, &work.derivatives);
        let mut products = if inverses.iter().all(scalar) {
            NodeProducts::of_scalars(model, pls, d, &inverses)
        } else {
            NodeProducts::of_nodes(model, pls, d, &inverses)
        };
        let leads = |t: &usize| factor_of(model, curvature, *t) == model.layout.leading;
        let (leading, trailing) = (0..curvature.k).partition(leads);
        let leading: Vec<usize> = leading;
        found.parameters = trailing;
        if is_worth_it(model, leading.len()) {
            dense::fill_upper(&mut work.pls.trailing.values, model.trailing.m);
            let (pls, d) = (&work.pls, &work.derivatives);
            products.extend(leading_trace::products(model, pls, d, &inverses, progress)?);
            found.parameters.extend(leading);
        }
        products.iter().for_each(|p| found.add(model, curvature, p));
        Ok(found)
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
                let (sizes, at) = (products.sizes, |t: usize| curvature.padded(model, t));
                let v = contract(&products.sums, &at(s), &at(t), sizes.0, sizes.1);
                self.trace[s + t * self.k] = v;
                self.trace[t + s * self.k] = v;
            }
        }
    }

    /// The parameters that it says nothing about.
    pub(crate) fn others(&self) -> Vec<usize> {
        let known = |t: &usize| self.parameters.contains(t);
        (0..self.k).filter(|t| !known(t)).collect()
    }

    pub(crate) fn take_from(&self, mut hessian: Vec<f64>) -> Vec<f64> {
        axpy(-1.0, &self.trace, &mut hessian);
        hessian
    }
}

/// Whether T of the leading factor costs less than two evaluations for each of its parameters, each
/// of three times the work of a value.
fn is_worth_it(model: &Model, parameters: usize) -> bool {
    let differences = 6.0 * parameters as f64 * model.work_per_evaluation();
    leading_trace::work(model).is_some_and(|work| work < differences)
}

/// `Sigma^-1` of the trailing factors, if all of them can be divided by.
fn inverses(model: &Model, pls: &Pls) -> Option<Vec<(usize, Vec<f64>)>> {
    let trailing = model.layout.trailing.iter();
    trailing
        .map(|&f| Some((f, inverse_sigma(&usable_inverse(model, pls, f)?, model, f))))
        .collect()
}

fn factor_of(model: &Model, curvature: &Curvature, t: usize) -> usize {
    model.terms[curvature.parameters[t].term].factor
}

/// `Sigma^-1` from `lambda^-1`.
fn inverse_sigma(inverse: &[f64], model: &Model, f: usize) -> Vec<f64> {
    let size = model.factors[f].size;
    multiply_transpose(inverse, inverse, size, size, size)
}

/// J of the trailing factors in the order of their positions (m x p).
pub(crate) fn trailing_j(model: &Model, d: &Derivatives) -> Vec<f64> {
    let (m, p) = (model.trailing.m, model.p);
    let mut j = vec![0.0; m * p];
    for &f in &model.layout.trailing {
        let size = model.factors[f].size;
        let levels = d.j[f].chunks_exact((size * p).max(1));
        for (level, &start) in levels.zip(&model.layout.start[f]) {
            for (k, column) in level.chunks_exact(size).enumerate() {
                let at = k * m + start as usize;
                j[at..at + size].copy_from_slice(column);
            }
        }
    }
    j
}

/// The sums over the nodes of two factors of all products of two entries of their block of N.
pub(crate) struct NodeProducts {
    pub(crate) factors: (usize, usize),
    pub(crate) sizes: (usize, usize),
    pub(crate) sums: Vec<f64>,
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
        let j = if p == 0 {
            Vec::new()
        } else {
            trailing_j(model, d)
        };
        for (i, (f, inverse)) in inverses.iter().enumerate() {
            for &start in &model.layout.start[*f] {
                of[start as usize] = i;
                scale[start as usize] = inverse[0];
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
        let sums = sum_of(model, m, count * count, job);
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
                add_products(n, 1.0, &mut sums);
            }
            sums
        };
        NodeProducts {
            factors: (f, g),
            sizes,
            sums: sum_of(model, model.factors[f].levels, width * width, job),
        }
    }
}

/// The sum of what `job` gives (each of length `len`) for 0, 1, ... `count` - 1, in that order.
fn sum_of(
    model: &Model,
    count: usize,
    len: usize,
    job: impl Fn(usize) -> Vec<f64> + Send + Sync,
) -> Vec<f64> {
    let parts: Vec<Vec<f64>> = match &model.pool {
        Some(pool) => pool.install(|| (0..count).into_par_iter().map(job).collect()),
        None => (0..count).map(job).collect(),
    };
    let mut sums = vec![0.0; len];
    parts.iter().for_each(|part| axpy(1.0, part, &mut sums));
    sums
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
