//! Which photo has which row: its own, or that of the nearest folder around it.

use std::collections::BTreeMap;

use crate::images::import::folder::Listing;
use crate::images::import::manifest::Manifest;

#[derive(Debug, thiserror::Error)]
pub(crate) enum SelectError {
    #[error("none of its rows names a photo that is there; the first, line {line}, names `{path}`: {why}")]
    Nothing { line: usize, path: String, why: String },
}

/// A photo that has a row.
#[derive(Debug)]
pub(crate) struct Photo {
    pub(crate) path: String,
    pub(crate) row: usize,
}

/// All photos with rows, sorted by path, and what does not meet.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    pub(crate) photos: Vec<Photo>,
    /// Rows without a photo, and why.
    pub(crate) missing: Vec<(usize, String)>,
    /// Photos without a row.
    pub(crate) without_row: Vec<String>,
    /// Names that no table can name.
    pub(crate) nameless: Vec<String>,
    /// Photos in folders with rows that cannot be read, and why.
    pub(crate) unreadable: Vec<(String, &'static str)>,
}

pub(crate) fn select(manifest: &Manifest, listing: &Listing) -> Result<Selection, SelectError> {
    // Several rows of one photo speak of parts of it.
    let mut rows: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, row) in manifest.rows.iter().enumerate() {
        rows.entry(&row.path).or_default().push(at);
    }
    let mut selection = Selection { nameless: listing.nameless.clone(), ..Selection::default() };
    let mut used = vec![false; manifest.rows.len()];
    for file in &listing.files {
        let own = rows.get(file.as_str()).or_else(|| around(&rows, file).filter(|_| is_photo(file)));
        match own {
            Some(own) => {
                for row in own {
                    used[*row] = true;
                    selection.photos.push(Photo { path: file.clone(), row: *row });
                }
            }
            None if is_photo(file) => selection.without_row.push(file.clone()),
            None => {}
        }
    }
    let unreadable = listing
        .unreadable
        .iter()
        .filter(|(name, _)| is_photo(name) && !rows.contains_key(name.as_str()) && around(&rows, name).is_some());
    selection.unreadable = unreadable.map(|(name, why)| (name.clone(), *why)).collect();
    let mut nearly: Option<BTreeMap<String, &str>> = None;
    for (at, row) in manifest.rows.iter().enumerate().filter(|(at, _)| !used[*at]) {
        let folder = row.path.is_empty() || listing.folders.contains(&row.path);
        let mut others = manifest.rows.iter();
        if folder && others.any(|other| other.path.len() > row.path.len() && is_inside(&other.path, &row.path)) {
            continue; // All of its photos have rows of their own.
        }
        let why = match listing.unreadable.get(&row.path) {
            Some(why) => (*why).to_owned(),
            None if folder => "there is no photo in this folder".into(),
            None => {
                let nearly = nearly.get_or_insert_with(|| {
                    listing.files.iter().map(|file| (file.to_lowercase(), file.as_str())).collect()
                });
                absent(&row.path, nearly)
            }
        };
        selection.missing.push((at, why));
    }
    match (selection.photos.is_empty(), selection.missing.first()) {
        (true, Some((row, why))) => {
            let row = &manifest.rows[*row];
            Err(SelectError::Nothing { line: row.line, path: row.path.clone(), why: why.clone() })
        }
        _ => Ok(selection),
    }
}

/// The rows of the nearest folder around a file.
fn around<'a>(rows: &'a BTreeMap<&str, Vec<usize>>, file: &str) -> Option<&'a Vec<usize>> {
    let mut folder = file;
    while let Some((above, _)) = folder.rsplit_once('/') {
        if let Some(row) = rows.get(above) {
            return Some(row);
        }
        folder = above;
    }
    rows.get("")
}

fn is_inside(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn is_photo(file: &str) -> bool {
    let ending = file.rsplit_once('.').map(|(_, ending)| ending.to_lowercase());
    matches!(ending.as_deref(), Some("jpg" | "jpeg" | "png"))
}

fn absent(path: &str, nearly: &BTreeMap<String, &str>) -> String {
    match nearly.get(&path.replace('\\', "/").to_lowercase()) {
        Some(other) => format!("there is no such file, but `{other}`"),
        None => "there is no such file".into(),
    }
}
