//! A network as a graph of ONNX's operations, and what writing a node takes. Values have their nodes' names, parameters
//! keep theirs.
//!
//! Shapes have the batch in front. A value that depends on no input has a batch of one, which ONNX's operations spread
//! over the other's; an output of that kind is spread at the end.

use std::collections::BTreeSet;

use nnf_net::{Model, Network, Node, Op};
use tch::{Kind, Tensor};

use crate::error::ExportError;
use crate::proto::{
    AttributeProto, Dimension, FLOAT, GraphProto, INT64, NodeProto, TensorProto, TensorShapeProto, TensorTypeProto,
    TypeProto, ValueInfoProto,
};

pub(crate) fn graph(model: &Model) -> Result<GraphProto, ExportError> {
    let network = &model.network;
    let name = if network.name().is_empty() { "network" } else { network.name() };
    let graph = GraphProto { name: name.into(), ..GraphProto::default() };
    let input = &network.nodes()[0].name;
    let names = BTreeSet::from([input.clone()]);
    let mut writer = Writer { model, depends: depends(network), names, graph };
    writer.graph.input.push(value(input, network.input_shape()));
    for (id, node) in network.nodes().iter().enumerate() {
        writer.node(id)?;
        if writer.is_same_output(id) {
            writer.spread(&once(&node.name), &node.name, network.shape_of(id))?;
        }
    }
    for (at, id) in network.outputs().iter().enumerate() {
        let name = &network.nodes()[*id].name;
        if network.outputs()[..at].contains(id) {
            return Err(ExportError::node(name, "it is an output twice, and ONNX gives an output once"));
        }
        writer.graph.output.push(value(name, network.shape_of(*id)));
    }
    Ok(writer.graph)
}

/// For each node whether its value depends on the network's input.
fn depends(network: &Network) -> Vec<bool> {
    let mut all: Vec<bool> = Vec::new();
    for (id, node) in network.nodes().iter().enumerate() {
        let own = matches!(node.op, Op::Input { .. });
        all.push(own || network.inputs_of(id).iter().any(|input| all[*input]));
    }
    all
}

/// Name of an output's value where it is the same for every input, before it is spread.
fn once(name: &str) -> String {
    format!("{name}/once")
}

/// A float32 value `[batch, …]`.
fn value(name: &str, shape: &[i64]) -> ValueInfoProto {
    let batch = Dimension { dim_value: None, dim_param: Some("batch".into()) };
    let axis = |size: &i64| Dimension { dim_value: Some(*size), dim_param: None };
    let shape = TensorShapeProto { dim: std::iter::once(batch).chain(shape.iter().map(axis)).collect() };
    let tensor_type = Some(TensorTypeProto { elem_type: FLOAT, shape: Some(shape) });
    ValueInfoProto { name: name.into(), r#type: Some(TypeProto { tensor_type }) }
}

/// What is written so far.
pub(crate) struct Writer<'a> {
    pub(crate) model: &'a Model,
    /// For each node of the network whether its value depends on the input.
    pub(crate) depends: Vec<bool>,
    /// Names of all values and constants: no two may be alike.
    names: BTreeSet<String>,
    graph: GraphProto,
}

