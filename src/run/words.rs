//! The words of a command as it is started: paths and parameters put in, into the scripts of shells as `shell` says.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use nnf_contract::TaskInput;
use serde_json::{Map, Value as Json};

use crate::graph::Piece;
use crate::run::attempts::Failure;
use crate::run::cause::Cause;
use crate::shell::{self, Bit, Code, Filler, Spot};

/// What the pieces of words stand for.
pub(super) struct Fillings<'a> {
    pub(super) with: &'a Map<String, Json>,
    pub(super) inputs: &'a BTreeMap<String, TaskInput>,
    pub(super) outputs: &'a BTreeMap<String, PathBuf>,
}

impl Fillings<'_> {
    /// The argv.
    pub(super) fn argv(&self, words: &[Vec<Piece>]) -> Result<Vec<OsString>, Failure> {
        let texts: Vec<Option<String>> = words.iter().map(|word| self.known(word)).collect();
        let code = shell::code(&texts.iter().map(Option::as_deref).collect::<Vec<_>>());
        let mut argv = Vec::with_capacity(words.len());
        for (word, code) in words.iter().zip(code) {
            match (word.as_slice(), code) {
                ([piece], _) => argv.extend(self.texts(piece)?),
                (pieces, Some(Code::Shell)) => argv.push(self.script(pieces)?),
                (pieces, _) => {
                    let texts = pieces.iter().map(|piece| self.texts(piece)).collect::<Result<Vec<_>, _>>()?;
                    argv.push(texts.into_iter().flatten().collect());
                }
            }
        }
        Ok(argv)
    }

    /// The text of a word, if it names no path.
    fn known(&self, word: &[Piece]) -> Option<String> {
        word.iter()
            .map(|piece| match piece {
                Piece::Text(text) => Some(text.clone()),
                Piece::With(name) | Piece::Quoted(name) => Some(written(&self.with[name])),
                Piece::In(_) | Piece::Out(_) => None,
            })
            .collect()
    }

    /// The script of a shell.
    fn script(&self, pieces: &[Piece]) -> Result<OsString, Failure> {
        let bits = pieces.iter().map(|piece| match piece {
            Piece::Text(text) => Bit::Text(text),
            _ => Bit::Hole,
        });
        let mut spots = shell::scan(bits).into_iter();
        let mut filler = Filler::default();
        let mut script = OsString::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => script.push(text),
                Piece::With(_) => {
                    spots.next();
                    script.extend(self.texts(piece)?);
                }
                piece => {
                    let spot = spots.next();
                    for (position, text) in self.texts(piece)?.iter().enumerate() {
                        script.push(if position > 0 { " " } else { "" });
                        script.push(put(&mut filler, text, spot, piece)?);
                    }
                }
            }
        }
        Ok(filler.finish(script))
    }

    /// What a piece stands for: of a list, several words.
    fn texts(&self, piece: &Piece) -> Result<Vec<OsString>, Failure> {
        Ok(match piece {
            Piece::Text(text) => vec![text.into()],
            Piece::In(name) => match self.inputs.get(name) {
                Some(TaskInput::One(path)) => vec![path.into()],
                Some(TaskInput::Many(list)) => list.iter().map(|member| member.path.clone().into()).collect(),
                None => {
                    let message = format!("its input `{name}` is absent, but its command names it");
                    return Err(Cause::Unready { text: message }.into());
                }
            },
            Piece::Out(name) => vec![self.outputs.get(name).cloned().unwrap_or_default().into()],
            Piece::With(name) | Piece::Quoted(name) => match &self.with[name] {
                Json::Array(items) => items.iter().map(|item| written(item).into()).collect(),
                value => vec![written(value).into()],
            },
        })
    }
}

fn put(filler: &mut Filler, text: &OsStr, spot: Option<Spot>, piece: &Piece) -> Result<OsString, Failure> {
    spot.and_then(|spot| filler.put(text, &spot)).ok_or_else(|| {
        let text = text.to_string_lossy();
        let what = match piece {
            Piece::In(name) => format!("{{in.{name}}}"),
            Piece::Out(name) => format!("{{out.{name}}}"),
            _ => "a parameter".into(),
        };
        let text = format!("`{text}`, put in for `{what}`, would be read as code by the shell");
        Cause::Unready { text }.into()
    })
}

fn written(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        value => value.to_string(),
    }
}
