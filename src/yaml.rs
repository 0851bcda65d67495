//! A YAML text as a tree in which every value and every key knows its place.
//!
//! The one place that knows the YAML library. It reads events rather than going through serde, because faults in
//! meaning must have a line and all of them are reported at once. It does not know what a pipeline is.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Number, Value as Json};
use serde_yaml::granit_parser::{Event, Parser, ScalarStyle, Span};

use crate::diagnostic::{Diagnostic, Place, Source};

/// Longest text that is read.
const MAX_BYTES: u64 = 64 << 20;
/// Deepest nesting.
const MAX_DEPTH: usize = 64;
/// Nodes that aliases may add. An alias of aliases grows without bound otherwise.
const MAX_ALIASED: usize = 100_000;

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands; for an alias, where the alias stands.
    pub place: Place,
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

    /// The value as JSON, without places. Numbers that JSON cannot hold become text.
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

/// The text of a file.
///
/// # Errors
/// When it cannot be read, is too long, or is not UTF-8.
pub fn text(path: &Path) -> Result<Arc<Source>, Vec<Diagnostic>> {
    let fault = |message: String| vec![Diagnostic::new(message)];
    let shown = path.display();
    let size = fs_err::metadata(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => vec![
            Diagnostic::new(format!("there is no file `{shown}`"))
                .hint("name the pipeline's file, or go to the folder that has `pipeline.yaml`"),
        ],
        _ => fault(e.to_string()),
    })?;
    if size.is_dir() {
        return Err(fault(format!("`{shown}` is a folder, not a pipeline file")));
    }
    if size.len() > MAX_BYTES {
        return Err(fault(format!("`{shown}` has {} bytes; a pipeline has at most {MAX_BYTES}", size.len())));
    }
    let bytes = fs_err::read(path).map_err(|e| fault(e.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|e| {
        let line = 1 + e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count();
        vec![Diagnostic::new(format!("`{shown}` is not UTF-8: line {line} has other bytes")).hint("save it as UTF-8")]
    })?;
    Ok(Arc::new(Source { name: path.to_owned(), text }))
}

/// Reads a text.
///
/// # Errors
/// All faults of its syntax: where it is not YAML, keys that stand twice, and texts that are too deep, too long, or
/// grow without bound.
pub fn parse(source: Arc<Source>) -> Result<Node, Vec<Diagnostic>> {
    let mut reader = Reader { source: &source, anchors: HashMap::new(), aliased: 0, faults: Vec::new() };
    let result = reader.document();
    match result {
        Ok(node) if reader.faults.is_empty() => Ok(node),
        Ok(_) => Err(reader.faults),
        Err(fault) => {
            reader.faults.push(*fault);
            Err(reader.faults)
        }
    }
}

struct Reader<'a> {
    source: &'a Arc<Source>,
    /// Anchored nodes and their sizes.
    anchors: HashMap<usize, (Node, usize)>,
    aliased: usize,
    faults: Vec<Diagnostic>,
}

type Fault = Box<Diagnostic>;
type Events<'a> = Parser<'a, serde_yaml::granit_parser::StrInput<'a>>;

