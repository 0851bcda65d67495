//! Parameters of a pipeline: resolved in the order in which they refer to each other.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::pipeline::interpolate::{Scope, references};
use crate::pipeline::limits;
use crate::pipeline::reading::Faults;
use crate::pipeline::space::Space;
use crate::yaml::{Entry, Node, Value};

/// The parameters of each namespace, resolved. Those of the namespaces within it are maps.
pub(crate) fn resolve(spaces: &[Space], faults: &mut Faults) -> Vec<Scope<'static>> {
    let mut scopes = vec![Scope::default(); spaces.len()];
    // Bytes in the parameters of each, those within it included, and in all copies of all of them.
    let (mut sizes, mut all) = (vec![0_usize; spaces.len()], 0_usize);
    // What lies within a namespace stands behind it, and does not see it.
    for (at, space) in spaces.iter().enumerate().rev() {
        let given = space.inner.iter().map(|inner| sizes[inner.space]).fold(0, usize::saturating_add);
        all = all.saturating_add(given);
        if let Some(inner) = space.inner.last().filter(|_| all > limits::TEXT) {
            let message =
                format!("with those of `{}` all parameters grow beyond {} MiB", inner.name, limits::TEXT >> 20);
            faults.push(Diagnostic::new(message).at(&inner.place));
            break;
        }
        let before = all;
        let inner = inner(space, spaces, &scopes).map(|entry| (entry.key, entry.value)).collect();
        scopes[at] = own(&space.params, inner, &mut all, faults);
        sizes[at] = given.saturating_add(all - before);
    }
    scopes
}

/// All parameters that a namespace refers to: its own in the order of the files, and those of the namespaces within it.
pub(crate) fn as_map(at: usize, spaces: &[Space], scopes: &[Scope<'static>]) -> Value {
    let own = |entry: &Entry| Some(Entry { value: scopes[at].params.get(&entry.key)?.clone(), ..entry.clone() });
    Value::Map(spaces[at].params.iter().filter_map(own).chain(inner(&spaces[at], spaces, scopes)).collect())
}

fn inner<'a>(
    space: &'a Space,
    spaces: &'a [Space],
    scopes: &'a [Scope<'static>],
) -> impl Iterator<Item = Entry> + use<'a> {
    space.inner.iter().map(|inner| {
        let value = as_map(inner.space, spaces, scopes);
        let place = inner.place.clone();
        Entry { key: inner.name.clone(), place: place.clone(), value: Node { value, place, literal: None } }
    })
}

/// Resolves the references that parameters make to each other, and to those that are given. A circle is a fault. Their
/// size is added to `all`.
pub(crate) fn own(
    entries: &[Entry],
    given: BTreeMap<String, Node>,
    all: &mut usize,
    faults: &mut Faults,
) -> Scope<'static> {
    let mut order = Order::of(entries);
    let mut scope = Scope { params: Arc::new(given), each: Vec::new() };
    for at in order.by_ref() {
        let entry = &entries[at];
        let size = scope.size(&entry.value);
        *all = all.saturating_add(size);
        if size > limits::VALUE || *all > limits::TEXT {
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
    }
    for (entry, _) in entries.iter().zip(&order.waiting).filter(|(_, waiting)| **waiting > 0) {
        let message = format!("parameter `{}` refers to itself, directly or by others", entry.key);
        faults.push(Diagnostic::new(message).at(&entry.place));
    }
    scope
}

/// Positions of parameters, each behind those that it refers to.
struct Order {
    /// Of each parameter, those that refer to it.
    readers: Vec<Vec<usize>>,
    /// Of each parameter, how many that it refers to are still to come.
    waiting: Vec<usize>,
    ready: VecDeque<usize>,
}

impl Order {
    fn of(entries: &[Entry]) -> Self {
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
        let ready = (0..entries.len()).filter(|at| waiting[*at] == 0).collect();
        Order { readers, waiting, ready }
    }
}

impl Iterator for Order {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let at = self.ready.pop_front()?;
        for reader in &self.readers[at] {
            self.waiting[*reader] -= 1;
            if self.waiting[*reader] == 0 {
                self.ready.push_back(*reader);
            }
        }
        Some(at)
    }
}
