//! Why a command ended without doing what it was asked to, and with which exit code.

use nnf::diagnostic::Diagnostic;
use nnf::plan::{KeyError, PlanError};
use nnf::store::StoreError;

/// Why a command ended without doing what it was asked to; each has an exit code of its own.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A stage failed, or a check found something: 1. What there is to say was said.
    Stage,
    /// The pipeline or the arguments are wrong: 2.
    Wrong(Vec<Diagnostic>),
    /// The store failed: 3.
    Store(String),
    /// A person stopped it: 130.
    Interrupted,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::BadRemote { .. }
            | StoreError::Unfit { .. }
            | StoreError::Input { .. }
            | StoreError::BadPin { .. } => Failure::wrong(error.to_string()),
            error => Failure::Store(error.to_string()),
        }
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        match error.source {
            KeyError::Store(StoreError::Unfit { .. } | StoreError::Input { .. })
            | KeyError::Machine(_)
            | KeyError::Unasked => Failure::wrong(error.to_string()),
            KeyError::Store(_) => Failure::Store(error.to_string()),
        }
    }
}

impl From<Vec<Diagnostic>> for Failure {
    fn from(faults: Vec<Diagnostic>) -> Self {
        Failure::Wrong(faults)
    }
}

impl Failure {
    pub(crate) fn wrong(message: impl Into<String>) -> Self {
        Failure::Wrong(vec![Diagnostic::new(message)])
    }

    pub(crate) fn wrong_with_hint(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Failure::Wrong(vec![Diagnostic::new(message).hint(hint)])
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Failure::Stage => 1,
            Failure::Wrong(_) => 2,
            Failure::Store(_) => 3,
            Failure::Interrupted => 130,
        }
    }
}
