//! The search reaches a certified optimum, and estimates have the invariances of the model.

mod common;

use common::{dense_gradient, distance, plans, random_design, Design, Plan};
use lmm::fit::{at, fit, Settings};
use lmm::Fit;

fn fitted(design: &Design) -> Fit {
    fit(&design.model(), &Settings::default(), &Default::default()).expect("fits")
}

fn default_plan() -> Plan {
    Plan {
        n: 120,
        reml: true,
        weights: false,
        offset: false,
        terms: &[(0, 12, 2), (1, 7, 1)],
        nested: false,
    }
}

#[test]
fn random_designs_are_fitted_and_certified() {
    let mut evaluations = Vec::new();
    for (k, plan) in plans().into_iter().enumerate() {
        for seed in 0..20 {
            let design = random_design(1000 + seed, plan);
            let found = fitted(&design);
            assert!(
                found.certificate.certified,
                "plan {k} seed {seed}: {} {:?}",
                found.certificate.text, found.solution.theta
            );
            evaluations.push(found.trace.len());
        }
    }
    evaluations.sort_unstable();
    let median = evaluations[evaluations.len() / 2];
    let worst = evaluations[evaluations.len() - 1];
    println!("evaluations: median {median}, worst {worst}");
    assert!(median <= 9, "median number of evaluations {median}");
}

#[test]
fn no_other_start_finds_a_lower_criterion() {
    for (k, plan) in plans().into_iter().enumerate() {
        let design = random_design(77, plan);
        let best = fitted(&design).solution.criterion;
        let model = design.model();
        for seed in 0..6 {
            let start = common::some_theta(seed, &design, seed == 0);
            let settings = Settings {
                start: Some(start),
                ..Settings::default()
            };
            let other = fit(&model, &settings, &Default::default()).expect("fits");
            assert!(
                other.solution.criterion > best - 1e-6,
                "plan {k}: {best} {}",
                other.solution.criterion
            );
        }
    }
}

#[test]
fn the_gradient_of_the_dense_criterion_vanishes_at_an_inner_optimum() {
    let design = random_design(3, default_plan());
    let found = fitted(&design);
    let slopes = dense_gradient(&design, &found.solution.theta);
    assert!(slopes.iter().all(|v| v.abs() < 1e-3), "{slopes:?}");
}

#[test]
fn a_response_without_group_differences_gives_exact_zeros() {
    let mut design = random_design(
        3,
        Plan {
            terms: &[(0, 6, 1)],
            n: 60,
            ..default_plan()
        },
    );
    let codes = design.terms[0].codes.clone();
    for level in 1..=6 {
        let rows: Vec<usize> = (0..60).filter(|&i| codes[i] == level).collect();
        let centre = |v: &mut [f64]| {
            let mean = rows.iter().map(|&i| v[i]).sum::<f64>() / rows.len() as f64;
            rows.iter().for_each(|&i| v[i] -= mean);
        };
        centre(&mut design.y);
        centre(&mut design.x[60..120]);
        centre(&mut design.x[120..180]);
    }
    let found = fitted(&design);
    assert_eq!(found.solution.theta, vec![0.0]);
    assert!(found.certificate.certified);
}

#[test]
fn rescaling_a_covariate_moves_the_reml_criterion_by_its_logarithm() {
    for reml in [true, false] {
        let design = random_design(
            11,
            Plan {
                reml,
                ..default_plan()
            },
        );
        let before = fitted(&design).solution;
        for c in [1e-12, 1e12] {
            let mut scaled = design.clone();
            scaled.x[design.n..2 * design.n]
                .iter_mut()
                .for_each(|v| *v *= c);
            let after = fitted(&scaled).solution;
            let moved = if reml { 2.0 * f64::ln(c) } else { 0.0 };
            assert!((after.criterion - before.criterion - moved).abs() < 1e-7);
            assert!(distance(&after.theta, &before.theta) < 1e-6);
            assert!((after.beta[1] * c - before.beta[1]).abs() < 1e-8);
        }
    }
}

#[test]
fn shifting_a_covariate_with_free_intercept_covariance_changes_nothing() {
    let design = random_design(
        12,
        Plan {
            terms: &[(0, 12, 2)],
            ..default_plan()
        },
    );
    let before = fitted(&design).solution;
    for shift in [2000.0, 1e6] {
        let mut shifted = design.clone();
        let n = design.n;
        let z = shifted.terms[0].z.as_mut().expect("two columns");
        z[n..].iter_mut().for_each(|v| *v += shift);
        let after = fitted(&shifted).solution;
        assert!((after.criterion - before.criterion).abs() < 1e-6, "{shift}");
        let slope = |t: &[f64]| (t[1] * t[1] + t[2] * t[2]).sqrt();
        assert!(
            (slope(&after.theta) - slope(&before.theta)).abs() < 1e-6,
            "{shift}"
        );
    }
}

#[test]
fn a_large_constant_in_the_response_changes_nothing() {
    let design = random_design(13, default_plan());
    let before = fitted(&design).solution;
    let mut shifted = design.clone();
    shifted.y.iter_mut().for_each(|v| *v += 1e8);
    let after = fitted(&shifted).solution;
    assert!((after.criterion - before.criterion).abs() < 1e-5);
    assert!(distance(&after.theta, &before.theta) < 1e-6);
}

#[test]
fn the_response_may_have_any_unit() {
    let design = random_design(13, default_plan());
    let before = fitted(&design).solution;
    for c in [1e-150, 1e150] {
        let mut scaled = design.clone();
        scaled.y.iter_mut().for_each(|v| *v *= c);
        let after = fitted(&scaled).solution;
        assert!(distance(&after.theta, &before.theta) < 1e-7);
        assert!((after.sigma / c - before.sigma).abs() < 1e-9);
    }
}

