//! Writes pickles and archives, right ones and wrong ones, instruction by instruction.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A dictionary of tensors as torch pickles it: name, the storage's class, key and length, offset, shape, strides.
pub(super) fn dict(tensors: &[Vec<u8>]) -> Vec<u8> {
    [b"\x80\x02}(".as_slice(), &tensors.concat(), b"u."].concat()
}

pub(super) struct View<'a> {
    pub(super) class: &'a str,
    pub(super) key: &'a str,
    pub(super) count: i64,
    pub(super) offset: i64,
    pub(super) shape: &'a [i64],
    pub(super) strides: &'a [i64],
}

impl Default for View<'_> {
    fn default() -> Self {
        View { class: "FloatStorage", key: "0", count: 4, offset: 0, shape: &[2, 2], strides: &[2, 1] }
    }
}

/// The entry of a tensor: its name and what makes it.
pub(super) fn entry(name: &str, view: &View<'_>) -> Vec<u8> {
    let mut bytes = text(name);
    bytes.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
    bytes.extend(text("storage"));
    bytes.extend(format!("ctorch\n{}\n", view.class).bytes());
    bytes.extend(text(view.key));
    bytes.extend(text("cpu"));
    bytes.extend(int(view.count));
    bytes.extend(b"tQ");
    bytes.extend(int(view.offset));
    bytes.push(b'(');
    view.shape.iter().for_each(|size| bytes.extend(int(*size)));
    bytes.extend(b"t(");
    view.strides.iter().for_each(|stride| bytes.extend(int(*stride)));
    bytes.extend(b"t\x89}tR");
    bytes
}

pub(super) fn text(text: &str) -> Vec<u8> {
    [b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

pub(super) fn int(number: i64) -> Vec<u8> {
    [b"\x8a\x08".as_slice(), &number.to_le_bytes()].concat()
}

/// An archive of entries, all of them stored or all of them packed.
pub(super) fn archive(entries: &[(&str, &[u8])], packed: bool) -> Vec<u8> {
    let method = if packed { CompressionMethod::Deflated } else { CompressionMethod::Stored };
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// An archive of a pickle and one storage of four numbers.
pub(super) fn checkpoint(pickle: &[u8]) -> Vec<u8> {
    archive(&[("a/data.pkl", pickle), ("a/byteorder", b"little"), ("a/data/0", &numbers(4))], false)
}

/// Float numbers 0, 1, …
pub(super) fn numbers(count: usize) -> Vec<u8> {
    (0..count).flat_map(|number| (number as f32).to_le_bytes()).collect()
}
