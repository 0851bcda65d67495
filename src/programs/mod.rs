//! Stage programs: what they offer, asked once and remembered.

mod ask;
mod catalogue;
pub(crate) mod code;
mod describer;
mod listed;
mod memory;
mod offered;
mod resolver;

pub(crate) use ask::ask;
pub use catalogue::Catalogue;
pub use describer::{Describer, find_program, not_found};
pub(crate) use describer::{can_be_seen_whole, can_start};
pub use listed::{DEFAULT_PROGRAMS, Listed};
pub use offered::Offered;
pub(crate) use resolver::ask_all;
pub use resolver::{ProgramError, ProgramResolver};
