//! A summary for people: objects by category, colour and split, by source and by reason; words; photos left out.
//!
//! It counts what the table says, and decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::*;

use crate::coco::attribute::{ATTRIBUTES, Attribute, NONE, name_of};
use crate::coco::find::Miss;
use crate::coco::instances::Instances;
use crate::coco::merge::Merged;
use crate::coco::photo::PhotoError;
use crate::coco::reason::Reason;
use crate::coco::words::Table;
use crate::markdown::{counted, table};

/// Photos named in the summary; the others are counted.
const PHOTOS: usize = 20;

/// All that is summarised.
pub(crate) struct Summary<'a> {
    pub(crate) instances: &'a Instances,
    pub(crate) merged: &'a Merged,
    pub(crate) tables: &'a [Table],
    pub(crate) faults: &'a [PhotoError],
    /// The table of objects.
    pub(crate) objects: &'a DataFrame,
}

impl Summary<'_> {
    pub(crate) fn text(&self) -> PolarsResult<String> {
        let verdicts = &self.merged.verdicts;
        let coloured = verdicts.iter().filter(|verdict| !verdict.colours.is_empty()).count();
        let conflicts = verdicts.iter().filter(|verdict| !verdict.conflicts.is_empty()).count();
        Ok(format!(
            "# Colours of objects\n\n{} objects in {} images; {coloured} have one of the five colours, {} have none. \
             Sources contradict each other on {conflicts}.\n\n## Category, colour, split\n\nAn object with several colours \
             counts for each; `all` counts it once.\n\n{}\n## Sources\n\n{}\n## Why objects have no colour\n\n{}\n\
             ## Tables of words\n\n{}\n## Words\n\n{}\n{}",
            self.instances.objects.len(),
            self.instances.images.len(),
            verdicts.len() - coloured,
            self.colours()?,
            self.by("source", "of source", &self.merged.sources, "no source speaks")?,
            self.reasons()?,
            self.tables(),
            self.words(),
            self.photos(),
        ))
    }

    fn splits(&self) -> Vec<&str> {
        let splits: BTreeSet<&str> = self.instances.images.iter().map(|image| image.split.as_str()).collect();
        splits.into_iter().collect()
    }

    /// How many objects there are of each combination of the given columns.
    fn counts<const N: usize>(&self, columns: [&str; N]) -> PolarsResult<BTreeMap<[String; N], usize>> {
        let cells: Vec<&StringChunked> =
            columns.iter().map(|column| self.objects.column(column)?.str()).collect::<PolarsResult<_>>()?;
        let mut counts = BTreeMap::new();
        for row in 0..self.objects.height() {
            let key: [String; N] = std::array::from_fn(|at| cells[at].get(row).unwrap_or_default().to_owned());
            *counts.entry(key).or_default() += 1;
        }
        Ok(counts)
    }

    fn colours(&self) -> PolarsResult<String> {
        let counts = self.counts(["category", "colour", "split"])?;
        let splits = self.splits();
        let mut rows = Vec::new();
        for category in &self.instances.categories {
            let count = |split: &str, fits: &dyn Fn(&str) -> bool| -> usize {
                let own = counts.iter().filter(|([c, colour, s], _)| *c == category.name && s == split && fits(colour));
                own.map(|(_, count)| count).sum()
            };
            let mut row = |label: &str, fits: &dyn Fn(&str) -> bool| {
                let numbers: Vec<usize> = splits.iter().map(|split| count(split, fits)).collect();
                let cells = numbers.iter().copied().chain([numbers.iter().sum()]).map(|number| number.to_string());
                rows.push([category.name.clone(), label.to_owned()].into_iter().chain(cells).collect());
            };
            for name in ATTRIBUTES.iter().map(|attribute| attribute.name()).chain([NONE]) {
                row(name, &|colour| colour.split('+').any(|part| part == name));
            }
            row("all", &|_| true);
        }
        let head: Vec<&str> = ["category", "colour"].into_iter().chain(splits.iter().copied()).chain(["sum"]).collect();
        Ok(table(&head, 2, &rows))
    }

    /// Objects by a column, in the order of `values`; `empty` stands for the empty value, which comes last.
    fn by(&self, column: &str, head: &str, values: &[String], empty: &str) -> PolarsResult<String> {
        let counts = self.counts([column, "split"])?;
        let splits = self.splits();
        let row = |value: &str| {
            let count = |split: &&str| counts.get(&[value.to_owned(), (*split).to_owned()]).copied().unwrap_or(0);
            let cells = splits.iter().map(|split| count(split).to_string());
            let label = if value.is_empty() { empty } else { value };
            [label.to_owned()].into_iter().chain(cells).collect()
        };
        let rows: Vec<Vec<String>> = values.iter().map(String::as_str).chain([""]).map(row).collect();
        let head: Vec<&str> = [head].into_iter().chain(splits.iter().copied()).collect();
        Ok(table(&head, 1, &rows))
    }

    fn reasons(&self) -> PolarsResult<String> {
        let counts = self.counts(["reason"])?;
        let row = |reason: Reason| {
            let count = counts.get(&[reason.code().to_owned()]).copied().unwrap_or(0);
            vec![reason.code().to_owned(), reason.doc().to_owned(), count.to_string()]
        };
        Ok(table(&["reason", "", "objects"], 2, &Reason::ALL.map(row)))
    }

    fn tables(&self) -> String {
        const MISSES: [Miss; 5] = [Miss::Elsewhere, Miss::Category, Miss::Nothing, Miss::Several, Miss::Disputed];
        let row = |source: &Table| {
            let used = source.entries - source.misses.values().sum::<usize>();
            let misses = MISSES.map(|miss| source.misses.get(&miss).copied().unwrap_or(0));
            let numbers = [source.entries, used].into_iter().chain(misses).map(|number| number.to_string());
            [source.source.clone()].into_iter().chain(numbers).collect()
        };
        let rows: Vec<Vec<String>> = self.tables.iter().map(row).collect();
        let head: Vec<&str> = ["table", "entries", "used"].into_iter().chain(MISSES.map(Miss::doc)).collect();
        if rows.is_empty() { "none: pixels alone\n".to_owned() } else { table(&head, 1, &rows) }
    }

    /// The words that decided, by their colours; an object with several colours counts for each of its words.
    fn words(&self) -> String {
        let mut lists: BTreeMap<u8, BTreeMap<(&str, &str), usize>> = BTreeMap::new();
        let mut unknown: BTreeMap<&str, usize> = BTreeMap::new();
        for ((_, source), opinion) in &self.merged.opinions {
            for word in &opinion.unknown {
                *unknown.entry(word).or_default() += 1;
            }
            let only = (opinion.colours.len() <= 1 && opinion.unknown.is_empty()).then(|| opinion.colours.first());
            let Some(colour) = only else { continue };
            for word in &opinion.words {
                let key = (self.merged.sources[*source].as_str(), word.as_str());
                *lists.entry(colour.copied().unwrap_or(0)).or_default().entry(key).or_default() += 1;
            }
        }
        let numbers = ATTRIBUTES.map(Attribute::number).into_iter().chain([0]);
        let rows: Vec<Vec<String>> = numbers
            .flat_map(|number| self.merged.sources.iter().map(move |source| (number, source)))
            .filter_map(|(number, source)| {
                let own = lists.get(&number)?.iter().filter(|((of, _), _)| of == source);
                let words = counted(own.map(|((_, word), count)| (*word, *count)));
                (!words.is_empty()).then(|| vec![name_of(number).to_owned(), source.clone(), words])
            })
            .collect();
        let unknown = counted(unknown);
        let unknown = if unknown.is_empty() { "none".to_owned() } else { unknown };
        format!(
            "Of objects with at most one colour in the source:\n\n{}\nWords that are not in the table of synonyms, and \
             count as none: {unknown}\n",
            table(&["colour", "source", "words"], 3, &rows)
        )
    }

    fn photos(&self) -> String {
        if self.faults.is_empty() {
            return String::new();
        }
        let mut text = format!("\n## Photos that could not be used: {}\n\n", self.faults.len());
        for fault in self.faults.iter().take(PHOTOS) {
            text.push_str(&format!("- {fault}\n"));
        }
        if self.faults.len() > PHOTOS {
            text.push_str(&format!("- and {} more\n", self.faults.len() - PHOTOS));
        }
        text
    }
}
