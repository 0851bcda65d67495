//! The name of a pipeline: `name:`, else what its file is called, written so that it can be a folder's name.
//!
//! Two pipelines may have one name; the store tells them apart by their files.

use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::digest::Digest;
use crate::pipeline::definition::Definition;
use crate::pipeline::interpolate::Scope;
use crate::pipeline::reading::{Faults, bad_label, is_label};
use crate::pipeline::settings;

/// Longest name in bytes.
const LONGEST: usize = 100;

/// The name of a pipeline.
pub(crate) fn name(definition: &Definition, path: &Path, scope: &Scope<'_>, faults: &mut Faults) -> String {
    let Some(node) = &definition.name else { return of_file(path) };
    let name = settings::text(node, "name", scope, faults).unwrap_or_default();
    if !is_label(&name) {
        faults.push(bad_label("pipeline name", &name, &node.place));
    }
    name
}

/// Whether parameters may change the name.
pub(crate) fn varies(definition: &Definition) -> bool {
    definition.name.as_ref().and_then(|node| node.text()).is_some_and(|text| text.contains("${"))
}

/// What a file is called, without its ending. Letters and digits of all scripts stay, what else might trouble a shell or a
/// file system becomes `%XX`, and a long name is cut; no two files of a folder get one name.
fn of_file(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().as_bytes();
    let mut name = String::new();
    for chunk in stem.utf8_chunks() {
        for character in chunk.valid().chars() {
            let inside = !name.is_empty() && matches!(character, '.' | '-');
            if character.is_alphanumeric() || character == '_' || inside {
                name.push(character);
            } else {
                escape(&mut name, character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        escape(&mut name, chunk.invalid());
    }
    if name.len() <= LONGEST {
        return name;
    }
    let mut end = LONGEST - 9;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}~{}", &name[..end], &Digest::of(stem).to_string()[..8])
}

fn escape(name: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing into a string does not fail.
        let _ = write!(name, "%{byte:02X}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn files_have_names_of_their_own() {
        for (file, name) in [
            ("exp.yaml", "exp"),
            ("v1.2-b_c.yml", "v1.2-b_c"),
            ("my exp.yaml", "my%20exp"),
            ("my%20exp.yaml", "my%2520exp"),
            ("größe.yaml", "größe"),
            ("实验.yaml", "实验"),
            (".hidden.yaml", "%2Ehidden"),
            ("-x.yaml", "%2Dx"),
            ("..yaml", "%2E"),
            ("a@b~c[d].yaml", "a%40b%7Ec%5Bd%5D"),
            ("a\nb\u{1b}.yaml", "a%0Ab%1B"),
            ("gro\u{308}ße.yaml", "gro%CC%88ße"),
        ] {
            assert_eq!(of_file(Path::new("some/folder").join(file).as_path()), name);
        }
        assert_eq!(of_file(Path::new(OsStr::from_bytes(b"a\xff.yaml"))), "a%FF");
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let named = |length: usize, end: &str| of_file(Path::new(&format!("{}{end}.yaml", "ß".repeat(length))));
        assert_eq!(named(48, "xxxx").len(), 100);
        let (one, other) = (named(60, "a"), named(60, "b"));
        assert!(one.len() <= 100 && other.len() <= 100 && one != other && one[..80] == other[..80], "{one} {other}");
    }
}
