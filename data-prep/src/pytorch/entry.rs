//! The weights within a checkpoint: which dictionary they are, and the names of their tensors.

use std::collections::BTreeMap;

use crate::pytorch::tensor::Tensor;
use crate::pytorch::value::{Id, Value, Values};

#[derive(Debug, thiserror::Error)]
pub(crate) enum EntryError {
    #[error("{place} is {what}, not a dictionary of weights{advice}")]
    NoDictionary { place: String, what: String, advice: &'static str },
    #[error("{place} has no entry `{name}`; there are {there}")]
    Missing { place: String, name: String, there: String },
    #[error("{place} has no tensors{advice}")]
    NoTensors { place: String, advice: String },
    #[error("{place} has the tensor `{name}` twice{why}")]
    Twice { place: String, name: String, why: &'static str },
    #[error("{place} has a tensor under {what}; names of tensors are texts")]
    Key { place: String, what: String },
    #[error("{place} has a tensor whose name is {what}, which safetensors cannot hold; rename it before it is saved")]
    Name { place: String, what: &'static str },
}

/// The tensors, and what else stood beside them.
pub(crate) struct Chosen<'a> {
    pub(crate) tensors: BTreeMap<String, &'a Tensor>,
    /// Names and what they are.
    pub(crate) left_out: Vec<(String, String)>,
    /// How many names lost their beginning.
    pub(crate) stripped: usize,
}

/// How many names are listed in a message.
const SHOWN: usize = 12;

/// The tensors of the dictionary that `entry` leads to, without `strip` before their names.
///
/// # Errors
/// When there is no such dictionary, or it has no tensors, or two get one name.
pub(crate) fn choose<'a>(
    values: &'a Values,
    root: Id,
    entry: &[String],
    strip: &str,
) -> Result<Chosen<'a>, EntryError> {
    let mut dict = root;
    for (depth, name) in entry.iter().enumerate() {
        let found = entries(values, dict, &entry[..depth])?.iter().rev().find(|(key, _)| is(values, *key, name));
        dict = found.map(|(_, value)| *value).ok_or_else(|| EntryError::Missing {
            place: place(&entry[..depth]),
            name: name.clone(),
            there: listed(values, dict),
        })?;
    }
    let place = place(entry);
    let mut chosen = Chosen { tensors: BTreeMap::new(), left_out: Vec::new(), stripped: 0 };
    for (key, value) in entries(values, dict, entry)? {
        let Value::Tensor(tensor) = values.get(*value) else {
            let name = values.text(*key).map_or_else(|| values.describe(*key), |name| name.to_string());
            chosen.left_out.push((name, values.describe(*value)));
            continue;
        };
        let Some(full) = values.text(*key) else {
            return Err(EntryError::Key { place, what: values.describe(*key) });
        };
        let name = full.strip_prefix(strip).unwrap_or(full);
        if let Some(what) = unfit(name) {
            return Err(EntryError::Name { place, what });
        }
        let cut = name.len() < full.len();
        chosen.stripped += usize::from(cut);
        if chosen.tensors.insert(name.to_owned(), tensor).is_some() {
            let why = if strip.is_empty() { "" } else { " after `strip`" };
            return Err(EntryError::Twice { place, name: name.to_owned(), why });
        }
    }
    if chosen.tensors.is_empty() {
        return Err(EntryError::NoTensors { place, advice: where_else(values, dict, entry) });
    }
    Ok(chosen)
}

fn is(values: &Values, key: Id, name: &str) -> bool {
    match values.get(key) {
        Value::Text(text) => **text == *name,
        Value::Int(number) => number.to_string() == name,
        _ => false,
    }
}

fn unfit(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("empty"),
        "__metadata__" => Some("`__metadata__`"),
        _ if name.len() > 10_000 => Some("longer than 10,000 bytes"),
        _ => None,
    }
}

fn entries<'a>(values: &'a Values, id: Id, at: &[String]) -> Result<&'a [(Id, Id)], EntryError> {
    values.dict(id).ok_or_else(|| {
        let advice = match values.get(id) {
            Value::Other(_) => {
                ": it is a whole model, whose class would have to be run. Save its weights, by \
                                `torch.save(model.state_dict(), path)`"
            }
            Value::Tensor(_) => ": put it into one, by `torch.save({\"weight\": tensor}, path)`",
            _ => "",
        };
        EntryError::NoDictionary { place: place(at), what: values.describe(id), advice }
    })
}

fn place(entry: &[String]) -> String {
    match entry {
        [] => "the file".into(),
        names => format!("the entry `{}`", names.join("` of `")),
    }
}

/// Entries of a dictionary with what they are, as many as one can read.
fn listed(values: &Values, dict: Id) -> String {
    let all = values.dict(dict).unwrap_or_default();
    let name = |key: Id| values.text(key).map_or_else(|| values.describe(key), |name| format!("`{name}`"));
    let some: Vec<String> =
        all.iter().take(SHOWN).map(|(k, v)| format!("{} ({})", name(*k), values.describe(*v))).collect();
    match all.len().saturating_sub(SHOWN) {
        _ if all.is_empty() => "none".into(),
        0 => some.join(", "),
        more => format!("{} and {more} more", some.join(", ")),
    }
}

/// Where tensors are, if not here: entries of this dictionary, and of those in it.
fn where_else(values: &Values, dict: Id, entry: &[String]) -> String {
    let mut found = Vec::new();
    let tensors = |id: Id| {
        let own = values.dict(id).unwrap_or_default();
        own.iter().filter(|(_, value)| matches!(values.get(*value), Value::Tensor(_))).count()
    };
    let path = |names: &[&str]| {
        let all: Vec<&str> = entry.iter().map(String::as_str).chain(names.iter().copied()).collect();
        format!("`entry: [{}]`", all.join(", "))
    };
    for (key, value) in values.dict(dict).unwrap_or_default().iter().take(1000) {
        let Some(name) = values.text(*key) else { continue };
        if tensors(*value) > 0 {
            found.push(format!("{} has {}", path(&[name]), tensors(*value)));
        }
        for (inner, value) in values.dict(*value).unwrap_or_default().iter().take(1000) {
            if let Some(inner) = values.text(*inner).filter(|_| tensors(*value) > 0) {
                found.push(format!("{} has {}", path(&[name, inner]), tensors(*value)));
            }
        }
        if found.len() >= SHOWN {
            break;
        }
    }
    match found.as_slice() {
        [] => format!("; it holds {}", listed(values, dict)),
        found => format!(" of its own; {}", found.join(", ")),
    }
}
