//! The kernels at three sizes: model construction, one evaluation without and with derivatives,
//! and a whole fit. `cargo bench -p lmm`, or `cargo bench -p lmm -- insteval/value`.
//!
//! The data are simulated with the dimensions of sleepstudy (18 subjects, 10 days each, random
//! slope), InstEval (73,421 ratings; students, lecturers and departments crossed) and the maximal
//! model of Kronmueller and Barr 2007 (56 subjects, 32 items, 8 columns each).

use std::hint::black_box;
use std::time::Duration;

use criterion::{criterion_group, criterion_main, Criterion};
use lmm::criterion::value;
use lmm::fit::{fit, Settings};
use lmm::optimize::{evaluate, Work};
use lmm::progress::{Progress, Step};
use lmm::simulate::Stream;
use lmm::start::start;
use lmm::{Model, ModelData, TermData};

/// Levels of each factor, level of each row, and columns of its term (n x p).
struct Term {
    levels: usize,
    codes: Vec<i32>,
    z: Vec<f64>,
}

/// Owns what a [`ModelData`] borrows; the fixed effects are the columns of the first term.
struct Data {
    name: &'static str,
    y: Vec<f64>,
    x: Vec<f64>,
    terms: Vec<Term>,
    reml: bool,
}

impl Data {
    fn model(&self) -> Model {
        let n = self.y.len();
        let terms = self.terms.iter().enumerate().map(|(factor, t)| TermData {
            name: format!("factor {factor}"),
            factor,
            n_levels: t.levels,
            codes: &t.codes,
            z: Some(&t.z),
            p: t.z.len() / n,
        });
        let data = ModelData {
            x: &self.x,
            columns: (0..self.x.len() / n).map(|k| format!("x{k}")).collect(),
            y: &self.y,
            weights: None,
            offset: None,
            terms: terms.collect(),
            reml: self.reml,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            available_bytes: 8e9,
        };
        Model::new(&data, &Progress::default()).expect("a valid design")
    }

    /// Fixed effects of one, effects of `size` in every column of every level, noise of one.
    fn simulate(&mut self, s: &mut Stream, size: f64) {
        let n = self.y.len();
        self.y = (0..n).map(|_| s.normal()).collect();
        for column in self.x.chunks_exact(n) {
            self.y.iter_mut().zip(column).for_each(|(y, x)| *y += x);
        }
        for t in &self.terms {
            let p = t.z.len() / n;
            let b: Vec<f64> = (0..t.levels * p).map(|_| size * s.normal()).collect();
            for (i, y) in self.y.iter_mut().enumerate() {
                let at = (t.codes[i] as usize - 1) * p;
                *y += (0..p).map(|k| t.z[i + k * n] * b[at + k]).sum::<f64>();
            }
        }
    }
}

/// Columns from a function of row and column.
fn columns(n: usize, p: usize, f: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    (0..p)
        .flat_map(|k| (0..n).map(move |i| (i, k)))
        .map(|(i, k)| f(i, k))
        .collect()
}

fn sleepstudy() -> Data {
    let n = 180;
    let x = columns(n, 2, |i, k| if k == 0 { 1.0 } else { (i % 10) as f64 });
    let term = Term {
        levels: 18,
        codes: (0..n).map(|i| (i / 10) as i32 + 1).collect(),
        z: x.clone(),
    };
    let mut data = Data {
        name: "sleepstudy",
        y: vec![0.0; n],
        x,
        terms: vec![term],
        reml: true,
    };
    data.simulate(&mut Stream::new(1, 0), 0.8);
    data
}

fn insteval() -> Data {
    let n = 73_421;
    let mut s = Stream::new(2, 0);
    let term = |levels: usize, s: &mut Stream| Term {
        levels,
        codes: (0..n)
            .map(|i| if i < levels { i } else { s.below(levels) } as i32 + 1)
            .collect(),
        z: vec![1.0; n],
    };
    let terms = vec![term(2972, &mut s), term(1128, &mut s), term(14, &mut s)];
    let service: Vec<f64> = (0..n).map(|_| s.below(2) as f64).collect();
    let mut data = Data {
        name: "insteval",
        y: vec![0.0; n],
        x: columns(n, 2, |i, k| if k == 0 { 1.0 } else { service[i] }),
        terms,
        reml: false,
    };
    data.simulate(&mut s, 0.4);
    data
}

/// Three factors of two levels and their interactions, as columns of signs, in a Latin square.
fn kb07max() -> Data {
    let (subjects, items) = (56, 32);
    let n = subjects * items;
    let sign = |cell: usize, k: usize| {
        if (cell & k).count_ones() % 2 == 0 {
            1.0
        } else {
            -1.0
        }
    };
    let x = columns(n, 8, |i, k| sign((i % subjects + i / subjects) % 8, k));
    let term = |levels: usize, of: &dyn Fn(usize) -> usize| Term {
        levels,
        codes: (0..n).map(|i| of(i) as i32 + 1).collect(),
        z: x.clone(),
    };
    let terms = vec![
        term(subjects, &|i| i % subjects),
        term(items, &|i| i / subjects),
    ];
    let mut data = Data {
        name: "kb07max",
        y: vec![0.0; n],
        x,
        terms,
        reml: false,
    };
    data.simulate(&mut Stream::new(3, 0), 0.3);
    data
}

/// As late in a search: the Hessian is the exact one where it is cheap.
fn late() -> Progress {
    let progress = Progress::default();
    for evaluation in 1..=10 {
        progress.record(Step {
            evaluation,
            criterion: 0.0,
            gradient: 0.0,
            radius: 1.0,
        });
    }
    progress
}

fn kernels(c: &mut Criterion) {
    for data in [sleepstudy(), insteval(), kb07max()] {
        let mut group = c.benchmark_group(data.name);
        group.bench_function("model", |b| b.iter(|| black_box(&data).model()));
        let model = data.model();
        let theta = start(&model).0;
        let mut work = Work::new(&model).expect("memory");
        let progress = late();
        group.bench_function("value", |b| {
            b.iter(|| {
                let done = model.run(|| work.pls.update(&model, black_box(&theta), &progress));
                done.map(|()| value(&model, &work.pls, model.reml))
            });
        });
        group.bench_function("derivatives", |b| {
            b.iter(|| model.run(|| evaluate(&model, &mut work, black_box(&theta), &progress)));
        });
        group.bench_function("fit", |b| {
            b.iter(|| {
                fit(
                    black_box(&model),
                    &Settings::default(),
                    &Progress::default(),
                )
            });
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = kernels
}
criterion_main!(benches);
