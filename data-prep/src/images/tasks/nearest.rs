//! Hard negatives: combinations that a task's answer is no for, and that differ in as few attributes as any from one that
//! it is yes for: in one attribute where there are such, as white cars and crimson trucks for `crimson car`.

use std::collections::{BTreeMap, HashSet};

use crate::images::tasks::attributes::Attributes;

/// Attributes that hard negatives may differ in; farther ones are not hard.
const FARTHEST: usize = 6;
/// Comparisons for one task, beyond which what is farther is not looked for.
const MOST: usize = 2_000_000;

/// Combinations as one number for each attribute: the mark of the set of its values that they have. The sum of marks stands
/// for a combination, and the sum without some for what is left of it without these attributes.
pub(crate) struct States(Vec<Vec<u64>>);

impl States {
    pub(crate) fn new(attributes: &Attributes) -> Self {
        let mut numbers: BTreeMap<(usize, Vec<usize>), u64> = BTreeMap::new();
        let mut state = |attribute: usize, combination: &[usize]| {
            let own = combination.iter().filter(|value| attributes.values[**value].attribute == attribute).copied();
            let next = mark(numbers.len() as u64);
            *numbers.entry((attribute, own.collect())).or_insert(next)
        };
        let count = attributes.names.len();
        let all = attributes.combinations.iter();
        States(all.map(|combination| (0..count).map(|attribute| state(attribute, combination)).collect()).collect())
    }

    /// How many attributes the hard negatives differ in, and which they are; nothing where all are far away.
    pub(crate) fn nearest(&self, answers: &[bool]) -> Option<(usize, Vec<bool>)> {
        let attributes = self.0.first().map_or(0, Vec::len);
        let sums: Vec<u64> =
            self.0.iter().map(|state| state.iter().fold(0_u64, |all, mark| all.wrapping_add(*mark))).collect();
        for distance in 1..=FARTHEST.min(attributes) {
            let effort = u32::try_from(distance).ok().and_then(|times| attributes.checked_pow(times));
            if effort.and_then(|effort| effort.checked_mul(self.0.len())).is_none_or(|effort| effort > MOST) {
                return None;
            }
            let mut hard = vec![false; answers.len()];
            for without in choices(attributes, distance) {
                let rest = |state: &[u64]| without.iter().fold(0, |all: u64, at| all.wrapping_add(state[*at]));
                let rest = |(state, sum): (&Vec<u64>, &u64)| sum.wrapping_sub(rest(state));
                let keys: Vec<u64> = self.0.iter().zip(&sums).map(rest).collect();
                let yes = keys.iter().zip(answers).filter(|(_, answer)| **answer).map(|(key, _)| *key);
                let yes: HashSet<u64> = yes.collect();
                for ((key, answer), hard) in keys.iter().zip(answers).zip(&mut hard) {
                    *hard |= !answer && yes.contains(key);
                }
            }
            if hard.contains(&true) {
                return Some((distance, hard));
            }
        }
        None
    }
}

/// A number without order for each of 0, 1, … (SplitMix64).
fn mark(number: u64) -> u64 {
    let mut mark = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mark = (mark ^ (mark >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mark = (mark ^ (mark >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mark ^ (mark >> 31)
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
