//! A table: named columns, the first rows, and how many rows there are in all.

use crate::page::html::Html;
use crate::page::words::{shortened, thousands};

/// Most columns, and most letters of a cell and of a column's name.
pub(super) const MOST_COLUMNS: usize = 64;
const MOST_LETTERS: usize = 300;
/// Bytes of a cell that stands on one line.
const SHORT: usize = 40;

/// The beginning of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    /// Cells by row; none where there is no value.
    pub(super) rows: Vec<Vec<Option<String>>>,
    /// Rows in all.
    pub(super) total: u64,
    /// Columns that are left out.
    pub(super) more_columns: usize,
    /// What cannot be shown of it.
    pub(super) remarks: Vec<String>,
}

impl Table {
    /// Whether all values of a column are numbers, and there are some.
    fn is_numeric(&self, column: usize) -> bool {
        let mut cells = self.rows.iter().filter_map(|row| row.get(column)?.as_deref()).peekable();
        let is_number =
            |cell: &str| cell.parse::<f64>().is_ok() && !cell.starts_with(['+', 'i', 'n', 'N']) || cell == "NaN";
        cells.peek().is_some() && cells.all(|cell| cell.is_empty() || is_number(cell))
    }

    /// The class of a column's cells: numbers stand right, and short words are not broken.
    fn class(&self, column: usize) -> &'static str {
        let short = |row: &Vec<Option<String>>| {
            row.get(column).and_then(Option::as_ref).is_none_or(|cell| cell.len() <= SHORT && !cell.contains('\n'))
        };
        match self.is_numeric(column) {
            true => "number",
            false if self.rows.iter().all(short) => "short",
            false => "words",
        }
    }

    /// How much of it is shown.
    fn told(&self) -> String {
        let shown = self.rows.len() as u64;
        let rows = match self.total {
            1 => "1 row".to_owned(),
            total if total > shown => format!("first {} of {} rows", thousands(shown), thousands(total)),
            total => format!("{} rows", thousands(total)),
        };
        match self.more_columns {
            0 => rows,
            more => format!("{rows}; {} of {} columns", self.columns.len(), self.columns.len() + more),
        }
    }

    /// The table with a caption.
    pub(super) fn html(&self, caption: &str) -> Html {
        let mut html = Html::default();
        for remark in &self.remarks {
            html.remark(remark);
        }
        html.open("div", &[("class", "scroll"), ("tabindex", "0"), ("role", "region"), ("aria-label", caption)]);
        html.raw("<table class=\"sortable\">\n<caption>");
        html.text(caption);
        html.element("span", &[("class", "told")], &format!(" {}", self.told()));
        html.raw("</caption>\n<thead><tr>");
        let classes: Vec<&str> = (0..self.columns.len()).map(|column| self.class(column)).collect();
        for (name, class) in self.columns.iter().zip(&classes) {
            html.element("th", &[("scope", "col"), ("class", class)], &shortened(name, MOST_LETTERS));
        }
        html.raw("</tr></thead>\n<tbody>\n");
        for row in &self.rows {
            html.raw("<tr>");
            for (column, class) in classes.iter().enumerate() {
                let cell = row.get(column).and_then(Option::as_deref).unwrap_or_default();
                html.element("td", &[("class", class)], &shortened(cell, MOST_LETTERS));
            }
            html.raw("</tr>\n");
        }
        html.raw("</tbody></table></div>\n");
        html
    }
}

/// A floating-point number with six digits that matter.
pub(super) fn float(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return value.to_string();
    }
    let magnitude = value.abs().log10().floor();
    if !(-5.0..15.0).contains(&magnitude) {
        return format!("{value:.5e}");
    }
    let decimals = (5.0 - magnitude).clamp(0.0, 10.0) as usize;
    let text = format!("{value:.decimals$}");
    if decimals == 0 { text } else { text.trim_end_matches('0').trim_end_matches('.').to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_right_and_what_is_left_out_is_told() {
        let cell = |text: &str| Some(text.to_owned());
        let table = Table {
            columns: vec!["<name>".into(), "loss".into()],
            rows: vec![vec![cell("a"), cell("0.5")], vec![cell("<script>"), None]],
            total: 12_345,
            more_columns: 3,
            remarks: vec![],
        };
        insta::assert_snapshot!(table.html("t & u").into_string(), @r#"
        <div class="scroll" tabindex="0" role="region" aria-label="t &amp; u"><table class="sortable">
        <caption>t &amp; u<span class="told"> first 2 of 12,345 rows; 2 of 5 columns</span></caption>
        <thead><tr><th scope="col" class="short">&lt;name&gt;</th><th scope="col" class="number">loss</th></tr></thead>
        <tbody>
        <tr><td class="short">a</td><td class="number">0.5</td></tr>
        <tr><td class="short">&lt;script&gt;</td><td class="number"></td></tr>
        </tbody></table></div>
        "#);
    }

    #[test]
    fn floats_with_the_digits_that_matter() {
        let shown: Vec<String> = [0.0, 0.1 + 0.2, 1234567.0, 12.5, -3.0, 1e-9, f64::NAN].map(float).into();
        assert_eq!(shown, ["0", "0.3", "1234567", "12.5", "-3", "1.00000e-9", "NaN"]);
    }
}
