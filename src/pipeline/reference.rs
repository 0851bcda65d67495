//! The grammar of inputs: `file:PATH`, `STAGE.OUTPUT`, `STAGE[AXIS=LABEL].OUTPUT`, `STAGE[*].OUTPUT`. A stage of an
//! included file is written `NAMESPACE.STAGE`.

/// A parsed input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    /// A file or folder outside the store.
    File(String),
    /// Something that a stage leaves.
    Stage {
        /// Name of the stage, behind those of the namespaces that lead to it.
        stage: String,
        /// Which of its instances.
        which: Which,
        /// Name of the output, or `record`.
        output: String,
    },
}

/// Which instances of a stage are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The one with the reader's own labels, and these besides.
    One(Vec<(String, String)>),
    /// All over the axes that the reader lacks.
    All,
}

/// Parses an input. `is_space` tells whether a path, such as `dev.net`, is one of namespaces.
pub(crate) fn parse(text: &str, is_space: &dyn Fn(&str) -> bool) -> Result<Reference, String> {
    const FORM: &str = "inputs are written `stage.output`, `stage[*].output`, `stage.record` or `file:path`";
    if let Some(path) = text.strip_prefix("file:") {
        return match path {
            "" => Err("`file:` needs a path".into()),
            path if path.trim().is_empty() => Err(format!("`{text}` names no file; a path of spaces alone is none")),
            path => Ok(Reference::File(path.to_owned())),
        };
    }
    // A label may contain dots, so brackets are taken off first.
    let (stage, which, rest) = match text.split_once('[') {
        Some((stage, rest)) => {
            let (inside, rest) = rest.split_once(']').ok_or_else(|| format!("`{text}` has `[` without `]`"))?;
            (stage, selection(inside).ok_or_else(|| format!("`[{inside}]` is neither `[*]` nor `[axis=label]`"))?, rest)
        }
        None => {
            // An output's name may contain dots, a stage's may not.
            let mut dots = text.match_indices('.').map(|(at, _)| at);
            let (mut space, mut end) = (None, dots.next());
            while let Some(path) = end.map(|end| &text[..end]).filter(|path| is_space(path)) {
                (space, end) = (Some(path), dots.next());
            }
            let end = end.ok_or_else(|| match space {
                Some(space) => format!("`{space}` is a namespace: write `{space}.STAGE.OUTPUT`"),
                None => format!("`{text}` is no input; {FORM}"),
            })?;
            (&text[..end], Which::One(Vec::new()), &text[end..])
        }
    };
    match rest.strip_prefix('.') {
        Some(output) if !output.is_empty() && !stage.is_empty() => {
            Ok(Reference::Stage { stage: stage.to_owned(), which, output: output.to_owned() })
        }
        _ => Err(format!("`{text}` is no input; {FORM}")),
    }
}

/// Parts `STAGE.OUTPUT` or `STAGE[AXIS=LABEL].OUTPUT` into the instance as it is named and the output.
#[must_use]
pub fn instance_and_output<'t>(text: &'t str, is_space: &dyn Fn(&str) -> bool) -> Option<(&'t str, &'t str)> {
    let Ok(Reference::Stage { output, .. }) = parse(text, is_space) else { return None };
    let dot = text.len() - output.len() - 1;
    Some((&text[..dot], &text[dot + 1..]))
}

fn selection(inside: &str) -> Option<Which> {
    if inside == "*" {
        return Some(Which::All);
    }
    let pairs = inside.split(',').map(|pair| {
        let (axis, label) = pair.split_once('=')?;
        Some((axis.trim().to_owned(), label.trim().to_owned()))
    });
    pairs.collect::<Option<Vec<_>>>().map(Which::One)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn parse(text: &str) -> Result<Reference, String> {
        super::parse(text, &|path| matches!(path, "dev" | "dev.net"))
    }

    #[test]
    fn forms() {
        let stage = |which, output: &str| Reference::Stage { stage: "train".into(), which, output: output.into() };
        assert_eq!(parse("train.weights").unwrap(), stage(Which::One(vec![]), "weights"));
        assert_eq!(parse("train[*].record").unwrap(), stage(Which::All, "record"));
        let labels = vec![("net".to_owned(), "v1.5".to_owned()), ("device".to_owned(), "a".to_owned())];
        assert_eq!(parse("train[net=v1.5, device=a].weights").unwrap(), stage(Which::One(labels), "weights"));
        let of_dev =
            |name: &str| Reference::Stage { stage: name.into(), which: Which::One(vec![]), output: "a.b".into() };
        assert_eq!(parse("dev.profile.a.b").unwrap(), of_dev("dev.profile"));
        assert_eq!(parse("dev.net.profile.a.b").unwrap(), of_dev("dev.net.profile"));
        assert_eq!(parse("train.a.b").unwrap(), of_dev("train"));
        assert_eq!(parse("file:data/x.csv").unwrap(), Reference::File("data/x.csv".into()));
        for (text, parts) in [
            ("train.weights", ("train", "weights")),
            ("train.model.onnx", ("train", "model.onnx")),
            ("dev.profile.model.onnx", ("dev.profile", "model.onnx")),
            ("train[net=v1.5,device=a].model.onnx", ("train[net=v1.5,device=a]", "model.onnx")),
        ] {
            assert_eq!(instance_and_output(text, &|path| path == "dev"), Some(parts));
        }
        for wrong in ["train", "train.", ".x", "train[*]", "train[x].y", "file:data/x.csv", ""] {
            assert_eq!(instance_and_output(wrong, &|_| false), None, "{wrong}");
        }
        for wrong in ["train", "train.", ".x", "train[*]", "train[x].y", "train[*.y", "file:", "", "dev.x", "dev.net.x"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
