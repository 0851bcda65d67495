//! A place in a script where something is to be put, and how the shell reads what stands there.

use crate::shell::code::Code;

/// A part of a script.
#[derive(Clone, Copy, Debug)]
pub enum Bit<'a> {
    /// Text of the script.
    Text(&'a str),
    /// A place where something is to be put.
    Hole,
}

/// How the shell reads what stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoting {
    /// As code.
    Bare,
    /// Within `"…"`.
    Double,
    /// Within `'…'`.
    Single,
    /// Within `$'…'`.
    Ansi,
    /// In a here-document in which variables are replaced.
    Here,
    /// In a here-document that is taken as it is.
    HereLiteral,
    /// In a comment.
    Comment,
    /// In `$((…))`.
    Arithmetic,
    /// Not known.
    Unsure,
}

/// A hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// How the shell reads what stands there.
    pub quoting: Quoting,
    /// The language of the word that it stands in, if a program that the script calls takes that word for code.
    pub within: Option<Code>,
    /// Whether it is a word by itself, quotes apart.
    pub whole: bool,
    /// The character behind it.
    pub next: Option<char>,
}
