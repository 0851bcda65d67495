//! Promises of the run loop, whatever the graph is and whatever happens: a scripted executor starts no process, so a run
//! takes milliseconds.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Audit, AuditOptions, Audited, Interrupter, Reporter, Run, RunEvent, RunOptions, Summary, Verdict};
use crate::executor::{Command, Ended, ExecutorError, Scripted};
use crate::pipeline::{LoadRequest, Loaded, load};
use crate::programs::Describer;
use crate::store::{Store, StoreOptions};

/// A stage: what it reads of those before it, its word (two of the same are the same work), its cores, its retries, how
/// often it fails first, and whether it loses what it reads, once.
#[derive(Clone, Debug)]
struct Made {
    reads: Vec<usize>,
    word: u8,
    cores: u32,
    retries: u32,
    fails: u32,
    loses: bool,
}

fn made() -> impl Strategy<Value = Made> {
    let fails = prop_oneof![4 => Just(0_u32), 1 => 1_u32..4];
    (vec(any::<prop::sample::Index>(), 0..3), 0_u8..3, 1_u32..4, 0_u32..3, fails, prop::bool::weighted(0.15)).prop_map(
        |(reads, word, cores, retries, fails, loses)| {
            let reads = reads.into_iter().map(|index| index.index(64)).collect();
            Made { reads, word, cores, retries, fails, loses }
        },
    )
}

fn pipeline(stages: &[Made]) -> String {
    let mut text = "stages:\n".to_owned();
    for (at, stage) in stages.iter().enumerate() {
        let reads: BTreeSet<usize> = stage.reads.iter().filter(|_| at > 0).map(|read| read % at.max(1)).collect();
        let list: Vec<String> = reads.iter().enumerate().map(|(n, read)| format!("i{n}: s{read}.x")).collect();
        let words: Vec<String> = (0..reads.len()).map(|n| format!("'{{in.i{n}}}'")).collect();
        let words = [vec!["'true'".to_owned(), format!("w{}", stage.word), "'{out.x}'".to_owned()], words].concat();
        text += &format!(
            "  s{at}:\n    run: [{}]\n    in: {{ {} }}\n    out: {{ x: }}\n    needs: {{ cpus: {} }}\n    retries: {}\n",
            words.join(", "),
            list.join(", "),
            stage.cores,
            stage.retries
        );
    }
    text
}

/// What the script saw.
#[derive(Default)]
struct Seen {
    /// How often each stage was begun, and how often it ended well.
    begun: Mutex<BTreeMap<String, u32>>,
    well: Mutex<BTreeMap<String, u32>>,
    lost: AtomicUsize,
    cores: AtomicUsize,
    most: AtomicUsize,
    steps: AtomicUsize,
}

fn stage_of(command: &Command, stages: &[Made]) -> Made {
    stages[command.name.trim_start_matches('s').parse::<usize>().unwrap()].clone()
}

/// Removes the content that a stage was given to read.
fn lose(store: &Path, command: &Command, seen: &Seen) {
    for input in &command.argv[3..] {
        let bytes = fs_err::read(input).unwrap();
        let digest = crate::digest::Digest::of(&bytes).to_string();
        let blob = store.join("blobs/v1").join(&digest[..2]).join(&digest[2..]);
        seen.lost.fetch_add(usize::from(fs_err::remove_file(blob).is_ok()), Ordering::SeqCst);
    }
}

/// Carries out a command of the script: its output tells its word and all that it read.
fn carry_out(command: &Command, stages: &[Made], store: &Path, seen: &Seen) -> Result<Ended, ExecutorError> {
    let stage = stage_of(command, stages);
    let cores = command.env[std::ffi::OsStr::new("NNF_CPUS")].to_str().unwrap().parse::<usize>().unwrap();
    let now = seen.cores.fetch_add(cores, Ordering::SeqCst) + cores;
    seen.most.fetch_max(now, Ordering::SeqCst);
    let times = {
        let mut begun = seen.begun.lock().unwrap();
        let times = begun.entry(command.name.clone()).or_default();
        *times += 1;
        *times
    };
    let mut output = command.argv[1].to_str().unwrap().to_owned();
    for input in &command.argv[3..] {
        output += &format!("({})", fs_err::read_to_string(input).unwrap());
    }
    std::thread::sleep(Duration::from_micros(200));
    if stage.loses && times == 1 {
        lose(store, command, seen);
    }
    let ended = if times <= stage.fails { Ended::Exit { code: 1 } } else { Ended::Exit { code: 0 } };
    if ended.well() {
        fs_err::write(&command.argv[2], output).unwrap();
        *seen.well.lock().unwrap().entry(command.name.clone()).or_default() += 1;
    }
    seen.cores.fetch_sub(cores, Ordering::SeqCst);
    Ok(ended)
}

/// What was said of each stage at last.
#[derive(Default)]
struct Said {
    ends: BTreeMap<String, Vec<&'static str>>,
    total: usize,
}

