//! `each`: the axes of a stage, and the instances that they make.
//!
//! Instances are counted before any is made, and made one at a time.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use crate::diagnostic::Diagnostic;
use crate::pipeline::interpolate::Scope;
use crate::pipeline::limits;
use crate::pipeline::reading::{Faults, bad_label, is_label};
use crate::pipeline::stage::StageDefinition;
use crate::yaml::{Entry, Node, Value};

/// The axes of a stage, in the order of the file; the first varies slowest.
#[derive(Debug, Default)]
pub(crate) struct Axes<'a> {
    axes: Vec<Axis<'a>>,
    /// How many instances they make; none if one is faulty.
    count: usize,
}

#[derive(Debug)]
pub(crate) struct Axis<'a> {
    pub(crate) name: &'a str,
    entry: &'a Entry,
    values: Cow<'a, [Node]>,
    labels: Vec<String>,
    by_label: HashMap<String, usize>,
}

/// How many instances a stage would have, before its labels are looked at.
pub(crate) fn size(stage: &StageDefinition, scope: &Scope<'_>) -> usize {
    // What is no list, or is not there, is told when the axes are read.
    let length = |entry: &Entry| scope.list(&entry.value, &mut Faults::new()).map_or(1, |values| values.len());
    stage.each.iter().map(length).fold(1, usize::saturating_mul)
}

impl<'a> Axes<'a> {
    /// The axes of a stage. It has no instances if one of them is faulty.
    pub(crate) fn read(stage: &'a StageDefinition, scope: &'a Scope<'a>, faults: &mut Faults) -> Self {
        let before = faults.len();
        let mut axes = Vec::new();
        for entry in &stage.each {
            if !is_label(&entry.key) {
                faults.push(bad_label("axis name", &entry.key, &entry.place));
            }
            let Some(values) = scope.list(&entry.value, faults) else {
                let what = scope.value(&entry.value, &mut Faults::new()).value.what();
                let message = format!("axis `{}` is a list, but here stands {what}", entry.key);
                faults.push(Diagnostic::new(message).at(&entry.value.place).hint("write it as `[first, second]`"));
                continue;
            };
            if values.is_empty() {
                let message =
                    format!("axis `{}` has no values, so stage `{}` would have no instances", entry.key, stage.name);
                faults.push(Diagnostic::new(message).at(&entry.value.place));
            }
            axes.push(Axis::new(entry, values, faults));
        }
        let longest = |axis: &Axis<'a>| (axis.entry, axis.labels.iter().map(String::len).max().unwrap_or(0));
        limits::name(stage, axes.iter().map(longest), faults);
        let count = if faults.len() == before { axes.iter().map(|axis| axis.values.len()).product() } else { 0 };
        Axes { axes, count }
    }

    /// How many instances they make.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Axis<'a>> {
        self.axes.iter()
    }

    /// Of each axis, the position of the value that an instance has.
    pub(crate) fn positions(&self, mut instance: usize) -> Vec<usize> {
        let mut positions = vec![0; self.axes.len()];
        for (position, axis) in positions.iter_mut().zip(&self.axes).rev() {
            *position = instance % axis.values.len();
            instance /= axis.values.len();
        }
        positions
    }

    /// The instance that has these positions.
    pub(crate) fn instance(&self, positions: &[usize]) -> usize {
        positions.iter().zip(&self.axes).fold(0, |instance, (position, axis)| instance * axis.values.len() + position)
    }

    /// The instances of which these positions are given, in order.
    pub(crate) fn matching(&self, given: &[Option<usize>]) -> Vec<usize> {
        given.iter().zip(&self.axes).fold(vec![0], |found, (given, axis)| {
            let length = axis.values.len();
            let range = given.map_or(0..length, |position| position..position + 1);
            found.iter().flat_map(|instance| range.clone().map(move |position| instance * length + position)).collect()
        })
    }

    /// Label by axis.
    pub(crate) fn labels(&self, positions: &[usize]) -> BTreeMap<String, String> {
        let label = |(axis, position): (&Axis<'_>, &usize)| (axis.name.to_owned(), axis.labels[*position].clone());
        self.axes.iter().zip(positions).map(label).collect()
    }

    /// Value by axis.
    pub(crate) fn values(&self, positions: &[usize]) -> Vec<(&str, &Node)> {
        self.axes.iter().zip(positions).map(|(axis, position)| (axis.name, &axis.values[*position])).collect()
    }

    /// Full name of an instance, axes in the order of the file.
    pub(crate) fn name(&self, stage: &str, positions: &[usize]) -> String {
        let mut name = stage.to_owned();
        for (at, (axis, position)) in self.axes.iter().zip(positions).enumerate() {
            name.push(if at == 0 { '[' } else { ',' });
            name.push_str(axis.name);
            name.push('=');
            name.push_str(&axis.labels[*position]);
        }
        if !self.axes.is_empty() {
            name.push(']');
        }
        name
    }
}

impl<'a> Axis<'a> {
    fn new(entry: &'a Entry, values: Cow<'a, [Node]>, faults: &mut Faults) -> Self {
        let mut labels = Vec::with_capacity(values.len());
        let mut by_label = HashMap::with_capacity(values.len());
        for (position, value) in values.iter().enumerate() {
            match label(value) {
                Ok(label) if by_label.contains_key(&label) => {
                    let message = format!("axis `{}` has two values labelled `{label}`", entry.key);
                    faults.push(Diagnostic::new(message).at(&entry.value.place));
                }
                Ok(label) => {
                    by_label.insert(label.clone(), position);
                    labels.push(label);
                }
                Err(fault) => faults.push(fault.at(&entry.value.place)),
            }
            if faults.len() > limits::FAULTS {
                break;
            }
        }
        Axis { name: &entry.key, entry, values, labels, by_label }
    }

    /// The position of a label.
    pub(crate) fn position(&self, label: &str) -> Option<usize> {
        self.by_label.get(label).copied()
    }

    /// The label of a position.
    pub(crate) fn label(&self, position: usize) -> &str {
        &self.labels[position]
    }
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
