//! Files in which Linux tells what it knows of a process. They have no size that could be asked for beforehand.

use std::io::{self, Read};

/// Room for most of them.
const ROOM: usize = 1 << 10;

/// What such a file says.
pub(crate) fn read(path: &str) -> io::Result<String> {
    let mut text = String::with_capacity(ROOM);
    // Through `take`, no time is spent on asking for the size.
    fs_err::File::open(path)?.take(u64::MAX).read_to_string(&mut text)?;
    Ok(text)
}
