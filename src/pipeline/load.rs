//! Loads a pipeline: reads its files, applies overrides, asks programs for their kinds, expands, checks.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Place};
use crate::graph::{Cycle, Graph, SlurmOptions};
use crate::pipeline::compiled::{Recalled, recall};
use crate::pipeline::expand::{self, Around};
use crate::pipeline::files::AllowedRoots;
use crate::pipeline::interpolate::Scope;
use crate::pipeline::listed::{programs, tools};
use crate::pipeline::loaded::Loaded;
use crate::pipeline::reading::Faults;
use crate::pipeline::request::LoadRequest;
use crate::pipeline::sources::{self, Pipeline, SourceFile};
use crate::pipeline::{executor, name, overrides, params, report, root, settings};
use crate::programs::{Catalogue, DEFAULT_PROGRAMS, Listed, ProgramResolver};

/// Loads a pipeline.
///
/// # Errors
/// All faults of the files, the overrides and the programs.
pub fn load(request: &LoadRequest<'_>) -> Result<Loaded, Vec<Diagnostic>> {
    if let Some(loaded) = recall(request).and_then(Recalled::load) {
        return Ok(loaded);
    }
    let mut faults = Faults::new();
    let mut pipeline = sources::read(request.path, &mut faults)?;
    if !pipeline.is_whole {
        // Names that the missing file brings would seem to be wrong.
        return Err(in_order(faults, &pipeline.sources));
    }
    overrides::apply(&mut pipeline.spaces, request.overrides, &mut faults);
    let loaded = check(request, &mut pipeline, &mut faults);
    loaded.filter(|_| faults.is_empty()).ok_or_else(|| in_order(faults, &pipeline.sources))
}