impl Reader<'_> {
    fn document(&mut self) -> Result<Node, Fault> {
        let source = Arc::clone(self.source);
        let mut events = Parser::new_from_str(&source.text);
        let mut root = None;
        loop {
            let (event, span) = self.next(&mut events)?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(..) if root.is_some() => {
                    let fault = Diagnostic::new("a second YAML document begins here");
                    return Err(Box::new(fault.at(&self.place(span)).hint("keep one document in a file")));
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => root = Some(self.node(event, span, &mut events, 0)?.0),
            }
        }
        let empty = || {
            let fault = Diagnostic::new(format!("`{}` is empty", self.source.name.display()));
            Box::new(fault.hint("a pipeline begins with `stages:`"))
        };
        root.ok_or_else(empty)
    }

    fn next<'e>(&self, events: &mut Events<'e>) -> Result<(Event<'e>, Span), Fault> {
        loop {
            match events.next_event() {
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok(pair)) => return Ok(pair),
                Some(Err(error)) => {
                    let start = error.marker().byte_offset().unwrap_or(self.source.text.len());
                    let message = format!("this is not YAML: {}", error.info());
                    return Err(Box::new(Diagnostic::new(message).at(&self.bytes(start, start))));
                }
                None => return Err(Box::new(Diagnostic::new("the text ends in the middle"))),
            }
        }
    }

    fn place(&self, span: Span) -> Place {
        let end = self.source.text.len();
        let start = span.start.byte_offset().unwrap_or(end);
        self.bytes(start, span.end.byte_offset().unwrap_or(start))
    }

    fn bytes(&self, start: usize, end: usize) -> Place {
        let text = &self.source.text;
        let mut start = start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let mut end = end.clamp(start, text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let end = start + text[start..end].trim_end().len();
        Place { source: Arc::clone(self.source), start, end }
    }

    /// A node, and how many nodes it has in all.
    fn node<'e>(
        &mut self,
        event: Event<'e>,
        span: Span,
        events: &mut Events<'e>,
        depth: usize,
    ) -> Result<(Node, usize), Fault> {
        let mut place = self.place(span);
        if depth > MAX_DEPTH {
            return Err(Box::new(Diagnostic::new(format!("nested more than {MAX_DEPTH} deep")).at(&place)));
        }
        let (value, anchor, size) = match event {
            Event::Scalar(text, style, anchor, _) => {
                let plain = matches!(style, ScalarStyle::Plain);
                (if plain { plain_scalar(&text) } else { Value::Text(text.into_owned()) }, anchor, 1)
            }
            Event::Alias(id) => return self.alias(id, place),
            Event::SequenceStart(_, anchor, ..) => {
                let (items, size, end) = self.list(events, depth)?;
                place.end = end.max(place.start);
                (Value::List(items), anchor, size)
            }
            Event::MappingStart(_, anchor, ..) => {
                let (entries, size) = self.map(events, depth)?;
                (Value::Map(entries), anchor, size)
            }
            _ => return Err(Box::new(Diagnostic::new("a value was expected here").at(&place))),
        };
        let node = Node { value, place };
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok((node, size))
    }

    fn alias(&mut self, id: usize, place: Place) -> Result<(Node, usize), Fault> {
        let Some((node, size)) = self.anchors.get(&id) else {
            return Err(Box::new(Diagnostic::new("this alias stands inside the value that it names").at(&place)));
        };
        self.aliased = self.aliased.saturating_add(*size);
        if self.aliased > MAX_ALIASED {
            let fault = Diagnostic::new(format!("aliases expand to more than {MAX_ALIASED} values")).at(&place);
            return Err(Box::new(fault.hint("write the values out, or put them into `params` and interpolate them")));
        }
        Ok((Node { value: node.value.clone(), place }, *size))
    }

    fn list<'e>(&mut self, events: &mut Events<'e>, depth: usize) -> Result<(Vec<Node>, usize, usize), Fault> {
        let (mut items, mut size) = (Vec::new(), 1);
        loop {
            match self.next(events)? {
                (Event::SequenceEnd, span) => return Ok((items, size, self.place(span).end)),
                (event, span) => {
                    let (item, item_size) = self.node(event, span, events, depth + 1)?;
                    size += item_size;
                    items.push(item);
                }
            }
        }
    }

    fn map<'e>(&mut self, events: &mut Events<'e>, depth: usize) -> Result<(Vec<Entry>, usize), Fault> {
        let (mut entries, mut size) = (Vec::<Entry>::new(), 1);
        let mut seen: HashMap<String, usize> = HashMap::new();
        loop {
            let (event, span) = self.next(events)?;
            if matches!(event, Event::MappingEnd) {
                return Ok((entries, size));
            }
            let place = self.place(span);
            let key = match event {
                Event::Scalar(text, ..) => text.into_owned(),
                _ => return Err(Box::new(Diagnostic::new("a key must be a plain word").at(&place))),
            };
            let (event, span) = self.next(events)?;
            let (value, value_size) = self.node(event, span, events, depth + 1)?;
            size += value_size + 1;
            if let Some(first) = seen.get(&key) {
                let fault = Diagnostic::new(format!("the key `{key}` stands twice")).at(&place);
                self.faults.push(fault.related(&entries[*first].place, "it stands here first"));
            } else {
                seen.insert(key.clone(), entries.len());
                entries.push(Entry { key, place, value });
            }
        }
    }
}

/// The value of a scalar without quotes, by YAML 1.2's core schema.
fn plain_scalar(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(value) = whole_number(text, digits) {
        return Value::Int(value);
    }
    let numeric = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.contains(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    match text.parse::<f64>() {
        Ok(value) if numeric && value.is_finite() => Value::Float(value),
        _ => Value::Text(text.to_owned()),
    }
}

fn whole_number(text: &str, digits: &str) -> Option<i64> {
    if let Some(hex) = text.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok().filter(|_| hex.chars().all(|c| c.is_ascii_hexdigit()));
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return i64::from_str_radix(octal, 8).ok().filter(|_| octal.chars().all(|c| c.is_digit(8)));
    }
    let plain = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
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
            "[1, -2, 0x10, 0o17, 1.5, 1e3, .5, '1', true, ~, null, 1.2.3, 12:30, no, -x, 1e, +3, inf, 9223372036854775808]",
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
            9.223372036854776e18
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
        fn no_text_makes_it_panic(text in "[ \\n\\ta-c:,*&{}\\[\\]'\"0-9#|>%@-]{0,200}") {
            let _ = parse(source(&text));
        }
    }
}
