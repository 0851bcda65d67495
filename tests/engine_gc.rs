//! Collection: what is kept, what goes, and that runs may go on meanwhile.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/damage.rs"]
mod damage;
#[path = "support/files.rs"]
mod files;
#[path = "support/ran.rs"]
mod ran;
#[path = "support/store.rs"]
mod store;
mod support;
#[path = "support/waiting.rs"]
mod waiting;

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use damage::damage;
use files::files;
use ran::ran;
use serde_json::Value as Json;
use store::blob;
use support::Project;
use waiting::until;

const PIPELINE: &str = "params: { n: 1 }
stages:
  make: { run: [sh, -c, 'mkdir {out.x}; echo same > {out.x}/same; echo ${params.n} > {out.x}/n'], out: { x: inode/directory } }
  use: { run: [sh, -c, 'cat {in.x}/n {in.x}/same > {out.y}'], in: { x: make.x }, out: { y: text/plain } }
";
/// Nothing is too young, and one run of each pipeline is kept.
const ALL: [&str; 5] = ["--json", "--grace", "0", "--keep-runs", "1"];

fn n(n: u32) -> String {
    format!("params.n={n}")
}

fn gc(project: &Project, arguments: &[&str]) -> Json {
    let outcome = project.nnf(&[&["gc"], arguments].concat());
    // Processes of stages whose engine was killed may live still, and that they were ended is told.
    let said = outcome.err.lines().find(|line| !line.contains("left by a killed run"));
    assert_eq!((outcome.code, said), (Some(0), None), "{outcome:?}");
    serde_json::from_str(outcome.out.lines().next().unwrap()).unwrap()
}

