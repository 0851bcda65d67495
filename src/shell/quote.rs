//! Words of a POSIX shell, for commands that a person is told to type.

use std::borrow::Cow;

/// A word as it is typed into a shell: quoted if it has to be.
#[must_use]
pub fn word(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | '=' | ',' | '+' | '@' | '%');
    // zsh looks for a program behind `=`.
    match !text.is_empty() && text.chars().all(plain) && !text.starts_with('=') {
        true => Cow::Borrowed(text),
        false => Cow::Owned(format!("'{}'", text.replace('\'', "'\\''"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_needs_it() {
        for plain in ["demo", "pipelines/demo.yaml", "a=b,c", "größe.yaml"] {
            assert_eq!(word(plain), plain);
        }
        assert_eq!(word("my exp.yaml"), "'my exp.yaml'");
        assert_eq!(word("sweep[device=a]"), "'sweep[device=a]'");
        assert_eq!(word("it's"), r"'it'\''s'");
        assert_eq!(word(""), "''");
        assert_eq!(word("=ls"), "'=ls'");
    }
}
