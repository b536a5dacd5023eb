//! Bootstrap samples have the model's distribution, and depend on seed and number alone.

mod common;

use common::{plans, random_design, Design as Data};
use lmm::bootstrap::{bootstrap, bootstrap_cases, jackknife, Cases, Plan, Range, Sampler, Source};
use lmm::model::ModelData;
use lmm::refits::Wanted;
use lmm::response::Design;
use lmm::simulate::Stream;

fn sampling_plan(data: &Data, source: Source) -> Plan {
    Plan {
        mean: (0..data.n).map(|i| 0.1 * i as f64).collect(),
        theta: common::some_theta(4, data, false),
        sigma: 1.5,
        drawn: vec![true; data.terms.len()],
        source,
    }
}

/// Standardised numbers with mean zero and unit covariance: +-1 in orthogonal patterns.
fn two_points(data: &Data) -> Source {
    let effects = data.terms.iter().map(|t| {
        assert!(t.levels % 4 == 0 && t.p <= 2);
        (0..t.levels * t.p)
            .map(|k| {
                if (k / t.p) >> (k % t.p) & 1 == 0 {
                    1.0
                } else {
                    -1.0
                }
            })
            .collect()
    });
    Source::Resampled {
        effects: effects.collect(),
        residuals: (0..data.n)
            .map(|i| if i % 2 == 0 { 1.0 } else { -1.0 })
            .collect(),
    }
}

/// Data whose terms have four or eight levels.
fn small_data(weights: bool) -> Data {
    let plan = common::Plan {
        n: 24,
        reml: true,
        weights,
        offset: true,
        terms: &[(0, 8, 2), (1, 4, 1)],
        nested: false,
    };
    random_design(31, plan)
}

/// `sigma^2 (W^-1 + Z Lambda Lambda' Z')` row by row.
fn covariance(data: &Data, plan: &Plan) -> Vec<f64> {
    let n = data.n;
    let mut v = vec![0.0; n * n];
    let mut at = 0;
    for t in &data.terms {
        let mut lambda = vec![0.0; t.p * t.p];
        for b in 0..t.p {
            for a in b..t.p {
                lambda[a + b * t.p] = plan.theta[at];
                at += 1;
            }
        }
        let row = |i: usize| -> Vec<f64> {
            let z = |k: usize| t.z.as_ref().map_or(1.0, |z| z[i + k * n]);
            (0..t.p)
                .map(|b| (0..t.p).map(|a| z(a) * lambda[a + b * t.p]).sum())
                .collect()
        };
        for i in 0..n {
            for j in (0..n).filter(|&j| t.codes[i] == t.codes[j]) {
                let product: f64 = row(i).iter().zip(row(j)).map(|(x, y)| x * y).sum();
                v[i * n + j] += product;
            }
        }
    }
    for i in 0..n {
        v[i * n + i] += data.weights.as_ref().map_or(1.0, |w| 1.0 / w[i]);
    }
    v.iter().map(|x| plan.sigma * plan.sigma * x).collect()
}

#[test]
fn draws_have_the_mean_and_the_covariance_of_the_model() {
    const DRAWS: u64 = 20_000;
    for weights in [false, true] {
        let data = small_data(weights);
        let design = Design::new(&data.data(), &Default::default()).expect("valid");
        for source in [Source::Normal, two_points(&data)] {
            let plan = sampling_plan(&data, source);
            let sampler = Sampler::new(&design, &plan).expect("valid");
            let expected = covariance(&data, &plan);
            let n = data.n;
            let (mut mean, mut square) = (vec![0.0; n], vec![0.0; n * n]);
            for k in 0..DRAWS {
                let y = sampler.draw(&mut Stream::new(8, k));
                let e: Vec<f64> = y.iter().zip(&plan.mean).map(|(y, m)| y - m).collect();
                for i in 0..n {
                    mean[i] += e[i] / DRAWS as f64;
                    for j in 0..n {
                        square[i * n + j] += e[i] * e[j] / DRAWS as f64;
                    }
                }
            }
            let root = (DRAWS as f64).sqrt();
            for i in 0..n {
                let sd = expected[i * n + i].sqrt();
                assert!(mean[i].abs() < 5.0 * sd / root, "mean {i}");
                for j in 0..n {
                    // the variance of a product of normals; two points vary less
                    let other = expected[j * n + j];
                    let noise = (sd * sd * other + expected[i * n + j].powi(2)).sqrt() / root;
                    let error = (square[i * n + j] - expected[i * n + j]).abs();
                    assert!(error < 5.0 * noise, "covariance {i} {j}: {error} {noise}");
                }
            }
        }
    }
}

