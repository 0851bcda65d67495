//! What everything that carries out commands must do. Each implementation passes this suite.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use nnf_contract::Event;

use crate::executor::{
    Command, Ended, Executor, ExecutorError, Handle, Local, LocalOptions, Offer, Recovered, Request, Reservation,
    Scripted, Slurm, SlurmSetup, Stop, Watcher, serve, tail,
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
        match self.executor.reserve(&self.request(&NEEDS, false)) {
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

    /// What everything does, also what cannot end a command before its time.
    fn run_to_the_end(&self) {
        assert_eq!(self.simply("exit 0"), WELL);
        assert_eq!(self.simply("exit 7"), Ended::Exit { code: 7 });
        assert_eq!(self.simply("kill -9 $$"), Ended::Signal { signal: 9 });
        self.the_environment_is_its_own();
        self.all_events_in_order();
        self.not_there();
        self.room_is_given_back();
        self.what_never_fits_is_refused();
        self.the_machine_is_known_once_it_was_asked();
        self.what_nobody_knows_is_gone();
    }

    fn run(&self) {
        self.run_to_the_end();
        self.too_long();
        self.stopped();
        self.cancelled();
    }

    fn request<'r>(&self, needs: &'r Needs, alone: bool) -> Request<'r> {
        Request { stage: "suite", needs, alone, timeout: None, executor: None, slurm: None }
    }

    /// There is room for some commands at a time, and for as many again when these are over.
    fn room_is_given_back(&self) {
        let all = || -> Vec<Reservation> {
            let next = || match self.executor.reserve(&self.request(&NEEDS, false)) {
                Ok(Offer::Room(room)) => Some(room),
                Ok(Offer::NotNow | Offer::Full) => None,
                Err(refusal) => panic!("{refusal}"),
            };
            std::iter::from_fn(next).take(100).collect()
        };
        let rooms = all();
        let most = rooms.len();
        assert!((1..100).contains(&most), "{most}");
        // What a command computed with is free while its results are stored; and once only.
        rooms[0].computed();
        let one = all();
        assert_eq!(one.len(), 1);
        drop((rooms, one));
        assert_eq!(all().len(), most);
    }

    fn what_never_fits_is_refused(&self) {
        assert_eq!(self.executor.could_hold(&self.request(&NEEDS, false)), Ok(()));
        for needs in [Needs { memory: 1 << 60, ..NEEDS }, Needs { gpus: 1000, ..NEEDS }] {
            let refusal = self.executor.could_hold(&self.request(&needs, false)).unwrap_err().to_string();
            assert!(refusal.starts_with("it needs 1"), "{refusal}");
        }
    }

    fn the_machine_is_known_once_it_was_asked(&self) {
        let request = self.request(&NEEDS, true);
        self.executor.ask_machine(&request, &Stop::default()).unwrap();
        let machine = self.executor.machine(&request).unwrap().unwrap();
        assert!(machine.cores > 0 && !machine.platform.is_empty(), "{machine:?}");
    }

    fn what_nobody_knows_is_gone(&self) {
        for id in ["", "4000000 1", "e-none/0/00000001", "../../etc/passwd", "no such thing"] {
            let handle = Handle { executor: self.executor.name().into(), id: id.into() };
            assert_eq!(self.executor.recover(&handle).unwrap(), Recovered::Gone, "{id}");
            self.executor.abandon(&handle).unwrap();
        }
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

/// A script that has the system run the command, and waits for its end.
#[test]
fn what_a_script_says_conforms() {
    let script = |command: &Command| {
        let log = || File::options().append(true).open(&command.log).unwrap();
        let status = process::Command::new(&command.argv[0])
            .args(&command.argv[1..])
            .env_clear()
            .envs(&command.env)
            .current_dir(&command.folder)
            .stdin(process::Stdio::null())
            .stdout(log())
            .stderr(log())
            .status();
        let program = command.argv[0].to_string_lossy().into_owned();
        let status = status.map_err(|error| ExecutorError::NotStarted { program, why: error.to_string() })?;
        Ok(match status.code() {
            Some(code) => Ended::Exit { code },
            None => Ended::Signal { signal: status.signal().unwrap() },
        })
    };
    let unknown = Scripted::new(2, script).with_unknown_machine(|_| Ok(()));
    Suite { executor: &unknown, folder: tempfile::tempdir().unwrap() }.run_to_the_end();
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
    let left: Vec<_> = fs_err::read_dir(spool.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["machines"], "it leaves nothing behind but what it was told of a node");
}

#[test]
#[ignore = "it is what the jobs of another test run; the last word of its command line names their folder"]
fn a_node() {
    let folder = std::path::PathBuf::from(std::env::args_os().next_back().unwrap());
    if folder.is_absolute() {
        serve(&folder, &std::env::vars_os().collect(), &[], &AtomicBool::new(false)).unwrap();
    }
}
