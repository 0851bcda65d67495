//! The page of a run, as tests read it.

use std::collections::BTreeSet;

use crate::support::Project;

/// The page, which must be sound.
pub(crate) fn page(project: &Project, arguments: &[&str]) -> String {
    let outcome = project.nnf(&[&["report", "-o", "-"], arguments].concat());
    assert_eq!((outcome.code, outcome.err.as_str()), (Some(0), ""));
    check(&outcome.out);
    outcome.out
}

/// Tags are closed in order, identifiers are there once, links lead to them, and nothing leads out of the page.
fn check(page: &str) {
    const VOID: [&str; 5] = ["meta", "br", "hr", "img", "!doctype"];
    let (mut open, mut ids, mut links) = (Vec::new(), BTreeSet::new(), Vec::new());
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        let end = at + rest[at..].find('>').expect("a tag ends");
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        let name = tag.split([' ', '\n']).next().unwrap();
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "before {}", &rest[..rest.len().min(80)]);
            continue;
        }
        if !VOID.contains(&name) && !tag.ends_with('/') {
            open.push(name);
        }
        for attribute in tag.split("\" ").flat_map(|part| part.split_once("=\"")) {
            let (name, value) = (attribute.0.rsplit(' ').next().unwrap(), attribute.1.trim_end_matches('"'));
            assert!(!name.starts_with("on") && name != "style", "<{tag}>");
            match name {
                "id" => assert!(ids.insert(value.to_owned()), "twice {value}"),
                "href" => links.push(value.strip_prefix('#').unwrap_or_else(|| panic!("<{tag}>")).to_owned()),
                "src" => assert!(value.starts_with("data:image/"), "<{tag}>"),
                _ => {}
            }
            let reach = ["http:", "https:", "javascript:", "url("].iter().any(|word| value.contains(word));
            assert!(!reach || ["alt", "title", "aria-label"].contains(&name), "<{tag}>");
        }
        // What stands in a script or a style is no markup.
        if name == "script" || name == "style" {
            let close = rest.find(&format!("</{name}>")).unwrap();
            assert!(!rest[..close].contains("http") && !rest[..close].contains("url("));
            rest = &rest[close..];
        }
    }
    assert!(open.is_empty(), "{open:?}");
    assert!(links.iter().all(|link| ids.contains(link)), "{links:?} {ids:?}");
    assert_eq!((page.matches("<script").count(), page.matches("<style").count()), (1, 1));
    let plain = |c: char| c == '\n' || !(c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c));
    assert!(page.chars().all(|c| plain(c) || c == '\t'));
}

/// The part of a page that is about one stage.
pub(crate) fn section<'a>(page: &'a str, stage: &str) -> &'a str {
    let at = page.find(&format!("<h3>{stage}</h3>")).unwrap_or_else(|| panic!("no section of {stage}"));
    let start = page[..at].rfind("<details class=\"stage").unwrap();
    let end = page[at..].find("<details class=\"stage").map_or(page.len(), |end| at + end);
    &page[start..end]
}