#[test]
fn effects_that_are_kept_are_not_drawn() {
    let data = small_data(false);
    let design = Design::new(&data.data(), &Default::default()).expect("valid");
    let mut plan = sampling_plan(&data, Source::Normal);
    plan.sigma = 1e-9;
    plan.theta[3] = 1e9;
    plan.drawn = vec![false, true];
    let y = Sampler::new(&design, &plan)
        .expect("valid")
        .draw(&mut Stream::new(1, 1));
    let by_level = |level: i32| -> Vec<f64> {
        let rows = (0..data.n).filter(|&i| data.terms[1].codes[i] == level);
        rows.map(|i| y[i] - plan.mean[i]).collect()
    };
    for level in 1..=4 {
        let own = by_level(level);
        let z = data.terms[1].z.as_ref().expect("a column");
        let rows: Vec<usize> = (0..data.n)
            .filter(|&i| data.terms[1].codes[i] == level)
            .collect();
        let b = own[0] / z[rows[0]];
        assert!(b.abs() > 1e-3);
        assert!(own
            .iter()
            .zip(&rows)
            .all(|(e, &i)| (e - b * z[i]).abs() < 1e-6));
    }
}

fn summary(replicates: &[lmm::bootstrap::Replicate]) -> Vec<String> {
    replicates
        .iter()
        .map(|r| format!("{:?} {:?}", r.y, r.outcome))
        .collect()
}

/// The kind of the trailing block, and the replicates, on some threads.
fn on_threads(
    threads: usize,
    data: &Data,
    (plan, wanted): (&Plan, &Wanted),
    range: Range,
) -> (&'static str, Vec<String>) {
    let settings = ModelData {
        threads,
        ..data.data()
    };
    let design = Design::new(&settings, &Default::default()).expect("valid");
    let all = bootstrap(&design, plan, wanted, range, &Default::default());
    (design.model().trailing.kind(), summary(&all.expect("runs")))
}

#[test]
fn replicates_depend_on_their_number_alone() {
    for (k, own) in plans().into_iter().enumerate() {
        let data = random_design(60 + k as u64, own);
        let plan = sampling_plan(&data, Source::Normal);
        let wanted = Wanted {
            effects: true,
            ..Wanted::default()
        };
        let run = |threads: usize, first: u64, count: usize| {
            let seed = 77;
            let range = Range { seed, first, count };
            on_threads(threads, &data, (&plan, &wanted), range).1
        };
        let all = run(1, 0, 30);
        assert_eq!(all, run(2, 0, 30), "plan {k}");
        assert_eq!(all, run(8, 0, 30), "plan {k}");
        assert_eq!(all[12..], run(1, 12, 18)[..], "plan {k}");
    }
}

#[test]
fn a_plan_of_another_design_is_refused() {
    let data = small_data(false);
    let design = Design::new(&data.data(), &Default::default()).expect("valid");
    let good = sampling_plan(&data, two_points(&data));
    assert!(Sampler::new(&design, &good).is_ok());
    let mut short = good.clone();
    short.mean.pop();
    assert!(Sampler::new(&design, &short).is_err());
    let mut few = good.clone();
    if let Source::Resampled { effects, .. } = &mut few.source {
        effects[0].pop();
    }
    assert!(Sampler::new(&design, &few).is_err());
}

#[test]
fn groups_are_drawn_whole_and_rows_within_them() {
    let codes = [1, 2, 1, 3, 3, 3];
    let cases = |what| Cases::new(&codes, 3, what, vec![true]);
    let mut seen = [0; 3];
    for k in 0..3000 {
        let groups = cases((true, false)).draw(&mut Stream::new(2, k));
        for copy in 0..3 {
            let at = groups.copies.iter().zip(&groups.rows);
            let rows: Vec<usize> = at.filter(|(c, _)| **c == copy).map(|(_, r)| *r).collect();
            let group = codes[rows[0]] as usize - 1;
            seen[group] += 1;
            assert_eq!(rows, [vec![0, 2], vec![1], vec![3, 4, 5]][group]);
        }
        let rows = cases((false, true)).draw(&mut Stream::new(2, k));
        assert_eq!(rows.copies, [0, 0, 1, 2, 2, 2]);
        assert!(rows
            .rows
            .iter()
            .zip(&rows.copies)
            .all(|(&r, &c)| codes[r] == c as i32 + 1));
        let both = cases((true, true)).draw(&mut Stream::new(2, k));
        let group = |copy: u32| {
            let at = both.copies.iter().zip(&both.rows);
            let codes: Vec<i32> = at
                .filter(|(c, _)| **c == copy)
                .map(|(_, &r)| codes[r])
                .collect();
            codes.iter().all(|c| *c == codes[0])
        };
        assert!(group(0) && group(1) && group(2));
    }
    assert!(seen.iter().all(|s| (2800..3200).contains(s)), "{seen:?}");
}

#[test]
fn samples_of_cases_and_the_jackknife_are_fits_of_those_rows() {
    let data = random_design(3, plans()[5]);
    let own = data.data();
    let nested = data
        .terms
        .iter()
        .position(|t| t.levels == 4)
        .expect("the outer factor");
    let codes = &data.terms[nested].codes;
    let cases = Cases::new(codes, 4, (true, false), vec![true, true]);
    let wanted = Wanted::default();
    let range = Range {
        seed: 5,
        first: 0,
        count: 6,
    };
    let threads = |threads| {
        let own = ModelData {
            threads,
            ..data.data()
        };
        let all = bootstrap_cases(&own, &cases, &wanted, range, &Default::default());
        format!("{:?}", all.expect("runs"))
    };
    assert_eq!(threads(1), threads(4));
    let fits = bootstrap_cases(&own, &cases, &wanted, range, &Default::default()).expect("runs");
    for fit in &fits {
        let fit = fit.as_ref().expect("fits");
        assert_eq!(fit.levels[data.terms[nested].factor], 4);
    }
    let left = jackknife(&own, &cases, &wanted, &Default::default()).expect("runs");
    assert_eq!(left.len(), 4);
    for (g, fit) in left.iter().enumerate() {
        let fit = fit.as_ref().expect("fits");
        let rows = codes.iter().filter(|&&c| c as usize != g + 1).count();
        assert_eq!(fit.n, rows);
        assert_eq!(fit.levels[data.terms[nested].factor], 3);
    }
}

