//! All backbones, their presets, and how a preset is changed: a new backbone is a builder file and one line here.
//!
//! A preset is a configuration; changes replace settings of it by name.

use nnf_contract::{Parameter, ParameterType};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::NetError;
use crate::graph::Network;
use crate::{efficientnet, mobilenet_v2, resnet, vit};

/// One kind of network.
pub(crate) struct Backbone {
    /// Its name, for people.
    pub(crate) name: &'static str,
    /// Presets to start from.
    pub(crate) presets: &'static [&'static str],
    /// Settings that can be changed, but for `input` and `classes`, which all have.
    pub(crate) parameters: fn() -> Vec<Parameter>,
    /// Builds a preset with changes.
    pub(crate) build: fn(&str, &Changes) -> Result<Network, NetError>,
}

const BACKBONES: [Backbone; 4] = [resnet::BACKBONE, mobilenet_v2::BACKBONE, vit::BACKBONE, efficientnet::BACKBONE];

/// Settings of a preset by name, with their new values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes(pub Map<String, Value>);

impl Changes {
    /// The configuration with the changes.
    pub(crate) fn apply<C: Serialize + DeserializeOwned>(&self, preset: Option<C>) -> Result<C, NetError> {
        let mut config = preset.ok_or_else(|| NetError::Config("no such preset".into()))?;
        for (setting, value) in &self.0 {
            let fault = |why: String| NetError::Config(format!("`{setting}`: {why}"));
            let mut settings = match serde_json::to_value(&config) {
                Ok(Value::Object(settings)) => settings,
                _ => return Err(fault("the preset has no settings".into())),
            };
            if !settings.contains_key(setting) {
                let known: Vec<&str> = settings.keys().map(String::as_str).filter(|key| *key != "name").collect();
                return Err(fault(format!("the preset has no such setting; it has {}", known.join(", "))));
            }
            settings.insert(setting.clone(), value.clone());
            config = serde_json::from_value(Value::Object(settings)).map_err(|e| fault(e.to_string()))?;
        }
        Ok(config)
    }
}

/// Names of all presets.
#[must_use]
pub fn presets() -> Vec<&'static str> {
    BACKBONES.iter().flat_map(|backbone| backbone.presets.iter().copied()).collect()
}

/// Builds a preset with changes.
///
/// # Errors
/// When there is no such preset or setting, or the sizes do not fit.
pub fn build(preset: &str, changes: &Changes) -> Result<Network, NetError> {
    let backbone = BACKBONES.iter().find(|backbone| backbone.presets.contains(&preset));
    let backbone = backbone
        .ok_or_else(|| NetError::Config(format!("no preset `{preset}`; there are {}", presets().join(", "))))?;
    (backbone.build)(preset, changes)
}

/// Every setting of every backbone, each once, with the backbones that have it.
pub(crate) fn parameters() -> Vec<Parameter> {
    let mut all: Vec<(Parameter, Vec<&str>)> = Vec::new();
    for backbone in &BACKBONES {
        for parameter in (backbone.parameters)() {
            match all.iter_mut().find(|(known, _)| known.name == parameter.name) {
                Some((_, owners)) => owners.push(backbone.name),
                None => all.push((parameter, vec![backbone.name])),
            }
        }
    }
    let of_all = [
        sizes("input", 4096, "channels, height, width of the input").unit("pixels"),
        whole("classes", 100_000, "outputs of the classifier"),
    ];
    let named = all.into_iter().map(|(parameter, owners)| Parameter {
        doc: format!("{} ({})", parameter.doc, owners.join(", ")),
        ..parameter
    });
    of_all.into_iter().chain(named).map(Parameter::optional).collect()
}

/// A list of whole numbers from 1.
pub(crate) fn sizes(name: &str, max: i64, doc: &str) -> Parameter {
    Parameter::list(name, ParameterType::Int { min: Some(1), max: Some(max) }, doc)
}

/// A whole number from 1.
pub(crate) fn whole(name: &str, max: i64, doc: &str) -> Parameter {
    Parameter::int(name, 1, max, doc)
}
