//! A job, as a node runs it: it takes the stages of a lane one after another, and ends when none waits any more.
//!
//! A stage runs by the same code as on the machine that waits for it. What the node says goes into files of the lane.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use nnf_contract::Event;

use crate::executor::slurm::journal::{Line, Stage};
use crate::executor::slurm::lane::{Lane, Order, append};
use crate::executor::{
    Ended, Execution, Executor, ExecutorError, Handle, Held, Local, LocalOptions, Reservation, Share, Stop, Watcher,
};
use crate::gpus::{Gpus, amd_gpus};

/// How long a job without a stage waits for the next one: the waiting side takes a moment to store a result and to see
/// what it makes possible.
const LINGER: Duration = Duration::from_millis(1500);
/// How often it looks for one meanwhile.
const LOOK: Duration = Duration::from_millis(50);
/// How often a job that runs a stage looks whether it is to stop.
const HEED: Duration = Duration::from_millis(250);

/// Serves the stages of a lane, in the environment of a job. `told_to_end` is raised by the signal that Slurm sends before
/// it kills.
///
/// # Errors
/// When the lane cannot be read or written; in words.
pub fn serve(
    folder: &Path,
    environment: &BTreeMap<OsString, OsString>,
    sandbox: &[OsString],
    told_to_end: &AtomicBool,
) -> Result<(), String> {
    let unseen = |error| format!("{} cannot be used from here: {error}", folder.display());
    let lane = Lane::open(folder).map_err(unseen)?;
    let shared_for = lane.terms().map_err(unseen)?.shared_for;
    let variable = |name: &str| environment.get(OsStr::new(name)).map(|value| value.to_string_lossy().into_owned());
    let id = match (variable("SLURM_ARRAY_JOB_ID"), variable("SLURM_ARRAY_TASK_ID"), variable("SLURM_JOB_ID")) {
        (Some(array), Some(task), _) => format!("{array}_{task}"),
        (_, _, Some(id)) => id,
        _ => return Err("this is no job of Slurm".into()),
    };
    let node = variable("SLURMD_NODENAME").unwrap_or_else(|| "a node".into());
    let job = Job { lane, shared_for, id, node, environment, sandbox, told_to_end, began: Instant::now() };
    let served = job.serve();
    // Whatever happened, it takes no more.
    let left = job.lane.leave(&job.id);
    match served.and(left) {
        // Whoever waited for it has ended, and has cleared it away.
        Err(_) if !folder.exists() => Ok(()),
        served => served.map_err(unseen),
    }
}

struct Job<'a> {
    lane: Lane,
    shared_for: Duration,
    id: String,
    node: String,
    environment: &'a BTreeMap<OsString, OsString>,
    /// The command that confines itself, for strict stages.
    sandbox: &'a [OsString],
    told_to_end: &'a AtomicBool,
    began: Instant,
}

impl Job<'_> {
    fn serve(&self) -> std::io::Result<()> {
        let mut first = true;
        let mut idle = Instant::now();
        loop {
            let late = !first && self.began.elapsed() > self.shared_for;
            if late || self.told_to_end.load(Ordering::SeqCst) || self.lane.is_closed() {
                return Ok(());
            }
            match self.lane.take(&self.id)? {
                Some((name, bytes)) => {
                    if !self.run(&name, &bytes, first)? {
                        return Ok(());
                    }
                    first = false;
                    idle = Instant::now();
                }
                None if idle.elapsed() > LINGER => return Ok(()),
                None => std::thread::sleep(LOOK),
            }
        }
    }

    /// Runs a stage; false if the job is to take no other one.
    fn run(&self, name: &str, bytes: &[u8], first: bool) -> std::io::Result<bool> {
        let journal = self.lane.journal(name);
        append(&journal, &Line::Taken { job: self.id.clone(), node: self.node.clone(), first })?;
        let stop = Stop::default();
        let result = match serde_json::from_slice::<Stage>(bytes) {
            Ok(stage) => self.execute(name, &stage, &stop),
            Err(error) => Err(ExecutorError::File { file: "its command".into(), why: error.to_string() }),
        };
        // Slurm knows by whom and why, but only once the job has ended.
        let killed = result.as_ref().is_ok_and(|execution| matches!(execution.ended, Ended::Signal { signal: 9 | 15 }));
        append(&journal, &Line::from(result))?;
        Ok(!killed && !stop.asked())
    }

    fn execute(&self, name: &str, stage: &Stage, stop: &Stop) -> Result<Execution, ExecutorError> {
        let needs = &stage.command.needs;
        let gpus = self.gpus();
        let local = Local::new(LocalOptions {
            cores: stage.cores,
            memory: needs.memory,
            gpus: gpus.clone(),
            // What a job has is no one else's already.
            locks: PathBuf::new(),
            sandbox: self.sandbox.to_vec(),
        });
        let own: Vec<u32> = (0..gpus.count()).take(needs.gpus as usize).collect();
        let variables = gpus.variables(&own).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let share = Share { cores: stage.cores, memory: needs.memory, gpus: gpus.indices(&own), variables };
        let reservation = Reservation::new(share, Box::new(WholeJob));
        std::thread::scope(|scope| {
            let (done, over) = channel::<()>();
            scope.spawn(move || {
                while over.recv_timeout(HEED) == Err(RecvTimeoutError::Timeout) {
                    let told = if self.told_to_end.load(Ordering::SeqCst) { Order::Stop } else { Order::Go };
                    match told.max(self.lane.ordered(name)) {
                        // Who gave it up has begun it anew, in the belief that nothing of it runs.
                        _ if !self.lane.is_taken(name, &self.id) => stop.kill(),
                        Order::Go => {}
                        Order::Stop => stop.ask(),
                        Order::Kill => stop.kill(),
                    }
                }
            });
            let execution = local.execute(&stage.command, &reservation, stop, &mut Unheard);
            drop(done);
            execution
        })
    }

    /// The GPUs that Slurm has given to the job.
    fn gpus(&self) -> Gpus {
        Gpus::given(self.environment, amd_gpus() > 0)
    }
}

/// All that a job has is its stage's.
struct WholeJob;

impl Held for WholeJob {
    fn computed(&self) {}
}

/// What a stage says is read by the side that waits for it.
pub(crate) struct Unheard;

impl Watcher for Unheard {
    fn began(&mut self, _: &Handle) {}

    fn waits(&mut self, _: &str) {}

    fn waited(&mut self) {}

    fn said(&mut self, _: Event) {}
}
