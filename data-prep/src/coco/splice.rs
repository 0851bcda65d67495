//! Adds fields to the annotations of a COCO file, and leaves every other byte as it is.
//!
//! Reading a file and writing it again would round its numbers and lose its order; this does not. It expects text that a
//! JSON reader has accepted, and does not know what the fields mean.

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("annotations: {found} objects in the text, but {fields} to add fields to")]
pub(crate) struct SpliceError {
    found: usize,
    fields: usize,
}

/// The text with `fields[n]` (such as `"colours": []`) at the end of the n-th annotation.
pub(crate) fn splice(text: &str, fields: &[String]) -> Result<String, SpliceError> {
    let ends = ends(text.as_bytes());
    if ends.len() != fields.len() {
        return Err(SpliceError { found: ends.len(), fields: fields.len() });
    }
    let mut out = String::with_capacity(text.len() + fields.iter().map(|field| field.len() + 2).sum::<usize>());
    let mut from = 0;
    for (end, field) in ends.into_iter().zip(fields) {
        // After the last value, before the white space that leads to the closing brace.
        let last = text[from..end].trim_end().len() + from;
        out.push_str(&text[from..last]);
        if !out.ends_with('{') {
            out.push_str(", ");
        }
        out.push_str(field);
        from = last;
    }
    out.push_str(&text[from..]);
    Ok(out)
}

/// Where the closing braces of the annotations are.
fn ends(text: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let (mut depth, mut at) = (0_usize, 0);
    let (mut key, mut inside) = (&text[..0], false);
    while at < text.len() {
        match text[at] {
            b'"' => {
                let end = string_end(text, at);
                if depth == 1 {
                    key = &text[at + 1..end];
                }
                at = end;
            }
            b'{' | b'[' => {
                depth += 1;
                inside |= depth == 2 && text[at] == b'[' && key == b"annotations";
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if inside && depth == 2 && text[at] == b'}' {
                    ends.push(at);
                }
                inside &= depth >= 2;
            }
            _ => {}
        }
        at += 1;
    }
    ends
}

/// Where the quote that ends a string is.
fn string_end(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < text.len() && text[at] != b'"' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    at.min(text.len().saturating_sub(1))
}
