//! The text of a file, read with bounds, and its tree.

use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;

use fs_err::os::unix::fs::OpenOptionsExt;

use crate::diagnostic::{Diagnostic, Source};
use crate::os_error;
use crate::yaml::node::Node;
use crate::yaml::reader::parse;

/// Longest text that is read.
const MAX_BYTES: u64 = 64 << 20;

/// Reads a file.
///
/// # Errors
/// All faults of its syntax.
pub fn read(path: &Path) -> Result<Node, Vec<Diagnostic>> {
    parse(text(path)?)
}

/// The text of a file. What has no end, or may never begin, is not read: devices, pipes, sockets.
///
/// # Errors
/// When it cannot be read, is too long, or is not UTF-8.
pub fn text(path: &Path) -> Result<Arc<Source>, Vec<Diagnostic>> {
    let fault = |message: String| vec![Diagnostic::new(message)];
    let shown = path.display();
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => vec![
            Diagnostic::new(format!("there is no file `{shown}`"))
                .hint("name the pipeline's file, or go to the folder that has `pipeline.yaml`"),
        ],
        _ => fault(format!("`{shown}` cannot be read: {}", os_error::words(&error))),
    };
    // To open a pipe waits for somebody who writes into it, unless it is said not to.
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = fs_err::OpenOptions::new().read(true).custom_flags(flags).open(path);
    let kind = match &file {
        Ok(file) => file.metadata().map_err(failed)?.file_type(),
        // A socket cannot be opened at all.
        Err(_) => fs_err::metadata(path).map_err(failed)?.file_type(),
    };
    if kind.is_dir() {
        return Err(fault(format!("`{shown}` is a folder, not a pipeline file")));
    }
    if !kind.is_file() {
        let fault = Diagnostic::new(format!("`{shown}` is {}, not a pipeline file", what_kind(kind)));
        return Err(vec![fault.hint("write the pipeline into a file: it is read more than once")]);
    }
    let mut bytes = Vec::new();
    file.map_err(failed)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(fault(format!("`{shown}` is too long: a pipeline has at most {MAX_BYTES} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        let line = 1 + e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count();
        vec![Diagnostic::new(format!("`{shown}` is not UTF-8: line {line} has other bytes")).hint("save it as UTF-8")]
    })?;
    Ok(Arc::new(Source { name: path.to_owned(), text }))
}

fn what_kind(kind: std::fs::FileType) -> &'static str {
    match kind {
        kind if kind.is_fifo() => "a pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    }
}
