//! What a stage program says of itself: its kinds, with their inputs and outputs.

use serde::{Deserialize, Serialize};

use crate::Parameter;

/// Version of the documents in this crate. A program whose version is higher than the engine's is refused.
pub const CONTRACT_VERSION: u32 = 1;

/// The answer to `PROGRAM describe`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// Version of this document, [`CONTRACT_VERSION`].
    pub contract: u32,
    /// The program's name, for messages.
    pub program: String,
    /// The program's own version, for messages; keys rest on the fingerprints of the kinds.
    pub version: String,
    /// Libraries whose versions a person wants to see beside a result (name → version).
    #[serde(default)]
    pub libraries: std::collections::BTreeMap<String, String>,
    /// The kinds of stage that the program offers.
    pub kinds: Vec<Kind>,
}

/// One kind of stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kind {
    /// Name by which a pipeline's `use` asks for it, such as `numvqa.train`.
    pub name: String,
    /// One line on what it does.
    pub summary: String,
    /// The inputs it reads.
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// The outputs it writes.
    pub outputs: Vec<Output>,
    /// The parameters it understands.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// Whether it measures the machine that it runs on: then the machine is part of the key, and it runs alone.
    #[serde(default)]
    pub measures: bool,
    /// Whether it continues from what a former attempt left in its checkpoint folder.
    #[serde(default)]
    pub resumes: bool,
    /// How many cores it puts to use if the pipeline does not say.
    #[serde(default)]
    pub cpus: Cpus,
    /// Hash of all the code that can change its results.
    pub fingerprint: String,
}

/// Cores that a kind puts to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cpus {
    /// One core.
    #[default]
    One,
    /// All cores of the budget.
    All,
}

/// One input of a kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Media type of what it reads; documentation, and checked where both ends name one.
    pub media: String,
    /// One line on what it is.
    pub doc: String,
    /// Whether it may be left out.
    #[serde(default)]
    pub optional: bool,
    /// Whether it takes a list (fan-in) in place of one file.
    #[serde(default)]
    pub many: bool,
}

/// One output of a kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Media type of what it writes; `inode/directory` for a folder.
    pub media: String,
    /// One line on what it is.
    pub doc: String,
    /// Whether the stage may leave it out.
    #[serde(default)]
    pub optional: bool,
}

impl Input {
    /// A required input that takes one file or folder.
    pub fn new(name: &str, media: &str, doc: &str) -> Self {
        Input { name: name.into(), media: media.into(), doc: doc.into(), optional: false, many: false }
    }

    /// May be left out.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Takes a list.
    #[must_use]
    pub fn many(mut self) -> Self {
        self.many = true;
        self
    }
}

impl Output {
    /// An output that is always written.
    pub fn new(name: &str, media: &str, doc: &str) -> Self {
        Output { name: name.into(), media: media.into(), doc: doc.into(), optional: false }
    }

    /// May be left out.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }
}

impl Kind {
    /// A kind without parts; add them with the other functions.
    pub fn new(name: &str, summary: &str) -> Self {
        Kind {
            name: name.into(),
            summary: summary.into(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            parameters: Vec::new(),
            measures: false,
            resumes: false,
            cpus: Cpus::One,
            fingerprint: String::new(),
        }
    }

    /// Adds inputs.
    #[must_use]
    pub fn inputs(mut self, inputs: impl IntoIterator<Item = Input>) -> Self {
        self.inputs.extend(inputs);
        self
    }

    /// Adds outputs.
    #[must_use]
    pub fn outputs(mut self, outputs: impl IntoIterator<Item = Output>) -> Self {
        self.outputs.extend(outputs);
        self
    }

    /// Adds parameters.
    #[must_use]
    pub fn parameters(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// Measures the machine.
    #[must_use]
    pub fn measures(mut self) -> Self {
        self.measures = true;
        self
    }

    /// Continues from checkpoints.
    #[must_use]
    pub fn resumes(mut self) -> Self {
        self.resumes = true;
        self
    }

    /// Puts all cores to use.
    #[must_use]
    pub fn all_cpus(mut self) -> Self {
        self.cpus = Cpus::All;
        self
    }
}
