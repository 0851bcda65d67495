//! The page's style and script, and the policy that allows these two and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::page::html::Html;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The policy: nothing is fetched, nothing is sent, and no other script or style is heeded, wherever it came from.
pub(super) fn policy(html: &mut Html) {
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; img-src data:; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    html.open("meta", &[("http-equiv", "Content-Security-Policy"), ("content", &policy)]);
    html.raw("\n");
}

pub(super) fn style(html: &mut Html) {
    html.raw("<style>");
    html.raw(STYLE);
    html.raw("</style>\n");
}

pub(super) fn script(html: &mut Html) {
    html.raw("<script>");
    html.raw(SCRIPT);
    html.raw("</script>\n");
}

/// The hash of what stands between the tags, as policies name it.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
}
