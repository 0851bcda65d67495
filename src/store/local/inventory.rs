//! All that lies in the local tier: content, records, and what is neither.
//!
//! It looks at names, sizes and times, and opens nothing.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use crate::store::StoreError;
use crate::store::local::attributes::mode;

/// One file under the name of a digest or a key.
#[derive(Clone, Debug)]
pub(crate) struct Item<N> {
    pub(crate) name: N,
    pub(crate) size: u64,
    pub(crate) mode: u32,
    /// When it was put, linked or noted to be needed, by the clock of the file system.
    pub(crate) changed: SystemTime,
}

/// The files of one part of a store.
#[derive(Debug)]
pub(crate) struct Listing<N> {
    pub(crate) items: Vec<Item<N>>,
    /// What does not belong there, such as a temporary file of a program that was killed.
    pub(crate) strays: Vec<PathBuf>,
}

/// Lists `blobs/v1` or `records/v1`; `ending` is what comes after the name. Sorted by name.
pub(crate) fn list<N: FromStr + Ord>(folder: &Path, ending: &str) -> Result<Listing<N>, StoreError> {
    let doing = StoreError::io("list the store");
    let mut listing: Listing<N> = Listing { items: Vec::new(), strays: Vec::new() };
    for first in fs_err::read_dir(folder).map_err(&doing)? {
        let first = first.map_err(&doing)?;
        if !first.file_type().map_err(&doing)?.is_dir() {
            listing.strays.push(first.path());
            continue;
        }
        let begin = first.file_name().to_string_lossy().into_owned();
        for entry in fs_err::read_dir(first.path()).map_err(&doing)? {
            let path = entry.map_err(&doing)?.path();
            let rest = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let name = rest.strip_suffix(ending).and_then(|rest| format!("{begin}{rest}").parse().ok());
            match (name.filter(|_| begin.len() == 2), look(&path).map_err(&doing)?) {
                (Some(name), Some(meta)) if meta.is_file() => {
                    listing.items.push(Item { name, size: meta.len(), mode: mode(&meta), changed: changed(&meta) });
                }
                // It was removed a moment ago.
                (_, None) => {}
                _ => listing.strays.push(path),
            }
        }
    }
    listing.items.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(listing)
}

/// What a path looks like, if it is there.
pub(crate) fn look(path: &Path) -> io::Result<Option<Metadata>> {
    match fs_err::symlink_metadata(path) {
        Ok(meta) => Ok(Some(meta)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// When anything of a file was changed last: no program can set this time.
pub(crate) fn changed(meta: &Metadata) -> SystemTime {
    let seconds = u64::try_from(meta.ctime()).unwrap_or(0);
    let rest = u64::try_from(meta.ctime_nsec()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_nanos(rest)
}

/// Bytes of all files below a path, and the newest time of change. Links are not followed.
pub(crate) fn weigh(path: &Path) -> (u64, SystemTime) {
    let Ok(Some(meta)) = look(path) else { return (0, SystemTime::UNIX_EPOCH) };
    let own = (if meta.is_file() { meta.len() } else { 0 }, changed(&meta));
    if !meta.is_dir() {
        return own;
    }
    let inside = fs_err::read_dir(path).into_iter().flatten().flatten().map(|entry| weigh(&entry.path()));
    inside.fold(own, |(size, newest), (more, time)| (size + more, newest.max(time)))
}

/// The time by the clock of the file system that a folder lies on.
pub(crate) fn now(folder: &Path) -> io::Result<SystemTime> {
    let file = tempfile::NamedTempFile::new_in(folder)?;
    Ok(changed(&file.as_file().metadata()?))
}

/// Names in a folder, sorted; none if there is no such folder.
pub(crate) fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::digest::Digest;

    #[test]
    fn what_does_not_belong_is_listed_apart() {
        let folder = tempfile::tempdir().unwrap();
        let hex = Digest::of(b"x").to_string();
        let put = |name: String| {
            let path = folder.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "12345").unwrap();
        };
        put(format!("{}/{}.json", &hex[..2], &hex[2..]));
        put(format!("{}/{}", &hex[..2], &hex[2..]));
        put(format!("{}/{}.json", &hex[..3], &hex[3..]));
        put(format!("{}/.record-abc", &hex[..2]));
        put("stray".into());
        let listing = list::<Digest>(folder.path(), ".json").unwrap();
        assert_eq!(
            listing.items.iter().map(|item| (item.name, item.size)).collect::<Vec<_>>(),
            [(Digest::of(b"x"), 5)]
        );
        assert_eq!(listing.strays.len(), 4, "{:?}", listing.strays);
        assert_eq!(weigh(folder.path()).0, 25);
        let now = now(folder.path()).unwrap();
        assert!(listing.items[0].changed <= now);
        assert_eq!(names(&folder.path().join("none")).unwrap(), [""; 0]);
    }
}