fn well(project: &Project) {
    let outcome = project.nnf(&["verify"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

fn count(project: &Project, part: &str) -> usize {
    files(&project.path(&format!("artifacts/{part}"))).len()
}

#[test]
fn the_last_runs_and_pins_are_kept_and_the_rest_goes() {
    let project = Project::new(PIPELINE);
    for value in 1..=5 {
        ran(&project, &["--set", &n(value)]);
        if value == 2 {
            assert_eq!(project.nnf(&["pin", "two", "pipeline.yaml", "use", "--set", &n(2)]).code, Some(0));
        }
    }
    assert_eq!(count(&project, "records/v1"), 10);
    let before = files(&project.path("artifacts"));
    let two = ["--json", "--grace", "0", "--keep-runs", "2"];
    let told = gc(&project, &[&two[..], &["--dry-run"]].concat());
    assert_eq!(files(&project.path("artifacts")), before, "a dry run removes nothing");
    assert_eq!(gc(&project, &["--json"])["results"]["count"], 0, "all is younger than a week");
    let done = gc(&project, &two);
    for part in ["results", "content", "runs", "kept_results", "kept_content"] {
        assert_eq!(told[part], done[part], "the dry run told the truth about {part}");
    }
    assert_eq!((&done["results"]["count"], &done["runs"]["count"]), (&4.into(), &3.into()), "{done}");
    well(&project);
    assert_eq!(count(&project, "records/v1"), 6);
    for (value, stages) in [(5, 0), (4, 0), (2, 0), (1, 2), (3, 2)] {
        assert_eq!(ran(&project, &["--set", &n(value)]).stages.len(), stages, "n = {value}");
        let outcome = project.nnf(&["get", "use.y", "--set", &n(value)]);
        assert_eq!(outcome.out, format!("{value}\nsame\n"), "{outcome:?}");
    }
    assert_eq!(project.nnf(&["unpin", "two"]).code, Some(0));
    gc(&project, &ALL);
    assert_eq!(count(&project, "records/v1"), 2, "the pin let go");
    assert_eq!(project.nnf(&["unpin", "two"]).code, Some(2), "there is none any more");
}

#[test]
fn each_pipeline_has_its_own_last_runs_and_shown_results_stay() {
    let project = Project::new(PIPELINE);
    project.write("other.yaml", PIPELINE);
    ran(&project, &["other.yaml", "--set", &n(7)]);
    ran(&project, &["--set", &n(1)]);
    // `use` is shown still, although no later run has a part in it.
    ran(&project, &["--set", &n(2), "make"]);
    ran(&project, &["--set", &n(3), "make"]);
    let done = gc(&project, &ALL);
    assert_eq!(done["results"]["count"], 2, "`make` of 1 and 2: {done}");
    assert_eq!(fs_err::read_to_string(blob(&project, "use/y.txt")).unwrap(), "1\nsame\n");
    assert_eq!(ran(&project, &["other.yaml", "--set", &n(7)]).stages.len(), 0);
    well(&project);
}

#[test]
fn pins_have_plain_names_and_present_results() {
    let project = Project::new(PIPELINE);
    let early = project.nnf(&["pin", "early"]);
    assert_eq!(early.code, Some(2));
    assert!(
        early.err.starts_with("error: there is no result of `make` and 1 more as the pipeline stands\n"),
        "{}",
        early.err
    );
    ran(&project, &[]);
    for name in ["../../evil", "..", ".hidden", "a/b", "", "a b", "a\nb", &"x".repeat(300)] {
        let outcome = project.nnf(&["pin", "--", name]);
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert_eq!(project.nnf(&["unpin", "--", name]).code, Some(2), "{name:?}");
    }
    assert_eq!(count(&project, "pins/v1"), 0);
    assert_eq!(project.nnf(&["pin", "v1.0"]).out, "`v1.0` keeps 2 results of `pipeline` until `nnf unpin`\n");
    let again = project.nnf(&["pin", "v1.0"]);
    assert!(again.code == Some(2) && again.err.contains("there is one of that name"), "{again:?}");
    assert_eq!(project.nnf(&["pin", "one", "pipeline.yaml", "make"]).code, Some(0));
    let listed: Vec<Json> =
        project.nnf(&["pins", "--json"]).out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let instances = |pin: &Json| pin["instances"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        (instances(&listed[0]), instances(&listed[1])),
        (vec!["make".into()], vec!["make".into(), "use".into()])
    );
    project.write("pipeline.yaml", "stages: {");
    assert_eq!(project.nnf(&["pins"]).out.lines().count(), 2, "no pipeline is needed");
    fs_err::remove_file(blob(&project, "use/y.txt")).unwrap();
    project.write("pipeline.yaml", PIPELINE);
    let outcome = project.nnf(&["pin", "hollow"]);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.err.contains("content of `use` is missing; `nnf run use` makes it again"), "{outcome:?}");
    // What a damaged pin keeps is not known, so nothing may go.
    fs_err::write(project.path("artifacts/pins/v1/one"), "x").unwrap();
    let outcome = project.nnf(&["gc", "--grace", "0"]);
    assert_eq!(outcome.code, Some(3));
    assert!(outcome.err.contains("the pin `one` is damaged, so what it keeps is not known"), "{}", outcome.err);
    assert_eq!(project.nnf(&["unpin", "one"]).code, Some(0));
    gc(&project, &ALL);
}

#[test]
fn a_record_of_a_newer_program_stops_a_collection() {
    let project = Project::new(PIPELINE);
    ran(&project, &[]);
    let record = files(&project.path("artifacts/records/v1")).remove(0);
    let text = fs_err::read_to_string(&record).unwrap();
    fs_err::write(&record, text.replacen("\"version\": 1", "\"version\": 2", 1)).unwrap();
    let before = count(&project, "blobs/v1");
    let outcome = project.nnf(&["gc", "--grace", "0", "--keep-runs", "1"]);
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert!(outcome.err.contains("was written by a newer version of nnf"), "{}", outcome.err);
    assert_eq!(count(&project, "blobs/v1"), before);
}

#[test]
fn checkpoints_and_what_they_need_stay_until_they_are_of_no_use() {
    let pipeline = "params: { n: 1 }
stages:
  make: { run: [sh, -c, 'echo ${params.n} > {out.x}'], out: { x: } }
  long:
    run: [sh, -c, 'test -e $NNF_CHECKPOINT/half || { echo half > $NNF_CHECKPOINT/half; exit 1; }; cp {in.x} {out.y}']
    in: { x: make.x }
    out: { y: text/plain }
    resumes: true
";
    let project = Project::new(pipeline);
    assert_eq!(project.nnf(&["run"]).code, Some(1));
    for value in 2..4 {
        ran(&project, &["--set", &n(value), "make"]);
    }
    gc(&project, &ALL);
    assert_eq!(ran(&project, &["make"]).stages.len(), 0, "the checkpoint needs it");
    assert_eq!(ran(&project, &[]).stages, ["long"], "and the stage goes on from it");
    // A program that was killed between the record and the end of its checkpoint leaves it behind.
    let heads: Json =
        serde_json::from_slice(&fs_err::read(project.path("artifacts/heads/v1/pipeline.json")).unwrap()).unwrap();
    project.write(&format!("artifacts/checkpoints/v1/{}/data/half", heads["long"].as_str().unwrap()), "half\n");
    assert_eq!(gc(&project, &ALL)["checkpoints"]["count"], 1);
    assert_eq!(count(&project, "checkpoints"), 0);
}

#[test]
fn what_was_put_aside_lately_and_files_of_people_stay() {
    let project = Project::new(PIPELINE);
    ran(&project, &[]);
    damage(&blob(&project, "use/y.txt"));
    project.nnf(&["verify", "--repair"]);
    project.write("artifacts/blobs/v1/readme.txt", "mine");
    project.write("artifacts/attempts/blob-young", "a program writes this now");
    gc(&project, &ALL);
    assert_eq!(count(&project, "quarantine"), 1);
    assert!(project.path("artifacts/blobs/v1/readme.txt").exists());
    assert!(project.path("artifacts/attempts/blob-young").exists());
}

/// The stage waits until the test lets it end; the run is then ended by `end`.
fn during_a_run(end: impl FnOnce(&Project, &mut std::process::Child)) -> Project {
    let pipeline = "params: { n: 1 }
stages:
  make: { run: [sh, -c, 'echo ${params.n} > {out.x}'], out: { x: } }
  wait: { run: [sh, -c, 'WAIT; cat {in.x} > {out.y}'], in: { x: make.x }, out: { y: text/plain } }
";
    let project = Project::new("stages: {}");
    let text = pipeline.replace("WAIT", &until(project.path("../go").to_str().unwrap()));
    project.write("pipeline.yaml", &text);
    ran(&project, &["make"]);
    ran(&project, &["make", "--set", &n(2)]);
    let mut run = project.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let runs = project.path("artifacts/runs/v1");
    let began = Instant::now();
    while !files(&runs).iter().any(|path| path.ends_with("logs/wait.1.log")) {
        assert!(began.elapsed() < Duration::from_secs(60), "the stage never began");
        std::thread::sleep(Duration::from_millis(10));
    }
    // Other runs of the pipeline follow, so that it is not the last one any more.
    ran(&project, &["make", "--set", &n(2)]);
    ran(&project, &["make", "--set", &n(3)]);
    end(&project, &mut run);
    run.wait().unwrap();
    project
}

#[test]
fn a_run_that_goes_on_keeps_what_it_uses() {
    let project = during_a_run(|project, run| {
        let done = gc(project, &ALL);
        assert_eq!((&done["live_runs"], &done["results"]["count"]), (&1.into(), &1.into()), "`make` of 2 goes: {done}");
        assert_eq!(ran(project, &["make"]).stages.len(), 0, "the run that goes on found it");
        project.write("../go", "");
        assert!(run.wait().unwrap().success());
    });
    assert_eq!(project.nnf(&["get", "wait.y"]).out, "1\n");
    well(&project);
}

#[test]
fn a_run_that_was_killed_counts_as_one_that_is_over() {
    let project = during_a_run(|_, run| run.kill().unwrap());
    project.write("../go", "");
    let done = gc(&project, &ALL);
    assert_eq!((&done["live_runs"], &done["results"]["count"]), (&0.into(), &2.into()), "{done}");
    assert_eq!(count(&project, "attempts"), 0, "its attempt was cleared away");
    well(&project);
}

/// Runs that find results of each other, make the same content again and need old results, while collections with no
/// grace at all follow each other. No run may miss anything that it relied on.
#[test]
fn runs_and_collections_beside_each_other() {
    const ROUNDS: u32 = 12;
    let text = format!(
        "{PIPELINE}  late: {{ run: [sh, -c, 'sleep 0.03; cat {{in.x}}/n {{in.x}}/same {{in.y}} > {{out.z}}'], in: {{ x: make.x, y: use.y }}, out: {{ z: text/plain }} }}\n"
    );
    let project = Project::new(&text);
    for name in ["one.yaml", "two.yaml"] {
        project.write(name, &text);
    }
    ran(&project, &["one.yaml"]);
    let over = AtomicBool::new(false);
    let removed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let runner = |pipeline: &'static str, stride: u32| {
            let (project, removed) = (&project, &removed);
            move || {
                // Until something was collected meanwhile, but not for ever.
                let enough = |round| round >= ROUNDS && removed.load(Ordering::SeqCst) > 0;
                for round in (0..20 * ROUNDS).take_while(|round| !enough(*round)) {
                    let set = n(round * stride % 4);
                    let run = ran(project, &[pipeline, "--set", &set]);
                    // A note would say that content was missing, and that its stage runs again.
                    assert!(!run.events.iter().any(|event| event["event"] == "note"), "{:?}", run.events);
                    let value = round * stride % 4;
                    let outcome = project.nnf(&["get", pipeline, "late.z", "--set", &set]);
                    let text = format!("{value}\nsame\n");
                    assert_eq!(outcome.out, format!("{text}{text}"), "the last run of a pipeline is kept: {outcome:?}");
                }
            }
        };
        let collector = scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                let count = gc(&project, &ALL)["content"]["count"].as_u64().unwrap();
                removed.fetch_add(count, Ordering::SeqCst);
            }
        });
        let runners = [scope.spawn(runner("one.yaml", 1)), scope.spawn(runner("two.yaml", 3))];
        let ended = runners.map(std::thread::ScopedJoinHandle::join);
        over.store(true, Ordering::SeqCst);
        collector.join().unwrap();
        ended.into_iter().for_each(|runner| runner.unwrap());
    });
    assert!(removed.into_inner() > 0, "something was collected meanwhile");
    well(&project);
}

