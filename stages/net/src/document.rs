//! A network as a JSON file. Fields that were added later are left out where they say nothing, so that old networks keep
//! their bytes.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::NetError;
use crate::graph::{Network, Node};

/// The network as written to a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    version: u32,
    name: String,
    nodes: Vec<Node>,
    outputs: Vec<String>,
}

const FORMAT: &str = "nnf.network";
const VERSION: u32 = 1;

impl Network {
    /// The network as JSON. Equal networks give equal bytes.
    #[must_use]
    pub fn to_json(&self) -> String {
        let document = Document {
            format: FORMAT.into(),
            version: VERSION,
            name: self.name().to_owned(),
            nodes: self.nodes().to_vec(),
            outputs: self.outputs().iter().map(|id| self.nodes()[*id].name.clone()).collect(),
        };
        let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads JSON.
    ///
    /// # Errors
    /// When it is no such document or the network in it does not fit together.
    pub fn from_json(text: &str) -> Result<Self, NetError> {
        let document: Document = serde_json::from_str(text).map_err(|e| NetError::Config(e.to_string()))?;
        if document.format != FORMAT || document.version != VERSION {
            let (format, version) = (document.format, document.version);
            return Err(NetError::Config(format!(
                "it is `{format}` version {version}, not `{FORMAT}` version {VERSION}"
            )));
        }
        Network::new(document.name, document.nodes, &document.outputs)
    }

    /// Writes the JSON file.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn save(&self, path: &Path) -> Result<(), NetError> {
        Ok(fs_err::write(path, self.to_json())?)
    }

    /// Reads the JSON file.
    ///
    /// # Errors
    /// When the file cannot be read or does not hold a network.
    pub fn load(path: &Path) -> Result<Self, NetError> {
        Network::from_json(&fs_err::read_to_string(path)?).map_err(|e| NetError::unfit(path, e))
    }
}
