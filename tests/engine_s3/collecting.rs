//! Collection in the remote store: what is kept, what goes, and that other machines are right all the same.

use std::path::Path;
use std::time::Duration;

use serde_json::Value as Json;

use crate::machine::{Machine, files};
use crate::support::Project;
use nnf_test_s3::S3;

const PIPELINE: &str = "params: { n: 1 }
stages:
  make: { run: [sh, -c, 'mkdir {out.x}; echo same > {out.x}/same; echo ${params.n} > {out.x}/n'], out: { x: inode/directory } }
  use: { run: [sh, -c, 'cat {in.x}/n {in.x}/same > {out.y}'], in: { x: make.x }, out: { y: text/plain } }
";

fn n(n: u32) -> String {
    format!("params.n={n}")
}

/// Makes all objects older by so many days.
fn age(folder: &Path, days: u64) {
    for file in files(folder) {
        let file = fs_err::File::options().write(true).open(file).unwrap();
        let time = file.metadata().unwrap().modified().unwrap() - Duration::from_secs(days * 86_400);
        file.file().set_modified(time).unwrap();
    }
}

fn gc(machine: &Machine, arguments: &[&str]) -> Json {
    serde_json::from_str(&machine.ok(&[&["gc", "--remote", "--json"], arguments].concat())).unwrap()
}

fn counts(done: &Json) -> [u64; 3] {
    ["results", "content", "leases"].map(|part| done[part]["count"].as_u64().unwrap())
}

