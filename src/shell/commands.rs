//! The commands of a script while they are read: the words so far, and what is to follow.

/// Words behind which a command begins.
const RESERVED: [&str; 10] = ["{", "!", "if", "then", "else", "elif", "while", "until", "do", "time"];
/// A word that is being read.
#[derive(Debug, Default)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) holes: Vec<usize>,
    pub(super) quoted: bool,
    /// Whether the shell puts something into it besides.
    pub(super) expands: bool,
}

/// Where a list of commands stands.
#[derive(Default)]
pub(super) struct Commands {
    pub(super) word: Option<Word>,
    pub(super) words: Vec<Word>,
    /// Whether the next word is the target of a redirection.
    pub(super) redirects: bool,
    pub(super) cases: usize,
    pub(super) documents: Vec<Document>,
}

/// A here-document that is to follow.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) end: String,
    pub(super) literal: bool,
    pub(super) tabs: bool,
}

impl Commands {
    pub(super) fn word(&mut self) -> &mut Word {
        self.word.get_or_insert_default()
    }

    pub(super) fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        let text = word.text.as_str();
        if !word.quoted && text == "esac" {
            self.cases = self.cases.saturating_sub(1);
        }
        if std::mem::take(&mut self.redirects) {
            return;
        }
        let first = self.words.is_empty() && !word.quoted;
        if first && text == "case" {
            self.cases += 1;
        }
        let assigns = text.split_once('=').is_some_and(|(name, _)| !name.is_empty() && name.chars().all(is_name));
        if !(first && (RESERVED.contains(&text) || assigns)) {
            self.words.push(word);
        }
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
