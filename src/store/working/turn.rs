//! Whose turn it is to remove what the dead have left, or to take it over: one program at a time.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::lock_file;

/// The file, in the folder of locks.
pub(crate) const TURN: &str = ".removing";

/// Waits for one's turn; held by whoever makes, removes or takes over what others may have in hand.
pub(crate) fn turn(locks: &Path) -> io::Result<File> {
    let turn = lock_file::open(&locks.join(TURN))?;
    turn.lock()?;
    Ok(turn)
}
