//! Tables in Markdown.

/// A table whose first `texts` columns are text, the others numbers; cells are shown as they are, but for bars.
pub(crate) fn table(head: &[&str], texts: usize, rows: &[Vec<String>]) -> String {
    let line = |cells: &mut dyn Iterator<Item = String>| {
        let cells: Vec<String> = cells.map(|cell| cell.replace('|', "\\|")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = line(&mut head.iter().map(|cell| (*cell).to_owned()));
    let rule: Vec<&str> = (0..head.len()).map(|column| if column < texts { "---" } else { "--:" }).collect();
    text.push_str(&format!("|{}|\n", rule.join("|")));
    for row in rows {
        text.push_str(&line(&mut row.iter().cloned()));
    }
    text
}

/// A list of words with how often each occurs: `red (3), blue (1)`.
pub(crate) fn counted<'a>(words: impl IntoIterator<Item = (&'a str, usize)>) -> String {
    let mut words: Vec<(&str, usize)> = words.into_iter().collect();
    words.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let shown: Vec<String> = words.iter().map(|(word, count)| format!("{word} ({count})")).collect();
    shown.join(", ")
}