/// Checks a pipeline that was read, and remembers it. What is wrong is added to `faults`.
fn check(request: &LoadRequest<'_>, pipeline: &mut Pipeline, faults: &mut Faults) -> Option<Loaded> {
    let own = &pipeline.own;
    let scopes = params::resolve(&pipeline.spaces, faults);
    let scope = &scopes[0];
    let name = name::name(own, request.path, scope, faults);
    let roots = root::allowed_roots(own, request.path, scope, faults)?;
    outside(pipeline, &roots, faults);
    let store = own.store.as_ref().and_then(|node| settings::text(node, "store", scope, faults));
    let asked = asked(pipeline, &scopes, &roots, faults);
    let catalogues = Catalogue::ask(&asked, request.programs, faults);
    let graph = graph(pipeline, (&scopes, &catalogues), &roots, faults);
    let executor = executor::name(own.executor.as_ref(), scope, faults);
    let report = report::entries(pipeline, scope, &graph, faults);
    if !faults.is_empty() {
        return None;
    }
    let path = absolute(request.path);
    let mut loaded = Loaded {
        name,
        file: roots.facts.real(&path).unwrap_or(path),
        varies: name::varies(own),
        root: roots.root,
        allow: roots.allow,
        store,
        graph,
        params: params::as_map(0, &pipeline.spaces, &scopes).to_json(),
        report,
        executor,
        identity: None,
    };
    // Of many stages it takes much memory, which what follows needs for itself.
    pipeline.stages = Vec::new();
    if let Some(memory) = request.memory {
        let all = asked.iter().zip(&catalogues).flat_map(|(list, answers)| answers.asked(list));
        let mut known = HashSet::new();
        let asked: Vec<_> = all.filter(|(listed, _)| known.insert((&listed.words, &listed.code))).collect();
        loaded.identity = memory.remember(request, &pipeline.sources, &loaded, &asked, &roots.facts);
    }
    Some(loaded)
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The instances of all stages.
fn graph(
    pipeline: &Pipeline,
    (scopes, catalogues): (&[Scope<'static>], &[Catalogue]),
    roots: &AllowedRoots,
    faults: &mut Faults,
) -> Graph {
    let (own, scope) = (&pipeline.own, &scopes[0]);
    let strict = own.strict.as_ref().and_then(|node| settings::flag(node, "strict", scope, faults));
    let tools = tools(own, scope, roots, faults);
    let slurm = executor::slurm(&own.slurm, SlurmOptions::default(), scope, faults);
    let around = Around {
        spaces: &pipeline.spaces,
        scopes,
        catalogues,
        roots,
        strict: strict.unwrap_or(false),
        tools: &tools,
        slurm: (slurm != SlurmOptions::default()).then(|| Box::new(slurm)),
    };
    let instances = expand::instances(&pipeline.stages, &around, faults);
    Graph::new(instances).unwrap_or_else(|cycles| {
        let places = pipeline.stages.iter().map(|stage| (stage.name.as_str(), &stage.place)).collect();
        faults.extend(cycles.iter().map(|cycle| circle(cycle, &places)));
        Graph::default()
    })
}

/// The programs of each namespace that are to be asked: of one without a kind, none.
fn asked(
    pipeline: &Pipeline,
    scopes: &[Scope<'static>],
    roots: &AllowedRoots,
    faults: &mut Faults,
) -> Vec<Vec<Listed>> {
    let lists = lists(pipeline, scopes, roots, faults).into_iter().zip(uses_kinds(pipeline));
    lists.map(|(list, uses)| if uses { list } else { Vec::new() }).collect()
}

/// Included files that lie where nothing may be read.
fn outside(pipeline: &Pipeline, roots: &AllowedRoots, faults: &mut Faults) {
    for (path, include) in &pipeline.included {
        if let Ok(real) = roots.facts.real(path)
            && !roots.holds(&real)
        {
            faults.push(roots.outside(&include.file, &real, &include.place));
        }
    }
}

/// The programs of each namespace.
fn lists(
    pipeline: &Pipeline,
    scopes: &[Scope<'static>],
    roots: &AllowedRoots,
    faults: &mut Faults,
) -> Vec<Vec<Listed>> {
    let spaces = pipeline.spaces.iter().zip(scopes);
    spaces.map(|(space, scope)| programs(space.programs.as_deref(), scope, roots, faults)).collect()
}

/// For each namespace whether a stage of it is of a kind.
fn uses_kinds(pipeline: &Pipeline) -> Vec<bool> {
    let mut uses = vec![false; pipeline.spaces.len()];
    pipeline.stages.iter().for_each(|stage| uses[stage.space] |= stage.kind.is_some());
    uses
}

/// Faults in the order of the files and of what stands in them, each once: a file that is included twice has its faults
/// twice.
fn in_order(mut faults: Faults, sources: &[SourceFile]) -> Faults {
    let at =
        |place: &Place| sources.iter().position(|file| Arc::ptr_eq(&file.text, &place.source)).map_or(0, |at| at + 1);
    let key = |fault: &Diagnostic| fault.place.as_ref().map_or((0, 0), |place| (at(place), place.start));
    faults.sort_by_key(key);
    let mut told = HashSet::new();
    faults.retain(|fault| at_file(fault).is_none_or(|at| told.insert((at, fault.message.clone()))));
    faults
}

/// Where a fault is told, if that is in a file.
fn at_file(fault: &Diagnostic) -> Option<(usize, usize)> {
    fault.place.as_ref().map(|place| (Arc::as_ptr(&place.source).addr(), place.start))
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
/// Faults of the files' `programs`, and programs that do not answer.
pub fn catalogue(
    path: Option<&Path>,
    overrides: &[String],
    resolver: &dyn ProgramResolver,
) -> Result<Catalogue, Vec<Diagnostic>> {
    let mut faults = Faults::new();
    let lists = match path {
        None => vec![DEFAULT_PROGRAMS.iter().map(|name| Listed::shipped(name, Path::new("/"))).collect()],
        Some(path) => {
            // Only what concerns programs matters here; the rest of the files may still be in the making.
            let mut others = Faults::new();
            let mut pipeline = sources::read(path, &mut others)?;
            if !pipeline.is_whole {
                return Err(in_order(others, &pipeline.sources));
            }
            overrides::apply(&mut pipeline.spaces, overrides, &mut faults);
            let scopes = params::resolve(&pipeline.spaces, &mut faults);
            let Some(roots) = root::allowed_roots(&pipeline.own, path, &scopes[0], &mut faults) else {
                return Err(faults);
            };
            let lists = lists(&pipeline, &scopes, &roots, &mut faults);
            // A namespace within has the usual programs only if it uses them.
            let uses = uses_kinds(&pipeline);
            let asked = |at: usize| at == 0 || pipeline.spaces[at].programs.is_some() || uses[at];
            lists.into_iter().enumerate().map(|(at, list)| if asked(at) { list } else { Vec::new() }).collect()
        }
    };
    let catalogues = Catalogue::ask(&lists, resolver, &mut faults);
    let all = catalogues.into_iter().reduce(Catalogue::and).unwrap_or_default();
    if faults.is_empty() { Ok(all) } else { Err(faults) }
}

/// Where the store of a pipeline is.
#[derive(Clone, Debug)]
pub struct Whereabouts {
    /// The root, in which the local tier lies.
    pub root: PathBuf,
    /// The URL of the remote tier, if one is named.
    pub store: Option<String>,
}

/// Where the store of a pipeline is. Whatever else is wrong with its files is of no concern.
///
/// # Errors
/// When the pipeline's own file cannot be read as YAML, or its root is no folder.
pub fn whereabouts(path: &Path, overrides: &[String]) -> Result<Whereabouts, Vec<Diagnostic>> {
    let mut others = Faults::new();
    let mut pipeline = sources::read(path, &mut others)?;
    overrides::apply(&mut pipeline.spaces, overrides, &mut others);
    let scopes = params::resolve(&pipeline.spaces, &mut others);
    let own = &pipeline.own;
    let mut faults = Faults::new();
    let store = own.store.as_ref().and_then(|node| settings::text(node, "store", &scopes[0], &mut faults));
    match root::allowed_roots(own, path, &scopes[0], &mut faults) {
        Some(roots) if faults.is_empty() => Ok(Whereabouts { root: roots.root, store }),
        _ => Err(faults),
    }
}
