//! A folder of stages that jobs of one kind take one by one: what the waiting side and the nodes know of each other.
//!
//! Nodes may see the folder through a network, where a name that was looked for in vain stays unseen for a while, but
//! where opening a file, or a folder, shows what others have written and closed. So files that one side waits for are
//! made beforehand by that side, empty, and are written in place; a line counts once it has its end.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Stages that wait for a job.
const WAITING: &str = "waiting";
/// Stages that a job has taken: their name, `@`, and the job's id.
const TAKEN: &str = "taken";
/// What is told of each stage.
const JOURNALS: &str = "journals";
/// Jobs that take no more stages.
const LEFT: &str = "left";
/// What jobs print.
const OUTPUT: &str = "output";
/// What the job that has a stage is to do.
const ORDERS: &str = "orders";
/// What jobs without a stage are to do.
const CLOSING: &str = "closing";
/// How jobs are submitted, and what they heed.
const TERMS: &str = "terms.json";

/// How jobs of a lane are submitted, and what they heed. It is written down, since another run may go on with the lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Terms {
    /// What `sbatch` is told.
    pub(crate) arguments: Vec<String>,
    /// For how long a job takes one stage after another.
    pub(crate) shared_for: Duration,
}

/// What a job is to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// To serve.
    #[default]
    Go,
    /// To stop the stage at hand cleanly.
    Stop,
    /// To kill it.
    Kill,
}

/// The folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lane {
    folder: PathBuf,
}

impl Lane {
    /// Makes an empty one.
    pub(crate) fn create(folder: &Path, terms: &Terms) -> std::io::Result<Self> {
        for part in [WAITING, TAKEN, JOURNALS, ORDERS, LEFT, OUTPUT] {
            fs_err::create_dir_all(folder.join(part))?;
        }
        fs_err::File::create(folder.join(CLOSING))?;
        fs_err::write(folder.join(TERMS), serde_json::to_vec(terms)?)?;
        Ok(Lane { folder: folder.to_owned() })
    }

    /// One that is there.
    pub(crate) fn open(folder: &Path) -> std::io::Result<Self> {
        fs_err::read_dir(folder.join(WAITING))?;
        Ok(Lane { folder: folder.to_owned() })
    }

    pub(crate) fn terms(&self) -> std::io::Result<Terms> {
        Ok(serde_json::from_slice(&fs_err::read(self.folder.join(TERMS))?)?)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What a job prints, by what `sbatch` puts for the job's id.
    pub(crate) fn output(&self, id: &str) -> PathBuf {
        self.folder.join(OUTPUT).join(id)
    }

    /// Where a stage's journal lies.
    pub(crate) fn journal(&self, name: &str) -> PathBuf {
        self.folder.join(JOURNALS).join(name)
    }

    /// Lets a stage wait for a job.
    pub(crate) fn add(&self, name: &str, stage: &impl Serialize) -> std::io::Result<()> {
        fs_err::File::create(self.journal(name))?;
        fs_err::File::create(self.folder.join(ORDERS).join(name))?;
        let new = self.folder.join(JOURNALS).join(format!("{name}.new"));
        // What it passes on may be secret.
        let mut options = fs_err::OpenOptions::new();
        fs_err::os::unix::fs::OpenOptionsExt::mode(options.write(true).create_new(true), 0o600)
            .open(&new)?
            .write_all(&serde_json::to_vec(stage)?)?;
        fs_err::rename(new, self.folder.join(WAITING).join(name))
    }

    /// Takes a stage back; false if a job has it.
    pub(crate) fn withdraw(&self, name: &str) -> bool {
        fs_err::remove_file(self.folder.join(WAITING).join(name)).is_ok()
    }

    /// Takes the stage that has waited longest, as it was written.
    pub(crate) fn take(&self, job: &str) -> std::io::Result<Option<(String, Vec<u8>)>> {
        let names = fs_err::read_dir(self.folder.join(WAITING))?;
        let mut names: Vec<String> = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort();
        for name in names {
            let mine = self.taken(&name, job);
            let taken = fs_err::rename(self.folder.join(WAITING).join(&name), &mine);
            // Over a network the answer to a request that succeeded may be lost, and its repetition then fails.
            if taken.is_ok() || mine.exists() {
                return Ok(Some((name, fs_err::read(mine)?)));
            }
        }
        Ok(None)
    }

    fn taken(&self, name: &str, job: &str) -> PathBuf {
        self.folder.join(TAKEN).join(format!("{name}@{job}"))
    }

    /// All stages that wait, or that a job has.
    pub(crate) fn stages(&self) -> BTreeSet<String> {
        let names = |part: &str| fs_err::read_dir(self.folder.join(part)).into_iter().flatten().flatten();
        let names = names(WAITING).chain(names(TAKEN)).filter_map(|entry| entry.file_name().into_string().ok());
        names.map(|name| name.split('@').next().unwrap_or_default().to_owned()).collect()
    }

    /// Whether a stage is still a job's.
    pub(crate) fn is_taken(&self, name: &str, job: &str) -> bool {
        !matches!(fs_err::symlink_metadata(self.taken(name, job)), Err(error) if error.kind() == ErrorKind::NotFound)
    }

    /// Takes a stage from the job that has it: whatever of it still runs there is ended.
    pub(crate) fn give_up(&self, name: &str, job: &str) {
        let _ = fs_err::remove_file(self.taken(name, job));
    }

    /// Says that a job takes no more stages.
    pub(crate) fn leave(&self, job: &str) -> std::io::Result<()> {
        fs_err::File::create(self.folder.join(LEFT).join(job)).map(drop)
    }

    /// Jobs that take no more stages.
    pub(crate) fn left(&self) -> BTreeSet<String> {
        let names = fs_err::read_dir(self.folder.join(LEFT)).into_iter().flatten();
        names.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
    }

    /// Orders what is to become of a stage.
    pub(crate) fn order(&self, name: &str, order: Order) -> std::io::Result<()> {
        append(&self.folder.join(ORDERS).join(name), &order)
    }

    /// What is ordered of a stage, most of all.
    pub(crate) fn ordered(&self, name: &str) -> Order {
        ordered(&self.folder.join(ORDERS).join(name))
    }

    /// Lets jobs without a stage end.
    pub(crate) fn close(&self) -> std::io::Result<()> {
        append(&self.folder.join(CLOSING), &Order::Stop)
    }

    pub(crate) fn is_closed(&self) -> bool {
        ordered(&self.folder.join(CLOSING)) > Order::Go
    }
}

/// Where the file is gone, nobody wants anything of the job any more.
fn ordered(file: &Path) -> Order {
    match fs_err::File::open(file) {
        Ok(file) => Lines::default().read(file.into_file()).into_iter().max().unwrap_or_default(),
        Err(error) if error.kind() == ErrorKind::NotFound => Order::Kill,
        Err(_) => Order::Go,
    }
}

/// Writes a line into a file that is there.
pub(crate) fn append(path: &Path, line: &impl Serialize) -> std::io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    let mut file = fs_err::OpenOptions::new().append(true).open(path)?;
    file.write_all(&bytes)?;
    file.sync_data()
}

