//! A JSON Schema (draft 2020-12) of pipeline files, for editors.
//!
//! It does not check anything itself.

use nnf_contract::{Kind, Parameter, ParameterType};
use serde_json::{Map, Value as Json, json};

use crate::pipeline::keys::TOP_KEYS;
use crate::pipeline::shapes::{described, executor, flag, slurm, texts};

/// The schema of a pipeline, and of a file that it includes, with the parameters and inputs of the given kinds.
#[must_use]
pub fn schema(kinds: &[&Kind]) -> Json {
    let properties: Map<String, Json> = TOP_KEYS.iter().map(|key| (key.name.to_owned(), key.schema())).collect();
    let any: Vec<Json> =
        ["stages", "include", "params", "programs"].iter().map(|name| json!({ "required": [name] })).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "nnf pipeline",
        "type": "object",
        "additionalProperties": false,
        "anyOf": any,
        "properties": properties,
        "$defs": {
            "input": { "anyOf": [{ "type": "string" }, { "type": "object", "additionalProperties": { "type": "string" } }] },
            "stage": stage(kinds)
        }
    })
}

fn stage(kinds: &[&Kind]) -> Json {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name.as_str()).collect();
    let of_kinds: Vec<Json> = kinds.iter().map(|kind| for_kind(kind)).collect();
    let mut stage = json!({
        "type": "object",
        "additionalProperties": false,
        "oneOf": [{ "required": ["use"] }, { "required": ["run"] }],
        "properties": {
            "use": { "type": "string", "enum": names, "description": "Kind of a stage program." },
            "run": { "type": "array", "minItems": 1, "description": "Words of a command; `{in.x}`, `{out.y}`, `{with.z}`." },
            "in": { "type": "object", "additionalProperties": { "$ref": "#/$defs/input" } },
            "with": { "type": "object", "description": "Parameters." },
            "out": { "type": "object", "description": "Outputs of a `run` stage: name and media type." },
            "code": texts(),
            "env": { "type": "object", "description": "Environment variables, part of the key." },
            "pass": described(texts(), "Variables passed through: neither keyed nor recorded."),
            "each": { "type": "object", "description": "Axes: one instance for each value." },
            "needs": {
                "type": "object",
                "additionalProperties": false,
                "properties": { "cpus": {}, "memory": {}, "gpus": {} }
            },
            "timeout": { "type": ["string", "number"] },
            "retries": { "type": ["integer", "string"] },
            "resumes": flag(),
            "strict": described(flag(), "Whether it sees nothing but what it declares."),
            "executor": described(executor(), "Where it runs; not keyed."),
            "slurm": described(slurm(), "What `sbatch` is told besides what the stage needs; not keyed.")
        }
    });
    // A schema holds no empty list of such.
    if let Some(fields) = stage.as_object_mut().filter(|_| !of_kinds.is_empty()) {
        fields.insert("allOf".into(), of_kinds.into());
    }
    stage
}

fn for_kind(kind: &Kind) -> Json {
    let inputs: Map<String, Json> = kind
        .inputs
        .iter()
        .map(|i| (i.name.clone(), json!({ "$ref": "#/$defs/input", "description": i.doc })))
        .collect();
    json!({
        "if": { "properties": { "use": { "const": kind.name } }, "required": ["use"] },
        "then": {
            "description": kind.summary,
            "properties": {
                "in": { "additionalProperties": false, "properties": inputs },
                "with": record(&kind.parameters)
            }
        }
    })
}

fn record(parameters: &[Parameter]) -> Json {
    let properties: Map<String, Json> = parameters.iter().map(|p| (p.name.clone(), parameter(p))).collect();
    let required: Vec<&str> =
        parameters.iter().filter(|p| p.default.is_none() && !p.optional).map(|p| p.name.as_str()).collect();
    json!({ "type": "object", "additionalProperties": false, "properties": properties, "required": required })
}

fn parameter(parameter: &Parameter) -> Json {
    // Any value may be a reference such as `${params.steps}`.
    let reference = json!({ "type": "string", "pattern": "^\\$\\{.+\\}$" });
    let unit = parameter.unit.as_ref().map(|unit| format!(" [{unit}]")).unwrap_or_default();
    let mut schema = json!({
        "description": format!("{}{unit}", parameter.doc),
        "anyOf": [value(&parameter.kind), reference]
    });
    if let (Some(default), Some(map)) = (&parameter.default, schema.as_object_mut()) {
        map.insert("default".into(), default.clone());
    }
    schema
}

fn value(kind: &ParameterType) -> Json {
    let range = |name: &str, min: Option<Json>, max: Option<Json>| {
        let mut schema = Map::from_iter([("type".to_owned(), json!(name))]);
        schema.extend(min.map(|min| ("minimum".to_owned(), min)));
        schema.extend(max.map(|max| ("maximum".to_owned(), max)));
        Json::Object(schema)
    };
    match kind {
        ParameterType::Bool => json!({ "type": "boolean" }),
        ParameterType::Int { min, max } => range("integer", min.map(Json::from), max.map(Json::from)),
        ParameterType::Float { min, max } => range("number", min.map(Json::from), max.map(Json::from)),
        ParameterType::String => json!({ "type": "string" }),
        ParameterType::Choice { of } => json!({ "enum": of }),
        ParameterType::List { items, min_length } => {
            json!({ "type": "array", "minItems": min_length, "items": value(items) })
        }
        ParameterType::Record { fields } => record(fields),
    }
}
