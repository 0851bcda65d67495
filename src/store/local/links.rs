//! How the outputs of an instance are shown: links to blobs, and folders of such links.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::record::{Artifact, Form, Produced};
use crate::store::local::blob::Blobs;
use crate::store::local::index::RecordSummary;
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

/// What lies at a path below the folder of an instance.
#[derive(Debug, PartialEq, Eq)]
enum Shape {
    Folder,
    Link(PathBuf),
}

/// What lies in the folder of an instance.
pub(crate) struct Layout {
    shapes: BTreeMap<PathBuf, Shape>,
    /// The content of all outputs, and lists of folders.
    pub(crate) content: Vec<Digest>,
    /// Whether this is all: what is in a folder may be in the remote tier alone.
    pub(crate) whole: bool,
}

/// The folder of a pipeline, as its links have to know it.
pub(crate) struct LinkBase {
    root: PathBuf,
    folder: PathBuf,
    /// Folders from here up to the store. None where the folder lies elsewhere behind a link: then links are absolute,
    /// while others survive moving the project.
    depth: Option<usize>,
}

impl LinkBase {
    /// The folder of a pipeline in the store at `root`.
    pub(crate) fn new(root: &Path, folder: PathBuf) -> Self {
        let here = fs_err::canonicalize(&folder).map_or(true, |real| real == folder);
        let depth = folder.strip_prefix(root).map_or(2, |rest| rest.components().count());
        LinkBase { root: root.to_owned(), folder, depth: here.then_some(depth) }
    }

    /// What is to lie in the folder of an instance.
    pub(crate) fn layout(&self, blobs: &Blobs, known: &RecordSummary) -> Layout {
        let (mut shapes, mut content, mut whole) = (BTreeMap::new(), Vec::new(), true);
        for (name, produced) in &known.outputs {
            let Produced::Artifact(artifact) = produced else { continue };
            // With its ending it may have the name of another output.
            let with_ending = Some(file_name(name, artifact)).filter(|other| !known.outputs.contains_key(other));
            let at = PathBuf::from(with_ending.as_deref().unwrap_or(name));
            content.push(artifact.digest);
            if artifact.form != Form::Folder {
                shapes.insert(at, Shape::Link(self.target(blobs, &artifact.digest, 1)));
                continue;
            }
            let Ok(tree) = tree::read(blobs, &artifact.digest) else {
                whole = false;
                continue;
            };
            content.extend(tree.blobs());
            for (path, entry) in &tree.entries {
                let shape = match entry {
                    Entry::Folder => Shape::Folder,
                    Entry::Link { target } => Shape::Link(target.into()),
                    Entry::File { digest, .. } | Entry::Executable { digest, .. } => {
                        Shape::Link(self.target(blobs, digest, 2 + path.matches('/').count()))
                    }
                };
                shapes.insert(at.join(path), shape);
            }
            shapes.insert(at, Shape::Folder);
        }
        Layout { shapes, content, whole }
    }

    /// Where a link to a blob leads that lies so many folders below the pipeline's.
    fn target(&self, blobs: &Blobs, digest: &Digest, below: usize) -> PathBuf {
        let blob = blobs.path(digest);
        match (self.depth, blob.strip_prefix(&self.root)) {
            (Some(depth), Ok(inside)) => std::iter::repeat_n("..", depth + below).collect::<PathBuf>().join(inside),
            _ => blob,
        }
    }

    /// Whether the outputs of an instance are shown, all and as they should be. What else a person keeps beside them is
    /// theirs, but not in a folder that is an output.
    pub(crate) fn shows(&self, blobs: &Blobs, instance: &str, known: &RecordSummary) -> bool {
        let Layout { shapes, whole, .. } = self.layout(blobs, known);
        let folder = self.folder.join(instance);
        let is_folder = |path: &Path| path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
        let absent = known.outputs.iter().filter(|(_, produced)| **produced == Produced::Absent);
        whole
            && is_folder(&folder)
            && absent.map(|(name, _)| folder.join(name)).all(|path| path.symlink_metadata().is_err())
            && shapes.iter().all(|(path, shape)| {
                let path = folder.join(path);
                match shape {
                    Shape::Link(target) => std::fs::read_link(&path).is_ok_and(|found| found == *target),
                    Shape::Folder => is_folder(&path) && has_only(&folder, &path, &shapes),
                }
            })
    }
}

impl Layout {
    /// Makes the links in a new folder.
    pub(crate) fn make(&self, folder: &Path) -> io::Result<()> {
        fs_err::create_dir(folder)?;
        // A folder sorts before what is in it.
        self.shapes.iter().try_for_each(|(path, shape)| match shape {
            Shape::Folder => fs_err::create_dir(folder.join(path)),
            Shape::Link(target) => fs_err::os::unix::fs::symlink(target, folder.join(path)),
        })
    }

    /// The folders in it.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &Path> {
        self.shapes.iter().filter(|(_, shape)| **shape == Shape::Folder).map(|(path, _)| path.as_path())
    }
}

/// Whether a folder of an output holds nothing but what is to be there.
fn has_only(instance: &Path, folder: &Path, shapes: &BTreeMap<PathBuf, Shape>) -> bool {
    let listing = fs_err::read_dir(folder).into_iter().flatten();
    let known = |path: &Path| path.strip_prefix(instance).is_ok_and(|inside| shapes.contains_key(inside));
    listing.flatten().all(|entry| known(&entry.path()))
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
