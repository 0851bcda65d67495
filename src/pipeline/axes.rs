//! `each`: the axes of a stage, and the instances that they make.

use std::collections::{BTreeMap, HashSet};

use crate::diagnostic::Diagnostic;
use crate::pipeline::definition::{Faults, StageDefinition, bad_label, is_label};
use crate::pipeline::interpolate::Scope;
use crate::yaml::{Entry, Node, Value};

/// Most instances that one stage may have.
const MAX_INSTANCES: usize = 1_000_000;

/// One combination of labels, and the value of each axis.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    /// Label by axis.
    pub(crate) labels: BTreeMap<String, String>,
    /// Value by axis.
    pub(crate) values: BTreeMap<String, Node>,
    /// Full name of the instance, axes in the order of the file.
    pub(crate) name: String,
}

/// All cells of a stage; the first axis varies slowest. None if an axis is faulty.
pub(crate) fn cells(stage: &StageDefinition, scope: &Scope, faults: &mut Faults) -> Option<Vec<Cell>> {
    let mut axes = Vec::new();
    let mut whole = true;
    for entry in &stage.each {
        if !is_label(&entry.key) {
            faults.push(bad_label("axis name", &entry.key, &entry.place));
            whole = false;
        }
        let value = scope.value(&entry.value, faults);
        let Value::List(values) = value.value else {
            let message = format!("axis `{}` is a list, but here stands {}", entry.key, value.value.what());
            faults.push(Diagnostic::new(message).at(&entry.value.place).hint("write it as `[first, second]`"));
            whole = false;
            continue;
        };
        if values.is_empty() {
            let message =
                format!("axis `{}` has no values, so stage `{}` would have no instances", entry.key, stage.name);
            faults.push(Diagnostic::new(message).at(&entry.value.place));
            whole = false;
        }
        let (labelled, all) = labelled(entry, values, faults);
        whole &= all;
        axes.push((entry.key.clone(), labelled));
    }
    let size = axes.iter().try_fold(1_usize, |n, (_, values)| n.checked_mul(values.len()));
    if size.is_none_or(|size| size > MAX_INSTANCES) {
        let message = format!("stage `{}` would have more than {MAX_INSTANCES} instances", stage.name);
        faults.push(Diagnostic::new(message).at(&stage.place));
        return None;
    }
    whole.then(|| product(&stage.name, &axes))
}

/// Values of an axis by their labels, and whether all of them have one.
fn labelled(entry: &Entry, values: Vec<Node>, faults: &mut Faults) -> (Vec<(String, Node)>, bool) {
    let mut labelled: Vec<(String, Node)> = Vec::with_capacity(values.len());
    let mut known = HashSet::new();
    let mut whole = true;
    for value in values {
        match label(&value) {
            Ok(label) if known.insert(label.clone()) => labelled.push((label, value)),
            Ok(label) => {
                let message = format!("axis `{}` has two values labelled `{label}`", entry.key);
                faults.push(Diagnostic::new(message).at(&entry.value.place));
                whole = false;
            }
            Err(fault) => {
                faults.push(fault.at(&entry.value.place));
                whole = false;
            }
        }
    }
    (labelled, whole)
}

fn label(node: &Node) -> Result<String, Diagnostic> {
    let text =
        match &node.value {
            Value::Map(fields) => fields
                .iter()
                .find(|field| field.key == "name")
                .and_then(|field| field.value.written())
                .ok_or_else(|| Diagnostic::new("a value that is a map needs a `name`, which becomes its label"))?,
            Value::List(_) | Value::Null => {
                return Err(
                    Diagnostic::new(format!("{} cannot be a label", node.value.what())).hint("use a map with a `name`")
                );
            }
            _ => node.written().unwrap_or_default(),
        };
    if is_label(&text) {
        return Ok(text.into_owned());
    }
    Err(Diagnostic::new(format!("`{text}` cannot be a label"))
        .hint("labels have letters, digits, `.`, `_` and `-`; a map with a `name` gives any value a label"))
}

fn product(stage: &str, axes: &[(String, Vec<(String, Node)>)]) -> Vec<Cell> {
    let mut cells = vec![Cell::default()];
    for (axis, values) in axes {
        let grown = cells.iter().flat_map(|cell| {
            values.iter().map(move |(label, value)| {
                let mut cell = cell.clone();
                cell.labels.insert(axis.clone(), label.clone());
                cell.values.insert(axis.clone(), value.clone());
                let comma = if cell.name.is_empty() { "" } else { "," };
                cell.name = format!("{}{comma}{axis}={label}", cell.name);
                cell
            })
        });
        cells = grown.collect();
    }
    for cell in &mut cells {
        cell.name = if cell.name.is_empty() { stage.to_owned() } else { format!("{stage}[{}]", cell.name) };
    }
    cells
}
