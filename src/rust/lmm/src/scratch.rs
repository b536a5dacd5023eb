//! Memory that a thread keeps from one use to the next, so that evaluations do not allocate.

use std::cell::RefCell;

thread_local! {
    static SCRATCH: RefCell<Vec<f64>> = const { RefCell::new(Vec::new()) };
}

/// Run `job` on `len` numbers of no particular value. Not to be nested, nor around a wait for other
/// threads: their work may need the same memory.
pub(crate) fn with_scratch<T>(len: usize, job: impl FnOnce(&mut [f64]) -> T) -> T {
    SCRATCH.with(|scratch| {
        let mut scratch = scratch.borrow_mut();
        if scratch.len() < len {
            scratch.resize(len, 0.0);
        }
        job(&mut scratch[..len])
    })
}
