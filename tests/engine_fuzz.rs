//! What people and programs write may be damaged in any way: it is read or refused, in bounded memory, and no path leads
//! out of its folder.
//!
//! `NNF_FUZZ_ROUNDS` sets how often each document is damaged.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/mutate.rs"]
mod mutate;
mod support;

use std::path::Path;
use std::process::Command;

use mutate::Random;
use nnf::graph::Source;
use nnf::pipeline::{LoadRequest, load};
use nnf::programs::{Listed, Offered, ProgramError, ProgramResolver};
use nnf_contract::{Program, Task};
use support::Project;

/// What a program says that uses all that can be said.
const DESCRIPTION: &str = r#"{"contract":1,"program":"p","version":"1","libraries":{"l":"2"},"kinds":[
 {"name":"data.fetch","summary":"s","fingerprint":"f","outputs":[{"name":"out","media":"text/csv","doc":"d"}],
  "parameters":[{"name":"steps","type":{"is":"int","min":1,"max":64},"doc":"d","unit":"steps","default":7},
   {"name":"rate","type":{"is":"float","min":0.0,"max":1.0},"doc":"d","keyed":false,"default":0.5},
   {"name":"mode","type":{"is":"choice","of":["a","b"]},"doc":"d","optional":true},
   {"name":"sizes","type":{"is":"list","items":{"is":"int"},"min_length":1},"doc":"d","default":[1,2]},
   {"name":"what","type":{"is":"record","fields":[{"name":"x","type":{"is":"bool"},"doc":"d"}]},"doc":"d","optional":true}]},
 {"name":"net.train","summary":"s","fingerprint":"g","measures":true,"resumes":true,"cpus":"all",
  "inputs":[{"name":"data","media":"text/csv","doc":"d","many":true},{"name":"more","media":"*/*","doc":"d","optional":true}],
  "outputs":[{"name":"net","media":"inode/directory","doc":"d","optional":true}],
  "parameters":[{"name":"note","type":{"is":"string"},"doc":"d"}]}]}"#;

/// A pipeline that uses all of the format, and kinds of that program.
const PIPELINE: &str = "version: 1
name: all
root: .
include: [more.yaml, { file: parts/dev.yaml, as: dev }]
params: { seed: 1, list: [a, b], word: &w text, map: { x: 1.5 } }
programs: { p: { run: [sh, p.sh], code: [p.sh] } }
allow: [/usr/share]
tools: [lib]
strict: true
stages:
  fetch: { use: data.fetch, with: { steps: '${params.seed}', rate: 0.25, mode: a, sizes: [3], what: { x: true } } }
  train:
    use: net.train
    each: { net: '${params.list}' }
    in: { data: { one: fetch.out, two: 'file:data.csv' }, more: fetch.record }
    with: { note: '${each.net} ${params.map.x}' }
    strict: false
  report:
    run: [sh, p.sh, '{in.nets}', '{out.page}', '{with.title}']
    in: { nets: 'train[*].net', words: 'file:folder' }
    with: { title: *w }
    out: { page: text/html, more: { media: text/csv, optional: true } }
    code: [p.sh]
    env: { A: b }
    pass: [TOKEN]
    needs: { cpus: 2, memory: 1.5GiB, gpus: 1 }
    timeout: 1.5h
    retries: 2
    resumes: true
  all: { run: [cat, '{in.a}', '{in.b}'], in: { a: 'dev.profile[*].o', b: 'dev.profile[device=b].o' }, env: { A: '${params.dev.x} ${params.y}' } }
";

/// Files that it includes.
const MORE: &str = "version: 1\nparams: { y: 2 }\nprograms: {}\n";
const DEV: &str = "include: [{ file: ../more.yaml, as: more }]
params: { x: '${params.more.y}', devices: [a, b] }
programs: { p: { run: [sh, p.sh], code: [p.sh] } }
stages:
  profile: { run: [touch, '{out.o}'], each: { device: '${params.devices}' }, out: { o: } }
  fetch: { use: data.fetch, with: { steps: '${params.x}' } }
";

