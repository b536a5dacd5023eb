//! The pieces of Satterthwaite's and of Kenward and Roger's approximation against dense matrices.

mod common;

use common::{differences, distance, plans, random_design, some_theta, Design, Plan};
use faer::linalg::solvers::{DenseSolveCore, Solve};
use faer::{Mat, MatRef, Side};
use lmm::components::Components;
use lmm::curvature::{Coordinates, Curvature};
use lmm::fit::at;
use lmm::information::Information;
use lmm::kenward_roger::kenward_roger;
use lmm::lambda::{condition, uncondition};
use lmm::optimize::{evaluate, Work};
use lmm::satterthwaite::satterthwaite;
use lmm::Model;

/// V0, X, and `V_s` of every entry of Sigma in the conditioned columns.
struct Parts {
    v: Mat<f64>,
    x: Mat<f64>,
    directions: Vec<Mat<f64>>,
}

fn parts(design: &Design, model: &Model, theta: &[f64]) -> Parts {
    let n = design.n;
    let inner = condition(&model.terms, theta);
    let lambdas = lmm::lambda::from_theta(&model.terms, &inner);
    let weight = |i: usize| design.weights.as_ref().map_or(1.0, |w| w[i]);
    let mut v = Mat::from_fn(n, n, |i, j| if i == j { 1.0 / weight(i) } else { 0.0 });
    let mut directions = Vec::new();
    for ((own, term), lambda) in design.terms.iter().zip(&model.terms).zip(&lambdas) {
        let p = own.p;
        let z = Mat::from_fn(n, p, |i, k| {
            let value = |l: usize| own.z.as_ref().map_or(1.0, |z| z[i + l * n]);
            (0..p)
                .map(|l| value(l) * term.r_inverse[l + k * p])
                .sum::<f64>()
        });
        let same = |i: usize, j: usize| (own.codes[i] == own.codes[j]) as u8 as f64;
        let spread = |sigma: &Mat<f64>| {
            let product = &z * sigma * z.transpose();
            Mat::from_fn(n, n, |i, j| same(i, j) * product[(i, j)])
        };
        let lambda = MatRef::from_column_major_slice(lambda, p, p);
        v += spread(&(lambda * lambda.transpose()));
        for b in 0..p {
            for a in b..p {
                let mut e = Mat::zeros(p, p);
                e[(a, b)] = 1.0;
                e[(b, a)] = 1.0;
                directions.push(spread(&e));
            }
        }
    }
    let x = Mat::from_fn(n, design.p, |i, j| design.x[i + j * n]);
    Parts { v, x, directions }
}

fn trace(a: &Mat<f64>) -> f64 {
    (0..a.nrows()).map(|i| a[(i, i)]).sum()
}

fn flat(a: &Mat<f64>) -> Vec<f64> {
    let (rows, columns) = (a.nrows(), a.ncols());
    (0..rows * columns)
        .map(|i| a[(i % rows, i / rows)])
        .collect()
}

fn check(design: &Design, theta: &[f64], name: &str) {
    let model = design.model();
    let mut work = Work::new(&model).expect("memory");
    let inner = condition(&model.terms, theta);
    evaluate(&model, &mut work, &inner, &Default::default()).expect("a value");
    let (pls, d) = (&work.pls, &work.derivatives);
    let found = Information::new(&model, pls, d, 8e9, &Default::default()).expect("fits");
    let Parts { v, x, directions } = parts(design, &model, theta);
    let inverse = v.llt(Side::Lower).expect("positive definite").inverse();
    let rx = at(&model, theta, false, &Default::default())
        .expect("a value")
        .rx;
    let rx = MatRef::from_column_major_slice(&rx, model.p, model.p).to_owned();
    let basis = rx
        .transpose()
        .partial_piv_lu()
        .solve(x.transpose())
        .transpose()
        .to_owned();
    let (k, p) = (found.k, found.p);
    let vx = &inverse * &basis;
    for s in 0..k {
        let vs = &inverse * &directions[s];
        assert!((found.linear[s] - trace(&vs)).abs() < 1e-8, "{name}: t {s}");
        let fixed = vx.transpose() * &directions[s] * &vx;
        assert!(
            distance(found.fixed_of(s), &flat(&fixed)) < 1e-9,
            "{name}: K {s}"
        );
        for t in 0..=s {
            let expected = trace(&(&vs * &inverse * &directions[t]));
            let value = found.trace[s + t * k];
            let close = (value - expected).abs() < 1e-8 * expected.abs().max(1.0);
            assert!(close, "{name}: T {s} {t}: {value} {expected}");
            let cross = vx.transpose() * &directions[s] * &inverse * &directions[t] * &vx;
            assert!(
                distance(found.cross_of(s, t), &flat(&cross)) < 1e-9,
                "{name}: Q {s} {t}"
            );
        }
    }
    assert_eq!(p, design.p);
}

