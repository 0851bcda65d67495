//! Tables as Markdown with aligned columns, so that they read well as plain text too, and as LaTeX.
//!
//! It does not know what is in them.

use crate::latex;

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
        let widths: Vec<usize> = (0..self.titles.len()).map(|at| self.width(at)).collect();
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
        let body: String = self.rows.iter().map(|row| line(row)).collect();
        format!("{}{rule}{body}", line(&self.names()))
    }

    /// A `tabular` for the package `booktabs`.
    pub(crate) fn latex(&self) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<String> =
                (0..self.titles.len()).map(|at| latex::escaped(cells.get(at).map_or("", String::as_str))).collect();
            format!("{} \\\\\n", cells.join(" & "))
        };
        let columns: String = (0..self.titles.len()).map(|at| if self.left(at) { 'l' } else { 'r' }).collect();
        let body: String = self.rows.iter().map(|row| line(row)).collect();
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

    fn width(&self, at: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
        cells.chain([self.titles[at].trim_end_matches(':').chars().count(), 3]).max().unwrap_or(3)
    }
}