/// Crossed factors with a sparse trailing block, where second derivatives are dear.
fn large_data(seed: u64) -> Data {
    let plan = common::Plan {
        n: 1500,
        reml: true,
        weights: seed % 2 == 0,
        offset: false,
        terms: &[(0, 500, 1), (1, 400, 1)],
        nested: false,
    };
    random_design(seed, plan)
}

#[test]
fn fits_near_their_start_are_those_of_the_search() {
    for seed in 0..4 {
        let data = large_data(seed);
        let design = Design::new(&data.data(), &Default::default()).expect("valid");
        assert_eq!(design.model().trailing.kind(), "sparse");
        // the second one has replicates on the boundary
        let small = [0.7, 0.06][seed as usize % 2];
        let plan = Plan {
            mean: vec![1.0; data.n],
            theta: vec![0.5, small],
            sigma: 2.0,
            drawn: vec![true; 2],
            source: Source::Normal,
        };
        let run = |effects| {
            let settings = lmm::fit::Settings {
                start: Some(plan.theta.clone()),
                ..Default::default()
            };
            let wanted = Wanted {
                settings,
                effects,
                scales: vec![vec![1.0]; 2],
                df: false,
            };
            let range = Range {
                seed,
                first: 0,
                count: 25,
            };
            bootstrap(&design, &plan, &wanted, range, &Default::default()).expect("runs")
        };
        let (searched, near) = (run(true), run(false));
        let mut evaluations = [0, 0];
        for (a, b) in searched.iter().zip(&near) {
            let (a, b) = (
                a.outcome.as_ref().expect("fits"),
                b.outcome.as_ref().expect("fits"),
            );
            let gap = b.solution.criterion - a.solution.criterion;
            assert!(gap < 3e-8, "{gap}");
            assert!(common::distance(&a.solution.theta, &b.solution.theta) < 1e-4 || gap < -1e-8);
            assert!(common::distance(&a.solution.beta, &b.solution.beta) < 1e-6 || gap < -1e-8);
            assert_eq!(a.singular, b.singular);
            assert!(b.certificate.0);
            evaluations[0] += a.evaluations;
            evaluations[1] += b.evaluations;
        }
        let singular = near.iter().filter(|r| match &r.outcome {
            Ok(fit) => fit.singular.contains(&true),
            Err(_) => false,
        });
        assert_eq!(singular.count() > 0, small < 0.1);
        // a doubt, as at starts where the criterion is not convex, costs an evaluation
        let most = evaluations[0] + if small > 0.1 { 0 } else { 25 };
        assert!(evaluations[1] <= most, "{evaluations:?}");
        println!("evaluations of 25 fits: {evaluations:?}");
    }
}

#[test]
fn what_replicates_share_does_not_show_in_them() {
    let sparse = large_data(1);
    let dense = random_design(
        3,
        common::Plan {
            n: 4000,
            reml: true,
            weights: true,
            offset: false,
            terms: &[(0, 400, 2), (1, 150, 1)],
            nested: false,
        },
    );
    for (data, theta, kind) in [
        (sparse, vec![0.5, 0.06], "sparse"),
        (dense, vec![0.5, 0.1, 0.4, 0.3], "dense"),
    ] {
        let plan = Plan {
            mean: vec![1.0; data.n],
            drawn: vec![true; data.terms.len()],
            sigma: 2.0,
            source: Source::Normal,
            theta,
        };
        let wanted = Wanted {
            settings: lmm::fit::Settings {
                start: Some(plan.theta.clone()),
                ..Default::default()
            },
            scales: data.terms.iter().map(|t| identity(t.p)).collect(),
            ..Wanted::default()
        };
        let run = |threads: usize, first: u64, count: usize| {
            let seed = 7;
            let range = Range { seed, first, count };
            let (found, all) = on_threads(threads, &data, (&plan, &wanted), range);
            assert_eq!(found, kind);
            all
        };
        let all = run(1, 0, 8);
        assert_eq!(all, run(3, 0, 8), "{kind}");
        // a replicate that is the first, and shares nothing
        for k in 0..8 {
            assert_eq!(all[k..=k], run(1, k as u64, 1)[..], "{kind}");
        }
    }
}

fn identity(n: usize) -> Vec<f64> {
    let one = |k: usize| if k % (n + 1) == 0 { 1.0 } else { 0.0 };
    (0..n * n).map(one).collect()
}
