//! Another response on the same design: the same fit as from the start.

mod common;

use common::{plans, random_design, Design as Data};
use lmm::fit::{fit, Settings};
use lmm::model::{Model, ModelData};
use lmm::refits::{refit_columns, Wanted};
use lmm::response::{Design, Refitter};
use lmm::simulate::Stream;
use lmm::LmmError;

fn other_responses(data: &Data, count: u64) -> Vec<Vec<f64>> {
    (0..count)
        .map(|k| {
            let mut s = Stream::new(5, k);
            let scale = 10f64.powi(3 * k as i32 - 3);
            data.y.iter().map(|v| scale * (v + s.normal())).collect()
        })
        .collect()
}

/// Each term as one whose scale is that of its columns.
fn wanted(data: &Data) -> Wanted {
    let unit = |p: usize| (0..p * p).map(|k| f64::from(k % p == k / p)).collect();
    Wanted {
        scales: data.terms.iter().map(|t| unit(t.p)).collect(),
        ..Wanted::default()
    }
}

fn columns(responses: &[Vec<f64>]) -> Vec<f64> {
    responses.concat()
}

#[test]
fn a_response_is_fitted_as_if_the_model_were_made_for_it() {
    for (k, plan) in plans().into_iter().enumerate() {
        let data = random_design(300 + k as u64, plan);
        let progress = Default::default();
        let design = Design::new(&data.data(), &progress).expect("a valid design");
        let mut refitter = Refitter::new(&design).expect("memory");
        for y in other_responses(&data, 3) {
            let own = ModelData {
                y: &y,
                ..data.data()
            };
            let model = Model::new(&own, &progress).expect("a valid model");
            for start in [None, Some(common::some_theta(3, &data, false))] {
                let settings = Settings {
                    start,
                    ..Settings::default()
                };
                let expected = fit(&model, &settings, &Default::default()).expect("fits");
                let found = refitter
                    .fit(&y, &settings, &Default::default())
                    .expect("fits");
                let (a, b) = (&found.solution, &expected.solution);
                assert_eq!(a.criterion, b.criterion, "plan {k}");
                assert_eq!(a.theta, b.theta, "plan {k}");
                assert_eq!(
                    (&a.beta, &a.u, a.sigma),
                    (&b.beta, &b.u, b.sigma),
                    "plan {k}"
                );
                assert_eq!(found.trace.len(), expected.trace.len(), "plan {k}");
                assert!(found.certificate.certified, "plan {k}");
            }
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    for plan in plans() {
        let data = random_design(21, plan);
        let responses = columns(&other_responses(&data, 40));
        let fits = |threads| {
            let own = ModelData {
                threads,
                ..data.data()
            };
            let fits = refit_columns(&own, &responses, &wanted(&data), &Default::default());
            let text = |f: &Result<lmm::refits::Refit, LmmError>| format!("{f:?}");
            fits.expect("a valid design")
                .iter()
                .map(text)
                .collect::<Vec<_>>()
        };
        let one = fits(1);
        assert_eq!(one.len(), 40);
        assert_eq!(one, fits(2));
        assert_eq!(one, fits(8));
    }
}

#[test]
fn missing_values_leave_rows_out_of_their_own_response_only() {
    for (k, plan) in plans().into_iter().enumerate() {
        let data = random_design(40 + k as u64, plan);
        let mut responses = other_responses(&data, 5);
        responses[1][3] = f64::NAN;
        responses[1][17] = f64::NAN;
        responses[2][3] = f64::NAN;
        responses[2][17] = f64::NAN;
        responses[4].fill(f64::NAN);
        let fits = refit_columns(
            &data.data(),
            &columns(&responses),
            &wanted(&data),
            &Default::default(),
        )
        .expect("a valid design");
        assert!(fits[4].is_err());
        for (y, found) in responses.iter().zip(&fits).take(4) {
            let rows: Vec<usize> = (0..data.n).filter(|&i| y[i].is_finite()).collect();
            let subset = picked(&data, y, &rows);
            let expected = fit(&subset.model(), &Settings::default(), &Default::default());
            let expected = expected.expect("fits").solution;
            let found = found.as_ref().expect("fits");
            assert_eq!(found.n, rows.len());
            let difference = (found.solution.criterion - expected.criterion).abs();
            assert!(
                difference < 1e-8 * expected.criterion.abs(),
                "plan {k}: {difference}"
            );
        }
    }
}

fn picked(data: &Data, y: &[f64], rows: &[usize]) -> Data {
    let pick = |v: &[f64]| -> Vec<f64> { rows.iter().map(|&i| v[i]).collect() };
    let matrix = |m: &[f64]| -> Vec<f64> { m.chunks_exact(data.n).flat_map(pick).collect() };
    let mut own = data.clone();
    own.n = rows.len();
    own.x = matrix(&data.x);
    own.y = pick(y);
    own.weights = data.weights.as_deref().map(pick);
    own.offset = data.offset.as_deref().map(pick);
    for t in &mut own.terms {
        t.codes = rows.iter().map(|&i| t.codes[i]).collect();
        t.z = t.z.as_deref().map(matrix);
    }
    own
}

#[test]
fn a_response_that_cannot_be_fitted_does_not_stop_the_others() {
    let data = random_design(9, plans()[4]);
    let mut responses = other_responses(&data, 3);
    responses[0] = data.x[data.n..2 * data.n].to_vec();
    responses[1][2] = f64::INFINITY;
    let fits = refit_columns(
        &data.data(),
        &columns(&responses),
        &wanted(&data),
        &Default::default(),
    )
    .expect("a valid design");
    assert_eq!(fits[0].as_ref().err(), Some(&LmmError::PerfectFit));
    assert!(matches!(fits[1], Err(LmmError::NotFinite { row: 3, .. })));
    assert!(fits[2].is_ok());
}

#[test]
fn a_stop_ends_all() {
    let data = random_design(9, plans()[4]);
    let progress = lmm::progress::Progress::default();
    progress.stop();
    let stopped = refit_columns(&data.data(), &data.y, &wanted(&data), &progress);
    assert_eq!(stopped.err(), Some(LmmError::Interrupted));
}

#[test]
fn standard_errors_and_correlations_are_those_of_the_formulas() {
    let data = random_design(12, plans()[7]);
    let own = wanted(&data);
    let fits = refit_columns(&data.data(), &data.y, &own, &Default::default()).expect("valid");
    let refit = fits[0].as_ref().expect("fits");
    let s = &refit.solution;
    let (p, rx) = (data.p, &s.rx);
    for (k, se) in refit.se.iter().enumerate() {
        // e_k'(R'R)^-1 e_k by two triangular solves
        let mut v = vec![0.0; p];
        v[k] = 1.0;
        for a in 0..p {
            for b in 0..a {
                v[a] -= rx[b + a * p] * v[b];
            }
            v[a] /= rx[a + a * p];
        }
        let expected = s.sigma * v.iter().map(|x| x * x).sum::<f64>().sqrt();
        assert!((se - expected).abs() < 1e-12 * expected);
    }
    let (t, q) = (&s.theta, &refit.parameters);
    assert!((q[0] - s.sigma * t[0]).abs() < 1e-14 * q[0]);
    assert!((q[1] - s.sigma * t[1].hypot(t[2])).abs() < 1e-14 * q[1]);
    assert!((q[2] - t[1] / t[1].hypot(t[2])).abs() < 1e-14);
    assert_eq!(q.len(), 3 + 6 + 1);
    assert_eq!(q[9], s.sigma);
}
