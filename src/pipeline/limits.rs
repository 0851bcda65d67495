//! Bounds on a pipeline as a whole. They are looked at before anything is made of it, and blamed on what stands in the
//! file, so that nothing breaks them in the middle of a run.

use std::collections::HashMap;
use std::path::Path;
use std::sync::LazyLock;

use rustix::process::{Resource, getrlimit};
use serde_json::{Map, Value as Json};

use crate::diagnostic::{Diagnostic, Place};
use crate::graph::{ByName, Instance, Piece, Source};
use crate::pipeline::reading::Faults;
use crate::pipeline::stage::StageDefinition;
use crate::yaml::Entry;

/// Most instances of all stages.
pub(crate) const INSTANCES: usize = 1_000_000;
/// Most inputs of all instances; each member of a fan-in counts.
pub(crate) const INPUTS: usize = 5_000_000;
/// Most bytes of text that parameters, and the words, values and variables of all instances have.
pub(crate) const TEXT: usize = 512 << 20;
/// Largest parameter, and largest text, once its references are replaced, in bytes.
pub(crate) const VALUE: usize = 64 << 20;
/// Longest name of an instance. Logs and folders are named by it, with a few letters more, and a file's name has 255.
const NAME: usize = 240;
/// Longest word of a command, and longest variable: Linux allows 128 KiB with a zero byte at the end.
const WORD: usize = (128 << 10) - 1;
/// Faults after which no more are looked for: a hundred are shown.
pub(crate) const FAULTS: usize = 200;
/// What stands in the path of an input besides the root, its name and its label: `/artifacts/attempts/r-abcdef/1/in//`.
const IN_PATH: usize = 36;

/// Whether the names of a stage's instances are short enough. `axes` are its axes, and their longest labels.
pub(crate) fn name<'a>(stage: &StageDefinition, axes: impl Iterator<Item = (&'a Entry, usize)>, faults: &mut Faults) {
    // `[`, `]` or `,`, and `=`.
    let axes: Vec<_> = axes.map(|(entry, label)| (entry, entry.key.len() + label + 2)).collect();
    let length = stage.name.len() + axes.iter().map(|(_, length)| length).sum::<usize>() + 1;
    if length <= NAME {
        return;
    }
    let message =
        format!("instances of stage `{}` would have names of {length} letters; {NAME} is the most", stage.name);
    let (place, hint) = match axes.iter().rev().max_by_key(|(_, length)| *length) {
        Some((longest, _)) => {
            (&longest.place, "shorten labels, or names of axes; a value that is a map has its `name` as label")
        }
        None => (&stage.place, "shorten the namespaces that files are included under"),
    };
    faults.push(Diagnostic::new(message).at(place).hint(hint));
}

/// Whether the stages have few enough instances together.
pub(crate) fn instances(sizes: &[(&StageDefinition, usize)], faults: &mut Faults) -> bool {
    let all = sizes.iter().fold(0_usize, |all, (_, size)| all.saturating_add(*size));
    let Some((stage, size)) = sizes.iter().rev().max_by_key(|(_, size)| *size).filter(|_| all > INSTANCES) else {
        return true;
    };
    let many = |count: usize| if count == usize::MAX { "countless".to_owned() } else { count.to_string() };
    let message = format!("the pipeline would have {} instances; {INSTANCES} are the most", many(all));
    let place = stage.each.first().map_or(&stage.place, |axis| &axis.place);
    let hint = format!("stage `{}` has {} of them: have each do more, or part the pipeline", stage.name, many(*size));
    faults.push(Diagnostic::new(message).at(place).hint(hint));
    false
}

/// Whether no two instances, nor two outputs or inputs of one, have names that differ in case alone: where the file
/// system does not tell them apart, one would be put in the other's place.
pub(crate) fn cases(instances: &[Instance], faults: &mut Faults) {
    let mut names = HashMap::new();
    for instance in instances {
        twice(&mut names, &instance.name, "instances", instance, faults);
        twice_each(instance.outputs.keys(), "outputs", instance, faults);
        twice_each(instance.inputs.keys(), "inputs", instance, faults);
    }
}

fn twice_each<'a>(of: impl Iterator<Item = &'a String>, what: &str, instance: &Instance, faults: &mut Faults) {
    let mut names = HashMap::new();
    of.for_each(|name| twice(&mut names, name.as_str(), what, instance, faults));
}

fn twice<'a>(
    names: &mut HashMap<String, &'a str>,
    name: &'a str,
    what: &str,
    instance: &Instance,
    faults: &mut Faults,
) {
    if let Some(first) = names.insert(name.to_lowercase(), name) {
        let message = format!("{what} `{first}` and `{name}` have one name on this file system");
        faults
            .push(Diagnostic::new(message).at(&instance.place).hint("name them so that they differ in more than case"));
    }
}

/// What all instances so far have in them.
#[derive(Default)]
pub(crate) struct Sum {
    inputs: usize,
    text: usize,
}

impl Sum {
    /// Whether there are too many.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.inputs > INPUTS || self.text > TEXT
    }

    /// Adds an instance; a fault if it is one too many.
    pub(crate) fn add(&mut self, stage: &StageDefinition, inputs: usize, text: usize) -> Option<Diagnostic> {
        self.inputs = self.inputs.saturating_add(inputs);
        self.text = self.text.saturating_add(text);
        if self.inputs > INPUTS {
            let fault = Diagnostic::new(format!("the instances of the pipeline would have more than {INPUTS} inputs"));
            let place = stage.inputs.first().map_or(&stage.place, |input| &input.place);
            return Some(fault.at(place).hint("gather once, by a stage that the others read"));
        }
        (self.text > TEXT).then(|| {
            let message = format!("the instances of the pipeline would hold more than {} MiB of text", TEXT >> 20);
            Diagnostic::new(message).at(&stage.place).hint("have stages read long texts from files")
        })
    }
}

