//! The engine, or a stage, is killed at any moment: the next run goes on, the store is whole, and what comes out in the
//! end is what comes out undisturbed.
//!
//! `NNF_KILL_ROUNDS` sets how many rounds there are, `NNF_KILL_SEED` where the random numbers begin.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nnf::digest::{Digest, Key};
use nnf::record::{Form, Produced};
use nnf::store::{Store, StoreOptions};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use support::Project;

/// Small stages of every sort, which fail when one of their programs is killed. `round` makes the work of each round its own; `TRACE` counts what runs.
const PIPELINE: &str = "params: { round: 0, trace: TRACE }
stages:
  words:
    run: [sh, -c, 'set -e; echo words >> {with.trace}; seq 1 200 > {out.x}; echo {with.round} >> {out.x}']
    with: { round: '${params.round}', trace: '${params.trace}' }
    out: { x: text/plain }
  same-one: { run: [sh, -c, 'set -e; echo one >/dev/null; sleep 0.01; seq 1 20000 > {out.x}'], with: { round: '${params.round}' }, out: { x: text/plain } }
  same-two: { run: [sh, -c, 'set -e; echo two >/dev/null; sleep 0.01; seq 1 20000 > {out.x}'], with: { round: '${params.round}' }, out: { x: text/plain } }
  folder:
    run: [sh, -c, 'set -e; mkdir -p {out.x}/a/empty {out.x}/b; cp {in.x} {out.x}/a/words; echo run > {out.x}/b/tool; chmod +x {out.x}/b/tool; ln -s ../a/words {out.x}/b/link; for i in 1 2 3 4 5 6; do echo $i > {out.x}/b/$i; done']
    in: { x: words.x }
    out: { x: inode/directory }
  maybe:
    run: [sh, -c, 'set -e; cat {in.x} > {out.x}; test $(({with.round} % 2)) = 0 || echo odd > {out.y}']
    in: { x: same-one.x }
    with: { round: '${params.round}' }
    out: { x: text/plain, y: { media: text/plain, optional: true } }
  long:
    run: [sh, -c, 'set -e; cd $NNF_CHECKPOINT; test -e sum || echo 0 0 > sum; read at sum < sum; while test $at -lt 12; do at=$((at + 1)); sum=$((sum + at * {with.round})); sleep 0.01; echo $at $sum > new; mv new sum; done; echo $sum > {out.x}']
    with: { round: '${params.round}' }
    resumes: true
    out: { x: text/plain }
  part:
    each: { n: ['1', '2', '3', '4'] }
    run: [sh, -c, 'set -e; mkdir {out.x}; head -n {with.n} {in.tree}/a/words > {out.x}/head; echo {with.n} > {out.y}']
    in: { tree: folder.x }
    with: { n: '${each.n}' }
    out: { x: inode/directory, y: text/plain }
  all:
    run: [sh, -c, 'set -e; cat \"$@\" {in.long} {in.maybe} > {out.x}', sh, '{in.parts}']
    in: { parts: 'part[*].y', long: long.x, maybe: maybe.x, same: same-two.x }
    out: { x: text/plain }
";

/// Numbers that look random and are the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn project() -> Project {
    let project = Project::new("");
    let trace = project.path("../trace");
    project.write("pipeline.yaml", PIPELINE.replace("TRACE", trace.to_str().unwrap()));
    project
}

fn spawn(project: &Project, round: u64) -> Child {
    let set = format!("params.round={round}");
    let mut command = project.command(&["run", "-j", "3", "--json", "--set", &set]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Runs to the end, undisturbed.
fn finish(project: &Project, round: u64) {
    let outcome = project.nnf(&["run", "-j", "3", "--set", &format!("params.round={round}")]);
    assert_eq!((outcome.code, outcome.out.as_str()), (Some(0), ""), "{outcome:?}");
}

/// All processes that were started in the project, `nnf` among them.
fn processes(project: &Project) -> Vec<Pid> {
    let root = project.path("").canonicalize().unwrap();
    let mut found = Vec::new();
    for entry in fs_err::read_dir("/proc").unwrap().flatten() {
        let id = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        let here = std::fs::read_link(entry.path().join("cwd")).is_ok_and(|folder| folder.starts_with(&root));
        found.extend(id.filter(|_| here));
    }
    found
}

/// Kills something at random: the engine, a process of a stage, or the group of one.
fn strike(project: &Project, nnf: &Child, random: &mut Random) {
    let nnf = Pid::from_child(nnf);
    let others: Vec<Pid> = processes(project).into_iter().filter(|id| *id != nnf).collect();
    let victim = usize::try_from(random.below(64)).unwrap();
    match (random.below(4), others.is_empty()) {
        (0, false) => drop(kill_process(others[victim % others.len()], Signal::KILL)),
        (1, false) => drop(kill_process_group(others[victim % others.len()], Signal::KILL)),
        _ => drop(kill_process(nnf, Signal::KILL)),
    }
}

/// What a person finds under `latest`: the bytes of every output, and folders that are empty.
fn results(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        let name = path.strip_prefix(folder).unwrap().to_owned();
        if path.is_dir() {
            found.insert(name, b"a folder".to_vec());
            waiting.extend(fs_err::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            found.insert(name, fs_err::read(&path).unwrap());
        }
    }
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(folder).unwrap().flat_map(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path) } else { vec![path] }
    });
    entries.collect()
}

/// The hexadecimal digits that a file in a folder of two digits stands for.
fn hex(path: &Path) -> String {
    let part = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    format!("{}{}", part(path.parent().unwrap()), part(path).trim_end_matches(".json"))
}

