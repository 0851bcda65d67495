//! Why a network cannot be exported.

use nnf_net::NetError;

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The disk failed; the message names the file.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// libtorch failed.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// A network, or its weights, is not what it should be.
    #[error("{0}")]
    Net(#[from] NetError),
    /// The format cannot hold it.
    #[error("node `{node}`: {why}")]
    Node {
        /// The node.
        node: String,
        /// Why not.
        why: String,
    },
    /// The network is too large for the format.
    #[error("network `{network}` makes a file of {size} bytes, and ONNX allows {most} for one")]
    Size {
        /// The network.
        network: String,
        /// Bytes that the file would have.
        size: usize,
        /// Bytes that it may have.
        most: usize,
    },
    /// One of several models.
    #[error("{folder}: {source}")]
    Model {
        /// Its folder.
        folder: String,
        /// What is wrong with it.
        source: Box<ExportError>,
    },
    /// A folder that holds no models.
    #[error(
        "{0} holds no models: give the `model` of a stage, whose folder has a `network.json`, or a folder of such as the \
         `subnets` of a sweep"
    )]
    NoModels(String),
}

impl ExportError {
    pub(crate) fn node(node: &str, why: impl Into<String>) -> Self {
        ExportError::Node { node: node.into(), why: why.into() }
    }
}
