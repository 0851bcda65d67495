//! How a shell would read what is put into a script: where in its quotes each hole of the script lies.
//!
//! It knows as much of the grammar as tells quotes apart: substitutions, here-documents, comments, `case`. Where it
//! gets lost it says so, and nothing but plain words may then be put there.

use crate::shell::code::{Code, code};
use crate::shell::commands::{Commands, Word};
use crate::shell::spot::{Bit, Quoting, Spot};

/// Commands that take their words for code.
const EVALUATE: [&str; 6] = ["eval", "trap", "ssh", "parallel", "watch", "alias"];
/// Deepest nesting of substitutions that is followed.
const MAX_DEPTH: usize = 40;
/// All holes of a script, in order.
#[must_use]
pub fn scan<'a>(script: impl IntoIterator<Item = Bit<'a>>) -> Vec<Spot> {
    let mut tokens = Vec::new();
    let mut holes = 0;
    for bit in script {
        match bit {
            Bit::Text(text) => tokens.extend(text.chars().map(Token::Char)),
            Bit::Hole => {
                tokens.push(Token::Hole(holes));
                holes += 1;
            }
        }
    }
    let unsure = Spot { quoting: Quoting::Unsure, within: None, whole: false, next: None };
    let mut scanner = Scanner { tokens, at: 0, spots: vec![unsure; holes], depth: 0 };
    while scanner.at < scanner.tokens.len() {
        scanner.command(End::Text);
    }
    scanner.spots
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token {
    Char(char),
    Hole(usize),
}

/// What ends a command.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Text,
    Parenthesis,
    Backtick,
}

pub(super) struct Scanner {
    pub(super) tokens: Vec<Token>,
    pub(super) at: usize,
    spots: Vec<Spot>,
    depth: usize,
}

impl Scanner {
    pub(super) fn peek(&self) -> Option<Token> {
        self.tokens.get(self.at).copied()
    }

    fn char(&self, ahead: usize) -> Option<char> {
        match self.tokens.get(self.at + ahead) {
            Some(Token::Char(c)) => Some(*c),
            _ => None,
        }
    }

    /// Takes this character, if it is the next one.
    pub(super) fn take(&mut self, wanted: char) -> bool {
        let found = self.char(0) == Some(wanted);
        self.at += usize::from(found);
        found
    }

    pub(super) fn mark(&mut self, hole: usize, quoting: Quoting, word: Option<&mut Word>) {
        let next = self.char(0);
        self.spots[hole] = Spot { quoting, next, within: None, whole: false };
        if let Some(word) = word {
            word.holes.push(hole);
            word.text.push('\u{fffc}');
        }
    }

