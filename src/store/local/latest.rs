//! Results that a person can open without the tool: links under the names of the last run's outputs.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::store::StoreError;
use crate::store::local::blob::Blobs;
use crate::store::local::index::RecordSummary;
use crate::store::local::links::LinkBase;
use crate::store::local::writing::write_atomically;

/// The file that says what a folder shows.
pub(crate) const STATE: &str = ".state";

/// How names begin of what is being made, or was when its program was killed.
const NEW: &str = ".new-";

/// Where the results of a pipeline are shown.
pub(crate) fn folder(root: &Path, pipeline: &str) -> PathBuf {
    root.join("latest").join(pipeline)
}

/// What a pipeline shows now.
#[derive(Debug)]
pub struct Published {
    /// Where.
    pub folder: PathBuf,
    /// Where files lie now that had taken the place of links: somebody may miss them.
    pub put_aside: Vec<PathBuf>,
}

/// Makes `latest/<pipeline>` show the outputs of these instances. What it shows of `untouched` instances, which this run
/// had no part in, stays.
pub(crate) fn publish(
    root: &Path,
    blobs: &Blobs,
    pipeline: &str,
    outputs: &BTreeMap<String, RecordSummary>,
    untouched: &BTreeSet<String>,
) -> Result<Published, StoreError> {
    let folder = folder(root, pipeline);
    let Shown(shown) = Shown::read(root, pipeline);
    // One listing is quicker than a look at each of thousands of folders.
    let listing = fs_err::read_dir(&folder).into_iter().flatten().flatten();
    let there: BTreeSet<String> = listing.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let mut wanted: BTreeMap<String, String> =
        outputs.iter().map(|(name, known)| (name.clone(), state(known))).collect();
    let stays = |name: &String| untouched.contains(name) && there.contains(name);
    wanted.extend(shown.iter().filter(|(name, _)| stays(name)).map(|(name, state)| (name.clone(), state.clone())));
    // Links may have been removed, replaced or led elsewhere since they were made.
    let base = LinkBase::new(root, folder.clone());
    let right = |(name, known): (&String, &RecordSummary)| {
        let same = there.contains(name) && wanted.get(name) == shown.get(name);
        (same && base.shows(blobs, name, known)).then(|| name.clone())
    };
    let mut right: BTreeSet<String> = outputs.par_iter().filter_map(right).collect();
    right.extend(wanted.keys().filter(|name| !outputs.contains_key(*name)).cloned());
    let mut published = Published { folder, put_aside: Vec::new() };
    if wanted != shown || right.len() < wanted.len() || !published.folder.is_dir() {
        show(root, blobs, outputs, wanted, (&right, &there), &mut published)?;
    }
    Ok(published)
}

/// Makes the links that are `wanted` and not `right` yet, and removes what is not wanted. Something is `there` already
/// under some names.
fn show(
    root: &Path,
    blobs: &Blobs,
    outputs: &BTreeMap<String, RecordSummary>,
    mut wanted: BTreeMap<String, String>,
    (right, there): (&BTreeSet<String>, &BTreeSet<String>),
    published: &mut Published,
) -> Result<(), StoreError> {
    let doing = StoreError::io("link the latest results");
    let folder = published.folder.clone();
    let note = folder.join(STATE);
    for at in [root.join("latest"), folder.clone(), note.clone()] {
        if at.symlink_metadata().is_ok() && at.is_dir() == (at == note) {
            published.put_aside.push(blobs.put_aside(&at, "latest").map_err(&doing)?);
        }
    }
    fs_err::create_dir_all(&folder).map_err(&doing)?;
    // A file system takes its time over links and folders, so what stays as it is is left alone. Until all is done the
    // note lists only that.
    let base = LinkBase::new(root, folder.clone());
    let same: BTreeMap<_, _> =
        wanted.iter().filter(|(name, _)| right.contains(*name)).map(|(n, s)| (n.clone(), s.clone())).collect();
    let write = |shown: &BTreeMap<String, String>| {
        write_atomically(&note, &serde_json::to_vec(shown).unwrap_or_default()).map_err(&doing)
    };
    write(&same)?;
    let others: Vec<_> = outputs.iter().filter(|(name, _)| !same.contains_key(*name)).collect();
    let partly = make(blobs, &base, &others, there, published)?;
    for entry in fs_err::read_dir(&folder).map_err(&doing)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(NEW) {
            remove(&entry.path()).map_err(&doing)?;
        } else if name != STATE && !wanted.contains_key(&name) {
            clear(blobs, &entry.path(), published)?;
        }
    }
    // What is shown in part is looked at again once the rest may be here.
    wanted.retain(|name, _| !partly.contains(name));
    write(&wanted)
}

