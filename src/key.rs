//! The key document: everything that can change a stage's result, and nothing else.
//!
//! No stage, instance, run or pipeline name is in it, so two stages that would do the same work share one result. What
//! explains a key reads the same document (see `why`).

use std::collections::BTreeMap;

use nnf_contract::Machine;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::digest::{Digest, Key};
use crate::graph::{Instance, Piece, Work};
use crate::record::{Artifact, Form, Produced};

/// Version of the key document.
pub const KEY_VERSION: u32 = 1;

/// The document whose canonical form is hashed into a [`Key`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyDocument {
    /// Version of this document.
    pub version: u32,
    /// What runs.
    pub work: KeyWork,
    /// Keyed parameters.
    pub with: BTreeMap<String, Json>,
    /// Contents of the inputs.
    #[serde(rename = "in")]
    pub inputs: BTreeMap<String, KeyInput>,
    /// Declared outputs.
    #[serde(rename = "out")]
    pub outputs: BTreeMap<String, KeyOutput>,
    /// Environment variables that are set.
    pub env: BTreeMap<String, String>,
    /// Digests of files of code, by path relative to the root.
    pub code: BTreeMap<String, Digest>,
    /// The machine, for a kind that measures it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
}

/// What runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyWork {
    /// A kind of a stage program.
    Kind {
        /// Its name.
        kind: String,
        /// Fingerprint of its code.
        fingerprint: String,
    },
    /// A command line.
    Argv {
        /// Its words, placeholders as they are written.
        words: Vec<String>,
        /// Digest of the program, when it is a file of the project.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        program: Option<Digest>,
    },
}

/// Content of an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyInput {
    /// A file or folder.
    Content {
        /// Its digest.
        digest: Digest,
        /// What it is.
        form: Form,
    },
    /// The producer left this optional output out.
    Absent,
    /// A fan-in by label.
    Many(BTreeMap<String, KeyInput>),
}

/// A declared output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyOutput {
    /// Its media type.
    pub media: String,
    /// Whether it may be absent.
    pub optional: bool,
}

impl From<&Produced> for KeyInput {
    fn from(produced: &Produced) -> Self {
        match produced {
            Produced::Artifact(Artifact { digest, form, .. }) => KeyInput::Content { digest: *digest, form: *form },
            Produced::Absent => KeyInput::Absent,
        }
    }
}

/// What a key needs to know of the world beyond the instance.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// Contents of the inputs by name.
    pub inputs: BTreeMap<String, KeyInput>,
    /// Digests of the files of code.
    pub code: BTreeMap<String, Digest>,
    /// Digest of the program of a command line, when it is a file of the project.
    pub program: Option<Digest>,
    /// The machine, for a kind that measures it.
    pub machine: Option<Machine>,
}

impl KeyDocument {
    /// The document of an instance, once all its contents are known.
    #[must_use]
    pub fn new(instance: &Instance, contents: Contents) -> Self {
        let work = match &instance.work {
            Work::Kind { kind, fingerprint, .. } => {
                KeyWork::Kind { kind: kind.clone(), fingerprint: fingerprint.clone() }
            }
            Work::Argv { words } => {
                KeyWork::Argv { words: words.iter().map(|word| written(word)).collect(), program: contents.program }
            }
        };
        let keyed = |name: &&String| !instance.unkeyed.contains(name);
        let outputs = instance.outputs.iter();
        KeyDocument {
            version: KEY_VERSION,
            work,
            with: instance.with.keys().filter(keyed).map(|n| (n.clone(), instance.with[n].clone())).collect(),
            inputs: contents.inputs,
            outputs: outputs
                .map(|(name, spec)| (name.clone(), KeyOutput { media: spec.media.clone(), optional: spec.optional }))
                .collect(),
            env: instance.env.clone(),
            code: contents.code,
            machine: contents.machine,
        }
    }

    /// The canonical text: JSON without spaces, all names sorted.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut text = String::new();
        write_canonical(&serde_json::to_value(self).unwrap_or_default(), &mut text);
        text
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> Key {
        Key::of_document(self.canonical().as_bytes())
    }
}

/// Text that looks like a placeholder is told from one by a name that none has.
const LOOKALIKES: [(&str, &str); 3] = [("{in.", "{in.}"), ("{out.", "{out.}"), ("{with.", "{with.}")];

fn written(word: &[Piece]) -> String {
    word.iter()
        .map(|piece| match piece {
            Piece::Text(text) => LOOKALIKES.iter().fold(text.clone(), |text, (opener, marked)| {
                if text.contains(opener) { text.replace(opener, marked) } else { text }
            }),
            Piece::In(name) => format!("{{in.{name}}}"),
            Piece::Out(name) => format!("{{out.{name}}}"),
            Piece::With(name) => format!("{{with.{name}}}"),
            // What was read as code once, under the key of the above, was other work.
            Piece::Quoted(name) => format!("{{with.{name}\0}}"),
        })
        .collect()
}

/// Writes JSON with sorted names and without spaces. Whole numbers and floats stay apart (`1` and `1.0`), and JSON
/// holds neither NaN nor infinities.
pub(crate) fn write_canonical(value: &Json, out: &mut String) {
    match value {
        Json::Object(map) => {
            let sorted: BTreeMap<&String, &Json> = map.iter().collect();
            out.push('{');
            for (position, (name, value)) in sorted.into_iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                out.push_str(&Json::from(name.as_str()).to_string());
                out.push(':');
                write_canonical(value, out);
            }
            out.push('}');
        }
        Json::Array(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    /// A document with something in every part.
    pub(crate) fn example() -> KeyDocument {
        let content = |text: &str| KeyInput::Content { digest: Digest::of(text.as_bytes()), form: Form::File };
        KeyDocument {
            version: KEY_VERSION,
            work: KeyWork::Kind { kind: "supernet.train".into(), fingerprint: "f1".into() },
            with: [("steps".to_owned(), json!(100)), ("rate".to_owned(), json!({"b": 1.0, "a": [1, "x"]}))].into(),
            inputs: [
                ("digits".to_owned(), content("digits")),
                ("warm".to_owned(), KeyInput::Absent),
                ("many".to_owned(), KeyInput::Many([("device=a".to_owned(), content("a"))].into())),
            ]
            .into(),
            outputs: [("weights".to_owned(), KeyOutput { media: "x/y".into(), optional: false })].into(),
            env: [("LC_ALL".to_owned(), "C".to_owned())].into(),
            code: [("tools/x.py".to_owned(), Digest::of(b"x"))].into(),
            machine: None,
        }
    }

    #[test]
    fn the_canonical_form_is_sorted_and_fixed() {
        let text = example().canonical();
        assert!(text.starts_with(r#"{"code":{"tools/x.py":""#), "{text}");
        assert!(text.contains(r#""with":{"rate":{"a":[1,"x"],"b":1.0},"steps":100}"#), "{text}");
        // A change of this key makes every stored result stale: it takes a new version of the document.
        insta::assert_snapshot!(example().key(), @"339f2903aeb72f2a5b34c91b288e773477073b44eb94b0466ad327ce6da10ec1");
        let back: KeyDocument = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(back, example());
        assert_eq!(back.key(), example().key());
    }

    #[test]
    fn whole_numbers_and_floats_stay_apart() {
        let mut other = example();
        other.with.insert("steps".into(), json!(100.0));
        assert_ne!(other.key(), example().key());
    }
}
