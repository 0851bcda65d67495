//! The optimiser of one flat tensor: AdamW, or Muon for hidden layers and AdamW for all else.
//!
//! libtorch's own optimisers do not give out their state through tch, and one flat tensor needs few kernel calls.

use nnf_contract::Parameter;
use serde::Deserialize;
use tch::Tensor;

use crate::adamw::{self, AdamW, Span};
use crate::muon::{self, Matrix};

/// What makes a step of a gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Method {
    /// AdamW for all parameters.
    #[serde(rename = "adamw")]
    AdamW,
    /// Muon for hidden layers' matrices, AdamW for all else.
    #[serde(rename = "muon")]
    Muon,
}

/// Constants of the optimiser.
#[derive(Clone, Copy, Debug)]
pub struct OptimiserConfig {
    /// What makes a step of a gradient.
    pub method: Method,
    /// AdamW's constants.
    pub adamw: AdamW,
    /// Share of a decaying parameter that goes in a step, times the learning rate.
    pub weight_decay: f64,
    /// Greatest norm of the gradient; 0 for no clipping.
    pub clip: f64,
}

impl Default for OptimiserConfig {
    fn default() -> Self {
        OptimiserConfig { method: Method::AdamW, adamw: AdamW::default(), weight_decay: 0.01, clip: 5.0 }
    }
}

/// The parameters of a kind that trains.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct OptimiserParameters {
    optimiser: Method,
    weight_decay: f64,
    clip: f64,
}

impl OptimiserParameters {
    /// Declares them.
    #[must_use]
    pub fn parameters() -> [Parameter; 3] {
        let OptimiserConfig { weight_decay, clip, .. } = OptimiserConfig::default();
        [
            Parameter::choice(
                "optimiser",
                &["adamw", "muon"],
                "what makes a step of a gradient; `muon` takes Muon for hidden layers and AdamW for all else",
            )
            .default("adamw"),
            Parameter::float(
                "weight_decay",
                0.0,
                1.0,
                "share of a weight that goes in a step, times the learning rate",
            )
            .default(weight_decay),
            Parameter::float("clip", 0.0, 1e6, "greatest norm of the gradient; 0 for none").default(clip),
        ]
    }

    /// The constants of the optimiser.
    #[must_use]
    pub fn config(&self) -> OptimiserConfig {
        let OptimiserParameters { optimiser: method, weight_decay, clip } = *self;
        OptimiserConfig { method, weight_decay, clip, ..OptimiserConfig::default() }
    }
}

/// How the flat tensor is divided. Together the parts are all of it.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// Neighbours that AdamW steps alike.
    pub(crate) spans: Vec<Span>,
    /// Hidden layers' matrices, which Muon steps.
    pub(crate) matrices: Vec<Matrix>,
}

impl Layout {
    /// Adds elements for AdamW, to the last span where they are its neighbours and decay as it does.
    pub(crate) fn span(&mut self, span: Span) {
        match self.spans.last_mut() {
            Some(last) if last.from + last.length == span.from && last.decays == span.decays => {
                last.length += span.length;
            }
            _ => self.spans.push(span),
        }
    }
}

/// The optimiser with its state.
#[derive(Debug)]
pub(crate) struct Optimiser {
    config: OptimiserConfig,
    layout: Layout,
    /// Means of gradients, and of their squares; the latter stay 0 where Muon steps.
    pub(crate) first: Tensor,
    pub(crate) second: Tensor,
    pub(crate) steps: i64,
}

impl Optimiser {
    pub(crate) fn new(parameters: &Tensor, layout: Layout, config: OptimiserConfig) -> Self {
        let (first, second) = (parameters.zeros_like(), parameters.zeros_like());
        Optimiser { config, layout, first, second, steps: 0 }
    }

    /// Changes `parameters` in place; `gradient` is used up. Returns the norm of the gradient before clipping; where that
    /// is not finite, nothing is changed.
    pub(crate) fn step(&mut self, parameters: &Tensor, mut gradient: Tensor, rate: f64) -> f64 {
        let norm = gradient.norm().double_value(&[]);
        if !norm.is_finite() {
            return norm;
        }
        self.steps += 1;
        if self.config.clip > 0.0 && norm > self.config.clip {
            let _ = gradient.g_mul_scalar_(self.config.clip / norm);
        }
        let kept = 1.0 - rate * self.config.weight_decay;
        muon::step(&self.layout.matrices, (parameters, &gradient, &self.first), rate, kept);
        let state = adamw::State { first: &self.first, second: &self.second, steps: self.steps };
        for span in &self.layout.spans {
            self.config.adamw.step(*span, (parameters, &gradient), &state, rate, kept);
        }
        norm
    }
}