#[test]
fn sums_over_all_blocks_agree_with_dense_matrices() {
    for (k, plan) in plans().into_iter().enumerate() {
        let design = random_design(k as u64, plan);
        for singular in [false, true] {
            let theta = some_theta(k as u64, &design, singular);
            check(&design, &theta, &format!("plan {k} singular {singular}"));
        }
    }
}

/// Three levels of nesting with a sparse trailing block, in many components.
fn nested() -> Design {
    random_design(
        5,
        Plan {
            n: 600,
            reml: true,
            weights: true,
            offset: false,
            terms: &[(0, 240, 1), (1, 120, 2), (2, 40, 1)],
            nested: true,
        },
    )
}

#[test]
fn components_of_a_nested_design_are_the_outermost_levels() {
    let design = nested();
    let model = design.model();
    let parts = Components::new(&model);
    assert_eq!(model.trailing.kind(), "sparse");
    assert_eq!(parts.list.len(), 40);
    assert_eq!(parts.largest(), 7);
    let levels: usize = parts.list.iter().map(|c| c.levels.len()).sum();
    assert_eq!(levels, 240);
    check(&design, &[0.7, 0.5, 0.2, 0.4, 0.6], "nested");
}

#[test]
fn threads_do_not_change_a_bit() {
    let design = nested();
    let mut data = design.data();
    let theta = [0.7, 0.5, 0.2, 0.4, 0.6];
    let one = Model::new(&data, &Default::default()).expect("valid");
    data.threads = 2;
    let mut two = Model::new(&data, &Default::default()).expect("valid");
    two.pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().ok();
    let a = kenward_roger(&one, &theta, 8e9, &Default::default()).expect("fits");
    let b = kenward_roger(&two, &theta, 8e9, &Default::default()).expect("fits");
    assert_eq!((a.w, a.u), (b.w, b.u));
}

#[test]
fn kenward_and_roger_agree_with_their_formulas_in_dense_matrices() {
    for (index, plan) in plans().into_iter().enumerate().filter(|(_, p)| p.reml) {
        let design = random_design(index as u64, plan);
        let model = design.model();
        let theta = some_theta(index as u64, &design, false);
        let found = kenward_roger(&model, &theta, 8e9, &Default::default()).expect("fits");
        let Parts {
            v,
            x,
            mut directions,
        } = parts(&design, &model, &theta);
        // the residual variance as a direction of its own, as in the paper
        let residual = |i: usize| design.weights.as_ref().map_or(1.0, |w| 1.0 / w[i]);
        let identity = Mat::from_fn(
            design.n,
            design.n,
            |i, j| if i == j { residual(i) } else { 0.0 },
        );
        directions.insert(0, identity);
        let inverse = v.llt(Side::Lower).expect("positive definite").inverse();
        let information = x.transpose() * &inverse * &x;
        let phi = information
            .llt(Side::Lower)
            .expect("positive definite")
            .inverse();
        let vx = &inverse * &x;
        let p0 = &inverse - &vx * &phi * vx.transpose();
        let size = directions.len();
        let expected = Mat::from_fn(size, size, |s, t| {
            0.5 * trace(&(&p0 * &directions[s] * &p0 * &directions[t]))
        });
        let w = expected
            .llt(Side::Lower)
            .expect("positive definite")
            .inverse();
        let mut sum = Mat::<f64>::zeros(3, 3);
        for s in 0..size {
            for t in 0..size {
                let q = vx.transpose() * &directions[s] * &inverse * &directions[t] * &vx;
                let ps = vx.transpose() * &directions[s] * &vx;
                let pt = vx.transpose() * &directions[t] * &vx;
                sum += (q - ps * &phi * pt) * faer::Scale(w[(s, t)]);
            }
        }
        let adjusted = &phi + &phi * sum * &phi * faer::Scale(2.0);
        let rx = at(&model, &theta, false, &Default::default())
            .expect("a value")
            .rx;
        let root = MatRef::from_column_major_slice(&rx, 3, 3).to_owned();
        let u = MatRef::from_column_major_slice(&found.u, 3, 3);
        let inner = Mat::<f64>::identity(3, 3) + u * faer::Scale(2.0);
        let back = root.partial_piv_lu().inverse();
        let own = &back * inner * back.transpose();
        assert!(
            distance(&flat(&own), &flat(&adjusted)) < 1e-9,
            "plan {index}"
        );
    }
}

