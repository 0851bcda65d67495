//! What belongs to work that goes on: folders of attempts and runs, checkpoints, locks, and what killed engines have left.

pub(super) mod adoption;
pub(super) mod checkpoint;
pub(super) mod guard;
pub(super) mod keylock;
pub(super) mod layout;
pub(super) mod leftovers;
pub(super) mod live;
pub(super) mod note;
pub(super) mod owner;
pub(super) mod past;
pub(super) mod removal;
pub(super) mod rescue;
pub(super) mod runs;
pub(super) mod temporary;
pub(super) mod turn;
pub(super) mod workplace;
