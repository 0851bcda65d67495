//! Models whose learnt parameters are views of one flat tensor, and the optimiser of it.
//!
//! Convolutions' weights lie there as libtorch's kernels for channels-last images read them: else each step would copy
//! them to and fro.

use std::collections::{BTreeMap, BTreeSet};

use nnf_net::{Model, Network, Op, Parameter, Role, Weights};
use tch::{Device, Kind, Tensor};

use crate::adamw::Span;
use crate::error::TrainingError;
use crate::muon::Matrix;
use crate::optimiser::{Layout, Method, Optimiser, OptimiserConfig};

/// Models in training.
pub struct Learner {
    /// The models; their learnt parameters share memory with the flat tensor.
    pub models: Vec<Model>,
    flat: Tensor,
    leaves: Vec<Tensor>,
    optimiser: Optimiser,
}

impl Learner {
    /// Moves the learnt parameters of models into one flat tensor on a device, those with weight decay first.
    ///
    /// # Errors
    /// When weights are missing.
    pub fn new(models: Vec<Model>, device: Device, config: OptimiserConfig) -> Result<Self, TrainingError> {
        let mut models: Vec<Model> = models
            .into_iter()
            .map(|model| Model { weights: model.weights.to(Kind::Float, device).copied(), network: model.network })
            .collect();
        let mut places: Vec<(usize, Parameter)> = Vec::new();
        for role in [Role::Weight, Role::Offset] {
            for (at, model) in models.iter().enumerate() {
                let own = model.network.parameters().into_iter().filter(|parameter| parameter.role == role);
                places.extend(own.map(|parameter| (at, parameter)));
            }
        }
        let parts = places.iter().map(|(at, p)| Ok(flat_order(models[*at].weights.get(&p.name)?).reshape([-1])));
        let flat = Tensor::cat(&parts.collect::<Result<Vec<Tensor>, TrainingError>>()?, 0);
        let hidden: Vec<BTreeSet<String>> = match config.method {
            Method::AdamW => vec![BTreeSet::new(); models.len()],
            Method::Muon => models.iter().map(|model| hidden_matrices(&model.network)).collect(),
        };
        let (mut leaves, mut layout) = (Vec::new(), Layout::default());
        let mut from = 0;
        for (at, Parameter { name, shape, role, .. }) in places {
            let length = shape.iter().product::<i64>();
            let leaf = shaped(&flat.narrow(0, from, length), &shape).detach().set_requires_grad(true);
            if hidden[at].contains(&name) {
                layout.matrices.push(Matrix { from, rows: shape[0], columns: length / shape[0] });
            } else {
                layout.span(Span { from, length, decays: role == Role::Weight });
            }
            models[at].weights.insert(name, leaf.shallow_clone());
            leaves.push(leaf);
            from += length;
        }
        let optimiser = Optimiser::new(&flat, layout, config);
        Ok(Learner { models, flat, leaves, optimiser })
    }

    /// One step down the gradient of the loss. Returns the gradient's norm.
    pub fn descend(&mut self, loss: &Tensor, rate: f64) -> f64 {
        let gradients = Tensor::run_backward(&[loss], &self.leaves, false, false);
        // A parameter that the loss does not reach has no gradient.
        let whole = |(gradient, leaf): (Tensor, &Tensor)| {
            flat_order(&if gradient.defined() { gradient } else { leaf.zeros_like() })
        };
        let gradients: Vec<Tensor> = gradients.into_iter().zip(&self.leaves).map(whole).collect();
        tch::no_grad(|| self.optimiser.step(&self.flat, flattened(&gradients), rate))
    }

    /// Step `step` of a training with seed `seed`, as [`Learner::descend`]. Returns the loss and the gradient's norm.
    ///
    /// # Errors
    /// When the loss or its gradient is not finite.
    pub fn descend_finite(
        &mut self,
        loss: &Tensor,
        step: u64,
        rate: f64,
        seed: u64,
    ) -> Result<(f64, f64), TrainingError> {
        let finite = |value: f64| match value.is_finite() {
            true => Ok(value),
            false => Err(TrainingError::NotFinite { step, rate, seed }),
        };
        let value = finite(loss.double_value(&[]))?;
        Ok((value, finite(self.descend(loss, rate))?))
    }

    /// Weights of a model as they are now, with memory of their own, on the CPU.
    #[must_use]
    pub fn weights(&self, model: usize) -> Weights {
        self.models[model].weights.to(Kind::Float, Device::Cpu).copied()
    }

