//! Where stages run: `executor`, and what `slurm` says besides their needs. None of it is in a key.

use crate::diagnostic::Diagnostic;
use crate::graph::{ExecutorName, SlurmOptions};
use crate::pipeline::interpolate::Scope;
use crate::pipeline::reading::{Faults, unknown_key};
use crate::pipeline::{settings, suggest};
use crate::yaml::{Entry, Node, Value};

const KEYS: [&str; 4] = ["partition", "account", "qos", "arguments"];

/// The executor that is named, if one is.
pub(crate) fn name(node: Option<&Node>, scope: &Scope<'_>, faults: &mut Faults) -> Option<ExecutorName> {
    let node = node?;
    let text = settings::text(node, "executor", scope, faults)?;
    let found = ExecutorName::of(&text);
    if found.is_none() {
        let fault = Diagnostic::new(format!("there is no executor `{text}`")).at(&node.place);
        let near = suggest::hint(&text, ExecutorName::ALL.iter().map(|name| name.as_str()));
        faults.push(fault.hint(near.unwrap_or_else(|| "stages run by `local` or `slurm`".into())));
    }
    found
}

/// What Slurm is told. Keys that are not there stay as they are in `options`.
pub(crate) fn slurm(entries: &[Entry], options: SlurmOptions, scope: &Scope<'_>, faults: &mut Faults) -> SlurmOptions {
    let mut options = options;
    for entry in entries {
        let node = &entry.value;
        match entry.key.as_str() {
            "partition" => options.partition = word(node, "partition", scope, faults),
            "account" => options.account = word(node, "account", scope, faults),
            "qos" => options.qos = word(node, "qos", scope, faults),
            "arguments" => options.arguments = arguments(node, scope, faults),
            _ => faults.push(unknown_key(entry, "`slurm`", &KEYS)),
        }
    }
    options
}

fn word(node: &Node, key: &str, scope: &Scope<'_>, faults: &mut Faults) -> Option<String> {
    let text = settings::text(node, key, scope, faults)?;
    if !text.is_empty() && !text.contains(char::is_whitespace) && !text.contains(char::is_control) {
        return Some(text);
    }
    faults.push(
        Diagnostic::new(format!("`{key}` is one word, but here stands `{}`", text.escape_debug())).at(&node.place),
    );
    None
}

fn arguments(node: &Node, scope: &Scope<'_>, faults: &mut Faults) -> Vec<String> {
    let Value::List(items) = &node.value else {
        let message = format!("`arguments` is a list, but here stands {}", node.value.what());
        faults.push(Diagnostic::new(message).at(&node.place).hint("write it as `[--constraint=skylake, --nice]`"));
        return Vec::new();
    };
    let mut words = Vec::new();
    for item in items {
        let Some(word) = settings::text(item, "arguments", scope, faults) else { continue };
        match refusal(&word) {
            Some((fault, hint)) => faults.push(Diagnostic::new(fault).at(&item.place).hint(hint)),
            None => words.push(word),
        }
    }
    words
}

/// Words of `sbatch` that are not a pipeline's to say, and where it is said instead.
const OWN: [(&str, &str); 22] = [
    ("array", ""),
    ("chdir", ""),
    ("cpus-per-task", "`needs: { cpus: N }`"),
    ("error", ""),
    ("export", "`pass`"),
    ("export-file", "`pass`"),
    ("help", ""),
    ("hold", ""),
    ("input", ""),
    ("job-name", ""),
    ("mem", "`needs: { memory: SIZE }`"),
    ("no-requeue", ""),
    ("nodes", ""),
    ("ntasks", ""),
    ("open-mode", ""),
    ("output", ""),
    ("parsable", ""),
    ("requeue", "`retries`"),
    ("test-only", ""),
    ("uid", ""),
    ("wait", ""),
    ("wrap", ""),
];

/// Why a word cannot be passed to `sbatch`, and what to do, if so.
fn refusal(word: &str) -> Option<(String, String)> {
    let name = word.strip_prefix("--").map(|rest| rest.split('=').next().unwrap_or(rest)).unwrap_or_default();
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        let hint = "write each as one word with two dashes, `--constraint=skylake`";
        return Some((format!("`{word}` is no argument of `sbatch`"), hint.into()));
    }
    // It takes every beginning of a name that only one has.
    let (_, instead) = OWN.iter().find(|(own, _)| own.starts_with(name))?;
    let hint = if instead.is_empty() { "leave it out".to_owned() } else { format!("say it by {instead}") };
    Some((format!("`{word}` is what `nnf` says to `sbatch` itself"), hint))
}

#[cfg(test)]
mod tests {
    use super::refusal;

    #[test]
    fn words_that_are_ours_or_none_are_refused() {
        for word in [
            "--constraint=skylake",
            "--nice",
            "--gpus-per-task=1",
            "--mem-per-cpu=4G",
            "--time=5",
            "--wait-all-nodes=1",
        ] {
            assert_eq!(refusal(word), None, "{word}");
        }
        for word in ["", "-C", "--", "skylake", "--=x", "-Cskylake", "run.sh", "--a b", "--con\u{1b}straint"] {
            assert!(refusal(word).is_some_and(|(fault, _)| fault.ends_with("is no argument of `sbatch`")), "{word}");
        }
        for word in ["--array=1-3", "--arr=1-3", "--wrap=x", "--output=o", "--mem=4G", "--job-name=x", "--requeue"] {
            assert!(refusal(word).is_some_and(|(fault, _)| fault.ends_with("to `sbatch` itself")), "{word}");
        }
        assert_eq!(refusal("--mem=4G").map(|found| found.1).as_deref(), Some("say it by `needs: { memory: SIZE }`"));
    }
}
