//! How a long computation hears that it should stop, and tells how far it is.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::error::LmmError;

/// One evaluation of the search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Number of the evaluation, from one.
    pub evaluation: usize,
    /// Criterion at the point evaluated.
    pub criterion: f64,
    /// Largest absolute entry of the gradient, on the scaled parameters.
    pub gradient: f64,
    /// Radius of the trust region when the point was chosen.
    pub radius: f64,
}

/// Shared between the thread that computes and the one that watches.
#[derive(Debug, Default)]
pub struct Progress {
    stop: Arc<AtomicBool>,
    evaluations: AtomicUsize,
    parts: AtomicUsize,
    parts_done: AtomicUsize,
    steps: Mutex<Vec<Step>>,
}

impl Progress {
    /// The record of one of several computations that stop together.
    pub fn part(&self) -> Progress {
        Progress {
            stop: Arc::clone(&self.stop),
            ..Progress::default()
        }
    }

    /// Ask the computation to stop at its next check.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// An error once a stop was asked for; called between blocks of work.
    pub fn check(&self) -> Result<(), LmmError> {
        if self.stop.load(Ordering::Relaxed) {
            Err(LmmError::Interrupted)
        } else {
            Ok(())
        }
    }

    /// Say of how many parts the work consists.
    pub fn expect(&self, parts: usize) {
        self.parts.store(parts, Ordering::Relaxed);
    }

    /// Count a part as done.
    pub fn advance(&self) {
        self.parts_done.fetch_add(1, Ordering::Relaxed);
    }

    /// How many parts are done, of how many (zero where nobody said).
    pub fn parts(&self) -> (usize, usize) {
        let all = self.parts.load(Ordering::Relaxed);
        (self.parts_done.load(Ordering::Relaxed), all)
    }

    /// Record an evaluation.
    pub fn record(&self, step: Step) {
        self.evaluations.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut steps) = self.steps.lock() {
            steps.push(step);
        }
    }

    /// Number of evaluations so far.
    pub fn evaluations(&self) -> usize {
        self.evaluations.load(Ordering::Relaxed)
    }

    /// The evaluations so far.
    pub fn steps(&self) -> Vec<Step> {
        self.steps.lock().map(|s| s.clone()).unwrap_or_default()
    }
}
