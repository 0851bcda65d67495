//! The language of tasks.
//!
//! ```text
//! either = both { "or" both }
//! both   = one { [ "and" ] one }
//! one    = "not" one | "(" either ")" | value
//! value  = word | word "=" word          (attribute=value)
//! word   = letters without spaces, `(`, `)`, `=` and `"` | "\"" anything but `"` "\""
//! ```
//!
//! So `crimson car` is `crimson and car`, and `red or white car` is `red or (white and car)`.

use crate::images::tasks::attributes::{Attributes, quoted};
use crate::images::tasks::formula::Formula;

/// Brackets and `not` lie no deeper in each other.
const DEEPEST: usize = 32;
const LONGEST: usize = 1000;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("task `{task}`, column {column}: {why}")]
pub(crate) struct GrammarError {
    pub(crate) task: String,
    /// From 1 on, in letters.
    pub(crate) column: usize,
    pub(crate) why: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    And,
    Or,
    Not,
    Open,
    Close,
    Equals,
}

struct Parser<'a> {
    attributes: &'a Attributes,
    tokens: Vec<(usize, Token)>,
    at: usize,
    end: usize,
    depth: usize,
}

/// A place and what is wrong there.
type Wrong = (usize, String);

pub(crate) fn parse(task: &str, attributes: &Attributes) -> Result<Formula, GrammarError> {
    let wrong = |(column, why): Wrong| GrammarError { task: task.chars().take(200).collect(), column: column + 1, why };
    let letters: Vec<char> = task.chars().collect();
    if letters.len() > LONGEST {
        return Err(wrong((LONGEST, format!("it is longer than {LONGEST} letters"))));
    }
    let tokens = tokens(&letters).map_err(wrong)?;
    let mut parser = Parser { attributes, tokens, at: 0, end: letters.len(), depth: 0 };
    let formula = parser.either().map_err(wrong)?;
    match parser.peek() {
        None => Ok(formula),
        Some(_) => Err(wrong((parser.place(), "here is a `)` without its `(`".into()))),
    }
}

fn tokens(letters: &[char]) -> Result<Vec<(usize, Token)>, Wrong> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(letter) = letters.get(at) {
        let begin = at;
        at += 1;
        let token = match letter {
            space if space.is_whitespace() => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            '=' => Token::Equals,
            '"' => {
                let length = letters[at..].iter().position(|letter| *letter == '"');
                let length = length.ok_or((begin, "a quotation begins here and never ends".to_owned()))?;
                at += length + 1;
                Token::Word(letters[begin + 1..at - 1].iter().collect::<String>().trim().to_owned())
            }
            _ => {
                let ends = |letter: &char| letter.is_whitespace() || matches!(letter, '(' | ')' | '=' | '"');
                at = letters[begin..].iter().position(ends).map_or(letters.len(), |length| begin + length);
                match letters[begin..at].iter().collect::<String>().as_str() {
                    "and" => Token::And,
                    "or" => Token::Or,
                    "not" => Token::Not,
                    word => Token::Word(word.to_owned()),
                }
            }
        };
        tokens.push((begin, token));
    }
    Ok(tokens)
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn place(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |(place, _)| *place)
    }

    fn either(&mut self) -> Result<Formula, Wrong> {
        let mut parts = vec![self.both()?];
        while self.peek() == Some(&Token::Or) {
            self.at += 1;
            parts.push(self.both()?);
        }
        Ok(joined(parts, Formula::Or))
    }

    fn both(&mut self) -> Result<Formula, Wrong> {
        let mut parts = vec![self.one()?];
        loop {
            match self.peek() {
                Some(Token::And) => self.at += 1,
                Some(Token::Word(_) | Token::Not | Token::Open) => {}
                _ => return Ok(joined(parts, Formula::And)),
            }
            parts.push(self.one()?);
        }
    }

    fn one(&mut self) -> Result<Formula, Wrong> {
        let place = self.place();
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err((place, format!("brackets and `not` lie more than {DEEPEST} deep in each other")));
        }
        let token = self.peek().cloned();
        self.at += 1;
        let formula = match token {
            Some(Token::Not) => Formula::Not(Box::new(self.one()?)),
            Some(Token::Open) => {
                let inner = self.either()?;
                if self.peek() != Some(&Token::Close) {
                    return Err((place, "this `(` has no `)`".into()));
                }
                self.at += 1;
                inner
            }
            Some(Token::Word(word)) => self.value(&word, place)?,
            other => return Err((place, needed(other.as_ref()))),
        };
        self.depth -= 1;
        Ok(formula)
    }

    /// `word`, or `word=word`.
    fn value(&mut self, first: &str, place: usize) -> Result<Formula, Wrong> {
        if self.peek() != Some(&Token::Equals) {
            return self.of_any(first, place);
        }
        self.at += 1;
        let of_value = self.place();
        let Some(Token::Word(name)) = self.peek().cloned() else {
            return Err((of_value, "a value is needed behind `=`".into()));
        };
        self.at += 1;
        let Some(attribute) = self.attributes.names.iter().position(|own| own == first) else {
            let names = self.attributes.names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            return Err((place, format!("there is no attribute `{first}`; there are {names}")));
        };
        let mut values = self.attributes.values.iter();
        match values.position(|value| value.attribute == attribute && value.name == name) {
            Some(value) => Ok(Formula::Value(value)),
            None => Err((of_value, format!("`{first}` has no value `{name}`{}", self.hint(&name, Some(attribute))))),
        }
    }

    /// A value that one attribute alone has.
    fn of_any(&self, name: &str, place: usize) -> Result<Formula, Wrong> {
        let own = self.attributes.values.iter().enumerate().filter(|(_, value)| value.name == name);
        let own: Vec<usize> = own.map(|(at, _)| at).collect();
        match own.as_slice() {
            [only] => Ok(Formula::Value(*only)),
            [] => Err((place, format!("no attribute has the value `{name}`{}", self.hint(name, None)))),
            several => {
                let forms: Vec<String> =
                    several.iter().map(|at| format!("`{}`", self.attributes.written(*at))).collect();
                Err((place, format!("several attributes have the value `{name}`; write {}", forms.join(" or "))))
            }
        }
    }

    /// What was meant, perhaps: a value that is written in another way, or one of several words.
    fn hint(&self, name: &str, attribute: Option<usize>) -> String {
        let values = self.attributes.values.iter();
        let names: Vec<&str> = values
            .filter(|value| attribute.is_none_or(|own| value.attribute == own))
            .map(|value| value.name.as_str())
            .collect();
        let lower = name.to_lowercase();
        let part = |value: &&&str| value.split_whitespace().any(|word| word.to_lowercase() == lower);
        let near = names.iter().map(|value| (strsim::damerau_levenshtein(&value.to_lowercase(), &lower), value));
        let near =
            near.min().filter(|(distance, _)| *distance <= (lower.chars().count() / 3).max(1)).map(|(_, value)| value);
        match near.or_else(|| names.iter().find(part)) {
            Some(value) => format!("; did you mean `{}`?", quoted(value)),
            None => String::new(),
        }
    }
}

fn joined(mut parts: Vec<Formula>, join: fn(Vec<Formula>) -> Formula) -> Formula {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => join(parts.into_iter().chain(last).collect()),
    }
}

fn needed(found: Option<&Token>) -> String {
    match found {
        None => "it ends where a value is needed".into(),
        Some(Token::Close) => "a value is needed before this `)`".into(),
        Some(Token::Equals) => "an attribute is needed before `=`".into(),
        Some(_) => "a value is needed here, between two words that join; put a value of that name into quotes".into(),
    }
}
