//! Models whose learnt parameters are views of one flat tensor, and the optimiser of it.
//!
//! It does not know the loss.

use std::collections::BTreeMap;

use nnf_net::{Model, Role, Weights};
use tch::{Device, Kind, Tensor};

use crate::adamw::{AdamW, AdamWConfig, flattened};
use crate::error::TrainingError;

/// Models in training.
pub struct Learner {
    /// The models; their learnt parameters share memory with the flat tensor.
    pub models: Vec<Model>,
    flat: Tensor,
    leaves: Vec<Tensor>,
    optimiser: AdamW,
}

impl Learner {
    /// Moves the learnt parameters of models into one flat tensor on a device, those with weight decay first.
    ///
    /// # Errors
    /// When weights are missing.
    pub fn new(models: Vec<Model>, device: Device, config: AdamWConfig) -> Result<Self, TrainingError> {
        let mut models: Vec<Model> = models
            .into_iter()
            .map(|model| Model { weights: model.weights.to(Kind::Float, device).copied(), network: model.network })
            .collect();
        let mut places: Vec<(usize, String, Vec<i64>)> = Vec::new();
        let mut decaying = 0;
        for role in [Role::Weight, Role::Offset] {
            for (at, model) in models.iter().enumerate() {
                let own = model.network.parameters().into_iter().filter(|parameter| parameter.role == role);
                places.extend(own.map(|parameter| (at, parameter.name, parameter.shape)));
            }
            if role == Role::Weight {
                decaying = places.iter().map(|(_, _, shape)| shape.iter().product::<i64>()).sum();
            }
        }
        let parts = places.iter().map(|(at, name, _)| Ok(models[*at].weights.get(name)?.reshape([-1])));
        let flat = Tensor::cat(&parts.collect::<Result<Vec<Tensor>, TrainingError>>()?, 0);
        let mut leaves = Vec::new();
        let mut from = 0;
        for (at, name, shape) in places {
            let length = shape.iter().product::<i64>();
            let leaf = flat.narrow(0, from, length).view(shape.as_slice()).detach().set_requires_grad(true);
            models[at].weights.insert(name, leaf.shallow_clone());
            leaves.push(leaf);
            from += length;
        }
        let optimiser = AdamW::new(&flat, decaying, config);
        Ok(Learner { models, flat, leaves, optimiser })
    }

    /// One step down the gradient of the loss. Returns the gradient's norm.
    pub fn descend(&mut self, loss: &Tensor, rate: f64) -> f64 {
        let gradients = Tensor::run_backward(&[loss], &self.leaves, false, false);
        // A parameter that the loss does not reach has no gradient.
        let whole = |(gradient, leaf): (Tensor, &Tensor)| if gradient.defined() { gradient } else { leaf.zeros_like() };
        let gradients: Vec<Tensor> = gradients.into_iter().zip(&self.leaves).map(whole).collect();
        tch::no_grad(|| self.optimiser.step(&self.flat, flattened(&gradients), rate))
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
