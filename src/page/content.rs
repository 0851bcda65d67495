//! The content of outputs by their media types: text, tables, pictures; of what else there is the name and the size.
//!
//! Content is read in bounded pieces, and what is missing, damaged or left out is told.

use std::collections::BTreeSet;
use std::io::{BufReader, Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::page::html::Html;
use crate::page::limits::Limits;
use crate::page::markdown::markdown;
use crate::page::table::Table;
use crate::page::words::{bytes, count, plain};
use crate::page::{csv, parquet};
use crate::record::{Artifact, Form};
use crate::store::Store;

/// Most lines of a text that are shown, and most letters of a line.
const MOST_LINES: usize = 200;
const MOST_LETTERS: usize = 2_000;
/// Longest JSON that is put in order before it is shown.
const MAX_JSON: u64 = 4 << 20;

/// Shows contents, until the page has enough of them.
pub(super) struct Contents<'a> {
    store: &'a Store,
    limits: &'a Limits,
    /// Bytes of the page that contents have taken.
    taken: u64,
    /// What is on the page already.
    shown: BTreeSet<String>,
}

/// What kind of content it is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    Markdown,
    Separated(u8),
    Parquet,
    Picture(&'static str),
    Json,
    Text,
}

impl<'a> Contents<'a> {
    pub(super) fn new(store: &'a Store, limits: &'a Limits) -> Self {
        Contents { store, limits, taken: 0, shown: BTreeSet::new() }
    }

    /// Whether there is more to see of it than its name.
    pub(super) fn is_shown(artifact: &Artifact) -> bool {
        artifact.form != Form::Folder && shape(&artifact.media).is_some()
    }

    /// The content, under a name; a picture is described by `caption`. Headings within it begin at `level`.
    pub(super) fn show(&mut self, artifact: &Artifact, name: &str, caption: &str, level: usize) -> Html {
        let mut html = Html::default();
        let shape = shape(&artifact.media).filter(|_| artifact.form != Form::Folder);
        match shape {
            Some(_) if self.shown.contains(name) => html.remark("It is shown in the report above."),
            Some(_) if self.taken > self.limits.all_contents => {
                html.remark("Not shown: the page has enough content already. `nnf get` brings it.");
            }
            Some(shape) => match self.read(shape, artifact, (name, caption), level) {
                Ok(content) => {
                    self.shown.insert(name.to_owned());
                    html.append(&content);
                }
                Err(why) => html.remark(&format!("Not shown: {why}.")),
            },
            None if !self.store.content().is_here(artifact) => html.remark("Its content is not in the local store."),
            None => {}
        }
        self.taken += html.len() as u64;
        html
    }

    fn read(
        &self,
        shape: Shape,
        artifact: &Artifact,
        (name, caption): (&str, &str),
        level: usize,
    ) -> Result<Html, String> {
        let most = self.limits.content;
        if matches!(shape, Shape::Picture(_)) && artifact.size > most {
            return Err(format!(
                "it has {}, and pictures of more than {} are left out; `--max-embedded` sets the bound",
                bytes(artifact.size),
                bytes(most)
            ));
        }
        if artifact.size > most.max(MAX_JSON) && !self.store.content().is_here(artifact) {
            return Err(format!(
                "it has {}, and is not in the local store; `nnf pull` brings it",
                bytes(artifact.size)
            ));
        }
        let file = self.store.content().open(artifact).map_err(|error| error.to_string())?;
        let unreadable = |error: std::io::Error| format!("it cannot be read: {error}");
        let table = |table: Table| table.html(name);
        match shape {
            Shape::Separated(separator) => {
                csv::read(&mut BufReader::new(file), separator, self.limits.rows).map(table).map_err(unreadable)
            }
            Shape::Parquet => {
                parquet::read(file.into_file(), self.limits.rows).map(table).map_err(|error| error.to_string())
            }
            Shape::Picture(media) => {
                let mut picture = Vec::new();
                file.take(most).read_to_end(&mut picture).map_err(unreadable)?;
                let data = format!("data:{media};base64,{}", STANDARD.encode(picture));
                let mut html = Html::default();
                html.open("img", &[("src", &data), ("alt", caption)]);
                html.raw("\n");
                Ok(html)
            }
            Shape::Markdown | Shape::Json | Shape::Text => {
                let most = if shape == Shape::Json { most.max(MAX_JSON) } else { most };
                let mut start = Vec::new();
                file.take(most).read_to_end(&mut start).map_err(unreadable)?;
                let whole = start.len() as u64 >= artifact.size;
                Ok(text(shape, &String::from_utf8_lossy(&start), whole, artifact.size, level))
            }
        }
    }
}

