//! A parameter of a kind, and what values it takes.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One parameter of a kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What values it takes.
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// One line on what it does.
    pub doc: String,
    /// Unit of the value, such as `steps` or `ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Value if the pipeline gives none. Without a default the parameter is required, unless it is optional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Whether it may be left out without a default; the stage then sees no such parameter.
    #[serde(default)]
    pub optional: bool,
    /// Whether it can change the result. One that cannot (a mirror's address, say) stays out of the key.
    #[serde(default = "yes")]
    pub keyed: bool,
}

fn yes() -> bool {
    true
}

/// The type of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum ParameterType {
    /// `true` or `false`.
    Bool,
    /// A whole number in an inclusive range.
    Int {
        /// Least value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<i64>,
        /// Greatest value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<i64>,
    },
    /// A finite number in an inclusive range; a whole number stands for itself.
    Float {
        /// Least value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<f64>,
        /// Greatest value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<f64>,
    },
    /// Text.
    String,
    /// One of the given words.
    Choice {
        /// The words.
        of: Vec<String>,
    },
    /// A list, all of whose items have one type.
    List {
        /// Type of an item.
        items: Box<ParameterType>,
        /// Least number of items.
        #[serde(default)]
        min_length: usize,
    },
    /// A map with known fields.
    Record {
        /// The fields.
        fields: Vec<Parameter>,
    },
}

impl Parameter {
    /// A required parameter.
    pub fn new(name: &str, kind: ParameterType, doc: &str) -> Self {
        Parameter { name: name.into(), kind, doc: doc.into(), unit: None, default: None, optional: false, keyed: true }
    }

    /// With a default.
    #[must_use]
    pub fn default(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// With a unit.
    #[must_use]
    pub fn unit(mut self, unit: &str) -> Self {
        self.unit = Some(unit.into());
        self
    }

    /// May be left out.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Says only how to run, and stays out of the key.
    #[must_use]
    pub fn unkeyed(mut self) -> Self {
        self.keyed = false;
        self
    }

    /// A whole number from `min` to `max`.
    pub fn int(name: &str, min: i64, max: i64, doc: &str) -> Self {
        Self::new(name, ParameterType::Int { min: Some(min), max: Some(max) }, doc)
    }

    /// A number from `min` to `max`.
    pub fn float(name: &str, min: f64, max: f64, doc: &str) -> Self {
        Self::new(name, ParameterType::Float { min: Some(min), max: Some(max) }, doc)
    }

    /// `true` or `false`.
    pub fn bool(name: &str, doc: &str) -> Self {
        Self::new(name, ParameterType::Bool, doc)
    }

    /// Text.
    pub fn string(name: &str, doc: &str) -> Self {
        Self::new(name, ParameterType::String, doc)
    }

    /// One of `of`.
    pub fn choice(name: &str, of: &[&str], doc: &str) -> Self {
        Self::new(name, ParameterType::Choice { of: of.iter().map(|s| (*s).into()).collect() }, doc)
    }

    /// A list of `items`.
    pub fn list(name: &str, items: ParameterType, doc: &str) -> Self {
        Self::new(name, ParameterType::List { items: Box::new(items), min_length: 0 }, doc)
    }
}
