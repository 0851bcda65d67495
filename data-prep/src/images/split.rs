//! Which part of the data a photo is in: given, or by a hash of its group.
//!
//! By a hash and not by a draw: a photo that is added, or a table in another order, moves no other photo.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// A part of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Split {
    Train,
    Validation,
    Test,
}

impl Split {
    pub(crate) const ALL: [Split; 3] = [Split::Train, Split::Validation, Split::Test];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Validation => "validation",
            Split::Test => "test",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Split::ALL.into_iter().find(|split| split.name() == name)
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{what} `{name}` is in two splits, {} (line {}) and {} (line {}), so that what is learnt of it is asked again; put it into \
     one", .first.0.name(), .first.1, .second.0.name(), .second.1
)]
pub(crate) struct SplitError {
    /// A group, or a photo of which there are parts.
    pub(crate) what: &'static str,
    pub(crate) name: String,
    pub(crate) first: (Split, usize),
    pub(crate) second: (Split, usize),
}

/// Shares of the groups that are held out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shares {
    pub(crate) validation: f64,
    pub(crate) test: f64,
    pub(crate) seed: u64,
}

/// One photo: its name, and what is told of it and in which line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member<'a> {
    pub(crate) name: &'a str,
    pub(crate) group: Option<&'a str>,
    pub(crate) split: Option<Split>,
    pub(crate) line: usize,
}

/// The split of each photo. A group goes where one of its photos is told to be; photos without a group are their own.
pub(crate) fn assign(members: &[Member<'_>], shares: Shares) -> Result<Vec<Split>, SplitError> {
    let mut told: BTreeMap<&str, (Split, usize)> = BTreeMap::new();
    for Member { group, split, line, .. } in members {
        let (Some(group), Some(split)) = (group, split) else { continue };
        let first = *told.entry(group).or_insert((*split, *line));
        if first.0 != *split {
            return Err(SplitError { what: "group", name: (*group).to_owned(), first, second: (*split, *line) });
        }
    }
    let of = |member: &Member<'_>| match member.group {
        Some(group) => told.get(group).map_or_else(|| shares.by_hash("group", group), |(split, _)| *split),
        None => member.split.unwrap_or_else(|| shares.by_hash("photo", member.name)),
    };
    let splits: Vec<Split> = members.iter().map(of).collect();
    // Parts of a photo may have been put into different groups.
    let mut photos: BTreeMap<&str, (Split, usize)> = BTreeMap::new();
    for (Member { name, line, .. }, split) in members.iter().zip(&splits) {
        let first = *photos.entry(name).or_insert((*split, *line));
        if first.0 != *split {
            return Err(SplitError { what: "photo", name: (*name).to_owned(), first, second: (*split, *line) });
        }
    }
    Ok(splits)
}

impl Shares {
    fn by_hash(self, what: &str, name: &str) -> Split {
        let place = unit(&[&self.seed.to_string(), what, name]);
        match () {
            () if place < self.test => Split::Test,
            () if place < self.test + self.validation => Split::Validation,
            () => Split::Train,
        }
    }
}

/// A number that texts stand for, the same for all time.
pub(crate) fn number(texts: &[&str]) -> u64 {
    let mut hash = Sha256::new();
    texts.iter().for_each(|text| hash.update([text.as_bytes(), b"\0"].concat()));
    hash.finalize().iter().take(8).fold(0, |all, byte| all << 8 | u64::from(*byte))
}

/// The same in `[0, 1)`.
pub(crate) fn unit(texts: &[&str]) -> f64 {
    (number(texts) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const SHARES: Shares = Shares { validation: 0.1, test: 0.2, seed: 1 };

    fn photo<'a>(name: &'a str, group: Option<&'a str>, split: Option<Split>) -> Member<'a> {
        Member { name, group, split, line: 2 }
    }

    #[test]
    fn shares_are_kept_and_neither_order_nor_company_matters() {
        let names: Vec<String> = (0..5000).map(|number| format!("{number}.jpg")).collect();
        let members: Vec<Member<'_>> = names.iter().map(|name| photo(name, None, None)).collect();
        let splits = assign(&members, SHARES).unwrap();
        let count = |wanted| splits.iter().filter(|split| **split == wanted).count();
        assert!(count(Split::Test).abs_diff(1000) < 100 && count(Split::Validation).abs_diff(500) < 75);
        let backwards: Vec<Member<'_>> = members.iter().rev().step_by(3).copied().collect();
        let again = assign(&backwards, SHARES).unwrap();
        assert!(splits.iter().rev().step_by(3).eq(again.iter()));
        assert_ne!(splits, assign(&members, Shares { seed: 2, ..SHARES }).unwrap());
    }

    #[test]
    fn a_group_is_never_in_two_splits() {
        let names: Vec<String> = (0..300).map(|number| number.to_string()).collect();
        let groups: Vec<String> = (0..300).map(|number| format!("g{}", number % 20)).collect();
        let members: Vec<Member<'_>> =
            names.iter().zip(&groups).map(|(name, group)| photo(name, Some(group), None)).collect();
        let splits = assign(&members, SHARES).unwrap();
        assert!((20..300).all(|at| splits[at] == splits[at % 20]));
        // Where one of its photos is told to be, the others follow.
        let told = [
            photo("a", Some("g"), None),
            photo("b", Some("g"), Some(Split::Test)),
            photo("c", None, Some(Split::Train)),
        ];
        assert_eq!(assign(&told, SHARES).unwrap(), [Split::Test, Split::Test, Split::Train]);
        let torn = [photo("a", Some("g"), Some(Split::Train)), Member { line: 9, ..told[1] }];
        let error = assign(&torn, SHARES).unwrap_err().to_string();
        assert!(error.starts_with("group `g` is in two splits, train (line 2) and test (line 9)"), "{error}");
        let parts = [photo("a", Some("g"), Some(Split::Train)), photo("a", Some("h"), Some(Split::Test))];
        assert!(assign(&parts, SHARES).unwrap_err().to_string().starts_with("photo `a` is in two splits"));
    }
}
