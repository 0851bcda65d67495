//! Merges words into colours: each word by the table of synonyms, each object by the most trusted source that speaks of it.
//!
//! Sources are numbered in falling trust, pixels last. Several words of one source give several colours; a word without
//! a target gives none, which is an outcome.

use std::collections::{BTreeMap, BTreeSet};

use crate::coco::attribute::names_of;
use crate::coco::instances::Instances;
use crate::coco::pixels::Seen;
use crate::coco::reason::Reason;
use crate::coco::synonyms::Synonyms;
use crate::coco::words::Table;

/// Name of the source that is trusted least.
pub(crate) const PIXELS: &str = "pixels";

/// What one source says of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Opinion {
    pub(crate) words: BTreeSet<String>,
    pub(crate) unknown: BTreeSet<String>,
    pub(crate) colours: BTreeSet<u8>,
}

/// What holds of an object in the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Number of the source that was believed.
    pub(crate) source: Option<usize>,
    pub(crate) words: Vec<String>,
    pub(crate) colours: BTreeSet<u8>,
    /// Sources that say otherwise, with what they say.
    pub(crate) conflicts: Vec<String>,
    /// Why there is no colour, if there is none.
    pub(crate) reason: Option<Reason>,
}

/// All that was said, and what came of it.
#[derive(Debug)]
pub(crate) struct Merged {
    /// Names of the sources.
    pub(crate) sources: Vec<String>,
    /// By position of the object and number of the source.
    pub(crate) opinions: BTreeMap<(usize, usize), Opinion>,
    /// One for each object.
    pub(crate) verdicts: Vec<Verdict>,
}

impl Merged {
    pub(crate) fn source(&self, verdict: &Verdict) -> &str {
        verdict.source.map_or("", |source| &self.sources[source])
    }
}

pub(crate) fn merge(instances: &Instances, tables: &[Table], seen: &[Seen], synonyms: &Synonyms) -> Merged {
    let mut sources: Vec<String> = tables.iter().map(|table| table.source.clone()).collect();
    sources.push(PIXELS.to_owned());
    let opinions = opinions(tables, seen, synonyms);
    let verdict = |(object, seen): (usize, &Seen)| {
        let all = (0..sources.len()).filter_map(|source| Some((source, opinions.get(&(object, source))?)));
        match &instances.objects[object].place {
            Err(reason) => Verdict { reason: Some(*reason), ..Verdict::default() },
            Ok(_) => judge(&sources, &all.collect::<Vec<_>>(), seen),
        }
    };
    let verdicts = seen.iter().enumerate().map(verdict).collect();
    Merged { sources, opinions, verdicts }
}

/// What each source says of each object, by position of the object and number of the source.
fn opinions(tables: &[Table], seen: &[Seen], synonyms: &Synonyms) -> BTreeMap<(usize, usize), Opinion> {
    let mut opinions: BTreeMap<(usize, usize), Opinion> = BTreeMap::new();
    let mut says = |object: usize, source: usize, word: String| {
        let opinion = opinions.entry((object, source)).or_default();
        match synonyms.get(&word) {
            None => drop(opinion.unknown.insert(word.clone())),
            Some(0) => {}
            Some(number) => drop(opinion.colours.insert(number)),
        }
        opinion.words.insert(word);
    };
    for (source, table) in tables.iter().enumerate() {
        for said in &table.said {
            synonyms.words_of(&said.phrase).into_iter().for_each(|word| says(said.object, source, word));
        }
    }
    for (object, seen) in seen.iter().enumerate() {
        seen.word.iter().for_each(|word| says(object, tables.len(), synonyms.normal(word)));
    }
    opinions
}

/// Believes the first of `all`, which are in falling trust.
fn judge(sources: &[String], all: &[(usize, &Opinion)], seen: &Seen) -> Verdict {
    let Some(((source, believed), others)) = all.split_first() else {
        return Verdict { reason: seen.word.clone().err(), ..Verdict::default() };
    };
    let otherwise = |other: &Opinion| other.colours.is_disjoint(&believed.colours) && other.colours != believed.colours;
    let conflicts = others.iter().filter(|(_, other)| otherwise(other));
    let reason = match (believed.colours.is_empty(), believed.unknown == believed.words) {
        (false, _) => None,
        (true, true) => Some(Reason::UnknownWords),
        (true, false) => Some(Reason::NoAttributeColour),
    };
    Verdict {
        source: Some(*source),
        words: believed.words.iter().cloned().collect(),
        colours: believed.colours.clone(),
        conflicts: conflicts.map(|(other, o)| format!("{}: {}", sources[*other], names_of(&o.colours))).collect(),
        reason,
    }
}
