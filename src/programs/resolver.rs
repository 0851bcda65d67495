//! The seam to programs: who finds them and has them describe themselves.

use crate::programs::listed::Listed;
use crate::programs::offered::Offered;

/// Why a program could not describe itself.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ProgramError {
    /// Lower-case fragment: what is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// Answers for programs. The real one is [`Describer`](crate::programs::Describer); tests have tables.
pub trait ProgramResolver: Sync {
    /// Finds a program and has it describe itself.
    ///
    /// # Errors
    /// When it is not found, or its answer is not a description.
    fn describe(&self, listed: &Listed) -> Result<Offered, ProgramError>;
}

/// The answers of all programs, which are asked at once: to start one may take a while.
pub(crate) fn ask_all<'a>(
    listed: impl IntoIterator<Item = &'a Listed>,
    resolver: &dyn ProgramResolver,
) -> Vec<Result<Offered, ProgramError>> {
    std::thread::scope(|scope| {
        let asked: Vec<_> = listed.into_iter().map(|listed| scope.spawn(|| resolver.describe(listed))).collect();
        let failed = || ProgramError { message: "nnf itself failed to ask it".into(), hint: None };
        asked.into_iter().map(|asked| asked.join().unwrap_or_else(|_| Err(failed()))).collect()
    })
}
