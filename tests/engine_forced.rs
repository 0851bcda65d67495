//! `--force`: the new result takes the place of the former one, here and in a remote store, and what stands on it follows.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/ran.rs"]
mod ran;
mod support;

use ran::{Ran, ran};
use serde_json::Value as Json;
use support::Project;

const PIPELINE: &str = "stages:
  draw: { run: [sh, -c, 'od -An -N8 -tx8 /dev/urandom > {out.x}'], out: { x: text/plain } }
  copy: { run: [cp, '{in.x}', '{out.y}'], in: { x: draw.x }, out: { y: text/plain } }
";
const NOTHING: [&str; 0] = [];

fn get(project: &Project, arguments: &[&str]) -> String {
    let outcome = project.nnf(&[&["get"], arguments].concat());
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.out
}

fn record(project: &Project, stage: &str) -> Json {
    serde_json::from_str(&get(project, &[&format!("{stage}.record")])).unwrap()
}

fn shown(project: &Project, name: &str) -> String {
    fs_err::read_to_string(project.path("artifacts/latest/pipeline").join(name)).unwrap()
}

/// What a run said of a stage.
fn notes(ran: &Ran, stage: &str) -> Vec<String> {
    let notes = ran.events.iter().filter(|event| event["event"] == "note" && event["stage"] == stage);
    notes.map(|event| event["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_forced_result_replaces_the_record_and_what_stands_on_it_follows() {
    let project = Project::new(PIPELINE);
    ran(&project, &[]);
    let (before, first) = (get(&project, &["draw.x"]), record(&project, "draw"));
    let forced = ran(&project, &["--force", "draw"]);
    assert_eq!(forced.stages, ["copy", "draw"]);
    let now = get(&project, &["draw.x"]);
    assert_ne!(now, before);
    assert_eq!((shown(&project, "draw/x.txt"), shown(&project, "copy/y.txt")), (now.clone(), now));
    let second = record(&project, "draw");
    assert_eq!((&second["key"], &second["supersedes"]), (&first["key"], &first["nonce"]));
    let short = |record: &Json| record["outputs"]["x"]["artifact"]["digest"].as_str().unwrap()[..8].to_owned();
    let told = notes(&forced, "draw");
    let change = format!("other content: `x` ({} → {})", short(&first), short(&second));
    assert!(told.len() == 1 && told[0].starts_with("its result of 20") && told[0].ends_with(&change), "{told:?}");
    assert_eq!(ran(&project, &[]).stages, NOTHING);
    ran(&project, &["--force", "draw"]);
    let third = record(&project, "draw");
    assert_eq!(third["supersedes"], second["nonce"]);
    assert_eq!(third["replaces"], Json::from(vec![second["nonce"].clone(), first["nonce"].clone()]));
    assert_eq!(project.nnf(&["verify"]).code, Some(0));
}

#[test]
fn what_was_not_asked_for_follows_in_a_later_run() {
    let project = Project::new(PIPELINE);
    ran(&project, &[]);
    assert_eq!(ran(&project, &["--force", "draw", "draw"]).stages, ["draw"]);
    let plan = project.nnf(&["plan"]).out;
    assert!(plan.starts_with("run  copy  (input `x` has other content ("), "{plan}");
    assert_eq!(ran(&project, &[]).stages, ["copy"]);
    assert_eq!(shown(&project, "copy/y.txt"), shown(&project, "draw/x.txt"));
}

#[test]
fn the_same_bytes_leave_what_reads_them_fresh() {
    let pipeline = "stages:
  make: { run: [sh, -c, 'echo made > {out.x}'], out: { x: text/plain } }
  copy: { run: [cp, '{in.x}', '{out.y}'], in: { x: make.x }, out: { y: text/plain } }
  time: { run: [cp, '{in.r}', '{out.r}'], in: { r: make.record }, out: { r: text/plain } }
";
    let project = Project::new(pipeline);
    ran(&project, &[]);
    let first = record(&project, "make");
    let forced = ran(&project, &["--force", "make"]);
    assert_eq!(forced.stages, ["make", "time"], "a record is content as well");
    assert!(
        notes(&forced, "make")[0].ends_with("is replaced; its content is the same"),
        "{:?}",
        notes(&forced, "make")
    );
    assert_eq!(record(&project, "make")["supersedes"], first["nonce"]);
    assert_eq!(shown(&project, "time/r.txt"), get(&project, &["make.record"]));
    assert_eq!(ran(&project, &[]).stages, NOTHING);
}

/// Stages that are the same work have one result, also after one of them was forced.
#[test]
fn the_same_work_goes_by_the_forced_result() {
    let draw = "run: [sh, -c, 'od -An -N8 -tx8 /dev/urandom > {out.x}'], out: { x: text/plain }";
    let pipeline = format!(
        "stages:
  p: {{ {draw} }}
  q: {{ {draw} }}
  slow: {{ run: [sh, -c, 'sleep 0.3; echo > {{out.x}}'], out: {{ x: }} }}
  of_p: {{ run: [cp, '{{in.x}}', '{{out.y}}'], in: {{ x: p.x }}, out: {{ y: text/plain }} }}
  of_q: {{ run: [cp, -f, '{{in.x}}', '{{out.y}}'], in: {{ x: q.x }}, out: {{ y: text/plain }} }}
"
    );
    let project = Project::new(&pipeline);
    ran(&project, &[]);
    for forced in [&["--force", "p"][..], &["--force", "q"], &["--force", "p", "--force", "q"]] {
        let before = shown(&project, "p/x.txt");
        let again = ran(&project, &[&["-j", "4"], forced].concat());
        assert_eq!(again.stages.len(), 3, "{forced:?}: {:?}", again.stages);
        let texts = ["p/x.txt", "q/x.txt", "of_p/y.txt", "of_q/y.txt"].map(|name| shown(&project, name));
        assert!(texts[0] != before && texts.iter().all(|text| *text == texts[0]), "{forced:?}: {texts:?}");
    }
    assert_eq!(ran(&project, &[]).stages, NOTHING);
}

#[test]
fn the_former_result_stays_where_the_forced_stage_fails() {
    let pipeline = "stages:
  make: { run: [sh, -c, 'test -e DONE && exit 7; touch DONE; echo made > {out.x}'], out: { x: text/plain } }
  copy: { run: [cp, '{in.x}', '{out.y}'], in: { x: make.x }, out: { y: text/plain } }
";
    let project = Project::new("stages: {}");
    project.write("pipeline.yaml", pipeline.replace("DONE", &project.path("../done").display().to_string()));
    ran(&project, &[]);
    let first = record(&project, "make");
    let outcome = project.nnf(&["run", "--force", "make"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.err.contains("exit status 7"), "{}", outcome.err);
    assert_eq!(record(&project, "make"), first);
    assert_eq!(shown(&project, "make/x.txt"), "made\n");
    assert_eq!(ran(&project, &[]).stages, NOTHING);
}

#[test]
fn a_pinned_result_is_not_replaced() {
    let project = Project::new(PIPELINE);
    ran(&project, &[]);
    assert_eq!(project.nnf(&["pin", "paper"]).code, Some(0));
    let before = get(&project, &["draw.record"]);
    let outcome = project.nnf(&["run", "--force", "draw"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let told = "the pin `paper` keeps its result for good, and a forced one would take its place; nothing was run (`nnf \
                unpin paper` lets it go)";
    assert!(outcome.err.contains(told), "{}", outcome.err);
    assert_eq!(get(&project, &["draw.record"]), before);
    assert_eq!(shown(&project, "draw/x.txt"), get(&project, &["draw.x"]));
    assert_eq!(project.nnf(&["unpin", "paper"]).code, Some(0));
    assert_eq!(ran(&project, &["--force", "draw"]).stages, ["copy", "draw"]);
}

fn far(project: &Project) -> String {
    format!("file://{}", project.path("").parent().unwrap().join("far").display())
}

#[test]
fn a_forced_result_takes_the_place_of_the_one_in_the_remote_store() {
    let (here, there) = (Project::new(PIPELINE), Project::new(PIPELINE));
    let url = far(&here);
    let store = ["--store", url.as_str()];
    ran(&here, &store);
    assert_eq!(ran(&there, &store).stages, NOTHING);
    let first = get(&there, &["draw.x"]);
    assert_eq!(ran(&here, &[&store[..], &["--force", "draw"]].concat()).stages, ["copy", "draw"]);
    let now = get(&here, &["draw.x"]);
    assert_ne!(now, first);
    let newcomer = Project::new(PIPELINE);
    assert_eq!(ran(&newcomer, &store).stages, NOTHING);
    assert_eq!((shown(&newcomer, "draw/x.txt"), shown(&newcomer, "copy/y.txt")), (now.clone(), now.clone()));
    // Whoever has the former result goes on with it until the stores are compared.
    assert_eq!(ran(&there, &store).stages, NOTHING);
    assert_eq!(get(&there, &["draw.x"]), first);
    let pushed = there.nnf(&[&["push"], &store[..]].concat());
    assert!(pushed.code == Some(0) && pushed.out.contains("1 replaced another here"), "{pushed:?}");
    assert_eq!(ran(&there, &store).stages, NOTHING, "what follows is in the remote store, too");
    assert_eq!((shown(&there, "draw/x.txt"), shown(&there, "copy/y.txt")), (now.clone(), now.clone()));
    let latest = Project::new(PIPELINE);
    assert_eq!(ran(&latest, &store).stages, NOTHING);
    assert_eq!(shown(&latest, "copy/y.txt"), now);
}

#[test]
fn of_two_forced_results_the_first_in_the_remote_store_stands() {
    let (here, there) = (Project::new(PIPELINE), Project::new(PIPELINE));
    let url = far(&here);
    let store = ["--store", url.as_str()];
    ran(&here, &store);
    ran(&there, &store);
    // Without the remote store each of them is forced, one even twice.
    for project in [&here, &there, &there] {
        ran(project, &["--force", "draw"]);
    }
    let drawn = get(&there, &["draw.x"]);
    assert_eq!(ran(&there, &store).stages, NOTHING);
    assert_eq!(get(&there, &["draw.x"]), drawn, "it stands for the one that was there, through another");
    ran(&here, &store);
    assert_eq!((shown(&here, "draw/x.txt"), shown(&here, "copy/y.txt")), (drawn.clone(), drawn.clone()));
    let newcomer = Project::new(PIPELINE);
    assert_eq!(ran(&newcomer, &store).stages, NOTHING);
    assert_eq!(shown(&newcomer, "copy/y.txt"), drawn);
}
