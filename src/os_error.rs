//! What the operating system said, as a part of a sentence.

use std::io;

/// The words of an error, without its number, and without what was tried: whoever tells it says that.
pub(crate) fn words(error: &io::Error) -> String {
    let text = error.to_string();
    // What was tried stands before, with the path in backquotes.
    let said = text.rsplit("`: ").next().unwrap_or(&text);
    said.split(" (os error").next().unwrap_or(said).to_lowercase()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn numbers_and_what_was_tried_are_left_out() {
        assert_eq!(words(&io::Error::from_raw_os_error(2)), "no such file or directory");
        assert_eq!(words(&fs_err::metadata("/no/such `: thing").unwrap_err()), "no such file or directory");
        assert_eq!(words(&io::Error::other("Of its own")), "of its own");
    }
}
