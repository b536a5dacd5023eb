//! A model that does not fit in memory is refused before it is made, and large counts do not wrap.

mod common;

use common::{Design, OwnTerm};
use lmm::simulate::Stream;
use lmm::{LmmError, Model, ModelData};

/// n rows in random pairs of levels.
fn crossed(n: usize, levels: [usize; 2]) -> Design {
    let mut s = Stream::new(5, 0);
    let term = |(factor, levels): (usize, usize)| OwnTerm {
        factor,
        levels,
        codes: (0..n)
            .map(|i| if i < levels { i } else { s.below(levels) } as i32 + 1)
            .collect(),
        z: None,
        p: 1,
    };
    let terms = levels.into_iter().enumerate().map(term).collect();
    let mut s = Stream::new(6, 0);
    Design {
        n,
        p: 1,
        x: vec![1.0; n],
        y: (0..n).map(|_| s.normal()).collect(),
        weights: None,
        offset: None,
        terms,
        reml: true,
    }
}

fn refusal(design: &Design, available_bytes: f64) -> (f64, String) {
    let data = ModelData {
        available_bytes,
        ..design.data()
    };
    match Model::new(&data, &Default::default()) {
        Err(LmmError::Memory { bytes, what }) => (bytes as f64, what),
        Err(other) => panic!("refused for another reason: {other}"),
        Ok(_) => panic!("not refused"),
    }
}

#[test]
fn a_trailing_block_of_more_than_2_to_the_31_entries_is_refused_by_name_and_bytes() {
    // Pairs at random fill the factor: of 50,000 columns most end up full.
    let (bytes, what) = refusal(&crossed(200_000, [60_000, 50_000]), 3e9);
    assert!(what.contains("50000 random effects of (term1)"), "{what}");
    assert!(bytes > 3e9 && bytes < 1e12, "{bytes}");
}

#[test]
fn rows_that_do_not_fit_are_refused_before_they_are_copied() {
    let mut design = crossed(2000, [100, 20]);
    let n = design.n;
    design.terms[1].z = Some((0..n * 40).map(|i| (i % 97) as f64).collect());
    design.terms[1].p = 40;
    let (bytes, what) = refusal(&design, 1e5);
    assert!(what.contains("800 random effects of (term1)"), "{what}");
    assert!(bytes > 8.0 * 40.0 * n as f64, "{bytes}");
    assert!(Model::new(&design.data(), &Default::default()).is_ok());
}