impl Writer<'_> {
    /// Repeats a value, of a shape without batch, for each input of the batch, under a name.
    pub(crate) fn spread(&mut self, value: &str, name: &str, shape: &[i64]) -> Result<(), ExportError> {
        let input = self.model.network.nodes()[0].name.clone();
        let [batch, rest, all] = ["batch", "rest", "every"].map(|part| format!("{name}/{part}"));
        let first = vec![AttributeProto::int("start", 0), AttributeProto::int("end", 1)];
        self.operation("Shape", &[&input], &batch, first)?;
        let rest = self.tensor(rest, &[shape.len() as i64], INT64, little_endian(shape))?;
        self.operation("Concat", &[&batch, &rest], &all, vec![AttributeProto::int("axis", 0)])?;
        self.operation("Expand", &[value, &all], name, Vec::new())
    }

    /// Shape of what a node reads first, without the batch.
    pub(crate) fn read(&self, id: usize) -> Vec<i64> {
        let network = &self.model.network;
        network.inputs_of(id).first().map(|input| network.shape_of(*input).to_vec()).unwrap_or_default()
    }

    /// The name under which a node's value is written.
    pub(crate) fn value_of(&self, id: usize) -> String {
        let name = &self.model.network.nodes()[id].name;
        if self.is_same_output(id) { once(name) } else { name.clone() }
    }

    /// Whether a node is an output that is the same for every input.
    fn is_same_output(&self, id: usize) -> bool {
        self.model.network.outputs().contains(&id) && !self.depends[id]
    }

    /// The operation that ends a node: it reads what the node reads, and constants.
    pub(crate) fn end(
        &mut self,
        id: usize,
        op_type: &str,
        constants: &[String],
        settings: Vec<AttributeProto>,
    ) -> Result<(), ExportError> {
        let node = &self.model.network.nodes()[id];
        let inputs: Vec<&str> = node.inputs.iter().chain(constants).map(String::as_str).collect();
        self.operation(op_type, &inputs, &self.value_of(id), settings)
    }

    /// An operation inside a node; the name of its value.
    pub(crate) fn part(
        &mut self,
        node: &Node,
        part: &str,
        op_type: &str,
        inputs: &[&str],
        settings: Vec<AttributeProto>,
    ) -> Result<String, ExportError> {
        let name = format!("{}/{part}", node.name);
        self.operation(op_type, inputs, &name, settings)?;
        Ok(name)
    }

    pub(crate) fn operation(
        &mut self,
        op_type: &str,
        inputs: &[&str],
        name: &str,
        attribute: Vec<AttributeProto>,
    ) -> Result<(), ExportError> {
        self.claim(name)?;
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            output: vec![name.to_owned()],
            name: name.to_owned(),
            op_type: op_type.into(),
            attribute,
        });
        Ok(())
    }

    /// A parameter's name among the weights: nodes that share it have it from one of them.
    pub(crate) fn parameter_name(&self, id: usize, part: &str) -> String {
        let network = &self.model.network;
        format!("{}.{part}", network.nodes()[network.owner_of(id)].name)
    }

    /// The name under which a parameter is written. A matrix stands another way for tokens than for vectors: who shares
    /// it across the two has a copy.
    pub(crate) fn written_name(&self, id: usize, part: &str) -> String {
        let network = &self.model.network;
        let alike = self.read(id).len() == self.read(network.owner_of(id)).len();
        if alike { self.parameter_name(id, part) } else { format!("{}.{part}", network.nodes()[id].name) }
    }

    pub(crate) fn parameter(&mut self, id: usize, part: &str) -> Result<String, ExportError> {
        let tensor = self.model.weights.get(&self.parameter_name(id, part))?;
        self.floats(id, part, tensor)
    }

    /// A node's parameter in the layout that it is read in, once for all nodes that share it.
    pub(crate) fn floats(&mut self, id: usize, part: &str, tensor: &Tensor) -> Result<String, ExportError> {
        let name = self.written_name(id, part);
        let owner = self.model.network.owner_of(id);
        if owner != id && self.graph.initializer.iter().any(|there| there.name == name) {
            return Ok(name);
        }
        let flat = tensor.detach().to_kind(Kind::Float).contiguous().view([-1]);
        let bytes = Vec::<f32>::try_from(&flat)?.into_iter().flat_map(f32::to_le_bytes).collect();
        self.tensor(name, &tensor.size(), FLOAT, bytes)
    }

    pub(crate) fn number(&mut self, node: &Node, part: &str, value: f64) -> Result<String, ExportError> {
        self.tensor(format!("{}/{part}", node.name), &[], FLOAT, (value as f32).to_le_bytes().to_vec())
    }

    pub(crate) fn longs(&mut self, node: &Node, part: &str, values: &[i64]) -> Result<String, ExportError> {
        self.tensor(format!("{}/{part}", node.name), &[values.len() as i64], INT64, little_endian(values))
    }

    pub(crate) fn tensor(
        &mut self,
        name: String,
        dims: &[i64],
        data_type: i32,
        raw_data: Vec<u8>,
    ) -> Result<String, ExportError> {
        self.claim(&name)?;
        self.graph.initializer.push(TensorProto { dims: dims.to_vec(), data_type, name: name.clone(), raw_data });
        Ok(name)
    }

    /// Takes a name, which nothing else may have.
    fn claim(&mut self, name: &str) -> Result<(), ExportError> {
        match self.names.insert(name.to_owned()) {
            true => Ok(()),
            false => Err(ExportError::node(name, "two values would have this name in an ONNX file: rename the node")),
        }
    }
}

fn little_endian(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