/// Reads whole lines as they come.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    at: u64,
}

impl Lines {
    /// What was written since the last time. A line that is none is left out.
    pub(crate) fn read<T: DeserializeOwned>(&mut self, mut file: std::fs::File) -> Vec<T> {
        let mut bytes = Vec::new();
        if file.seek(SeekFrom::Start(self.at)).and_then(|_| file.read_to_end(&mut bytes)).is_err() {
            return Vec::new();
        }
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.at += whole as u64;
        bytes[..whole].split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn lane() -> (tempfile::TempDir, Lane) {
        let folder = tempfile::tempdir().unwrap();
        let terms = Terms { arguments: vec!["--nodes=1".into()], shared_for: Duration::from_secs(60) };
        let lane = Lane::create(&folder.path().join("lane"), &terms).unwrap();
        assert_eq!(lane.terms().unwrap(), terms);
        (folder, lane)
    }

    #[test]
    fn each_stage_is_taken_once_in_order() {
        let (_folder, lane) = lane();
        for number in [3, 1, 2] {
            lane.add(&format!("{number:06}"), &number).unwrap();
        }
        assert!(lane.withdraw("000003"));
        assert!(!lane.withdraw("000003"));
        let node = Lane::open(lane.folder()).unwrap();
        assert_eq!(node.take("7").unwrap(), Some(("000001".into(), b"1".to_vec())));
        assert!(!lane.withdraw("000001"), "a job has it");
        assert_eq!(node.take("8_1").unwrap(), Some(("000002".into(), b"2".to_vec())));
        assert_eq!(node.take("7").unwrap(), None);
        assert!(node.is_taken("000002", "8_1"));
        lane.give_up("000002", "8_1");
        assert!(!node.is_taken("000002", "8_1") && node.is_taken("000001", "7"));
        assert!(lane.left().is_empty());
        node.leave("8_1").unwrap();
        assert_eq!(lane.left(), ["8_1".to_owned()].into());
    }

    #[test]
    fn many_jobs_share_all_stages() {
        let (_folder, lane) = lane();
        (0..200).for_each(|number| lane.add(&format!("{number:06}"), &number).unwrap());
        let taken: Vec<Vec<String>> = std::thread::scope(|scope| {
            let serve = |job: u32| {
                let lane = lane.clone();
                scope.spawn(move || {
                    let next = || lane.take(&job.to_string()).unwrap().map(|(name, _)| name);
                    std::iter::from_fn(next).collect()
                })
            };
            let jobs: Vec<_> = (0..8).map(serve).collect();
            jobs.into_iter().map(|job| job.join().unwrap()).collect()
        });
        let mut all: Vec<String> = taken.concat();
        all.sort();
        assert_eq!(all, (0..200).map(|number| format!("{number:06}")).collect::<Vec<_>>());
    }

    #[test]
    fn the_strictest_order_stands() {
        let (_folder, lane) = lane();
        ["1", "2"].iter().for_each(|name| lane.add(name, &()).unwrap());
        assert_eq!(lane.ordered("1"), Order::Go);
        lane.order("1", Order::Kill).unwrap();
        lane.order("1", Order::Stop).unwrap();
        assert_eq!((lane.ordered("1"), lane.ordered("2"), lane.is_closed()), (Order::Kill, Order::Go, false));
        lane.close().unwrap();
        assert!(lane.is_closed());
        fs_err::remove_dir_all(lane.folder()).unwrap();
        assert_eq!((lane.ordered("2"), lane.is_closed()), (Order::Kill, true), "nobody waits for it");
        assert!(Lane::open(lane.folder()).is_err());
    }

    #[test]
    fn a_line_counts_once_it_has_its_end() {
        let (_folder, lane) = lane();
        lane.add("1", &()).unwrap();
        let path = lane.journal("1");
        let mut lines = Lines::default();
        let mut read = || lines.read::<u32>(fs_err::File::open(&path).unwrap().into_file());
        append(&path, &1).unwrap();
        assert_eq!(read(), [1]);
        let mut file = fs_err::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"2\n\xff\n\n3").unwrap();
        assert_eq!(read(), [2]);
        file.write_all(b"4\n").unwrap();
        assert_eq!(read(), [34]);
        assert!(read().is_empty());
    }
}
