//! Files that people bring: why one cannot be what is wanted, whatever that is.

/// What git keeps in place of a large file that was not fetched.
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Why bytes, of which the first hundred are enough, cannot be what is wanted; nothing where they may be.
#[must_use]
pub fn unusable(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [] => Some("it is empty"),
        _ if bytes.starts_with(POINTER) => Some("it is a git-lfs pointer, not the file itself: run `git lfs pull`"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_keeps_in_place_of_a_file_is_told() {
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n";
        assert!(unusable(pointer).is_some_and(|why| why.contains("run `git lfs pull`")));
        assert_eq!(unusable(b""), Some("it is empty"));
        assert_eq!(unusable(b"version 1"), None);
    }
}
