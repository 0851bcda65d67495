//! The executor itself. A stage is put into a lane, and followed until it is over.
//!
//! What Slurm is asked for, and how often, is the keeper's affair; what happens on a node, `node` says.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use nnf_contract::Machine;

use crate::executor::events::Tail;
use crate::executor::slurm::desk::Served;
use crate::executor::slurm::fleet::Fleet;
use crate::executor::slurm::follow::{Following, Grace};
use crate::executor::slurm::journal::Stage;
use crate::executor::slurm::keeper::{Keeper, Pace};
use crate::executor::slurm::lane::Lines;
use crate::executor::slurm::machines::{Known, Machines};
use crate::executor::slurm::node::Unheard;
use crate::executor::slurm::nodes::{NodeFacts, fits};
use crate::executor::slurm::place::Place;
use crate::executor::slurm::programs::Programs;
use crate::executor::slurm::spool::{NAME, Spool, Ticket};
use crate::executor::slurm::submission::{Resources, script};
use crate::executor::{
    Capacity, Command, Execution, Executor, ExecutorError, Handle, Offer, Recovered, Refusal, Request, Reservation,
    Share, Stop, Watcher,
};
use crate::graph::{CpuNeed, Needs};
use crate::mutex::lock;

/// What the executor is to know.
#[derive(Clone, Debug)]
pub struct SlurmSetup {
    /// The environment in which Slurm's programs are found, and find Slurm.
    pub environment: BTreeMap<OsString, OsString>,
    /// The command that a job becomes; the folder of a lane is appended. Nodes find it where this machine does.
    pub node: Vec<OsString>,
    /// A folder that nodes see too.
    pub spool: PathBuf,
    /// Most jobs in the queue at a time, and most stages that wait or run.
    pub most: u32,
}

/// Jobs of Slurm.
pub struct Slurm {
    pub(super) keeper: Keeper,
    pub(super) spool: Spool,
    pub(super) machines: Machines,
    programs: Programs,
    node: Vec<OsString>,
    most: usize,
    /// Stages that wait or run.
    used: Arc<AtomicUsize>,
    followed: AtomicUsize,
    grace: Grace,
    /// One at a time asks for a machine.
    asking: Mutex<()>,
    nodes: OnceLock<Vec<NodeFacts>>,
}

impl Slurm {
    /// Jobs as this machine may submit them. Nothing is asked of Slurm before something is to run.
    #[must_use]
    pub fn new(setup: SlurmSetup) -> Self {
        let programs = Programs::new(&setup.environment);
        let most = usize::try_from(setup.most).unwrap_or(usize::MAX).max(1);
        Slurm {
            keeper: Keeper::new(Box::new(programs.clone()), Pace::default(), most),
            machines: Machines::new(&setup.spool),
            spool: Spool::new(setup.spool),
            programs,
            node: setup.node,
            most,
            used: Arc::default(),
            followed: AtomicUsize::new(0),
            grace: Grace::default(),
            asking: Mutex::default(),
            nodes: OnceLock::new(),
        }
    }

    /// Whether it gave this room.
    pub(crate) fn gave(&self, reservation: &Reservation) -> bool {
        reservation.held::<Place>().is_some()
    }

    fn resources(request: &Request<'_>) -> Resources {
        Resources {
            needs: *request.needs,
            alone: request.alone,
            node: None,
            timeout: request.timeout,
            options: request.slurm.cloned().unwrap_or_default(),
        }
    }

    /// How many cores a stage can count on, on the node that it measures if it does.
    fn cores(&self, resources: &Resources, measured: Option<&Known>) -> Result<u32, ExecutorError> {
        match resources.needs.cpus {
            _ if resources.alone => {
                let cores = measured.map(|known| known.machine.cores);
                cores.ok_or_else(|| service("Slurm", "the node that measures is not known any more; run again".into()))
            }
            CpuNeed::Count(count) => Ok(count.max(1)),
            CpuNeed::All => {
                let partition = resources.options.partition.as_deref();
                let cores = self.nodes()?.iter().filter(|node| node.is_in(partition)).map(|node| node.cores).min();
                cores.ok_or_else(|| {
                    let partition = partition.unwrap_or("the usual one");
                    service("sinfo", format!("there is no node in the partition {partition}"))
                })
            }
        }
    }

