//! Hard negatives: combinations that a task's answer is no for, and that differ in as few attributes as any from one that
//! it is yes for: in one attribute where there are such, as white cars and crimson trucks for `crimson car`.

use std::collections::{BTreeMap, HashSet};

use crate::images::tasks::attributes::Attributes;

/// Attributes that hard negatives may differ in; farther ones are not hard.
const FARTHEST: usize = 6;
/// Comparisons for one task, beyond which what is farther is not looked for.
const MOST: usize = 20_000_000;

/// Combinations as one number for each attribute: which of its sets of values they have.
pub(crate) struct States(Vec<Vec<u32>>);

impl States {
    pub(crate) fn new(attributes: &Attributes) -> Self {
        let mut numbers: BTreeMap<(usize, Vec<usize>), u32> = BTreeMap::new();
        let mut state = |attribute: usize, combination: &[usize]| {
            let own = combination.iter().filter(|value| attributes.values[**value].attribute == attribute).copied();
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            *numbers.entry((attribute, own.collect())).or_insert(next)
        };
        let count = attributes.names.len();
        let all = attributes.combinations.iter();
        States(all.map(|combination| (0..count).map(|attribute| state(attribute, combination)).collect()).collect())
    }

    /// How many attributes the hard negatives differ in, and which they are; nothing where all are far away.
    pub(crate) fn nearest(&self, answers: &[bool]) -> Option<(usize, Vec<bool>)> {
        let attributes = self.0.first().map_or(0, Vec::len);
        for distance in 1..=FARTHEST.min(attributes) {
            let effort = u32::try_from(distance).ok().and_then(|times| attributes.checked_pow(times));
            if effort.and_then(|effort| effort.checked_mul(self.0.len())).is_none_or(|effort| effort > MOST) {
                return None;
            }
            let mut hard = vec![false; answers.len()];
            for without in choices(attributes, distance) {
                let rest = |state: &Vec<u32>| -> Vec<u32> {
                    let kept = state.iter().enumerate().filter(|(attribute, _)| !without.contains(attribute));
                    kept.map(|(_, number)| *number).collect()
                };
                let pairs = || self.0.iter().zip(answers);
                let yes: HashSet<Vec<u32>> =
                    pairs().filter(|(_, answer)| **answer).map(|(state, _)| rest(state)).collect();
                for ((state, answer), hard) in pairs().zip(&mut hard) {
                    *hard |= !answer && yes.contains(&rest(state));
                }
            }
            if hard.contains(&true) {
                return Some((distance, hard));
            }
        }
        None
    }
}

/// All ways to choose so many of the attributes.
fn choices(attributes: usize, count: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for _ in 0..count {
        let longer = |chosen: &Vec<usize>| {
            let from = chosen.last().map_or(0, |last| last + 1);
            let chosen = chosen.clone();
            (from..attributes).map(move |next| [chosen.as_slice(), &[next]].concat()).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}
