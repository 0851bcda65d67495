//! A network as an ONNX file, which most runtimes on devices read.

use nnf_net::Model;
use prost::Message;

use crate::error::ExportError;
use crate::graph;
use crate::proto::{IR_VERSION, ModelProto, OPSET, OperatorSetIdProto};

/// No message of protocol buffers may be larger.
const LARGEST: usize = (1 << 31) - 1;

/// The bytes of an ONNX file (operators of version 17) that computes what [`nnf_net::forward`] does, in float32: the input
/// and the outputs, `[batch, …]`, have their nodes' names. A gate is open.
///
/// # Errors
/// When the weights do not fit the network, or ONNX cannot hold it: a mixture of experts, an output told twice, two values
/// that would have one name, more than 2 GiB.
pub fn onnx(model: &Model) -> Result<Vec<u8>, ExportError> {
    model.weights.check(&model.network)?;
    let file = ModelProto {
        ir_version: IR_VERSION,
        producer_name: "nnf".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(graph::graph(model)?),
        opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: OPSET }],
    };
    let size = file.encoded_len();
    if size > LARGEST {
        return Err(ExportError::Size { network: model.network.name().into(), size, most: LARGEST });
    }
    Ok(file.encode_to_vec())
}
