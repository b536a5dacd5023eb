//! Profiles: the criterion and its derivatives in the coordinates of each curve, against dense
//! matrices and differences; and the curves, which must be minima.

mod common;

use std::f64::consts::{FRAC_PI_2, PI};

use common::{differences, distance, log_det, plans, random_design, Design};
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use lmm::optimize::Work;
use lmm::profile::coordinates::{Focus, Frame};
use lmm::profile::criterion::{evaluate, Point};
use lmm::profile::curve::user_parameters;
use lmm::profile::{profile, Curve, Ending, Profile, Range};
use lmm::simulate::Stream;
use lmm::start::start;
use lmm::Model;

/// All parameters on the user's scale.
#[derive(Clone)]
struct Natural {
    sigmas: Vec<Mat<f64>>,
    sigma: f64,
    beta: Vec<f64>,
}

impl Natural {
    /// From the list that a profile gives; a correlation that is not defined counts as zero.
    fn from_list(design: &Design, list: &[f64]) -> Natural {
        let mut sigmas = Vec::new();
        let mut at = 0;
        for t in &design.terms {
            let sd = &list[at..at + t.p];
            at += t.p;
            let mut sigma = Mat::from_fn(t.p, t.p, |a, b| if a == b { sd[a] * sd[a] } else { 0.0 });
            for b in 0..t.p {
                for a in b + 1..t.p {
                    let covariance = if list[at].is_nan() {
                        0.0
                    } else {
                        list[at] * sd[a] * sd[b]
                    };
                    (sigma[(a, b)], sigma[(b, a)]) = (covariance, covariance);
                    at += 1;
                }
            }
            sigmas.push(sigma);
        }
        Natural {
            sigmas,
            sigma: list[at],
            beta: list[at + 1..].to_vec(),
        }
    }

    /// Minus twice the log-likelihood, or the REML criterion, with matrices of n x n.
    fn criterion(&self, design: &Design) -> f64 {
        let (n, p) = (design.n, design.p);
        let mut v = Mat::<f64>::zeros(n, n);
        for i in 0..n {
            let w = design.weights.as_ref().map_or(1.0, |w| w[i]);
            v[(i, i)] = self.sigma * self.sigma / w;
        }
        for (t, sigma) in design.terms.iter().zip(&self.sigmas) {
            let z = design.z_term(t);
            for level in 0..t.levels {
                let own = z.subcols(level * t.p, t.p);
                v += own * sigma * own.transpose();
            }
        }
        let x = Mat::from_fn(n, p, |i, j| design.x[i + j * n]);
        let y = Mat::from_fn(n, 1, |i, _| {
            design.y[i] - design.offset.as_ref().map_or(0.0, |o| o[i])
        });
        let llt = v.llt(Side::Lower).expect("positive definite");
        let xvx = x.transpose() * llt.solve(&x);
        let mut beta = Mat::from_fn(p, 1, |k, _| self.beta[k]);
        let (mut d, mut extra) = (n as f64, 0.0);
        if design.reml {
            beta = xvx
                .llt(Side::Lower)
                .expect("positive definite")
                .solve(x.transpose() * llt.solve(&y));
            d -= p as f64;
            extra = log_det(&xvx);
        }
        let r = &y - &x * &beta;
        log_det(&v) + extra + d * (2.0 * PI).ln() + (r.transpose() * llt.solve(&r))[(0, 0)]
    }

    /// The value of a focus as a curve counts it.
    fn focus(&self, focus: Focus) -> f64 {
        let correlation = |term: usize, a: usize, b: usize| {
            let s: &Mat<f64> = &self.sigmas[term];
            s[(a, b)] / (s[(a, a)] * s[(b, b)]).sqrt()
        };
        match focus {
            Focus::Sigma => self.sigma.ln(),
            Focus::Fixed(j) => self.beta[j],
            Focus::Deviation { term, column } => self.sigmas[term][(column, column)].sqrt(),
            Focus::Correlation {
                term,
                columns: [a, b],
            } => correlation(term, a, b).asin(),
            Focus::Covariance {
                term,
                columns: [a, b],
            } => self.sigmas[term][(a, b)],
        }
    }

    /// Somewhat other values of everything but the focus.
    fn perturbed(&self, focus: Focus, s: &mut Stream) -> Natural {
        let mut other = self.clone();
        if focus != Focus::Sigma {
            other.sigma *= (0.05 * s.normal()).exp();
        }
        for (j, b) in other.beta.iter_mut().enumerate() {
            if focus != Focus::Fixed(j) {
                *b += 0.05 * s.normal();
            }
        }
        for (i, sigma) in other.sigmas.iter_mut().enumerate() {
            let p = sigma.nrows();
            let mut a = Mat::from_fn(p, p, |r, c| 0.05 * s.normal() + f64::from(u8::from(r == c)));
            let stretch = 1.0 + 0.05 * s.normal();
            let mut keep = |row: usize, factor: f64| {
                for c in 0..p {
                    a[(row, c)] = if c == row { factor } else { 0.0 };
                }
            };
            match focus {
                Focus::Deviation { term, column } if term == i => keep(column, 1.0),
                Focus::Correlation { term, columns } if term == i => {
                    keep(columns[0], stretch);
                    keep(columns[1], 1.0 + 0.05 * s.normal());
                }
                Focus::Covariance { term, columns } if term == i => {
                    keep(columns[0], stretch);
                    keep(columns[1], 1.0 / stretch);
                }
                _ => {}
            }
            *sigma = &a * &*sigma * a.transpose();
        }
        other
    }
}

