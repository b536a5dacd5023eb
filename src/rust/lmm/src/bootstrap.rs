//! Bootstrap samples and their fits: replicate i has stream i of the seed, and nothing else.
//!
//! Three ways to a new response on the same design: new random effects and residuals from their
//! normal distributions (parametric); from the estimated ones, rescaled so that their covariance is
//! the estimated one (Carpenter, Goldstein and Rasbash 2003, J. R. Stat. Soc. C 52(4)); residuals
//! alone, the random effects staying as they are (semiparametric). And new data: groups, or rows
//! within groups, drawn with replacement (van der Leeden, Meijer and Busing 2008, in Handbook of
//! Multilevel Analysis, ch. 11).

use crate::error::LmmError;
use crate::lambda::from_theta;
use crate::model::{Model, ModelData};
use crate::progress::Progress;
use crate::refits::{own_failure, refit, refit_subset, Outcome, Wanted};
use crate::response::{Design, Refitter};
use crate::simulate::Stream;
use crate::small::{axpy, dot, multiply};
use crate::subset::Selection;
use crate::workers::run_jobs;

/// Which replicates: numbers `first`, ..., `first + count - 1` of a seed.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// Seed.
    pub seed: u64,
    /// First replicate.
    pub first: u64,
    /// How many.
    pub count: usize,
}

impl Range {
    fn stream(&self, k: usize) -> Stream {
        Stream::new(self.seed, self.first + k as u64)
    }
}

/// Where standardised random effects and residuals come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// The standard normal distribution.
    Normal,
    /// Drawn with replacement from these.
    Resampled {
        /// For each term spherical effects with unit variance, level after level.
        effects: Vec<Vec<f64>>,
        /// Residuals with unit variance, on the scale of weight one.
        residuals: Vec<f64>,
    },
}

/// How responses are drawn: `mean + Z b + e` with b drawn for some of the terms.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What does not change: fixed effects, offset, random effects that are kept (n).
    pub mean: Vec<f64>,
    /// The user's theta.
    pub theta: Vec<f64>,
    /// Residual standard deviation.
    pub sigma: f64,
    /// For each term, whether its effects are drawn.
    pub drawn: Vec<bool>,
    /// Where they are drawn from.
    pub source: Source,
}

impl Plan {
    /// Lengths that fit the model.
    fn check(&self, model: &Model) -> Result<(), LmmError> {
        let length = |what: &str, expected: usize, found: usize| {
            let what = what.to_string();
            let wrong = LmmError::Dimension {
                what,
                expected,
                found,
            };
            (expected == found).then_some(()).ok_or(wrong)
        };
        length("entries of the mean", model.n, self.mean.len())?;
        length("entries of theta", model.theta_len(), self.theta.len())?;
        length("terms", model.terms.len(), self.drawn.len())?;
        let Source::Resampled { effects, residuals } = &self.source else {
            return Ok(());
        };
        length("residuals", model.n, residuals.len())?;
        length("terms with effects", model.terms.len(), effects.len())?;
        for ((t, own), drawn) in model.terms.iter().zip(effects).zip(&self.drawn) {
            let expected = if *drawn {
                model.factors[t.factor].levels * t.p
            } else {
                own.len()
            };
            length("random effects", expected, own.len())?;
        }
        Ok(())
    }
}

/// Draws responses.
pub struct Sampler<'a> {
    design: &'a Design,
    plan: &'a Plan,
    /// For each term `sigma R lambda`: from spherical effects to those of the conditioned columns.
    factors: Vec<Vec<f64>>,
}

impl<'a> Sampler<'a> {
    /// A sampler.
    ///
    /// # Errors
    /// [`LmmError::Dimension`].
    pub fn new(design: &'a Design, plan: &'a Plan) -> Result<Sampler<'a>, LmmError> {
        let terms = &design.model().terms;
        plan.check(design.model())?;
        let lambdas = from_theta(terms, &plan.theta);
        let factor = |(t, l): (&crate::term::Term, &Vec<f64>)| {
            let mut m = multiply(&t.r, l, t.p, t.p, t.p);
            m.iter_mut().for_each(|v| *v *= plan.sigma);
            m
        };
        Ok(Sampler {
            design,
            plan,
            factors: terms.iter().zip(&lambdas).map(factor).collect(),
        })
    }

    /// A response (n, in the caller's order). Effects are drawn first, term after term and level
    /// after level, then residuals, row after row.
    pub fn draw(&self, stream: &mut Stream) -> Vec<f64> {
        let effects = self.effects(stream);
        let mut y = self.residuals(stream);
        let model = self.design.model();
        let rows = self.design.rows();
        let root_w = self.design.root_w();
        for (at, &i) in self.design.row_order().iter().enumerate() {
            let mut v = self.plan.sigma * y[i];
            for (f, factor) in model.factors.iter().enumerate() {
                let level = rows.codes[f][at] as usize;
                let b = &effects[f][level * factor.size..(level + 1) * factor.size];
                v += dot(rows.z[f].row(at, factor.size), b);
            }
            y[i] = self.plan.mean[i] + root_w.map_or(v, |w| v / w[i]);
        }
        y
    }

    /// Of each factor, its levels' effects for the conditioned columns.
    fn effects(&self, stream: &mut Stream) -> Vec<Vec<f64>> {
        let model = self.design.model();
        let mut out: Vec<Vec<f64>> = model
            .factors
            .iter()
            .map(|f| vec![0.0; f.levels * f.size])
            .collect();
        for (i, t) in model
            .terms
            .iter()
            .enumerate()
            .filter(|(i, _)| self.plan.drawn[*i])
        {
            let factor = &model.factors[t.factor];
            let mut normal = vec![0.0; t.p];
            for level in out[t.factor].chunks_exact_mut(factor.size) {
                let u = match &self.plan.source {
                    Source::Normal => {
                        normal.fill_with(|| stream.normal());
                        &normal[..]
                    }
                    Source::Resampled { effects, .. } => {
                        let k = stream.below(factor.levels);
                        &effects[i][k * t.p..(k + 1) * t.p]
                    }
                };
                let own = &mut level[t.offset..t.offset + t.p];
                for (u, column) in u.iter().zip(self.factors[i].chunks_exact(t.p)) {
                    axpy(*u, column, own);
                }
            }
        }
        out
    }

    fn residuals(&self, stream: &mut Stream) -> Vec<f64> {
        let n = self.plan.mean.len();
        match &self.plan.source {
            Source::Normal => (0..n).map(|_| stream.normal()).collect(),
            Source::Resampled { residuals, .. } => {
                (0..n).map(|_| residuals[stream.below(n)]).collect()
            }
        }
    }
}

