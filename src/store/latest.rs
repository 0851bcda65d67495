//! Results that a person can open without the tool: links under the names of the last run's outputs.
//!
//! It does not know which instances ran; it links what it is given and removes what is no longer there.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::record::{Artifact, Form, Produced};
use crate::store::StoreError;
use crate::store::blob::{Blobs, write_atomically};
use crate::store::index::Known;
use crate::store::tree::{self, Entry};

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

/// Makes `latest/<pipeline>` show the outputs of these instances; returns the folder.
pub(crate) fn publish(
    root: &Path,
    blobs: &Blobs,
    pipeline: &str,
    outputs: &BTreeMap<String, Known>,
) -> Result<PathBuf, StoreError> {
    let doing = StoreError::io("link the latest results");
    let folder = root.join("latest").join(pipeline);
    let state = Digest::of(&serde_json::to_vec(outputs).unwrap_or_default()).to_string();
    let note = folder.join(".state");
    if fs_err::read_to_string(&note).is_ok_and(|text| text == state) {
        return Ok(folder);
    }
    fs_err::create_dir_all(&folder).map_err(&doing)?;
    let _ = fs_err::remove_file(&note);
    for (instance, known) in outputs {
        let fresh = folder.join(format!(".new-{instance}"));
        remove(&fresh).map_err(&doing)?;
        fs_err::create_dir(&fresh).map_err(&doing)?;
        for (name, produced) in &known.outputs {
            if let Produced::Artifact(artifact) = produced {
                link(
                    blobs,
                    artifact,
                    &fresh.join(file_name(name, artifact)),
                    &root.join("latest"),
                    &folder.join(instance),
                )?;
            }
        }
        let shown = folder.join(instance);
        remove(&shown).map_err(&doing)?;
        fs_err::rename(&fresh, &shown).map_err(&doing)?;
    }
    for entry in fs_err::read_dir(&folder).map_err(&doing)?.flatten() {
        if !outputs.contains_key(entry.file_name().to_string_lossy().as_ref()) {
            remove(&entry.path()).map_err(&doing)?;
        }
    }
    write_atomically(&note, state.as_bytes()).map_err(doing)?;
    Ok(folder)
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

/// Links a file, or makes a folder of links. `final_folder` is where the link will lie in the end: one that is relative
/// survives moving the project.
fn link(blobs: &Blobs, artifact: &Artifact, at: &Path, latest: &Path, final_folder: &Path) -> Result<(), StoreError> {
    let doing = StoreError::io("link the latest results");
    let depth = final_folder.strip_prefix(latest).map_or(2, |rest| rest.components().count());
    let target = |digest: &Digest, deeper: usize| {
        let up: PathBuf = std::iter::repeat_n("..", depth + 1 + deeper).collect();
        let blob = blobs.path(digest);
        let inside = latest.parent().and_then(|root| blob.strip_prefix(root).ok()).map(Path::to_owned);
        up.join(inside.unwrap_or(blob))
    };
    if artifact.form != Form::Folder {
        return fs_err::os::unix::fs::symlink(target(&artifact.digest, 0), at).map_err(doing);
    }
    // The blobs of a fresh result may be in the remote tier alone; then there is nothing to show here.
    let Ok(tree) = tree::read(blobs, &artifact.digest) else { return Ok(()) };
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
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs_err::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs_err::remove_dir_all(path),
        Ok(_) => fs_err::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
