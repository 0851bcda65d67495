//! A stage as it is written.

use crate::diagnostic::{Diagnostic, Place};
use crate::pipeline::reading::{Faults, bad_label, is_label, list, map, unknown_key};
use crate::yaml::{Entry, Node};

/// One stage. What few stages say is in a box, since there may be very many of them.
#[derive(Debug)]
pub(crate) struct StageDefinition {
    /// Its name in the whole pipeline: behind those of the namespaces that it lies in.
    pub(crate) name: String,
    /// The namespace whose names it uses.
    pub(crate) space: usize,
    pub(crate) place: Place,
    pub(crate) kind: Option<Box<Node>>,
    pub(crate) run: Option<Node>,
    pub(crate) inputs: Vec<Entry>,
    pub(crate) with: Vec<Entry>,
    pub(crate) outputs: Option<(Place, Vec<Entry>)>,
    pub(crate) code: Vec<Node>,
    pub(crate) env: Vec<Entry>,
    pub(crate) pass: Vec<Node>,
    pub(crate) each: Vec<Entry>,
    pub(crate) needs: Vec<Entry>,
    pub(crate) timeout: Option<Box<Node>>,
    pub(crate) retries: Option<Box<Node>>,
    pub(crate) resumes: Option<Box<Node>>,
    pub(crate) strict: Option<Box<Node>>,
    pub(crate) executor: Option<Box<Node>>,
    pub(crate) slurm: Vec<Entry>,
}

pub(crate) const STAGE_KEYS: [&str; 16] = [
    "use", "run", "in", "with", "out", "code", "env", "pass", "each", "needs", "timeout", "retries", "resumes",
    "strict", "executor", "slurm",
];

impl StageDefinition {
    /// A stage of which nothing is said yet.
    pub(crate) fn new(name: &str, place: Place) -> Self {
        StageDefinition {
            name: name.to_owned(),
            space: 0,
            place,
            kind: None,
            run: None,
            inputs: Vec::new(),
            with: Vec::new(),
            outputs: None,
            code: Vec::new(),
            env: Vec::new(),
            pass: Vec::new(),
            each: Vec::new(),
            needs: Vec::new(),
            timeout: None,
            retries: None,
            resumes: None,
            strict: None,
            executor: None,
            slurm: Vec::new(),
        }
    }
}

/// Reads a stage. What is faulty is left out, and named in `faults`.
pub(crate) fn stage(entry: Entry, faults: &mut Faults) -> StageDefinition {
    let mut stage = StageDefinition::new(&entry.key, entry.place.clone());
    // A dot ends the stage's name in `stage.output`.
    if !is_label(&entry.key) || entry.key.contains('.') {
        faults.push(bad_label("stage name", &entry.key, &entry.place));
    }
    for part in map(entry, faults) {
        match part.key.as_str() {
            "use" => stage.kind = Some(Box::new(part.value)),
            "run" => stage.run = Some(part.value),
            "in" => stage.inputs = map(part, faults),
            "with" => stage.with = map(part, faults),
            "out" => stage.outputs = Some((part.place.clone(), map(part, faults))),
            "code" => stage.code = list(part, faults),
            "env" => stage.env = map(part, faults),
            "pass" => stage.pass = list(part, faults),
            "each" => stage.each = map(part, faults),
            "needs" => stage.needs = map(part, faults),
            "timeout" => stage.timeout = Some(Box::new(part.value)),
            "retries" => stage.retries = Some(Box::new(part.value)),
            "resumes" => stage.resumes = Some(Box::new(part.value)),
            "strict" => stage.strict = Some(Box::new(part.value)),
            "executor" => stage.executor = Some(Box::new(part.value)),
            "slurm" => stage.slurm = map(part, faults),
            _ => faults.push(unknown_key(&part, "a stage", &STAGE_KEYS)),
        }
    }
    match (&stage.kind, &stage.run) {
        (None, None) => {
            faults.push(Diagnostic::new(format!("stage `{}` needs `use` or `run`", stage.name)).at(&stage.place).hint(
                "`use: KIND` for a kind of a stage program, `run: [PROGRAM, ARGUMENT…]` for a command of your own",
            ))
        }
        (Some(_), Some(run)) => {
            faults.push(Diagnostic::new(format!("stage `{}` has both `use` and `run`", stage.name)).at(&run.place))
        }
        _ => {}
    }
    stage
}
