//! The language of shells: words quoted for it, and how it reads what is put into the script of a command.

mod code;
mod commands;
mod document;
mod fill;
mod quote;
mod scan;
mod spot;

pub use code::{Code, code};
pub use fill::{Filler, escaped, is_harmless, is_read_as_it_is, may_stand_in};
pub use quote::word;
pub use scan::scan;
pub use spot::{Bit, Quoting, Spot};
