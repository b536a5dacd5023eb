//! Estimates in the user's columns and units, from a solution in the conditioned ones.

use crate::derivatives::{fixed_effects, Derivatives};
use crate::lambda::from_theta;
use crate::model::Model;
use crate::pls::Pls;
use crate::small::{
    axpy, cholesky, dot, multiply, multiply_transpose, solve_lower, solve_lower_transpose,
    transpose,
};

/// Conditional covariance of the random effects given y, divided by sigma^2, in the conditioned
/// columns: of each factor size x size, level after level. Needs `Derivatives::update` before it.
pub fn conditional_covariance(model: &Model, pls: &Pls) -> Vec<Vec<f64>> {
    let mut out: Vec<Vec<f64>> = vec![Vec::new(); model.factors.len()];
    for &f in &model.layout.trailing {
        for &start in &model.layout.start[f] {
            out[f].extend(
                model
                    .trailing
                    .diagonal_block(&pls.trailing.values, start as usize),
            );
        }
    }
    let f = model.layout.leading;
    let size = model.factors[f].size;
    let lambda = &pls.lambda[f];
    for (k, (chunk, work)) in model.chunks.iter().zip(&pls.leading).enumerate() {
        let mut targets = model.trailing.targets(k).iter();
        let (mut q, mut t) = (vec![0.0; size * size], vec![0.0; size]);
        let mut buffer = Vec::new();
        for (level, at) in chunk.start.windows(2).enumerate() {
            let columns = &chunk.columns[at[0]..at[1]];
            let v = work.level(level, at, size, &mut buffer);
            let g = &work.g[level * size * size..(level + 1) * size * size];
            let p = &pls.trailing.values;
            model
                .trailing
                .quadratic(p, columns, (v, size), &mut targets, (&mut q, &mut t));
            let own = &chunk.r[level * size * size..(level + 1) * size * size];
            out[f].extend(conditional_block(own, g, &q, lambda, size));
        }
    }
    out
}

/// `lambda (I + lambda'A lambda)^-1 lambda' + Sigma G'(V P V')G Sigma` for one level.
fn conditional_block(lower: &[f64], g: &[f64], q: &[f64], lambda: &[f64], size: usize) -> Vec<f64> {
    let y = multiply_transpose(lower, lambda, size, size, size);
    let mut d = multiply_transpose(&y, &y, size, size, size);
    for a in 0..size {
        d[a + a * size] += 1.0;
    }
    cholesky(&mut d, size);
    let mut root = transpose(lambda, size, size);
    solve_lower(&d, size, &mut root, size);
    let mut block = multiply_transpose(&root, &root, size, size, size);
    let sigma = multiply(lambda, &transpose(lambda, size, size), size, size, size);
    let gs = multiply(g, &sigma, size, size, size);
    let qgs = multiply(q, &gs, size, size, size);
    axpy(
        1.0,
        &multiply_transpose(&gs, &qgs, size, size, size),
        &mut block,
    );
    block
}

/// The user's fixed effects and R_X.
pub fn user_fixed_effects(model: &Model, pls: &Pls) -> (Vec<f64>, Vec<f64>) {
    let (p, p1) = (model.p, model.p + 1);
    let mut beta = vec![0.0; p];
    fixed_effects(model, pls, &mut beta);
    let beta = user_beta(model, beta);
    let mut upper = vec![0.0; p * p];
    for c in 0..p {
        for a in 0..=c {
            upper[a + c * p] = pls.rx[c + a * p1];
        }
    }
    (beta, multiply(&upper, &model.fixed.r, p, p, p))
}

/// The user's fixed effects from those of the conditioned columns.
pub(crate) fn user_beta(model: &Model, mut beta: Vec<f64>) -> Vec<f64> {
    let p = model.p;
    beta.iter_mut().for_each(|b| *b *= model.fixed.y_scale);
    let transposed = transpose(&model.fixed.r, p, p);
    solve_lower_transpose(&transposed, p, &mut beta, 1);
    axpy(1.0, &model.fixed.beta0, &mut beta);
    beta
}

/// The user's spherical random effects u, term after term, level after level.
pub fn user_random_effects(model: &Model, d: &Derivatives, theta: &[f64]) -> Vec<f64> {
    let lambdas = from_theta(&model.terms, theta);
    let mut u = Vec::with_capacity(model.q());
    for (t, lambda) in model.terms.iter().zip(&lambdas) {
        let size = model.factors[t.factor].size;
        let back = multiply(&t.r, lambda, t.p, t.p, t.p);
        let own = d.z[t.factor].chunks_exact(size);
        for z in own.map(|level| &level[t.offset..t.offset + t.p]) {
            u.extend(back.chunks_exact(t.p).map(|column| dot(column, z)));
        }
    }
    u.iter_mut().for_each(|v| *v *= model.fixed.y_scale);
    u
}