    fn nodes(&self) -> Result<&[NodeFacts], ExecutorError> {
        if let Some(nodes) = self.nodes.get() {
            return Ok(nodes);
        }
        let nodes = self.programs.nodes().map_err(|error| service("sinfo", error.to_string()))?;
        Ok(self.nodes.get_or_init(|| nodes))
    }

    /// Puts a stage into its lane.
    pub(super) fn put(&self, ticket: &Ticket, command: &Command, cores: u32, alone: bool) -> Result<(), ExecutorError> {
        let unusable = |error: std::io::Error| file("the folder for jobs", &error);
        let stage = Stage { command: command.clone(), cores, alone };
        ticket.lane.add(&ticket.stage, &stage).map_err(unusable)?;
        self.wait(ticket, Fleet::default()).map_err(unusable)
    }

    /// Where a stage stands that another engine noted.
    fn find(&self, handle: &Handle) -> Result<Option<Ticket>, ExecutorError> {
        self.spool.find(handle).map_err(|error| file("the folder for jobs", &error))
    }

    fn wait(&self, ticket: &Ticket, fleet: Fleet) -> std::io::Result<()> {
        let mut arguments = ticket.lane.terms()?.arguments;
        arguments.extend(["--parsable".into(), format!("--job-name={}", ticket.jobs), "--comment=nnf".into()]);
        let script = script(&self.node, ticket.lane.folder());
        self.keeper.wait(&ticket.jobs, || Served::new(&ticket.lane, arguments, script, fleet), &ticket.stage);
        Ok(())
    }

    /// Follows a stage to its end. What it left can be fetched by another engine until the place that it has is given back.
    fn follow(
        &self,
        (ticket, events): (&Ticket, &Path),
        place: Option<&Place>,
        stop: &Stop,
        watcher: &mut dyn Watcher,
    ) -> Result<Execution, ExecutorError> {
        let mut following = self.following(ticket, events, stop);
        let execution = following.follow(watcher);
        if let Some(job) = following.job() {
            match place {
                Some(place) => {
                    lock(&place.ended).push((ticket.clone(), job));
                }
                None => ticket.lane.give_up(&ticket.stage, &job),
            }
        }
        execution
    }

    /// What came of a stage. Where it measures, a node that is not what it was, or that the cluster has no more, is
    /// forgotten: the next run asks again which one there is.
    fn compared(
        &self,
        resources: &Resources,
        execution: Result<Execution, ExecutorError>,
    ) -> Result<Execution, ExecutorError> {
        if !resources.alone {
            return execution;
        }
        match (execution, &resources.node) {
            (Ok(execution), _) => {
                if self.machines.find(resources).is_some_and(|known| known.machine != execution.machine) {
                    self.machines.forget(resources);
                }
                Ok(execution)
            }
            (Err(ExecutorError::Service { service, why }), Some(node)) if self.programs.has_node(node) == Ok(false) => {
                self.machines.forget(resources);
                let why =
                    format!("{why}; {node}, the node that measured before, is forgotten: run again to ask another");
                Err(ExecutorError::Service { service, why })
            }
            (error, _) => error,
        }
    }

    pub(super) fn following<'a>(&'a self, ticket: &'a Ticket, events: &Path, stop: &'a Stop) -> Following<'a> {
        Following {
            keeper: &self.keeper,
            ticket,
            stop,
            grace: self.grace,
            many: &self.followed,
            lines: Lines::default(),
            events: Tail::new(events),
            taken: None,
            waits: false,
            told: None,
            cancelled: false,
            over_since: None,
        }
    }
}

impl Executor for Slurm {
    fn name(&self) -> &str {
        NAME
    }

    fn capacity(&self) -> Capacity {
        // What a cluster has not, `sbatch` says.
        Capacity { cores: u32::MAX, memory: u64::MAX, gpus: u32::MAX }
    }

    fn machine(&self, request: &Request<'_>) -> Result<Option<Machine>, ExecutorError> {
        Ok(self.machines.find(&Self::resources(request)).map(|known| known.machine))
    }

    fn ask_machine(&self, request: &Request<'_>, stop: &Stop) -> Result<(), ExecutorError> {
        let resources = Self::resources(request);
        // Whoever asked before may have got the answer for both.
        let _one = lock(&self.asking);
        match self.machines.find(&resources) {
            Some(_) => Ok(()),
            None => self.ask(&resources, stop),
        }
    }

