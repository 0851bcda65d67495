//! What a run that left nothing to do rested on. While all of it still looks the same, another run has nothing to do
//! either, and need not look at the stages one by one.
//!
//! It is a memory of what plan and run found out, and decides nothing that they would not decide; but for a record that
//! somebody overwrites in place, past nnf, which its folder does not tell. A note is written only
//! if every file in it had rested when it was hashed (see `stamps`); losing it costs time.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::SystemTime;

use nnf_contract::Machine;
use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Key};
use crate::store::local::files::FileInput;
use crate::store::local::look::Folder;
use crate::store::local::stamps::Stamp;
use crate::store::local::writing::write_atomically;
use crate::store::local::{blob, files, heads, latest, records};
use crate::store::pipelines::Pipelines;
use crate::store::records::Records;

/// Things that a thread alone looks at in less time than others take to begin.
const FEW: usize = 500;
const MOST_THREADS: usize = 4;

/// What must be the same from one run to the next, besides what lies in files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circumstances {
    /// Changes with all that the pipeline was made from.
    pub version: Digest,
    /// The search path for programs.
    pub path: Vec<u8>,
    /// The remote tier.
    pub remote: Option<String>,
    /// The machine, if a stage measures it.
    pub machine: Option<Machine>,
}

/// What things looked like.
type Looks<T> = Vec<(T, Stamp)>;

/// The note.
#[derive(Debug, Serialize, Deserialize)]
pub struct UpToDate {
    circumstances: Circumstances,
    /// Name of the pipeline.
    pub pipeline: String,
    /// The instances and their keys, in order.
    pub stages: Vec<(String, Key)>,
    /// The run that wrote the note.
    pub run: String,
    records: Vec<Stamp>,
    /// The folders of these records that had rested, by the first byte of their keys: while one looks the same, no record
    /// in it was put in the place of another, or taken away.
    record_folders: BTreeMap<u8, Stamp>,
    files: Vec<FileInput>,
    shown: Vec<(PathBuf, Stamp)>,
    /// Folders of links, below that of the pipeline's latest results. A link cannot change without its folder.
    folders: Looks<PathBuf>,
    /// All content that is shown.
    content: Looks<Digest>,
}

