//! Run a computation beside R's thread, which polls for an interrupt and prints progress.

use std::ffi::{c_int, c_void};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError};
use std::sync::Arc;
use std::time::{Duration, Instant};

use extendr_api::{print_r_output, rprintln};
use lmm::progress::Progress;
use lmm::LmmError;

/// How often R's thread looks for an interrupt.
const POLL: Duration = Duration::from_millis(50);

extern "C" {
    fn R_CheckUserInterrupt();
    fn R_ToplevelExec(job: extern "C" fn(*mut c_void), data: *mut c_void) -> c_int;
}

/// A computation that is over before anybody could interrupt it needs no thread of its own.
fn at_once<T>(
    job: impl FnOnce(&Progress) -> Result<T, LmmError>,
) -> (Progress, Result<T, LmmError>) {
    let progress = Progress::default();
    let answer = catch_unwind(AssertUnwindSafe(|| job(&progress)));
    (progress, answer.unwrap_or_else(|_| Err(panicked())))
}

fn panicked() -> LmmError {
    LmmError::Internal("a panic in the numerical core".into())
}

extern "C" fn check(_: *mut c_void) {
    // SAFETY: called on R's thread only, inside R_ToplevelExec, which catches the jump.
    unsafe { R_CheckUserInterrupt() }
}

fn interrupted() -> bool {
    // SAFETY: called on R's thread only.
    unsafe { R_ToplevelExec(check, std::ptr::null_mut()) == 0 }
}

/// Run `job` on a thread that outlives an interrupt until its own next check, so that R gets its
/// prompt back at once; a `quick` one on R's own. Its steps are printed once it has taken
/// `print_after` seconds.
pub fn watch<T: Send + 'static>(
    quick: bool,
    print_after: f64,
    job: impl FnOnce(&Progress) -> Result<T, LmmError> + Send + 'static,
) -> Result<T, LmmError> {
    if quick {
        let (progress, answer) = at_once(job);
        if print_after <= 0.0 {
            print_steps(&progress, 0);
        }
        return answer;
    }
    let progress = Arc::new(Progress::default());
    let shared = Arc::clone(&progress);
    let (send, receive) = channel();
    std::thread::Builder::new()
        .name("rlmm".into())
        .spawn(move || {
            // The receiver is gone after an interrupt: nobody wants the answer then.
            let _ = send.send(job(&shared));
        })
        .map_err(|e| LmmError::Internal(format!("no thread could be started: {e}")))?;
    poll(&receive, &progress, print_after)
}

/// As [`watch`], for a job that borrows R's vectors: it is waited for after an interrupt.
pub fn watch_borrowed<T: Send>(
    quick: bool,
    job: impl FnOnce(&Progress) -> Result<T, LmmError> + Send,
) -> Result<T, LmmError> {
    if quick {
        return at_once(job).1;
    }
    let progress = Progress::default();
    std::thread::scope(|scope| {
        let (send, receive) = channel();
        let shared = &progress;
        let worker = scope.spawn(move || {
            // As above.
            let _ = send.send(job(shared));
        });
        let answer = poll(&receive, &progress, f64::INFINITY);
        // A panic was reported by `poll`; joined here it goes no further.
        let _ = worker.join();
        answer
    })
}

/// A line on how far the work is, at most one for each second.
fn print_parts(progress: &Progress, seconds: f64, printed: &mut f64) {
    let (done, all) = progress.parts();
    if all > 0 && done < all && seconds >= *printed + 1.0 {
        *printed = seconds;
        let left = if done > 0 {
            let rest = seconds * (all - done) as f64 / done as f64;
            format!(", about {rest:.0} s left")
        } else {
            String::new()
        };
        rprintln!("{done} of {all} parts done in {seconds:.0} s{left}");
    }
}

fn poll<T>(
    receive: &Receiver<Result<T, LmmError>>,
    progress: &Progress,
    print_after: f64,
) -> Result<T, LmmError> {
    let started = Instant::now();
    let (mut printed, mut printed_at) = (0, 0.0);
    loop {
        let answer = receive.recv_timeout(POLL);
        let seconds = started.elapsed().as_secs_f64();
        if seconds >= print_after {
            printed = print_steps(progress, printed);
            print_parts(progress, seconds, &mut printed_at);
        }
        match answer {
            Ok(result) => return result,
            Err(RecvTimeoutError::Timeout) if interrupted() => {
                progress.stop();
                return Err(LmmError::Interrupted);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(panicked());
            }
        }
    }
}

fn print_steps(progress: &Progress, printed: usize) -> usize {
    let steps = progress.steps();
    for step in &steps[printed.min(steps.len())..] {
        rprintln!(
            "evaluation {:3}: criterion {:.8}, largest scaled gradient {:.2e}, radius {:.2e}",
            step.evaluation,
            step.criterion,
            step.gradient,
            step.radius
        );
    }
    steps.len()
}
