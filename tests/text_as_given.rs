//! What a person writes reaches the stage as it stands, or an error says what to do.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use support::{Outcome, Project};

/// Writes all of its arguments but the first, one a line, into the first.
const LINES: &str = "#!/bin/sh\nout=$1; shift; for word in \"$@\"; do printf '%s\\n' \"$word\"; done > \"$out\"\n";

/// A project with one stage, which writes these words, one a line.
fn project(params: &str, words: &str) -> Project {
    let stage =
        format!("run: [sh, lines.sh, '{{out.o}}', {words}]\n    code: [lines.sh]\n    out: {{ o: text/plain }}");
    let project = Project::new(&format!("params: {params}\nstages:\n  s:\n    {stage}\n"));
    project.write("lines.sh", LINES);
    project
}

fn said(project: &Project, arguments: &[&str]) -> String {
    let ran = project.nnf(&[&["run"], arguments].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    project.nnf(&[&["get", "s.o"], arguments].concat()).out
}

fn refused(project: &Project, arguments: &[&str]) -> Outcome {
    let outcome = project.nnf(&[&["run"], arguments].concat());
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    outcome
}

#[test]
fn an_override_stands_as_it_was_given() {
    let project = project("{ x: 1 }", "'<${params.x}>'");
    for text in [
        "/data/number #32",
        "#",
        "&s",
        "*s",
        "|",
        ">-",
        "%x",
        "@x",
        "`x`",
        "a\\b",
        " spaced ",
        "1.30",
        "007",
        "0x1F",
        "1e3",
        "True",
        "~",
        "null",
        "",
        "é\u{301}",
        "12:30",
        "2026-12-01",
        "1_000",
        "it's",
        "a \"quoted\" word",
    ] {
        assert_eq!(said(&project, &["--set", &format!("params.x={text}")]), format!("<{text}>\n"));
    }
    for (given, text) in [("\"a # b\"", "a # b"), ("'it''s'", "it's"), ("!!str 007", "007"), ("\"\\tx\"", "\tx")] {
        assert_eq!(said(&project, &["--set", &format!("params.x={given}")]), format!("<{text}>\n"));
    }
}

#[test]
fn an_override_that_would_change_is_refused() {
    let project = project("{ x: 1 }", "'<${params.x}>'");
    for (given, message) in [
        ("!a", "there is no tag `!a`"),
        ("!include f", "there is no tag `!include`"),
        ("- x", "`- x` is a list in YAML, and text as it stands"),
        ("a: b", "`a: b` is a map in YAML, and text as it stands"),
        ("\"a\" b", "quote it twice"),
        ("'a' # b", "after the value stands `# b`, which would be lost"),
        ("[1, 2", "quote it twice"),
        ("12345678901234567890", "the number `12345678901234567890` does not fit into 64 bits"),
        ("1e999", "`1e999` is no finite number of 64 bits"),
        (".inf", "`.inf` is no finite number of 64 bits"),
        ("!!int x", "the tag says that this is a whole number, but it is x"),
    ] {
        let outcome = refused(&project, &["--set", &format!("params.x={given}")]);
        assert!(outcome.err.contains(message), "{given}: {}", outcome.err);
    }
    let outcome = refused(&project, &["--set", "params.x=a: b"]);
    assert!(outcome.err.contains("`--set 'params.x=\"a: b\"'`"), "{}", outcome.err);
    assert_eq!(said(&project, &["--set", "params.x=\"a: b\""]), "<a: b>\n");
}

#[test]
fn tags_of_the_core_schema_are_heeded_and_others_refused() {
    let typed = project("{ a: !!str 007, b: !!int '7', c: !!float 1, d: !!bool 'true', e: ! 5 }", "x");
    let shown = typed.nnf(&["show", "--json", "--set", "params.b=8"]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    let written = project("{ a: !!str 007, e: ! 0x5 }", "'${params.a}', '${params.e}', !!str 1e3");
    assert_eq!(said(&written, &[]), "007\n0x5\n1e3\n");
    for (value, message) in [
        ("!include f", "there is no tag `!include`"),
        ("!!binary aGk=", "there is no tag `!!binary`"),
        ("!!timestamp 2026-12-01", "there is no tag `!!timestamp`"),
        ("!!int 1.5", "the tag says that this is a whole number, but it is 1.5"),
        ("!!bool yes", "the tag says that this is `true` or `false`, but it is yes"),
        ("!!map [1]", "the tag says that this is a map, but it is a list"),
        ("!mine { a: 1 }", "there is no tag `!mine`"),
        ("12345678901234567890", "does not fit into 64 bits"),
        ("0xFFFFFFFFFFFFFFFFF", "does not fit into 64 bits"),
        ("1e999", "is no finite number"),
        ("-.INF", "is no finite number"),
        (".nan", "is no finite number"),
    ] {
        let outcome = refused(&project(&format!("{{ a: {value} }}"), "x"), &[]);
        assert!(outcome.err.contains(message) && outcome.err.contains("pipeline.yaml:1:"), "{value}: {}", outcome.err);
    }
}

#[test]
fn numbers_are_text_as_they_are_written_where_text_is_wanted() {
    let words = project("{}", "1.30, 007, 0x1F, 1e3, +5, True, ~, .5, 0o17, 1.0");
    assert_eq!(said(&words, &[]), "1.30\n007\n0x1F\n1e3\n+5\nTrue\n~\n.5\n0o17\n1.0\n");
    let params = "{ v: 1.30, same: '${params.v}', list: [{ name: 1.10 }, 2.50], m: { deep: 007 } }";
    let through = project(params, "'${params.v}', 'v${params.same}', '${params.m.deep}', 'x=${each.a}'");
    through.write(
        "pipeline.yaml",
        format!(
            "params: {params}\nstages:\n  s:\n    each: {{ a: [1.10, 2.20] }}\n    run: [sh, lines.sh, '{{out.o}}', \
             '${{params.v}}', 'v${{params.same}}', '${{params.m.deep}}', 'x=${{each.a}}', '{{with.w}}', '{{with.n}}']\n    \
             code: [lines.sh]\n    with: {{ w: '${{params.v}}', n: 3.10 }}\n    env: {{ V: 3.10 }}\n    out: {{ o: }}\n"
        ),
    );
    let ran = through.nnf(&["run"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(through.nnf(&["get", "s[a=1.10].o"]).out, "1.30\nv1.30\n007\nx=1.10\n1.30\n3.10\n");
    let env =
        Project::new("stages: { s: { run: [sh, -c, 'echo $V $W > {out.o}'], env: { V: 3.10, W: 1e3 }, out: { o: } } }");
    assert_eq!(said(&env, &[]), "3.10 1e3\n");
}

#[test]
fn a_file_is_read_whose_name_is_written() {
    let project =
        Project::new("stages: { s: { run: [cp, '{in.a}', '{out.o}'], in: { a: 'file:s.txt ' }, out: { o: } } }");
    project.write("s.txt", "without");
    let missing = project.nnf(&["run"]);
    assert_ne!(missing.code, Some(0), "{missing:?}");
    project.write("s.txt ", "with a space");
    assert_eq!(said(&project, &[]), "with a space");
}

#[test]
fn a_value_is_no_template() {
    let params = "{ x: '{out.o}', y: '{in.', z: 'no.such}', w: '{with.w}' }";
    let project =
        project(params, "'${params.x}', 'a${params.x}b', '${params.y}${params.z}', '{${params.z}', '{with.w}'");
    let text = fs_err::read_to_string(project.path("pipeline.yaml")).unwrap();
    project.write("pipeline.yaml", text.replace("    code:", "    with: { w: '${params.x}' }\n    code:"));
    assert_eq!(said(&project, &[]), "{out.o}\na{out.o}b\n{in.no.such}\n{no.such}\n{out.o}\n");
    // The key tells it from a placeholder.
    let shown = project.nnf(&["why", "--json", "s"]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    let one = self::project("{ x: '{with.w}' }", "'${params.x}'");
    let text = fs_err::read_to_string(one.path("pipeline.yaml")).unwrap();
    one.write("pipeline.yaml", text.replace("    code:", "    with: { w: value }\n    code:"));
    assert_eq!(said(&one, &[]), "{with.w}\n");
    one.write(
        "pipeline.yaml",
        text.replace("'${params.x}'", "'{with.w}'").replace("    code:", "    with: { w: value }\n    code:"),
    );
    assert_eq!(said(&one, &[]), "value\n");
}

#[test]
fn a_placeholder_has_an_escape() {
    let project = project("{}", "'{{in.x}', 'a{{out.o}b', '{{with.', '{{nothing', '$${HOME}'");
    assert_eq!(said(&project, &[]), "{in.x}\na{out.o}b\n{with.\n{{nothing\n${HOME}\n");
    let shell = Project::new("stages: { s: { run: [sh, -c, 'echo ${HOME} > {out.o}'], out: { o: } } }");
    let outcome = shell.nnf(&["run"]);
    assert!(
        outcome.err.contains("hint: `$${HOME}` gives a shell, or another program, the text `${HOME}`"),
        "{}",
        outcome.err
    );
}

#[test]
fn nothing_is_written_as_nothing() {
    let project = project("{ e: , n: ~ }", "'<${params.e}>', '<${params.n}>', ~, null, '<{with.m}>'");
    let pipeline = fs_err::read_to_string(project.path("pipeline.yaml")).unwrap();
    project.write("pipeline.yaml", format!("{pipeline}    with: {{ m: }}\n    env: {{ X: , Y: ~ }}\n"));
    assert_eq!(said(&project, &[]), "<>\n<~>\n~\nnull\n<null>\n");
    let record = fs_err::read_dir(project.path("artifacts/records/v1")).unwrap().next().unwrap().unwrap().path();
    let record = fs_err::read_dir(record).unwrap().next().unwrap().unwrap().path();
    let record: serde_json::Value = serde_json::from_slice(&fs_err::read(record).unwrap()).unwrap();
    let text = record["document"].as_str().unwrap();
    assert!(text.contains(r#""with":{"m":null}"#), "{text}");
    assert!(text.contains(r#""env":{"X":"","Y":"~"}"#), "{text}");
}

#[test]
fn a_mark_without_a_value_and_quotes_on_two_lines_are_refused() {
    let project = project("{ x: &s }", "'<${params.x}>'");
    let outcome = refused(&project, &[]);
    assert!(outcome.err.contains("a mark with `&`, and nothing that it marks"), "{outcome:?}");
    let project = self::project("{ x: 1 }", "'<${params.x}>'");
    let outcome = refused(&project, &["--set", "params.x=\"a\nb\""]);
    assert!(outcome.err.contains("YAML would make one line of these"), "{outcome:?}");
}