/// A sample and its fit.
pub struct Replicate {
    /// The response; empty unless effects were asked for, too.
    pub y: Vec<f64>,
    /// Its fit.
    pub outcome: Outcome,
}

/// Draw responses and fit them.
///
/// # Errors
/// [`LmmError::Dimension`] for a plan of another design, [`LmmError::Interrupted`].
pub fn bootstrap(
    design: &Design,
    plan: &Plan,
    wanted: &Wanted,
    range: Range,
    progress: &Progress,
) -> Result<Vec<Replicate>, LmmError> {
    let sampler = Sampler::new(design, plan)?;
    run_jobs(
        design.threads_for(range.count),
        range.count,
        progress,
        || Refitter::new(design),
        |refitter, k| {
            let mut y = sampler.draw(&mut range.stream(k));
            let outcome = own_failure(refit(refitter, &y, wanted, progress))?;
            if !wanted.effects {
                y = Vec::new();
            }
            Ok(Replicate { y, outcome })
        },
    )
}

/// How data are drawn: groups with replacement, rows within their groups, or both.
#[derive(Debug, Clone)]
pub struct Cases {
    /// Rows of each group.
    groups: Vec<Vec<usize>>,
    /// Draw groups?
    draw_groups: bool,
    /// Draw rows within groups?
    draw_rows: bool,
    /// For each grouping factor whether a copy of a group has levels of its own.
    copied: Vec<bool>,
}

impl Cases {
    /// From the code of each row's group, from one to `groups`.
    pub fn new(
        codes: &[i32],
        groups: usize,
        (draw_groups, draw_rows): (bool, bool),
        copied: Vec<bool>,
    ) -> Cases {
        let mut rows = vec![Vec::new(); groups];
        for (i, c) in codes.iter().enumerate() {
            rows[*c as usize - 1].push(i);
        }
        Cases {
            groups: rows,
            draw_groups,
            draw_rows,
            copied,
        }
    }

    /// The rows of a sample; each group drawn is a copy with a number.
    pub fn draw(&self, stream: &mut Stream) -> Selection {
        let count = self.groups.len();
        let drawn: Vec<usize> = (0..count)
            .map(|g| {
                if self.draw_groups {
                    stream.below(count)
                } else {
                    g
                }
            })
            .collect();
        let mut out = Selection {
            copied: self.copied.clone(),
            ..Selection::default()
        };
        for (copy, g) in drawn.into_iter().enumerate() {
            let rows = &self.groups[g];
            for &own in rows {
                let row = if self.draw_rows {
                    rows[stream.below(rows.len())]
                } else {
                    own
                };
                out.rows.push(row);
                out.copies.push(copy as u32);
            }
        }
        out
    }

    /// All rows but those of one group.
    fn without(&self, group: usize) -> Selection {
        let others = self.groups.iter().enumerate().filter(|(g, _)| *g != group);
        let mut rows: Vec<usize> = others.flat_map(|(_, rows)| rows.iter().copied()).collect();
        rows.sort_unstable();
        Selection {
            rows,
            ..Selection::default()
        }
    }
}

/// Draw data and fit them.
///
/// # Errors
/// [`LmmError::Interrupted`].
pub fn bootstrap_cases(
    data: &ModelData,
    cases: &Cases,
    wanted: &Wanted,
    range: Range,
    progress: &Progress,
) -> Result<Vec<Outcome>, LmmError> {
    fit_selections(data, range.count, wanted, progress, |k| {
        cases.draw(&mut range.stream(k))
    })
}

/// Fits without each of the groups.
///
/// # Errors
/// [`LmmError::Interrupted`].
pub fn jackknife(
    data: &ModelData,
    cases: &Cases,
    wanted: &Wanted,
    progress: &Progress,
) -> Result<Vec<Outcome>, LmmError> {
    let groups = cases.groups.len();
    fit_selections(data, groups, wanted, progress, |g| cases.without(g))
}

fn fit_selections(
    data: &ModelData,
    count: usize,
    wanted: &Wanted,
    progress: &Progress,
    selection: impl Fn(usize) -> Selection + Sync,
) -> Result<Vec<Outcome>, LmmError> {
    let threads = if data.is_small() && count < 8 {
        1
    } else {
        data.threads
    };
    run_jobs(
        threads,
        count,
        progress,
        || Ok(()),
        |(), k| own_failure(refit_subset(data, &selection(k), wanted, progress)),
    )
}
