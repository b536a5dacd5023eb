//! Linear mixed models by penalised least squares, with exact derivatives.
//!
//! ```text
//! y = X beta + Z b + offset + e,   b = Lambda(theta) u,   u ~ N(0, sigma^2 I),   e ~ N(0, sigma^2 W^-1)
//! deviance(theta)       = log|V0|                        + n     (1 + log(2 pi r^2 / n))
//! REML criterion(theta) = log|V0| + log|X' V0^-1 X|      + (n-p) (1 + log(2 pi r^2 / (n-p)))
//! V0 = W^-1 + Z Lambda Lambda' Z',   r^2 = min over beta of (y - X beta)' V0^-1 (y - X beta)
//! ```
//! (Bates, Maechler, Bolker and Walker 2015, J. Stat. Softw. 67(1), eqs. 30 to 42.)
//!
//! Reading order, which is also the order of the work:
//! 1. `model_data`: the data as they come, checked; [`term`]: terms and factors; [`conditioning`],
//!    `ordered_rows`: columns and rows as they are computed with; [`mod@model`]: what is made of them;
//! 2. [`crossprod`]: one pass over the rows, after which the cost no longer depends on n;
//! 3. [`layout`], [`trailing`] ([`dense`], [`blocks`], [`sparse`]; its `formation`, `factor`, `scaling`
//!    and `products`): what remains when the largest factor is absorbed;
//! 4. [`lambda`], [`pls`]: the penalised least squares problem at one theta;
//! 5. [`criterion`], [`derivatives`] (its `leading_levels` and `trailing_nodes`): value and exact
//!    gradient; [`curvature`], `working_variates`, [`mod@trace`]: average-information and exact
//!    Hessian; `evaluation`: all of them at one theta; `hessian` (`known_trace`, `leading_trace`):
//!    the exact Hessian of larger models, after the fit;
//! 6. [`start`], `quadratic`, [`optimize`], [`certificate`]: the search and the proof of its result;
//!    [`mod@fit`]: the driver; [`estimates`]: back to the user's columns;
//! 7. [`response`], [`refits`]: many responses on one design; [`subset`]: some of the rows;
//!    [`workers`]: many fits on a few threads; `warm`: fits near their start; [`bootstrap`]:
//!    samples and their fits;
//! 8. [`mod@satterthwaite`], [`mod@kenward_roger`] ([`components`], [`information`] with its `entries`,
//!    `part` and `matrices`): degrees of freedom for tests of the fixed effects;
//! 9. [`mod@profile`]: the criterion along one parameter of the user's scale.

#![warn(missing_docs)]

pub mod blocks;
pub mod bootstrap;
pub mod certificate;
pub mod components;
pub mod conditioning;
pub mod criterion;
pub mod crossprod;
pub mod curvature;
pub mod dense;
pub mod derivatives;
pub mod error;
pub mod estimates;
mod evaluation;
pub mod fit;
mod hessian;
pub mod information;
pub mod kenward_roger;
mod known_trace;
pub mod lambda;
pub mod layout;
mod leading_trace;
mod memory;
pub mod model;
mod model_data;
pub mod optimize;
mod ordered_rows;
pub mod pls;
pub mod profile;
pub mod progress;
mod quadratic;
pub mod refits;
pub mod response;
mod sandwich;
pub mod satterthwaite;
mod scratch;
mod simplicial;
pub mod simulate;
pub mod small;
pub mod sparse;
pub mod start;
pub mod subset;
mod supernodal;
pub mod term;
pub mod trace;
pub mod trailing;
mod warm;
pub mod workers;
mod working_variates;

pub use error::LmmError;
pub use fit::{fit, Fit, Settings};
pub use model::{Model, ModelData};
pub use term::TermData;
