//! Markdown as HTML. Markup within it stays text, and nothing in it is fetched or followed: of a link its address is
//! shown, of a picture its description.

use pulldown_cmark::{Alignment, CodeBlockKind, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};

use crate::page::html::Html;

/// Renders a text. Its headings are put below those of the page, from `level` (2 to 6) downwards.
pub(super) fn markdown(text: &str, level: usize) -> Html {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut writer =
        Writer { html: Html::default(), level, addresses: Vec::new(), columns: Vec::new(), column: 0, head: false };
    writer.html.raw("<div class=\"markdown\">\n");
    for event in Parser::new_ext(text, options) {
        writer.event(event);
    }
    writer.html.raw("</div>\n");
    writer.html
}

struct Writer {
    html: Html,
    level: usize,
    /// Addresses of the links and pictures that are open.
    addresses: Vec<String>,
    /// Alignment of the columns of the present table.
    columns: Vec<Alignment>,
    column: usize,
    head: bool,
}

impl Writer {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text)
            | Event::Html(text)
            | Event::InlineHtml(text)
            | Event::InlineMath(text)
            | Event::DisplayMath(text) => self.html.text(&text),
            Event::Code(text) => self.html.element("code", &[], &text),
            Event::FootnoteReference(name) => self.html.text(&format!("[{name}]")),
            Event::SoftBreak => self.html.raw("\n"),
            Event::HardBreak => self.html.raw("<br>\n"),
            Event::Rule => self.html.raw("<hr>\n"),
            Event::TaskListMarker(done) => self.html.raw(if done { "☑ " } else { "☐ " }),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.html.raw("<p>"),
            Tag::Heading { level, .. } => self.html.open(self.heading(level), &[]),
            Tag::BlockQuote(_) => self.html.raw("<blockquote>\n"),
            Tag::CodeBlock(kind) => {
                self.html.raw("<pre><code");
                if let CodeBlockKind::Fenced(_) = kind {
                    self.html.raw(" class=\"fenced\"");
                }
                self.html.raw(">");
            }
            Tag::List(Some(first)) => self.html.open("ol", &[("start", &first.to_string())]),
            Tag::List(None) => self.html.raw("<ul>\n"),
            Tag::Item => self.html.raw("<li>"),
            Tag::Table(columns) => {
                self.columns = columns;
                self.html.raw("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table\"><table class=\"sortable\">\n");
            }
            Tag::TableHead => {
                (self.head, self.column) = (true, 0);
                self.html.raw("<thead><tr>");
            }
            Tag::TableRow => self.row(),
            Tag::TableCell => self.cell(),
            Tag::Emphasis => self.html.raw("<em>"),
            Tag::Strong => self.html.raw("<strong>"),
            Tag::Strikethrough => self.html.raw("<s>"),
            // What stands in angle brackets is its own address.
            Tag::Link { link_type: LinkType::Autolink | LinkType::Email, .. } => self.addresses.push(String::new()),
            Tag::Link { dest_url, .. } => self.addresses.push(dest_url.into_string()),
            Tag::Image { dest_url, .. } => {
                self.html.raw("<em>picture: ");
                self.addresses.push(dest_url.into_string());
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock => self.html.raw("</p>\n"),
            TagEnd::Heading(level) => self.html.close(self.heading(level)),
            TagEnd::BlockQuote(_) => self.html.raw("</blockquote>\n"),
            TagEnd::CodeBlock => self.html.raw("</code></pre>\n"),
            TagEnd::List(true) => self.html.raw("</ol>\n"),
            TagEnd::List(false) => self.html.raw("</ul>\n"),
            TagEnd::Item => self.html.raw("</li>\n"),
            TagEnd::Table => self.html.raw("</tbody></table></div>\n"),
            TagEnd::TableHead => {
                self.head = false;
                self.html.raw("</tr></thead>\n<tbody>\n");
            }
            TagEnd::TableRow => self.html.raw("</tr>\n"),
            TagEnd::TableCell => {
                self.column += 1;
                self.html.close(if self.head { "th" } else { "td" });
            }
            TagEnd::Emphasis => self.html.raw("</em>"),
            TagEnd::Strong => self.html.raw("</strong>"),
            TagEnd::Strikethrough => self.html.raw("</s>"),
            TagEnd::Link => self.address(),
            TagEnd::Image => {
                self.html.raw("</em>");
                self.address();
            }
            _ => {}
        }
    }

    fn row(&mut self) {
        self.column = 0;
        self.html.raw("<tr>");
    }

    fn cell(&mut self) {
        let number = matches!(self.columns.get(self.column), Some(Alignment::Right));
        let class = if number { "number" } else { "words" };
        if self.head {
            self.html.open("th", &[("scope", "col"), ("class", class)]);
        } else {
            self.html.open("td", &[("class", class)]);
        }
    }

    /// The address of what has just ended, as text.
    fn address(&mut self) {
        let address = self.addresses.pop().unwrap_or_default();
        if !address.is_empty() {
            self.html.raw(" <span class=\"address\">(");
            self.html.text(&address);
            self.html.raw(")</span>");
        }
    }

    fn heading(&self, level: HeadingLevel) -> &'static str {
        ["h2", "h3", "h4", "h5", "h6"][(self.level - 2 + level as usize - 1).min(4)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        markdown(text, 3).into_string()
    }

    #[test]
    fn the_usual_forms() {
        insta::assert_snapshot!(shown("# Head\n\nsome *text*, `code`\n\n- one\n- two\n\n| a | b |\n|---|--:|\n| x | 1 |\n"), @r#"
        <div class="markdown">
        <h3>Head</h3><p>some <em>text</em>, <code>code</code></p>
        <ul>
        <li>one</li>
        <li>two</li>
        </ul>
        <div class="scroll" tabindex="0" role="region" aria-label="Table"><table class="sortable">
        <thead><tr><th scope="col" class="words">a</th><th scope="col" class="number">b</th></tr></thead>
        <tbody>
        <tr><td class="words">x</td><td class="number">1</td></tr>
        </tbody></table></div>
        </div>
        "#);
    }

    #[test]
    fn nothing_is_markup_fetched_or_followed() {
        let text = "<script>alert(1)</script>\n\n<img src=x onerror=alert(1)> a <b>b</b> [click](javascript:alert(1)) \
                    ![see](https://example.org/x.png) <https://example.org>\n\n```\"><script>\nx\n```\n";
        insta::assert_snapshot!(shown(text), @r#"
        <div class="markdown">
        <p>&lt;script&gt;alert(1)&lt;/script&gt;
        </p>
        <p>&lt;img src=x onerror=alert(1)&gt; a &lt;b&gt;b&lt;/b&gt; click <span class="address">(javascript:alert(1))</span> <em>picture: see</em> <span class="address">(https://example.org/x.png)</span> https://example.org</p>
        <pre><code class="fenced">x
        </code></pre>
        </div>
        "#);
    }
}
