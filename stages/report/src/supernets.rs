//! Which supernets a table is about: what tells one from another, what they are called, and under which name the paper's
//! tables have them.
//!
//! A network's name is that of its preset, and stays so when widths are overridden; so the label of the pipeline's
//! fan-in tells supernets apart.

use std::collections::BTreeMap;

use polars::prelude::DataFrame;

use crate::error::ReportError;
use crate::read;

/// A family of networks: how its networks' names and its columns in the paper's tables begin, and its title.
type Family = (&'static str, &'static str);

/// In the order of the paper's tables, the one between them that the paper only draws.
const FAMILIES: [Family; 4] =
    [("resnet", "ResNet"), ("mobilenet", "MobileNet"), ("vit", "ViT"), ("efficientnet", "EfficientNet")];

/// Name of the column that holds labels.
pub(crate) const LABEL: &str = "label";

/// A supernet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Supernet {
    /// Its label in the fan-in, empty where there is none.
    pub(crate) label: String,
    /// Name of its network.
    pub(crate) network: String,
    /// For people: its family, such as `ResNet`, with the label behind it where others are of the same family.
    pub(crate) title: String,
}

impl Supernet {
    /// Title of the family; an unknown network stands for itself.
    pub(crate) fn family(&self) -> &str {
        family(&self.network).map_or(&self.network, |(_, title)| title)
    }

    /// Beginning of its columns in the paper's tables, such as `resnet`.
    pub(crate) fn column(&self) -> &str {
        family(&self.network).map_or(&self.network, |(column, _)| column)
    }

    fn rank(&self) -> usize {
        FAMILIES.iter().position(|(start, _)| self.network.starts_with(start)).unwrap_or(FAMILIES.len())
    }
}

/// The family of a network by its name, such as `resnet-numvqa`.
fn family(network: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|(start, _)| network.starts_with(start))
}

/// The supernets of a table, in the order of their families, then of their labels.
#[derive(Clone, Debug)]
pub(crate) struct Supernets {
    all: Vec<Supernet>,
    /// Position of each row's supernet.
    of_row: Vec<usize>,
}

impl Supernets {
    /// Reads `network`, and `label` where there is one.
    ///
    /// # Errors
    /// When two rows of a supernet are equal in all of `key`: means would count one of them twice.
    pub(crate) fn of(table: &DataFrame, key: &[&str]) -> Result<Self, ReportError> {
        let networks = read::words(table, "network")?;
        let labels =
            if read::has(table, LABEL) { read::words(table, LABEL)? } else { vec![String::new(); networks.len()] };
        let named = |(label, network): (&String, &String)| Supernet {
            label: label.clone(),
            network: network.clone(),
            title: String::new(),
        };
        let rows: Vec<Supernet> = labels.iter().zip(&networks).map(named).collect();
        let mut all: Vec<Supernet> = Vec::new();
        for one in &rows {
            if !all.contains(one) {
                all.push(one.clone());
            }
        }
        all.sort_by(|a, b| (a.rank(), &a.label, &a.network).cmp(&(b.rank(), &b.label, &b.network)));
        let place = |row: &Supernet| all.iter().position(|one| one == row).unwrap_or(0);
        let of_row = rows.iter().map(place).collect();
        let found = Supernets { all: titled(&all), of_row };
        found.refuse_twice(table, key)?;
        Ok(found)
    }

    pub(crate) fn all(&self) -> &[Supernet] {
        &self.all
    }

    /// Position of a row's supernet.
    pub(crate) fn of_row(&self, row: usize) -> usize {
        self.of_row[row]
    }

    /// Rows of the supernet at a position.
    pub(crate) fn rows(&self, at: usize) -> Vec<usize> {
        (0..self.of_row.len()).filter(|row| self.of_row[*row] == at).collect()
    }

    fn refuse_twice(&self, table: &DataFrame, key: &[&str]) -> Result<(), ReportError> {
        let parts = key.iter().map(|name| read::words(table, name)).collect::<Result<Vec<_>, _>>()?;
        let mut first = BTreeMap::new();
        for (row, supernet) in self.of_row.iter().enumerate() {
            let values: Vec<&str> = parts.iter().map(|part| part[row].as_str()).collect();
            if let Some(before) = first.insert((*supernet, values.clone()), row) {
                let told: Vec<String> =
                    key.iter().zip(&values).map(|(name, value)| format!("{name} `{value}`")).collect();
                return Err(ReportError::Misfit(format!(
                    "{} has two rows of {} (rows {} and {}); give each result once",
                    self.all[*supernet].title,
                    told.join(", "),
                    before + 1,
                    row + 1
                )));
            }
        }
        Ok(())
    }
}

/// Titles that tell all apart: by label, or by network where labels do not.
fn titled(all: &[Supernet]) -> Vec<Supernet> {
    let title = |one: &Supernet| {
        let alike: Vec<&Supernet> = all.iter().filter(|other| other.family() == one.family()).collect();
        let by_label = alike.iter().filter(|other| other.label == one.label).count() == 1 && !one.label.is_empty();
        match alike.len() {
            1 => one.family().to_owned(),
            _ if by_label => format!("{} ({})", one.family(), one.label),
            _ if one.label.is_empty() => format!("{} ({})", one.family(), one.network),
            _ => format!("{} ({}, {})", one.family(), one.label, one.network),
        }
    };
    all.iter().map(|one| Supernet { title: title(one), ..one.clone() }).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use polars::prelude::df;

    use super::*;

    #[test]
    fn supernets_of_one_preset_are_told_apart_by_their_labels() {
        let table = df!(
            "label" => ["vit", "wide", "narrow", "wide", "own"],
            "network" => ["vit-x", "resnet-x", "resnet-x", "resnet-x", "mine"],
            "task" => ["a", "a", "a", "b", "a"],
            "limit" => [0.1; 5],
        )
        .unwrap();
        let found = Supernets::of(&table, &["task", "limit"]).unwrap();
        let titles: Vec<&str> = found.all().iter().map(|one| one.title.as_str()).collect();
        assert_eq!(titles, ["ResNet (narrow)", "ResNet (wide)", "ViT", "mine"]);
        assert_eq!((found.rows(1), found.of_row(0)), (vec![1, 3], 2));
        assert_eq!(
            (found.all()[1].family(), found.all()[1].column(), found.all()[3].column()),
            ("ResNet", "resnet", "mine")
        );
    }

    #[test]
    fn supernets_without_labels_are_told_apart_by_their_networks() {
        let table = df!("network" => ["resnet-b", "resnet-a", "vit-x"], "task" => ["a"; 3]).unwrap();
        let titles: Vec<String> =
            Supernets::of(&table, &["task"]).unwrap().all().iter().map(|one| one.title.clone()).collect();
        assert_eq!(titles, ["ResNet (resnet-a)", "ResNet (resnet-b)", "ViT"]);
    }

    #[test]
    fn a_row_that_is_there_twice_is_refused() {
        let table =
            df!("network" => ["resnet-x"; 3], "task" => ["a", "b", "a"], "limit" => [0.03, 0.03, 0.03]).unwrap();
        let why = Supernets::of(&table, &["task", "limit"]).err().unwrap().to_string();
        assert_eq!(why, "ResNet has two rows of task `a`, limit `0.03` (rows 1 and 3); give each result once");
    }
}
