//! Which stages a run started, as its own events tell.

use serde_json::Value as Json;

use crate::support::Project;

/// What a run did.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Stages that ran, sorted by name.
    pub(crate) stages: Vec<String>,
    /// How many were fresh.
    pub(crate) fresh: u64,
    /// All events.
    pub(crate) events: Vec<Json>,
}

/// Runs a pipeline, which must succeed.
pub(crate) fn ran(project: &Project, arguments: &[&str]) -> Ran {
    let outcome = project.nnf(&[&["run", "--json"], arguments].concat());
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let events: Vec<Json> = outcome.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let started = events.iter().filter(|event| event["event"] == "started");
    let mut stages: Vec<String> = started.map(|event| event["stage"].as_str().unwrap().to_owned()).collect();
    stages.sort();
    let fresh = events.last().unwrap()["fresh"].as_u64().unwrap();
    let ran = Ran { stages, fresh, events };
    assert!(ran.fresh <= ran.events[0]["total"].as_u64().unwrap(), "{:?}", ran.stages);
    ran
}
