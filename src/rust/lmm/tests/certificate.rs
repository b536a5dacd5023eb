//! The certificate accepts optima, and refuses what other programs return for them.
//!
//! Every refusal is at a given theta, with no search before it; afterwards a fit that starts from
//! the very point must leave it and end at the certified optimum.

mod classics;
mod common;

use common::{plans, random_design, Design, Plan};
use lmm::certificate::{certify, Certificate};
use lmm::curvature::{Coordinates, Curvature};
use lmm::fit::{fit, Settings};
use lmm::lambda::{condition, uncondition};
use lmm::optimize::{evaluate, Point, Work};
use lmm::start::start;
use lmm::trace::{is_cheap, trace};
use lmm::{Fit, Model};

/// What is known at a point.
struct Judged {
    certificate: Certificate,
    point: Point,
    /// Derivative with respect to Sigma of each term, in the conditioned columns.
    g: Vec<Vec<f64>>,
}

/// The certificate of the user's theta.
fn judge(design: &Design, theta: &[f64]) -> Judged {
    let model = design.model();
    let inner = condition(&model.terms, theta);
    judge_conditioned(&model, &inner)
}

/// The certificate of a theta in the conditioned columns, with the exact Hessian as at the end of
/// a fit.
fn judge_conditioned(model: &Model, inner: &[f64]) -> Judged {
    let mut work = Work::new(model).expect("memory");
    let mut point = evaluate(model, &mut work, inner, &Default::default()).expect("a value");
    let Work {
        pls, derivatives, ..
    } = work;
    if is_cheap(model) {
        let curvature = Curvature::new(model, &pls, &derivatives, inner, Coordinates::Conditioned);
        point.hessian = curvature.exact(&trace(model, &pls, &derivatives, &curvature));
    }
    let certificate = certify(model, &derivatives, inner, &point, &start(model).1, false);
    Judged {
        certificate,
        point,
        g: derivatives.g,
    }
}

fn fitted(design: &Design, settings: &Settings) -> Fit {
    fit(&design.model(), settings, &Default::default()).expect("fits")
}

/// The point is refused, in words that name `term`; and a fit from there reaches the optimum,
/// which is lower.
fn refused(design: &Design, theta: &[f64], term: Option<&str>) -> Judged {
    let judged = judge(design, theta);
    let certificate = &judged.certificate;
    assert!(!certificate.certified, "{certificate:?}");
    assert!(certificate.text.starts_with("not certified: "));
    if let Some(name) = term {
        let quoted = format!("'{name}'");
        assert!(certificate.text.contains(&quoted), "{}", certificate.text);
    }
    leaves(design, theta, judged.point.value);
    judged
}

/// A fit that starts at theta ends lower, certified, where the default one ends.
fn leaves(design: &Design, theta: &[f64], value: f64) {
    let best = fitted(design, &Settings::default());
    let settings = Settings {
        start: Some(theta.to_vec()),
        ..Settings::default()
    };
    let found = fitted(design, &settings);
    let (criterion, target) = (found.solution.criterion, best.solution.criterion);
    assert!(
        found.certificate.certified,
        "{} {:?}",
        found.certificate.text, found.solution.theta
    );
    assert!((criterion - target).abs() < 1e-7, "{criterion} {target}");
    assert!(criterion < value - 1e-7, "{criterion} {value}");
}

fn plan(terms: &'static [(usize, usize, usize)]) -> Plan {
    Plan {
        n: 90,
        reml: true,
        weights: false,
        offset: false,
        terms,
        nested: false,
    }
}

/// The design without some of its terms.
fn keep(design: &Design, terms: &[usize]) -> Design {
    let mut factors: Vec<usize> = terms.iter().map(|&i| design.terms[i].factor).collect();
    factors.dedup();
    let mut smaller = design.clone();
    smaller.terms = terms.iter().map(|&i| design.terms[i].clone()).collect();
    for t in &mut smaller.terms {
        let position = factors.iter().position(|&f| f == t.factor);
        t.factor = position.expect("one of the factors");
    }
    smaller
}

#[test]
fn optima_of_a_dozen_designs_are_accepted() {
    let mut designs: Vec<Design> = plans().into_iter().map(|p| random_design(41, p)).collect();
    designs.push(classics::sitka());
    designs.push(classics::mtcars(1));
    assert_eq!(designs.len(), 12);
    for (k, design) in designs.iter().enumerate() {
        let theta = fitted(design, &Settings::default()).solution.theta;
        let certificate = judge(design, &theta).certificate;
        assert!(
            certificate.certified,
            "design {k}: {certificate:?} {theta:?}"
        );
    }
}

