//! What can go wrong, with the name of what it went wrong with.

use std::fmt;

/// An error of the numerical core. Every variant names the culprit.
#[derive(Debug, Clone, PartialEq)]
pub enum LmmError {
    /// An input has the wrong length or an index out of range.
    Dimension {
        /// What is wrong, in words.
        what: String,
        /// Expected length.
        expected: usize,
        /// Length found.
        found: usize,
    },
    /// A number that is NaN or infinite.
    NotFinite {
        /// Name of the column, or of the vector.
        column: String,
        /// Row, counted from one.
        row: usize,
    },
    /// The model fits the response exactly: no residual variance is left to estimate.
    PerfectFit,
    /// A matrix that should be positive definite is not, at these parameters.
    NotPositiveDefinite {
        /// Which matrix, in words.
        what: String,
    },
    /// Memory that the machine does not have.
    Memory {
        /// Bytes asked for.
        bytes: u128,
        /// What for.
        what: String,
    },
    /// The search was stopped from outside.
    Interrupted,
    /// Something that should be impossible.
    Internal(String),
}

impl LmmError {
    /// A short machine-readable name; R turns it into a condition class.
    pub fn kind(&self) -> &'static str {
        match self {
            LmmError::Dimension { .. } => "dimension",
            LmmError::NotFinite { .. } => "not_finite",
            LmmError::PerfectFit => "perfect_fit",
            LmmError::NotPositiveDefinite { .. } => "not_positive_definite",
            LmmError::Memory { .. } => "memory",
            LmmError::Interrupted => "interrupt",
            LmmError::Internal(_) => "internal",
        }
    }

    /// The column at fault, if there is one.
    pub fn column(&self) -> Option<&str> {
        match self {
            LmmError::NotFinite { column, .. } => Some(column),
            _ => None,
        }
    }
}

impl fmt::Display for LmmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LmmError::Dimension {
                what,
                expected,
                found,
            } => {
                write!(f, "{what}: expected {expected}, found {found}")
            }
            LmmError::NotFinite { column, row } => {
                write!(
                    f,
                    "'{column}' is not finite in row {row}: remove or correct that value"
                )
            }
            LmmError::PerfectFit => write!(
                f,
                "the model fits the response exactly, so the residual variance is zero and the \
                 likelihood unbounded: check whether the response is a function of the predictors \
                 or of the groups"
            ),
            LmmError::NotPositiveDefinite { what } => write!(
                f,
                "{what} is not positive definite at these parameters: check for predictors or \
                 random-effects columns that are huge, or nearly equal to one another"
            ),
            LmmError::Memory { bytes, what } => {
                write!(
                    f,
                    "{what} needs {bytes} bytes, more than this machine has free: use fewer levels \
                     or columns, or a machine with more memory"
                )
            }
            LmmError::Interrupted => write!(f, "interrupted"),
            LmmError::Internal(what) => write!(f, "internal error: {what}; please report it"),
        }
    }
}

impl std::error::Error for LmmError {}