fn shape(media: &str) -> Option<Shape> {
    let essence = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    Some(match essence.as_str() {
        "text/markdown" => Shape::Markdown,
        "text/csv" => Shape::Separated(b','),
        "text/tab-separated-values" => Shape::Separated(b'\t'),
        "application/vnd.apache.parquet" | "application/x-parquet" => Shape::Parquet,
        "image/svg+xml" => Shape::Picture("image/svg+xml"),
        "image/png" => Shape::Picture("image/png"),
        "image/jpeg" => Shape::Picture("image/jpeg"),
        "image/gif" => Shape::Picture("image/gif"),
        "image/webp" => Shape::Picture("image/webp"),
        "application/json" => Shape::Json,
        "application/x-ndjson" | "application/jsonl" | "application/yaml" | "application/toml" => Shape::Text,
        json if json.ends_with("+json") => Shape::Json,
        text if text.starts_with("text/") => Shape::Text,
        _ => return None,
    })
}

fn text(shape: Shape, text: &str, whole: bool, size: u64, level: usize) -> Html {
    let mut html = Html::default();
    match shape {
        Shape::Markdown => {
            html.append(&markdown(text, level));
            if !whole {
                html.remark(&format!("These are its first {} of {}.", bytes(text.len() as u64), bytes(size)));
            }
        }
        Shape::Json => {
            let parsed = if whole { serde_json::from_str::<serde_json::Value>(text).ok() } else { None };
            if parsed.is_none() && whole {
                html.remark("It is not JSON as a whole; this is its text.");
            }
            html.append(&match parsed.map(|value| pretty(&value)) {
                Some(first) => lines(&String::from_utf8_lossy(&first.text), first.lines + 1, whole, size),
                None => lines(text, text.lines().count(), whole, size),
            });
        }
        _ => {
            let text = plain(text);
            html.append(&lines(&text, text.lines().count(), whole, size));
        }
    }
    html
}

/// What is written to it, as far as it is shown, and the number of all line ends: indented, a deep document is many times
/// as long as it was.
#[derive(Default)]
struct First {
    text: Vec<u8>,
    lines: usize,
}

impl Write for First {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.lines < MOST_LINES {
            self.text.extend_from_slice(bytes);
        }
        self.lines += bytes.iter().filter(|byte| **byte == b'\n').count();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn pretty(value: &serde_json::Value) -> First {
    let mut first = First::default();
    // Nothing can go wrong: a value has a text, and the writer takes all.
    let _ = serde_json::to_writer_pretty(&mut first, value);
    first
}

/// The first lines of a text of so many; folded if they are many.
fn lines(text: &str, all: usize, whole: bool, size: u64) -> Html {
    let mut html = Html::default();
    let shown = all.min(MOST_LINES);
    let is_long = shown > 24;
    if is_long {
        html.raw("<details class=\"text\"><summary>");
        html.text(&match (whole, shown < all) {
            (true, false) => count(all, "line"),
            (true, true) => format!("First {shown} of {}", count(all, "line")),
            (false, _) => format!("First {shown} lines of {}", bytes(size)),
        });
        html.raw("</summary>\n");
    }
    html.raw("<pre tabindex=\"0\">");
    for line in text.lines().take(shown) {
        let letters: String = line.chars().take(MOST_LETTERS).collect();
        html.text(&letters);
        html.raw(if letters.len() < line.len() { "…\n" } else { "\n" });
    }
    html.raw("</pre>\n");
    if is_long {
        html.raw("</details>\n");
    } else if !whole {
        html.remark(&format!("This is the beginning of {}.", bytes(size)));
    }
    html
}
