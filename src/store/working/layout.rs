//! Names in the folder in which engines keep the folders of their stages' attempts.

/// How the name of an engine's folder begins, and of one whose engine is about to lock it.
pub(crate) const OWNED: &str = "r-";
pub(crate) const NEW: &str = "new-";
/// The file in an engine's folder that it keeps locked.
pub(crate) const OWNER: &str = "owner";
/// The file in an attempt's folder that says who carries it out.
pub(crate) const PROCESS: &str = "process";
/// The file in an attempt's folder that says what its stage reads in place.
pub(crate) const GUARD: &str = "guard";
/// The file in an attempt's folder that is locked by an engine which goes on with it after its own was killed.
pub(crate) const ADOPTER: &str = "adopter";
/// The folders in an attempt's folder.
pub(crate) const PARTS: [&str; 3] = ["in", "out", "scratch"];
/// Files that the engine, or a stage at its wish, writes for one attempt.
pub(crate) const FILES: [&str; 4] = ["events.jsonl", "task.json", "bounds.json", "cancel"];

/// Whether something in an attempt's folder is there for every stage: it holds nothing of a person's.
pub(crate) fn is_of_every_stage(name: &str) -> bool {
    [PROCESS, GUARD, ADOPTER].contains(&name) || FILES.contains(&name) || name == PARTS[0]
}