const TASK: &str = r#"{"version":1,"kind":"net.train","with":{"steps":7,"rate":0.5,"sizes":[1,2]},
 "in":{"data":{"many":[{"label":"one","path":"/a/in/one"}]},"more":{"one":"/a/in/more"}},"out":{"net":"/a/out/net"},
 "events":"/a/events.jsonl","scratch":"/a/scratch","checkpoint":"/c","cancel":"/a/cancel","cpus":2,"memory":1024,
 "gpus":[0,1],"machine":{"cpu":"x","cores":2,"memory_gib":4,"gpus":["g"],"platform":"linux-x86_64"}}"#;

fn rounds() -> usize {
    std::env::var("NNF_FUZZ_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(400)
}

/// Says what it is told to.
struct Says(Option<Program>);

impl ProgramResolver for Says {
    fn describe(&self, listed: &Listed) -> Result<Offered, ProgramError> {
        let refused = || ProgramError { message: "no description".into(), hint: None };
        let program = self.0.clone().ok_or_else(refused)?;
        Ok(Offered { argv: listed.words.clone(), program, code: None, files: listed.code.clone() })
    }
}

fn project() -> Project {
    let project = Project::new(PIPELINE);
    project.write("p.sh", "");
    project.write("more.yaml", MORE);
    project.write("parts/dev.yaml", DEV);
    project.write("data.csv", "a,b\n");
    project.write("folder/words", "words\n");
    project.write("lib/x", "");
    std::os::unix::fs::symlink("/etc", project.path("outside")).unwrap();
    project
}

/// Every file that a loaded pipeline reads lies where it may.
fn check_reach(project: &Project, text: &[u8], program: &Says) -> bool {
    let path = project.path("pipeline.yaml");
    fs_err::write(&path, text).unwrap();
    let Ok(loaded) = load(&LoadRequest { path: &path, overrides: &[], programs: program, memory: None }) else {
        return false;
    };
    let inside = |file: &Path| {
        let real = file.canonicalize().unwrap();
        assert!(
            real.starts_with(&loaded.root) || loaded.allow.iter().any(|folder| real.starts_with(folder)),
            "{} is read by\n{}",
            real.display(),
            String::from_utf8_lossy(text)
        );
    };
    for instance in loaded.graph.instances() {
        instance.code.values().for_each(|file| inside(file));
        let mut waiting: Vec<&Source> = instance.inputs.values().collect();
        while let Some(source) = waiting.pop() {
            match source {
                Source::File { path, .. } => inside(path),
                Source::Many(members) => waiting.extend(members.values()),
                Source::Output { .. } | Source::Record { .. } => {}
            }
        }
        for name in instance.inputs.keys().chain(instance.outputs.keys()).chain([&instance.name]) {
            assert!(!name.contains('/') && !name.starts_with('.') && !name.is_empty(), "{name}");
        }
    }
    true
}

#[test]
fn damaged_pipelines() {
    let project = project();
    let says = Says(Some(serde_json::from_str(DESCRIPTION).unwrap()));
    assert!(check_reach(&project, PIPELINE.as_bytes(), &says), "undamaged it is one");
    let mut seeds = vec![PIPELINE.as_bytes().to_vec(), PIPELINE.replace("file:folder", "file:outside/passwd").into()];
    for entry in fs_err::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/pipelines")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "yaml") {
            seeds.push(fs_err::read(path).unwrap());
        }
    }
    assert!(seeds.len() > 4, "the real pipelines were found");
    let (mut random, mut read) = (Random(1), 0);
    for seed in &seeds {
        for _ in 0..rounds() {
            read += usize::from(check_reach(&project, &random.damage(seed), &says));
        }
    }
    assert!(read > 0, "some damage does no harm");
}

#[test]
fn damaged_included_files() {
    let project = project();
    let says = Says(Some(serde_json::from_str(DESCRIPTION).unwrap()));
    let outside = PIPELINE.replace("more.yaml, {", "outside/passwd, {");
    assert!(outside != PIPELINE && !check_reach(&project, outside.as_bytes(), &says), "a path that leads outside");
    let (mut random, mut read) = (Random(5), 0);
    for (file, seed) in [("more.yaml", MORE), ("parts/dev.yaml", DEV)] {
        for _ in 0..rounds() {
            project.write(file, random.damage(seed.as_bytes()));
            read += usize::from(check_reach(&project, PIPELINE.as_bytes(), &says));
        }
        project.write(file, seed);
    }
    assert!(read > 0, "some damage does no harm");
}

