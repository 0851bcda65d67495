//! What a run that left nothing to do rested on. While all of it still looks the same, another run has nothing to do
//! either, and need not look at the stages one by one.
//!
//! It is a memory of what plan and run found out, and decides nothing that they would not decide. A note is written only
//! if every file in it had rested when it was hashed (see `stamps`); losing it costs time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nnf_contract::Machine;
use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Key};
use crate::store::local::blob::write_atomically;
use crate::store::local::stamps::Stamp;
use crate::store::local::{files, heads, latest, records};
use crate::store::{FileInput, Store};

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

/// The note.
#[derive(Debug, Serialize, Deserialize)]
pub struct Settled {
    circumstances: Circumstances,
    /// Name of the pipeline.
    pub pipeline: String,
    /// The instances and their keys, in order.
    pub stages: Vec<(String, Key)>,
    /// The run that wrote the note.
    pub run: String,
    records: Vec<Stamp>,
    files: Vec<FileInput>,
    shown: Vec<(PathBuf, Stamp)>,
}

impl Store {
    /// Notes that a run left nothing to do. `files` are all that its stages read in place.
    pub fn note_settled(
        &self,
        slot: &str,
        circumstances: Circumstances,
        pipeline: &str,
        stages: Vec<(String, Key)>,
        files: &BTreeMap<PathBuf, FileInput>,
        run: &str,
    ) {
        let stamp = |path: PathBuf| Stamp::of_path(&path).map(|stamp| (path, stamp));
        let record = |(_, key): &(String, Key)| Stamp::of_path(&records::path(self.root(), key));
        let shared = stages.iter().all(|(_, key)| self.is_shared(key));
        let rested = files.values().all(FileInput::had_rested);
        let records: Option<Vec<Stamp>> = stages.iter().map(record).collect();
        let shown: Option<Vec<_>> = self.shown(pipeline).into_iter().map(stamp).collect();
        // The looks were taken before: what another run shows from now on has others.
        let mine = || self.shows(pipeline, &stages);
        let (Some(records), Some(shown), true) = (records, shown, shared && rested && mine()) else { return };
        let files = files.values().cloned().collect();
        let note = Settled { circumstances, pipeline: pipeline.into(), stages, run: run.into(), records, files, shown };
        let written = rmp_serde::to_vec(&note).map_err(std::io::Error::other).and_then(|body| {
            fs_err::create_dir_all(self.root().join("index/v1/settled"))?;
            write_atomically(&self.note(slot), &[blake3::hash(&body).as_bytes().as_slice(), &body].concat())
        });
        if let Err(error) = written {
            tracing::debug!("that nothing is left to do was not noted: {error}");
        }
    }

    /// The note of an earlier run, if it still holds.
    #[must_use]
    pub fn settled(&self, slot: &str, circumstances: &Circumstances) -> Option<Settled> {
        let bytes = fs_err::read(self.note(slot)).ok()?;
        let (sum, body) = bytes.split_at_checked(32)?;
        (blake3::hash(body).as_bytes() == sum).then_some(())?;
        let note: Settled = rmp_serde::from_slice(body).ok()?;
        let same = |path: &Path, stamp: &Stamp| Stamp::of_path(path).as_ref() == Some(stamp);
        let record = |((_, key), stamp): (&(String, Key), &Stamp)| same(&records::path(self.root(), key), stamp);
        let run = self.root().join("runs/v1").join(&note.run);
        let holds = note.circumstances == *circumstances
            && run.join("pipeline.json").exists()
            && note.shown.iter().all(|(path, stamp)| same(path, stamp))
            && note.files.iter().all(|file| files::looks_the_same(file, self.root()))
            && note.records.len() == note.stages.len()
            && note.stages.iter().zip(&note.records).all(record);
        holds.then_some(note)
    }

    /// Whether what is shown of a pipeline are these results, not those of a run that ended at the same time.
    fn shows(&self, pipeline: &str, stages: &[(String, Key)]) -> bool {
        let (heads, shown) = (self.heads(pipeline), latest::Shown::read(self.root(), pipeline));
        stages.iter().all(|(name, key)| {
            let known = || self.look_up(key).ok().flatten();
            heads.get(name) == Some(key) && known().is_some_and(|known| shown.has(name, &known))
        })
    }

    fn note(&self, slot: &str) -> PathBuf {
        self.root().join("index/v1/settled").join(slot)
    }

    /// What a run leaves for people to see; another pipeline of the same name may have changed it.
    fn shown(&self, pipeline: &str) -> Vec<PathBuf> {
        let latest = latest::folder(self.root(), pipeline);
        let heads = heads::path(&self.root().join("heads/v1"), pipeline);
        let owner = Some(self.note_of_owner(pipeline)).filter(|note| note.exists());
        [latest.join(latest::STATE), latest, heads].into_iter().chain(owner).collect()
    }
}