/// Every focus of a design.
fn foci(design: &Design) -> Vec<Focus> {
    let mut foci = vec![Focus::Sigma];
    if !design.reml {
        foci.extend((0..design.p).map(Focus::Fixed));
    }
    for (term, t) in design.terms.iter().enumerate() {
        for column in 0..t.p {
            foci.push(Focus::Deviation { term, column });
            for other in column + 1..t.p {
                let columns = [column, other];
                foci.push(Focus::Correlation { term, columns });
                foci.push(Focus::Covariance { term, columns });
            }
        }
    }
    foci
}

/// Coordinates well inside, with the focus somewhere.
fn some_x(seed: u64, frame: &Frame) -> Vec<f64> {
    let mut s = Stream::new(seed, 7);
    let mut x: Vec<f64> = (0..frame.len).map(|_| 0.3 + 0.4 * s.uniform()).collect();
    x[frame.log_sigma] = -0.4 + 0.2 * s.uniform();
    x
}

fn point(model: &Model, frame: &Frame, x: &[f64]) -> Point {
    let mut work = Work::new(model).expect("memory");
    evaluate(model, &mut work, frame, x, &Default::default()).expect("evaluates")
}

#[test]
fn values_are_those_of_dense_formulas_and_the_focus_is_held() {
    for (k, plan) in plans().into_iter().enumerate() {
        let design = random_design(k as u64, plan);
        let model = design.model();
        for focus in foci(&design) {
            let frame = Frame::new(&model, &start(&model).1, focus);
            let x = some_x(k as u64, &frame);
            let found = point(&model, &frame, &x);
            let all =
                Natural::from_list(&design, &user_parameters(&model, &frame, &x, &found.beta));
            let expected = all.criterion(&design);
            let difference = found.value - expected;
            assert!(difference.abs() < 1e-7, "plan {k} {focus:?}: {difference}");
            let (at, held) = (frame.in_user_units(&model, x[0]).0, all.focus(focus));
            assert!((at - held).abs() < 1e-9, "plan {k} {focus:?}: {at} {held}");
        }
    }
}

#[test]
fn derivatives_are_those_of_differences() {
    for (k, plan) in plans().into_iter().enumerate() {
        let design = random_design(k as u64, plan);
        let model = design.model();
        for focus in foci(&design) {
            let frame = Frame::new(&model, &start(&model).1, focus);
            let x = some_x(k as u64, &frame);
            let n = x.len();
            let found = point(&model, &frame, &x);
            let slopes = differences(&x, |x| point(&model, &frame, x).value);
            let own = &found.gradient;
            assert!(
                distance(own, &slopes) < 1e-6,
                "plan {k} {focus:?}: {own:?} {slopes:?}"
            );
            for t in 0..n {
                let column = differences(&x, |x| point(&model, &frame, x).gradient[t]);
                let own = &found.hessian[t * n..(t + 1) * n];
                assert!(
                    distance(own, &column) < 2e-5,
                    "plan {k} {focus:?}: {own:?} {column:?}"
                );
            }
        }
    }
}

fn plan_for(foci: Vec<Focus>) -> lmm::profile::Plan {
    lmm::profile::Plan {
        foci,
        range: Range {
            cutoff: 3.0,
            delta: 0.5,
            most: 40,
        },
        theta: None,
        search: true,
        threads: 1,
    }
}

fn profile_of(design: &Design, foci: Vec<Focus>) -> Profile {
    profile(&design.model(), &plan_for(foci), &Default::default()).expect("profiles")
}

/// The points are minima given the focus: nothing near them is lower, and their height is zeta's.
fn assert_minima(design: &Design, curve: &Curve, lowest: f64, label: &str) {
    let mut s = Stream::new(5, 11);
    for p in curve.points.iter().filter(|p| p.zeta != 0.0) {
        assert!(p.converged, "{label}");
        let here = Natural::from_list(design, &p.parameters);
        let height = here.criterion(design) - lowest - p.zeta * p.zeta;
        assert!(height.abs() < 1e-6, "{label} at {}: {height}", p.at);
        for _ in 0..10 {
            let near = here.perturbed(curve.focus, &mut s).criterion(design);
            let gain = lowest + p.zeta * p.zeta - near;
            assert!(gain < 1e-6, "{label} at {}: {gain} lower", p.at);
        }
    }
}

#[test]
fn every_point_of_every_curve_is_a_constrained_minimum() {
    for (k, plan) in plans().into_iter().enumerate() {
        let design = random_design(k as u64, plan);
        let found = profile_of(&design, foci(&design));
        assert!(found.lower.is_none(), "plan {k}: {:?}", found.lower);
        for curve in &found.curves {
            let label = format!("plan {k} {:?}", curve.focus);
            assert_minima(&design, curve, found.solution.criterion, &label);
            let rises = curve
                .points
                .windows(2)
                .all(|w| w[0].at < w[1].at && w[0].zeta <= w[1].zeta + 1e-6);
            assert!(rises, "{label}");
            for (ending, p) in curve
                .endings
                .iter()
                .zip([curve.points.first(), curve.points.last()])
            {
                let p = p.expect("a point");
                match ending {
                    Ending::Cutoff => assert!(p.zeta.abs() >= 3.0 && p.zeta.abs() < 3.4, "{label}"),
                    Ending::Bound => assert!(p.at.abs() == FRAC_PI_2 || p.at == 0.0, "{label}"),
                    _ => panic!("{label} is not followed to its end"),
                }
            }
        }
    }
}