    /// All that changes in training.
    #[must_use]
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let mut state = vec![
            ("learner.flat".to_owned(), self.flat.shallow_clone()),
            ("learner.first".to_owned(), self.optimiser.first.shallow_clone()),
            ("learner.second".to_owned(), self.optimiser.second.shallow_clone()),
            ("learner.steps".to_owned(), Tensor::from_slice(&[self.optimiser.steps])),
        ];
        for (name, tensor) in self.buffers() {
            state.push((name, tensor.shallow_clone()));
        }
        state
    }

    fn buffers(&self) -> impl Iterator<Item = (String, &Tensor)> {
        self.models.iter().enumerate().flat_map(|(at, model)| {
            let own = model.network.parameters().into_iter().filter(|parameter| parameter.role == Role::Buffer);
            own.filter_map(move |p| {
                model.weights.get(&p.name).ok().map(|tensor| (format!("buffer.{at}.{}", p.name), tensor))
            })
        })
    }

    /// Goes back to a state.
    ///
    /// # Errors
    /// When the state is of other models.
    pub fn restore(&mut self, state: &BTreeMap<String, Tensor>) -> Result<(), TrainingError> {
        let put = |name: &str, target: &Tensor| -> Result<(), TrainingError> {
            let found = state.get(name).filter(|found| found.size() == target.size());
            let found =
                found.ok_or_else(|| TrainingError::Misfit(format!("the checkpoint has no fitting `{name}`")))?;
            tch::no_grad(|| target.shallow_clone().copy_(found));
            Ok(())
        };
        put("learner.flat", &self.flat)?;
        put("learner.first", &self.optimiser.first)?;
        put("learner.second", &self.optimiser.second)?;
        for (name, tensor) in self.buffers() {
            put(&name, tensor)?;
        }
        let steps =
            state.get("learner.steps").ok_or_else(|| TrainingError::Misfit("the checkpoint has no steps".into()))?;
        self.optimiser.steps = steps.int64_value(&[0]);
        Ok(())
    }
}

/// All gradients as one flat tensor.
fn flattened(gradients: &[Tensor]) -> Tensor {
    let flat: Vec<Tensor> = gradients.iter().map(|gradient| gradient.to_kind(Kind::Float).reshape([-1])).collect();
    Tensor::cat(&flat, 0)
}

/// Weights that mix the channels of one hidden layer into those of another: not of depthwise convolutions, and neither of
/// the first layers, which read what is given, nor of the last, which make the answers: their entries differ in kind.
fn hidden_matrices(network: &Network) -> BTreeSet<String> {
    let matrix = |id: usize| {
        network.parameters_of(id).into_iter().find(|p| p.role == Role::Weight && p.in_axis.is_some()).map(|p| p.name)
    };
    let count = network.nodes().len();
    // Whether nothing that mixes channels lies between a node's value and the input, or an output.
    let (mut early, mut late) = (vec![false; count], vec![false; count]);
    for id in 0..count {
        let input = matches!(network.nodes()[id].op, Op::Input { .. });
        early[id] = input || matrix(id).is_none() && network.inputs_of(id).iter().any(|read| early[*read]);
    }
    for id in (0..count).rev() {
        late[id] |= network.outputs().contains(&id);
        if late[id] && matrix(id).is_none() {
            network.inputs_of(id).iter().for_each(|read| late[*read] = true);
        }
    }
    let inner = (0..count).filter(|id| !late[*id] && !network.inputs_of(*id).iter().any(|read| early[*read]));
    inner.filter_map(matrix).collect()
}

/// A parameter with its elements in the order of the flat tensor: `[out, in, height, width]` as `[out, height, width, in]`.
fn flat_order(parameter: &Tensor) -> Tensor {
    if parameter.dim() == 4 { parameter.permute([0, 2, 3, 1]) } else { parameter.shallow_clone() }
}

