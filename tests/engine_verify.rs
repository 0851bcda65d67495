//! Looking through a whole store, and putting it in order.

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

use std::path::PathBuf;

use damage::damage;
use files::files;
use ran::ran;
use serde_json::Value as Json;
use store::blob;
use support::{Outcome, Project};

const PIPELINE: &str = "params: { tail: end }
stages:
  make: { run: [sh, -c, 'mkdir -p {out.x}/deep; echo one > {out.x}/one; echo two > {out.x}/deep/two; echo log'], out: { x: inode/directory } }
  use: { run: [sh, -c, 'cat {in.x}/one > {out.y}; echo ${params.tail} >> {out.y}'], in: { x: make.x }, out: { y: text/plain } }
";

fn project() -> Project {
    let project = Project::new(PIPELINE);
    ran(&project, &[]);
    project
}

/// The faults as JSON, and the summary.
fn verify(project: &Project, arguments: &[&str]) -> (Outcome, Vec<Json>, Json) {
    let outcome = project.nnf(&[&["verify", "--json"], arguments].concat());
    let mut lines: Vec<Json> = outcome.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let summary = lines.pop().unwrap_or_default();
    assert_eq!(summary["faults"], lines.len(), "{outcome:?}");
    assert_eq!(outcome.code, Some(i32::from(!lines.is_empty())), "{outcome:?}");
    (outcome, lines, summary)
}

fn faults(project: &Project) -> Vec<String> {
    let (_, faults, _) = verify(project, &[]);
    faults.iter().map(|fault| fault["fault"].as_str().unwrap().to_owned()).collect()
}

fn record(project: &Project, stage: &str) -> PathBuf {
    let heads: Json =
        serde_json::from_slice(&fs_err::read(project.path("artifacts/heads/v1/pipeline.json")).unwrap()).unwrap();
    let key = heads[stage].as_str().unwrap();
    project.path("artifacts/records/v1").join(&key[..2]).join(format!("{}.json", &key[2..]))
}

