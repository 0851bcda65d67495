//! A network as an ONNX file, which most runtimes on devices read.
//!
//! Each node becomes one or a few operations of ONNX's standard set, under its own name; parameters keep theirs. A gate
//! is open. It does not know where the file goes.

mod graph;
mod proto;
#[cfg(test)]
mod tests;

use prost::Message;

use crate::error::NetError;
use crate::model::Model;
use proto::{ModelProto, OperatorSetIdProto};

/// No message of protocol buffers may be larger.
const LARGEST: usize = (1 << 31) - 1;

/// The bytes of an ONNX file (operators of version 17) that computes what [`crate::forward`] does, in float32: inputs and
/// outputs `[batch, …]` under their nodes' names.
///
/// # Errors
/// When weights are missing, the network mixes experts, or the file would exceed the 2 GiB that ONNX allows for one.
pub fn onnx(model: &Model) -> Result<Vec<u8>, NetError> {
    let file = ModelProto {
        ir_version: proto::IR_VERSION,
        producer_name: "nnf".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(graph::graph(model)?),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: proto::OPSET }],
    };
    let size = file.encoded_len();
    if size > LARGEST {
        let why = format!("an ONNX file may have {LARGEST} bytes, network `{}` needs {size}", model.network.name());
        return Err(NetError::Config(why));
    }
    Ok(file.encode_to_vec())
}
