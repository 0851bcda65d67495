//! Tests of what is read as what.

#![expect(clippy::unwrap_used, reason = "tests")]
use std::sync::Arc;

use super::*;
use crate::diagnostic::Source;
use proptest::prelude::*;
use serde_json::json;

fn source(text: &str) -> Arc<Source> {
    Arc::new(Source { name: "test.yaml".into(), text: text.to_owned() })
}

fn faults(text: &str) -> Vec<String> {
    parse(source(text)).unwrap_err().into_iter().map(|d| d.message).collect()
}

#[test]
fn scalars_follow_the_core_schema() {
    let node = parse(source(
        "[1, -2, 0x10, 0o17, 1.5, 1e3, .5, '1', true, ~, null, 1.2.3, 12:30, no, -x, 1e, +3, inf, 9223372036854775807]",
    ))
    .unwrap();
    let expected = json!([
        1,
        -2,
        16,
        15,
        1.5,
        1000.0,
        0.5,
        "1",
        true,
        null,
        null,
        "1.2.3",
        "12:30",
        "no",
        "-x",
        "1e",
        3,
        "inf",
        9223372036854775807_i64
    ]);
    assert_eq!(node.to_json(), expected);
}

#[test]
fn every_value_knows_its_place() {
    let text = "a:\n  bé: [x, 'two words']\nc: 7\n";
    let node = parse(source(text)).unwrap();
    let Value::Map(entries) = &node.value else { panic!() };
    let Value::Map(inner) = &entries[0].value.value else { panic!() };
    assert_eq!(&text[inner[0].place.start..inner[0].place.end], "bé");
    assert_eq!(&text[inner[0].value.place.start..inner[0].value.place.end], "[x, 'two words']");
    let Value::List(items) = &inner[0].value.value else { panic!() };
    assert_eq!(&text[items[1].place.start..items[1].place.end], "'two words'");
    assert_eq!(&text[entries[1].value.place.start..entries[1].value.place.end], "7");
}

#[test]
fn faults_of_syntax() {
    assert_eq!(faults("a: 1\nb: 2\na: 3\nb: 4"), ["the key `a` stands twice", "the key `b` stands twice"]);
    assert_eq!(faults(""), ["`test.yaml` is empty"]);
    assert_eq!(faults("# only a comment\n"), ["`test.yaml` is empty"]);
    assert!(faults("a: [1, 2")[0].starts_with("this is not YAML"));
    assert!(parse(source("a:\n\tb: 1")).unwrap_err()[0].hints[0].contains("spaces"));
    assert_eq!(faults("a: 1\n---\nb: 2\n"), ["a second YAML document begins here"]);
    assert_eq!(faults("[a, b]: 1\n"), ["a key must be a plain word"]);
    assert!(faults(&format!("{}x", "- ".repeat(100)))[0].starts_with("nested more than"));
    assert!(!parse(source("a: &x [*x]")).unwrap_err().is_empty());
}

#[test]
fn a_map_takes_over_entries() {
    let json = |text: &str| parse(source(text)).unwrap().to_json();
    let text = "a: &a { x: 1, y: [2], z: 3 }\nb: &b { y: 4, w: 5 }\n";
    assert_eq!(json(&format!("{text}c: {{ x: 0, <<: *a, z: ~ }}"))["c"], json!({ "x": 0, "y": [2], "z": null }));
    assert_eq!(json(&format!("{text}c: {{ <<: [*b, *a] }}"))["c"], json!({ "x": 1, "y": 4, "z": 3, "w": 5 }));
    assert_eq!(json("a: { <<: { x: 1 }, y: 2 }")["a"], json!({ "x": 1, "y": 2 }));
    assert_eq!(json(&format!("{text}c: &c {{ <<: *a, v: 6 }}\nd: {{ <<: *c, y: 7 }}"))["d"], {
        json!({ "x": 1, "y": 7, "z": 3, "v": 6 })
    });
    assert_eq!(json("{ '<<': 1 }"), json!({ "<<": 1 }), "in quotes it is a word like others");
    let wrong = "`<<` takes the entries of a map, or of a list of maps";
    assert_eq!(faults("a: { <<: 1, b: 2 }\nc: { <<: [{ x: 1 }, y, [z]] }"), [wrong, wrong, wrong]);
    assert_eq!(faults("a: { <<: { x: 1 }, <<: { y: 1 } }"), ["the key `<<` stands twice"]);
}

#[test]
fn a_bomb_of_maps_is_refused() {
    let entries: String = (0..50_000).map(|i| format!("k{i}: 0, ")).collect();
    assert_eq!(
        faults(&format!("a: &a {{ {entries} }}\nb: {{ <<: *a }}\nc: {{ <<: *a }}")),
        ["aliases expand to more than 100000 values"]
    );
}

#[test]
fn a_bomb_is_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let previous = format!("*a{}", i - 1);
        text += &format!("a{i}: &a{i} [{}]\n", [previous.as_str(); 10].join(", "));
    }
    assert_eq!(faults(&text), ["aliases expand to more than 100000 values"]);
}

#[test]
fn a_file_that_is_not_utf8_names_the_line() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs_err::write(file.path(), b"a: 1\nb: \xff\n").unwrap();
    let message = read(file.path()).unwrap_err().remove(0).message;
    assert!(message.ends_with("is not UTF-8: line 2 has other bytes"), "{message}");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[ \\n\\ta-c:,*&<{}\\[\\]'\"0-9#|>%@-]{0,200}") {
        let _ = parse(source(&text));
    }
}
