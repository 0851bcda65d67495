//! The root of a pipeline, and what may be read besides.

use std::path::Path;

use crate::diagnostic::Diagnostic;
use crate::pipeline::definition::Definition;
use crate::pipeline::files::{AllowedRoots, FsFacts, plain};
use crate::pipeline::interpolate::Scope;
use crate::pipeline::reading::Faults;
use crate::pipeline::settings;
use crate::yaml::Node;

/// Where the pipeline of a file may read. None if its root is no folder.
pub(crate) fn allowed_roots(
    definition: &Definition,
    path: &Path,
    scope: &Scope<'_>,
    faults: &mut Faults,
) -> Option<AllowedRoots> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().unwrap_or(Path::new("/"));
    let written = definition.root.as_ref().map(|node| (settings::text(node, "root", scope, faults), &node.place));
    let relative = written.as_ref().and_then(|(text, _)| text.clone()).unwrap_or_else(|| ".".to_owned());
    let facts = FsFacts::default();
    let root = match facts.real(&folder.join(&relative)) {
        Ok(root) if root.is_dir() => root,
        _ => {
            let fault = Diagnostic::new(format!("the root `{relative}` is no folder"));
            faults.push(match written {
                Some((_, place)) => fault.at(place).hint("it is relative to the pipeline's own folder"),
                None => fault,
            });
            return None;
        }
    };
    let mut allow = Vec::new();
    for node in &definition.allow {
        let Some(text) = settings::text(node, "allow", scope, faults) else { continue };
        // A folder that is not there allows nothing; what needs it says so.
        if let Ok(folder) = facts.real(&plain(&root.join(&text))) {
            allow.push(folder);
        }
    }
    Some(AllowedRoots { root, allow, facts })
}

/// The same before any parameter is known: none if it rests on one, or is faulty.
pub(crate) fn fixed(definition: &Definition, path: &Path) -> Option<AllowedRoots> {
    let varies = |node: &Node| node.text().is_some_and(|text| text.contains("${"));
    if definition.root.iter().chain(&definition.allow).any(varies) {
        return None;
    }
    let mut faults = Faults::new();
    allowed_roots(definition, path, &Scope::default(), &mut faults).filter(|_| faults.is_empty())
}
