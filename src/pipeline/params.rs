//! Parameters of a pipeline: resolved in the order in which they refer to each other.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::pipeline::definition::Faults;
use crate::pipeline::interpolate::{Scope, references};
use crate::pipeline::limits;
use crate::yaml::Entry;

/// Resolves the references that parameters make to each other. A circle is a fault.
pub(crate) fn resolve(entries: &[Entry], faults: &mut Faults) -> Scope<'static> {
    let positions: HashMap<&str, usize> =
        entries.iter().enumerate().map(|(at, entry)| (entry.key.as_str(), at)).collect();
    let mut readers = vec![Vec::new(); entries.len()];
    let mut waiting = vec![0_usize; entries.len()];
    for (at, entry) in entries.iter().enumerate() {
        for path in references(&entry.value) {
            let name = path.strip_prefix("params.").map(|path| path.split('.').next().unwrap_or(path));
            if let Some(from) = name.and_then(|name| positions.get(name)) {
                readers[*from].push(at);
                waiting[at] += 1;
            }
        }
    }
    let mut ready: VecDeque<usize> = (0..entries.len()).filter(|at| waiting[*at] == 0).collect();
    let mut all = 0_usize;
    let mut scope = Scope { params: Arc::new(BTreeMap::new()), each: Vec::new() };
    while let Some(at) = ready.pop_front() {
        let entry = &entries[at];
        let size = scope.size(&entry.value);
        all = all.saturating_add(size);
        if size > limits::VALUE || all > limits::TEXT {
            let message = match size > limits::VALUE {
                true => format!("parameter `{}` grows beyond {} MiB", entry.key, limits::VALUE >> 20),
                false => format!("with `{}` all parameters grow beyond {} MiB", entry.key, limits::TEXT >> 20),
            };
            faults.push(Diagnostic::new(message).at(&entry.place));
            // What refers to it would grow as well.
            return scope;
        }
        let value = scope.value(&entry.value, faults);
        let mut params = Arc::unwrap_or_clone(std::mem::take(&mut scope.params));
        params.insert(entry.key.clone(), value);
        scope.params = Arc::new(params);
        for reader in &readers[at] {
            waiting[*reader] -= 1;
            if waiting[*reader] == 0 {
                ready.push_back(*reader);
            }
        }
    }
    for (entry, _) in entries.iter().zip(&waiting).filter(|(_, waiting)| **waiting > 0) {
        let message = format!("parameter `{}` refers to itself, directly or by others", entry.key);
        faults.push(Diagnostic::new(message).at(&entry.place));
    }
    scope
}
