//! Why a stage failed, as data: what follows from it is decided by `match`, and never by the words.

use serde::{Deserialize, Serialize};

use crate::executor::{Ended, ExecutorError, Refusal};
use crate::plan::KeyError;
use crate::store::StoreError;

/// Why a stage failed. Where a variant holds words, they are whole sentences, whose parts nobody but a person needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum Cause {
    /// Its command did not end well.
    #[error("{}", ended(.0))]
    Command(Ended),
    /// Its command could not be carried out.
    #[error("{}", not_carried_out(.0))]
    Executor(ExecutorError),
    /// There never will be room for it.
    #[error("{0}")]
    Refused(Refusal),
    /// It ended well without writing what it declares.
    #[error("it ended well but did not write its output `{output}`")]
    NotWritten {
        /// The output.
        output: String,
    },
    /// It wrote a folder where a file was declared.
    #[error(
        "its output `{output}` is declared as `{media}`, a file, but a folder came; a folder is declared as \
         `inode/directory`"
    )]
    Folder {
        /// The output.
        output: String,
        /// What was declared.
        media: String,
    },
    /// It wrote a file where a folder was declared.
    #[error("its output `{output}` is declared as `inode/directory`, a folder, but a file came")]
    File {
        /// The output.
        output: String,
    },
    /// It wrote something that it does not declare.
    #[error("it wrote `{name}` into its output folder, which it does not declare under `out`")]
    Undeclared {
        /// Its name.
        name: String,
    },
    /// What it wrote cannot be stored.
    #[error("{text}")]
    Unfit {
        /// What, and why not.
        text: String,
    },
    /// Something that it reads was changed while it ran.
    #[error("{text}")]
    InputChanged {
        /// What, how, and what was done about it.
        text: String,
    },
    /// Something that it reads is not there, or cannot be read.
    #[error("{text}")]
    Input {
        /// What.
        text: String,
    },
    /// What it reads is lost as often as it is made again.
    #[error("{text}")]
    InputLost {
        /// What, and who makes it.
        text: String,
    },
    /// It was to run by force, and its result is kept for good.
    #[error(
        "the pin `{pin}` keeps its result for good, and a forced one would take its place; nothing was run (`nnf unpin \
         {pin}` lets it go)"
    )]
    Pinned {
        /// The name of the pin.
        pin: String,
    },
    /// Its program was changed while the run went on.
    #[error("its program was changed while the run went on, so nothing was recorded; run again (`{program}`)")]
    ProgramChanged {
        /// Its command.
        program: String,
    },
    /// Its program, asked again after its end, says that its code is another one.
    #[error(
        "its program (`{program}`) told another fingerprint of `{kind}` when it had ended than before it began, so nothing \
         was recorded; run again"
    )]
    OtherFingerprint {
        /// Its command.
        program: String,
        /// The kind.
        kind: String,
    },
    /// Its program could not be asked again after its end.
    #[error("its program (`{program}`) cannot be asked again, so nothing was recorded: {why}")]
    NotAsked {
        /// Its command.
        program: String,
        /// Why not.
        why: String,
    },
    /// It measured a machine that is not the one of its key.
    #[error("the machine changed while it was measured, so nothing was recorded")]
    MachineChanged,
    /// Its command line cannot be put together.
    #[error("{text}")]
    Unready {
        /// Why not.
        text: String,
    },
    /// The same work failed as another instance.
    #[error("it is the same work as `{stage}`, which failed")]
    Twin {
        /// The other instance.
        stage: String,
    },
    /// The store failed.
    #[error("{text}")]
    Store {
        /// How.
        text: String,
    },
    /// This program failed.
    #[error("nnf itself failed at it, which is a defect of nnf: {text}")]
    Defect {
        /// How.
        text: String,
    },
    /// Something that a later version of this program tells apart.
    #[serde(other)]
    #[error("it failed in a way that this version of nnf does not know")]
    Other,
}

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The stage: the same work in the same way fails again, unless it is a matter of luck.
    Stage,
    /// The machine that it ran on, or whoever else uses it: it is begun again as if nothing had been.
    Machine,
    /// Something around it, such as a file that was changed meanwhile. Another attempt would do no better.
    Surroundings,
    /// The store.
    Store,
}

