//! What can be wrong with a network, its weights or its gates.

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The disk failed; the message names the file.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// libtorch failed.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// A file is not what it should be.
    #[error("{path}: {why}")]
    Unfit {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// A node does not fit what it reads.
    #[error("node `{node}`: {why}")]
    Node {
        /// The node.
        node: String,
        /// What is wrong.
        why: String,
    },
    /// A builder was asked for something that cannot be.
    #[error("{0}")]
    Config(String),
    /// Weights do not fit the network.
    #[error("parameter `{name}`: {why}")]
    Weights {
        /// The parameter.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// Gates do not fit the network.
    #[error("gates: {0}")]
    Gates(String),
}

impl NetError {
    pub(crate) fn node(node: &str, why: impl Into<String>) -> Self {
        NetError::Node { node: node.into(), why: why.into() }
    }

    pub(crate) fn unfit(path: &std::path::Path, why: impl std::fmt::Display) -> Self {
        NetError::Unfit { path: path.display().to_string(), why: why.to_string() }
    }
}