#[test]
fn a_whole_store_is_well_and_needs_no_pipeline() {
    let project = project();
    let all_well = |arguments: &[&str]| {
        let outcome = project.nnf(arguments);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        let size = size(&project);
        assert_eq!(outcome.out, format!("ROOT/artifacts: 2 records, 5 files of content ({size} B): all is well\n"));
    };
    all_well(&["verify"]);
    all_well(&["verify", "pipeline.yaml"]);
    all_well(&["verify", "--root", "."]);
    all_well(&["verify", "--root", "artifacts"]);
    project.write("pipeline.yaml", "stages: { make: { use: no.such.kind, wiht: 1 } }\n");
    all_well(&["verify"]);
    all_well(&["verify", "pipeline.yaml"]);
    project.write("pipeline.yaml", "root: nowhere\n");
    all_well(&["verify"]);
    let outcome = project.nnf(&["verify", "pipeline.yaml"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.err.contains("`--root FOLDER` names the store without the pipeline"), "{}", outcome.err);
    fs_err::remove_file(project.path("pipeline.yaml")).unwrap();
    all_well(&["verify"]);
}

fn size(project: &Project) -> String {
    let blobs = files(&project.path("artifacts/blobs"));
    blobs.iter().map(|blob| fs_err::metadata(blob).unwrap().len()).sum::<u64>().to_string()
}

#[test]
fn where_there_is_no_store_none_is_made() {
    let project = Project::new(PIPELINE);
    for arguments in [&["verify"][..], &["verify", "--repair"], &["gc"], &["pins"]] {
        let outcome = project.nnf(arguments);
        assert_eq!((outcome.code, outcome.out.as_str()), (Some(3), ""), "{outcome:?}");
        assert!(outcome.err.contains("there is no store at ROOT/artifacts"), "{}", outcome.err);
        assert!(!project.path("artifacts").exists());
    }
}

/// The blob keeps its size and its time, as where a disk has lost a bit: no run would notice.
#[test]
fn damage_behind_an_unchanged_look_is_found_reported_and_repaired() {
    let project = project();
    let path = blob(&project, "make/x/deep/two");
    let time = fs_err::metadata(&path).unwrap().modified().unwrap();
    damage(&path);
    fs_err::File::options().append(true).open(&path).unwrap().file().set_modified(time).unwrap();
    assert_eq!(ran(&project, &["--set", "params.tail=finis"]).stages, ["use"], "the look has not changed");
    let digest = format!(
        "{}{}",
        path.parent().unwrap().file_name().unwrap().to_str().unwrap(),
        path.file_name().unwrap().to_str().unwrap()
    );
    let before = files(&project.path("artifacts"));
    let outcome = project.nnf(&["verify"]);
    assert_eq!(outcome.code, Some(1));
    let expected = format!("damaged  content {}: output `x/deep/two` of `pipeline: make`\n", &digest[..8]);
    assert!(outcome.out.starts_with(&expected), "{}", outcome.out);
    assert!(
        outcome.out.ends_with(": 1 fault\n  nothing was changed; `nnf verify --repair` puts the store in order\n"),
        "{}",
        outcome.out
    );
    assert_eq!(files(&project.path("artifacts")), before, "nothing was changed");
    let outcome = project.nnf(&["verify", "--repair"]);
    assert_eq!(outcome.code, Some(1), "there were faults");
    assert!(
        outcome.out.ends_with("  the next `nnf run` makes again what it needs of `pipeline: make`\n"),
        "{}",
        outcome.out
    );
    assert_eq!(fs_err::read_to_string(project.path("artifacts/quarantine").join(&digest)).unwrap(), "####");
    assert_eq!(project.nnf(&["verify"]).code, Some(0));
    assert_eq!(ran(&project, &[]).stages, ["make"]);
    assert_eq!(fs_err::read_to_string(blob(&project, "make/x/deep/two")).unwrap(), "two\n");
    assert_eq!(project.nnf(&["verify"]).code, Some(0));
    assert_eq!(ran(&project, &[]).stages.len(), 0);
}

#[test]
fn missing_content_is_found_wherever_it_is_named() {
    for (what, fault) in [("make/x/one", "missing_content"), ("use/y.txt", "missing_content")] {
        let project = project();
        fs_err::remove_file(blob(&project, what)).unwrap();
        assert_eq!(faults(&project), [fault], "{what}");
        assert_eq!(
            ran(&project, &[]).stages,
            [what.split('/').next().unwrap()],
            "a run leaves all that it was asked for"
        );
        assert_eq!(faults(&project), [""; 0]);
        fs_err::remove_file(blob(&project, what)).unwrap();
        verify(&project, &["--repair"]);
        assert_eq!(faults(&project), [""; 0]);
        assert_eq!(ran(&project, &[]).stages, [what.split('/').next().unwrap()], "what was lost is made again");
        assert_eq!(faults(&project), [""; 0]);
    }
}

#[test]
fn a_folder_whose_list_is_lost_or_senseless_is_found() {
    let list = |project: &Project| {
        let record: Json = serde_json::from_slice(&fs_err::read(record(project, "make")).unwrap()).unwrap();
        let hex = record["outputs"]["x"]["artifact"]["digest"].as_str().unwrap().to_owned();
        project.path("artifacts/blobs/v1").join(&hex[..2]).join(&hex[2..])
    };
    let one = project();
    damage(&list(&one));
    assert_eq!(faults(&one), ["damaged_content"]);
    verify(&one, &["--repair"]);
    assert_eq!((faults(&one), ran(&one, &[]).stages), (vec![], vec!["make".to_owned()]));
    let two = project();
    fs_err::remove_file(list(&two)).unwrap();
    assert_eq!(faults(&two), ["missing_content"]);
}

#[test]
fn a_damaged_record_is_put_aside_and_its_stage_runs_again() {
    let project = project();
    let path = record(&project, "make");
    let text = fs_err::read_to_string(&path).unwrap();
    fs_err::write(&path, text.replacen("\"attempts\": 1", "\"attempts\": 2", 1)).unwrap();
    let (_, found, _) = verify(&project, &[]);
    assert_eq!((found.len(), &found[0]["fault"]), (1, &"damaged_record".into()));
    assert_eq!(found[0]["stages"], serde_json::json!(["pipeline: make"]));
    verify(&project, &["--repair"]);
    assert_eq!((faults(&project), ran(&project, &[]).stages), (vec![], vec!["make".to_owned()]));
    let text = fs_err::read_to_string(&path).unwrap();
    fs_err::write(&path, text.replacen("\"attempts\": 1", "\"attempts\": 2", 1)).unwrap();
    assert_eq!(ran(&project, &[]).stages, ["make"], "the index is not believed of a file that changed");
    assert!(faults(&project).is_empty());
}

#[test]
fn a_lost_log_costs_no_result() {
    let project = project();
    let text: Json = serde_json::from_slice(&fs_err::read(record(&project, "make")).unwrap()).unwrap();
    let hex = text["log"]["digest"].as_str().unwrap();
    fs_err::remove_file(project.path("artifacts/blobs/v1").join(&hex[..2]).join(&hex[2..])).unwrap();
    let outcome = project.nnf(&["verify"]);
    assert!(outcome.out.contains(": the log of `pipeline: make`\n"), "{}", outcome.out);
    verify(&project, &["--repair"]);
    assert_eq!((faults(&project), ran(&project, &[]).stages.len()), (vec![], 0));
}

#[test]
fn pins_index_and_strays_are_looked_at() {
    let project = project();
    for name in ["good", "torn", "broken"] {
        assert_eq!(project.nnf(&["pin", name]).code, Some(0));
    }
    assert_eq!(faults(&project), [""; 0]);
    let torn = project.path("artifacts/pins/v1/torn");
    fs_err::write(&torn, &fs_err::read(&torn).unwrap()[..50]).unwrap();
    project.write("artifacts/blobs/v1/readme.txt", "mine");
    // A line of the index that is whole, and tells of other outputs: of those of another record.
    let index = project.path("artifacts/index/v1/records");
    let text = fs_err::read_to_string(&index).unwrap();
    let (make, other) = (text.lines().next().unwrap(), text.lines().last().unwrap());
    let parse = |line: &str| serde_json::from_str::<Json>(&line[17..]).unwrap();
    let mut wrong = parse(make);
    wrong["outputs"] = parse(other)["outputs"].clone();
    let json = wrong.to_string();
    let sum = blake3::hash(json.as_bytes()).to_hex().as_str()[..16].to_owned();
    fs_err::write(&index, format!("{text}{sum} {json}\n")).unwrap();
    assert_eq!(faults(&project), ["damaged_pin", "wrong_index", "stray"]);
    verify(&project, &["--repair"]);
    assert_eq!(faults(&project), ["stray"], "a person's file is left to the person");
    assert_eq!(ran(&project, &[]).stages.len(), 0);
    fs_err::remove_file(record(&project, "use")).unwrap();
    let outcome = project.nnf(&["verify"]);
    assert!(outcome.out.contains("missing  results that the pin `good` keeps: `use`\n"), "{}", outcome.out);
}

#[test]
fn what_is_in_the_remote_store_only_is_no_fault() {
    let here = Project::new(PIPELINE);
    let url = format!("file://{}", here.path("far").display());
    ran(&here, &["--store", &url]);
    let there = Project::new(PIPELINE);
    assert_eq!(ran(&there, &["--store", &url]).fresh, 2);
    let (_, found, summary) = verify(&there, &[]);
    // What was asked for was fetched; the log of a stage stays where it is until somebody reads it.
    assert_eq!((found.len(), &summary["elsewhere"], &summary["blobs"]), (0, &1.into(), &4.into()));
    // Damage here of what the remote store has costs no result.
    damage(&blob(&here, "make/x/one"));
    let (_, found, _) = verify(&here, &["--repair"]);
    assert_eq!((&found[0]["fault"], &found[0]["elsewhere"]), (&"damaged_content".into(), &true.into()));
    assert_eq!(ran(&here, &["--store", &url, "--set", "params.tail=finis"]).stages, ["use"], "it is fetched");
}
