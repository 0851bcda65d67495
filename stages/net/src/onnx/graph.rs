//! The operations that compute a network's nodes.
//!
//! Shapes have the batch in front. A value that depends on no input has a batch of one, which ONNX's operations spread
//! over the other's; an output of that kind is spread at the end. It does not know bytes.

use tch::{Kind, Tensor};

use super::proto::{
    AttributeProto, Dimension, FLOAT, GraphProto, INT64, NodeProto, TensorProto, TensorShapeProto, TensorTypeProto,
    TypeProto, ValueInfoProto,
};
use crate::error::NetError;
use crate::graph::{Network, Node};
use crate::model::Model;
use crate::op::Op;

pub(super) fn graph(model: &Model) -> Result<GraphProto, NetError> {
    let network = &model.network;
    let graph = GraphProto { name: network.name().into(), ..GraphProto::default() };
    let mut writer = Writer { model, depends: depends(network), graph };
    writer.graph.input.push(value(&network.nodes()[0].name, network.input_shape()));
    for id in 0..network.nodes().len() {
        writer.node(id)?;
    }
    for id in network.outputs() {
        let (name, shape) = (&network.nodes()[*id].name, network.shape_of(*id));
        let name = match writer.depends[*id] {
            true => name.clone(),
            false => writer.spread(name, &format!("{name}/of every input"), shape),
        };
        writer.graph.output.push(value(&name, shape));
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
    depends: Vec<bool>,
    graph: GraphProto,
}

impl Writer<'_> {
    /// Adds the operations of a node, the last of which has its name.
    fn node(&mut self, id: usize) -> Result<(), NetError> {
        let network = &self.model.network;
        let node = &network.nodes()[id];
        let inputs = node.inputs.clone();
        let read = inputs.first().map_or("", String::as_str);
        let from = network.inputs_of(id).first().map(|input| network.shape_of(*input)).unwrap_or_default();
        match &node.op {
            Op::Input { .. } => {}
            Op::Conv2d { kernel, stride, padding, groups, bias, .. } => {
                let weights = self.layer(node, *bias)?;
                let mut settings = window(*kernel, *stride, *padding);
                settings.push(AttributeProto::int("group", *groups));
                self.put(node, "Conv", &[&[read.to_owned()], weights.as_slice()].concat(), settings);
            }
            Op::Linear { bias, .. } if from.len() == 1 => {
                let weights = self.layer(node, *bias)?;
                let transposed = vec![AttributeProto::int("transB", 1)];
                self.put(node, "Gemm", &[&[read.to_owned()], weights.as_slice()].concat(), transposed);
            }
            Op::Linear { bias, .. } => self.linear_of_tokens(node, read, *bias)?,
            Op::BatchNorm { eps, .. } => {
                let own = ["weight", "bias", "running_mean", "running_var"].map(|part| self.parameter(node, part));
                let own = own.into_iter().collect::<Result<Vec<_>, _>>()?;
                let eps = vec![AttributeProto::float("epsilon", *eps)];
                self.put(node, "BatchNormalization", &[&[read.to_owned()], own.as_slice()].concat(), eps);
            }
            Op::LayerNorm { eps } => {
                let (weight, bias) = (self.parameter(node, "weight")?, self.parameter(node, "bias")?);
                let settings = vec![AttributeProto::int("axis", -1), AttributeProto::float("epsilon", *eps)];
                self.put(node, "LayerNormalization", &[read.to_owned(), weight, bias], settings);
            }
            Op::Relu => self.put(node, "Relu", &inputs, Vec::new()),
            Op::Relu6 => {
                let bounds = [("least", 0.0), ("most", 6.0)].map(|(part, bound)| self.number(node, part, bound));
                self.put(node, "Clip", &[&[read.to_owned()], bounds.as_slice()].concat(), Vec::new());
            }
            Op::Gelu => self.gelu(node, read),
            Op::MaxPool { kernel, stride, padding } => {
                self.put(node, "MaxPool", &inputs, window(*kernel, *stride, *padding));
            }
            Op::GlobalAveragePool => {
                let axes = if from.len() == 3 { vec![2, 3] } else { vec![1] };
                let settings = vec![AttributeProto::ints("axes", &axes), AttributeProto::int("keepdims", 0)];
                self.put(node, "ReduceMean", &inputs, settings);
            }
            Op::Tokens => {
                let shape = self.shape(node, "shape", &[0, from[0], -1]);
                let flat = self.part(node, "flat", "Reshape", &[read, &shape], Vec::new());
                self.put(node, "Transpose", &[flat], vec![AttributeProto::ints("perm", &[0, 2, 1])]);
            }
            Op::ClassToken => {
                let name = format!("{}.token", node.name);
                let token = self.model.weights.get(&name)?.view([1, 1, -1]);
                let mut token = self.floats(name, &token)?;
                if self.depends[id] {
                    token = self.spread(&token, &format!("{}/of every input", node.name), &[1, from[1]]);
                }
                self.put(node, "Concat", &[token, read.to_owned()], vec![AttributeProto::int("axis", 1)]);
            }
            Op::PositionEmbedding => {
                let embedding = self.parameter(node, "embedding")?;
                self.put(node, "Add", &[read.to_owned(), embedding], Vec::new());
            }
            Op::SelectToken { index } => {
                let index = self.tensor(format!("{}/index", node.name), &[], INT64, index.to_le_bytes().to_vec());
                self.put(node, "Gather", &[read.to_owned(), index], vec![AttributeProto::int("axis", 1)]);
            }
            Op::Attention { heads } => self.attention(node, &inputs, *heads, network.shape_of(id)),
            Op::Add => self.put(node, "Sum", &inputs, Vec::new()),
            Op::Gate => self.put(node, "Identity", &inputs, Vec::new()),
            Op::Constant { shape } => self.constant(node, shape)?,
            Op::Mixture => return Err(NetError::node(&node.name, "a mixture of experts is not exported to ONNX")),
        }
        Ok(())
    }

    /// `x Wᵀ + b` for each token: ONNX's `Gemm` takes matrices alone.
    fn linear_of_tokens(&mut self, node: &Node, read: &str, bias: bool) -> Result<(), NetError> {
        let weight = self.model.weights.get(&format!("{}.weight", node.name))?.transpose(0, 1);
        let weight = self.floats(format!("{}.weight", node.name), &weight)?;
        if !bias {
            self.put(node, "MatMul", &[read.to_owned(), weight], Vec::new());
            return Ok(());
        }
        let product = self.part(node, "product", "MatMul", &[read, &weight], Vec::new());
        let bias = self.parameter(node, "bias")?;
        self.put(node, "Add", &[product, bias], Vec::new());
        Ok(())
    }

    /// x · (1 + erf(x / √2)) / 2.
    fn gelu(&mut self, node: &Node, read: &str) {
        let [root, one, half] = [("root", 2.0_f64.sqrt()), ("one", 1.0), ("half", 0.5)]
            .map(|(part, number)| self.number(node, part, number));
        let scaled = self.part(node, "scaled", "Div", &[read, &root], Vec::new());
        let erf = self.part(node, "erf", "Erf", &[&scaled], Vec::new());
        let twice = self.part(node, "twice", "Add", &[&erf, &one], Vec::new());
        let share = self.part(node, "share", "Mul", &[&twice, &half], Vec::new());
        self.put(node, "Mul", &[read.to_owned(), share], Vec::new());
    }

    fn attention(&mut self, node: &Node, inputs: &[String], heads: i64, shape: &[i64]) {
        let width = shape[1] / heads;
        let by_head = self.shape(node, "heads", &[0, -1, heads, width]);
        let parts = [("queries", [0, 2, 1, 3]), ("keys", [0, 2, 3, 1]), ("values", [0, 2, 1, 3])];
        let [queries, keys, values] = [0, 1, 2].map(|at| {
            let (part, order) = parts[at];
            let split = self.part(node, &format!("{part} by head"), "Reshape", &[&inputs[at], &by_head], Vec::new());
            self.part(node, part, "Transpose", &[&split], vec![AttributeProto::ints("perm", &order)])
        });
        let scale = self.number(node, "scale", (width as f64).powf(-0.5));
        let scaled = self.part(node, "scaled", "Mul", &[&queries, &scale], Vec::new());
        let products = self.part(node, "products", "MatMul", &[&scaled, &keys], Vec::new());
        let shares = self.part(node, "shares", "Softmax", &[&products], vec![AttributeProto::int("axis", -1)]);
        let mixed = self.part(node, "mixed", "MatMul", &[&shares, &values], Vec::new());
        let perm = vec![AttributeProto::ints("perm", &[0, 2, 1, 3])];
        let in_order = self.part(node, "in order", "Transpose", &[&mixed], perm);
        let side_by_side = self.shape(node, "shape", &[0, -1, shape[1]]);
        self.put(node, "Reshape", &[in_order, side_by_side], Vec::new());
    }

    /// `value` `[C]` at every place of a shape, for a batch of one.
    fn constant(&mut self, node: &Node, shape: &[i64]) -> Result<(), NetError> {
        let value = self.model.weights.get(&format!("{}.value", node.name))?;
        let value = match shape {
            [channels, ..] if shape.len() == 3 => value.view([1, *channels, 1, 1]),
            _ => value.view([1, -1]),
        };
        let value = self.floats(format!("{}.value", node.name), &value)?;
        let places = self.shape(node, "shape", &[&[1], shape].concat());
        self.put(node, "Expand", &[value, places], Vec::new());
        Ok(())
    }

    /// Repeats a value, of a shape without batch, for each input of the batch.
    fn spread(&mut self, value: &str, name: &str, shape: &[i64]) -> String {
        let batch = format!("{name}/batch");
        let all = format!("{name}/shape");
        let rest = self.tensor(format!("{name}/rest"), &[shape.len() as i64], INT64, longs(shape));
        let first = vec![AttributeProto::int("start", 0), AttributeProto::int("end", 1)];
        let input = self.model.network.nodes()[0].name.clone();
        self.operation("Shape", &[&input], &batch, first);
        self.operation("Concat", &[&batch, &rest], &all, vec![AttributeProto::int("axis", 0)]);
        self.operation("Expand", &[value, &all], name, Vec::new());
        name.to_owned()
    }

    /// Weight, and bias if there is one, of a convolution or a fully connected layer.
    fn layer(&mut self, node: &Node, bias: bool) -> Result<Vec<String>, NetError> {
        let parts = if bias { &["weight", "bias"][..] } else { &["weight"] };
        parts.iter().map(|part| self.parameter(node, part)).collect()
    }

    fn parameter(&mut self, node: &Node, part: &str) -> Result<String, NetError> {
        let name = format!("{}.{part}", node.name);
        let tensor = self.model.weights.get(&name)?;
        self.floats(name, tensor)
    }

    fn floats(&mut self, name: String, tensor: &Tensor) -> Result<String, NetError> {
        let flat = tensor.detach().to_kind(Kind::Float).contiguous().view([-1]);
        let bytes = Vec::<f32>::try_from(&flat)?.into_iter().flat_map(f32::to_le_bytes).collect();
        Ok(self.tensor(name, &tensor.size(), FLOAT, bytes))
    }

    fn number(&mut self, node: &Node, part: &str, value: f64) -> String {
        self.tensor(format!("{}/{part}", node.name), &[], FLOAT, (value as f32).to_le_bytes().to_vec())
    }

    fn shape(&mut self, node: &Node, part: &str, shape: &[i64]) -> String {
        self.tensor(format!("{}/{part}", node.name), &[shape.len() as i64], INT64, longs(shape))
    }

    fn tensor(&mut self, name: String, dims: &[i64], data_type: i32, raw_data: Vec<u8>) -> String {
        self.graph.initializer.push(TensorProto { dims: dims.to_vec(), data_type, name: name.clone(), raw_data });
        name
    }

    /// The operation that ends a node.
    fn put(&mut self, node: &Node, op_type: &str, inputs: &[String], attribute: Vec<AttributeProto>) {
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.operation(op_type, &inputs, &node.name, attribute);
    }

    /// An operation inside a node; the name of its value.
    fn part(
        &mut self,
        node: &Node,
        part: &str,
        op_type: &str,
        inputs: &[&str],
        attribute: Vec<AttributeProto>,
    ) -> String {
        let name = format!("{}/{part}", node.name);
        self.operation(op_type, inputs, &name, attribute);
        name
    }

    fn operation(&mut self, op_type: &str, inputs: &[&str], name: &str, attribute: Vec<AttributeProto>) {
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            output: vec![name.to_owned()],
            name: name.to_owned(),
            op_type: op_type.into(),
            attribute,
        });
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

fn longs(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