/// Every record in the store has all of its content there.
fn whole(server: &S3, results: usize) {
    assert_eq!(server.objects("records").len(), results);
    let text: String = server.objects("records").iter().map(|path| fs_err::read_to_string(path).unwrap()).collect();
    let blobs = server.objects("blobs");
    let folders =
        blobs.iter().filter_map(|path| fs_err::read_to_string(path).ok()).filter(|text| text.contains("entries"));
    let text = folders.fold(text, |text, folder| text + &folder);
    let digests = text.split('"').filter(|word| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let names: Vec<String> =
        blobs.iter().map(|path| path.to_str().unwrap().rsplit("/v1/").next().unwrap().replace('/', "")).collect();
    let keys: Vec<String> = server
        .objects("records")
        .iter()
        .map(|p| p.to_str().unwrap().rsplit("/v1/").next().unwrap().replace(['/', '.'], "").replace("json", ""))
        .collect();
    for digest in digests.filter(|digest| !keys.iter().any(|key| key == digest)) {
        assert!(
            names.iter().any(|name| name == digest) || text.contains(&format!("\"checksum\": \"{digest}\"")),
            "{digest}"
        );
    }
}

#[test]
fn what_is_old_and_needed_by_nobody_known_goes() {
    let server = S3::start();
    let here = Machine::new(&server, PIPELINE);
    for value in 1..=4 {
        here.run(&["--set", &n(value)]);
        if value == 2 {
            here.ok(&["pin", "two", "pipeline.yaml", "use", "--set", &n(2)]);
        }
    }
    let leases = server.file("store/leases/v1");
    for name in ["dead/1", "dead/2.beat", "alive/1"] {
        fs_err::create_dir_all(leases.join(name).parent().unwrap()).unwrap();
        fs_err::write(leases.join(name), "{}").unwrap();
    }
    assert_eq!(counts(&gc(&here, &["--keep-runs", "1"])), [0, 0, 0], "all is younger than a month");
    age(&server.file("store"), 29);
    assert_eq!(counts(&gc(&here, &["--keep-runs", "1"])), [0, 0, 0], "by a day");
    age(&server.file("store"), 2);
    fs_err::write(leases.join("alive/1.beat"), "beats").unwrap();
    let before = files(&server.file("store"));
    let told = gc(&here, &["--keep-runs", "1", "--dry-run"]);
    assert_eq!(files(&server.file("store")), before, "a dry run removes nothing");
    let done = gc(&here, &["--keep-runs", "1"]);
    assert_eq!(counts(&told), counts(&done));
    assert_eq!(counts(&done), [4, 6, 2], "two results each of 1 and 3; a list, a file and a text each: {done}");
    assert_eq!(files(&leases).len(), 2);
    whole(&server, 4);
    let there = Machine::new(&server, PIPELINE);
    for (value, ran) in [(2, 0), (4, 0), (1, 2)] {
        assert_eq!(there.run(&["--set", &n(value)]).ran.len(), ran, "n = {value}");
        assert_eq!(there.ok(&["get", "use.y", "--set", &n(value)]), format!("{value}\nsame\n"));
    }
    // What it has removed it sends again when it meets it.
    assert_eq!(here.run(&["--set", &n(3)]).ran.len(), 0, "it is here still");
    whole(&server, 8);
}

#[test]
fn other_machines_are_right_although_their_notes_are_wrong() {
    let server = S3::start();
    let (here, there) = (Machine::new(&server, PIPELINE), Machine::new(&server, PIPELINE));
    there.run(&["--set", &n(7)]);
    let name = |pipeline: &str| format!("store: {}\nname: other\n{pipeline}", server.url("store"));
    here.project.write("pipeline.yaml", name(PIPELINE));
    here.run(&[]);
    // The list of the other's pipeline is all that is known of its results.
    age(&server.file("store"), 31);
    assert_eq!(counts(&gc(&here, &[])), [0, 0, 0]);
    fs_err::remove_file(server.file("store/heads/v1/pipeline.jsonl")).unwrap();
    let outcome = here.nnf(&["gc", "--remote"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(
        outcome.out.starts_with("removed 2 results (") && outcome.out.contains(" from the remote store: "),
        "{outcome:?}"
    );
    assert!(outcome.err.contains("what other machines made longer ago, ran or pinned went too"), "{outcome:?}");
    whole(&server, 2);
    assert_eq!(there.run(&["--set", &n(7)]).ran.len(), 0, "it has all that it needs");
    assert_eq!(there.ok(&["get", "use.y", "--set", &n(7)]), "7\nsame\n");
    // It believes that its content is there too, and lets go of its own copies.
    there.ok(&["run", "--set", &n(8)]);
    there.ok(&["gc", "--max-size", "1KiB"]);
    let pushed = there.nnf(&["push", "--set", &n(7)]);
    let again = there.run(&["--set", &n(7), "--force", "use"]);
    assert_eq!(again.ran, if pushed.code == Some(0) { vec!["use"] } else { vec!["make", "use"] }, "{pushed:?}");
    assert_eq!(there.ok(&["get", "use.y", "--set", &n(7)]), "7\nsame\n");
    there.ok(&["push", "--set", &n(7)]);
    let third = Machine::new(&server, PIPELINE);
    assert_eq!(third.run(&["--set", &n(7)]).ran.len(), 0);
    assert_eq!(third.ok(&["get", "use.y", "--set", &n(7)]), "7\nsame\n");
}

#[test]
fn a_head_that_cannot_be_read_and_a_newer_record_stop_it() {
    let server = S3::start();
    let here = Machine::new(&server, PIPELINE);
    here.run(&[]);
    age(&server.file("store"), 31);
    let objects = || server.objects("records").len() + server.objects("blobs").len();
    let before = objects();
    let head = server.file("store/heads/v1/gone.jsonl");
    fs_err::write(&head, "nonsense\n").unwrap();
    let outcome = here.nnf(&["gc", "--remote"]);
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert!(outcome.err.contains("`heads/v1/gone.jsonl` in the remote store is damaged"), "{outcome:?}");
    fs_err::remove_file(head).unwrap();
    let record = server.objects("records").remove(0);
    let text = fs_err::read_to_string(&record).unwrap().replacen("\"version\": 1", "\"version\": 2", 1);
    fs_err::write(&record, text).unwrap();
    let outcome = here.nnf(&["gc", "--remote"]);
    assert!(outcome.code == Some(3) && outcome.err.contains("a newer version of nnf"), "{outcome:?}");
    assert_eq!(objects(), before);
    let outcome = here.nnf(&["gc", "--remote", "--offline"]);
    assert!(outcome.code == Some(2) && outcome.err.contains("leave `--offline` out"), "{outcome:?}");
}

#[test]
fn a_folder_as_remote_store_is_collected_too() {
    let project = Project::new(PIPELINE);
    let none = project.nnf(&["gc", "--remote", "--root", "."]);
    assert_eq!(none.code, Some(3), "there is no store yet: {none:?}");
    let far = project.path("../far");
    let url = format!("file://{}", far.display());
    for value in [1, 2] {
        assert_eq!(project.nnf(&["run", "--store", &url, "--set", &n(value)]).code, Some(0));
    }
    let none = project.nnf(&["gc", "--remote"]);
    assert!(none.code == Some(2) && none.err.contains("no remote tier is named"), "{none:?}");
    age(&far, 31);
    let local = files(&project.path("artifacts/blobs")).len();
    let outcome = project.nnf(&["gc", "--remote", "--store", &url, "--keep-runs", "1", "--json"]);
    let done: Json = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!(counts(&done), [2, 3, 0], "{outcome:?}");
    assert_eq!(files(&project.path("artifacts/blobs")).len(), local, "what is here stays");
    assert_eq!(files(&far.join("clock")).len(), 0);
    let left = files(&far.join("records")).len();
    assert_eq!(left, 2);
}
