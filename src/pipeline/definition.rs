//! A file as it is written: what its top-level keys say, before anything is interpolated or expanded.

use crate::diagnostic::Diagnostic;
use crate::pipeline::stage::StageDefinition;
use crate::yaml::{Entry, Node};

/// What one file says.
#[derive(Debug, Default)]
pub(crate) struct Definition {
    pub(crate) name: Option<Node>,
    pub(crate) root: Option<Node>,
    pub(crate) store: Option<Node>,
    pub(crate) include: Vec<Node>,
    pub(crate) params: Vec<Entry>,
    pub(crate) programs: Option<Vec<Entry>>,
    pub(crate) allow: Vec<Node>,
    pub(crate) strict: Option<Node>,
    pub(crate) tools: Vec<Node>,
    pub(crate) executor: Option<Node>,
    pub(crate) slurm: Vec<Entry>,
    pub(crate) stages: Vec<StageDefinition>,
    pub(crate) report: Vec<Node>,
    /// What is wrong if no other file has a stage either.
    pub(crate) no_stage: Option<Diagnostic>,
}
