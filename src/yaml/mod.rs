//! A YAML text as a tree in which every value and every key knows its place.
//!
//! The one place that knows the YAML library. It reads events rather than going through serde, because faults in
//! meaning must have a line and all of them are reported at once.

mod reader;
mod scalar;

use std::borrow::Cow;
use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;

use fs_err::os::unix::fs::OpenOptionsExt;
use serde_json::{Map, Number, Value as Json};

use crate::diagnostic::{Diagnostic, Place, Source};

pub use reader::{parse, word};

/// Longest text that is read.
const MAX_BYTES: u64 = 64 << 20;

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands; for an alias, where the alias stands.
    pub place: Place,
    /// How a scalar that is no text is written, where that is not how its value reads: `1.30`, `007`, `~`.
    pub literal: Option<Box<str>>,
}

/// A YAML value of the core schema.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file.
    Map(Vec<Entry>),
}

/// One entry of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// The value.
    pub value: Node,
}

impl Value {
    /// What it is, for messages.
    #[must_use]
    pub fn what(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Int(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

impl Node {
    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A scalar as it is written: what a command, a variable or a path gets. None for a list or a map.
    #[must_use]
    pub fn written(&self) -> Option<Cow<'_, str>> {
        match &self.value {
            Value::Text(text) => Some(Cow::Borrowed(text)),
            Value::List(_) | Value::Map(_) => None,
            _ => Some(self.literal.as_deref().map_or_else(|| Cow::Owned(self.to_json().to_string()), Cow::Borrowed)),
        }
    }

    /// The value as JSON, without places.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Int(value) => Json::from(*value),
            Value::Float(value) => Number::from_f64(*value).map_or_else(|| Json::from(value.to_string()), Json::Number),
            Value::Text(value) => Json::from(value.as_str()),
            Value::List(items) => Json::Array(items.iter().map(Node::to_json).collect()),
            Value::Map(entries) => {
                Json::Object(entries.iter().map(|e| (e.key.clone(), e.value.to_json())).collect::<Map<_, _>>())
            }
        }
    }
}

/// Reads a file.
///
/// # Errors
/// All faults of its syntax.
pub fn read(path: &Path) -> Result<Node, Vec<Diagnostic>> {
    parse(text(path)?)
}

/// The text of a file. What has no end, or may never begin, is not read: devices, pipes, sockets.
///
/// # Errors
/// When it cannot be read, is too long, or is not UTF-8.
pub fn text(path: &Path) -> Result<Arc<Source>, Vec<Diagnostic>> {
    let fault = |message: String| vec![Diagnostic::new(message)];
    let shown = path.display();
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => vec![
            Diagnostic::new(format!("there is no file `{shown}`"))
                .hint("name the pipeline's file, or go to the folder that has `pipeline.yaml`"),
        ],
        _ => fault(error.to_string()),
    };
    // To open a pipe waits for somebody who writes into it, unless it is said not to.
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = fs_err::OpenOptions::new().read(true).custom_flags(flags).open(path);
    let kind = match &file {
        Ok(file) => file.metadata().map_err(failed)?.file_type(),
        // A socket cannot be opened at all.
        Err(_) => fs_err::metadata(path).map_err(failed)?.file_type(),
    };
    if kind.is_dir() {
        return Err(fault(format!("`{shown}` is a folder, not a pipeline file")));
    }
    if !kind.is_file() {
        let fault = Diagnostic::new(format!("`{shown}` is {}, not a pipeline file", what_kind(kind)));
        return Err(vec![fault.hint("write the pipeline into a file: it is read more than once")]);
    }
    let mut bytes = Vec::new();
    file.map_err(failed)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(fault(format!("`{shown}` is too long: a pipeline has at most {MAX_BYTES} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        let line = 1 + e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count();
        vec![Diagnostic::new(format!("`{shown}` is not UTF-8: line {line} has other bytes")).hint("save it as UTF-8")]
    })?;
    Ok(Arc::new(Source { name: path.to_owned(), text }))
}

