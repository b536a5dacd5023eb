use lmm::curvature::*;
use lmm::optimize::*;
use lmm::profile::*;
use lmm::*;
use std::time::Instant;
fn main() {
    let n = 144;
    let mut s = lmm::simulate::Stream::new(1, 1);
    let plate: Vec<i32> = (0..n).map(|i| (i / 6) as i32 + 1).collect();
    let sample: Vec<i32> = (0..n).map(|i| (i % 6) as i32 + 1).collect();
    let bp: Vec<f64> = (0..24).map(|_| s.normal()).collect();
    let bs: Vec<f64> = (0..6).map(|_| 2.0 * s.normal()).collect();
    let y: Vec<f64> = (0..n)
        .map(|i| 20.0 + 0.9 * bp[i / 6] + bs[i % 6] + 0.55 * s.normal())
        .collect();
    let x = vec![1.0; n];
    let data = ModelData {
        x: &x,
        columns: vec!["a".into()],
        y: &y,
        weights: None,
        offset: None,
        terms: vec![
            TermData {
                name: "p".into(),
                factor: 0,
                n_levels: 24,
                codes: &plate,
                z: None,
                p: 1,
            },
            TermData {
                name: "s".into(),
                factor: 1,
                n_levels: 6,
                codes: &sample,
                z: None,
                p: 1,
            },
        ],
        reml: false,
        threads: 1,
        available_bytes: 1e9,
    };
    let pr = Default::default();
    let model = Model::new(&data, &pr).unwrap();
    let mut work = Work::new(&model).unwrap();
    let th = vec![1.5, 3.0];
    macro_rules! t {
        ($n:expr,$e:expr) => {
            for _ in 0..50 {
                let _ = $e;
            }
            let t = Instant::now();
            for _ in 0..500 {
                let _ = std::hint::black_box($e);
            }
            println!("{} {:.2} us", $n, t.elapsed().as_secs_f64() * 2e3);
        };
    }
    t!("pls", work.pls.update(&model, &th, &pr));
    t!("der", work.derivatives.update(&model, &mut work.pls, &pr));
    t!(
        "curv",
        Curvature::new(
            &model,
            &work.pls,
            &work.derivatives,
            &th,
            Coordinates::Conditioned
        )
    );
    let c = Curvature::new(
        &model,
        &work.pls,
        &work.derivatives,
        &th,
        Coordinates::Conditioned,
    );
    t!(
        "trace",
        lmm::trace::trace(&model, &work.pls, &work.derivatives, &c)
    );
    let u = lmm::start::start(&model).1;
    for f in [
        Focus::Sigma,
        Focus::Fixed(0),
        Focus::Deviation { term: 0, column: 0 },
    ] {
        let fr = lmm::profile::coordinates::Frame::new(&model, &u, f);
        let x = fr.locate(&model, &th, -1.0, &[0.1]);
        t!(
            "evaluate",
            lmm::profile::criterion::evaluate(&model, &mut work, &fr, &x, &pr)
        );
        let plan = Plan {
            foci: vec![f],
            range: Range {
                cutoff: 1.96,
                delta: 1.96 / 5.,
                most: 50,
            },
            theta: None,
            search: true,
            threads: 1,
        };
        let p = profile::profile(&model, &plan, &pr).unwrap();
        let plan = Plan {
            theta: Some(p.solution.theta.clone()),
            search: false,
            ..plan
        };
        println!(
            "evals {} {:?}",
            p.evaluations,
            p.curves[0]
                .points
                .iter()
                .map(|p| p.zeta)
                .collect::<Vec<_>>()
        );
        t!("profile", profile::profile(&model, &plan, &pr));
    }
}
