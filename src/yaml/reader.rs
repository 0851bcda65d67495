//! From the events of the YAML library to a tree, with all faults of syntax.
//!
//! It does not read files.

use std::collections::HashMap;
use std::sync::Arc;

use serde_yaml::granit_parser::{Event, Parser, ScalarStyle, Span, Tag};

use crate::diagnostic::{Diagnostic, Place, Source};
use crate::yaml::node::{Entry, Node, Value};
use crate::yaml::scalar::{ScalarFault, check_collection, plain_scalar, tagged_scalar};

/// Deepest nesting.
const MAX_DEPTH: usize = 64;
/// Nodes that aliases may add. An alias of aliases grows without bound otherwise.
const MAX_ALIASED: usize = 100_000;
/// The key by which a map takes over the entries of others (YAML 1.1's merge key).
const MERGE: &str = "<<";

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

/// A text that is one word: a number or the like if it has the form of one, else text as it stands.
///
/// # Errors
/// When it is a number that does not fit.
pub fn word(text: &str, place: Place) -> Result<Node, Vec<Diagnostic>> {
    // An empty word is text; nothing at all is written `null` or `~`.
    let value = if text.is_empty() { Ok(Value::Text(String::new())) } else { plain_scalar(text) };
    match value {
        Ok(value) => Ok(Node { literal: literal_of(&value, text), value, place }),
        Err(fault) => Err(vec![explain(&fault, text).at(&place)]),
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
                    let fault = Diagnostic::new(message).at(&self.bytes(start, start));
                    let hint = error.info().contains("tab").then_some("YAML is indented by spaces");
                    return Err(Box::new(hint.into_iter().fold(fault, Diagnostic::hint)));
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
        let mut literal = None;
        let (value, anchor, size) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.as_deref().map(full);
                // The library puts a tilde where nothing stands.
                let text = if place.start == place.end { "" } else { &*text };
                if anchor != 0 && tag.is_none() && place.start == place.end {
                    let fault = Diagnostic::new("a mark with `&`, and nothing that it marks").at(&place);
                    self.faults.push(fault.hint("quote it if it is text that begins with `&`"));
                }
                let read = match &tag {
                    Some(tag) => tagged_scalar(text, tag),
                    None if matches!(style, ScalarStyle::Plain) => plain_scalar(text),
                    None => Ok(Value::Text(text.to_owned())),
                };
                let value = read.unwrap_or_else(|fault| {
                    self.faults.push(explain(&fault, text).at(&place));
                    Value::Text(text.to_owned())
                });
                literal = literal_of(&value, text);
                (value, anchor, 1)
            }
            Event::Alias(id) => return self.alias(id, place),
            Event::SequenceStart(_, anchor, tag) => {
                self.check_collection(tag.as_deref(), "seq", &place);
                let (items, size, end) = self.list(events, depth)?;
                place.end = end.max(place.start);
                (Value::List(items), anchor, size)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_collection(tag.as_deref(), "map", &place);
                let (entries, size) = self.map(events, depth)?;
                (Value::Map(entries), anchor, size)
            }
            _ => return Err(Box::new(Diagnostic::new("a value was expected here").at(&place))),
        };
        let node = Node { value, place, literal };
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok((node, size))
    }

    /// A list or a map may have its own tag and no other.
    fn check_collection(&mut self, tag: Option<&Tag>, own: &str, place: &Place) {
        if let Err(fault) = check_collection(tag.map(full).as_deref(), own) {
            self.faults.push(explain(&fault, if own == "seq" { "a list" } else { "a map" }).at(place));
        }
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
        Ok((Node { place, ..node.clone() }, *size))
    }

    fn list<'e>(&mut self, events: &mut Events<'e>, depth: usize) -> Result<(Vec<Node>, usize, usize), Fault> {
        let (mut items, mut size) = (Vec::new(), 1);
        loop {
            match self.next(events)? {
                (Event::SequenceEnd, span) => {
                    items.shrink_to_fit();
                    return Ok((items, size, self.place(span).end));
                }
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
        let mut seen = Seen::default();
        let mut merged: Option<Entry> = None;
        loop {
            let (event, span) = self.next(events)?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let place = self.place(span);
            let (key, merges) = match event {
                Event::Scalar(text, style, _, tag) => {
                    let tag = tag.as_deref().map(full);
                    let merges = text == MERGE && matches!(style, ScalarStyle::Plain) && tag.is_none();
                    if let Some(fault) = tag.and_then(|tag| tagged_scalar(&text, &tag).err()) {
                        self.faults.push(explain(&fault, &text).at(&place));
                    }
                    (text.into_owned(), merges)
                }
                _ => return Err(Box::new(Diagnostic::new("a key must be a plain word").at(&place))),
            };
            let (event, span) = self.next(events)?;
            let (value, value_size) = self.node(event, span, events, depth + 1)?;
            size += value_size + 1;
            let first = if merges { merged.as_ref() } else { seen.find(&key, &entries) };
            if let Some(first) = first {
                let mut fault = Diagnostic::new(format!("the key `{key}` stands twice")).at(&place);
                if merges {
                    fault = fault.hint("`<<: [*one, *two]` takes the entries of several maps");
                }
                self.faults.push(fault.related(&first.place, "it stands here first"));
            } else if merges {
                merged = Some(Entry { key, place, value });
            } else {
                entries.push(Entry { key, place, value });
            }
        }
        for entry in merged.map_or_else(Vec::new, |merged| self.entries(merged.value)) {
            if seen.find(&entry.key, &entries).is_none() {
                entries.push(entry);
            }
        }
        entries.shrink_to_fit();
        Ok((entries, size))
    }

    /// The entries of the map, or of the maps of the list, that a map takes over.
    fn entries(&mut self, node: Node) -> Vec<Entry> {
        let maps = match node.value {
            Value::List(maps) => maps,
            value => vec![Node { value, place: node.place, literal: None }],
        };
        let mut entries = Vec::new();
        for map in maps {
            match map.value {
                Value::Map(inner) => entries.extend(inner),
                _ => {
                    let fault = Diagnostic::new("`<<` takes the entries of a map, or of a list of maps").at(&map.place);
                    self.faults.push(fault.hint("mark a map with `&name` and take it with `<<: *name`"));
                }
            }
        }
        entries
    }
}

/// Which keys a map has so far. Most maps are so small that a look through them is all it takes.
#[derive(Default)]
struct Seen {
    positions: HashMap<String, usize>,
}

impl Seen {
    /// The entry of a key, if there is one.
    fn find<'e>(&mut self, key: &str, entries: &'e [Entry]) -> Option<&'e Entry> {
        const FEW: usize = 16;
        if entries.len() <= FEW {
            return entries.iter().find(|entry| entry.key == key);
        }
        for (position, entry) in entries.iter().enumerate().skip(self.positions.len()) {
            self.positions.insert(entry.key.clone(), position);
        }
        self.positions.get(key).map(|&position| &entries[position])
    }
}