#[test]
fn a_store_keeps_within_its_bound() {
    let pipeline = "params: { n: 1 }
stages:
  big: { run: [sh, -c, 'head -c 200000 /dev/zero | tr \"\\0\" ${params.n} > {out.x}'], out: { x: text/plain } }
";
    let project = Project::new(pipeline);
    let run = |value: u32, arguments: &[&str]| {
        let outcome = project.nnf(&[&["run", "--set", &n(value)], arguments].concat());
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        outcome.err
    };
    for value in 1..=3 {
        run(value, &[]);
    }
    assert_eq!(count(&project, "records"), 3, "half a disk is enough");
    run(1, &[]);
    let said = run(4, &["--max-size", "600kB"]);
    let (first, last) = said.lines().last().unwrap().split_once(" KiB) ").unwrap();
    assert!(first.starts_with("note: removed 2 results (39"), "{said}");
    let why = "not used for the longest time, to keep the store within 586 KiB; needed again, they are run again";
    assert_eq!(last, why);
    assert_eq!(ran(&project, &["--set", &n(1)]).stages.len(), 0, "it was used after 2 and 3");
    assert_eq!(ran(&project, &["--set", &n(3)]).stages.len(), 1);
    // A bound that is too small for one run is told, once a run, and costs no result of that run.
    let said = run(3, &["--max-size", "1kB"]);
    let told = said.lines().last().unwrap();
    assert!(told.starts_with("note: the bound of 1 KiB is too small: pins and the last run need 19"), "{said}");
    assert!(told.ends_with(", which stays; `--max-size` or NNF_MAX_SIZE sets another"), "{said}");
    assert_eq!(count(&project, "records"), 1);
    assert_eq!(ran(&project, &["--set", &n(3)]).stages.len(), 0);
    let variable = |value: &str| project.command(&["run", "--set", &n(5)]).env("NNF_MAX_SIZE", value).output().unwrap();
    let wrong = variable("lots");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("the variable NNF_MAX_SIZE is no size"));
    assert!(variable("300kB").status.success());
    assert_eq!(count(&project, "records"), 1);
    assert!(variable("none").status.success());
    let told = project.nnf(&["gc", "--max-size", "100kB", "--dry-run", "--grace", "0"]);
    assert!(told.out.contains("the bound of 98 KiB is too small"), "{told:?}");
    well(&project);
}

#[test]
fn a_bound_gives_way_to_the_remote_store() {
    let project = Project::new(PIPELINE);
    let url = format!("file://{}", project.path("../far").display());
    ran(&project, &["--store", &url]);
    ran(&project, &["--store", &url, "--set", &n(2)]);
    let outcome = project.nnf(&["run", "--store", &url, "--set", &n(2), "--max-size", "1", "--json"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let told: Json = serde_json::from_str(outcome.out.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&told["event"], &told["dropped"]["count"], &told["moved_out"]["count"]),
        (&"bounded".into(), &0.into(), &2.into())
    );
    assert_eq!(ran(&project, &["--store", &url]).stages.len(), 0, "the records are there");
    assert_eq!(project.nnf(&["get", "use.y", "--store", &url]).out, "1\nsame\n", "and the content comes back");
    well(&project);
}
