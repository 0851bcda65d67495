//! A JSON Schema (draft 2020-12) of pipeline files, for editors.
//!
//! It does not check anything itself.

use nnf_contract::{Kind, Parameter, ParameterType};
use serde_json::{Map, Value as Json, json};

/// The schema, with the parameters and inputs of the given kinds.
#[must_use]
pub fn schema(kinds: &[&Kind]) -> Json {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "nnf pipeline",
        "type": "object",
        "additionalProperties": false,
        "required": ["stages"],
        "properties": {
            "version": { "const": 1, "description": "Version of the format." },
            "name": { "type": "string", "description": "Name of the pipeline; the file's name by default." },
            "root": { "type": "string", "description": "Folder that relative paths begin at; the pipeline's own by default." },
            "store": { "type": "string", "description": "URL of a remote tier behind the local store." },
            "params": { "type": "object", "description": "Values for `${params.NAME}`." },
            "programs": programs(),
            "allow": { "type": "array", "items": { "type": "string" }, "description": "Folders outside the root that inputs may lie in." },
            "strict": { "type": ["boolean", "string"], "description": "Whether stages see nothing but what they declare; a stage may say otherwise." },
            "tools": { "type": "array", "items": { "type": "string" }, "description": "Folders of programs and libraries that strict stages may read; not keyed." },
            "executor": executor("Where stages run that say nothing themselves; not keyed."),
            "slurm": slurm(),
            "stages": { "type": "object", "minProperties": 1, "additionalProperties": { "$ref": "#/$defs/stage" } },
            "report": report()
        },
        "$defs": {
            "input": { "anyOf": [{ "type": "string" }, { "type": "object", "additionalProperties": { "type": "string" } }] },
            "stage": stage(kinds)
        }
    })
}

fn programs() -> Json {
    json!({
        "type": "object",
        "description": "Stage programs by name.",
        "additionalProperties": { "anyOf": [
            { "type": "string" },
            { "type": "array", "items": { "type": "string" }, "minItems": 1 },
            {
                "type": "object",
                "additionalProperties": false,
                "required": ["run"],
                "properties": {
                    "run": { "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] },
                    "code": { "type": "array", "items": { "type": "string" } }
                }
            }
        ] }
    })
}

fn executor(description: &str) -> Json {
    json!({ "type": "string", "anyOf": [{ "enum": ["local", "slurm"] }, { "pattern": "\\$\\{" }], "description": description })
}

fn slurm() -> Json {
    let text = |description: &str| json!({ "type": "string", "description": description });
    json!({
        "type": "object",
        "additionalProperties": false,
        "description": "What `sbatch` is told besides what stages need; not keyed.",
        "properties": {
            "partition": text("Partition."),
            "account": text("Account."),
            "qos": text("Quality of service."),
            "arguments": {
                "type": "array",
                "items": { "type": "string", "pattern": "^--|\\$\\{" },
                "description": "Further arguments of `sbatch`, such as `--constraint=skylake`."
            }
        }
    })
}

fn report() -> Json {
    let entry = |required: &str, properties: Json| json!({ "type": "object", "additionalProperties": false, "required": [required], "properties": properties });
    json!({
        "type": "array",
        "description": "What the page of a run (`nnf report`) shows first, in order; not keyed.",
        "items": { "oneOf": [
            entry("heading", json!({ "heading": { "type": "string" } })),
            entry("text", json!({ "text": { "type": "string", "description": "Markdown." } })),
            entry("output", json!({
                "output": { "type": "string", "description": "`stage.output`, `stage[axis=label].output` or `stage[*].output`." },
                "title": { "type": "string" }
            }))
        ] }
    })
}

fn stage(kinds: &[&Kind]) -> Json {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name.as_str()).collect();
    let of_kinds: Vec<Json> = kinds.iter().map(|kind| for_kind(kind)).collect();
    json!({
        "type": "object",
        "additionalProperties": false,
        "oneOf": [{ "required": ["use"] }, { "required": ["run"] }],
        "properties": {
            "use": { "type": "string", "enum": names, "description": "Kind of a stage program." },
            "run": { "type": "array", "minItems": 1, "description": "Words of a command; `{in.x}`, `{out.y}`, `{with.z}`." },
            "in": { "type": "object", "additionalProperties": { "$ref": "#/$defs/input" } },
            "with": { "type": "object", "description": "Parameters." },
            "out": { "type": "object", "description": "Outputs of a `run` stage: name and media type." },
            "code": { "type": "array", "items": { "type": "string" } },
            "env": { "type": "object", "description": "Environment variables, part of the key." },
            "pass": { "type": "array", "items": { "type": "string" }, "description": "Variables passed through: neither keyed nor recorded." },
            "each": { "type": "object", "description": "Axes: one instance for each value." },
            "needs": {
                "type": "object",
                "additionalProperties": false,
                "properties": { "cpus": {}, "memory": {}, "gpus": {} }
            },
            "timeout": { "type": ["string", "number"] },
            "retries": { "type": ["integer", "string"] },
            "resumes": { "type": ["boolean", "string"] },
            "strict": { "type": ["boolean", "string"], "description": "Whether it sees nothing but what it declares." },
            "executor": executor("Where it runs; not keyed."),
            "slurm": slurm()
        },
        "allOf": of_kinds
    })
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
