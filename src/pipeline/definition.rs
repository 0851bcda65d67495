//! A pipeline file as it is written: which keys it has, before anything is interpolated or expanded.

use crate::diagnostic::{Diagnostic, Place};
use crate::pipeline::suggest;
use crate::yaml::{Entry, Node, Value};

/// Version of the format.
pub(crate) const FORMAT_VERSION: i64 = 1;

/// The whole file.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) name: Option<Node>,
    pub(crate) root: Option<Node>,
    pub(crate) store: Option<Node>,
    pub(crate) params: Vec<Entry>,
    pub(crate) programs: Option<Vec<Entry>>,
    pub(crate) allow: Vec<Node>,
    pub(crate) strict: Option<Node>,
    pub(crate) tools: Vec<Node>,
    pub(crate) executor: Option<Node>,
    pub(crate) slurm: Vec<Entry>,
    pub(crate) stages: Vec<StageDefinition>,
    pub(crate) report: Vec<Node>,
}

/// One stage.
#[derive(Debug)]
pub(crate) struct StageDefinition {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) kind: Option<Node>,
    pub(crate) run: Option<Node>,
    pub(crate) inputs: Vec<Entry>,
    pub(crate) with: Vec<Entry>,
    pub(crate) outputs: Option<(Place, Vec<Entry>)>,
    pub(crate) code: Vec<Node>,
    pub(crate) env: Vec<Entry>,
    pub(crate) pass: Vec<Node>,
    pub(crate) each: Vec<Entry>,
    pub(crate) needs: Vec<Entry>,
    pub(crate) timeout: Option<Node>,
    pub(crate) retries: Option<Node>,
    pub(crate) resumes: Option<Node>,
    pub(crate) strict: Option<Node>,
    pub(crate) executor: Option<Node>,
    pub(crate) slurm: Vec<Entry>,
}

pub(crate) const TOP_KEYS: [&str; 13] = [
    "version", "name", "root", "store", "params", "programs", "allow", "strict", "tools", "executor", "slurm",
    "stages", "report",
];
pub(crate) const STAGE_KEYS: [&str; 16] = [
    "use", "run", "in", "with", "out", "code", "env", "pass", "each", "needs", "timeout", "retries", "resumes",
    "strict", "executor", "slurm",
];

/// Faults found so far.
pub(crate) type Faults = Vec<Diagnostic>;

/// Reads the tree of a pipeline file. What is faulty is left out, and named in `faults`.
pub(crate) fn read(root: &Node, faults: &mut Faults) -> Definition {
    let mut definition = Definition {
        name: None,
        root: None,
        store: None,
        params: Vec::new(),
        programs: None,
        allow: Vec::new(),
        strict: None,
        tools: Vec::new(),
        executor: None,
        slurm: Vec::new(),
        stages: Vec::new(),
        report: Vec::new(),
    };
    let Value::Map(entries) = &root.value else {
        faults.push(
            Diagnostic::new(format!("a pipeline is a map, but here stands {}", root.value.what()))
                .at(&root.place)
                .hint("begin with `stages:`"),
        );
        return definition;
    };
    for entry in entries {
        match entry.key.as_str() {
            "version" => check_version(&entry.value, faults),
            "name" => definition.name = Some(entry.value.clone()),
            "root" => definition.root = Some(entry.value.clone()),
            "store" => definition.store = Some(entry.value.clone()),
            "params" => definition.params = map(entry, faults),
            "programs" => {
                // Where it is no map, the usual programs stand in, so that the stages are checked all the same.
                let listed = map(entry, faults);
                definition.programs = matches!(entry.value.value, Value::Map(_)).then_some(listed);
            }
            "allow" => definition.allow = list(entry, faults),
            "strict" => definition.strict = Some(entry.value.clone()),
            "tools" => definition.tools = list(entry, faults),
            "executor" => definition.executor = Some(entry.value.clone()),
            "slurm" => definition.slurm = map(entry, faults),
            "stages" => definition.stages = stages(entry, faults),
            "report" => definition.report = list(entry, faults),
            _ => faults.push(unknown_key(entry, "a pipeline", &TOP_KEYS)),
        }
    }
    if !entries.iter().any(|entry| entry.key == "stages") {
        let start = Place { end: root.place.start, ..root.place.clone() };
        faults.push(Diagnostic::new("a pipeline needs `stages`").at(&start));
    }
    definition
}

