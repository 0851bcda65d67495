//! Tables as Markdown with aligned columns, so that they read well as plain text too, and as LaTeX.

use crate::latex;

/// Rows that a page of LaTeX has room for.
const ROWS_OF_A_PAGE: usize = 40;

/// A table. Columns whose title ends with `:` are aligned to the left, others to the right.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    titles: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<T: Into<String>>(titles: impl IntoIterator<Item = T>, rows: Vec<Vec<String>>) -> Self {
        Table { titles: titles.into_iter().map(Into::into).collect(), rows }
    }

    /// Pipes and dashes.
    pub(crate) fn markdown(&self) -> String {
        let safe = |cells: &[String]| cells.iter().map(|cell| marked_down(cell)).collect::<Vec<String>>();
        let (names, rows) = (safe(&self.names()), self.rows.iter().map(|row| safe(row)).collect::<Vec<_>>());
        let letters = |row: &Vec<String>, at: usize| row.get(at).map_or(0, |cell| cell.chars().count());
        let width = |at: usize| rows.iter().chain([&names]).map(|row| letters(row, at)).fold(3, usize::max);
        let widths: Vec<usize> = (0..self.titles.len()).map(width).collect();
        let line = |cells: &[String]| {
            let padded = (0..self.titles.len()).map(|at| {
                let cell = cells.get(at).map_or("", String::as_str);
                let space = " ".repeat(widths[at].saturating_sub(cell.chars().count()));
                if self.left(at) { format!(" {cell}{space} ") } else { format!(" {space}{cell} ") }
            });
            format!("|{}|\n", padded.collect::<Vec<String>>().join("|"))
        };
        let rule = (0..self.titles.len()).map(|at| {
            let dashes = "-".repeat(widths[at] + 1);
            if self.left(at) { format!(":{dashes}") } else { format!("{dashes}:") }
        });
        let rule = format!("|{}|\n", rule.collect::<Vec<String>>().join("|"));
        let body: String = rows.iter().map(|row| line(row)).collect();
        format!("{}{rule}{body}", line(&names))
    }

    /// Floats of the package `booktabs`, as many as it takes for each to fit on a page; where one is wider than the text,
    /// `graphicx` makes it smaller.
    pub(crate) fn latex(&self, caption: &str) -> String {
        let parts: Vec<&[Vec<String>]> =
            if self.rows.is_empty() { vec![&[]] } else { self.rows.chunks(ROWS_OF_A_PAGE).collect() };
        let float = |(number, rows): (usize, &&[Vec<String>])| {
            let part = if parts.len() > 1 { format!(" ({} of {})", number + 1, parts.len()) } else { String::new() };
            format!(
                "\n\\begin{{table}}\n\\centering\n\\caption{{{}{part}}}\n\
                 \\resizebox{{\\ifdim\\width>\\textwidth\\textwidth\\else\\width\\fi}}{{!}}{{%\n{}}}\n\\end{{table}}\n",
                latex::escaped(caption),
                self.tabular(rows)
            )
        };
        parts.iter().enumerate().map(float).collect()
    }

    fn tabular(&self, rows: &[Vec<String>]) -> String {
        let line = |cells: &[String]| {
            let cell = |at: usize| latex::escaped(&cells.get(at).map_or("", String::as_str).replace(['\n', '\r'], " "));
            let row = (0..self.titles.len()).map(cell).collect::<Vec<String>>().join(" & ");
            // After the end of a row, `[` begins a distance and `*` forbids a break.
            let guard = if row.trim_start().starts_with(['[', '*']) { "{}" } else { "" };
            format!("{guard}{row} \\\\\n")
        };
        let columns: String = (0..self.titles.len()).map(|at| if self.left(at) { 'l' } else { 'r' }).collect();
        let body: String = rows.iter().map(|row| line(row)).collect();
        format!(
            "\\begin{{tabular}}{{{columns}}}\n\\toprule\n{}\\midrule\n{body}\\bottomrule\n\\end{{tabular}}\n",
            line(&self.names())
        )
    }

    fn left(&self, at: usize) -> bool {
        self.titles[at].ends_with(':')
    }

    fn names(&self) -> Vec<String> {
        self.titles.iter().map(|title| title.trim_end_matches(':').to_owned()).collect()
    }
}

/// Text in which no character ends a cell or has a meaning of its own for Markdown.
pub(crate) fn marked_down(cell: &str) -> String {
    let mut out = String::with_capacity(cell.len());
    for c in cell.chars() {
        match c {
            '\\' | '|' | '*' | '_' | '<' | '`' => out.extend(['\\', c]),
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
