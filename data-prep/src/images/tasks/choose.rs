//! Which tasks are asked: those of the lists, then generated ones, as far as there are photos for them and they differ.
//!
//! No seen task may give away an unseen one: one that answers as an unseen task does, or its opposite, is left out.

use std::collections::{BTreeMap, HashMap};

use crate::images::split::{Split, unit};
use crate::images::tasks::attributes::Attributes;
use crate::images::tasks::formula::Formula;

/// Where a task comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    Listed,
    Value,
    Pair,
    Difference,
}

impl Source {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Source::Listed => "listed",
            Source::Value => "value",
            Source::Pair => "pair",
            Source::Difference => "difference",
        }
    }
}

/// A task that is asked.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) seen: bool,
    pub(crate) bits: String,
    /// For each combination.
    pub(crate) answers: Vec<bool>,
}

/// What tasks need, and how many are generated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Photos of each answer in each split.
    pub(crate) least: usize,
    /// Pairs, and as many differences.
    pub(crate) most: usize,
    pub(crate) unseen_share: f64,
    pub(crate) seed: u64,
}

/// Makes the list of tasks.
pub(crate) struct Chooser<'a> {
    attributes: &'a Attributes,
    rules: Rules,
    /// Photos of each combination, in each split.
    photos: BTreeMap<Split, Vec<usize>>,
    by_answers: HashMap<Vec<bool>, usize>,
    by_bits: HashMap<String, usize>,
    pub(crate) tasks: Vec<Task>,
    /// Listed tasks that are left out, and why.
    pub(crate) left_out: Vec<(String, String)>,
    /// How many generated ones were left out.
    pub(crate) dropped: usize,
}

impl<'a> Chooser<'a> {
    pub(crate) fn new(attributes: &'a Attributes, rules: Rules) -> Self {
        let mut photos: BTreeMap<Split, Vec<usize>> = BTreeMap::new();
        for photo in &attributes.photos {
            let counts = photos.entry(photo.split).or_insert_with(|| vec![0; attributes.combinations.len()]);
            counts[photo.combination] += 1;
        }
        Chooser {
            attributes,
            rules,
            photos,
            by_answers: HashMap::new(),
            by_bits: HashMap::new(),
            tasks: Vec::new(),
            left_out: Vec::new(),
            dropped: 0,
        }
    }

    /// A task of a list, by the name that it has there.
    pub(crate) fn listed(&mut self, name: &str, formula: &Formula, seen: bool) {
        if let Err(why) = self.add(name.trim().to_owned(), formula, seen, Source::Listed) {
            self.left_out.push((name.trim().to_owned(), why));
        }
    }

    /// A task for each value.
    pub(crate) fn values(&mut self) {
        for value in 0..self.attributes.values.len() {
            self.generated(&Formula::Value(value), true, Source::Value);
        }
    }

    /// Two values of different attributes, `large and wiry`.
    pub(crate) fn pairs(&mut self) {
        let having = self.having();
        let pair = |one: usize, other: usize| {
            let both = self.photos_of(&having[one], |at| self.attributes.has(at, other));
            one < other && both >= self.rules.least
        };
        let all = self.in_random_order(Source::Pair, &pair);
        self.until_enough(all, Source::Pair, |one, other| {
            Formula::And(vec![Formula::Value(one), Formula::Value(other)])
        });
    }

    /// A value without another one's photos, `dog and not terrier`.
    pub(crate) fn differences(&mut self) {
        let having = self.having();
        let differ = |one: usize, other: usize| {
            let rest = self.photos_of(&having[one], |at| !self.attributes.has(at, other));
            let both = self.photos_of(&having[one], |at| self.attributes.has(at, other));
            both > 0 && rest >= self.rules.least
        };
        let all = self.in_random_order(Source::Difference, &differ);
        self.until_enough(all, Source::Difference, |one, other| {
            Formula::And(vec![Formula::Value(one), Formula::Not(Box::new(Formula::Value(other)))])
        });
    }

