//! What of the project a word of a command names: a file or a folder, which the command may read, so that a key must know
//! its content.
//!
//! A word counts as a whole, behind the `=` of an option, and behind an `@`. What a script names that is given to a shell
//! is not looked for.

use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Place};
use crate::pipeline::files::{AllowedRoots, Kind, plain};

/// A file or a folder of the project that a word names.
pub(crate) struct Named {
    pub(crate) written: String,
    pub(crate) kind: Kind,
    path: PathBuf,
    real: PathBuf,
}

/// What a word names that lies in the project, by its name or because a link leads there.
pub(crate) fn named(word: &str, roots: &AllowedRoots) -> Option<Named> {
    let behind = word.split_once('=').map(|(_, behind)| behind);
    let at = [Some(word), behind].into_iter().flatten().filter_map(|text| text.strip_prefix('@')).next();
    [Some(word), behind, at].into_iter().flatten().find_map(|text| named_as(text, roots))
}

fn named_as(text: &str, roots: &AllowedRoots) -> Option<Named> {
    if text.is_empty() || text.len() > 1000 || text.contains(['\n', '\0']) {
        return None;
    }
    // As it is written: what stands before a `..` must be there, or a script that holds one would name a folder.
    let path = roots.root.join(text);
    let kind = roots.facts.kind(&path)?;
    let real = roots.facts.real(&path).ok()?;
    let path = plain(&path);
    let inside = path.starts_with(&roots.root) || real.starts_with(&roots.root);
    inside.then(|| Named { written: text.to_owned(), kind, path, real })
}

impl Named {
    /// Whether one of these, or a folder among them that holds it, is it.
    pub(crate) fn is_among<'a>(&self, listed: impl IntoIterator<Item = &'a PathBuf>, roots: &AllowedRoots) -> bool {
        let holds = |listed: &Path| {
            self.path.starts_with(listed) || roots.facts.real(listed).is_ok_and(|real| self.real.starts_with(real))
        };
        listed.into_iter().any(|listed| holds(listed))
    }

    /// That nothing lists it.
    pub(crate) fn fault(&self, what: &str, place: &Place, roots: &AllowedRoots) -> Diagnostic {
        let Named { written, kind, .. } = self;
        let fault =
            Diagnostic::new(format!("{what} names the {} `{written}`, which its key does not know", kind.word()));
        if self.path.starts_with(roots.root.join("artifacts")) {
            return fault
                .at(place)
                .hint("it lies in the store; what another stage made is read by `in: { NAME: stage.output }`");
        }
        let fault = fault.at(place).hint(format!(
            "list it under `code: [{written}]`, or as an input `in: {{ NAME: 'file:{written}' }}` and write `{{in.NAME}}`"
        ));
        match kind {
            Kind::Folder if !written.contains(['/', '.']) => fault.hint(
                "if it is a word that has the name of a folder by chance, give the command to a shell: `[sh, -c, '…']`",
            ),
            _ => fault,
        }
    }
}