/// A part of the flat tensor as a parameter of a shape.
fn shaped(part: &Tensor, shape: &[i64]) -> Tensor {
    match shape {
        [out, channels, height, width] => part.view([*out, *height, *width, *channels]).permute([0, 3, 1, 2]),
        _ => part.view(shape),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use nnf_net::{Run, build, forward, resnet::Config};
    use nnf_supernet::{AssemblerConfig, Encoding, build_assembler};

    use crate::adamw::AdamW;

    #[test]
    fn parameters_and_gradients_have_one_order() {
        let config = Config { layout: vec![1], widths: vec![8], ..Config::preset("resnet-tiny").unwrap() };
        let network: Network = config.build().unwrap();
        let weights = Weights::init(&network, 3);
        let adamw = AdamW { betas: (0.0, 0.0), eps: 1e-12 };
        let config = OptimiserConfig { method: Method::AdamW, adamw, weight_decay: 0.0, clip: 0.0 };
        let model = Model { network: network.clone(), weights: weights.copied() };
        let mut learner = Learner::new(vec![model], Device::Cpu, config).unwrap();
        let same = |name: &str, tensor: &Tensor| learner.weights(0).get(name).unwrap().equal(tensor);
        assert!(weights.iter().all(|(name, tensor)| same(name, tensor)), "nothing is lost on the way");
        // The gradient by libtorch itself, on parameters that lie as they were made.
        let plain = weights.copied();
        let names: Vec<String> = network
            .parameters()
            .into_iter()
            .filter(|parameter| parameter.role != Role::Buffer)
            .map(|parameter| parameter.name)
            .collect();
        let leaves: Vec<Tensor> =
            names.iter().map(|name| plain.get(name).unwrap().shallow_clone().set_requires_grad(true)).collect();
        let batch = nnf_net::Random::of(1, &[]).normal_tensor(&[4, 1, 56, 56], 1.0);
        let loss = |weights: &Weights| {
            let run = Run { training: true, ..Run::default() };
            forward(&network, weights, &batch, &run, &[]).unwrap()[0].square().mean(Kind::Float)
        };
        let gradients = Tensor::run_backward(&[loss(&plain)], &leaves, false, false);
        let own = loss(&learner.models[0].weights);
        learner.descend(&own, 0.5);
        // Without means of the past, a step is the rate times the sign of the gradient.
        let after = learner.weights(0);
        for (name, gradient) in names.iter().zip(&gradients) {
            let moved = weights.get(name).unwrap() - after.get(name).unwrap();
            let clear = gradient.abs().gt(1e-6);
            let wrong = (moved - gradient.sign() * 0.5).abs().gt(1e-3).logical_and(&clear).any().int64_value(&[]);
            assert_eq!(wrong, 0, "{name}");
        }
    }

    #[test]
    fn first_and_last_layers_and_depthwise_convolutions_are_not_hidden() {
        let of = |preset: &str| hidden_matrices(&build(preset, &nnf_net::Changes::default()).unwrap());
        let block = "encoder.layers.encoder_layer_0";
        let vit = of("vit-numvqa");
        assert_eq!(vit.len(), 5 * 6);
        for part in ["self_attention.q", "self_attention.out_proj", "mlp.0", "mlp.3"] {
            assert!(vit.contains(&format!("{block}.{part}.weight")), "{part} of {vit:?}");
        }
        assert!(!vit.contains("conv_proj.weight") && !vit.contains("heads.head.weight"));
        let mobilenet = of("mobilenet-numvqa");
        assert!(mobilenet.contains("features.2.conv.0.0.weight"), "{mobilenet:?}");
        assert!(!mobilenet.contains("features.2.conv.1.0.weight"), "{mobilenet:?}");
        // Experts' outputs are mixed, and still the last layers.
        let layers = build("resnet-tiny", &nnf_net::Changes::default()).unwrap().gate_layers();
        let encoding = Encoding { task_bits: 8, limit_dims: 4 };
        let config = |experts| AssemblerConfig { encoder: vec![8, 16, 16], gater: 8, experts, open: 1.0 };
        let hidden = |experts| hidden_matrices(&build_assembler(&layers, encoding, &config(experts), 1).unwrap().0);
        assert!(hidden(1).len() >= 2 + layers.len(), "{:?}", hidden(1));
        assert_eq!(hidden(2).len(), hidden(1).len() + layers.len(), "{:?}", hidden(2));
    }

    #[test]
    fn muon_steps_hidden_layers_and_adamw_all_else() {
        let config = Config { layout: vec![1], widths: vec![8], ..Config::preset("resnet-tiny").unwrap() };
        let network: Network = config.build().unwrap();
        let weights = Weights::init(&network, 3);
        let batch = nnf_net::Random::of(1, &[]).normal_tensor(&[4, 1, 56, 56], 1.0);
        let learner = |method| {
            // Without means of the past, and of what AdamW steps without a size either, a step is plain to tell.
            let adamw = AdamW { betas: (0.0, 0.0), eps: 1e-12 };
            let config = OptimiserConfig { method, adamw, weight_decay: 0.0, clip: 0.0 };
            let model = Model { network: network.clone(), weights: weights.copied() };
            let mut learner = Learner::new(vec![model], Device::Cpu, config).unwrap();
            let run = Run { training: true, ..Run::default() };
            let out = forward(&network, &learner.models[0].weights, &batch, &run, &[]).unwrap();
            learner.descend(&out[0].square().mean(Kind::Float), 0.5);
            learner.weights(0)
        };
        let (by_muon, by_adamw) = (learner(Method::Muon), learner(Method::AdamW));
        let hidden = hidden_matrices(&network);
        assert!(!hidden.is_empty());
        for parameter in network.parameters().into_iter().filter(|parameter| parameter.role != Role::Buffer) {
            let of = |weights: &Weights| weights.get(&parameter.name).unwrap().shallow_clone();
            if !hidden.contains(&parameter.name) {
                assert!(of(&by_muon).equal(&of(&by_adamw)), "{}", parameter.name);
                continue;
            }
            // A matrix [out, in · places], however it lies in memory, moved by a nearly orthogonal one.
            let moved = (of(&by_muon) - of(&weights)).flatten(1, -1).to_kind(Kind::Double);
            let long = moved.size().into_iter().max().unwrap();
            let (_, values, _) = (moved / (0.5 * 0.2 * (long as f64).sqrt())).svd(true, true);
            assert!(values.max().double_value(&[]) < 1.25, "{}: {values}", parameter.name);
            assert!(values.min().double_value(&[]) > 0.05, "{}: {values}", parameter.name);
        }
    }
}
