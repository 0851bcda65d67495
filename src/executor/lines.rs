//! What the lines of an events file say.
//!
//! Stages are written in languages whose JSON has numbers that JSON has not: Python prints `NaN`. Such a value is heard as
//! what it is, and so is all else in its line. Lines that are no events are counted, and told when the stage has ended.

use std::collections::BTreeMap;

use nnf_contract::Event;
use serde::Deserialize;
use serde_json::Value;

/// Longest line. A longer one counts as none.
pub(super) const MAX_LINE: usize = 8 << 20;
/// Most names in a sentence.
const NAMED: usize = 5;
/// Most metrics of which it is remembered that they are no numbers.
const MOST_ODD: usize = 1_000;

/// Puts lines together, and remembers what is to be told about them.
#[derive(Debug, Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
    /// The line at hand is too long; its remainder is skipped.
    skipping: bool,
    /// Lines so far, of them those that are no events, and what is wrong with the first.
    count: u64,
    unread: u64,
    first: Option<(u64, String)>,
    /// Metrics whose last value is no number that a record can hold, and that value.
    odd: BTreeMap<String, String>,
}

/// An event as it is read where it is no proper one.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Loose {
    Metrics {
        #[serde(default)]
        step: Option<Value>,
        values: BTreeMap<String, Value>,
    },
}

impl Lines {
    /// Adds bytes, and the events that they complete.
    pub(super) fn extend(&mut self, mut bytes: &[u8], found: &mut Vec<Event>) {
        while let Some(at) = bytes.iter().position(|byte| *byte == b'\n') {
            self.append(&bytes[..at]);
            self.end_of_line(found);
            bytes = &bytes[at + 1..];
        }
        self.append(bytes);
    }

    /// What is cut short at the end of a file is a line.
    pub(super) fn end_of_file(&mut self, found: &mut Vec<Event>) {
        if self.skipping || !self.rest.is_empty() {
            self.end_of_line(found);
        }
        self.count = 0;
    }

    /// The last line, and what there is to tell.
    pub(super) fn finish(&mut self, found: &mut Vec<Event>) {
        self.end_of_file(found);
        if let Some((line, why)) = self.first.take() {
            let lines = if self.unread == 1 {
                "line of its events is none and was"
            } else {
                "lines of its events are none and were"
            };
            let text = format!("{} {lines} left out; the first, line {line}: {why}", self.unread);
            found.push(Event::Note { text });
        }
        if !self.odd.is_empty() {
            let odd = std::mem::take(&mut self.odd);
            let named: Vec<String> =
                odd.iter().take(NAMED).map(|(name, value)| format!("`{name}` is {value}")).collect();
            let more = odd.len() - named.len();
            let more = if more > 0 { format!(", and so are {more} more") } else { String::new() };
            let text = format!(
                "no number that a record can hold: its last {}{more}; left out of the record",
                named.join(", ")
            );
            found.push(Event::Note { text });
        }
    }

    fn append(&mut self, bytes: &[u8]) {
        if self.skipping || self.rest.len() + bytes.len() > MAX_LINE {
            self.skipping = true;
            self.rest.clear();
        } else {
            self.rest.extend_from_slice(bytes);
        }
    }

    fn end_of_line(&mut self, found: &mut Vec<Event>) {
        self.count += 1;
        let line = std::mem::take(&mut self.rest);
        let read = match std::mem::take(&mut self.skipping) {
            true => Err(format!("it is longer than {} MiB", MAX_LINE >> 20)),
            false => self.read(&line),
        };
        match read {
            Ok(event) => found.extend(event),
            Err(why) => {
                self.unread += 1;
                self.first.get_or_insert((self.count, why));
            }
        }
    }

    fn read(&mut self, line: &[u8]) -> Result<Option<Event>, String> {
        let line = line.strip_prefix("\u{feff}".as_bytes()).filter(|_| self.count == 1).unwrap_or(line);
        if line.trim_ascii().is_empty() {
            return Ok(None);
        }
        let event = match serde_json::from_slice(line) {
            Ok(event) => event,
            Err(error) => self.read_loosely(line).ok_or_else(|| wrong(&error))?,
        };
        if let Event::Metrics { values, .. } = &event {
            self.odd.retain(|name, _| values.get(name).is_none_or(|value| !value.is_finite()));
        }
        Ok(Some(event))
    }