    /// One more level of substitution. False where it is too deep: then all that follows stays unsure.
    fn deeper(&mut self) -> bool {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.at = self.tokens.len();
        }
        self.depth <= MAX_DEPTH
    }

    fn command(&mut self, end: End) {
        let mut commands = Commands::default();
        while let Some(token) = self.peek() {
            self.at += 1;
            match token {
                Token::Hole(hole) => self.mark(hole, Quoting::Bare, Some(commands.word())),
                Token::Char('`') if end == End::Backtick => break,
                Token::Char(')') if end == End::Parenthesis && commands.cases == 0 => break,
                Token::Char(c) => self.code(c, &mut commands),
            }
        }
        self.end_command(&mut commands);
    }

    /// One character of code.
    fn code(&mut self, c: char, commands: &mut Commands) {
        match c {
            ' ' | '\t' => commands.end_word(),
            '#' if commands.word.is_none() => self.comment(),
            '\n' => {
                self.end_command(commands);
                for document in std::mem::take(&mut commands.documents) {
                    self.document(&document);
                }
            }
            ';' | '&' | '|' | ')' => self.end_command(commands),
            '<' | '>' => self.redirection(c, commands),
            '(' => {
                commands.end_word();
                self.nested(End::Parenthesis);
            }
            '\\' => self.escape(commands.word()),
            '\'' => self.single(commands.word()),
            '"' => self.double(commands.word()),
            '`' => {
                commands.word().expands = true;
                self.nested(End::Backtick);
            }
            '$' => self.dollar(false, commands.word()),
            c => commands.word().text.push(c),
        }
    }

    fn nested(&mut self, end: End) {
        if self.deeper() {
            self.command(end);
        }
        self.depth -= 1;
    }

    fn comment(&mut self) {
        while let Some(token) = self.peek().filter(|token| *token != Token::Char('\n')) {
            self.at += 1;
            if let Token::Hole(hole) = token {
                self.mark(hole, Quoting::Comment, None);
            }
        }
    }

    /// What stands behind a backslash is taken as it is; of a hole there, only the first character would be.
    pub(super) fn escape(&mut self, word: &mut Word) {
        match self.peek() {
            Some(Token::Hole(hole)) => {
                self.at += 1;
                self.mark(hole, Quoting::Unsure, Some(word));
            }
            Some(Token::Char('\n')) | None => self.at += 1,
            Some(Token::Char(c)) => {
                self.at += 1;
                word.quoted = true;
                word.text.push(c);
            }
        }
    }

    pub(super) fn single(&mut self, word: &mut Word) {
        word.quoted = true;
        while let Some(token) = self.peek() {
            self.at += 1;
            match token {
                Token::Char('\'') => return,
                Token::Char(c) => word.text.push(c),
                Token::Hole(hole) => self.mark(hole, Quoting::Single, Some(word)),
            }
        }
    }

    fn ansi(&mut self, word: &mut Word) {
        word.quoted = true;
        while let Some(token) = self.peek() {
            self.at += 1;
            match token {
                Token::Char('\'') => return,
                Token::Char('\\') => self.escape(word),
                Token::Char(c) => word.text.push(c),
                Token::Hole(hole) => self.mark(hole, Quoting::Ansi, Some(word)),
            }
        }
    }

    pub(super) fn double(&mut self, word: &mut Word) {
        word.quoted = true;
        while let Some(token) = self.peek() {
            self.at += 1;
            match token {
                Token::Char('"') => return,
                token => self.within_double(token, Quoting::Double, word),
            }
        }
    }

    /// One token of what is read as within `"…"`.
    pub(super) fn within_double(&mut self, token: Token, quoting: Quoting, word: &mut Word) {
        match token {
            Token::Char('\\') => self.escape(word),
            Token::Char('`') => {
                word.expands = true;
                self.nested(End::Backtick);
            }
            Token::Char('$') => self.dollar(true, word),
            Token::Char(c) => word.text.push(c),
            Token::Hole(hole) => self.mark(hole, quoting, Some(word)),
        }
    }

    /// What stands behind a dollar sign.
    fn dollar(&mut self, in_double: bool, word: &mut Word) {
        match self.peek() {
            Some(Token::Hole(hole)) => {
                self.at += 1;
                self.mark(hole, Quoting::Unsure, Some(word));
            }
            Some(Token::Char('(')) => {
                self.at += 1;
                word.expands = true;
                if self.take('(') { self.arithmetic(word) } else { self.nested(End::Parenthesis) }
            }
            Some(Token::Char('{')) => {
                self.at += 1;
                word.expands = true;
                if self.deeper() {
                    self.parameter(in_double, word);
                }
                self.depth -= 1;
            }
            Some(Token::Char('\'')) if !in_double => {
                self.at += 1;
                self.ansi(word);
            }
            _ => word.text.push('$'),
        }
    }

    /// The rest of `${…}`.
    fn parameter(&mut self, in_double: bool, word: &mut Word) {
        let quoting = if in_double { Quoting::Double } else { Quoting::Bare };
        while let Some(token) = self.peek() {
            self.at += 1;
            match token {
                Token::Char('}') => return,
                Token::Char('"') => self.double(word),
                Token::Char('\'') if !in_double => self.single(word),
                token => self.within_double(token, quoting, word),
            }
        }
    }

    /// The rest of `$((…))`.
    fn arithmetic(&mut self, word: &mut Word) {
        let mut open = 2;
        while let Some(token) = self.peek().filter(|_| open > 0) {
            self.at += 1;
            match token {
                Token::Char('(') => open += 1,
                Token::Char(')') => open -= 1,
                token => self.within_double(token, Quoting::Arithmetic, word),
            }
        }
    }

    fn redirection(&mut self, c: char, commands: &mut Commands) {
        commands.end_word();
        if c == '<' && self.char(0) == Some('<') && self.char(1) != Some('<') {
            self.at += 1;
            let tabs = self.take('-');
            let document = self.document_end(tabs);
            commands.documents.push(document);
            return;
        }
        while self.take('<') || self.take('>') || self.take('&') || self.take('|') {}
        // `<(…)` is a substitution.
        commands.redirects = self.char(0) != Some('(');
    }

    /// The end of a command: words that it takes for code are told.
    fn end_command(&mut self, commands: &mut Commands) {
        commands.end_word();
        let words = std::mem::take(&mut commands.words);
        if words.iter().all(|word| word.holes.is_empty()) {
            return;
        }
        let known: Vec<Option<&str>> =
            words.iter().map(|word| Some(word.text.as_str()).filter(|_| word.holes.is_empty())).collect();
        let evaluates = known[0].is_some_and(|name| EVALUATE.contains(&name));
        for (position, (word, language)) in words.iter().zip(code(&known)).enumerate() {
            let language = if evaluates && position > 0 { Some(Code::Shell) } else { language };
            let whole = word.text.chars().count() == 1 && !word.expands;
            for hole in &word.holes {
                self.spots[*hole].within = language;
                self.spots[*hole].whole = whole;
            }
        }
    }
}