impl Pipelines<'_> {
    /// Notes that a run left nothing to do. `files` are all that its stages read in place.
    pub fn note_up_to_date(
        &self,
        slot: &str,
        circumstances: Circumstances,
        pipeline: &str,
        stages: Vec<(String, Key)>,
        files: &BTreeMap<PathBuf, FileInput>,
        run: &str,
    ) {
        let stamp = |path: PathBuf| Stamp::of_path(&path).map(|stamp| (path, stamp));
        let record = |(_, key): &(String, Key)| Stamp::of_path(&records::path(&self.tiers.root, key));
        let shared = stages.iter().all(|(_, key)| self.tiers.is_shared(key));
        let rested = files.values().all(FileInput::had_rested);
        let Some(record_folders) = self.folder(records::FOLDER).map(|folder| record_folders(&folder, &stages)) else {
            return;
        };
        let records: Option<Vec<Stamp>> = stages.iter().map(record).collect();
        let shown: Option<Vec<_>> = self.shown(pipeline).into_iter().map(stamp).collect();
        let (Some(records), Some(shown), true) = (records, shown, shared && rested) else { return };
        let Some((folders, content)) = self.looks(pipeline, &stages) else { return };
        let files = files.values().cloned().collect();
        let note = UpToDate {
            circumstances,
            pipeline: pipeline.into(),
            stages,
            run: run.into(),
            records,
            record_folders,
            files,
            shown,
            folders,
            content,
        };
        self.write(slot, &note);
    }

    /// Losing it costs time.
    fn write(&self, slot: &str, note: &UpToDate) {
        let written = rmp_serde::to_vec(note).map_err(std::io::Error::other).and_then(|body| {
            fs_err::create_dir_all(self.tiers.root.join("index/v1/settled"))?;
            write_atomically(&self.note(slot), &[blake3::hash(&body).as_bytes().as_slice(), &body].concat())
        });
        if let Err(error) = written {
            tracing::debug!("that nothing is left to do was not noted: {error}");
        }
    }

    /// The note of an earlier run, if it still holds.
    #[must_use]
    pub fn up_to_date(&self, slot: &str, circumstances: &Circumstances) -> Option<UpToDate> {
        let mut note = self.read(slot)?;
        let run = self.tiers.root.join("runs/v1").join(&note.run);
        let same = |(path, stamp): &(PathBuf, Stamp)| Stamp::of_path(path).as_ref() == Some(stamp);
        let holds = note.circumstances == *circumstances
            && run.join("pipeline.json").exists()
            && note.shown.iter().all(same)
            && note.files.iter().all(|file| files::looks_the_same(file, &self.tiers.root));
        holds.then_some(())?;
        let records = self.folder(records::FOLDER)?;
        // Looked at before the records in them are.
        let record_folders = record_folders(&records, &note.stages);
        self.has_results(&note, &records, &record_folders)?.then_some(())?;
        if record_folders.iter().any(|(first, stamp)| note.record_folders.get(first) != Some(stamp)) {
            note.record_folders = record_folders;
            self.write(slot, &note);
        }
        Some(note)
    }

    fn read(&self, slot: &str) -> Option<UpToDate> {
        let bytes = fs_err::read(self.note(slot)).ok()?;
        let (sum, body) = bytes.split_at_checked(32)?;
        (blake3::hash(body).as_bytes() == sum).then_some(())?;
        let note: UpToDate = rmp_serde::from_slice(body).ok()?;
        (note.records.len() == note.stages.len()).then_some(note)
    }

    /// Whether the records, what is shown of them, and its content look as they did.
    fn has_results(&self, note: &UpToDate, records: &Folder, record_folders: &BTreeMap<u8, Stamp>) -> Option<bool> {
        let blobs = self.folder(blob::FOLDER)?;
        let latest = Folder::open(&latest::folder(&self.tiers.root, &note.pipeline))?;
        let same = |(first, stamp): (&u8, &Stamp)| (note.record_folders.get(first) == Some(stamp)).then_some(*first);
        let same_folders: BTreeSet<u8> = record_folders.iter().filter_map(same).collect();
        let record = |at: usize| {
            let key = &note.stages[at].1;
            same_folders.contains(&first_byte(key)) || records.path(&records::below(key)) == Some(note.records[at])
        };
        let folder = |at: usize| {
            let (path, stamp) = &note.folders[at];
            latest.folder(path).as_ref() == Some(stamp)
        };
        let blob = |at: usize| {
            let (digest, stamp) = &note.content[at];
            blobs.blob(&blob::below(digest)).as_ref() == Some(stamp)
        };
        Some(all(note.records.len(), &record) && all(note.folders.len(), &folder) && all(note.content.len(), &blob))
    }

    /// What is to be looked at to see that these results are shown, whole. None if another run, which ended at the same
    /// time, shows others, or if something cannot be vouched for.
    fn looks(&self, pipeline: &str, stages: &[(String, Key)]) -> Option<(Looks<PathBuf>, Looks<Digest>)> {
        let heads = self.heads(pipeline);
        let (mut outputs, records) = (BTreeMap::new(), Records { tiers: self.tiers });
        for (name, key) in stages {
            (heads.get(name) == Some(key)).then_some(())?;
            outputs.insert(name.clone(), records.look_up(key).ok().flatten()?);
        }
        let (folders, content) = latest::parts(&self.tiers.root, &self.tiers.blobs, pipeline, &outputs)?;
        let latest = latest::folder(&self.tiers.root, pipeline);
        let folder = |path: PathBuf| Stamp::of_folder(&latest.join(&path)).map(|stamp| (path, stamp));
        let blob = |digest: Digest| self.tiers.blobs.vouched(&digest).map(|stamp| (digest, stamp));
        let folders: Vec<_> = folders.into_iter().map(folder).collect::<Option<_>>()?;
        let content: Vec<_> = content.into_iter().map(blob).collect::<Option<_>>()?;
        // The looks were taken before: what anybody shows from now on has others.
        latest::shows(&self.tiers.root, &self.tiers.blobs, pipeline, &outputs).then_some((folders, content))
    }

    fn folder(&self, below: &str) -> Option<Folder> {
        Folder::open(&self.tiers.root.join(below))
    }

    fn note(&self, slot: &str) -> PathBuf {
        self.tiers.root.join("index/v1/settled").join(slot)
    }

    /// What a run leaves for people to see; another pipeline of the same name may have changed it.
    fn shown(&self, pipeline: &str) -> Vec<PathBuf> {
        let latest = latest::folder(&self.tiers.root, pipeline);
        let heads = heads::path(&self.tiers.root.join("heads/v1"), pipeline);
        let owner = Some(self.note_of_owner(pipeline)).filter(|note| note.exists());
        [latest.join(latest::STATE), latest, heads].into_iter().chain(owner).collect()
    }
}

/// What the folders of these records look like that have rested.
fn record_folders(records: &Folder, stages: &[(String, Key)]) -> BTreeMap<u8, Stamp> {
    let now = SystemTime::now();
    let used: BTreeSet<u8> = stages.iter().map(|(_, key)| first_byte(key)).collect();
    let look = |first: u8| records.folder(&folder_of(first)).map(|stamp| (first, stamp));
    used.into_iter().filter_map(look).filter(|(_, stamp)| stamp.had_rested(now)).collect()
}

fn first_byte(key: &Key) -> u8 {
    key.digest().as_bytes()[0]
}

/// The folder of all records whose keys begin so.
fn folder_of(first: u8) -> PathBuf {
    PathBuf::from(format!("{first:02x}"))
}

/// Whether something holds of so many things. A look at a file is mostly the system's work, which several cores share.
fn all(count: usize, holds: &(dyn Fn(usize) -> bool + Sync)) -> bool {
    let threads = if count < FEW { 1 } else { available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS) };
    let share = count.div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let part = |first: usize| (first..count.min(first + share)).all(holds);
        let others: Vec<_> = (share..count).step_by(share).map(|first| scope.spawn(move || part(first))).collect();
        part(0) && others.into_iter().all(|part| part.join().unwrap_or(false))
    })
}
