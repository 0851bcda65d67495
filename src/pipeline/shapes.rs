//! JSON Schemas of values, of which the schema of a pipeline is put together.

use serde_json::{Value as Json, json};

/// A schema with a description.
pub(crate) fn described(mut schema: Json, what: &str) -> Json {
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("description".into(), what.into());
    }
    schema
}

pub(crate) fn text() -> Json {
    json!({ "type": "string" })
}

pub(crate) fn texts() -> Json {
    json!({ "type": "array", "items": text() })
}

/// True or false, or a reference to such.
pub(crate) fn flag() -> Json {
    json!({ "type": ["boolean", "string"] })
}

pub(crate) fn include() -> Json {
    json!({
        "type": "array",
        "items": { "anyOf": [
            text(),
            {
                "type": "object",
                "additionalProperties": false,
                "required": ["file"],
                "properties": {
                    "file": described(text(), "Path, relative to the file that includes it."),
                    "as": { "type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9_-]*$", "description": "The namespace that its names get." }
                }
            }
        ] }
    })
}

pub(crate) fn programs() -> Json {
    json!({
        "type": "object",
        "additionalProperties": { "anyOf": [
            text(),
            { "type": "array", "items": text(), "minItems": 1 },
            {
                "type": "object",
                "additionalProperties": false,
                "required": ["run"],
                "properties": { "run": { "anyOf": [text(), texts()] }, "code": texts() }
            }
        ] }
    })
}

pub(crate) fn executor() -> Json {
    json!({ "type": "string", "anyOf": [{ "enum": ["local", "slurm"] }, { "pattern": "\\$\\{" }] })
}

pub(crate) fn slurm() -> Json {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "partition": described(text(), "Partition."),
            "account": described(text(), "Account."),
            "qos": described(text(), "Quality of service."),
            "arguments": {
                "type": "array",
                "items": { "type": "string", "pattern": "^--|\\$\\{" },
                "description": "Further arguments of `sbatch`, such as `--constraint=skylake`."
            }
        }
    })
}

pub(crate) fn report() -> Json {
    let entry = |required: &str, properties: Json| json!({ "type": "object", "additionalProperties": false, "required": [required], "properties": properties });
    json!({
        "type": "array",
        "items": { "oneOf": [
            entry("heading", json!({ "heading": text() })),
            entry("text", json!({ "text": described(text(), "Markdown.") })),
            entry("output", json!({
                "output": described(text(), "`stage.output`, `stage[axis=label].output` or `stage[*].output`."),
                "title": text()
            }))
        ] }
    })
}
