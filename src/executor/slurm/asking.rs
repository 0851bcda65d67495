//! Asking a node what machine it is, by a job that does nothing else.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::executor::slurm::executor::{Slurm, file};
use crate::executor::slurm::machines::Known;
use crate::executor::slurm::node::Unheard;
use crate::executor::slurm::submission::Resources;
use crate::executor::{Command, Ended, ExecutorError, Stop};

/// How often a node is asked where jobs are ended past us.
const ATTEMPTS: u32 = 3;

impl Slurm {
    /// Has a job look at the node that it gets. What the machines' making ended is asked again, as stages are.
    pub(crate) fn ask(&self, resources: &Resources, stop: &Stop) -> Result<(), ExecutorError> {
        let mut ended = Ended::Stopped;
        for _ in 0..ATTEMPTS {
            match self.ask_once(resources, stop)? {
                Some(found) => ended = found,
                None => return Ok(()),
            }
            if !matches!(ended, Ended::Preempted | Ended::NodeFailed) {
                break;
            }
        }
        Err(ExecutorError::NotAsked { ended: Box::new(ended) })
    }

    /// None once the node is known; else how the job ended.
    fn ask_once(&self, resources: &Resources, stop: &Stop) -> Result<Option<Ended>, ExecutorError> {
        let folder = self.spool.folder().join("machines").join("asked");
        let unusable = |error: std::io::Error| file("the folder for jobs", &error);
        fs_err::create_dir_all(&folder).map_err(unusable)?;
        let room = tempfile::tempdir_in(&folder).map_err(unusable)?;
        let path = |name: &str| room.path().join(name);
        fs_err::File::create(path("log")).map_err(unusable)?;
        let command = Command {
            name: "the machine".into(),
            argv: ["/bin/sh", "-c", ":"].map(OsString::from).into(),
            env: BTreeMap::new(),
            secret: Default::default(),
            folder: "/".into(),
            log: path("log"),
            events: path("events"),
            cancel: None,
            scratch: path("scratch"),
            attempt: room.path().to_owned(),
            timeout: Some(std::time::Duration::from_secs(60)),
            needs: resources.needs,
            bounds: None,
        };
        let resources = Resources { timeout: command.timeout, ..resources.clone() };
        let ticket = self.spool.place(&resources).map_err(unusable)?;
        self.put(&ticket, &command, 1, true)?;
        let mut following = self.following(&ticket, &command.events, stop);
        let execution = following.follow(&mut Unheard)?;
        if let Some(job) = following.job() {
            ticket.lane.give_up(&ticket.stage, &job);
        }
        let (true, Some(node)) = (execution.ended.well(), following.node()) else { return Ok(Some(execution.ended)) };
        self.machines.keep(&resources, &Known { node, machine: execution.machine }).map_err(unusable)?;
        Ok(None)
    }
}
