//! Which words of a command are code, and of which language.
//!
//! Known by the name of the program that reads them, wherever in the command it stands: behind `env`, `timeout` or
//! `nice` a shell is a shell.

/// A language in which a word of a command is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// That of a POSIX shell, or of one that knows its quotes.
    Shell,
    /// That of another shell, whose quotes are its own.
    Foreign,
    /// One in which paths stand in texts between quotes, such as Python.
    Language,
}

const SHELLS: [&str; 16] = [
    "sh", "bash", "rbash", "dash", "ash", "zsh", "ksh", "rksh", "ksh88", "ksh93", "mksh", "lksh", "oksh", "pdksh",
    "posh", "yash",
];
/// Programs that hand a word behind `-c` to a shell.
const HOSTS: [&str; 4] = ["su", "runuser", "script", "flock"];
const FOREIGN: [&str; 9] = ["fish", "csh", "tcsh", "pwsh", "powershell", "nu", "xonsh", "elvish", "rc"];
/// Programs whose first word is their code, unless options name a file.
const FILTERS: [&str; 10] = ["awk", "gawk", "mawk", "nawk", "sed", "gsed", "jq", "yq", "bc", "gojq"];
/// Programs that take code behind an option, by the beginning of their names, and the letters of these options.
const LANGUAGES: [(&str, &str); 11] = [
    ("python", "c"),
    ("pypy", "c"),
    ("perl", "eE"),
    ("ruby", "e"),
    ("node", "ep"),
    ("Rscript", "e"),
    ("lua", "e"),
    ("julia", "eE"),
    ("php", "r"),
    ("octave", ""),
    ("deno", ""),
];

/// The code in a command; none for words that are none. A word that is not known yet is given as none.
#[must_use]
pub fn code(words: &[Option<&str>]) -> Vec<Option<Code>> {
    let mut found = vec![None; words.len()];
    for (position, word) in words.iter().enumerate() {
        let Some(word) = word else { continue };
        let name = word.rsplit('/').next().unwrap_or(word);
        let rest = position + 1..words.len();
        let at = if SHELLS.contains(&name) {
            shell(words, rest).map(|at| (at, Code::Shell))
        } else if FOREIGN.contains(&name) {
            shell(words, rest).map(|at| (at, Code::Foreign))
        } else if HOSTS.contains(&name) {
            behind(words, rest, &["-c", "--command"], "").map(|at| (at, Code::Shell))
        } else if FILTERS.contains(&name) {
            filter(words, rest).map(|at| (at, Code::Language))
        } else if let Some((_, letters)) = LANGUAGES.iter().find(|(language, _)| is_version(name, language)) {
            behind(words, rest, &["--eval", "--print"], letters).map(|at| (at, Code::Language))
        } else {
            None
        };
        if let Some((at, code)) = at.filter(|(at, _)| found[*at].is_none()) {
            found[at] = Some(code);
        }
    }
    found
}

/// Whether a program is one of a language: `python`, `python3`, `python3.12`.
fn is_version(name: &str, language: &str) -> bool {
    let version = name.strip_prefix(language);
    version.is_some_and(|version| version.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-')))
}

/// The script of a shell: the first word that is no option, if one of the options before it is `c`.
fn shell(words: &[Option<&str>], rest: std::ops::Range<usize>) -> Option<usize> {
    let mut has_script = false;
    let mut arguments = 0;
    for at in rest {
        let option = words[at].filter(|word| word.starts_with(['-', '+']));
        match option {
            _ if arguments > 0 => arguments -= 1,
            Some("--rcfile" | "--init-file") => arguments = 1,
            Some("--command") => has_script = true,
            Some("-" | "--") => return (has_script && at + 1 < words.len()).then_some(at + 1),
            Some(long) if long.starts_with("--") => {}
            Some(letters) => {
                has_script |= letters.starts_with('-') && letters.contains('c');
                arguments = letters.chars().filter(|c| matches!(c, 'o' | 'O')).count();
            }
            None => return has_script.then_some(at),
        }
    }
    None
}

/// The word behind one of these options, or behind a cluster of letters that ends with one of these.
fn behind(words: &[Option<&str>], rest: std::ops::Range<usize>, options: &[&str], letters: &str) -> Option<usize> {
    let last = words.len() - 1;
    let is_option = |word: &str| {
        let cluster = word.strip_prefix('-').filter(|rest| !rest.starts_with('-'));
        options.contains(&word) || cluster.is_some_and(|cluster| cluster.ends_with(|c| letters.contains(c)))
    };
    rest.clone().find(|at| words[*at].is_some_and(is_option)).map(|at| at + 1).filter(|at| *at <= last)
}

/// The program of a filter such as awk: its first word, unless it reads a file of code.
fn filter(words: &[Option<&str>], rest: std::ops::Range<usize>) -> Option<usize> {
    let mut argument = false;
    for at in rest {
        match words[at] {
            _ if argument => argument = false,
            Some("-f" | "--file" | "--from-file") => return None,
            Some("-e" | "--expression") => return (at + 1 < words.len()).then_some(at + 1),
            Some("-F" | "-v" | "--assign") => argument = true,
            Some(option) if option.starts_with('-') && option.len() > 1 => {}
            _ => return Some(at),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(command: &str) -> Vec<(String, Code)> {
        let words: Vec<Option<&str>> = command.split(' ').map(|word| (word != "?").then_some(word)).collect();
        let all = code(&words).into_iter().zip(command.split(' '));
        all.filter_map(|(code, word)| code.map(|code| (word.to_owned(), code))).collect()
    }

    #[test]
    fn scripts_of_shells_are_found() {
        for command in [
            "sh -c X",
            "/bin/sh -c X",
            "bash -ec X sh a",
            "bash -e -c X",
            "bash -c -e X",
            "bash -o pipefail -c X",
            "bash -euo pipefail -c X a b",
            "bash -ceuo pipefail X",
            "bash -co pipefail X",
            "bash --norc -c X",
            "bash --rcfile f -c X",
            "bash -O extglob -c X",
            "bash +o posix -c X",
            "bash -lc X",
            "sh -c -- X",
            "env FOO=1 sh -c X",
            "timeout 5 nice -n 3 bash -c X",
            "busybox sh -c X",
            "zsh -fc X",
            "dash -c X",
            "ksh93 -c X",
            "flock ? -c X",
            "? sh -c X",
        ] {
            assert_eq!(found(command), [("X".to_owned(), Code::Shell)], "{command}");
        }
        for none in ["sh X", "sh ? -c", "sh -e X -c", "echo -c X", "sh", "sh -c", "bash -o pipefail X", "flock -c"] {
            assert_eq!(found(none), [], "{none}");
        }
        assert_eq!(found("fish -c X"), [("X".to_owned(), Code::Foreign)]);
    }

    #[test]
    fn programs_of_other_languages_are_found() {
        for command in [
            "python3 -c X a",
            "python3.12 -Bc X",
            "perl -e X",
            "perl -lane X f",
            "node --eval X",
            "ruby -e X",
            "Rscript -e X",
            "awk X f",
            "awk -F : -v a=1 X f",
            "sed -e X f",
            "sed -n X f",
            "env jq -r X f",
        ] {
            assert_eq!(found(command), [("X".to_owned(), Code::Language)], "{command}");
        }
        for none in ["python3 X", "awk -f X f", "python3 -m X", "pythonic -c X", "sed -f X f"] {
            assert_eq!(found(none), [], "{none}");
        }
    }
}
