//! What everything that carries out commands must do. Each implementation passes this suite.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use nnf_contract::Event;

use crate::executor::{
    Command, Ended, Executor, ExecutorError, Handle, Local, LocalOptions, Offer, Request, Reservation, Slurm,
    SlurmSetup, Stop, Watcher, serve, tail,
};
use crate::gpus::Gpus;
use crate::graph::{CpuNeed, Needs};

#[path = "../../tests/support/slurm.rs"]
mod cluster;

const SHORT: Duration = Duration::from_millis(100);
const NEEDS: Needs = Needs { cpus: CpuNeed::Count(1), memory: 0, gpus: 0 };
const WELL: Ended = Ended::Exit { code: 0 };
const TIMED_OUT: Ended = Ended::TimedOut { limit: Some(SHORT) };

/// Long enough for anything that ends by itself.
const LONG: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Heard {
    handles: Vec<Handle>,
    events: Vec<Event>,
    /// Called when the stage says something, which is when it is known to run.
    then: Option<Box<dyn Fn()>>,
}

impl Watcher for Heard {
    fn began(&mut self, handle: &Handle) {
        assert!(self.events.is_empty(), "it speaks before it begins");
        self.handles.push(handle.clone());
    }

    fn waits(&mut self, _: &str) {}

    fn waited(&mut self) {}

    fn said(&mut self, event: Event) {
        self.events.push(event);
        if let Some(then) = &self.then {
            then();
        }
    }
}

struct Suite<'a> {
    executor: &'a dyn Executor,
    folder: tempfile::TempDir,
}

impl Suite<'_> {
    fn command(&self, script: &str) -> Command {
        let path = self.folder.path();
        fs_err::write(path.join("log"), "").unwrap();
        let env = [("PATH", std::env::var_os("PATH").unwrap()), ("EVENTS", path.join("events").into())];
        Command {
            name: "suite".into(),
            argv: ["/bin/sh", "-c", script].map(Into::into).into(),
            env: env.into_iter().map(|(name, value)| (name.into(), value)).collect::<BTreeMap<_, _>>(),
            folder: path.to_owned(),
            attempt: path.to_owned(),
            secret: Default::default(),
            log: path.join("log"),
            scratch: path.join("scratch"),
            needs: NEEDS,
            bounds: None,
            events: path.join("events"),
            cancel: None,
            timeout: None,
        }
    }

    fn room(&self) -> Reservation {
        let request =
            Request { stage: "suite", needs: &NEEDS, alone: false, timeout: None, executor: None, slurm: None };
        match self.executor.reserve(&request) {
            Ok(Offer::Room(room)) => room,
            other => panic!("{other:?}"),
        }
    }

    fn execute(&self, command: Command, stop: &Stop, heard: &mut Heard) -> Ended {
        self.try_to(&command, stop, heard).unwrap()
    }

    fn try_to(&self, command: &Command, stop: &Stop, heard: &mut Heard) -> Result<Ended, ExecutorError> {
        let _ = fs_err::remove_file(self.folder.path().join("events"));
        Ok(self.executor.execute(command, &self.room(), stop, heard)?.ended)
    }

    fn simply(&self, script: &str) -> Ended {
        self.execute(self.command(script), &Stop::default(), &mut Heard::default())
    }

    fn run(&self) {
        assert_eq!(self.simply("exit 0"), WELL);
        assert_eq!(self.simply("exit 7"), Ended::Exit { code: 7 });
        assert_eq!(self.simply("kill -9 $$"), Ended::Signal { signal: 9 });
        self.the_environment_is_its_own();
        self.all_events_in_order();
        self.too_long();
        self.stopped();
        self.cancelled();
        self.not_there();
    }

    fn the_environment_is_its_own(&self) {
        let script = "pwd; echo to the log; echo and this >&2; test -z \"$HOME$CARGO\" && read line; test -z \"$line\"";
        assert_eq!(self.simply(script), WELL);
        let lines = tail(&self.folder.path().join("log"), 9);
        let here = self.folder.path().canonicalize().unwrap().display().to_string();
        assert_eq!(lines, [here.as_str(), "to the log", "and this"]);
    }

    fn all_events_in_order(&self) {
        let mut heard = Heard::default();
        let script = "for i in 1 2 3; do echo '{\"event\":\"note\",\"text\":\"'$i'\"}' >> $EVENTS; sleep 0.06; done; echo '{\"event\":\"note\",\"text\":\"last\"}' >> $EVENTS";
        assert_eq!(self.execute(self.command(script), &Stop::default(), &mut heard), WELL);
        let note = |text: &str| Event::Note { text: text.into() };
        assert_eq!(heard.events, ["1", "2", "3", "last"].map(note));
        assert_eq!(heard.handles.len(), 1);
    }

    fn too_long(&self) {
        let command = Command { timeout: Some(SHORT), ..self.command("sleep 600") };
        assert_eq!(self.execute(command, &Stop::default(), &mut Heard::default()), TIMED_OUT);
        let command = Command { timeout: Some(LONG), ..self.command("exit 3") };
        assert_eq!(self.execute(command, &Stop::default(), &mut Heard::default()), Ended::Exit { code: 3 });
    }

    fn stopped(&self) {
        let says = "echo '{\"event\":\"note\",\"text\":\"here\"}' >> $EVENTS";
        for (script, kill) in [("sleep 600 & wait", false), ("trap '' TERM; while :; do sleep 0.05; done", true)] {
            let stop = std::rc::Rc::new(Stop::default());
            let asked = std::rc::Rc::clone(&stop);
            let then = move || if kill { asked.kill() } else { asked.ask() };
            let mut heard = Heard { then: Some(Box::new(then)), ..Heard::default() };
            assert_eq!(self.execute(self.command(&format!("{says}; {script}")), &stop, &mut heard), Ended::Stopped);
        }
    }

    /// A stage that heeds the cancel file may finish what it has at hand.
    fn cancelled(&self) {
        let cancel = self.folder.path().join("cancel");
        let waits = "while ! test -e cancel; do sleep 0.02; done";
        for (end, expected) in [("exit 0", WELL), ("exit 1", TIMED_OUT)] {
            let timeout = Some(SHORT);
            let command = Command { cancel: Some(cancel.clone()), timeout, ..self.command(&format!("{waits}; {end}")) };
            assert_eq!(self.execute(command, &Stop::default(), &mut Heard::default()), expected);
            fs_err::remove_file(&cancel).unwrap();
        }
    }

    fn not_there(&self) {
        let mut command = self.command("");
        command.argv[0] = Path::new("/no/such/program").into();
        let error = self.try_to(&command, &Stop::default(), &mut Heard::default()).unwrap_err();
        let ExecutorError::NotStarted { program, .. } = error else { panic!("{error}") };
        assert_eq!(program, "/no/such/program");
    }
}

