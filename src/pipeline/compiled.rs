//! Checked pipelines, remembered under the hash of what they were made from, so that they need not be checked again.
//!
//! A memory holds, besides the instances, what was asked of the programs and of the file system. Whether all of that
//! would be answered the same is found out each time; if not, the pipeline is checked anew. Losing the memory costs time.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::diagnostic::{Place, Source};
use crate::digest::Digest;
use crate::graph::{ExecutorName, Graph, Instance};
use crate::pipeline::files::FsFacts;
use crate::pipeline::loaded::{Identity, Loaded};
use crate::pipeline::report::ReportEntry;
use crate::pipeline::request::{LoadRequest, Memory};
use crate::pipeline::sources::SourceFile;
use crate::programs::{Listed, Offered, ProgramError, ask_all};
use crate::yaml;

/// Pipelines that are remembered; the ones that were not used for longest are forgotten.
const MOST: usize = 64;

/// A pipeline that was checked before, and would pass the same way now. Its instances are still to be read.
#[derive(Debug)]
pub struct Recalled {
    /// Its name.
    pub name: String,
    /// The root, absolute, links resolved.
    pub root: PathBuf,
    /// The URL of a remote tier.
    pub store: Option<String>,
    /// Whether a stage of it measures the machine.
    pub measures: bool,
    /// What it is remembered under.
    pub identity: Identity,
    header: Header,
    body: fs_err::File,
    /// The texts of the pipeline's files.
    texts: Vec<Arc<Source>>,
}

/// The part of a memory that says whether it holds.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    /// The files: from the folder of the pipeline's own, which is empty and first.
    sources: Vec<PathBuf>,
    /// Digest of their texts and of the engine's build.
    texts: Digest,
    name: String,
    file: PathBuf,
    varies: bool,
    root: PathBuf,
    allow: Vec<PathBuf>,
    store: Option<String>,
    params: Json,
    report: Vec<ReportEntry>,
    executor: Option<ExecutorName>,
    measures: bool,
    asked: Vec<(Listed, Digest)>,
    facts: FsFacts,
    /// Instances in the rest of the file, and its digest.
    rest: (usize, Digest),
}

#[derive(Serialize, Deserialize)]
struct Line {
    instance: Instance,
    /// Which of the files, first byte, and one past the last.
    place: (usize, usize, usize),
}

/// The pipeline of a request, if it was checked before and nothing has changed since.
#[must_use]
pub fn recall(request: &LoadRequest<'_>) -> Option<Recalled> {
    let memory = request.memory?;
    let slot = slot(request);
    let mut body = fs_err::File::open(memory.folder.join(&slot)).ok()?;
    let (version, header) = read_header(&mut body)?;
    let texts = texts(request.path, &header.sources)?;
    if header.texts != memory.digest(texts.iter()) || !header.facts.hold() {
        return None;
    }
    let answers = ask_all(header.asked.iter().map(|(listed, _)| listed), request.programs);
    let same = |(answer, (_, digest)): (Result<Offered, ProgramError>, &(Listed, Digest))| {
        answer.is_ok_and(|offered| offered.digest() == *digest)
    };
    if !answers.into_iter().zip(&header.asked).all(same) {
        return None;
    }
    Some(Recalled {
        name: header.name.clone(),
        root: header.root.clone(),
        store: header.store.clone(),
        measures: header.measures,
        identity: Identity { slot, version },
        header,
        body,
        texts,
    })
}

/// The texts of a pipeline's files.
fn texts(path: &Path, sources: &[PathBuf]) -> Option<Vec<Arc<Source>>> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let file = |below: &PathBuf| match below.as_os_str().is_empty() {
        true => path.to_owned(),
        false => folder.join(below),
    };
    sources.iter().map(|below| yaml::text(&file(below)).ok()).collect()
}

impl Recalled {
    /// Reads the instances. None if they are damaged.
    #[must_use]
    pub fn load(mut self) -> Option<Loaded> {
        let mut bytes = Vec::new();
        self.body.read_to_end(&mut bytes).ok()?;
        if Digest::of(&bytes) != self.header.rest.1 {
            return None;
        }
        let mut reader = rmp_serde::Deserializer::from_read_ref(&bytes);
        let mut instances = Vec::with_capacity(self.header.rest.0);
        for position in 0..self.header.rest.0 {
            let line = Line::deserialize(&mut reader).ok()?;
            // In topological order: each reads only what stands before it.
            let before = |source: &crate::graph::Source| source.producers().iter().all(|from| from.index() < position);
            line.instance.inputs.values().all(before).then_some(())?;
            let (source, start, end) = line.place;
            let place = Place { source: Arc::clone(self.texts.get(source)?), start, end };
            instances.push(Instance { place, ..line.instance });
        }
        let graph = Graph::ordered(instances);
        let Header { name, file, varies, root, allow, store, params, report, executor, .. } = self.header;
        let identity = Some(self.identity);
        Some(Loaded { name, file, varies, root, allow, store, graph, params, report, executor, identity })
    }
}

