//! The table of synonyms: which word is merged into which of the five colours, and how a phrase is cut into such words.
//!
//! A CSV file with the columns `word` and `colour` (one of the five, or `none`); lines that begin with `#` are
//! comments.

use std::collections::BTreeMap;
use std::path::Path;

use crate::coco::attribute::{ATTRIBUTES, Attribute, NONE, name_of};
use crate::csv::{CsvError, columns};

#[derive(Debug, thiserror::Error)]
pub(crate) enum SynonymsError {
    #[error("synonyms: {0}")]
    Csv(#[from] CsvError),
    #[error("synonyms: `{word}` maps to two colours, {first} and {second}")]
    Twice { word: String, first: &'static str, second: &'static str },
    #[error("synonyms: `{word}` maps to `{colour}`, which is none of {known}, `none`")]
    Colour { word: String, colour: String, known: String },
    #[error("synonyms: row {0} has no word")]
    Empty(usize),
}

/// Word → number of its colour, 0 for none.
#[derive(Debug)]
pub(crate) struct Synonyms {
    words: BTreeMap<String, u8>,
    longest: usize,
}

impl Synonyms {
    pub(crate) fn read(path: &Path) -> Result<Self, SynonymsError> {
        let [words, colours] = columns(path, ["word", "colour"])?;
        let mut table: BTreeMap<String, u8> = BTreeMap::new();
        for (row, (word, colour)) in words.iter().zip(&colours).enumerate() {
            let word = normal(word);
            if word.is_empty() {
                return Err(SynonymsError::Empty(row + 1));
            }
            let colour = colour.trim().to_lowercase();
            let number = match Attribute::named(&colour) {
                Some(attribute) => attribute.number(),
                None if colour == NONE => 0,
                None => {
                    let known = ATTRIBUTES.map(|attribute| format!("`{}`", attribute.name())).join(", ");
                    return Err(SynonymsError::Colour { word, colour, known });
                }
            };
            if let Some(former) = table.insert(word.clone(), number).filter(|former| *former != number) {
                return Err(SynonymsError::Twice { word, first: name_of(former), second: name_of(number) });
            }
        }
        let longest = table.keys().map(|word| word.split(' ').count()).max().unwrap_or(0);
        Ok(Synonyms { words: table, longest })
    }

    /// The number of a word's colour; nothing if the word is unknown.
    pub(crate) fn get(&self, word: &str) -> Option<u8> {
        self.words.get(&normal(word)).copied()
    }

    /// A word as the table has it.
    pub(crate) fn normal(&self, word: &str) -> String {
        normal(word)
    }

    /// Cuts `black and light blue` into `black`, `light blue`: at commas, slashes and joining words, then the longest words
    /// of the table first. A part in which no word is known is one unknown word; in other parts what is left (`shirt`) is
    /// dropped.
    pub(crate) fn words_of(&self, phrase: &str) -> Vec<String> {
        let mut found = Vec::new();
        for part in parts(phrase) {
            let known = self.known_in(&part);
            if known.is_empty() { found.push(part.join(" ")) } else { found.extend(known) }
        }
        found.sort();
        found.dedup();
        found
    }

    fn known_in(&self, part: &[String]) -> Vec<String> {
        let mut known = Vec::new();
        let mut at = 0;
        while at < part.len() {
            let lengths = (1..=self.longest.min(part.len() - at)).rev();
            let word = lengths.map(|length| part[at..at + length].join(" ")).find(|w| self.words.contains_key(w));
            at += word.as_ref().map_or(1, |word| word.split(' ').count());
            known.extend(word);
        }
        known
    }
}

/// Lower case, hyphens as spaces, one space between words.
fn normal(word: &str) -> String {
    word.to_lowercase().replace('-', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The parts of a phrase between commas, slashes and joining words, each as a list of words.
fn parts(phrase: &str) -> Vec<Vec<String>> {
    const JOINS: [&str; 4] = ["and", "or", "with", "&"];
    let mut parts = vec![Vec::new()];
    for piece in phrase.split([',', '/', ';', '(', ')']) {
        for word in normal(&piece.replace('&', " & ")).split(' ') {
            let word = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '&');
            if JOINS.contains(&word) {
                parts.push(Vec::new());
            } else if let Some(part) = parts.last_mut().filter(|_| !word.is_empty()) {
                part.push(word.to_owned());
            }
        }
        parts.push(Vec::new());
    }
    parts.retain(|part| !part.is_empty());
    parts
}
