//! All that a run knows while it goes on. Other files say what happens to it; only the loop's thread touches it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Instant;

use crate::digest::Key;
use crate::graph::{Graph, InstanceId};
use crate::pipeline::Identity;
use crate::record::Produced;
use crate::store::{FileInput, Published, RecordSummary, StoreError};
use crate::why::Reason;

use super::attempts::Context;
use super::event::{Reporter, Summary};
use super::states::States;

/// How to run.
pub struct RunOptions {
    /// Names of stages or instances; all if empty. What they need is run too.
    pub targets: Vec<InstanceId>,
    /// Instances that run even if they are fresh.
    pub forced: BTreeSet<InstanceId>,
    /// Go on with what does not depend on a stage that failed.
    pub keep_going: bool,
    /// Heed checkpoints.
    pub resume: bool,
    /// The engine's environment.
    pub environment: BTreeMap<OsString, OsString>,
    /// The remote tier, for the note that nothing is left to do.
    pub remote: Option<String>,
}

pub(super) struct State<'a> {
    pub(super) graph: &'a Graph,
    pub(super) name: &'a str,
    pub(super) options: &'a RunOptions,
    pub(super) context: &'a Context<'a>,
    pub(super) reporter: &'a mut dyn Reporter,
    pub(super) states: States,
    /// Instances whose record is to be made again, forced or because content is gone.
    pub(super) again: BTreeMap<InstanceId, Reason>,
    /// How often each was made again because its content was gone.
    pub(super) remade: BTreeMap<InstanceId, u32>,
    /// Instances of which somebody has to ask which machine they measure, and those of which that was done.
    pub(super) unasked: Vec<InstanceId>,
    pub(super) answered: BTreeSet<InstanceId>,
    /// What was asked for.
    pub(super) asked: Vec<InstanceId>,
    /// Whether anything has happened since the content of what was asked for was looked at.
    pub(super) unchecked: bool,
    /// What those were before that are looked at again, and what their readers went by.
    pub(super) former: BTreeMap<InstanceId, BTreeMap<String, Produced>>,
    /// Instances that run on what came out otherwise meanwhile.
    pub(super) outdated: BTreeSet<InstanceId>,
    /// The results of those that are forced to run again, which stay if that fails.
    pub(super) kept: BTreeMap<InstanceId, RecordSummary>,
    /// How showing the results went, as long as they are the ones that are shown.
    pub(super) shown: Option<Result<Published, StoreError>>,
    /// Why results did not arrive in the remote tier.
    pub(super) unsent: Option<StoreError>,
    /// Instances that have run and made a result.
    pub(super) ran: BTreeSet<InstanceId>,
    /// Counts results that were made, which tells what came first of a result and of a start.
    pub(super) results: u64,
    /// The count at which the result of a key was made in this run.
    pub(super) made: BTreeMap<Key, u64>,
    /// The count at which each instance that runs was started.
    pub(super) started: BTreeMap<InstanceId, u64>,
    pub(super) heads: BTreeMap<String, Key>,
    /// All files that instances read in place.
    pub(super) files: BTreeMap<PathBuf, FileInput>,
    pub(super) identity: Option<&'a Identity>,
    pub(super) summary: Summary,
    /// No new stage is started any more.
    pub(super) closing: bool,
    pub(super) began: Instant,
}