impl Memory {
    fn digest<'t>(&self, texts: impl Iterator<Item = &'t Arc<Source>>) -> Digest {
        digest(std::iter::once(self.build.as_bytes()).chain(texts.map(|text| text.text.as_bytes())))
    }

    /// Remembers a pipeline that has just been checked.
    pub(crate) fn remember(
        &self,
        request: &LoadRequest<'_>,
        sources: &[SourceFile],
        loaded: &Loaded,
        asked: &[(&Listed, Digest)],
        facts: &FsFacts,
    ) -> Option<Identity> {
        if loaded.store.as_deref().is_some_and(has_secrets) {
            return None;
        }
        let slot = slot(request);
        match self.write(&slot, sources, loaded, asked, facts) {
            Ok(version) => Some(Identity { slot, version }),
            Err(error) => {
                tracing::debug!("the pipeline was not remembered: {error}");
                None
            }
        }
    }

    fn write(
        &self,
        slot: &str,
        sources: &[SourceFile],
        loaded: &Loaded,
        asked: &[(&Listed, Digest)],
        facts: &FsFacts,
    ) -> std::io::Result<Digest> {
        let instances = loaded.graph.instances();
        let body = body(instances, sources)?;
        // A tuple is written as a structure with the same fields is.
        let header = (
            sources.iter().map(|file| &file.below).collect::<Vec<_>>(),
            self.digest(sources.iter().map(|file| &file.text)),
            &loaded.name,
            &loaded.file,
            loaded.varies,
            &loaded.root,
            &loaded.allow,
            &loaded.store,
            &loaded.params,
            &loaded.report,
            loaded.executor,
            instances.iter().any(|instance| instance.measures),
            asked,
            facts,
            (instances.len(), Digest::of(&body)),
        );
        let header = rmp_serde::to_vec(&header).map_err(std::io::Error::other)?;
        self.put(slot, &header, &body)?;
        Ok(Digest::of(&header))
    }

    /// Writes a memory, whole or not at all.
    fn put(&self, slot: &str, header: &[u8], body: &[u8]) -> std::io::Result<()> {
        fs_err::create_dir_all(&self.folder)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        let length = u64::try_from(header.len()).unwrap_or(u64::MAX).to_le_bytes();
        for part in [Digest::of(header).as_bytes().as_slice(), &length, header, body] {
            std::io::Write::write_all(&mut file, part)?;
        }
        file.persist(self.folder.join(slot)).map_err(|e| e.error)?;
        forget_oldest(&self.folder)
    }
}

/// The instances as they are remembered, with their places in the files.
fn body(instances: &[Instance], sources: &[SourceFile]) -> std::io::Result<Vec<u8>> {
    let texts = sources.iter().map(|file| Arc::as_ptr(&file.text));
    let position: HashMap<_, usize> = texts.zip(0..).collect();
    let mut body = Vec::new();
    for instance in instances {
        let place = &instance.place;
        let source = position.get(&Arc::as_ptr(&place.source));
        let source = source.ok_or_else(|| std::io::Error::other("a stage stands in no file"))?;
        let line = (instance, (source, place.start, place.end));
        rmp_serde::encode::write(&mut body, &line).map_err(std::io::Error::other)?;
    }
    Ok(body)
}

/// The name of the memory of a pipeline file with these overrides.
fn slot(request: &LoadRequest<'_>) -> String {
    let path = std::path::absolute(request.path).unwrap_or_else(|_| request.path.to_owned());
    let overrides = request.overrides.iter().map(String::as_bytes);
    let digest = digest(std::iter::once(path.as_os_str().as_encoded_bytes()).chain(overrides));
    digest.to_string()[..32].to_owned()
}

/// One digest of several parts, their limits included.
fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Digest {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Whether a URL holds what may be secret. The remote tier refuses such a one, and it is to be written nowhere.
fn has_secrets(url: &str) -> bool {
    url::Url::parse(url)
        .is_ok_and(|url| !url.username().is_empty() || url.password().is_some() || url.query().is_some())
}

/// The header and its digest.
fn read_header(file: &mut fs_err::File) -> Option<(Digest, Header)> {
    let (mut sum, mut length) = ([0; 32], [0; 8]);
    file.read_exact(&mut sum).ok()?;
    file.read_exact(&mut length).ok()?;
    let length = u64::from_le_bytes(length);
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes).ok()?;
    let version = Digest::of(&bytes);
    (*version.as_bytes() == sum).then_some(())?;
    Some((version, rmp_serde::from_slice(&bytes).ok()?))
}

fn forget_oldest(folder: &Path) -> std::io::Result<()> {
    let mut files = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        files.push((entry.metadata()?.modified()?, entry.path()));
    }
    files.sort();
    let many = files.len().saturating_sub(MOST);
    files[..many].iter().try_for_each(|(_, path)| fs_err::remove_file(path))
}
