//! How far two sources agree: counts, share, Cohen's κ, and which colour of one meets which of the other.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::coco::instances::Instances;
use crate::coco::merge::{Merged, Opinion};

/// Five colours and none.
const LABELS: usize = 6;

/// Two sources on the objects of which both speak.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Pair {
    pub(crate) first: String,
    pub(crate) second: String,
    /// All objects, then those of each category.
    pub(crate) groups: Vec<Group>,
    /// Objects with one colour or none in both: rows are the first source's, columns the second's; none comes first.
    pub(crate) confusion: [[u64; LABELS]; LABELS],
}

/// Objects of one category, or of all.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Group {
    pub(crate) category: String,
    /// Objects of which both sources speak.
    pub(crate) both: u64,
    /// Of these, how many have a colour in common, or no colour in both.
    pub(crate) in_common: u64,
    /// Of these, how many have at most one colour in both.
    pub(crate) single: u64,
    /// Of the single ones, how many are the same.
    pub(crate) same: u64,
    pub(crate) same_share: Option<f64>,
    /// Cohen's κ of the single ones; nothing where chance alone would agree always.
    pub(crate) kappa: Option<f64>,
}

/// All pairs of sources, the most trusted first.
pub(crate) fn pairs(instances: &Instances, merged: &Merged) -> Vec<Pair> {
    let count = merged.sources.len();
    let numbers = (0..count).flat_map(|first| (first + 1..count).map(move |second| (first, second)));
    numbers.map(|(first, second)| pair(instances, merged, first, second)).collect()
}

fn pair(instances: &Instances, merged: &Merged, first: usize, second: usize) -> Pair {
    let (ours, theirs) = (labels(merged, first), labels(merged, second));
    let both: Vec<(usize, u64, u64)> = ours
        .iter()
        .filter_map(|(object, bits)| Some((instances.objects[*object].category, *bits, *theirs.get(object)?)))
        .collect();
    let tally = |wanted: Option<usize>| {
        let mut tally = Tally::default();
        for (category, first, second) in &both {
            if wanted.is_none_or(|wanted| *category == wanted) {
                tally.add(*first, *second);
            }
        }
        tally
    };
    let all = tally(None);
    let mut groups = vec![all.group("all")];
    for (position, category) in instances.categories.iter().enumerate() {
        groups.push(tally(Some(position)).group(&category.name));
    }
    groups.retain(|group| group.both > 0 || group.category == "all");
    let name = |source: usize| merged.sources[source].clone();
    Pair { first: name(first), second: name(second), groups, confusion: all.confusion }
}

/// What one source says, by position of the object: its colours as bits (bit n − 1 for colour n).
fn labels(merged: &Merged, source: usize) -> BTreeMap<usize, u64> {
    let own = merged.opinions.iter().filter(|((_, of), _)| *of == source);
    let bits = |opinion: &Opinion| opinion.colours.iter().fold(0_u64, |bits, number| bits | 1 << (number - 1));
    own.map(|((object, _), opinion)| (*object, bits(opinion))).collect()
}

#[derive(Default)]
struct Tally {
    both: u64,
    in_common: u64,
    confusion: [[u64; LABELS]; LABELS],
}

impl Tally {
    fn add(&mut self, first: u64, second: u64) {
        self.both += 1;
        if first & second != 0 || first == second {
            self.in_common += 1;
        }
        if first.count_ones() <= 1 && second.count_ones() <= 1 {
            // 0 for none, n for colour n.
            let label = |bits: u64| if bits == 0 { 0 } else { bits.trailing_zeros() as usize + 1 };
            self.confusion[label(first)][label(second)] += 1;
        }
    }

    fn group(&self, category: &str) -> Group {
        let single = self.confusion.iter().flatten().sum();
        let same = (0..LABELS).map(|label| self.confusion[label][label]).sum();
        Group {
            category: category.to_owned(),
            both: self.both,
            in_common: self.in_common,
            single,
            same,
            same_share: (single > 0).then(|| round(same as f64 / single as f64)),
            kappa: kappa(&self.confusion).map(round),
        }
    }
}

/// Cohen's κ of a confusion matrix.
pub(crate) fn kappa(confusion: &[[u64; LABELS]; LABELS]) -> Option<f64> {
    let all: u64 = confusion.iter().flatten().sum();
    let share = |count: u64| count as f64 / all as f64;
    let observed: f64 = (0..LABELS).map(|label| share(confusion[label][label])).sum();
    let chance: f64 = (0..LABELS)
        .map(|label| {
            let column: u64 = confusion.iter().map(|row| row[label]).sum();
            share(confusion[label].iter().sum()) * share(column)
        })
        .sum();
    (all > 0 && chance < 1.0).then(|| (observed - chance) / (1.0 - chance))
}

/// Four decimals.
fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// How far people agree on the answer to one question: pairs of answers, and pairs that come to the same words or colours.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct People {
    pub(crate) source: String,
    pub(crate) questions: u64,
    pub(crate) pairs: u64,
    pub(crate) same_words: u64,
    pub(crate) same_colours: u64,
}

/// People among themselves, over all questions of a table.
pub(crate) fn people(source: &str, answers: &[Vec<String>], merge: impl Fn(&str) -> (Vec<String>, u64)) -> People {
    let mut people = People { source: source.to_owned(), questions: answers.len() as u64, ..People::default() };
    for answers in answers {
        let mut counts: BTreeMap<(Vec<String>, u64), u64> = BTreeMap::new();
        for answer in answers {
            *counts.entry(merge(answer)).or_default() += 1;
        }
        let mut colours: BTreeMap<u64, u64> = BTreeMap::new();
        for ((_, bits), count) in &counts {
            *colours.entry(*bits).or_default() += count;
        }
        let pairs = |count: u64| count * count.saturating_sub(1) / 2;
        people.pairs += pairs(answers.len() as u64);
        people.same_words += counts.values().copied().map(pairs).sum::<u64>();
        people.same_colours += colours.values().copied().map(pairs).sum::<u64>();
    }
    people
}
