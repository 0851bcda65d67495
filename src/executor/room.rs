//! Room for a command: what it asks for, what it is given, and why it never could be.

use std::any::Any;
use std::ffi::OsString;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::graph::{ExecutorName, Instance, Needs, SlurmOptions};

/// What may run at once, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Most cores that one command can have.
    pub cores: u32,
    /// Most bytes of memory that one command can have.
    pub memory: u64,
    /// Most GPUs that one command can have.
    pub gpus: u32,
}

/// What a command asks for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Whose work it is.
    pub stage: &'a str,
    /// What it takes of a machine.
    pub needs: &'a Needs,
    /// Whether it measures the machine, and wants it for itself.
    pub alone: bool,
    /// Longest time that it may take.
    pub timeout: Option<Duration>,
    /// Where it wants to run, if it says so itself.
    pub executor: Option<ExecutorName>,
    /// What Slurm is told if it runs there.
    pub slurm: Option<&'a SlurmOptions>,
}

impl<'a> From<&'a Instance> for Request<'a> {
    fn from(instance: &'a Instance) -> Self {
        Request {
            stage: &instance.name,
            needs: &instance.needs,
            alone: instance.measures,
            timeout: instance.timeout,
            executor: instance.executor,
            slurm: instance.slurm.as_deref(),
        }
    }
}

/// Why a command could never run here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum Refusal {
    /// It wants more GPUs than there are.
    #[error("it needs {asked} GPUs, and {place} has {there}")]
    Gpus {
        /// So many it wants.
        asked: u32,
        /// So many there are.
        there: u32,
        /// Where: "this machine".
        place: String,
    },
    /// It wants more cores than there are, where that does not mean all of them.
    #[error("it needs {asked} cores, and {place} has {there}")]
    Cores {
        /// So many it wants.
        asked: u32,
        /// So many there are.
        there: u32,
        /// Where: "this machine".
        place: String,
    },
    /// It wants more memory than there is.
    #[error("it needs {:.1} GiB of memory, and {place} has {:.1}", gib(*.asked), gib(*.there))]
    Memory {
        /// Bytes that it wants.
        asked: u64,
        /// Bytes that there are.
        there: u64,
        /// Where: "this machine".
        place: String,
    },
}

fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

impl Capacity {
    /// Whether a command could run, if nothing else did. More cores than there are means all.
    ///
    /// # Errors
    /// What there is too little of at a place of this name.
    pub fn fits(&self, needs: &Needs, place: &str) -> Result<(), Refusal> {
        let place = place.to_owned();
        if needs.gpus > self.gpus {
            return Err(Refusal::Gpus { asked: needs.gpus, there: self.gpus, place });
        }
        if needs.memory > self.memory {
            return Err(Refusal::Memory { asked: needs.memory, there: self.memory, place });
        }
        Ok(())
    }
}

/// What a command has been given, as it is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Cores.
    pub cores: u32,
    /// Bytes of memory; 0 if it named none.
    pub memory: u64,
    /// Its GPUs, by the numbers by which its machine knows them.
    pub gpus: Vec<u32>,
    /// Variables that show it these GPUs and no others.
    pub variables: Vec<(String, OsString)>,
}

/// An answer to who asks for room.
#[derive(Debug)]
pub enum Offer {
    /// It may begin.
    Room(Reservation),
    /// There is not enough for this one now; for a smaller one there may be.
    NotNow,
    /// There is none for anything now.
    Full,
}

/// What lies behind a reservation: the executor's own notes, which give the room back when they are dropped.
pub trait Held: Any + Send + Sync {
    /// The command has ended and its results are being stored: what it computed with may be given to others.
    fn computed(&self);
}

/// Room for the attempts of one stage, one after another. It is given back when this is dropped.
pub struct Reservation {
    /// What was given.
    pub share: Share,
    held: Box<dyn Held>,
}

impl Reservation {
    /// Room, with what its executor must know about it.
    #[must_use]
    pub fn new(share: Share, held: Box<dyn Held>) -> Self {
        Reservation { share, held }
    }

    /// Lets others have what is not needed any more, now that the results are being stored.
    pub fn computed(&self) {
        self.held.computed();
    }

    /// What its executor knows about it, if it is this executor's.
    #[must_use]
    pub fn held<T: Held>(&self) -> Option<&T> {
        let held: &dyn Any = &*self.held;
        held.downcast_ref()
    }
}

impl std::fmt::Debug for Reservation {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("Reservation").field("share", &self.share).finish_non_exhaustive()
    }
}
