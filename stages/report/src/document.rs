//! A text with tables, as Markdown and as LaTeX.

use crate::latex;
use crate::table::{Table, marked_down};

/// A heading, and what stands below it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Document {
    title: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Table { caption: String, table: Table },
}

impl Document {
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Document { title: title.into(), parts: Vec::new() }
    }

    /// Adds a paragraph, unless it is empty.
    pub(crate) fn text(mut self, text: impl Into<String>) -> Self {
        let text = text.into().trim().to_owned();
        if !text.is_empty() {
            self.parts.push(Part::Text(text));
        }
        self
    }

    /// Adds a table, with a line above it.
    pub(crate) fn table(mut self, caption: impl Into<String>, table: Table) -> Self {
        self.parts.push(Part::Table { caption: caption.into(), table });
        self
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("# {}\n", self.title);
        for part in &self.parts {
            match part {
                Part::Text(words) => text.push_str(&format!("\n{words}\n")),
                Part::Table { caption, table } if caption.is_empty() => {
                    text.push_str(&format!("\n{}", table.markdown()));
                }
                Part::Table { caption, table } => {
                    text.push_str(&format!("\n{}:\n\n{}", marked_down(caption), table.markdown()))
                }
            }
        }
        text
    }

    /// Source to `\input`.
    pub(crate) fn latex(&self) -> String {
        let mut text = "% Needs \\usepackage{booktabs} and \\usepackage{graphicx}.\n".to_owned();
        for part in &self.parts {
            match part {
                Part::Text(words) => text.push_str(&format!("\n{}\n", latex::escaped(words))),
                Part::Table { caption, table } => {
                    let caption = if caption.is_empty() { &self.title } else { caption };
                    text.push_str(&table.latex(caption));
                }
            }
        }
        text
    }
}
