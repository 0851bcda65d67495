//! Files that programs leave which are killed while they write.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::Value as Json;
use support::Project;

const PIPELINE: &str = "stages:
  make: { run: [sh, -c, 'echo made > {out.x}; while [ -e ../wait ]; do sleep 0.02; done'], out: { x: text/plain } }
";

/// Leaves a file of each kind, last written at this time.
fn leave(project: &Project, name: &str, time: SystemTime) -> Vec<PathBuf> {
    let run = fs_err::read_dir(project.path("artifacts/runs/v1")).unwrap().next().unwrap().unwrap().path();
    let places = [
        "records/v1/ab/.record-",
        "records/v1/ab/.new-",
        "index/v1/.new-",
        "index/v1/settled/.new-",
        "heads/v1/.new-",
        "pins/v1/.new-",
        "latest/pipeline/.new-",
        "checkpoints/v1/.new-",
        "attempts/blob-",
    ];
    let places = places.map(|place| project.path("artifacts").join(format!("{place}{name}")));
    let paths = places.into_iter().chain([run.join(format!(".new-{name}"))]);
    paths
        .inspect(|path| {
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "half of it").unwrap();
            fs_err::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
        })
        .collect()
}

fn last(project: &Project, arguments: &[&str]) -> Json {
    let outcome = project.nnf(arguments);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    serde_json::from_str(outcome.out.lines().last().unwrap()).unwrap()
}

#[test]
fn what_killed_programs_left_half_written_is_told_and_swept() {
    let project = Project::new(PIPELINE);
    assert_eq!(project.nnf(&["run"]).code, Some(0));
    let old = leave(&project, "old", SystemTime::now() - Duration::from_secs(7200));
    let young = leave(&project, "young", SystemTime::now());
    assert_eq!(last(&project, &["verify", "--json"])["leftovers"], old.len());
    let told = last(&project, &["gc", "--json", "--dry-run"]);
    assert_eq!(
        (&told["leftovers"]["count"], &told["leftovers"]["bytes"]),
        (&old.len().into(), &(10 * old.len()).into())
    );
    assert!(old.iter().chain(&young).all(|path| path.exists()), "a dry run removes nothing");
    assert_eq!(last(&project, &["gc", "--json"])["leftovers"], told["leftovers"]);
    assert!(!old.iter().any(|path| path.exists()));
    assert!(young.iter().all(|path| path.exists()), "somebody may be writing it");
    assert_eq!(last(&project, &["verify", "--json"])["leftovers"], 0);
    assert_eq!(project.nnf(&["run"]).code, Some(0));
}

/// A run may have been asleep for hours, with all of its machine.
#[test]
fn nothing_half_written_is_swept_while_a_run_goes_on() {
    let project = Project::new(PIPELINE);
    project.write("../wait", "");
    let mut run = project.command(&["run"]).spawn().unwrap();
    let runs = project.path("artifacts/runs/v1");
    while fs_err::read_dir(&runs).map_or(0, Iterator::count) == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let old = leave(&project, "old", SystemTime::now() - Duration::from_secs(7200));
    let done = last(&project, &["gc", "--json"]);
    assert!(old.iter().all(|path| path.exists()));
    fs_err::remove_file(project.path("../wait")).unwrap();
    assert!(run.wait().unwrap().success());
    assert_eq!((&done["live_runs"], &done["leftovers"]["count"]), (&1.into(), &0.into()));
    let left = old.iter().filter(|path| path.exists()).count();
    assert!(left > 5, "a run that ends clears its own folders only");
    assert_eq!(last(&project, &["gc", "--json"])["leftovers"]["count"], left);
}
