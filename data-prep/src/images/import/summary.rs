//! What was packed and what was left out, for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::decode::Converted;
use crate::images::import::manifest::Manifest;
use crate::images::import::pack::{Packed, Photo};
use crate::images::import::select::Selection;
use crate::images::split::Split;
use crate::markdown::table;

/// How many names a list shows.
const SHOWN: usize = 20;

pub(crate) struct Report<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) selection: &'a Selection,
    pub(crate) packed: &'a Packed,
}

impl Report<'_> {
    pub(crate) fn text(&self) -> String {
        let Report { selection, packed, .. } = self;
        let mut text = format!("{} photos.\n\n", packed.photos.len());
        text.push_str(&self.by_attribute());
        let found = |fits: &dyn Fn(&Photo) -> bool| {
            packed
                .photos
                .iter()
                .filter(|photo| fits(photo))
                .map(|photo| format!("`{}`", photo.path))
                .collect::<Vec<String>>()
        };
        let doubles = packed.doubles.iter().map(|double| {
            let same = if double.same_bytes { "the same bytes" } else { "the same pixels" };
            let split = if double.other_split { ", which is in another split" } else { "" };
            format!("`{}`: {same} as `{}`{split}", double.path, double.of)
        });
        let named = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<String>>();
        let unusable = packed.unusable.iter().map(|(path, why)| format!("`{path}`: {why}"));
        for (title, items) in [
            ("Left out, since they cannot be used", unusable.collect()),
            ("Left out, since they are there already", doubles.collect()),
            ("Left out, since they are too small", packed.small.clone()),
            ("Left out, since no row speaks of them", named(&selection.without_row)),
            ("Left out, since their names are no UTF-8 and no table can name them", named(&selection.nameless)),
            ("Turned upright, as EXIF says", found(&|photo| photo.turned)),
            ("Without colours (greyscale, or one tint)", found(&|photo| photo.greyscale)),
            ("Put on white, since one could see through them", found(&|photo| photo.transparent)),
            ("Of 16 bits a colour, now of 8", found(&|photo| photo.converted == Some(Converted::Deep))),
            (
                "Of inks (CMYK), turned into colours without their profile",
                found(&|p| p.converted == Some(Converted::Cmyk)),
            ),
        ] {
            list(&mut text, title, &items);
        }
        text
    }

    /// Photos of each value in each split.
    fn by_attribute(&self) -> String {
        let mut rows = vec![("all", String::new(), [0; 3])];
        let mut counts: BTreeMap<(usize, &str), [usize; 3]> = BTreeMap::new();
        for photo in &self.packed.photos {
            rows[0].2[photo.split as usize] += 1;
            for (at, values) in self.manifest.rows[photo.row].values.iter().enumerate() {
                let values = if values.is_empty() { vec![""] } else { values.iter().map(String::as_str).collect() };
                values.into_iter().for_each(|value| counts.entry((at, value)).or_default()[photo.split as usize] += 1);
            }
        }
        for ((at, value), count) in counts {
            let value = if value.is_empty() { "(none)" } else { value };
            rows.push((&self.manifest.attributes[at], value.to_owned(), count));
        }
        let cells = |(name, value, count): (&str, String, [usize; 3])| {
            [name.to_owned(), value].into_iter().chain(count.map(|count| count.to_string())).collect()
        };
        let rows: Vec<Vec<String>> = rows.into_iter().map(cells).collect();
        let splits = Split::ALL.map(Split::name);
        table(&["attribute", "value", splits[0], splits[1], splits[2]], 2, &rows)
    }

    /// What a person should hear even if nobody opens the summary.
    pub(crate) fn notes(&self) -> Vec<String> {
        let Report { selection, packed, .. } = self;
        let mut notes = Vec::new();
        if let Some((path, why)) = packed.unusable.first() {
            notes.push(format!("{} photos cannot be used; the first is `{path}`: {why}", packed.unusable.len()));
        }
        if let Some(first) = packed.doubles.first() {
            let torn = packed.doubles.iter().filter(|double| double.other_split).count();
            let torn = if torn > 0 { format!(", {torn} of them of a photo in another split") } else { String::new() };
            notes.push(format!(
                "{} photos are there twice{torn}; the first is `{}`, the same as `{}`",
                packed.doubles.len(),
                first.path,
                first.of
            ));
        }
        if let Some(first) = selection.without_row.first() {
            notes.push(format!(
                "{} photos have no row in the table; the first is `{first}`",
                selection.without_row.len()
            ));
        }
        notes
    }

    pub(crate) fn metrics(&self) -> Vec<(&'static str, f64)> {
        let Report { selection, packed, .. } = self;
        let count = |fits: &dyn Fn(&Photo) -> bool| packed.photos.iter().filter(|photo| fits(photo)).count() as f64;
        vec![
            ("photos", packed.photos.len() as f64),
            ("unusable", packed.unusable.len() as f64),
            ("twice", packed.doubles.len() as f64),
            ("too small", packed.small.len() as f64),
            ("without a row", selection.without_row.len() as f64),
            ("turned", count(&|photo| photo.turned)),
            ("greyscale", count(&|photo| photo.greyscale)),
        ]
    }
}

fn list(text: &mut String, title: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}: {}\n", items.len());
    for item in items.iter().take(SHOWN) {
        let _ = writeln!(text, "- {item}");
    }
    if items.len() > SHOWN {
        let _ = writeln!(text, "- and {} more", items.len() - SHOWN);
    }
}
