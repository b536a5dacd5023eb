//! Many independent jobs on a few threads, each with memory of its own.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::LmmError;
use crate::progress::Progress;

/// Do jobs 0, ..., `jobs` - 1 on up to `threads` threads, and give their results in order, which do
/// not depend on the number of threads as long as each job depends on its number alone.
///
/// # Errors
/// The first error of `memory` or `job`: what belongs to one job only is to be part of its result.
pub fn run_jobs<M, R: Send>(
    threads: usize,
    jobs: usize,
    progress: &Progress,
    memory: impl Fn() -> Result<M, LmmError> + Sync,
    job: impl Fn(&mut M, usize) -> Result<R, LmmError> + Sync,
) -> Result<Vec<R>, LmmError> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, R)>, LmmError> {
        let mut own = memory()?;
        let mut done = Vec::new();
        loop {
            let k = next.fetch_add(1, Ordering::Relaxed);
            if k >= jobs {
                return Ok(done);
            }
            progress.check()?;
            done.push((k, job(&mut own, k)?));
        }
    };
    let threads = threads.min(jobs);
    if threads < 2 {
        return Ok(work()?.into_iter().map(|(_, r)| r).collect());
    }
    let parts: Result<Vec<_>, LmmError> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        // All are joined before the first error ends it: a panic left alone would be the scope's.
        let ended: Vec<_> = running.into_iter().map(|t| t.join()).collect();
        ended
            .into_iter()
            .map(|r| r.unwrap_or_else(|_| Err(LmmError::Internal("a panic in a thread".into()))))
            .collect()
    });
    let mut all: Vec<(usize, R)> = parts?.into_iter().flatten().collect();
    all.sort_unstable_by_key(|(k, _)| *k);
    Ok(all.into_iter().map(|(_, r)| r).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whatever_the_number_of_threads() {
        let squares = |threads| {
            let progress = Progress::default();
            run_jobs(threads, 50, &progress, || Ok(()), |(), k| Ok(k * k)).unwrap()
        };
        assert_eq!(squares(1), squares(4));
        assert_eq!(squares(4)[7], 49);
    }

    #[test]
    fn an_error_a_panic_and_a_stop_end_it() {
        let progress = Progress::default();
        let failed = run_jobs(
            2,
            9,
            &progress,
            || Ok(()),
            |(), k| match k {
                5 => Err(LmmError::PerfectFit),
                _ => Ok(k),
            },
        );
        assert_eq!(failed, Err(LmmError::PerfectFit));
        let panicked = run_jobs(
            2,
            9,
            &progress,
            || Ok(()),
            |(), k: usize| {
                assert!(k < 5, "expected in this test");
                Ok(k)
            },
        );
        assert!(matches!(panicked, Err(LmmError::Internal(_))));
        progress.stop();
        let stopped = run_jobs(2, 9, &progress, || Ok(()), |(), k| Ok(k));
        assert_eq!(stopped, Err(LmmError::Interrupted));
    }
}