#[test]
fn the_order_of_rows_and_levels_changes_nothing() {
    let design = random_design(14, default_plan());
    let before = fitted(&design).solution;
    let n = design.n;
    let mut other = design.clone();
    let from = |i: usize| (i * 7 + 3) % n;
    let permute = |v: &[f64]| -> Vec<f64> {
        v.chunks(n)
            .flat_map(|c| (0..n).map(|i| c[from(i)]).collect::<Vec<f64>>())
            .collect()
    };
    other.x = permute(&design.x);
    other.y = permute(&design.y);
    for (t, old) in other.terms.iter_mut().zip(&design.terms) {
        let levels = old.levels as i32;
        t.codes = (0..n).map(|i| levels + 1 - old.codes[from(i)]).collect();
        t.z = old.z.as_ref().map(|z| permute(z));
    }
    let after = fitted(&other).solution;
    assert!((after.criterion - before.criterion).abs() < 1e-8);
    assert!(distance(&after.theta, &before.theta) < 1e-6);
    assert!(distance(&after.beta, &before.beta) < 1e-7);
    let levels = design.terms[0].levels;
    assert!((after.u[0] - before.u[2 * (levels - 1)]).abs() < 1e-6);
}

#[test]
fn a_weight_of_two_is_two_rows_at_fixed_theta() {
    let mut design = random_design(
        15,
        Plan {
            terms: &[(0, 9, 2), (1, 5, 1)],
            ..default_plan()
        },
    );
    let n = design.n;
    design.weights = Some((0..n).map(|i| if i % 3 == 0 { 2.0 } else { 1.0 }).collect());
    let twice: Vec<usize> = (0..n)
        .flat_map(|i| if i % 3 == 0 { vec![i, i] } else { vec![i] })
        .collect();
    let expand = |v: &[f64]| -> Vec<f64> {
        v.chunks(n)
            .flat_map(|c| twice.iter().map(|&i| c[i]).collect::<Vec<f64>>())
            .collect()
    };
    let mut rows = design.clone();
    rows.n = twice.len();
    rows.weights = None;
    rows.x = expand(&design.x);
    rows.y = expand(&design.y);
    for t in rows.terms.iter_mut() {
        t.codes = twice.iter().map(|&i| t.codes[i]).collect();
        t.z = t.z.as_ref().map(|z| expand(z));
    }
    let theta = common::some_theta(4, &design, false);
    let a = at(&design.model(), &theta, false, &Default::default()).expect("evaluates");
    let b = at(&rows.model(), &theta, false, &Default::default()).expect("evaluates");
    assert!((a.parts[4] - b.parts[4]).abs() < 1e-8 * b.parts[4], "pwrss");
    assert!((a.parts[0] - b.parts[0]).abs() < 1e-9, "log determinant");
    assert!(distance(&a.beta, &b.beta) < 1e-9);
    assert!(distance(&a.u, &b.u) < 1e-9);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let plan = Plan {
        n: 12_000,
        terms: &[(0, 900, 1), (1, 400, 1)],
        ..default_plan()
    };
    let design = random_design(16, plan);
    let one = fitted(&design).solution;
    let mut data = design.data();
    data.threads = 2;
    let model = lmm::Model::new(&data, &Default::default()).expect("a valid design");
    assert!(model.pool.is_some());
    let two = fit(&model, &Settings::default(), &Default::default())
        .expect("fits")
        .solution;
    assert!((one.criterion - two.criterion).abs() < 1e-9);
    assert!(distance(&one.theta, &two.theta) < 1e-9);
    assert!(distance(&one.u, &two.u) < 1e-9);
}

#[test]
fn an_exactly_fitted_response_is_an_error() {
    let mut design = random_design(17, default_plan());
    let n = design.n;
    for i in 0..n {
        design.y[i] = 1.0 + design.x[n + i] + f64::from(design.terms[0].codes[i]);
    }
    let result = fit(&design.model(), &Settings::default(), &Default::default());
    assert_eq!(result.err().map(|e| e.kind()), Some("perfect_fit"));
    for i in 0..n {
        design.y[i] = 1.0 + design.x[n + i];
    }
    let result = lmm::Model::new(&design.data(), &Default::default());
    assert_eq!(result.err().map(|e| e.kind()), Some("perfect_fit"));
}

#[test]
fn redundant_fixed_effects_are_left_out() {
    let mut design = random_design(18, default_plan());
    let n = design.n;
    let before = fitted(&design).solution;
    let copy: Vec<f64> = (0..n)
        .map(|i| design.x[n + i] - 2.0 * design.x[i])
        .collect();
    design.x.extend(copy);
    design.p = 4;
    assert_eq!(design.model().fixed.kept, vec![0, 1, 2]);
    let after = fitted(&design).solution;
    assert!((after.criterion - before.criterion).abs() < 1e-9);
}

#[test]
fn a_model_without_fixed_effects_works() {
    let mut design = random_design(19, default_plan());
    design.p = 0;
    design.x.clear();
    let found = fitted(&design);
    let expected = common::dense(&design, &found.solution.theta);
    assert!((found.solution.criterion - expected.criterion).abs() < 1e-8);
    assert!(found.certificate.certified);
}

#[test]
fn a_stop_is_obeyed() {
    let design = random_design(20, default_plan());
    let progress = lmm::progress::Progress::default();
    progress.stop();
    let model = design.model();
    let result = fit(&model, &Settings::default(), &progress);
    assert_eq!(result.err(), Some(lmm::LmmError::Interrupted));
}
