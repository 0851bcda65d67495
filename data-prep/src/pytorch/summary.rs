//! What was found and what was left out, for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::rc::Rc;

use crate::pytorch::entry::Chosen;
use crate::pytorch::tensor::Tensor;

pub(crate) fn sentence(chosen: &Chosen<'_>) -> String {
    let bytes: u64 = chosen.tensors.values().filter_map(|tensor| tensor.bytes()).sum();
    let rest = match chosen.left_out.len() {
        0 => String::new(),
        count => format!(", {count} further entries left out"),
    };
    format!("{} tensors of {:.1} MB{rest}", chosen.tensors.len(), bytes as f64 / 1e6)
}

/// Names that begin as wrappers leave them; those who load them will not find them.
pub(crate) fn advice(chosen: &Chosen<'_>) -> Option<String> {
    ["module.", "_orig_mod.", "model."]
        .into_iter()
        .find(|begin| chosen.tensors.keys().all(|name| name.starts_with(begin)))
        .map(|begin| format!("all names begin with `{begin}`; `strip: {begin}` takes it off"))
}

pub(crate) fn text(chosen: &Chosen<'_>) -> String {
    let mut text = format!("{}.\n", sentence(chosen));
    if chosen.stripped > 0 {
        let _ = writeln!(text, "\nOf {} names the beginning was taken off.", chosen.stripped);
    }
    if !chosen.left_out.is_empty() {
        text.push_str("\nLeft out, since they are no tensors:\n\n");
        for (name, what) in &chosen.left_out {
            let _ = writeln!(text, "- `{name}`: {what}");
        }
    }
    let shared = shared(chosen);
    if !shared.is_empty() {
        text.push_str("\nThe same numbers under several names, written for each:\n\n");
        for names in shared {
            let _ = writeln!(text, "- `{}`", names.join("`, `"));
        }
    }
    text.push_str("\n| tensor | type | shape |\n|---|---|---|\n");
    for (name, tensor) in &chosen.tensors {
        let _ = writeln!(text, "| `{}` | {:?} | {:?} |", name.replace('|', "\\|"), tensor.dtype, tensor.shape);
    }
    text
}

/// Names of one view of one storage.
fn shared<'a>(chosen: &'a Chosen<'_>) -> Vec<Vec<&'a str>> {
    let view = |tensor: &Tensor| {
        let Tensor { storage, offset, shape, strides, .. } = tensor;
        (Rc::clone(&storage.key), storage.begin, *offset, shape.clone(), strides.clone())
    };
    let mut views: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for (name, tensor) in chosen.tensors.iter().filter(|(_, tensor)| tensor.numbers() != Some(0)) {
        views.entry(view(tensor)).or_default().push(name);
    }
    views.into_values().filter(|names| names.len() > 1).collect()
}
