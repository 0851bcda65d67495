//! Here-documents: the word that ends one, and its lines.

use crate::shell::commands::{Document, Word};
use crate::shell::scan::{Scanner, Token};
use crate::shell::spot::Quoting;

impl Scanner {
    /// The word that ends a here-document.
    pub(super) fn document_end(&mut self, tabs: bool) -> Document {
        while self.take(' ') || self.take('\t') {}
        let mut word = Word::default();
        while let Some(Token::Char(c)) = self.peek() {
            if c.is_whitespace() || matches!(c, ';' | '&' | '|' | '<' | '>' | '(' | ')') {
                break;
            }
            self.at += 1;
            match c {
                '\'' => self.single(&mut word),
                '"' => self.double(&mut word),
                '\\' => self.escape(&mut word),
                c => word.text.push(c),
            }
        }
        Document { end: word.text, literal: word.quoted, tabs }
    }

    /// The lines of a here-document.
    pub(super) fn document(&mut self, document: &Document) {
        while self.at < self.tokens.len() {
            if self.ends_here(document) {
                return;
            }
            while let Some(token) = self.peek() {
                self.at += 1;
                match token {
                    Token::Char('\n') => break,
                    Token::Hole(hole) if document.literal => self.mark(hole, Quoting::HereLiteral, None),
                    Token::Char(_) if document.literal => {}
                    token => self.within_double(token, Quoting::Here, &mut Word::default()),
                }
            }
        }
    }

    /// Takes the line that ends a here-document, if it is the next one.
    fn ends_here(&mut self, document: &Document) -> bool {
        let rest = &self.tokens[self.at..];
        let line = rest.split(|token| *token == Token::Char('\n')).next().unwrap_or_default();
        let tabs = line.iter().take_while(|token| document.tabs && **token == Token::Char('\t')).count();
        let ends = line[tabs..].iter().copied().eq(document.end.chars().map(Token::Char));
        if ends {
            self.at += line.len() + usize::from(rest.len() > line.len());
        }
        ends
    }
}