/// `log l'(X'V0^-1 X)^-1 l + log r^2` of the user's theta.
fn log_variance(model: &Model, theta: &[f64], l: &[f64]) -> f64 {
    let s = at(model, theta, false, &Default::default()).expect("a value");
    let p = model.p;
    let lower = lmm::small::transpose(&s.rx, p, p);
    let mut q = l.to_vec();
    lmm::small::solve_lower(&lower, p, &mut q, 1);
    (lmm::small::dot(&q, &q) * s.sigma * s.sigma).ln()
}

#[test]
fn the_gradient_of_a_variance_agrees_with_differences() {
    for (index, plan) in plans().into_iter().enumerate() {
        let design = random_design(index as u64, plan);
        let model = design.model();
        let theta = some_theta(index as u64, &design, false);
        let pieces = satterthwaite(&model, &theta, 1e11, &Default::default()).expect("a value");
        let inner = condition(&model.terms, &theta);
        for l in [[1.0, 0.0, 0.0], [0.3, -1.0, 2.0]] {
            let rx = at(&model, &theta, false, &Default::default())
                .expect("a value")
                .rx;
            let mut q = l.to_vec();
            lmm::small::solve_lower(&lmm::small::transpose(&rx, 3, 3), 3, &mut q, 1);
            let found = pieces.log_gradient(&q);
            let expected = differences(&inner, |t| {
                log_variance(&model, &uncondition(&model.terms, t), &l)
            });
            assert!(
                distance(&found, &expected) < 1e-7,
                "plan {index}: {found:?} {expected:?}"
            );
        }
    }
}

/// The Hessian that is found for Satterthwaite's method, how, and the one from all blocks of N.
fn hessians(
    terms: &'static [(usize, usize, usize)],
    reml: bool,
    theta: &[f64],
) -> (Vec<f64>, &'static str, Vec<f64>) {
    let design = random_design(
        11,
        Plan {
            n: 6000,
            reml,
            weights: false,
            offset: false,
            terms,
            nested: false,
        },
    );
    let model = design.model();
    assert_eq!(model.trailing.kind(), "dense");
    let found = satterthwaite(&model, theta, 1e11, &Default::default()).expect("a value");
    let mut work = Work::new(&model).expect("memory");
    let inner = condition(&model.terms, theta);
    evaluate(&model, &mut work, &inner, &Default::default()).expect("a value");
    let Work {
        pls, derivatives, ..
    } = work;
    let curvature = Curvature::new(&model, &pls, &derivatives, &inner, Coordinates::Conditioned);
    let exact = curvature.exact(&lmm::trace::trace(&model, &pls, &derivatives, &curvature));
    (found.hessian, found.source, exact)
}

#[test]
fn the_hessian_from_passes_over_n_agrees_with_the_one_from_all_of_it() {
    // (factor, levels, columns) of each term
    let wide: &[(usize, usize, usize)] = &[(0, 400, 2), (1, 300, 2), (2, 150, 1)];
    let scalar: &[(usize, usize, usize)] = &[(0, 500, 1), (1, 400, 1), (2, 300, 1)];
    let shared: &[(usize, usize, usize)] = &[(0, 500, 2), (0, 500, 1), (1, 400, 1)];
    for (terms, theta) in [
        (wide, vec![0.7, 0.2, 0.5, 0.6, -0.1, 0.4, 0.3]),
        (scalar, vec![0.7, 0.5, 0.3]),
        (shared, vec![0.7, 0.2, 0.5, 0.6, 0.3]),
    ] {
        for reml in [true, false] {
            let (found, source, exact) = hessians(terms, reml, &theta);
            assert_eq!(source, "exact");
            assert!(distance(&found, &exact) < 1e-11, "{found:?} {exact:?}");
        }
    }
}

#[test]
fn the_hessian_by_differences_agrees_with_the_exact_one() {
    // levels of nine effects each are too wide for a pass over N
    let terms: &[(usize, usize, usize)] = &[(0, 120, 9), (1, 400, 1)];
    let mut theta = Vec::new();
    for column in 0..9 {
        theta.push(0.5);
        theta.extend((column + 1..9).map(|row| 0.1 / row as f64));
    }
    theta.push(0.4);
    for reml in [true, false] {
        let (found, source, exact) = hessians(terms, reml, &theta);
        assert_eq!(source, "differences");
        assert!(distance(&found, &exact) < 1e-7, "{found:?} {exact:?}");
    }
}