    fn is_here(&self, _: &Request<'_>) -> bool {
        false
    }

    fn could_hold(&self, request: &Request<'_>) -> Result<(), Refusal> {
        let options = request.slurm.cloned().unwrap_or_default();
        let modest = Needs { cpus: CpuNeed::Count(1), memory: 0, gpus: 0 };
        // What a person tells `sbatch` besides may lead to other nodes; and where Slurm is silent, it is not known.
        if *request.needs == modest || !options.arguments.is_empty() || self.programs.are_told_more() {
            return Ok(());
        }
        self.nodes().map_or(Ok(()), |nodes| fits(nodes, options.partition.as_deref(), request.needs))
    }

    fn reserve(&self, request: &Request<'_>) -> Result<Offer, Refusal> {
        let take = |used: usize| (used < self.most).then_some(used + 1);
        if self.used.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_err() {
            return Ok(Offer::Full);
        }
        let mut place = Place {
            used: Arc::clone(&self.used),
            given_back: AtomicBool::new(false),
            resources: Self::resources(request),
            ended: Mutex::default(),
            trouble: None,
        };
        let measured = if request.alone { self.machines.find(&place.resources) } else { None };
        let cores = self.cores(&place.resources, measured.as_ref()).unwrap_or_else(|error| {
            place.trouble = Some(error);
            1
        });
        place.resources.node = measured.map(|known| known.node);
        let Needs { memory, gpus, .. } = *request.needs;
        let share = Share { cores, memory, gpus: (0..gpus).collect(), variables: Vec::new() };
        Ok(Offer::Room(Reservation::new(share, Box::new(place))))
    }

    fn execute(
        &self,
        command: &Command,
        reservation: &Reservation,
        stop: &Stop,
        watcher: &mut dyn Watcher,
    ) -> Result<Execution, ExecutorError> {
        let place: &Place = reservation.held().ok_or_else(|| service("Slurm", "there is no room".into()))?;
        if let Some(trouble) = &place.trouble {
            return Err(trouble.clone());
        }
        let resources = &place.resources;
        let ticket = self.spool.place(resources).map_err(|error| file("the folder for jobs", &error))?;
        watcher.began(&ticket.handle);
        self.put(&ticket, command, reservation.share.cores, resources.alone)?;
        let execution = self.follow((&ticket, &command.events), Some(place), stop, watcher);
        self.compared(resources, execution)
    }

    fn recover(&self, handle: &Handle) -> Result<Recovered, ExecutorError> {
        let Some(ticket) = self.find(handle)? else { return Ok(Recovered::Gone) };
        // Jobs of that lane take no more stages.
        let never = ticket.lane.is_closed() && ticket.lane.withdraw(&ticket.stage);
        Ok(if never { Recovered::Gone } else { Recovered::Alive })
    }

    fn resume(
        &self,
        handle: &Handle,
        events: &Path,
        reservation: &Reservation,
        stop: &Stop,
        watcher: &mut dyn Watcher,
    ) -> Result<Execution, ExecutorError> {
        let ticket = self.find(handle)?.ok_or_else(|| ExecutorError::Lost { why: "its place is gone".into() })?;
        self.wait(&ticket, Fleet::found()).map_err(|error| file("the folder for jobs", &error))?;
        let place: Option<&Place> = reservation.held();
        let execution = self.follow((&ticket, events), place, stop, watcher);
        match place {
            Some(place) => self.compared(&place.resources, execution),
            None => execution,
        }
    }

    fn abandon(&self, handle: &Handle) -> Result<(), ExecutorError> {
        let Some(ticket) = self.find(handle)? else { return Ok(()) };
        if ticket.lane.withdraw(&ticket.stage) {
            return Ok(());
        }
        let stop = Stop::default();
        stop.kill();
        self.wait(&ticket, Fleet::found()).map_err(|error| file("the folder for jobs", &error))?;
        self.follow((&ticket, Path::new("/dev/null")), None, &stop, &mut Unheard).map(drop)
    }
}

pub(super) fn service(service: &str, why: String) -> ExecutorError {
    ExecutorError::Service { service: service.to_owned(), why }
}

pub(super) fn file(file: &str, error: &std::io::Error) -> ExecutorError {
    ExecutorError::File { file: file.to_owned(), why: error.to_string() }
}
