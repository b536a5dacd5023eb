//! Every quantity of the core against textbook formulas with dense matrices.

mod common;

use common::{dense, dense_gradient, differences, distance, plans, random_design, some_theta};
use lmm::fit::{at, conditional_covariances};

#[test]
fn criterion_beta_u_and_sigma_agree_with_dense_formulas() {
    for (k, plan) in plans().into_iter().enumerate() {
        let design = random_design(k as u64, plan);
        let model = design.model();
        for singular in [false, true] {
            let theta = some_theta(k as u64, &design, singular);
            let expected = dense(&design, &theta);
            let found = at(&model, &theta, false, &Default::default()).expect("evaluates");
            assert!(
                (found.criterion - expected.criterion).abs() < 1e-8,
                "plan {k} singular {singular}: {} {}",
                found.criterion,
                expected.criterion
            );
            assert!(distance(&found.theta, &theta) < 1e-12, "plan {k}");
            assert!(
                distance(&found.beta, &expected.beta) < 1e-9,
                "plan {k}: beta"
            );
            assert!(distance(&found.u, &expected.u) < 1e-9, "plan {k}: u");
            assert!(
                (found.sigma - expected.sigma).abs() < 1e-9,
                "plan {k}: sigma"
            );
        }
    }
}

#[test]
fn gradient_agrees_with_differences_of_the_dense_criterion() {
    for (k, plan) in plans().into_iter().enumerate() {
        let design = random_design(k as u64, plan);
        let model = design.model();
        for singular in [false, true] {
            let theta = some_theta(k as u64, &design, singular);
            let found = at(&model, &theta, false, &Default::default()).expect("evaluates");
            let expected = dense_gradient(&design, &theta);
            assert!(
                distance(&found.gradient, &expected) < 1e-6,
                "plan {k} singular {singular}: {:?} {expected:?}",
                found.gradient
            );
        }
    }
}

#[test]
fn exact_hessian_agrees_with_differences_of_the_gradient() {
    for (k, plan) in plans().into_iter().enumerate() {
        let design = random_design(k as u64, plan);
        let model = design.model();
        let theta = some_theta(k as u64, &design, false);
        let found = at(&model, &theta, true, &Default::default()).expect("evaluates");
        let hessian = found.hessian.expect("asked for");
        let q = theta.len();
        for t in 0..q {
            let column = differences(&theta, |th| {
                at(&model, th, false, &Default::default())
                    .expect("evaluates")
                    .gradient[t]
            });
            let own = &hessian[t * q..(t + 1) * q];
            assert!(
                distance(own, &column) < 2e-5,
                "plan {k}: {own:?} {column:?}"
            );
        }
    }
}

#[test]
fn conditional_covariances_agree_with_dense_formulas() {
    for (k, plan) in plans().into_iter().enumerate() {
        let design = random_design(k as u64, plan);
        let model = design.model();
        for singular in [false, true] {
            let theta = some_theta(k as u64, &design, singular);
            let expected: Vec<f64> = dense(&design, &theta)
                .conditional
                .iter()
                .flat_map(|m| {
                    let p = m.nrows();
                    (0..p * p).map(|i| m[(i % p, i / p)]).collect::<Vec<f64>>()
                })
                .collect();
            let found = conditional_covariances(&model, &theta, &Default::default())
                .expect("evaluates")
                .concat();
            assert!(
                distance(&found, &expected) < 1e-9,
                "plan {k} singular {singular}"
            );
        }
    }
}

#[test]
fn sparse_and_dense_trailing_blocks_agree() {
    let plan = common::Plan {
        n: 900,
        reml: true,
        weights: false,
        offset: false,
        terms: &[(0, 300, 1), (1, 60, 2), (2, 20, 1)],
        nested: true,
    };
    let design = random_design(5, plan);
    let sparse = design.model();
    assert_eq!(sparse.trailing.kind(), "sparse");
    let theta = [0.7, 0.5, 0.2, 0.4, 0.6];
    let expected = dense(&design, &theta);
    let found = at(&sparse, &theta, false, &Default::default()).expect("evaluates");
    assert!((found.criterion - expected.criterion).abs() < 1e-7);
    assert!(distance(&found.beta, &expected.beta) < 1e-8);
    assert!(distance(&found.u, &expected.u) < 1e-8);
    let slopes = differences(&theta, |t| {
        at(&sparse, t, false, &Default::default())
            .expect("evaluates")
            .criterion
    });
    assert!(
        distance(&found.gradient, &slopes) < 1e-6,
        "{:?} {slopes:?}",
        found.gradient
    );
    let hessian = at(&sparse, &theta, true, &Default::default())
        .expect("evaluates")
        .hessian;
    let hessian = hessian.expect("asked for");
    for k in 0..5 {
        let slopes = differences(&theta, |t| {
            at(&sparse, t, false, &Default::default())
                .expect("evaluates")
                .gradient[k]
        });
        assert!(
            distance(&hessian[k * 5..(k + 1) * 5], &slopes) < 1e-5,
            "{slopes:?}"
        );
    }
    let singular = [0.7, 0.5, 0.2, 0.0, 0.0];
    let zero = at(&sparse, &singular, false, &Default::default()).expect("evaluates");
    let slopes = differences(&singular, |t| {
        at(&sparse, t, false, &Default::default())
            .expect("evaluates")
            .criterion
    });
    assert!(
        distance(&zero.gradient, &slopes) < 1e-6,
        "{:?} {slopes:?}",
        zero.gradient
    );
}
