//! The operations that compute a network's nodes: one or a few of ONNX's standard set for each, the last of which has the
//! node's name. Parameters keep theirs.
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
struct Writer<'a> {
    model: &'a Model,
    /// For each node of the network whether its value depends on the input.
    depends: Vec<bool>,
    /// Names of all values and constants: no two may be alike.
    names: BTreeSet<String>,
    graph: GraphProto,
}

impl Writer<'_> {
    /// Adds the operations of a node.
    fn node(&mut self, id: usize) -> Result<(), ExportError> {
        let node = &self.model.network.nodes()[id];
        match &node.op {
            Op::Input { .. } => Ok(()),
            Op::Conv2d { .. } | Op::Linear { .. } | Op::BatchNorm { .. } | Op::LayerNorm { .. } => self.layer(id),
            Op::Relu => self.end(id, "Relu", &[], Vec::new()),
            Op::Gate => self.end(id, "Identity", &[], Vec::new()),
            Op::Add => self.end(id, "Sum", &[], Vec::new()),
            Op::MaxPool { kernel, stride, padding } => self.end(id, "MaxPool", &[], window(*kernel, *stride, *padding)),
            Op::GlobalAveragePool => {
                let axes = if self.read(id).len() == 3 { vec![2, 3] } else { vec![1] };
                let settings = vec![AttributeProto::ints("axes", &axes), AttributeProto::int("keepdims", 0)];
                self.end(id, "ReduceMean", &[], settings)
            }
            Op::Relu6 => {
                let least = self.number(node, "least", 0.0)?;
                let most = self.number(node, "most", 6.0)?;
                self.end(id, "Clip", &[least, most], Vec::new())
            }
            Op::Gelu => self.gelu(id),
            Op::Tokens | Op::ClassToken | Op::PositionEmbedding | Op::SelectToken { .. } => self.tokens(id),
            Op::Attention { heads } => self.attention(id, *heads),
            Op::Constant { shape } => self.constant(id, shape),
            Op::Mixture => Err(ExportError::node(&node.name, "a mixture of experts is not exported to ONNX")),
        }
    }

    /// A node with weights, or a norm.
    fn layer(&mut self, id: usize) -> Result<(), ExportError> {
        let node = &self.model.network.nodes()[id];
        let with_bias = |bias: bool| if bias { &["weight", "bias"][..] } else { &["weight"] };
        let (operation, parts, settings) = match &node.op {
            Op::Conv2d { kernel, stride, padding, groups, bias, .. } => {
                let mut settings = window(*kernel, *stride, *padding);
                settings.push(AttributeProto::int("group", *groups));
                ("Conv", with_bias(*bias), settings)
            }
            Op::Linear { bias, .. } if self.read(id).len() == 1 => {
                ("Gemm", with_bias(*bias), vec![AttributeProto::int("transB", 1)])
            }
            Op::Linear { bias, .. } => return self.linear_of_tokens(id, *bias),
            Op::BatchNorm { eps, .. } => {
                let parts = &["weight", "bias", "running_mean", "running_var"][..];
                ("BatchNormalization", parts, vec![AttributeProto::float("epsilon", *eps)])
            }
            Op::LayerNorm { eps } => {
                let settings = vec![AttributeProto::int("axis", -1), AttributeProto::float("epsilon", *eps)];
                ("LayerNormalization", &["weight", "bias"][..], settings)
            }
            _ => return Ok(()),
        };
        let parameters = parts.iter().map(|part| self.parameter(node, part)).collect::<Result<Vec<_>, _>>()?;
        self.end(id, operation, &parameters, settings)
    }

    /// `x Wᵀ + b` for each token: ONNX's `Gemm` takes matrices alone.
    fn linear_of_tokens(&mut self, id: usize, bias: bool) -> Result<(), ExportError> {
        let node = &self.model.network.nodes()[id];
        let name = format!("{}.weight", node.name);
        let weight = self.model.weights.get(&name)?.transpose(0, 1);
        let weight = self.floats(name, &weight)?;
        if !bias {
            return self.end(id, "MatMul", &[weight], Vec::new());
        }
        let product = self.part(node, "product", "MatMul", &[&node.inputs[0], &weight], Vec::new())?;
        let bias = self.parameter(node, "bias")?;
        self.operation("Add", &[&product, &bias], &self.value_of(id), Vec::new())
    }

    /// x · (1 + erf(x / √2)) / 2.
    fn gelu(&mut self, id: usize) -> Result<(), ExportError> {
        let node = &self.model.network.nodes()[id];
        let root = self.number(node, "root", 2.0_f64.sqrt())?;
        let one = self.number(node, "one", 1.0)?;
        let half = self.number(node, "half", 0.5)?;
        let scaled = self.part(node, "scaled", "Div", &[&node.inputs[0], &root], Vec::new())?;
        let erf = self.part(node, "erf", "Erf", &[&scaled], Vec::new())?;
        let twice = self.part(node, "twice", "Add", &[&erf, &one], Vec::new())?;
        let share = self.part(node, "share", "Mul", &[&twice, &half], Vec::new())?;
        self.end(id, "Mul", &[share], Vec::new())
    }

    /// What makes tokens, adds to them, or takes one.
    fn tokens(&mut self, id: usize) -> Result<(), ExportError> {
        let node = &self.model.network.nodes()[id];
        let from = self.read(id);
        match &node.op {
            Op::Tokens => {
                let shape = self.longs(node, "shape", &[0, from[0], -1])?;
                let flat = self.part(node, "flat", "Reshape", &[&node.inputs[0], &shape], Vec::new())?;
                let order = vec![AttributeProto::ints("perm", &[0, 2, 1])];
                self.operation("Transpose", &[&flat], &self.value_of(id), order)
            }
            Op::ClassToken => {
                let name = format!("{}.token", node.name);
                let token = self.model.weights.get(&name)?.view([1, 1, -1]);
                let mut token = self.floats(name, &token)?;
                if self.depends[id] {
                    let every = format!("{}/token", node.name);
                    self.spread(&token, &every, &[1, from[1]])?;
                    token = every;
                }
                let axis = vec![AttributeProto::int("axis", 1)];
                self.operation("Concat", &[&token, &node.inputs[0]], &self.value_of(id), axis)
            }
            Op::SelectToken { index } => {
                let name = format!("{}/index", node.name);
                let index = self.tensor(name, &[], INT64, index.to_le_bytes().to_vec())?;
                self.end(id, "Gather", &[index], vec![AttributeProto::int("axis", 1)])
            }
            _ => {
                let embedding = self.parameter(node, "embedding")?;
                self.end(id, "Add", &[embedding], Vec::new())
            }
        }
    }

    /// For each head softmax(q kᵀ / √d) v.
    fn attention(&mut self, id: usize, heads: i64) -> Result<(), ExportError> {
        let node = &self.model.network.nodes()[id];
        let channels = self.read(id)[1];
        let width = channels / heads;
        let by_head = self.longs(node, "heads", &[0, -1, heads, width])?;
        let mut split = |at: usize, part: &str, order: [i64; 4]| {
            let name = format!("{part}_by_head");
            let split = self.part(node, &name, "Reshape", &[&node.inputs[at], &by_head], Vec::new())?;
            self.part(node, part, "Transpose", &[&split], vec![AttributeProto::ints("perm", &order)])
        };
        let queries = split(0, "queries", [0, 2, 1, 3])?;
        let keys = split(1, "keys", [0, 2, 3, 1])?;
        let values = split(2, "values", [0, 2, 1, 3])?;
        let scale = self.number(node, "scale", (width as f64).powf(-0.5))?;
        let scaled = self.part(node, "scaled", "Mul", &[&queries, &scale], Vec::new())?;
        let products = self.part(node, "products", "MatMul", &[&scaled, &keys], Vec::new())?;
        let shares = self.part(node, "shares", "Softmax", &[&products], vec![AttributeProto::int("axis", -1)])?;
        let mixed = self.part(node, "mixed", "MatMul", &[&shares, &values], Vec::new())?;
        let order = vec![AttributeProto::ints("perm", &[0, 2, 1, 3])];
        let in_order = self.part(node, "in_order", "Transpose", &[&mixed], order)?;
        let shape = self.longs(node, "shape", &[0, -1, channels])?;
        self.operation("Reshape", &[&in_order, &shape], &self.value_of(id), Vec::new())
    }

    /// `value` `[C]` at every place of a shape, for a batch of one.
    fn constant(&mut self, id: usize, shape: &[i64]) -> Result<(), ExportError> {
        let node = &self.model.network.nodes()[id];
        let name = format!("{}.value", node.name);
        let value = self.model.weights.get(&name)?;
        let value = match shape {
            [channels, _, _] => value.view([1, *channels, 1, 1]),
            _ => value.view([1, -1]),
        };
        let value = self.floats(name, &value)?;
        let places = self.longs(node, "shape", &[&[1], shape].concat())?;
        self.operation("Expand", &[&value, &places], &self.value_of(id), Vec::new())
    }

    /// Repeats a value, of a shape without batch, for each input of the batch, under a name.
    fn spread(&mut self, value: &str, name: &str, shape: &[i64]) -> Result<(), ExportError> {
        let input = self.model.network.nodes()[0].name.clone();
        let [batch, rest, all] = ["batch", "rest", "every"].map(|part| format!("{name}/{part}"));
        let first = vec![AttributeProto::int("start", 0), AttributeProto::int("end", 1)];
        self.operation("Shape", &[&input], &batch, first)?;
        let rest = self.tensor(rest, &[shape.len() as i64], INT64, little_endian(shape))?;
        self.operation("Concat", &[&batch, &rest], &all, vec![AttributeProto::int("axis", 0)])?;
        self.operation("Expand", &[value, &all], name, Vec::new())
    }

    /// Shape of what a node reads first, without the batch.
    fn read(&self, id: usize) -> Vec<i64> {
        let network = &self.model.network;
        network.inputs_of(id).first().map(|input| network.shape_of(*input).to_vec()).unwrap_or_default()
    }

    /// The name under which a node's value is written.
    fn value_of(&self, id: usize) -> String {
        let name = &self.model.network.nodes()[id].name;
        if self.is_same_output(id) { once(name) } else { name.clone() }
    }

    /// Whether a node is an output that is the same for every input.
    fn is_same_output(&self, id: usize) -> bool {
        self.model.network.outputs().contains(&id) && !self.depends[id]
    }

    /// The operation that ends a node: it reads what the node reads, and constants.
    fn end(
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
    fn part(
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

    fn operation(
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

    fn parameter(&mut self, node: &Node, part: &str) -> Result<String, ExportError> {
        let name = format!("{}.{part}", node.name);
        let tensor = self.model.weights.get(&name)?;
        self.floats(name, tensor)
    }

    fn floats(&mut self, name: String, tensor: &Tensor) -> Result<String, ExportError> {
        let flat = tensor.detach().to_kind(Kind::Float).contiguous().view([-1]);
        let bytes = Vec::<f32>::try_from(&flat)?.into_iter().flat_map(f32::to_le_bytes).collect();
        self.tensor(name, &tensor.size(), FLOAT, bytes)
    }

    fn number(&mut self, node: &Node, part: &str, value: f64) -> Result<String, ExportError> {
        self.tensor(format!("{}/{part}", node.name), &[], FLOAT, (value as f32).to_le_bytes().to_vec())
    }

    fn longs(&mut self, node: &Node, part: &str, values: &[i64]) -> Result<String, ExportError> {
        self.tensor(format!("{}/{part}", node.name), &[values.len() as i64], INT64, little_endian(values))
    }

    fn tensor(&mut self, name: String, dims: &[i64], data_type: i32, raw_data: Vec<u8>) -> Result<String, ExportError> {
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

/// Settings of a sliding window.
fn window(kernel: i64, stride: i64, padding: i64) -> Vec<AttributeProto> {
    vec![
        AttributeProto::ints("kernel_shape", &[kernel; 2]),
        AttributeProto::ints("strides", &[stride; 2]),
        AttributeProto::ints("pads", &[padding; 4]),
    ]
}

fn little_endian(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
