//! Results that a person can open without the tool: links under the names of the last run's outputs.
//!
//! It does not know which instances ran; it links what it is given and removes what is no longer there.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::record::{Artifact, Form, Produced};
use crate::store::StoreError;
use crate::store::local::blob::{Blobs, write_atomically};
use crate::store::local::index::Known;
use crate::store::local::tree::{self, Entry};

/// File name endings by media type.
const ENDINGS: [(&str, &str); 13] = [
    ("text/markdown", "md"),
    ("text/csv", "csv"),
    ("text/plain", "txt"),
    ("text/html", "html"),
    ("text/x-tex", "tex"),
    ("application/json", "json"),
    ("application/pdf", "pdf"),
    ("application/vnd.apache.parquet", "parquet"),
    ("application/vnd.safetensors", "safetensors"),
    ("application/onnx", "onnx"),
    ("image/png", "png"),
    ("image/jpeg", "jpg"),
    ("image/svg+xml", "svg"),
];

/// The file that says what a folder shows.
pub(crate) const STATE: &str = ".state";

/// Where the results of a pipeline are shown.
pub(crate) fn folder(root: &Path, pipeline: &str) -> PathBuf {
    root.join("latest").join(pipeline)
}

/// Makes `latest/<pipeline>` show the outputs of these instances; returns the folder. What it shows of `untouched`
/// instances, which this run had no part in, stays.
pub(crate) fn publish(
    root: &Path,
    blobs: &Blobs,
    pipeline: &str,
    outputs: &BTreeMap<String, Known>,
    untouched: &BTreeSet<String>,
) -> Result<PathBuf, StoreError> {
    let doing = StoreError::io("link the latest results");
    let folder = folder(root, pipeline);
    let note = folder.join(STATE);
    let Shown(shown) = Shown::read(root, pipeline);
    // One listing is quicker than a look at each of thousands of folders.
    let listing = fs_err::read_dir(&folder).into_iter().flatten().flatten();
    let there: BTreeSet<String> = listing.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let mut wanted: BTreeMap<String, String> =
        outputs.iter().map(|(name, known)| (name.clone(), state(known))).collect();
    let stays = |name: &String| untouched.contains(name) && there.contains(name);
    wanted.extend(shown.iter().filter(|(name, _)| stays(name)).map(|(name, state)| (name.clone(), state.clone())));
    if wanted == shown && wanted.keys().all(|name| there.contains(name.as_str())) && folder.is_dir() {
        return Ok(folder);
    }
    fs_err::create_dir_all(&folder).map_err(&doing)?;
    // A file system takes its time over links and folders, so what stays as it is is left alone. Until all is done the
    // note lists only that.
    let stays = |name: &String| wanted.get(name) == shown.get(name) && folder.join(name).is_dir();
    let same: BTreeMap<_, _> =
        wanted.iter().filter(|(name, _)| stays(name)).map(|(n, s)| (n.clone(), s.clone())).collect();
    let write = |shown: &BTreeMap<String, String>| {
        write_atomically(&note, &serde_json::to_vec(shown).unwrap_or_default()).map_err(&doing)
    };
    write(&same)?;
    let mut partly: BTreeSet<&String> = BTreeSet::new();
    for (instance, known) in outputs.iter().filter(|(name, _)| !same.contains_key(*name)) {
        if !show(root, blobs, &folder, instance, known)? {
            partly.insert(instance);
        }
    }
    for entry in fs_err::read_dir(&folder).map_err(&doing)?.flatten() {
        let name = entry.file_name();
        if name != STATE && !wanted.contains_key(name.to_string_lossy().as_ref()) {
            remove(&entry.path()).map_err(&doing)?;
        }
    }
    // What is shown in part is looked at again once the rest may be here.
    wanted.retain(|name, _| !partly.contains(name));
    write(&wanted)?;
    Ok(folder)
}

/// What is shown of each instance, as a digest.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Shown(BTreeMap<String, String>);

