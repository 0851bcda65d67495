//! Tables of words that people or models said of objects. Three forms of JSON are read:
//!
//! - a list of `{"annotation_id": 7, "words": ["red"]}` or `{"image_id": 1, "category": "car", "words": "red and white"}`
//!   (`category` by name or id), also as `{"words": [...]}`;
//! - colours in captions, `{"mentions": [{"image_id", "category_id", "colours", "only_instance_id"}]}`;
//! - answers to questions, `{"questions": [{"image_id", "about", "answer", "answers"}]}`, where `about` holds names of
//!   categories.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::coco::find::{Finder, Miss};
use crate::outside;

#[derive(Debug, thiserror::Error)]
pub(crate) enum WordsError {
    #[error("words `{table}`: {why}")]
    Read { table: String, why: String },
    #[error("words `{table}`: no JSON, or cut short: {why}")]
    Json { table: String, why: String },
    #[error("words `{0}`: neither a list of words, nor colours in captions (`mentions`), nor answers (`questions`)")]
    Form(String),
    #[error("words `{table}`, entry {entry}: {why}")]
    Entry { table: String, entry: usize, why: String },
}

/// A phrase said of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Said {
    /// Position of the object.
    pub(crate) object: usize,
    pub(crate) phrase: String,
}

/// What a table says, and how many of its entries say nothing that is of use here.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) source: String,
    pub(crate) entries: usize,
    pub(crate) said: Vec<Said>,
    pub(crate) misses: BTreeMap<Miss, usize>,
    /// All answers to each question, also where no object is meant: how far people agree among themselves.
    pub(crate) answers: Vec<Vec<String>>,
}

#[derive(Deserialize)]
struct Plain {
    annotation_id: Option<i64>,
    image_id: Option<i64>,
    #[serde(default)]
    category: Value,
    words: Value,
}

#[derive(Deserialize)]
struct Mention {
    image_id: i64,
    category_id: i64,
    colours: Vec<String>,
    only_instance_id: Option<i64>,
}

#[derive(Deserialize)]
struct Question {
    image_id: i64,
    about: String,
    answer: String,
    #[serde(default)]
    answers: Vec<String>,
}

/// The forms of tables.
#[derive(Clone, Copy)]
enum Form {
    Plain,
    Mentions,
    Questions,
}

/// What an entry says, and of which object, by its position.
type Heard = Result<(Result<usize, Miss>, Vec<String>), String>;

/// Reads a table. An answer on which fewer than `agreement` of the people agree counts as disputed.
pub(crate) fn read(path: &Path, source: &str, finder: &Finder<'_>, agreement: f64) -> Result<Table, WordsError> {
    let table = || source.to_owned();
    let text = outside::text(path).map_err(|why| WordsError::Read { table: table(), why })?;
    let document: Value = outside::json(&text).map_err(|why| WordsError::Json { table: table(), why })?;
    let (form, entries) = entries(&document).ok_or_else(|| WordsError::Form(table()))?;
    let mut found = Table { source: table(), entries: entries.len(), ..Table::default() };
    for (position, entry) in entries.iter().enumerate() {
        let heard = match form {
            Form::Plain => plain(entry, finder),
            Form::Mentions => mention(entry, finder),
            Form::Questions => question(entry, finder, agreement, &mut found.answers),
        };
        let (object, phrases) = heard.map_err(|why| WordsError::Entry { table: table(), entry: position + 1, why })?;
        match object {
            Ok(object) => found.said.extend(phrases.into_iter().map(|phrase| Said { object, phrase })),
            Err(miss) => *found.misses.entry(miss).or_default() += 1,
        }
    }
    Ok(found)
}

/// Which form a table has, and its entries.
fn entries(document: &Value) -> Option<(Form, &Vec<Value>)> {
    if let Value::Array(entries) = document {
        return Some((Form::Plain, entries));
    }
    let forms = [("words", Form::Plain), ("mentions", Form::Mentions), ("questions", Form::Questions)];
    forms.into_iter().find_map(|(key, form)| Some((form, document.get(key)?.as_array()?)))
}

fn parse<T: serde::de::DeserializeOwned>(entry: &Value) -> Result<T, String> {
    T::deserialize(entry).map_err(|e| e.to_string())
}

fn plain(entry: &Value, finder: &Finder<'_>) -> Heard {
    let entry: Plain = parse(entry)?;
    let words = match &entry.words {
        Value::String(words) => vec![words.clone()],
        Value::Array(_) => parse(&entry.words)?,
        _ => return Err("`words` is a text or a list of texts".to_owned()),
    };
    let object = match (entry.annotation_id, entry.image_id) {
        (Some(id), None) => finder.by_id(id),
        (None, Some(image)) => {
            let category = match &entry.category {
                Value::String(name) => finder.category_named(name).ok_or_else(|| format!("no category `{name}`"))?,
                Value::Number(id) => id.as_i64().ok_or_else(|| format!("no category {id}"))?,
                _ => return Err("an entry with `image_id` needs `category`".to_owned()),
            };
            finder.only(image, &[category])
        }
        _ => return Err("an entry has either `annotation_id`, or `image_id` and `category`".to_owned()),
    };
    Ok((object, words))
}

fn mention(entry: &Value, finder: &Finder<'_>) -> Heard {
    let entry: Mention = parse(entry)?;
    let object = match entry.only_instance_id {
        Some(id) => finder.by_id(id),
        None => finder.only(entry.image_id, &[entry.category_id]),
    };
    Ok((object, entry.colours))
}

fn question(entry: &Value, finder: &Finder<'_>, agreement: f64, asked: &mut Vec<Vec<String>>) -> Heard {
    let entry: Question = parse(entry)?;
    if !entry.answers.is_empty() {
        asked.push(entry.answers.clone());
    }
    let categories = finder.categories_in(&entry.about);
    if categories.is_empty() {
        return Ok((Err(Miss::Category), Vec::new()));
    }
    let object = finder.only(entry.image_id, &categories);
    let same = entry.answers.iter().filter(|answer| **answer == entry.answer).count();
    if object.is_ok() && (same as f64) < agreement * entry.answers.len() as f64 {
        return Ok((Err(Miss::Disputed), Vec::new()));
    }
    Ok((object, vec![entry.answer]))
}