#[test]
fn damaged_descriptions() {
    let (project, mut random, mut read) = (project(), Random(2), 0);
    for _ in 0..rounds() * 4 {
        let Ok(program) = serde_json::from_slice::<Program>(&random.damage(DESCRIPTION.as_bytes())) else { continue };
        read += usize::from(check_reach(&project, PIPELINE.as_bytes(), &Says(Some(program))));
    }
    assert!(read > 0, "some damage does no harm");
}

/// The real way: a program that prints it.
#[test]
fn descriptions_that_are_none() {
    let deep = "[".repeat(100_000);
    for (what, description) in [
        ("deep", format!("{{\"contract\":1,\"kinds\":{deep}")),
        ("nothing", String::new()),
        ("without end", "x".repeat(200_000)),
        ("another version", DESCRIPTION.replace("\"contract\":1", "\"contract\":99")),
    ] {
        let project = project();
        project.write("p.sh", "cat description\n");
        project.write("description", description);
        let outcome = project.nnf(&["show"]);
        assert_eq!((outcome.code, outcome.out.as_str()), (Some(2), ""), "{what}: {outcome:?}");
        assert!(outcome.err.len() < 20_000, "{what}: {}", outcome.err.len());
    }
}

#[test]
fn damaged_tasks() {
    let (mut random, mut read) = (Random(3), 0);
    for _ in 0..rounds() * 20 {
        if let Ok(task) = serde_json::from_slice::<Task>(&random.damage(TASK.as_bytes())) {
            let again = serde_json::to_vec(&task).unwrap();
            assert_eq!(serde_json::from_slice::<Task>(&again).unwrap().outputs, task.outputs);
            read += 1;
        }
    }
    assert!(read > 0, "some damage does no harm");
}

/// A small text that wants to be large, and a large one: both are refused within a gibibyte of addresses.
#[test]
fn bombs_are_refused_in_bounded_memory() {
    let aliases = (1..60).fold("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, i| {
        let before = format!("*a{}", i - 1);
        text + &format!("a{i}: &a{i} [{}]\n", [before.as_str(); 10].join(", "))
    });
    let merge = (1..60).fold("a0: &a0 { x: 1 }\n".to_owned(), |text, i| {
        text + &format!("a{i}: &a{i} {{ b: *a{0}, c: *a{0}, d: *a{0} }}\n", i - 1)
    });
    let axes: String = (0..12).map(|i| format!("x{i}: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], ")).collect();
    for (what, text) in [
        ("aliases", aliases),
        ("aliases in maps", merge),
        ("an alias of itself", "a: &a [*a]\n".into()),
        ("deep lists", "[".repeat(200_000)),
        ("deep maps", "{a: ".repeat(200_000)),
        ("deep blocks", (0..3000).map(|i| format!("{}a:\n", " ".repeat(i))).collect()),
        ("deep dashes", "- ".repeat(100_000)),
        ("a long word", format!("stages: {}\n", "x".repeat(40 << 20))),
        ("many anchors", (0..200_000).map(|i| format!("k{i}: &a{i} x\n")).collect()),
        ("many keys", (0..300_000).map(|i| format!("k{i}: 1\n")).collect()),
        ("many instances", format!("stages: {{ a: {{ run: ['true'], each: {{ {axes} }} }} }}\n")),
        ("a large file", "# nothing\n".repeat(10_500_000)),
    ] {
        let project = Project::new(&text);
        let limited = format!("ulimit -v 2000000; exec {} show", env!("CARGO_BIN_EXE_nnf"));
        let output = Command::new("sh").args(["-c", &limited]).current_dir(project.path("")).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{what}: {:?} {said:.500}", output.status);
        assert!(said.contains("error: ") && said.len() < 2 << 20, "{what}: {} bytes", said.len());
    }
}
