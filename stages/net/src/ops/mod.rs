//! What ops mean, a file for each family.
//!
//! [`Semantics`] lists everything that the rest of the crate asks of an op. No method has a default and no `match` a
//! catch-all: a new op does not compile until all of it is thought of.

mod activation;
mod attention;
mod combine;
mod convolution;
mod gate;
mod linear;
mod norm;
mod pool;
pub(crate) mod shapes;
mod source;
mod tokens;

use tch::Tensor;

use crate::error::NetError;
use crate::op::Op;
use crate::parameter::Role;
use crate::runner::Run;

/// How many values an op reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arity {
    Exactly(usize),
    AtLeast(usize),
}

/// How the channels of an op's value are related to those that it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    /// Channel c is channel c of each input to a pruner: they go together.
    Tied,
    /// Each channel is made of all, by weights that have an entry for each.
    Mixed,
    /// Neither those that it makes nor those that it reads can be taken away.
    Whole,
}

/// What a parameter begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    Zeros,
    Ones,
    /// As class token and position embedding do.
    Embedding,
    /// As kernels of convolutions do.
    Kernel,
    /// As matrices of fully connected layers do.
    Matrix,
    /// As their biases do.
    MatrixBias,
}

/// A parameter of an op.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) shape: Vec<i64>,
    pub(crate) role: Role,
    pub(crate) first: First,
    /// The axis that has an entry for each channel of the value, if there is one.
    pub(crate) out_axis: Option<usize>,
    /// The axis that has an entry for each channel that is read, where the op mixes them.
    pub(crate) in_axis: Option<usize>,
}

impl Part {
    /// With an entry for each channel of the value along its first axis.
    fn new(name: &'static str, shape: &[i64], role: Role, first: First) -> Self {
        Part { name, shape: shape.to_vec(), role, first, out_axis: Some(0), in_axis: None }
    }
}

/// Gives a node's parameter by its part, such as `weight`.
pub(crate) type Lookup<'a, 'w> = &'a dyn Fn(&str) -> Result<&'w Tensor, NetError>;

/// What an op computes from. Values have their batch in front: images `[B, C, H, W]`, tokens `[B, T, C]`, vectors
/// `[B, C]`; one that depends on no input may have a batch of one.
pub(crate) struct Given<'a, 'w> {
    pub(crate) inputs: &'a [&'a Tensor],
    pub(crate) parameter: Lookup<'a, 'w>,
    pub(crate) run: &'a Run<'a>,
    /// Shape of the value without the batch.
    pub(crate) shape: &'a [i64],
}

impl Given<'_, '_> {
    /// A parameter in the type of the activations.
    fn cast(&self, part: &str) -> Result<Tensor, NetError> {
        (self.parameter)(part).map(|tensor| tensor.to_kind(self.run.precision.kind()))
    }
}

/// What an op means. Shapes leave out the batch; there are as many inputs as [`Semantics::arity`] says.
pub(crate) trait Semantics {
    fn arity(&self) -> Arity;

    /// Shape of the value, or why there is none.
    fn shape(&self, inputs: &[&[i64]]) -> Result<Vec<i64>, String>;

    fn parameters(&self, inputs: &[&[i64]], shape: &[i64]) -> Vec<Part>;

    /// Multiply–accumulates for one input.
    fn macs(&self, inputs: &[&[i64]], shape: &[i64]) -> i64;

    fn reads(&self, in_channels: i64) -> Reads;

    /// How many neighbouring channels it looks at to make one of them: 1 for a tied op that treats each alone.
    fn looks_at(&self, channels: i64) -> i64;

    /// Whether a channel of a tied op's value is zero where it is zero in the inputs that are told.
    fn keeps_zero(&self, zero: &[bool]) -> bool;

    /// Whether it makes the same of all places where its inputs are the same at all places.
    fn keeps_uniform(&self) -> bool;

    /// The op after channels are taken away: of those that it makes, `left` of `made` are left.
    fn narrowed(&self, in_channels: i64, made: i64, left: i64) -> Op;

    fn compute(&self, given: &Given) -> Result<Tensor, NetError>;
}

impl Op {
    /// What it means.
    pub(crate) fn semantics(&self) -> Box<dyn Semantics + '_> {
        use activation::Activation;
        match self {
            Op::Input { shape } => Box::new(source::Input { shape }),
            Op::Constant { shape } => Box::new(source::Constant { shape }),
            Op::Conv2d { out, kernel, stride, padding, groups, bias } => Box::new(convolution::Conv2d {
                out: *out,
                kernel: *kernel,
                stride: *stride,
                padding: *padding,
                groups: *groups,
                bias: *bias,
            }),
            Op::Linear { out, bias } => Box::new(linear::Linear { out: *out, bias: *bias }),
            Op::BatchNorm { eps, momentum } => Box::new(norm::Batch { eps: *eps, momentum: *momentum }),
            Op::LayerNorm { eps } => Box::new(norm::Layer { eps: *eps }),
            Op::Relu => Box::new(Activation::Relu),
            Op::Relu6 => Box::new(Activation::Relu6),
            Op::Gelu => Box::new(Activation::Gelu),
            Op::Sigmoid => Box::new(Activation::Sigmoid),
            Op::Silu => Box::new(Activation::Silu),
            Op::MaxPool { kernel, stride, padding } => {
                Box::new(pool::Max { kernel: *kernel, stride: *stride, padding: *padding })
            }
            Op::GlobalAveragePool => Box::new(pool::GlobalAverage),
            Op::Resize { height, width } => Box::new(pool::Resize { height: *height, width: *width }),
            Op::Tokens => Box::new(tokens::Tokens),
            Op::ClassToken => Box::new(tokens::Class),
            Op::PositionEmbedding => Box::new(tokens::Position),
            Op::SelectToken { index } => Box::new(tokens::Select { index: *index }),
            Op::Attention { heads } => Box::new(attention::Attention { heads: *heads }),
            Op::Add => Box::new(combine::Add),
            Op::Multiply => Box::new(combine::Multiply),
            Op::WeightedFusion { eps } => Box::new(combine::WeightedFusion { eps: *eps }),
            Op::Mixture => Box::new(combine::Mixture),
            Op::Gate { block } => Box::new(gate::Gate { block: *block }),
        }
    }

    /// The shape of its value, or why there is none.
    pub(crate) fn shape(&self, inputs: &[&[i64]]) -> Result<Vec<i64>, String> {
        let semantics = self.semantics();
        match semantics.arity() {
            Arity::Exactly(count) if count == inputs.len() => semantics.shape(inputs),
            Arity::AtLeast(least) if least <= inputs.len() => semantics.shape(inputs),
            Arity::Exactly(_) | Arity::AtLeast(_) => Err(format!("it has {} inputs", inputs.len())),
        }
    }

    /// The value; a gate is open here.
    pub(crate) fn compute(&self, given: &Given) -> Result<Tensor, NetError> {
        self.semantics().compute(given)
    }
}