    /// A line of metrics of which some are no numbers of JSON.
    fn read_loosely(&mut self, line: &[u8]) -> Option<Event> {
        let text = quoted(std::str::from_utf8(line).ok()?);
        let Loose::Metrics { step, values } = serde_json::from_str(&text).ok()?;
        let values = values.into_iter().map(|(name, value)| {
            let number = number(&value);
            if !number.is_finite() && (self.odd.len() < MOST_ODD || self.odd.contains_key(&name)) {
                self.odd.insert(name.clone(), shown(&value));
            }
            (name, number)
        });
        let values = values.collect();
        Some(Event::Metrics { step: step.and_then(|step| step.as_u64()), values })
    }
}

fn wrong(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column", " at column")
}

/// A value as a number; what is none counts as none that a record can hold.
fn number(value: &Value) -> f64 {
    match value {
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
        Value::String(text) => match text.trim_start_matches('+').to_ascii_lowercase().as_str() {
            "inf" | "infinity" => f64::INFINITY,
            "-inf" | "-infinity" => f64::NEG_INFINITY,
            _ => f64::NAN,
        },
        _ => f64::NAN,
    }
}

fn shown(value: &Value) -> String {
    let text = match value {
        // Rust and JavaScript write it so.
        Value::Null => "null".to_owned(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    text.chars().take(40).collect()
}

/// JSON in which words that are neither of JSON's nor numbers that fit stand in quotes.
fn quoted(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_');
    let mut safe = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let end = match c {
            '"' => end_of_string(rest),
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (word, more) = rest.split_at(end);
        if is_word(c) && serde_json::from_str::<Value>(word).is_err() {
            safe.extend(["\"", word, "\""]);
        } else {
            safe.push_str(word);
        }
        rest = more;
    }
    safe
}

/// Where a string ends that begins a text.
fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The metrics of a line, and what is told at the end.
    fn metrics(line: &str) -> (Vec<String>, Vec<String>) {
        let (mut lines, mut found, mut told) = (Lines::default(), Vec::new(), Vec::new());
        lines.extend(format!("{line}\n").as_bytes(), &mut found);
        lines.finish(&mut told);
        let values = found.into_iter().flat_map(|event| match event {
            Event::Metrics { values, .. } => {
                values.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
            }
            event => vec![format!("{event:?}")],
        });
        let told =
            told.into_iter().filter_map(|event| if let Event::Note { text } = event { Some(text) } else { None });
        (values.collect(), told.collect())
    }

    #[test]
    fn finite_values_are_kept_and_others_are_told() {
        let of = |values: &str| metrics(&format!("{{\"event\": \"metrics\", \"step\": 3, \"values\": {{{values}}}}}"));
        let told =
            |what: &str| vec![format!("no number that a record can hold: its last {what}; left out of the record")];
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(of("\"a\": 0.5, \"loss\": NaN"), (words(&["a=0.5", "loss=NaN"]), told("`loss` is NaN")));
        let both = of("\"a\": -Infinity, \"b\": Infinity, \"c\": 2");
        assert_eq!(both, (words(&["a=-inf", "b=inf", "c=2"]), told("`a` is -Infinity, `b` is Infinity")));
        let others = of("\"a\": null, \"b\": \"x\", \"c\": {\"d\": [1]}, \"e\": 1e999, \"f\": true, \"g\": 1");
        assert_eq!(others.0, words(&["a=NaN", "b=NaN", "c=NaN", "e=NaN", "f=NaN", "g=1"]));
        assert_eq!(others.1, told("`a` is null, `b` is x, `c` is {\"d\":[1]}, `e` is 1e999, `f` is true"));
        assert_eq!(of("\"a NaN \\\" b\": 1, \"\": nan").0, words(&["=NaN", "a NaN \" b=1"]));
        assert_eq!(of("\"a\": 18446744073709551616").0, words(&["a=18446744073709552000"]));
    }

    #[test]
    fn what_is_no_event_is_counted() {
        for (line, why) in [
            ("hello", "expected value at column 1"),
            ("{\"event\":\"dance\"}", "unknown variant `dance`, expected one of `progress`, `metrics`, `note`"),
            ("{\"event\":\"progress\",\"done\":1}", "missing field `unit`"),
            ("{\"event\":\"metrics\",\"values\":[1]}", "invalid type: sequence, expected a map"),
            ("[NaN", "expected value at column 2"),
        ] {
            let told = metrics(line).1;
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(
                told[0].starts_with("1 line of its events is none and was left out; the first, line 1: "),
                "{told:?}"
            );
            assert!(told[0].contains(why), "{told:?}");
        }
        assert_eq!(metrics("\n  \r\n").1, Vec::<String>::new());
    }
}
