//! A given theta in place of a search.

mod common;

use common::{distance, random_design, some_theta, Plan};
use lmm::fit::{adopt, at, fit, Settings};

const PLAN: Plan = Plan {
    n: 120,
    reml: true,
    weights: false,
    offset: false,
    terms: &[(0, 12, 2), (1, 7, 1)],
    nested: false,
};

#[test]
fn an_optimum_is_certified_and_another_point_is_not() {
    let design = random_design(5, PLAN);
    let model = design.model();
    let found = fit(&model, &Settings::default(), &Default::default()).expect("fits");
    let again = adopt(&model, &found.solution.theta, &Default::default()).expect("evaluates");
    assert!(again.certificate.certified, "{}", again.certificate.text);
    assert!(distance(&again.solution.theta, &found.solution.theta) < 1e-12);
    assert!((again.solution.criterion - found.solution.criterion).abs() < 1e-9);

    let other = some_theta(3, &design, false);
    let adopted = adopt(&model, &other, &Default::default()).expect("evaluates");
    let evaluated = at(&model, &other, false, &Default::default()).expect("evaluates");
    assert!(!adopted.certificate.certified);
    assert!(!adopted.converged);
    assert_eq!(adopted.solution.criterion, evaluated.criterion);
    assert_eq!(adopted.solution.beta, evaluated.beta);
}