#[test]
fn the_true_optima_of_sitka_and_mtcars_are_reached() {
    for (design, truth) in [
        (classics::sitka(), 124.96688912),
        (classics::mtcars(1), 168.24296806),
    ] {
        let found = fitted(&design, &Settings::default());
        assert!(found.certificate.certified, "{}", found.certificate.text);
        let criterion = found.solution.criterion;
        assert!(criterion < truth + 1e-7, "{criterion} {truth}");
    }
}

#[test]
fn the_false_optimum_of_lme4_for_sitka_is_refused() {
    // lme4 1.1-31, lmer(size ~ Time + (1 + Time | tree), MASS::Sitka)
    let theta = [2.469_775_751_7, -0.001_571_914_441_5, 0.009_380_354_356_9];
    let judged = refused(&classics::sitka(), &theta, Some("term0"));
    assert!((judged.point.value - 153.365_322).abs() < 1e-5);
}

#[test]
fn the_false_optima_of_lme4_for_mtcars_are_refused() {
    // lme4 1.1-31, lmer(mpg ~ 1 + (hp | cyl)) and lmer(mpg ~ hp + (hp | cyl))
    let theta = [1.984_336_718_5, -0.009_486_030_437_3, 0.005_384_141_169_9];
    let judged = refused(&classics::mtcars(1), &theta, Some("term0"));
    assert!((judged.point.value - 169.460_904_5).abs() < 1e-6);
    let theta = [1.712_519_892_9, -0.008_074_798_829_3, 0.0];
    let judged = refused(&classics::mtcars(2), &theta, Some("term0"));
    assert!((judged.point.value - 170.941_131_2).abs() < 1e-6);
}

#[test]
fn theta_zero_is_refused_where_groups_differ_although_the_gradient_vanishes_there() {
    for (k, plan) in plans().into_iter().enumerate() {
        let design = random_design(42, plan);
        let zero = vec![0.0; design.theta_len()];
        let judged = refused(&design, &zero, None);
        assert!(judged.certificate.text.contains("term 'term"));
        let steepest = judged
            .point
            .gradient
            .iter()
            .fold(0.0, |m: f64, v| m.max(v.abs()));
        assert_eq!(steepest, 0.0, "plan {k}");
    }
}

#[test]
fn a_variance_at_zero_is_refused_where_the_rest_is_optimal_but_the_kkt_condition_fails() {
    let design = random_design(43, plan(&[(0, 12, 1), (1, 9, 1)]));
    for zero in 0..2 {
        let rest = fitted(&keep(&design, &[1 - zero]), &Settings::default());
        assert!(rest.certificate.certified);
        let mut theta = rest.solution.theta;
        theta.insert(zero, 0.0);
        let judged = refused(&design, &theta, Some(&format!("term{zero}")));
        let gains: Vec<f64> = judged
            .certificate
            .terms
            .iter()
            .map(|t| t.positivity)
            .collect();
        assert!(gains[zero] > 0.1 && gains[1 - zero] < 1e-8, "{gains:?}");
        assert!(judged.point.gradient.iter().all(|v| v.abs() < 1e-5));
    }
}

#[test]
fn a_vector_term_at_zero_is_refused_where_the_rest_is_optimal() {
    let design = random_design(44, plan(&[(0, 12, 2), (1, 9, 2)]));
    let rest = fitted(&keep(&design, &[0]), &Settings::default());
    let mut theta = rest.solution.theta;
    theta.extend([0.0; 3]);
    refused(&design, &theta, Some("term1"));
}

#[test]
fn a_singular_covariance_is_refused_where_the_full_rank_one_is_better() {
    // The best covariance of rank one is the optimum under theta[2] = 0: stationary there.
    let design = random_design(48, plan(&[(0, 15, 2)]));
    assert!(fitted(&design, &Settings::default()).solution.theta[2] > 0.1);
    let best = best_of_rank_one(&design);
    let judged = refused(&design, &best, Some("term0"));
    assert!(judged.point.gradient.iter().all(|v| v.abs() < 1e-4));
    assert!(judged.certificate.terms[0].stationarity < 1e-8);
    assert!(judged.certificate.terms[0].positivity > 0.01);
}

