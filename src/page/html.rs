//! HTML text that is put together piece by piece.
//!
//! Whatever comes from outside goes through `text` or an attribute and is escaped; only what is written in this
//! program's source can be markup.

use std::fmt::Write as _;

/// HTML that is well escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Html(String);

/// Attributes of an element, by name.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a str)];

impl Html {
    /// Markup of our own.
    pub(super) fn raw(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// What was put together elsewhere.
    pub(super) fn append(&mut self, other: &Html) {
        self.0.push_str(&other.0);
    }

    /// Text, escaped.
    pub(super) fn text(&mut self, text: &str) {
        escape(text, &mut self.0);
    }

    /// Begins an element.
    pub(super) fn open(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.0.push('<');
        self.0.push_str(tag);
        for (name, value) in attributes {
            let _ = write!(self.0, " {name}=\"");
            escape(value, &mut self.0);
            self.0.push('"');
        }
        self.0.push('>');
    }

    /// Ends an element.
    pub(super) fn close(&mut self, tag: &'static str) {
        let _ = write!(self.0, "</{tag}>");
    }

    /// An element that holds text.
    pub(super) fn element(&mut self, tag: &'static str, attributes: Attributes<'_>, text: &str) {
        self.open(tag, attributes);
        self.text(text);
        self.close(tag);
    }

    /// A name and its value in a list of definitions; nothing if there is no value.
    pub(super) fn fact(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.raw("<div>");
            self.element("dt", &[], name);
            self.element("dd", &[], value);
            self.raw("</div>\n");
        }
    }

    /// A paragraph that tells of something left out, missing or wrong.
    pub(super) fn remark(&mut self, text: &str) {
        self.element("p", &[("class", "remark")], text);
        self.raw("\n");
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The text.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// Escapes text for content and for quoted attributes. Characters that would reorder what stands beside them, or that
/// HTML does not allow, become a mark.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_is_escaped() {
        let mut html = Html::default();
        html.element("p", &[("title", "\"><script>'&")], "<script>alert('1')</script> & \u{202e}\u{1b}[31m\u{0}");
        insta::assert_snapshot!(html.into_string(), @r#"<p title="&quot;&gt;&lt;script&gt;&#39;&amp;">&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; ��[31m�</p>"#);
    }
}
