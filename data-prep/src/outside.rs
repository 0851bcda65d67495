//! Files that people bring: what they hold, or in words why they cannot be read and what to do.

use std::path::Path;

use nnf_contract::unusable;
use serde::de::DeserializeOwned;

/// The text of a file, without the mark that some editors put before it.
pub(crate) fn text(path: &Path) -> Result<String, String> {
    let name = path.display();
    if path.is_dir() {
        return Err(format!("{name}: it is a folder, not a file"));
    }
    let bytes = fs_err::read(path).map_err(|error| error.to_string())?;
    if let Some(why) = unusable(&bytes) {
        return Err(format!("{name}: {why}"));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(format!("{name}: it is UTF-16; save it as UTF-8"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("{name}: line {line} is no UTF-8; save it as UTF-8")
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Reads JSON; of what is wrong the place is told, and what stands there.
pub(crate) fn json<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| {
        let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
        let bytes = line.as_bytes();
        let at = error.column().saturating_sub(1).min(bytes.len());
        let begin =
            bytes[..at].iter().rposition(|byte| !byte.is_ascii_alphabetic() && *byte != b'-').map_or(0, |p| p + 1);
        let word = String::from_utf8_lossy(&bytes[begin..]);
        let word: String = word.chars().take_while(|c| c.is_ascii_alphabetic() || *c == '-').collect();
        match word.trim_start_matches('-') {
            "NaN" | "Infinity" | "inf" | "nan" => format!(
                "line {}, column {}: `{word}` is no number of JSON; write a number or `null` there",
                error.line(),
                begin + 1
            ),
            _ => error.to_string(),
        }
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_is_no_number_of_json_is_told_with_its_place() {
        for (text, said) in [
            ("{\"bbox\": [1, NaN, 2]}", "line 1, column 14: `NaN` is no number of JSON"),
            ("{\n\"bbox\": [-Infinity]}", "line 2, column 10: `-Infinity` is no number of JSON"),
        ] {
            let error = json::<serde_json::Value>(text).unwrap_err();
            assert!(error.starts_with(said), "{error}");
        }
        assert!(json::<serde_json::Value>("{").unwrap_err().contains("EOF"));
    }

    #[test]
    fn files_that_are_no_text_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        for (bytes, said) in [
            (&b""[..], "it is empty"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "run `git lfs pull`"),
            (b"\xff\xfe{\0}\0", "it is UTF-16"),
            (b"{\n\"gr\xf6\xdfe\": 1}", "line 2 is no UTF-8"),
        ] {
            fs_err::write(&path, bytes).unwrap();
            let error = text(&path).unwrap_err();
            assert!(error.contains("a.json: ") && error.contains(said), "{error}");
        }
        assert!(text(folder.path()).unwrap_err().contains("it is a folder"));
        fs_err::write(&path, "\u{feff}{}").unwrap();
        assert_eq!(text(&path).unwrap(), "{}");
    }
}
