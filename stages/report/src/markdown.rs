//! Tables as Markdown with aligned columns, so that they read well as plain text too.
//!
//! It does not know what is in them.

/// A table. Columns whose title ends with `:` are aligned to the left, others to the right.
pub(crate) fn table(titles: &[&str], rows: &[Vec<String>]) -> String {
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
        cells.chain([titles[at].trim_end_matches(':').chars().count(), 3]).max().unwrap_or(3)
    };
    let widths: Vec<usize> = (0..titles.len()).map(width).collect();
    let left = |at: usize| titles[at].ends_with(':');
    let line = |cells: &[String]| {
        let padded = (0..titles.len()).map(|at| {
            let cell = cells.get(at).map_or("", String::as_str);
            let space = " ".repeat(widths[at].saturating_sub(cell.chars().count()));
            if left(at) { format!(" {cell}{space} ") } else { format!(" {space}{cell} ") }
        });
        format!("|{}|\n", padded.collect::<Vec<String>>().join("|"))
    };
    let names: Vec<String> = titles.iter().map(|title| title.trim_end_matches(':').to_owned()).collect();
    let rule = (0..titles.len()).map(|at| {
        let dashes = "-".repeat(widths[at] + 1);
        if left(at) { format!(":{dashes}") } else { format!("{dashes}:") }
    });
    let rule = format!("|{}|\n", rule.collect::<Vec<String>>().join("|"));
    let body: String = rows.iter().map(|row| line(row)).collect();
    format!("{}{rule}{body}", line(&names))
}

/// A share as per cent with some decimals; a dash where there is none.
pub(crate) fn percent(share: Option<f64>, decimals: usize) -> String {
    share
        .filter(|share| share.is_finite())
        .map_or_else(|| "–".into(), |share| format!("{:.decimals$} %", share * 100.0))
}

/// A difference of shares in percentage points with its sign.
pub(crate) fn points(ours: Option<f64>, theirs: Option<f64>) -> String {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => format!("{:+.1}", (ours - theirs) * 100.0),
        _ => "–".into(),
    }
}

/// Bytes in megabytes.
pub(crate) fn megabytes(bytes: Option<f64>) -> String {
    bytes.map_or_else(|| "–".into(), |bytes| format!("{:.2} MB", bytes / 1e6))
}
