//! theta and the relative covariance factors lambda, in the user's columns and in the conditioned ones.
//!
//! theta holds, term after term, the lower triangle of lambda column by column. The user's factor
//! of a term with `Z_user = Z R` is `lambda_user`, and `lambda` is the lower factor of
//! `R lambda_user`: both give the same covariance of Zb.

use crate::small::{lower_factor, multiply};
use crate::term::{Factor, Term};

/// What an entry of theta stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// Index of the term.
    pub term: usize,
    /// Row of lambda.
    pub row: usize,
    /// Column of lambda.
    pub column: usize,
}

/// The entries of theta, in order.
pub fn parameters(terms: &[Term]) -> Vec<Parameter> {
    let mut list = Vec::new();
    for (term, t) in terms.iter().enumerate() {
        for column in 0..t.p {
            list.extend((column..t.p).map(|row| Parameter { term, row, column }));
        }
    }
    list
}

/// lambda of each term (p x p, column-major) from theta.
pub fn from_theta(terms: &[Term], theta: &[f64]) -> Vec<Vec<f64>> {
    let mut lambdas: Vec<Vec<f64>> = terms.iter().map(|t| vec![0.0; t.p * t.p]).collect();
    for (k, t) in parameters(terms).iter().zip(theta) {
        lambdas[k.term][k.row + k.column * terms[k.term].p] = *t;
    }
    lambdas
}

/// theta from the lower triangles of lambda.
pub fn to_theta(terms: &[Term], lambdas: &[Vec<f64>]) -> Vec<f64> {
    parameters(terms)
        .iter()
        .map(|k| lambdas[k.term][k.row + k.column * terms[k.term].p])
        .collect()
}

/// Conditioned theta from the user's.
pub fn condition(terms: &[Term], theta: &[f64]) -> Vec<f64> {
    transform(terms, theta, |t| &t.r)
}

/// The user's theta from the conditioned one, with non-negative diagonals.
pub fn uncondition(terms: &[Term], theta: &[f64]) -> Vec<f64> {
    transform(terms, theta, |t| &t.r_inverse)
}

fn transform(terms: &[Term], theta: &[f64], by: impl Fn(&Term) -> &[f64]) -> Vec<f64> {
    let lambdas: Vec<Vec<f64>> = terms
        .iter()
        .zip(from_theta(terms, theta))
        .map(|(t, l)| {
            clean(
                lower_factor(&multiply(by(t), &l, t.p, t.p, t.p), t.p, t.p),
                t.p,
            )
        })
        .collect();
    to_theta(terms, &lambdas)
}

/// Entries that are rounding beside their row become zeros, so that a singular lambda stays one.
fn clean(mut l: Vec<f64>, p: usize) -> Vec<f64> {
    for i in 0..p {
        let row: f64 = (0..=i).map(|j| l[i + j * p].abs()).fold(0.0, f64::max);
        for j in 0..=i {
            if l[i + j * p].abs() <= 1e-14 * row {
                l[i + j * p] = 0.0;
            }
        }
    }
    l
}

/// Fill lambda of each factor's nodes (size x size, block diagonal over the factor's terms) from
/// theta; entries outside of the terms' lower triangles are left alone.
pub fn fill_node_lambdas(
    factors: &[Factor],
    terms: &[Term],
    theta: &[f64],
    lambdas: &mut [Vec<f64>],
) {
    let mut theta = theta.iter();
    for t in terms {
        let (size, lambda) = (factors[t.factor].size, &mut lambdas[t.factor]);
        for b in t.offset..t.offset + t.p {
            for a in b..t.offset + t.p {
                lambda[a + b * size] = theta.next().copied().unwrap_or(0.0);
            }
        }
    }
}
