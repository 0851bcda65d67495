//! The store: a local folder of plain files, and a remote tier behind it where the pipeline names one.
//!
//! ```text
//! blobs/v1/ab/cdef…       content, named by its BLAKE3 digest, created once, read-only
//! records/v1/ab/<key>.json  what a stage produced; written last: this is the commit
//! runs/v1/<id>/           plan, events, logs, pipeline as resolved; `keys` it used and their stages, and a lock while it goes on
//! pins/v1/<name>          results that are kept for good
//! heads/v1/<pipeline>     the last record of each instance, which `why` compares with, and whose name that is (see `owners`)
//! index/v1/               what records and files look like, so that a run without work reads two files; made anew when in doubt
//! checkpoints/v1/<key>/   what a killed stage goes on from
//! attempts/               scratch and output folders of stages that run now
//! quarantine/             blobs that were found damaged
//! kept/                   what stages left that may be the only copy of a person's file
//! gc.lock, sweep.lock, turn.lock  held by whoever relies on what is there or removes from it; they are empty
//! latest/<pipeline>/      links to the outputs of the last run, by their names
//! ```
//!
//! A [`Store`] is opened once and shared; what can be done with it is in its rooms:
//!
//! - [`Content`]: files and folders by their digests, taken in, handed to stages, checked;
//! - [`Records`]: what stages produced, by their keys;
//! - [`Runs`]: what goes on now and went on before: folders of runs and attempts, checkpoints, locks;
//! - [`Pipelines`]: names, last results, and what `latest/` shows;
//! - [`RemoteTier`]: results moved between the tiers, leases;
//! - [`Maintenance`]: collections, bounds, pins, damage found and mended.
//!
//! Below the rooms lie the tiers: `local` is one folder of plain files, `remote` what is behind it, `working` what belongs
//! to work that goes on. What a record reaches is computed in `closure` alone.
//!
//! Everything that is read is checked: a record against its checksum and key, a blob against its name, unless this
//! disk's copy was checked before and has not changed since (same device, inode, size and time of change of content).
//! The risk is a disk that loses a bit, and a program that alters a blob and sets its time back; `verify` trusts none
//! of that.

mod apart;
mod closure;
mod compare;
mod content;
mod error;
mod facade;
mod local;
mod maintenance;
mod owners;
mod pipelines;
mod records;
mod remote;
mod remote_tier;
mod runs;
#[cfg(test)]
mod tests;
mod tiers;
mod up_to_date;
mod whole;
mod working;

pub use compare::{Difference, first_difference};
pub use content::Content;
pub use error::StoreError;
pub use facade::{Store, StoreOptions};
pub use local::files::FileInput;
pub use local::gc_barrier::Hold;
pub use local::index::RecordSummary;
pub use local::latest::Published;
pub use local::materialize::Materialized;
pub use local::pins::Pin;
pub use maintenance::amount::Amount;
pub use maintenance::bound::{Bound, Bounded};
pub use maintenance::fault::{Fault, User, Verified};
pub use maintenance::gc::{CollectOptions, Collected};
pub use maintenance::remote_gc::{CollectRemote, RemoteCollected};
pub use maintenance::repair::Repaired;
pub use maintenance::room::Maintenance;
pub use maintenance::verify::Progress;
pub use owners::{Name, Owner};
pub use pipelines::Pipelines;
pub use records::Records;
pub use remote::objects::{ObjectRemote, Remote, RemoteObject, RemoteOptions, public as public_url};
pub use remote::transfer_stats::TransferStats;
pub use remote::upload::UPLOADS;
pub use remote_tier::{Claimed, Lease, RemoteTier, Waiting};
pub use runs::Runs;
pub use up_to_date::{Circumstances, UpToDate};
pub use working::checkpoint::Checkpoint;
pub use working::keylock::KeyLock;
pub use working::leftovers::{Cleared, Recover, Remains};
pub use working::note::AttemptNote;
pub use working::past::PastRun;
pub use working::runs::{RunFolder, RunSummary};
pub use working::workplace::{AttemptFolder, Rescued};