impl Shown {
    /// What is shown of a pipeline.
    pub(crate) fn read(root: &Path, pipeline: &str) -> Self {
        let note = folder(root, pipeline).join(STATE);
        serde_json::from_slice(&fs_err::read(note).unwrap_or_default()).unwrap_or_default()
    }

    /// Whether these outputs are shown of an instance.
    pub(crate) fn has(&self, instance: &str, known: &Known) -> bool {
        self.0.get(instance).is_some_and(|shown| *shown == state(known))
    }
}

fn state(known: &Known) -> String {
    Digest::of(&serde_json::to_vec(&known.outputs).unwrap_or_default()).to_string()
}

/// Puts the links of one instance in place of those that are there; tells whether all of it is shown.
fn show(root: &Path, blobs: &Blobs, folder: &Path, instance: &str, known: &Known) -> Result<bool, StoreError> {
    let doing = StoreError::io("link the latest results");
    let (fresh, shown) = (folder.join(format!(".new-{instance}")), folder.join(instance));
    remove(&fresh).map_err(&doing)?;
    fs_err::create_dir(&fresh).map_err(&doing)?;
    let mut whole = true;
    for (name, produced) in &known.outputs {
        if let Produced::Artifact(artifact) = produced {
            // With its ending it may have the name of another output.
            let with_ending = Some(file_name(name, artifact)).filter(|other| !known.outputs.contains_key(other));
            let at = fresh.join(with_ending.as_deref().unwrap_or(name));
            whole &= link(blobs, artifact, &at, &root.join("latest"), &shown)?;
        }
    }
    remove(&shown).map_err(&doing)?;
    fs_err::rename(&fresh, &shown).map_err(doing)?;
    Ok(whole)
}

fn file_name(output: &str, artifact: &Artifact) -> String {
    if artifact.form == Form::Folder {
        return output.to_owned();
    }
    let media = artifact.media.split(';').next().unwrap_or_default().trim();
    let known = ENDINGS.iter().find(|(name, _)| *name == media).map(|(_, ending)| *ending);
    match known.or_else(|| media.ends_with("+json").then_some("json")) {
        Some(ending) if !output.ends_with(&format!(".{ending}")) => format!("{output}.{ending}"),
        _ => output.to_owned(),
    }
}

/// Links a file, or makes a folder of links, and tells whether it could: what is in a folder may be in the remote tier
/// alone. `final_folder` is where the link will lie in the end: one that is relative survives moving the project.
fn link(blobs: &Blobs, artifact: &Artifact, at: &Path, latest: &Path, final_folder: &Path) -> Result<bool, StoreError> {
    let doing = StoreError::io("link the latest results");
    let depth = final_folder.strip_prefix(latest).map_or(2, |rest| rest.components().count());
    let target = |digest: &Digest, deeper: usize| {
        let up: PathBuf = std::iter::repeat_n("..", depth + 1 + deeper).collect();
        let blob = blobs.path(digest);
        let inside = latest.parent().and_then(|root| blob.strip_prefix(root).ok()).map(Path::to_owned);
        up.join(inside.unwrap_or(blob))
    };
    if artifact.form != Form::Folder {
        return fs_err::os::unix::fs::symlink(target(&artifact.digest, 0), at).map_err(doing).map(|()| true);
    }
    let Ok(tree) = tree::read(blobs, &artifact.digest) else { return Ok(false) };
    fs_err::create_dir(at).map_err(&doing)?;
    for (path, entry) in &tree.entries {
        let to = at.join(path);
        let deeper = 1 + path.matches('/').count();
        match entry {
            Entry::Folder => fs_err::create_dir(&to),
            Entry::Link { target } => fs_err::os::unix::fs::symlink(target, &to),
            Entry::File { digest, .. } | Entry::Executable { digest, .. } => {
                fs_err::os::unix::fs::symlink(target(digest, deeper), &to)
            }
        }
        .map_err(&doing)?;
    }
    Ok(true)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs_err::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs_err::remove_dir_all(path),
        Ok(_) => fs_err::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