/// Newton's method on the first two entries of a 2 x 2 lambda, the third held at zero.
fn best_of_rank_one(design: &Design) -> Vec<f64> {
    let mut theta = vec![1.0, 0.5, 0.0];
    for _ in 0..50 {
        let (gradient, hessian) = user_derivatives(design, &theta);
        let (a, b, d) = (hessian[0], hessian[1], hessian[4]);
        let determinant = a * d - b * b;
        let convex = a > 0.0 && determinant > 0.0;
        let step = match convex {
            true => [
                (d * gradient[0] - b * gradient[1]) / determinant,
                (a * gradient[1] - b * gradient[0]) / determinant,
            ],
            false => [0.01 * gradient[0], 0.01 * gradient[1]],
        };
        let length = f64::hypot(step[0], step[1]).max(0.3) / 0.3;
        theta[0] -= step[0] / length;
        theta[1] -= step[1] / length;
    }
    theta
}

fn user_derivatives(design: &Design, theta: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let at = lmm::fit::at(&design.model(), theta, true, &Default::default()).expect("a value");
    (at.gradient, at.hessian.expect("asked for"))
}

/// `(1 + x | g)` with orthogonal columns, and lambda = diag(0, t) in the conditioned columns with
/// the best t, which is that of `(0 + x | g)`.
fn slope_alone(seed: u64) -> (Design, Vec<f64>) {
    let small = Plan {
        n: 24,
        ..plan(&[(0, 4, 2)])
    };
    let mut design = random_design(seed, small);
    let n = design.n;
    let z = design.terms[0].z.as_mut().expect("two columns");
    let mean = z[n..].iter().sum::<f64>() / n as f64;
    z[n..].iter_mut().for_each(|v| *v -= mean);
    let slope = z[n..].to_vec();
    let mut alone = design.clone();
    alone.terms[0].p = 1;
    alone.terms[0].z = Some(slope);
    let found = fitted(&alone, &Settings::default());
    assert!(found.certificate.certified);
    let r = &design.model().terms[0].r;
    assert!(r[2].abs() < 1e-12 * r[3], "the columns are orthogonal");
    (design, vec![0.0, 0.0, r[3] * found.solution.theta[0]])
}

#[test]
fn a_slope_without_intercept_is_refused_although_lambda_is_stationary_and_null_space_is_fine() {
    let mut found = 0;
    for seed in 0..200 {
        let (design, lambda) = slope_alone(seed);
        let model = design.model();
        let judged = judge_conditioned(&model, &lambda);
        let g = &judged.g[0];
        // The trap: no intercept variance by itself would help, only one with a covariance.
        if lambda[2] < 0.1 || g[0] < 0.01 || g[1].abs() < 0.5 {
            continue;
        }
        let slopes = &judged.point.gradient;
        assert!(slopes.iter().all(|v| v.abs() < 1e-5), "{seed} {slopes:?}");
        assert!(g[3].abs() < 1e-5, "{seed} {g:?}");
        let certificate = &judged.certificate;
        assert!(!certificate.certified, "{seed} {certificate:?}");
        assert!(certificate.text.contains("'term0'"));
        let user = uncondition(&model.terms, &lambda);
        leaves(&design, &user, judged.point.value);
        found += 1;
    }
    assert!(found >= 5, "{found}");
}

#[test]
fn a_search_that_stops_after_two_evaluations_is_refused() {
    let settings = Settings {
        max_evaluations: 2,
        ..Settings::default()
    };
    for (k, plan) in plans().into_iter().enumerate() {
        let design = random_design(46, plan);
        let early = fitted(&design, &settings);
        assert!(!early.certificate.certified, "plan {k}");
        assert!(!early.converged, "plan {k}: {}", early.stopped);
        refused(&design, &early.solution.theta, None);
    }
}

#[test]
fn a_flat_slope_of_a_badly_scaled_covariate_is_refused() {
    // The pathology behind the false optima of lme4, exaggerated: the slope's standard deviation
    // off by a factor of two where the criterion hardly changes with its raw entry of theta.
    let mut design = random_design(47, plan(&[(0, 15, 2)]));
    let n = design.n;
    let z = design.terms[0].z.as_mut().expect("two columns");
    z[n..].iter_mut().for_each(|v| *v = 1e6 * (*v + 300.0));
    let mut theta = fitted(&design, &Settings::default()).solution.theta;
    theta[1] *= 1.01;
    theta[2] *= 2.0;
    refused(&design, &theta, Some("term0"));
}
