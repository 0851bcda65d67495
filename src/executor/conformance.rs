//! What everything that carries out commands must do. Each implementation passes this suite.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use nnf_contract::Event;

use crate::executor::{Ended, Executor, Job, Local, Stop, Watcher, tail};

/// Long enough for anything that ends by itself.
const LONG: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Heard {
    groups: Vec<u32>,
    events: Vec<Event>,
    /// Called when the stage says something, which is when it is known to run.
    then: Option<Box<dyn Fn()>>,
}

impl Watcher for Heard {
    fn began(&mut self, id: u32) {
        assert!(self.events.is_empty(), "it speaks before it begins");
        self.groups.push(id);
    }

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
    fn job(&self, script: &str) -> Job {
        let path = self.folder.path();
        let env = [("PATH", std::env::var_os("PATH").unwrap()), ("EVENTS", path.join("events").into())];
        Job {
            argv: ["/bin/sh", "-c", script].map(Into::into).into(),
            env: env.into_iter().map(|(name, value)| (name.into(), value)).collect::<BTreeMap<_, _>>(),
            folder: path.to_owned(),
            log: fs_err::File::create(path.join("log")).unwrap().into_file(),
            events: path.join("events"),
            cancel: None,
            timeout: None,
        }
    }

    fn execute(&self, job: Job, stop: &Stop, heard: &mut Heard) -> Ended {
        let _ = fs_err::remove_file(self.folder.path().join("events"));
        self.executor.execute(job, stop, heard).unwrap()
    }

    fn simply(&self, script: &str) -> Ended {
        self.execute(self.job(script), &Stop::default(), &mut Heard::default())
    }

    fn run(&self) {
        assert_eq!(self.simply("exit 0"), Ended::Success);
        assert_eq!(self.simply("exit 7"), Ended::Failure("exit status 7".into()));
        let Ended::Failure(how) = self.simply("kill -9 $$") else { panic!() };
        assert!(how.starts_with("signal 9 "), "{how}");
        self.the_environment_is_the_jobs_own();
        self.all_events_in_order();
        self.too_long();
        self.stopped();
        self.cancelled();
        self.not_there();
    }

    fn the_environment_is_the_jobs_own(&self) {
        let script = "pwd; echo to the log; echo and this >&2; test -z \"$HOME$CARGO\" && read line; test -z \"$line\"";
        assert_eq!(self.simply(script), Ended::Success);
        let lines = tail(&self.folder.path().join("log"), 9);
        let here = self.folder.path().canonicalize().unwrap().display().to_string();
        assert_eq!(lines, [here.as_str(), "to the log", "and this"]);
    }

    fn all_events_in_order(&self) {
        let mut heard = Heard::default();
        let script = "for i in 1 2 3; do echo '{\"event\":\"note\",\"text\":\"'$i'\"}' >> $EVENTS; sleep 0.06; done; echo '{\"event\":\"note\",\"text\":\"last\"}' >> $EVENTS";
        assert_eq!(self.execute(self.job(script), &Stop::default(), &mut heard), Ended::Success);
        let note = |text: &str| Event::Note { text: text.into() };
        assert_eq!(heard.events, ["1", "2", "3", "last"].map(note));
        assert_eq!(heard.groups.len(), 1);
    }

    fn too_long(&self) {
        let job = Job { timeout: Some(Duration::from_millis(100)), ..self.job("sleep 600") };
        assert_eq!(self.execute(job, &Stop::default(), &mut Heard::default()), Ended::TimedOut);
        let job = Job { timeout: Some(LONG), ..self.job("exit 3") };
        assert_eq!(self.execute(job, &Stop::default(), &mut Heard::default()), Ended::Failure("exit status 3".into()));
    }

    fn stopped(&self) {
        let says = "echo '{\"event\":\"note\",\"text\":\"here\"}' >> $EVENTS";
        for (script, kill) in [("sleep 600 & wait", false), ("trap '' TERM; while :; do sleep 0.05; done", true)] {
            let stop = std::rc::Rc::new(Stop::default());
            let asked = std::rc::Rc::clone(&stop);
            let then = move || if kill { asked.kill() } else { asked.ask() };
            let mut heard = Heard { then: Some(Box::new(then)), ..Heard::default() };
            assert_eq!(self.execute(self.job(&format!("{says}; {script}")), &stop, &mut heard), Ended::Stopped);
        }
    }

    /// A stage that heeds the cancel file may finish what it has at hand.
    fn cancelled(&self) {
        let cancel = self.folder.path().join("cancel");
        let waits = "while ! test -e cancel; do sleep 0.02; done";
        for (end, expected) in [("exit 0", Ended::Success), ("exit 1", Ended::TimedOut)] {
            let timeout = Some(Duration::from_millis(100));
            let job = Job { cancel: Some(cancel.clone()), timeout, ..self.job(&format!("{waits}; {end}")) };
            assert_eq!(self.execute(job, &Stop::default(), &mut Heard::default()), expected);
            fs_err::remove_file(&cancel).unwrap();
        }
    }

    fn not_there(&self) {
        let mut job = self.job("");
        job.argv[0] = Path::new("/no/such/program").into();
        let error = self.executor.execute(job, &Stop::default(), &mut Heard::default()).unwrap_err();
        assert!(error.starts_with("`/no/such/program` does not start: "), "{error}");
    }
}

#[test]
fn processes_of_this_machine_conform() {
    let executor = Local { cancel_grace: LONG, signal_grace: LONG };
    Suite { executor: &executor, folder: tempfile::tempdir().unwrap() }.run();
}
