//! Why a stage must run: every difference between what it would do now and what it did last.
//!
//! It reads key documents and nothing else, part by part, so it cannot disagree with the keys.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::key::{KeyDocument, KeyInput};

/// The part of a key document that differs, in the order in which one is named first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// The kind's code, the command, or a listed file of code.
    Code,
    /// A parameter.
    Parameter,
    /// An input.
    Input,
    /// An environment variable.
    Environment,
    /// The machine.
    Machine,
    /// A declared output, or the form of the document.
    Declaration,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Which part.
    pub area: Area,
    /// Its name.
    pub name: String,
    /// The value then; none if there was none.
    pub old: Option<Json>,
    /// The value now; none if there is none.
    pub new: Option<Json>,
}

/// Why an instance is stale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It was asked for.
    Forced,
    /// It differs from the last record of the same instance. Never empty.
    Changed(Vec<Difference>),
    /// There is no record of it.
    NoRecord,
    /// Its record is here, but content of it that is needed is not, or is damaged.
    Missing(String),
}

/// What stands for a fan-in as a whole, beside its members.
const LIST: &str = "list";

/// All differences, sorted by area and name.
#[must_use]
pub fn differences(old: &KeyDocument, new: &KeyDocument) -> Vec<Difference> {
    let (mut old, new) = (leaves(old), leaves(new));
    let mut found: Vec<Difference> = new
        .into_iter()
        .filter_map(|((area, name), value)| {
            let before = old.remove(&(area, name.clone()));
            (before.as_ref() != Some(&value)).then_some(Difference { area, name, old: before, new: Some(value) })
        })
        .collect();
    found.extend(old.into_iter().map(|((area, name), value)| Difference { area, name, old: Some(value), new: None }));
    found.sort_by(|a, b| (a.area, &a.name).cmp(&(b.area, &b.name)));
    found
}

/// All parts of a document. A difference anywhere in it is a difference here.
fn leaves(document: &KeyDocument) -> BTreeMap<(Area, String), Json> {
    let mut leaves = BTreeMap::new();
    leaves.insert((Area::Declaration, "document".to_owned()), Json::from(document.version));
    if let Json::Object(work) = json(&document.work) {
        for (form, parts) in work {
            leaves.insert((Area::Code, "work".to_owned()), Json::from(form));
            if let Json::Object(parts) = parts {
                leaves.extend(parts.into_iter().map(|(name, value)| ((Area::Code, name), value)));
            }
        }
    }
    let part = |area: Area, map: Json| match map {
        Json::Object(map) => map.into_iter().map(|(name, value)| ((area, name), value)).collect::<Vec<_>>(),
        _ => Vec::new(),
    };
    leaves.extend(part(Area::Code, json(&document.code)));
    leaves.extend(part(Area::Parameter, json(&document.with)));
    leaves.extend(inputs(document));
    leaves.extend(part(Area::Environment, json(&document.env)));
    leaves.extend(part(Area::Machine, json(&document.machine)));
    leaves.extend(part(Area::Declaration, json(&document.outputs)));
    leaves
}

/// Inputs, the members of a fan-in one by one.
fn inputs(document: &KeyDocument) -> Vec<((Area, String), Json)> {
    let mut leaves = Vec::new();
    for (name, input) in &document.inputs {
        match input {
            KeyInput::Many(members) => {
                leaves.push(((Area::Input, name.clone()), Json::from(LIST)));
                for (label, member) in members {
                    leaves.push(((Area::Input, format!("{name}[{label}]")), json(member)));
                }
            }
            single => leaves.push(((Area::Input, name.clone()), json(single))),
        }
    }
    leaves
}

fn json(value: &impl Serialize) -> Json {
    serde_json::to_value(value).unwrap_or_default()
}

impl Reason {
    /// A short name of the cause, by which plan lines are grouped.
    #[must_use]
    pub fn cause(&self) -> String {
        match self {
            Reason::Forced => "forced".into(),
            Reason::NoRecord => "no record".into(),
            Reason::Missing(what) => what.clone(),
            Reason::Changed(differences) => match differences.first() {
                None => "no record".into(),
                Some(first) if differences.len() == 1 => first.to_string(),
                Some(first) => format!("{first} (and {} more)", differences.len() - 1),
            },
        }
    }
}

impl Difference {
    /// The difference with both values, where the sentence leaves them out for their length.
    #[must_use]
    pub fn in_full(&self) -> String {
        match (self.area, self.name.as_str(), &self.old, &self.new) {
            (Area::Code, "words", Some(old), Some(new)) => format!("{self}\n    from {old}\n    to   {new}"),
            _ => self.to_string(),
        }
    }