fn check_version(node: &Node, faults: &mut Faults) {
    if node.value != Value::Int(FORMAT_VERSION) {
        let fault =
            Diagnostic::new(format!("this program reads version {FORMAT_VERSION} of the format")).at(&node.place);
        faults.push(fault.hint("use a newer `nnf` for a newer format"));
    }
}

fn stages(entry: &Entry, faults: &mut Faults) -> Vec<StageDefinition> {
    let entries = map(entry, faults);
    if entries.is_empty() && matches!(entry.value.value, Value::Map(_) | Value::Null) {
        faults.push(Diagnostic::new("a pipeline needs at least one stage").at(&entry.place));
    }
    entries.iter().map(|entry| stage(entry, faults)).collect()
}

impl StageDefinition {
    /// A stage of which nothing is said yet.
    pub(crate) fn new(name: &str, place: Place) -> Self {
        StageDefinition {
            name: name.to_owned(),
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

fn stage(entry: &Entry, faults: &mut Faults) -> StageDefinition {
    let mut stage = StageDefinition::new(&entry.key, entry.place.clone());
    // A dot ends the stage's name in `stage.output`.
    if !is_label(&entry.key) || entry.key.contains('.') {
        faults.push(bad_label("stage name", &entry.key, &entry.place));
    }
    for part in map(entry, faults) {
        match part.key.as_str() {
            "use" => stage.kind = Some(part.value),
            "run" => stage.run = Some(part.value),
            "in" => stage.inputs = map(&part, faults),
            "with" => stage.with = map(&part, faults),
            "out" => stage.outputs = Some((part.place.clone(), map(&part, faults))),
            "code" => stage.code = list(&part, faults),
            "env" => stage.env = map(&part, faults),
            "pass" => stage.pass = list(&part, faults),
            "each" => stage.each = map(&part, faults),
            "needs" => stage.needs = map(&part, faults),
            "timeout" => stage.timeout = Some(part.value),
            "retries" => stage.retries = Some(part.value),
            "resumes" => stage.resumes = Some(part.value),
            "strict" => stage.strict = Some(part.value),
            "executor" => stage.executor = Some(part.value),
            "slurm" => stage.slurm = map(&part, faults),
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

/// The entries of a map; an empty value is an empty map.
fn map(entry: &Entry, faults: &mut Faults) -> Vec<Entry> {
    match &entry.value.value {
        Value::Map(entries) => entries.clone(),
        Value::Null => Vec::new(),
        other => {
            let message = format!("`{}` is a map, but here stands {}", entry.key, other.what());
            faults.push(Diagnostic::new(message).at(&entry.value.place));
            Vec::new()
        }
    }
}

/// The items of a list; an empty value is an empty list.
fn list(entry: &Entry, faults: &mut Faults) -> Vec<Node> {
    match &entry.value.value {
        Value::List(items) => items.clone(),
        Value::Null => Vec::new(),
        other => {
            let message = format!("`{}` is a list, but here stands {}", entry.key, other.what());
            faults.push(Diagnostic::new(message).at(&entry.value.place).hint("write it as `[first, second]`"));
            Vec::new()
        }
    }
}

/// An unknown key, with the nearest known one.
pub(crate) fn unknown_key(entry: &Entry, of: &str, known: &[&str]) -> Diagnostic {
    let fault = Diagnostic::new(format!("{of} has no key `{}`", entry.key)).at(&entry.place);
    match suggest::hint(&entry.key, known.iter().copied()) {
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}

/// Whether a name can be part of an instance's name and of a folder's.
pub(crate) fn is_label(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !text.is_empty() && text.len() <= 100 && text.chars().all(plain) && !text.starts_with(['.', '-'])
}

/// A name that is none.
pub(crate) fn bad_label(what: &str, text: &str, place: &Place) -> Diagnostic {
    let dot = if what == "stage name" { "" } else { "`.`, " };
    Diagnostic::new(format!("`{text}` is no {what}")).at(place).hint(format!(
        "it has letters, digits, {dot}`_` and `-`, begins with a letter, digit or `_`, and is at most 100 long"
    ))
}
