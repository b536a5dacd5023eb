//! An evaluation takes place in memory that is there: what it allocates does not grow with the data.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Design, OwnTerm};
use lmm::optimize::{evaluate, Work};
use lmm::progress::{Progress, Step};
use lmm::simulate::Stream;
use lmm::start::start;

/// The system's allocator, with a count of the bytes asked for.
struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        System.alloc(layout)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        System.dealloc(pointer, layout);
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that an evaluation may take: a few copies of the parameters and their Hessian.
const FEW: usize = 64 * 1024;

/// Factors with `levels`, each row in a random level of each (or, `nested`, in those that follow
/// from the first), with `slopes` columns beside the intercept.
fn design(levels: &[usize], rows_per_level: usize, slopes: usize, nested: bool) -> Design {
    let n = levels[0] * rows_per_level;
    let mut s = Stream::new(7, 0);
    let mut columns = vec![1.0; n];
    columns.extend((0..n * slopes).map(|_| s.normal()));
    let terms = levels.iter().enumerate().map(|(factor, &count)| {
        OwnTerm {
        factor,
        levels: count,
        codes: (0..n)
            .map(|i| match (factor, nested) {
                (0, _) => i % levels[0],
                (_, true) => (i % levels[0]) * count / levels[0],
                _ if i < count => i,
                _ => s.below(count),
            } as i32 + 1)
            .collect(),
        z: Some(columns.clone()),
        p: slopes + 1,
    }
    });
    let terms = terms.collect();
    let y = (0..n).map(|_| s.normal()).collect();
    Design {
        n,
        p: slopes + 1,
        x: columns,
        y,
        weights: None,
        offset: None,
        terms,
        reml: true,
    }
}

/// Bytes that an evaluation allocates, after two that are allowed to, and the kind of factorisation.
fn bytes(design: &Design, late: bool) -> (usize, &'static str) {
    let model = design.model();
    let theta = start(&model).0;
    let mut work = Work::new(&model).expect("memory");
    let progress = Progress::default();
    for evaluation in 1..=if late { 10 } else { 0 } {
        progress.record(Step {
            evaluation,
            criterion: 0.0,
            gradient: 0.0,
            radius: 1.0,
        });
    }
    for _ in 0..2 {
        evaluate(&model, &mut work, &theta, &progress).expect("an evaluation");
    }
    let before = BYTES.load(Ordering::Relaxed);
    evaluate(&model, &mut work, &theta, &progress).expect("an evaluation");
    (
        BYTES.load(Ordering::Relaxed) - before,
        model.trailing.kind(),
    )
}

/// One test: the count is of all threads.
#[test]
fn an_evaluation_allocates_no_more_for_more_data() {
    let cases: [(&str, [Design; 2]); 5] = [
        (
            "block diagonal",
            [40, 400].map(|levels| design(&[levels], 10, 1, false)),
        ),
        (
            "dense",
            [1, 3].map(|k| design(&[k * 300, k * 100, 12], 8, 0, false)),
        ),
        (
            "dense",
            [1, 2].map(|k| design(&[k * 60, 20], 40 / k, 3, false)),
        ),
        ("dense", [1, 2].map(|k| design(&[k * 24, 6], 6, 0, false))),
        (
            "sparse",
            [1, 3].map(|k| design(&[k * 2000, k * 400, k * 40], 3, 0, true)),
        ),
    ];
    for (kind, [small, large]) in cases {
        for late in [false, true] {
            let (less, found) = bytes(&small, late);
            let (more, _) = bytes(&large, late);
            assert_eq!(found, kind);
            let what = format!("{kind}, late {late}: {less} and {more} bytes");
            assert!(more <= less + 1024 && more < FEW, "{what}");
        }
    }
}
