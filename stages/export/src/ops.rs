//! The operations that compute a node: one or a few of ONNX's standard set for each op, the last of which has the node's
//! name.

use nnf_net::{Op, Padding};
use tch::Kind;

use crate::error::ExportError;
use crate::graph::Writer;
use crate::proto::{AttributeProto, FLOAT, INT64};

impl Writer<'_> {
    /// Adds the operations of a node.
    pub(crate) fn node(&mut self, id: usize) -> Result<(), ExportError> {
        let node = &self.model.network.nodes()[id];
        match &node.op {
            Op::Input { .. } => Ok(()),
            Op::Conv2d { kernel, stride, padding, groups, bias, .. } => {
                let group = AttributeProto::int("group", *groups);
                let settings = [window(*kernel, *stride, *padding), vec![group]].concat();
                self.layer(id, "Conv", with_bias(*bias), settings)
            }
            Op::Linear { bias, .. } if self.read(id).len() == 1 => {
                self.layer(id, "Gemm", with_bias(*bias), vec![AttributeProto::int("transB", 1)])
            }
            Op::Linear { bias, .. } => self.linear_of_tokens(id, *bias),
            Op::BatchNorm { eps, .. } => {
                let parts = ["weight", "bias", "running_mean", "running_var"];
                self.layer(id, "BatchNormalization", &parts, vec![AttributeProto::float("epsilon", *eps)])
            }
            Op::LayerNorm { eps } => {
                let settings = vec![AttributeProto::int("axis", -1), AttributeProto::float("epsilon", *eps)];
                self.layer(id, "LayerNormalization", &["weight", "bias"], settings)
            }
            Op::Relu => self.end(id, "Relu", &[], Vec::new()),
            Op::Gate { .. } => self.end(id, "Identity", &[], Vec::new()),
            Op::Add => self.end(id, "Sum", &[], Vec::new()),
            Op::MaxPool { kernel, stride, padding } => self.end(id, "MaxPool", &[], window(*kernel, *stride, *padding)),
            Op::GlobalAveragePool => {
                let axes = if self.read(id).len() == 3 { vec![2, 3] } else { vec![1] };
                let settings = vec![AttributeProto::ints("axes", &axes), AttributeProto::int("keepdims", 0)];
                self.end(id, "ReduceMean", &[], settings)
            }
            Op::Relu6 => self.relu6(id),
            Op::Gelu => self.gelu(id),
            Op::Sigmoid => self.end(id, "Sigmoid", &[], Vec::new()),
            Op::Silu => self.silu(id),
            Op::Multiply => self.multiply(id),
            Op::WeightedFusion { eps } => self.fusion(id, *eps),
            Op::Resize { height, width } => self.resize(id, [*height, *width]),
            Op::Tokens => self.tokens(id),
            Op::ClassToken => self.class_token(id),
            Op::PositionEmbedding => self.layer(id, "Add", &["embedding"], Vec::new()),
            Op::SelectToken { index } => self.select(id, *index),
            Op::Attention { heads } => self.attention(id, *heads),
            Op::Constant { shape } => self.constant(id, shape),
            Op::Mixture => Err(ExportError::node(&node.name, "a mixture of experts is not exported to ONNX")),
        }
    }

    /// A node with weights, or a norm.
    fn layer(
        &mut self,
        id: usize,
        operation: &str,
        parts: &[&str],
        settings: Vec<AttributeProto>,
    ) -> Result<(), ExportError> {
        let parameters = parts.iter().map(|part| self.parameter(id, part)).collect::<Result<Vec<_>, _>>()?;
        self.end(id, operation, &parameters, settings)
    }

    /// `x Wᵀ + b` for each token: ONNX's `Gemm` takes matrices alone.
    fn linear_of_tokens(&mut self, id: usize, bias: bool) -> Result<(), ExportError> {
        let node = &self.model.network.nodes()[id];
        let weight = self.model.weights.get(&self.parameter_name(id, "weight"))?.transpose(0, 1);
        let weight = self.floats(id, "weight", &weight)?;
        if !bias {
            return self.end(id, "MatMul", &[weight], Vec::new());
        }
        let product = self.part(node, "product", "MatMul", &[&node.inputs[0], &weight], Vec::new())?;
        let bias = self.parameter(id, "bias")?;
        self.operation("Add", &[&product, &bias], &self.value_of(id), Vec::new())
    }

    /// min(max(0, x), 6).
    fn relu6(&mut self, id: usize) -> Result<(), ExportError> {
        let node = &self.model.network.nodes()[id];
        let least = self.number(node, "least", 0.0)?;
        let most = self.number(node, "most", 6.0)?;
        self.end(id, "Clip", &[least, most], Vec::new())
    }

    /// x / (1 + e⁻ˣ).
    fn silu(&mut self, id: usize) -> Result<(), ExportError> {
        let node = &self.model.network.nodes()[id];
        let share = self.part(node, "share", "Sigmoid", &[&node.inputs[0]], Vec::new())?;
        self.end(id, "Mul", &[share], Vec::new())
    }

    /// `[T, C]` → `[C]`.
    fn select(&mut self, id: usize, index: i64) -> Result<(), ExportError> {
        let name = format!("{}/index", self.model.network.nodes()[id].name);
        let index = self.tensor(name, &[], INT64, index.to_le_bytes().to_vec())?;
        self.end(id, "Gather", &[index], vec![AttributeProto::int("axis", 1)])
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

    /// `[C, H, W]` → `[H · W, C]`.
    fn tokens(&mut self, id: usize) -> Result<(), ExportError> {
        let node = &self.model.network.nodes()[id];
        let shape = self.longs(node, "shape", &[0, self.read(id)[0], -1])?;
        let flat = self.part(node, "flat", "Reshape", &[&node.inputs[0], &shape], Vec::new())?;
        let order = vec![AttributeProto::ints("perm", &[0, 2, 1])];
        self.operation("Transpose", &[&flat], &self.value_of(id), order)
    }

    /// A token before the others.
    fn class_token(&mut self, id: usize) -> Result<(), ExportError> {
        let node = &self.model.network.nodes()[id];
        let token = self.model.weights.get(&self.parameter_name(id, "token"))?.view([1, 1, -1]);
        let mut token = self.floats(id, "token", &token)?;
        if self.depends[id] {
            let every = format!("{}/token", node.name);
            self.spread(&token, &every, &[1, self.read(id)[1]])?;
            token = every;
        }
        let axis = vec![AttributeProto::int("axis", 1)];
        self.operation("Concat", &[&token, &node.inputs[0]], &self.value_of(id), axis)
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

    /// A value times another of its shape, or a factor for each of its channels.
    fn multiply(&mut self, id: usize) -> Result<(), ExportError> {
        let network = &self.model.network;
        let (node, shape) = (&network.nodes()[id], network.shape_of(id));
        if self.read(id).len() == network.shape_of(network.inputs_of(id)[1]).len() {
            return self.end(id, "Mul", &[], Vec::new());
        }
        let places: &[i64] = if shape.len() == 3 { &[0, -1, 1, 1] } else { &[0, 1, -1] };
        let places = self.longs(node, "places", places)?;
        let factors = self.part(node, "factors", "Reshape", &[&node.inputs[1], &places], Vec::new())?;
        self.operation("Mul", &[&node.inputs[0], &factors], &self.value_of(id), Vec::new())
    }

    /// The shares are known: each input is multiplied by its own.
    fn fusion(&mut self, id: usize, eps: f64) -> Result<(), ExportError> {
        let node = &self.model.network.nodes()[id];
        let weight = self.model.weights.get(&self.parameter_name(id, "weight"))?.to_kind(Kind::Double).relu();
        let shares = Vec::<f64>::try_from(&weight / (weight.sum(Kind::Double) + eps))?;
        let mut parts: Vec<String> = Vec::new();
        for (at, (input, share)) in node.inputs.iter().zip(shares).enumerate() {
            let share = self.number(node, &format!("share{at}"), share)?;
            parts.push(self.part(node, &format!("part{at}"), "Mul", &[input, &share], Vec::new())?);
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.operation("Sum", &parts, &self.value_of(id), Vec::new())
    }

    /// Nearest neighbours. Where the new size is no multiple, rows and columns are told one by one: runtimes divide
    /// rounded factors, and ONNX Runtime then takes pixel 2 of 12 for pixel 4 of 16, not 3.
    fn resize(&mut self, id: usize, [height, width]: [i64; 2]) -> Result<(), ExportError> {
        let (node, read) = (&self.model.network.nodes()[id], self.read(id));
        if height % read[1] != 0 || width % read[2] != 0 {
            let nearest = |from: i64, to: i64| (0..to).map(|at| at * from / to).collect::<Vec<i64>>();
            let rows = self.longs(node, "rows", &nearest(read[1], height))?;
            let columns = self.longs(node, "columns", &nearest(read[2], width))?;
            let axis = |axis| vec![AttributeProto::int("axis", axis)];
            let tall = self.part(node, "tall", "Gather", &[&node.inputs[0], &rows], axis(2))?;
            return self.operation("Gather", &[&tall, &columns], &self.value_of(id), axis(3));
        }
        let factors = [1.0, 1.0, (height / read[1]) as f32, (width / read[2]) as f32];
        let bytes = factors.into_iter().flat_map(f32::to_le_bytes).collect();
        let factors = self.tensor(format!("{}/factors", node.name), &[4], FLOAT, bytes)?;
        let settings =
            [("mode", "nearest"), ("coordinate_transformation_mode", "asymmetric"), ("nearest_mode", "floor")];
        let settings = settings.map(|(name, value)| AttributeProto::string(name, value));
        self.operation("Resize", &[&node.inputs[0], "", &factors], &self.value_of(id), settings.into())
    }

    /// `value` `[C]` at every place of a shape, for a batch of one.
    fn constant(&mut self, id: usize, shape: &[i64]) -> Result<(), ExportError> {
        let node = &self.model.network.nodes()[id];
        let value = self.model.weights.get(&self.parameter_name(id, "value"))?;
        let value = match shape {
            [channels, _, _] => value.view([1, *channels, 1, 1]),
            _ => value.view([1, -1]),
        };
        let value = self.floats(id, "value", &value)?;
        let places = self.longs(node, "shape", &[&[1], shape].concat())?;
        self.operation("Expand", &[&value, &places], &self.value_of(id), Vec::new())
    }
}

fn with_bias(bias: bool) -> &'static [&'static str] {
    if bias { &["weight", "bias"] } else { &["weight"] }
}

/// Settings of a sliding window.
fn window(kernel: i64, stride: i64, padding: Padding) -> Vec<AttributeProto> {
    vec![
        AttributeProto::ints("kernel_shape", &[kernel; 2]),
        AttributeProto::ints("strides", &[stride; 2]),
        AttributeProto::ints("pads", &padding.sides()),
    ]
}
