//! Loads a pipeline: reads the file, applies overrides, asks programs for their kinds, expands, checks.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Place};
use crate::graph::{Cycle, Graph, SlurmOptions};
use crate::pipeline::compiled::{Recalled, recall};
use crate::pipeline::definition::{self, Definition, Faults};
use crate::pipeline::expand::{self, Around};
use crate::pipeline::files::{Reach, Sights, plain};
use crate::pipeline::interpolate::Scope;
use crate::pipeline::listed::{programs, tools};
use crate::pipeline::loaded::Loaded;
use crate::pipeline::report;
use crate::pipeline::request::LoadRequest;
use crate::pipeline::{executor, name, overrides, params, settings};
use crate::programs::{Catalogue, DEFAULT_PROGRAMS, Listed, ProgramResolver};
use crate::yaml;

/// Loads a pipeline.
///
/// # Errors
/// All faults of the file, the overrides and the programs.
pub fn load(request: &LoadRequest<'_>) -> Result<Loaded, Vec<Diagnostic>> {
    if let Some(loaded) = recall(request).and_then(Recalled::load) {
        return Ok(loaded);
    }
    let text = yaml::text(request.path)?;
    let tree = yaml::parse(Arc::clone(&text))?;
    let mut faults = Faults::new();
    let mut definition = definition::read(&tree, &mut faults);
    overrides::apply(&mut definition.params, request.overrides, &mut faults);
    let scope = params::resolve(&definition.params, &mut faults);
    let name = name::name(&definition, request.path, &scope, &mut faults);
    let Some(reach) = reach(&definition, request.path, &scope, &mut faults) else { return Err(faults) };
    let store = definition.store.as_ref().and_then(|node| settings::text(node, "store", &scope, &mut faults));
    let programs = programs(&definition, &scope, &reach, &mut faults);
    let wanted = definition.stages.iter().any(|stage| stage.kind.is_some());
    let catalogue =
        if wanted { Catalogue::ask(&programs, request.programs, &mut faults) } else { Catalogue::default() };
    let strict = definition.strict.as_ref().and_then(|node| settings::flag(node, "strict", &scope, &mut faults));
    let tools = tools(&definition, &scope, &reach, &mut faults);
    let strict = strict.unwrap_or(false);
    let executor = executor::name(definition.executor.as_ref(), &scope, &mut faults);
    let slurm = executor::slurm(&definition.slurm, SlurmOptions::default(), &scope, &mut faults);
    let slurm = (slurm != SlurmOptions::default()).then(|| Box::new(slurm));
    let around = Around { scope: &scope, catalogue: &catalogue, reach: &reach, strict, tools: &tools, slurm };
    let instances = expand::instances(&definition, &around, &mut faults);
    let graph = Graph::new(instances).unwrap_or_else(|cycles| {
        let places = definition.stages.iter().map(|stage| (stage.name.as_str(), &stage.place)).collect();
        faults.extend(cycles.iter().map(|cycle| circle(cycle, &places)));
        Graph::default()
    });
    let report = report::entries(&definition, &scope, &graph, &mut faults);
    if !faults.is_empty() {
        faults.sort_by_key(|fault| fault.place.as_ref().map_or(0, |place| place.start));
        return Err(faults);
    }
    // In the order of the file, whatever the order of resolution was.
    let shown = |entry: &yaml::Entry| Some((entry.key.clone(), scope.params.get(&entry.key)?.to_json()));
    let path = std::path::absolute(request.path).unwrap_or_else(|_| request.path.to_owned());
    let mut loaded = Loaded {
        name,
        file: reach.sights.real(&path).unwrap_or(path),
        varies: name::varies(&definition),
        root: reach.root,
        allow: reach.allow,
        store,
        graph,
        params: Json::Object(definition.params.iter().filter_map(shown).collect()),
        report,
        executor,
        identity: None,
    };
    if let Some(memory) = request.memory {
        loaded.identity = memory.remember(request, &text, &loaded, &catalogue.asked(&programs), &reach.sights);
    }
    Ok(loaded)
}

fn circle(cycle: &Cycle, places: &HashMap<&str, &Place>) -> Diagnostic {
    let fault = Diagnostic::new(format!("stages need each other in a circle: {cycle}"))
        .hint("one of them has to do without the other's output");
    let first = cycle.0.first().map(|name| name.split('[').next().unwrap_or(name));
    match first.and_then(|name| places.get(name)) {
        Some(place) => fault.at(place),
        None => fault,
    }
}

/// The kinds that the programs of a pipeline offer, or those that come with the engine if no file is given.
///
/// # Errors
/// Faults of the file's `programs`, and programs that do not answer.
pub fn catalogue(
    path: Option<&Path>,
    overrides: &[String],
    resolver: &dyn ProgramResolver,
) -> Result<Catalogue, Vec<Diagnostic>> {
    let mut faults = Faults::new();
    let listed = match path {
        None => DEFAULT_PROGRAMS.iter().map(|name| Listed::shipped(name, Path::new("/"))).collect(),
        Some(path) => {
            // Only what concerns programs matters here; the rest of the file may still be in the making.
            let mut definition = definition::read(&yaml::read(path)?, &mut Faults::new());
            overrides::apply(&mut definition.params, overrides, &mut faults);
            let scope = params::resolve(&definition.params, &mut faults);
            let Some(reach) = reach(&definition, path, &scope, &mut faults) else { return Err(faults) };
            programs(&definition, &scope, &reach, &mut faults)
        }
    };
    let catalogue = Catalogue::ask(&listed, resolver, &mut faults);
    if faults.is_empty() { Ok(catalogue) } else { Err(faults) }
}

/// Where the store of a pipeline is.
#[derive(Clone, Debug)]
pub struct Whereabouts {
    /// The root, in which the local tier lies.
    pub root: PathBuf,
    /// The URL of the remote tier, if one is named.
    pub store: Option<String>,
}

/// Where the store of a pipeline is. Whatever else is wrong with the file is of no concern.
///
/// # Errors
/// When the file cannot be read as YAML, or its root is no folder.
pub fn whereabouts(path: &Path, overrides: &[String]) -> Result<Whereabouts, Vec<Diagnostic>> {
    let mut others = Faults::new();
    let mut definition = definition::read(&yaml::read(path)?, &mut others);
    overrides::apply(&mut definition.params, overrides, &mut others);
    let scope = params::resolve(&definition.params, &mut others);
    let mut faults = Faults::new();
    let store = definition.store.as_ref().and_then(|node| settings::text(node, "store", &scope, &mut faults));
    match reach(&definition, path, &scope, &mut faults) {
        Some(reach) if faults.is_empty() => Ok(Whereabouts { root: reach.root, store }),
        _ => Err(faults),
    }
}

fn reach(definition: &Definition, path: &Path, scope: &Scope<'_>, faults: &mut Faults) -> Option<Reach> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().unwrap_or(Path::new("/"));
    let written = definition.root.as_ref().map(|node| (settings::text(node, "root", scope, faults), &node.place));
    let relative = written.as_ref().and_then(|(text, _)| text.clone()).unwrap_or_else(|| ".".to_owned());
    let sights = Sights::default();
    let root = match sights.real(&folder.join(&relative)) {
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
        if let Ok(folder) = sights.real(&plain(&root.join(&text))) {
            allow.push(folder);
        }
    }
    Some(Reach { root, allow, sights })
}