/// A tag in full, its handle resolved.
fn full(tag: &Tag) -> String {
    format!("{}{}", tag.handle(), tag.suffix())
}

/// How a scalar is written, where its value reads otherwise.
fn literal_of(value: &Value, text: &str) -> Option<Box<str>> {
    let default = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => serde_json::Number::from_f64(*value)?.to_string(),
        Value::Text(_) | Value::List(_) | Value::Map(_) => return None,
    };
    (default != text).then(|| text.into())
}

/// What is wrong with a scalar that has no value, and what to do.
fn explain(fault: &ScalarFault, text: &str) -> Diagnostic {
    let quote = || format!("quote it if it is text: `\"{text}\"`");
    match fault {
        ScalarFault::TooLong => {
            Diagnostic::new(format!("the number `{text}` does not fit into 64 bits")).hint(quote())
        }
        ScalarFault::NotFinite => {
            Diagnostic::new(format!("`{text}` is no finite number of 64 bits")).hint(quote())
        }
        ScalarFault::NotOfTag(what) => Diagnostic::new(format!("the tag says that this is {what}, but it is {text}"))
            .hint("leave the tag out, or write a value that fits it"),
        ScalarFault::UnknownTag(tag) => Diagnostic::new(format!("there is no tag `{tag}`"))
            .hint("quote the text if it begins with `!`; tags are `!!str`, `!!int`, `!!float`, `!!bool`, `!!null`, `!!seq` and `!!map`"),
    }
}