impl Cause {
    /// What failed.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Cause::Command(ended) if ended.is_the_machines() => Fault::Machine,
            Cause::Command(_)
            | Cause::NotWritten { .. }
            | Cause::Folder { .. }
            | Cause::File { .. }
            | Cause::Unfit { .. } => Fault::Stage,
            Cause::Store { .. } => Fault::Store,
            _ => Fault::Surroundings,
        }
    }
}

impl From<StoreError> for Cause {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        match error {
            StoreError::Unfit { .. } => Cause::Unfit { text },
            // What was altered is out of the store: another attempt would find no input.
            StoreError::Altered(_) | StoreError::AlteredBySome(_) => Cause::InputChanged { text },
            StoreError::Input { .. } => Cause::Input { text },
            _ => Cause::Store { text },
        }
    }
}

impl From<KeyError> for Cause {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Store(error) => error.into(),
            KeyError::Machine(error) => Cause::Executor(error),
            error @ KeyError::Unasked => Cause::Unready { text: error.to_string() },
        }
    }
}

fn not_carried_out(why: &ExecutorError) -> String {
    match why {
        ExecutorError::NotAsked { ended: how } => format!("{why}: {}", ended(how)),
        why => why.to_string(),
    }
}

fn ended(how: &Ended) -> String {
    match how {
        Ended::Exit { code } => format!("exit status {code}"),
        Ended::Signal { signal: 9 } => "signal 9 (killed; the system may have run out of memory)".into(),
        Ended::Signal { signal } => format!("signal {signal}"),
        Ended::TimedOut { limit: Some(limit) } => {
            format!("it took longer than its timeout of {} s and was ended", limit.as_secs_f64())
        }
        Ended::TimedOut { limit: None } => "it took longer than it may where it ran, and was ended".into(),
        Ended::OutOfMemory => "it took more memory than it may, and was ended; `needs: memory` asks for more".into(),
        Ended::NodeFailed => "the machine that it ran on failed".into(),
        Ended::Preempted => "it had to make room for other work".into(),
        Ended::Paused => "it was stopped for a while as it measured, so nothing was recorded".into(),
        Ended::Cancelled => "somebody ended it past nnf".into(),
        Ended::Stopped => "it was stopped".into(),
        Ended::Unknown { why } => format!("its end is not known: {why}"),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_cause_is_read_as_it_was_written_and_one_of_a_later_version_too() {
        for cause in [
            Cause::Command(Ended::Exit { code: 3 }),
            Cause::Command(Ended::TimedOut { limit: Some(std::time::Duration::from_millis(1500)) }),
            Cause::Executor(ExecutorError::Empty),
            Cause::Refused(Refusal::Gpus { asked: 2, there: 0, place: "this machine".into() }),
            Cause::MachineChanged,
        ] {
            let text = serde_json::to_string(&cause).unwrap();
            assert_eq!(serde_json::from_str::<Cause>(&text).unwrap(), cause, "{text}");
        }
        let later = serde_json::from_str::<Cause>("{\"cause\":\"struck_by_lightning\",\"volts\":1}").unwrap();
        assert_eq!(later, Cause::Other);
    }

    #[test]
    fn the_machines_own_failures_are_not_the_stages() {
        let fault = |ended: Ended| Cause::Command(ended).fault();
        assert_eq!(fault(Ended::Preempted), Fault::Machine);
        assert_eq!(fault(Ended::NodeFailed), Fault::Machine);
        assert_eq!(fault(Ended::OutOfMemory), Fault::Stage);
        assert_eq!(fault(Ended::Exit { code: 1 }), Fault::Stage);
    }
}
