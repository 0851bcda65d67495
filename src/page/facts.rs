//! Facts in small print: what content is, when a result was made, and short lists.

use crate::page::html::Html;
use crate::page::words::{bytes, count, moment, shortened};
use crate::record::{Artifact, Form, Record};

/// Most lines of a list, and letters of a value.
pub(super) const MOST: usize = 60;
pub(super) const MOST_LETTERS: usize = 400;

/// What content is: media type, size and digest.
pub(super) fn about(artifact: &Artifact, html: &mut Html) {
    let form = match artifact.form {
        Form::File => "",
        Form::Executable => ", executable",
        Form::Folder => ", a folder",
    };
    html.raw("<p class=\"about\">");
    let media = if artifact.media.is_empty() { String::new() } else { format!("{}, ", artifact.media) };
    html.text(&format!("{media}{}{form}, ", bytes(artifact.size)));
    html.element("code", &[], &artifact.digest.to_string());
    html.raw("</p>\n");
}

/// When a result was made, and in which run if that is another one.
pub(super) fn made(record: &Record, here: &str) -> String {
    // The mark that tells records apart begins with the run that made it: its time and five letters.
    let run: Vec<&str> = record.nonce.splitn(3, '-').take(2).collect();
    let run = run.join("-");
    let is_run = run.len() >= 20 && run.starts_with(|c: char| c.is_ascii_digit()) && run.contains("Z-");
    if is_run && run != here { format!("{} in run {run}", moment(record.started)) } else { moment(record.started) }
}

/// A small table of facts; nothing if there are none.
pub(super) fn list(title: &'static str, columns: &[&str], rows: Vec<Vec<String>>, html: &mut Html) {
    if rows.is_empty() {
        return;
    }
    html.element("h4", &[], title);
    html.open("div", &[("class", "scroll"), ("tabindex", "0"), ("role", "region"), ("aria-label", title)]);
    html.raw("<table class=\"list\">\n<thead><tr>");
    for column in columns {
        html.element("th", &[("scope", "col")], column);
    }
    html.raw("</tr></thead>\n<tbody>\n");
    for row in rows.iter().take(MOST) {
        html.raw("<tr>");
        for (position, cell) in row.iter().enumerate() {
            if position == 0 {
                html.element("th", &[("scope", "row")], &shortened(cell, MOST_LETTERS));
            } else {
                html.element("td", &[], cell);
            }
        }
        html.raw("</tr>\n");
    }
    html.raw("</tbody></table></div>\n");
    if rows.len() > MOST {
        html.remark(&format!("{} are not listed.", count(rows.len() - MOST, "more line")));
    }
}
