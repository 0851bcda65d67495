//! Each stage where it is to run: as a process of this machine, or as a job of Slurm.

use std::path::Path;
use std::sync::OnceLock;

use nnf_contract::Machine;

use crate::executor::{
    Capacity, Command, Execution, Executor, ExecutorError, Handle, Local, Offer, Pauser, Recovered, Refusal, Request,
    Reservation, Slurm, SlurmSetup, Stop, Watcher,
};
use crate::graph::ExecutorName;

/// Who says where stages run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The command line.
    pub said: Option<ExecutorName>,
    /// The pipeline, of stages that say nothing themselves.
    pub pipeline: Option<ExecutorName>,
}

impl Choice {
    /// Where a stage runs that says this itself. The command line stands in place of the pipeline; and since not every
    /// machine has Slurm, it can have all stages run here.
    #[must_use]
    pub fn of(self, stage: Option<ExecutorName>) -> ExecutorName {
        match self.said {
            Some(ExecutorName::Local) => ExecutorName::Local,
            said => stage.or(said).or(self.pipeline).unwrap_or(ExecutorName::Local),
        }
    }
}

/// All places there are.
pub struct ByStage {
    choice: Choice,
    local: Local,
    setup: SlurmSetup,
    slurm: OnceLock<Slurm>,
}

impl ByStage {
    /// Slurm is made use of where a stage wants it, or where an earlier run did.
    #[must_use]
    pub fn new(choice: Choice, local: Local, setup: SlurmSetup) -> Self {
        ByStage { choice, local, setup, slurm: OnceLock::new() }
    }

    /// What stops all processes of this machine for a while. Jobs of Slurm go on.
    #[must_use]
    pub fn pauser(&self) -> Pauser {
        self.local.pauser()
    }

    fn named(&self, name: ExecutorName) -> &dyn Executor {
        match name {
            ExecutorName::Local => &self.local,
            ExecutorName::Slurm => self.slurm.get_or_init(|| Slurm::new(self.setup.clone())),
        }
    }

    /// Who gave this room.
    fn of_room(&self, reservation: &Reservation) -> &dyn Executor {
        match self.slurm.get().filter(|slurm| slurm.gave(reservation)) {
            Some(slurm) => slurm,
            None => &self.local,
        }
    }

    /// Who can make sense of a handle.
    fn of_handle(&self, handle: &Handle) -> Result<&dyn Executor, ExecutorError> {
        let unknown = || ExecutorError::Service {
            service: handle.executor.clone(),
            why: "this version does not know where that is".into(),
        };
        Ok(self.named(ExecutorName::of(&handle.executor).ok_or_else(unknown)?))
    }
}

impl Executor for ByStage {
    fn name(&self) -> &str {
        self.choice.of(None).as_str()
    }

    fn capacity(&self) -> Capacity {
        self.named(self.choice.of(None)).capacity()
    }

    fn machine(&self, request: &Request<'_>) -> Result<Option<Machine>, ExecutorError> {
        self.named(self.choice.of(request.executor)).machine(request)
    }

    fn ask_machine(&self, request: &Request<'_>, stop: &Stop) -> Result<(), ExecutorError> {
        self.named(self.choice.of(request.executor)).ask_machine(request, stop)
    }

    fn is_here(&self, request: &Request<'_>) -> bool {
        // The next run may have another command line.
        let unsaid = Choice { said: None, ..self.choice };
        [self.choice, unsaid].iter().all(|choice| choice.of(request.executor) == ExecutorName::Local)
    }

    fn could_hold(&self, request: &Request<'_>) -> Result<(), Refusal> {
        self.named(self.choice.of(request.executor)).could_hold(request)
    }

    fn reserve(&self, request: &Request<'_>) -> Result<Offer, Refusal> {
        let offer = self.named(self.choice.of(request.executor)).reserve(request)?;
        // That one place is full says nothing of another.
        Ok(if matches!(offer, Offer::Full) && self.slurm.get().is_some() { Offer::NotNow } else { offer })
    }

    fn execute(
        &self,
        command: &Command,
        reservation: &Reservation,
        stop: &Stop,
        watcher: &mut dyn Watcher,
    ) -> Result<Execution, ExecutorError> {
        self.of_room(reservation).execute(command, reservation, stop, watcher)
    }

    fn recover(&self, handle: &Handle) -> Result<Recovered, ExecutorError> {
        self.of_handle(handle)?.recover(handle)
    }

    fn resume(
        &self,
        handle: &Handle,
        events: &Path,
        reservation: &Reservation,
        stop: &Stop,
        watcher: &mut dyn Watcher,
    ) -> Result<Execution, ExecutorError> {
        self.of_handle(handle)?.resume(handle, events, reservation, stop, watcher)
    }

    fn abandon(&self, handle: &Handle) -> Result<(), ExecutorError> {
        self.of_handle(handle)?.abandon(handle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_has_its_way_unless_everything_is_to_run_here() {
        use ExecutorName::{Local, Slurm};
        let choice = |said, pipeline| Choice { said, pipeline };
        assert_eq!(choice(None, None).of(None), Local);
        assert_eq!(choice(None, None).of(Some(Slurm)), Slurm);
        assert_eq!(choice(None, Some(Slurm)).of(None), Slurm);
        assert_eq!(choice(None, Some(Slurm)).of(Some(Local)), Local);
        assert_eq!(choice(Some(Slurm), None).of(None), Slurm);
        assert_eq!(choice(Some(Slurm), Some(Local)).of(None), Slurm);
        assert_eq!(choice(Some(Slurm), None).of(Some(Local)), Local);
        assert_eq!(choice(Some(Local), Some(Slurm)).of(Some(Slurm)), Local);
    }
}