    /// Combinations that have each value.
    fn having(&self) -> Vec<Vec<usize>> {
        let mut having = vec![Vec::new(); self.attributes.values.len()];
        for (at, combination) in self.attributes.combinations.iter().enumerate() {
            combination.iter().for_each(|value| having[*value].push(at));
        }
        having
    }

    fn photos_of(&self, combinations: &[usize], wanted: impl Fn(usize) -> bool) -> usize {
        let of = |at: &usize| self.photos.values().map(|counts| counts[*at]).sum::<usize>();
        combinations.iter().filter(|at| wanted(**at)).map(of).sum()
    }

    /// Two values each, of different attributes, in an order that rests on their names and the seed alone.
    fn in_random_order(&self, source: Source, fits: &dyn Fn(usize, usize) -> bool) -> Vec<(f64, usize, usize)> {
        let values = &self.attributes.values;
        let seed = self.rules.seed.to_string();
        let written: Vec<String> = (0..values.len()).map(|value| self.attributes.written(value)).collect();
        let mut all = Vec::new();
        for one in 0..values.len() {
            for other in (0..values.len()).filter(|other| values[*other].attribute != values[one].attribute) {
                if fits(one, other) {
                    all.push((unit(&[&seed, source.name(), &written[one], &written[other]]), one, other));
                }
            }
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        all
    }

    fn until_enough(&mut self, all: Vec<(f64, usize, usize)>, source: Source, make: impl Fn(usize, usize) -> Formula) {
        let seed = self.rules.seed.to_string();
        let mut made = 0;
        for (_, one, other) in all {
            if made >= self.rules.most {
                return;
            }
            let formula = make(one, other);
            let held_out = unit(&[&seed, "unseen", &formula.text(self.attributes)]) < self.rules.unseen_share;
            made += usize::from(self.generated(&formula, !held_out, source));
        }
    }

    fn generated(&mut self, formula: &Formula, seen: bool, source: Source) -> bool {
        let added = self.add(formula.text(self.attributes), formula, seen, source).is_ok();
        self.dropped += usize::from(!added);
        added
    }

    /// Adds a task, or says why not.
    fn add(&mut self, name: String, formula: &Formula, seen: bool, source: Source) -> Result<(), String> {
        let answers = formula.answers(self.attributes);
        let opposite: Vec<bool> = answers.iter().map(|answer| !answer).collect();
        if let Some(other) = self.by_answers.get(&answers) {
            return Err(format!("it answers as `{}` does for every photo", self.tasks[*other].name));
        }
        if let Some(other) = self.by_answers.get(&opposite).map(|other| &self.tasks[*other])
            && !(seen && other.seen)
        {
            return Err(format!("it is the opposite of `{}`, and one of them is to stay unseen", other.name));
        }
        self.enough(&answers, seen)?;
        let bits = formula.bits(self.attributes);
        if let Some(other) = self.by_bits.get(&bits) {
            return Err(format!("its property bits are those of `{}`", self.tasks[*other].name));
        }
        self.by_answers.insert(answers.clone(), self.tasks.len());
        self.by_bits.insert(bits.clone(), self.tasks.len());
        self.tasks.push(Task { name, source, seen, bits, answers });
        Ok(())
    }

    /// Whether each split that the task is asked in has photos enough of both answers.
    fn enough(&self, answers: &[bool], seen: bool) -> Result<(), String> {
        for (split, counts) in self.photos.iter().filter(|(split, _)| seen || **split != Split::Train) {
            for (answer, word) in [(true, "yes"), (false, "no")] {
                let own = counts.iter().zip(answers).filter(|(_, own)| **own == answer);
                let count: usize = own.map(|(count, _)| count).sum();
                if count < self.rules.least {
                    return Err(format!(
                        "of {} there are {count} photos of the answer {word}, fewer than {}",
                        split.name(),
                        self.rules.least
                    ));
                }
            }
        }
        Ok(())
    }
}