    /// Whether a person has written the values, and they say more than a digest.
    fn has_plain_values(&self) -> bool {
        matches!(self.area, Area::Parameter | Area::Environment | Area::Machine)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match (self.area, name.as_str()) {
            (Area::Code, "fingerprint") => return f.write_str("code changed"),
            (Area::Code, "words") => return f.write_str("command changed"),
            (Area::Code, "program") => return f.write_str("the command's program changed"),
            (Area::Code, "kind" | "work") => {}
            (Area::Code, _) => return write!(f, "code `{name}` changed"),
            _ => {}
        }
        let what = match self.area {
            Area::Code => "",
            Area::Parameter => "parameter ",
            Area::Input => "input ",
            Area::Environment => "variable ",
            Area::Machine => "machine's ",
            Area::Declaration => "declared ",
        };
        match (&self.old, &self.new) {
            (None, Some(new)) if self.has_plain_values() => write!(f, "{what}`{name}` is new ({})", short(new)),
            (Some(old), None) if self.has_plain_values() => write!(f, "{what}`{name}` is gone (it was {})", short(old)),
            (None, _) => write!(f, "{what}`{name}` is new"),
            (_, None) => write!(f, "{what}`{name}` is gone"),
            (Some(old), Some(_)) if self.area == Area::Input && old == LIST => {
                write!(f, "input `{name}` is no list any more")
            }
            (Some(_), Some(new)) if self.area == Area::Input && new == LIST => {
                write!(f, "input `{name}` is a list now")
            }
            (Some(old), Some(new)) if self.area == Area::Input => match (content(old), content(new)) {
                (Some(old), Some(new)) => write!(f, "input `{name}` has other content ({old} → {new})"),
                (Some(_), None) => write!(f, "input `{name}` is absent now"),
                (None, _) => write!(f, "input `{name}` is no longer absent"),
            },
            (Some(old), Some(new)) => write!(f, "{what}`{name}` changed from {} to {}", short(old), short(new)),
        }
    }
}

/// The short digest in the JSON form of an input.
fn content(input: &Json) -> Option<String> {
    input.get("content")?.get("digest")?.as_str().map(|digest| digest.chars().take(8).collect())
}

/// A value for people; whole in JSON output.
fn short(value: &Json) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 {
        return text;
    }
    format!("{}…", text.chars().take(59).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::key::{KeyOutput, KeyWork, tests::example};
    use crate::record::Form;
    use serde_json::json;

    /// One change in every part, and the sentence that tells it.
    #[test]
    fn every_single_change_makes_one_difference_and_another_key() {
        let base = example();
        let content = |text: &str| KeyInput::Content { digest: Digest::of(text.as_bytes()), form: Form::File };
        type Change = Box<dyn Fn(&mut KeyDocument)>;
        let changes: Vec<(&str, Change)> = vec![
            (
                "code changed",
                Box::new(|d| d.work = KeyWork::Kind { kind: "supernet.train".into(), fingerprint: "f2".into() }),
            ),
            (
                "`kind` changed from \"supernet.train\" to \"x\"",
                Box::new(|d| d.work = KeyWork::Kind { kind: "x".into(), fingerprint: "f1".into() }),
            ),
            (
                "parameter `steps` changed from 100 to 200",
                Box::new(|d| drop(d.with.insert("steps".into(), json!(200)))),
            ),
            ("parameter `new` is new", Box::new(|d| drop(d.with.insert("new".into(), json!(null))))),
            ("parameter `steps` is gone", Box::new(|d| drop(d.with.remove("steps")))),
            (
                "input `digits` has other content (",
                Box::new(move |d| drop(d.inputs.insert("digits".into(), content("other")))),
            ),
            (
                "input `digits` is a list now",
                Box::new(|d| drop(d.inputs.insert("digits".into(), KeyInput::Many(BTreeMap::new())))),
            ),
            ("input `digits` is absent now", Box::new(|d| drop(d.inputs.insert("digits".into(), KeyInput::Absent)))),
            ("input `warm` is no longer absent", Box::new(move |d| drop(d.inputs.insert("warm".into(), content("w"))))),
            (
                "input `many[device=b]` is new",
                Box::new(move |d| {
                    if let Some(KeyInput::Many(members)) = d.inputs.get_mut("many") {
                        members.insert("device=b".into(), content("b"));
                    }
                }),
            ),
            (
                "declared `log` is new",
                Box::new(|d| drop(d.outputs.insert("log".into(), KeyOutput { media: "t".into(), optional: true }))),
            ),
            (
                "variable `LC_ALL` changed from \"C\" to \"de\"",
                Box::new(|d| drop(d.env.insert("LC_ALL".into(), "de".into()))),
            ),
            (
                "code `tools/x.py` changed",
                Box::new(|d| {
                    d.code.insert("tools/x.py".into(), Digest::of(b"y"));
                }),
            ),
            ("declared `document` changed from 1 to 2", Box::new(|d| d.version = 2)),
        ];
        for (sentence, change) in changes {
            let mut changed = base.clone();
            change(&mut changed);
            let found = differences(&base, &changed);
            assert_eq!(found.len(), 1, "{sentence}: {found:?}");
            assert!(found[0].to_string().starts_with(sentence), "{} / {sentence}", found[0]);
            assert_ne!(base.key(), changed.key());
        }
        assert!(differences(&base, &base).is_empty());
    }

    #[test]
    fn code_is_named_before_parameters() {
        let mut changed = example();
        changed.with.insert("steps".into(), json!(5));
        changed.work = KeyWork::Kind { kind: "supernet.train".into(), fingerprint: "f2".into() };
        assert_eq!(Reason::Changed(differences(&example(), &changed)).cause(), "code changed (and 1 more)");
    }
}