/// Whether a variable is short enough.
pub(crate) fn variable(name: &str, value: &str, place: &Place, faults: &mut Faults) {
    let length = name.len() + 1 + value.len();
    if length > WORD {
        let message = format!("variable `{name}` has {length} bytes with its name; {WORD} are the most");
        faults.push(Diagnostic::new(message).at(place).hint("have the program read it from a file"));
    }
}

/// Whether a command and each of its words are short enough, as far as that is known before paths are put in.
pub(crate) fn command<'w>(
    words: impl Iterator<Item = (&'w Vec<Piece>, &'w Place)>,
    (inputs, with): (&ByName<Source>, &Map<String, Json>),
    root: &Path,
    run: &Place,
    faults: &mut Faults,
) {
    let most = arguments();
    let mut length = 0_usize;
    for (word, place) in words {
        let (count, bytes) = size(word, (inputs, with), root);
        if count == 1 && bytes > WORD {
            let message = format!("a word of a command has {WORD} bytes at most, and this one {bytes}");
            faults.push(Diagnostic::new(message).at(place).hint("have the program read it from a file"));
        }
        let before = length;
        length += bytes + count * (1 + size_of::<usize>());
        if before <= most && length > most {
            let message = format!("the command has at least {length} bytes with this; the system takes {most}");
            let hint = match count {
                1 => "have the program read it from a file",
                _ => "gather in several steps, each of a part",
            };
            faults.push(Diagnostic::new(message).at(if count == 1 { run } else { place }).hint(hint));
        }
    }
}

/// How many words one becomes, and the bytes of all: at least so many where paths are put in later.
fn size(word: &[Piece], (inputs, with): (&ByName<Source>, &Map<String, Json>), root: &Path) -> (usize, usize) {
    let path = |name: &str, label: &str, source: &Source| match source {
        Source::File { path, .. } => path.as_os_str().len(),
        _ => root.as_os_str().len() + IN_PATH + name.len() + label.len(),
    };
    let input = |name: &str| match inputs.get(name) {
        Some(Source::Many(members)) => {
            (members.len(), members.iter().map(|(label, member)| path(name, label, member)).sum::<usize>())
        }
        Some(source) => (1, path(name, "", source)),
        None => (1, 0),
    };
    if let [Piece::In(name)] = word {
        return input(name);
    }
    let bytes = word.iter().map(|piece| match piece {
        Piece::Text(text) => text.len(),
        Piece::With(name) => with.get(name).and_then(Json::as_str).map_or(1, str::len),
        Piece::Out(name) => root.as_os_str().len() + IN_PATH + name.len(),
        // The words of a list stand in the script, with spaces between them.
        Piece::In(name) | Piece::Quoted(name) => match with.get(name).filter(|_| !inputs.contains_key(name)) {
            Some(value) => value.as_str().map_or(1, str::len),
            None => {
                let (count, bytes) = input(name);
                bytes + count.saturating_sub(1)
            }
        },
    });
    (1, bytes.sum())
}

/// Bytes of arguments and variables that this system lets a program have.
fn arguments() -> usize {
    const LEAST: usize = 128 << 10;
    if cfg!(not(target_os = "linux")) {
        return 1 << 20;
    }
    // Linux: a quarter of the stack, and three quarters of 8 MiB at most. Asked once, not for each of many stages.
    static STACK: LazyLock<usize> = LazyLock::new(|| {
        getrlimit(Resource::Stack).current.map_or(usize::MAX, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX))
    });
    (*STACK / 4).clamp(LEAST, 6 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_exceeded_once_it_is() {
        let mut sum = Sum::default();
        assert!(sum.inputs == 0 && arguments() >= 128 << 10);
        sum.inputs = INPUTS;
        let stage = crate::pipeline::stage::StageDefinition::new("a", Place::nowhere());
        assert!(sum.add(&stage, 0, TEXT).is_none());
        assert!(sum.add(&stage, 0, 1).is_some_and(|fault| fault.message.contains("512 MiB of text")));
        assert!(sum.add(&stage, 1, 0).is_some_and(|fault| fault.message.contains("5000000 inputs")));
    }

    #[test]
    fn names_that_differ_in_case_alone_are_told_where_that_matters() {
        let text = "stages:
  a: { each: { x: [b, B] }, run: [touch, '{out.o}', '{out.O}'], out: { o: , O: } }
";
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let path = folder.path().join("p.yaml");
        fs_err::write(&path, text).unwrap_or_else(|error| panic!("{error}"));
        struct None;
        impl crate::programs::ProgramResolver for None {
            fn describe(
                &self,
                _: &crate::programs::Listed,
            ) -> Result<crate::programs::Offered, crate::programs::ProgramError> {
                Err(crate::programs::ProgramError { message: String::new(), hint: Option::None })
            }
        }
        let request =
            crate::pipeline::LoadRequest { path: &path, overrides: &[], programs: &None, memory: Option::None };
        let loaded = crate::pipeline::load(&request).unwrap_or_else(|faults| panic!("{faults:?}"));
        let mut faults = Faults::new();
        cases(loaded.graph.instances(), &mut faults);
        let messages: Vec<&str> = faults.iter().map(|fault| fault.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "outputs `O` and `o` have one name on this file system",
                "instances `a[x=b]` and `a[x=B]` have one name on this file system",
                "outputs `O` and `o` have one name on this file system",
            ]
        );
    }
}
