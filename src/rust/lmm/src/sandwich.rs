//! Products with the block diagonal Lambda of the trailing factors, node by node and in place.

use crate::small::{axpy, dot};

/// Which side lambda stands on.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    /// `Lambda' M Lambda`.
    Inner,
    /// `Lambda M Lambda'`.
    Outer,
}

impl Side {
    /// `block <- block lambda` (inner) or `block lambda'` (outer), in place.
    pub(crate) fn columns(self, block: &mut [f64], len: usize, size: usize, lambda: &[f64]) {
        if size == 1 {
            block.iter_mut().for_each(|v| *v *= lambda[0]);
            return;
        }
        let order: Vec<usize> = match self {
            Side::Inner => (0..size).collect(),
            Side::Outer => (0..size).rev().collect(),
        };
        for c in order {
            let own = lambda[c + c * size];
            block[c * len..(c + 1) * len]
                .iter_mut()
                .for_each(|v| *v *= own);
            let others = match self {
                Side::Inner => c + 1..size,
                Side::Outer => 0..c,
            };
            for d in others {
                let factor = match self {
                    Side::Inner => lambda[d + c * size],
                    Side::Outer => lambda[c + d * size],
                };
                for i in 0..len {
                    block[c * len + i] += factor * block[d * len + i];
                }
            }
        }
    }

    /// `x <- lambda' x` (inner) or `lambda x` (outer), in place.
    pub(crate) fn rows(self, x: &mut [f64], size: usize, lambda: &[f64]) {
        match self {
            _ if size == 1 => x[0] *= lambda[0],
            Side::Inner => {
                for c in 0..size {
                    x[c] = dot(&lambda[c + c * size..(c + 1) * size], &x[c..size]);
                }
            }
            Side::Outer => {
                for c in (0..size).rev() {
                    let own = x[c];
                    x[c] = 0.0;
                    axpy(own, &lambda[c + c * size..(c + 1) * size], &mut x[c..size]);
                }
            }
        }
    }
}
