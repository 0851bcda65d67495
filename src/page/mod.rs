//! The page of a run: one HTML file with all that a person wants to know of it, which needs nothing else.
//!
//! It is made from what the run left in the store, and reads nothing else: the same run gives the same bytes. All that
//! comes from outside is escaped, and the page's own policy forbids everything but its style, its script and pictures
//! within it.

mod assets;
mod compose;
mod content;
mod csv;
mod drawing;
mod entries;
mod facts;
mod fold;
mod head;
mod history;
mod html;
mod layout;
mod limits;
mod markdown;
mod outline;
mod parquet;
mod section;
mod stage;
mod table;
mod times;
mod trace;
mod words;

pub use compose::{PageRequest, page};
pub use limits::Limits;