/// Makes the folders of instances anew. Returns those of which only a part is here.
fn make<'a>(
    blobs: &Blobs,
    base: &LinkBase,
    instances: &[(&'a String, &RecordSummary)],
    there: &BTreeSet<String>,
    published: &mut Published,
) -> Result<BTreeSet<&'a String>, StoreError> {
    let doing = StoreError::io("link the latest results");
    let folder = published.folder.clone();
    let made = instances.par_iter().map(|(instance, known)| {
        let layout = base.layout(blobs, known);
        // Where nothing is that could be seen half replaced, the links are made in their place.
        let new = !there.contains(*instance) && layout.make(&folder.join(instance)).is_ok();
        (*instance, layout, new)
    });
    let made: Vec<_> = made.collect();
    for (instance, layout, _) in made.iter().filter(|(_, _, new)| !new) {
        let (fresh, shown) = (folder.join(format!("{NEW}{instance}")), folder.join(instance));
        remove(&fresh).and_then(|()| layout.make(&fresh)).map_err(&doing)?;
        clear(blobs, &shown, published)?;
        fs_err::rename(&fresh, &shown).map_err(&doing)?;
    }
    Ok(made.into_iter().filter(|(_, layout, _)| !layout.whole).map(|(instance, ..)| instance).collect())
}

/// The folders of links, below that of the pipeline, and all content that show these outputs.
pub(crate) fn parts(
    root: &Path,
    blobs: &Blobs,
    pipeline: &str,
    outputs: &BTreeMap<String, RecordSummary>,
) -> Option<(Vec<PathBuf>, BTreeSet<Digest>)> {
    let base = LinkBase::new(root, folder(root, pipeline));
    let (mut folders, mut content) = (Vec::new(), BTreeSet::new());
    for (instance, known) in outputs {
        let layout = base.layout(blobs, known);
        layout.whole.then_some(())?;
        folders.push(PathBuf::from(instance));
        folders.extend(layout.folders().map(|path| Path::new(instance).join(path)));
        content.extend(layout.content);
    }
    Some((folders, content))
}

/// Whether these outputs are shown, all and as they should be.
pub(crate) fn shows(root: &Path, blobs: &Blobs, pipeline: &str, outputs: &BTreeMap<String, RecordSummary>) -> bool {
    let (base, shown) = (LinkBase::new(root, folder(root, pipeline)), Shown::read(root, pipeline));
    outputs.par_iter().all(|(instance, known)| shown.has(instance, known) && base.shows(blobs, instance, known))
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
    pub(crate) fn has(&self, instance: &str, known: &RecordSummary) -> bool {
        self.0.get(instance).is_some_and(|shown| *shown == state(known))
    }
}

fn state(known: &RecordSummary) -> String {
    Digest::of(&serde_json::to_vec(&known.outputs).unwrap_or_default()).to_string()
}

/// Makes room at a path. What is more than links there goes aside as a whole, since it may be the only copy.
fn clear(blobs: &Blobs, path: &Path, published: &mut Published) -> Result<(), StoreError> {
    let doing = StoreError::io("link the latest results");
    if !holds_more_than_links(path) {
        return remove(path).map_err(doing);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    published.put_aside.push(blobs.put_aside(path, &format!("latest-{name}")).map_err(doing)?);
    Ok(())
}

/// Whether a path is, or has below it, anything but folders and links.
fn holds_more_than_links(path: &Path) -> bool {
    match path.symlink_metadata() {
        Ok(meta) if meta.is_dir() => {
            fs_err::read_dir(path).into_iter().flatten().flatten().any(|entry| holds_more_than_links(&entry.path()))
        }
        Ok(meta) => !meta.is_symlink(),
        Err(_) => false,
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs_err::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs_err::remove_dir_all(path),
        Ok(_) => fs_err::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
