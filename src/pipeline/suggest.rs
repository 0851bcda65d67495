//! "Did you mean": the known name that is nearest to an unknown one.

/// Names that are compared: a pipeline may have very many, and as many slips.
const MOST: usize = 10_000;

/// The nearest of `known` to `wrong`, if it is near enough to be a slip.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let far = wrong.chars().count().div_ceil(3).max(1);
    known
        .into_iter()
        .take(MOST)
        .filter(|name| *name != wrong && name.len().abs_diff(wrong.len()) <= far * 4)
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .filter(|(distance, _)| *distance <= far)
        .min()
        .map(|(_, name)| name)
}

/// A hint that names the nearest, else all that are known.
pub(crate) fn hint<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(name) = nearest(wrong, known.clone()) {
        return Some(format!("did you mean `{name}`?"));
    }
    let all: Vec<&str> = known.into_iter().take(24).collect();
    (!all.is_empty()).then(|| format!("known: {}", all.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        assert_eq!(nearest("assmble", ["evaluate", "assemble"]), Some("assemble"));
        assert_eq!(nearest("trian", ["train", "drain"]), Some("train"));
        assert_eq!(nearest("zzz", ["train"]), None);
        assert_eq!(hint("zzz", ["a_long_name"]).as_deref(), Some("known: a_long_name"));
    }
}