fn what_kind(kind: std::fs::FileType) -> &'static str {
    match kind {
        kind if kind.is_fifo() => "a pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn source(text: &str) -> Arc<Source> {
        Arc::new(Source { name: "test.yaml".into(), text: text.to_owned() })
    }

    fn faults(text: &str) -> Vec<String> {
        parse(source(text)).unwrap_err().into_iter().map(|d| d.message).collect()
    }

    #[test]
    fn scalars_follow_the_core_schema() {
        let node = parse(source(
            "[1, -2, 0x10, 0o17, 1.5, 1e3, .5, '1', true, ~, null, 1.2.3, 12:30, no, -x, 1e, +3, inf, 9223372036854775807]",
        ))
        .unwrap();
        let expected = json!([
            1,
            -2,
            16,
            15,
            1.5,
            1000.0,
            0.5,
            "1",
            true,
            null,
            null,
            "1.2.3",
            "12:30",
            "no",
            "-x",
            "1e",
            3,
            "inf",
            9223372036854775807_i64
        ]);
        assert_eq!(node.to_json(), expected);
    }

    #[test]
    fn every_value_knows_its_place() {
        let text = "a:\n  bé: [x, 'two words']\nc: 7\n";
        let node = parse(source(text)).unwrap();
        let Value::Map(entries) = &node.value else { panic!() };
        let Value::Map(inner) = &entries[0].value.value else { panic!() };
        assert_eq!(&text[inner[0].place.start..inner[0].place.end], "bé");
        assert_eq!(&text[inner[0].value.place.start..inner[0].value.place.end], "[x, 'two words']");
        let Value::List(items) = &inner[0].value.value else { panic!() };
        assert_eq!(&text[items[1].place.start..items[1].place.end], "'two words'");
        assert_eq!(&text[entries[1].value.place.start..entries[1].value.place.end], "7");
    }

    #[test]
    fn faults_of_syntax() {
        assert_eq!(faults("a: 1\nb: 2\na: 3\nb: 4"), ["the key `a` stands twice", "the key `b` stands twice"]);
        assert_eq!(faults(""), ["`test.yaml` is empty"]);
        assert_eq!(faults("# only a comment\n"), ["`test.yaml` is empty"]);
        assert!(faults("a: [1, 2")[0].starts_with("this is not YAML"));
        assert_eq!(faults("a: 1\n---\nb: 2\n"), ["a second YAML document begins here"]);
        assert_eq!(faults("[a, b]: 1\n"), ["a key must be a plain word"]);
        assert!(faults(&format!("{}x", "- ".repeat(100)))[0].starts_with("nested more than"));
        assert!(!parse(source("a: &x [*x]")).unwrap_err().is_empty());
    }

    #[test]
    fn a_map_takes_over_entries() {
        let json = |text: &str| parse(source(text)).unwrap().to_json();
        let text = "a: &a { x: 1, y: [2], z: 3 }\nb: &b { y: 4, w: 5 }\n";
        assert_eq!(json(&format!("{text}c: {{ x: 0, <<: *a, z: ~ }}"))["c"], json!({ "x": 0, "y": [2], "z": null }));
        assert_eq!(json(&format!("{text}c: {{ <<: [*b, *a] }}"))["c"], json!({ "x": 1, "y": 4, "z": 3, "w": 5 }));
        assert_eq!(json("a: { <<: { x: 1 }, y: 2 }")["a"], json!({ "x": 1, "y": 2 }));
        assert_eq!(json(&format!("{text}c: &c {{ <<: *a, v: 6 }}\nd: {{ <<: *c, y: 7 }}"))["d"], {
            json!({ "x": 1, "y": 7, "z": 3, "v": 6 })
        });
        assert_eq!(json("{ '<<': 1 }"), json!({ "<<": 1 }), "in quotes it is a word like others");
        let wrong = "`<<` takes the entries of a map, or of a list of maps";
        assert_eq!(faults("a: { <<: 1, b: 2 }\nc: { <<: [{ x: 1 }, y, [z]] }"), [wrong, wrong, wrong]);
        assert_eq!(faults("a: { <<: { x: 1 }, <<: { y: 1 } }"), ["the key `<<` stands twice"]);
    }

    #[test]
    fn a_bomb_of_maps_is_refused() {
        let entries: String = (0..50_000).map(|i| format!("k{i}: 0, ")).collect();
        assert_eq!(
            faults(&format!("a: &a {{ {entries} }}\nb: {{ <<: *a }}\nc: {{ <<: *a }}")),
            ["aliases expand to more than 100000 values"]
        );
    }

    #[test]
    fn a_bomb_is_refused() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..12 {
            let previous = format!("*a{}", i - 1);
            text += &format!("a{i}: &a{i} [{}]\n", [previous.as_str(); 10].join(", "));
        }
        assert_eq!(faults(&text), ["aliases expand to more than 100000 values"]);
    }

    #[test]
    fn a_file_that_is_not_utf8_names_the_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), b"a: 1\nb: \xff\n").unwrap();
        let message = read(file.path()).unwrap_err().remove(0).message;
        assert!(message.ends_with("is not UTF-8: line 2 has other bytes"), "{message}");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[ \\n\\ta-c:,*&<{}\\[\\]'\"0-9#|>%@-]{0,200}") {
            let _ = parse(source(&text));
        }
    }
}