impl Reporter for Said {
    fn event(&mut self, event: &RunEvent) {
        let (stage, end) = match event {
            RunEvent::Began { total, .. } => return self.total = *total,
            RunEvent::Fresh { stage, .. } | RunEvent::Finished { stage, adopted: true, .. } => (stage, "fresh"),
            RunEvent::Finished { stage, .. } => (stage, "ran"),
            RunEvent::Failed { stage, .. } => (stage, "failed"),
            RunEvent::Stopped { stage } => (stage, "stopped"),
            _ => return,
        };
        self.ends.entry(stage.clone()).or_default().push(end);
    }
}

struct World {
    folder: tempfile::TempDir,
    loaded: Loaded,
    stages: Vec<Made>,
}

impl World {
    fn new(stages: Vec<Made>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipeline.yaml");
        fs_err::write(&path, pipeline(&stages)).unwrap();
        let describer = Describer { beside: None, path: std::env::var_os("PATH").unwrap(), memory: None };
        let loaded = load(&LoadRequest { path: &path, overrides: &[], programs: &describer, memory: None }).unwrap();
        World { folder, loaded, stages }
    }

    /// All records, by their files.
    fn records(&self) -> Vec<(std::path::PathBuf, Vec<u8>)> {
        let folders = fs_err::read_dir(self.folder.path().join("artifacts/records/v1")).unwrap().flatten();
        let files = folders.flat_map(|folder| fs_err::read_dir(folder.path()).unwrap().flatten());
        let mut all: Vec<_> = files.map(|file| (file.path(), fs_err::read(file.path()).unwrap())).collect();
        all.sort();
        all
    }

    fn store(&self) -> Store {
        Store::open(&StoreOptions { local: self.folder.path().join("artifacts"), remote: None }).unwrap()
    }

    /// What carries out its script with so many cores; a person stops it as the stage of that number begins. Some stages
    /// come out otherwise than before.
    fn script(&self, cores: u32, stop_at: Option<usize>, drifting: &BTreeSet<usize>) -> Script {
        let seen = Arc::new(Seen::default());
        let (inner, stages, drifting) = (Arc::clone(&seen), self.stages.clone(), drifting.clone());
        let stopper: Arc<OnceLock<Mutex<Interrupter>>> = Arc::default();
        let (stops, local) = (Arc::clone(&stopper), self.folder.path().join("artifacts"));
        let executor = Scripted::new(cores, move |command| {
            if Some(inner.steps.fetch_add(1, Ordering::SeqCst)) == stop_at {
                stops.get().unwrap().lock().unwrap().interrupt();
            }
            let ended = carry_out(command, &stages, &local, &inner)?;
            if ended.well() && drifting.contains(&command.name.trim_start_matches('s').parse().unwrap()) {
                fs_err::write(&command.argv[2], "other bytes").unwrap();
            }
            Ok(ended)
        });
        Script { executor, seen, stopper }
    }

    fn run(&self, cores: u32, keep_going: bool, stop_at: Option<usize>) -> (Summary, Said, Arc<Seen>) {
        let (store, script) = (self.store(), self.script(cores, stop_at, &BTreeSet::new()));
        let options = RunOptions {
            targets: Vec::new(),
            forced: BTreeSet::default(),
            keep_going,
            resume: true,
            environment: std::env::vars_os().collect(),
            remote: None,
        };
        let run = Run::new(&self.loaded, &store, &script.executor, options);
        assert!(script.stopper.set(Mutex::new(run.interrupter())).is_ok());
        let mut said = Said::default();
        let summary = run.go(&mut said).unwrap();
        (summary, said, script.seen)
    }

    /// Runs all again. The second value is what was told, the third one whether the run was whole.
    fn audit(&self, cores: u32, stop_at: Option<usize>, drifting: &BTreeSet<usize>) -> (Arc<Seen>, Vec<Audited>, bool) {
        let (store, script) = (self.store(), self.script(cores, stop_at, drifting));
        let options = AuditOptions { environment: std::env::vars_os().collect(), keep: None };
        let audit = Audit::new(&self.loaded, &store, &script.executor, options);
        assert!(script.stopper.set(Mutex::new(audit.interrupter())).is_ok());
        let mut told = Vec::new();
        let whole = audit.go(&self.loaded.graph.ids().collect(), &mut |audited| told.push(audited)).unwrap();
        (script.seen, told, whole)
    }
}

