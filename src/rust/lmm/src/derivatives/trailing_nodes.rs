//! z, J and N_jj of the nodes of the trailing factors, by the inverse of lambda or without it.

use super::{solve_j, split, Derivatives};
use crate::error::LmmError;
use crate::model::Model;
use crate::pls::Pls;
use crate::progress::Progress;
use crate::small::{
    axpy, eigen, invert_lower, multiply_into, multiply_transpose, multiply_transpose_into,
};

/// Below this part of the information, `I - C^-1` has lost too many digits to be divided.
const SINGULAR: f64 = 1e-5;
/// Columns solved at once for a nearly singular trailing factor, about.
const BATCH: usize = 64;

impl Derivatives {
    /// `N_jj` of the trailing factors whose lambda cannot be inverted, and `B Lambda C^-1 Lambda'
    /// B_w` (m x p1) if there are any: while B is there.
    pub(super) fn singular_trailing(
        &mut self,
        model: &Model,
        pls: &Pls,
        progress: &Progress,
    ) -> Result<Option<Vec<f64>>, LmmError> {
        let mut product = None;
        for &f in &model.layout.trailing {
            if usable_inverse(model, pls, f).is_none() {
                solved_blocks(model, pls, f, progress, &mut self.n[f])?;
                let multiply = || {
                    let (b, p1) = (&pls.trailing.values, model.p + 1);
                    let mut product = vec![0.0; self.lu.len()];
                    model.trailing.multiply(b, &self.lu, p1, &mut product);
                    product
                };
                product.get_or_insert_with(multiply);
            }
        }
        Ok(product)
    }

    /// Nodes of the trailing factors, in the order of their levels; without N, or with it.
    pub(super) fn trailing(
        &mut self,
        model: &Model,
        pls: &Pls,
        product: Option<&[f64]>,
        with_n: bool,
    ) {
        for &f in &model.layout.trailing {
            let inverse = usable_inverse(model, pls, f);
            if let (Some(inverse), true) = (&inverse, with_n) {
                inverted_blocks(model, pls, f, inverse, &mut self.n[f]);
            }
            self.trailing_effects(model, pls, f, (inverse, product), model.trailing.m);
        }
    }

    /// z and J of one trailing factor: `Z'V0^-1 [X y]` is `lambda^-T` times what was solved for, or
    /// `B_w - B Lambda C^-1 Lambda' B_w`.
    fn trailing_effects(
        &mut self,
        model: &Model,
        pls: &Pls,
        f: usize,
        (inverse, product): (Option<Vec<f64>>, Option<&[f64]>),
        m: usize,
    ) {
        let (size, p, p1) = (model.factors[f].size, model.p, model.p + 1);
        let (mut raw, mut zw) = (vec![0.0; size * p1], vec![0.0; size * p1]);
        let z = self.z[f].chunks_exact_mut(size);
        let mut j = self.j[f].chunks_exact_mut((size * p).max(1));
        for (&start, z) in model.layout.start[f].iter().zip(z) {
            for (c, column) in raw.chunks_exact_mut(size).enumerate() {
                let at = start as usize + c * m;
                for (a, v) in column.iter_mut().enumerate() {
                    *v = match product {
                        Some(product) if inverse.is_none() => {
                            pls.trailing_w[at + a] - product[at + a]
                        }
                        _ => self.solved[at + a],
                    };
                }
            }
            match &inverse {
                Some(inverse) => {
                    multiply_transpose_into(inverse, &raw, (size, size, p1), &mut zw);
                }
                None => zw.copy_from_slice(&raw),
            }
            let j = j.next().unwrap_or_default();
            split(&zw, (size, p), &self.beta, (z, j));
        }
        solve_j(&mut self.j[f], (size, p), &pls.rx);
    }
}

/// Inverse of a trailing factor's lambda, if dividing by it loses few digits.
pub(crate) fn usable_inverse(model: &Model, pls: &Pls, f: usize) -> Option<Vec<f64>> {
    let size = model.factors[f].size;
    let lambda = &pls.lambda[f];
    let squares = multiply_transpose(lambda, lambda, size, size, size);
    let smallest = eigen(&squares, size)?.0[0];
    let effects = (model.factors[f].levels * size) as f64;
    let information = model.trailing.b_trace(&pls.trailing, f) / effects;
    (smallest * information > SINGULAR).then(|| invert_lower(lambda, size))
}

/// `lambda^-T (I - [C^-1]_jj) lambda^-1` of each level, into `out`.
fn inverted_blocks(model: &Model, pls: &Pls, f: usize, inverse: &[f64], out: &mut [f64]) {
    let size = model.factors[f].size;
    let square = size * size;
    let (mut block, mut right) = (vec![0.0; square], vec![0.0; square]);
    for (&start, to) in model.layout.start[f]
        .iter()
        .zip(out.chunks_exact_mut(square))
    {
        let own = model.trailing.inverse_block(&pls.trailing, start as usize);
        block.iter_mut().zip(own).for_each(|(b, v)| *b = -v);
        for a in 0..size {
            block[a + a * size] += 1.0;
        }
        multiply_into(&block, inverse, (size, size, size), &mut right);
        multiply_transpose_into(inverse, &right, (size, size, size), to);
    }
}

/// `B_jj - F_j'F_j` of each level, by solving for the columns of the factor, into `out`.
fn solved_blocks(
    model: &Model,
    pls: &Pls,
    f: usize,
    progress: &Progress,
    out: &mut [f64],
) -> Result<(), LmmError> {
    let (size, m) = (model.factors[f].size, model.trailing.m);
    let mut to = out.chunks_exact_mut(size * size);
    for starts in model.layout.start[f].chunks((BATCH / size).max(1)) {
        progress.check()?;
        let mut columns = vec![0.0; m * size * starts.len()];
        for (k, &start) in starts.iter().enumerate() {
            for a in 0..size {
                columns[(k * size + a) * m + start as usize + a] = 1.0;
            }
        }
        let count = size * starts.len();
        let mut solved = vec![0.0; m * count];
        let b = &pls.trailing.values;
        model.trailing.multiply(b, &columns, count, &mut solved);
        model.trailing.lambda_transpose(&pls.lambda, &mut solved);
        model
            .trailing
            .solve_lower(&pls.trailing, &mut solved, count);
        for (&start, own) in starts.iter().zip(solved.chunks_exact(m * size)) {
            let mut block = model
                .trailing
                .b_block(&pls.trailing, start as usize)
                .to_vec();
            axpy(
                -1.0,
                &multiply_transpose(own, own, m, size, size),
                &mut block,
            );
            if let Some(to) = to.next() {
                to.copy_from_slice(&block);
            }
        }
    }
    Ok(())
}