#[test]
fn processes_of_this_machine_conform() {
    let mut executor = Local::new(LocalOptions {
        cores: 2,
        memory: 1 << 30,
        gpus: Gpus::visible(&BTreeMap::new(), 0, 0),
        locks: "/nowhere".into(),
        sandbox: Vec::new(),
    });
    (executor.cancel_grace, executor.signal_grace) = (LONG, LONG);
    Suite { executor: &executor, folder: tempfile::tempdir().unwrap() }.run();
}

#[test]
fn jobs_of_slurm_conform() {
    let Some(cluster) = cluster::Cluster::shared() else { return };
    let spool = tempfile::tempdir().unwrap();
    let environment = [("PATH", std::env::var_os("PATH").unwrap()), ("SLURM_CONF", cluster.conf().into())];
    // A job of this suite becomes the test below.
    let node = ["--ignored", "--exact", "--nocapture", "executor::conformance::a_node"].map(OsString::from);
    let executor = Slurm::new(SlurmSetup {
        environment: environment.map(|(name, value)| (name.into(), value)).into(),
        node: [std::env::current_exe().unwrap().into()].into_iter().chain(node).collect(),
        spool: spool.path().to_owned(),
        most: 4,
    });
    Suite { executor: &executor, folder: tempfile::tempdir().unwrap() }.run();
    drop(executor);
    assert!(!spool.path().exists(), "it leaves nothing behind");
}

#[test]
#[ignore = "it is what the jobs of another test run; the last word of its command line names their folder"]
fn a_node() {
    let folder = std::path::PathBuf::from(std::env::args_os().next_back().unwrap());
    if folder.is_absolute() {
        serve(&folder, &std::env::vars_os().collect(), &[], &AtomicBool::new(false)).unwrap();
    }
}