struct Script {
    executor: Scripted,
    seen: Arc<Seen>,
    stopper: Arc<OnceLock<Mutex<Interrupter>>>,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_instance_ends_in_one_state_and_the_counts_agree(
        stages in vec(made(), 1..9),
        cores in 1_u32..5,
        keep_going in any::<bool>(),
        stop_at in prop::option::weighted(0.3, 0_usize..8),
    ) {
        let world = World::new(stages);
        let (summary, said, seen) = world.run(cores, keep_going, stop_at);
        let lost = seen.lost.load(Ordering::SeqCst) > 0;
        prop_assert!(seen.most.load(Ordering::SeqCst) <= cores as usize, "more cores than there are");
        prop_assert_eq!(said.total, world.stages.len());
        let names: BTreeSet<String> = (0..world.stages.len()).map(|at| format!("s{at}")).collect();
        let stands = |name: &String| {
            let failed = summary.failed.iter().filter(|stage| *stage == name).count();
            let not_started = summary.not_started.iter().filter(|stage| *stage == name).count();
            let ended = said.ends.get(name).and_then(|ends| ends.last().copied());
            (failed, not_started, ended)
        };
        for name in &names {
            match stands(name) {
                (1, 0, Some("failed")) | (0, 0, Some("ran" | "fresh")) => {}
                (0, 1, None | Some("stopped")) => {}
                // Its content was lost after it had been done, and it was not made again any more.
                (0, 1, Some("ran" | "fresh")) if lost => {}
                other => prop_assert!(false, "{name}: {other:?} {:?}", said.ends.get(name)),
            }
            let ends = said.ends.get(name).map_or(0, Vec::len);
            prop_assert!(ends <= 1 || lost, "{name}: {:?}", said.ends.get(name));
            let well = seen.well.lock().unwrap().get(name).copied().unwrap_or(0);
            prop_assert!(well <= 1 || lost, "{name} did its work {well} times");
        }
        if !lost {
            prop_assert_eq!(
                summary.fresh + summary.ran.len() + summary.failed.len() + summary.not_started.len(),
                names.len()
            );
        }
        if stop_at.is_none() && summary.failed.is_empty() {
            prop_assert!(summary.not_started.is_empty(), "{:?}", summary.not_started);
        }
        prop_assert_eq!(summary.interrupted, stop_at.is_some_and(|at| seen.steps.load(Ordering::SeqCst) > at));
    }

    #[test]
    fn the_same_work_is_done_once_and_a_second_run_has_nothing_to_do(stages in vec(made(), 1..9), cores in 1_u32..5) {
        let stages = stages.into_iter().map(|stage| Made { fails: 0, loses: false, ..stage }).collect::<Vec<_>>();
        let world = World::new(stages);
        let (first, _, seen) = world.run(cores, false, None);
        prop_assert_eq!(first.fresh + first.ran.len(), world.stages.len());
        // Whoever reads the same and says the same word is the same work.
        let mut works = BTreeSet::new();
        let mut outputs: Vec<String> = Vec::new();
        for (at, stage) in world.stages.iter().enumerate() {
            let reads: BTreeSet<usize> = stage.reads.iter().filter(|_| at > 0).map(|read| read % at.max(1)).collect();
            let read: String = reads.iter().map(|read| format!("({})", outputs[*read])).collect();
            outputs.push(format!("w{}{read}", stage.word));
            works.insert(outputs[at].clone());
        }
        prop_assert_eq!(seen.steps.load(Ordering::SeqCst), works.len());
        prop_assert_eq!(first.ran.len(), works.len());
        let (second, _, seen) = world.run(cores, false, None);
        prop_assert_eq!((second.fresh, second.ran.len()), (world.stages.len(), 0));
        prop_assert_eq!(seen.steps.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn an_audit_runs_everything_again_once_and_records_nothing(
        stages in vec(made(), 1..9),
        cores in 1_u32..5,
        drifting in prop::collection::btree_set(0_usize..9, 0..3),
        stop_at in prop::option::weighted(0.3, 0_usize..8),
    ) {
        let well = |stage: Made| Made { fails: 0, loses: false, ..stage };
        let mut world = World::new(stages.iter().cloned().map(well).collect());
        prop_assert!(world.run(cores, false, None).0.failed.is_empty());
        let before: Vec<_> = world.records();
        // Now some of them fail, with retries or for good.
        world.stages = stages.into_iter().map(|stage| Made { loses: false, ..stage }).collect();
        let (seen, told, whole) = world.audit(cores, stop_at, &drifting);
        prop_assert_eq!(world.records(), before);
        prop_assert!(seen.most.load(Ordering::SeqCst) <= cores as usize, "more cores than there are");
        prop_assert_eq!(whole, stop_at.is_none_or(|at| seen.steps.load(Ordering::SeqCst) <= at));
        let names: BTreeSet<&str> = told.iter().map(|audited| audited.stage.as_str()).collect();
        prop_assert_eq!(names.len(), told.len(), "each is told of once");
        prop_assert!(!whole || told.len() == world.stages.len());
        for audited in &told {
            let at: usize = audited.stage.trim_start_matches('s').parse().unwrap();
            let stage = &world.stages[at];
            match &audited.verdict {
                Verdict::Failed { .. } => prop_assert!(stage.fails > stage.retries || !whole),
                Verdict::Differs { .. } => prop_assert!(drifting.contains(&at)),
                Verdict::Same { .. } => prop_assert!(!drifting.contains(&at) && stage.fails <= stage.retries),
            }
        }
    }
}
