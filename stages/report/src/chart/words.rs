//! What a picture shows, in words, for those who do not see it: an SVG's title and description.

use super::{Body, Chart, Panel};

/// The elements `title` and `desc`, a line each.
pub(super) fn of(chart: &Chart) -> String {
    let titles: Vec<&str> = chart.panels.iter().map(|panel| panel.title.as_str()).filter(|t| !t.is_empty()).collect();
    let panels: Vec<String> = chart.panels.iter().map(described).collect();
    format!("<title>{}</title>\n<desc>{}</desc>\n", escaped(&titles.join("; ")), escaped(&panels.join(" ")))
}

/// Title, note, axes and names of series.
fn described(panel: &Panel) -> String {
    let mut names: Vec<&str> = Vec::new();
    if let Body::Series(series) = &panel.body {
        for one in series.iter().filter(|one| !one.name.is_empty()) {
            if !names.contains(&one.name.as_str()) {
                names.push(&one.name);
            }
        }
    }
    let axes = match (panel.y.label.as_str(), panel.x.label.as_str()) {
        ("", x) => x.to_owned(),
        (y, x) => format!("{y} against {x}"),
    };
    let parts = [panel.title.clone(), panel.note.clone(), axes, names.join(", ")];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("{}.", parts.join("; "))
}

/// Text of XML on one line.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
