//! How much a page holds, so that thousands of stages still make a page that opens.

/// How much a page holds. What is beyond is left out, and the page says so.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of one output: of a picture the whole, of a text its beginning.
    pub content: u64,
    /// Bytes of the page that all outputs together may take.
    pub all_contents: u64,
    /// Rows of a table.
    pub rows: usize,
    /// Stages with a section of their own.
    pub sections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { content: 4 << 20, all_contents: 32 << 20, rows: 100, sections: 300 }
    }
}