/// Records that have their names; a kill may leave one without, which is not a record yet.
fn records(project: &Project) -> usize {
    let all = files(&project.path("artifacts/records/v1"));
    all.iter().filter(|file| !file.file_name().unwrap().to_string_lossy().starts_with('.')).count()
}

/// Every blob is what its name says, every record is whole and all that it names is there; nothing is left over.
/// Returns how many nameless files a kill left in the records' folders.
fn verify(project: &Project) -> usize {
    for blob in files(&project.path("artifacts/blobs/v1")) {
        assert_eq!(Digest::of(&fs_err::read(&blob).unwrap()).to_string(), hex(&blob), "{}", blob.display());
    }
    let store = Store::open(&StoreOptions { local: project.path("artifacts"), remote: None }).unwrap();
    let mut unnamed = 0;
    for file in files(&project.path("artifacts/records/v1")) {
        if file.file_name().unwrap().to_string_lossy().starts_with('.') {
            unnamed += 1;
            continue;
        }
        let key: Key = serde_json::from_value(hex(&file).into()).unwrap();
        let record = store.records().get(&key).unwrap().expect("a record is whole");
        for produced in record.outputs.values() {
            let Produced::Artifact(artifact) = produced else { continue };
            store.content().check(artifact).unwrap();
            assert!(artifact.form != Form::Folder || artifact.size > 0);
        }
        record.log.iter().for_each(|log| store.content().check(log).unwrap());
    }
    for folder in ["attempts", "locks", "checkpoints/v1"] {
        let mut left = files(&project.path("artifacts").join(folder));
        // What has no owner yet is left alone for an hour: it may be a live run's. The last is a turnstile.
        left.retain(|path| {
            !["/attempts/new-", "/attempts/blob-", "/locks/.removing"]
                .iter()
                .any(|young| path.to_string_lossy().contains(young))
        });
        assert_eq!(left, Vec::<PathBuf>::new(), "left in {folder}");
    }
    assert!(!project.path("artifacts/quarantine").exists(), "nothing was damaged");
    assert_eq!(processes(project), [], "no process is left");
    unnamed
}

#[test]
fn a_kill_at_any_moment_loses_nothing() {
    let (rounds, mut random) = (number("NNF_KILL_ROUNDS", 25), Random(number("NNF_KILL_SEED", 7)));
    let (disturbed, undisturbed) = (project(), project());
    let began = Instant::now();
    finish(&undisturbed, 0);
    let mut whole = began.elapsed();
    let (mut kills, mut late) = (0, 0);
    for round in 1..=rounds {
        for _ in 0..=random.below(3) {
            let mut nnf = spawn(&disturbed, round);
            // A run takes longer when it makes up for what was killed.
            let moment = u64::try_from(whole.as_micros()).unwrap();
            std::thread::sleep(Duration::from_micros(random.below(moment)));
            strike(&disturbed, &nnf, &mut random);
            let code = nnf.wait().unwrap().code();
            assert!(matches!(code, None | Some(0 | 1)), "round {round}: it ended with {code:?}");
            kills += 1;
            late += u32::from(code == Some(0));
        }
        finish(&disturbed, round);
        let began = Instant::now();
        finish(&undisturbed, round);
        whole = whole.min(began.elapsed());
        let latest = |project: &Project| results(&project.path("artifacts/latest/pipeline"));
        let (ours, theirs) = (latest(&disturbed), latest(&undisturbed));
        let different = ours.iter().find(|(name, bytes)| theirs.get(*name) != Some(bytes));
        assert!(ours.len() > 20 && ours == theirs, "round {round}: {different:.200?}");
        assert!(disturbed.nnf(&["run", "--set", &format!("params.round={round}")]).err.contains(" 0 ran, "));
        if round % 25 == 0 || round == rounds {
            verify(&disturbed);
        }
    }
    let unnamed = verify(&disturbed);
    assert!(late < kills, "some kill came in time");
    let said = format!("{rounds} rounds, {kills} kills, {late} too late; {unnamed} nameless files\n");
    std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes()).unwrap();
}

/// Eight runs at a time do the work of one, and killing some of them hurts none of the others.
#[test]
fn eight_runs_share_a_store_and_some_are_killed() {
    let project = project();
    let trace = project.path("../trace");
    let count = || fs_err::read_to_string(&trace).unwrap_or_default().lines().count();
    let mut runs: Vec<Child> = (0..8).map(|_| spawn(&project, 1)).collect();
    for run in &mut runs {
        assert_eq!(run.wait().unwrap().code(), Some(0));
    }
    assert_eq!(count(), 1, "one of them did the work");
    assert_eq!(records(&project), 11, "a record for each instance");
    verify(&project);
    let mut random = Random(number("NNF_KILL_SEED", 11));
    for round in 2..6 {
        let mut runs: Vec<Child> = (0..8).map(|_| spawn(&project, round)).collect();
        for run in runs.iter().step_by(2) {
            std::thread::sleep(Duration::from_millis(random.below(60)));
            kill_process(Pid::from_child(run), Signal::KILL).unwrap();
        }
        for (position, run) in runs.iter_mut().enumerate() {
            let code = run.wait().unwrap().code();
            assert!(code == Some(0) || (position % 2 == 0 && code.is_none()), "run {position} ended with {code:?}");
        }
        finish(&project, round);
        assert_eq!(records(&project), 11 * usize::try_from(round).unwrap());
        verify(&project);
    }
}
