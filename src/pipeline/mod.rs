//! The files of a pipeline: from text to a checked graph of stage instances, with all faults at once.
//!
//! `sources` reads them (by the table in `keys`) into stages and namespaces, `params` resolves values, `expand` makes
//! instances, and `load` goes through all of it. `compiled` remembers what was checked.

mod axes;
mod check;
mod command;
mod compiled;
mod definition;
mod executor;
mod expand;
mod files;
mod include;
mod interpolate;
mod keys;
mod limits;
mod listed;
mod load;
mod loaded;
mod name;
mod named;
mod names;
mod overrides;
mod params;
mod placeholder;
mod reading;
mod reference;
mod report;
mod request;
mod root;
pub mod schema;
mod script;
mod settings;
mod shapes;
mod sources;
mod space;
mod stage;
mod suggest;
mod words;

pub use check_words::{expects, nearest};
pub use compiled::{Recalled, recall};
pub use load::{Whereabouts, catalogue, load, whereabouts};
pub use loaded::{Identity, Loaded};
pub use reference::instance_and_output;
pub use report::{ReportEntry, Shown};
pub use request::{LoadRequest, Memory};
pub use settings::parse_bytes;

/// Words that other parts of the program share with the checks.
mod check_words {
    use nnf_contract::Parameter;

    /// What a parameter expects, in words, such as `a whole number from 1 to 64`.
    #[must_use]
    pub fn expects(parameter: &Parameter) -> String {
        super::check::expects(parameter)
    }

    /// The nearest of the known names, if it is near enough to be a slip.
    pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        super::suggest::nearest(wrong, known)
    }
}
