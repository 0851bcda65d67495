//! A remote tier behind the local store, here a folder: what one machine made another one gets, and what is lost is
//! made up for.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/ran.rs"]
mod ran;
mod support;

use std::path::PathBuf;

use ran::ran;
use support::Project;

const PIPELINE: &str = "params: { tail: end }
stages:
  make: { run: [sh, -c, 'mkdir {out.x}; echo made > {out.x}/file; echo log'], out: { x: inode/directory } }
  use: { run: [sh, -c, 'cat {in.x}/file > {out.y}; echo ${params.tail} >> {out.y}'], in: { x: make.x }, out: { y: text/plain } }
";

fn url(project: &Project) -> String {
    format!("file://{}", far(project).display())
}

fn far(project: &Project) -> PathBuf {
    project.path("").parent().unwrap().join("far")
}

fn get(project: &Project, arguments: &[&str]) -> String {
    let outcome = project.nnf(&[&["get"], arguments].concat());
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.out
}

#[test]
fn another_machine_runs_nothing_and_fetches_what_it_reads() {
    let here = Project::new(PIPELINE);
    let url = url(&here);
    assert_eq!(ran(&here, &["--store", &url]).stages, ["make", "use"]);
    let there = Project::new(&format!("store: {url}\n{PIPELINE}"));
    let first = ran(&there, &["use"]);
    assert_eq!((first.stages.len(), first.fresh), (0, 2));
    let shown = |name: &str| fs_err::read_to_string(there.path("artifacts/latest/pipeline").join(name));
    assert_eq!(shown("use/y.txt").unwrap(), "made\nend\n");
    let blobs = walk(&there.path("artifacts/blobs/v1"));
    assert_eq!(blobs.len(), 1, "only what was asked for was fetched: {blobs:?}");
    assert_eq!(ran(&there, &[]).stages.len(), 0);
    assert_eq!(shown("make/x/file").unwrap(), "made\n", "now all was asked for");
    assert_eq!(ran(&there, &["--set", "params.tail=finis"]).stages, ["use"]);
    fs_err::remove_dir_all(here.path("artifacts")).unwrap();
    assert_eq!(ran(&here, &["--store", &url, "--set", "params.tail=finis"]).stages.len(), 0, "and the other way round");
    assert_eq!(get(&here, &["use.y", "--store", &url, "--set", "params.tail=finis"]), "made\nfinis\n");
}

#[test]
fn a_store_that_is_no_url_is_shown_as_it_was_typed_with_the_url_that_it_would_be() {
    let project = Project::new(PIPELINE);
    for (store, said) in [
        ("", "the remote store `` cannot be used: it is empty: give `s3://bucket/prefix`"),
        (
            "/data/my far",
            "the remote store `/data/my far` cannot be used: a folder is written as a URL: `file:///data/my%20far`",
        ),
        ("../far", "the remote store `../far` cannot be used: it is no URL"),
        ("s3:/bucket", "the remote store `s3:/bucket` cannot be used: it names no bucket"),
    ] {
        let outcome = project.nnf(&["run", "--store", store]);
        assert!(outcome.code == Some(2) && outcome.err.contains(said), "{outcome:?}");
    }
    assert!(!project.path("artifacts/latest").exists(), "nothing ran");
    // A folder is the one that was meant, whatever its name.
    let named = far(&project).join("größe & 100 %");
    let url = format!("file://{}", named.display()).replace("%", "%25").replace(' ', "%20");
    ran(&project, &["--store", &url]);
    assert!(named.join("records").is_dir());
    let other = Project::new(&format!("store: {url:?}\n{PIPELINE}"));
    assert_eq!(ran(&other, &[]).stages.len(), 0);
}

#[test]
fn what_was_pulled_is_shown() {
    let here = Project::new(PIPELINE);
    let url = url(&here);
    ran(&here, &["--store", &url]);
    let there = Project::new(&format!("store: {url}\n{PIPELINE}"));
    let shown = there.path("artifacts/latest/pipeline/make/x/file");
    assert_eq!(ran(&there, &["use"]).stages.len(), 0);
    assert!(!shown.exists(), "what is in the folder is far away");
    assert_eq!(there.nnf(&["pull"]).code, Some(0));
    assert_eq!(ran(&there, &[]).stages.len(), 0);
    assert_eq!(fs_err::read_to_string(shown).unwrap(), "made\n");
}

#[test]
fn the_first_record_of_a_key_stays_and_whoever_comes_second_adopts_it() {
    let pipeline = "stages: { draw: { run: [sh, -c, 'od -An -N8 -tx8 /dev/urandom > {out.x}'], out: { x: } } }\n";
    let (here, there) = (Project::new(pipeline), Project::new(pipeline));
    let url = url(&here);
    for project in [&here, &there] {
        ran(project, &[]);
    }
    let push = |project: &Project| project.nnf(&["push", "--store", &url]);
    let drawn = get(&here, &["draw.x"]);
    assert_ne!(get(&there, &["draw.x"]), drawn);
    let [first, second, again] = [push(&here), push(&there), push(&there)];
    assert_eq!((first.code, second.code, again.code), (Some(0), Some(0), Some(0)));
    assert!(first.out.contains("sent 1 result"), "{first:?}");
    assert!(second.out.contains("1 there already, of which 1 replaced another here"), "{second:?}");
    assert!(again.out.contains("1 there already (") && !again.out.contains("replaced"), "{again:?}");
    assert_eq!(get(&there, &["--store", &url, "draw.x"]), drawn);
    // So does a run that shares what was made without the remote tier.
    let later = Project::new(pipeline);
    ran(&later, &[]);
    assert_eq!(ran(&later, &["--store", &url]).stages.len(), 0);
    assert_eq!(get(&later, &["--store", &url, "draw.x"]), drawn);
    let shown = later.path("artifacts/latest/pipeline/draw/x");
    assert_eq!(fs_err::read_to_string(shown).unwrap(), drawn, "it is fetched by now, and shown");
    let third = Project::new(&format!("store: {url}\n{pipeline}"));
    assert_eq!(ran(&third, &[]).stages.len(), 0);
    assert_eq!(get(&third, &["draw.x"]), drawn);
}

const DRAWN: &str = "stages:
  draw: { run: [sh, -c, 'od -An -N8 -tx8 /dev/urandom > {out.x}'], out: { x: } }
  use: { run: [cp, '{in.x}', '{out.y}'], in: { x: draw.x }, out: { y: } }
";

#[test]
fn what_was_made_again_offline_does_not_count_as_sent() {
    let (here, there) = (Project::new(DRAWN), Project::new(DRAWN));
    let url = url(&here);
    ran(&here, &["--store", &url]);
    assert_eq!(ran(&there, &["--store", &url]).stages.len(), 0);
    // Its content is far away from whoever lost it, so without the remote store it is made again.
    fs_err::remove_dir_all(there.path("artifacts/blobs")).unwrap();
    there.write("pipeline.yaml", DRAWN.replace("[cp, ", "[cp, -f, "));
    assert_eq!(ran(&there, &[]).stages, ["draw", "use"]);
    let drawn = get(&here, &["draw.x"]);
    assert_ne!(get(&there, &["draw.x"]), drawn);
    ran(&there, &["--store", &url]);
    assert_eq!(get(&there, &["--store", &url, "draw.x"]), drawn, "the first one stands");
    ran(&there, &["--store", &url]);
    assert_eq!(get(&there, &["--store", &url, "use.y"]), drawn);
    let third = Project::new(&format!("store: {url}\n{DRAWN}"));
    assert_eq!(ran(&third, &[]).stages.len(), 0);
    assert_eq!(get(&third, &["draw.x"]), drawn);
}

#[test]
fn a_result_that_nobody_can_read_any_more_gives_way() {
    let (here, there) = (Project::new(DRAWN), Project::new(DRAWN));
    let url = url(&here);
    ran(&here, &["--store", &url]);
    ran(&there, &[]);
    let own = get(&there, &["draw.x"]);
    fs_err::remove_dir_all(far(&here).join("blobs")).unwrap();
    let pushed = there.nnf(&["push", "--store", &url]);
    assert_eq!(pushed.code, Some(0), "{pushed:?}");
    assert!(pushed.out.contains("sent 2 results"), "{pushed:?}");
    assert_eq!(get(&there, &["draw.x"]), own);
    let third = Project::new(&format!("store: {url}\n{DRAWN}"));
    assert_eq!(ran(&third, &[]).stages.len(), 0);
    assert_eq!(get(&third, &["use.y"]), own);
}

#[test]
fn a_pinned_result_stays() {
    let (here, there) = (Project::new(DRAWN), Project::new(DRAWN));
    let url = url(&here);
    ran(&here, &["--store", &url]);
    ran(&there, &[]);
    let own = get(&there, &["draw.x"]);
    assert_eq!(there.nnf(&["pin", "paper"]).code, Some(0));
    for _ in 0..2 {
        let pushed = there.nnf(&["push", "--store", &url]);
        assert!(pushed.err.contains("is pinned and stays"), "{pushed:?}");
        assert_eq!(get(&there, &["draw.x"]), own);
    }
    let third = Project::new(&format!("store: {url}\n{DRAWN}"));
    assert_eq!(ran(&third, &[]).stages.len(), 0);
    assert_eq!(get(&third, &["draw.x"]), get(&here, &["draw.x"]));
}

fn walk(folder: &std::path::Path) -> Vec<PathBuf> {
    let Ok(entries) = fs_err::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn a_remote_tier_that_comes_later_gets_what_is_there() {
    let project = Project::new(PIPELINE);
    ran(&project, &[]);
    let url = url(&project);
    assert_eq!(ran(&project, &["--store", &url]).stages.len(), 0);
    let records = walk(&far(&project).join("records"));
    assert_eq!(records.len(), 2);
    let before = fs_err::read(&records[0]).unwrap();
    assert_eq!(ran(&project, &["--store", &url]).stages.len(), 0);
    assert_eq!(fs_err::read(&records[0]).unwrap(), before, "it is created once");
}

#[test]
fn damage_far_away_is_made_up_for() {
    let here = Project::new(PIPELINE);
    let url = url(&here);
    ran(&here, &["--store", &url]);
    let blobs = walk(&far(&here).join("blobs"));
    assert_eq!(blobs.len(), 4, "file, tree, text, log");
    for blob in &blobs {
        fs_err::write(blob, "spoilt").unwrap();
    }
    let there = Project::new(PIPELINE);
    let again = ran(&there, &["--store", &url, "--set", "params.tail=finis"]);
    assert_eq!(again.stages, ["make", "use"]);
    assert_eq!(get(&there, &["use.y", "--set", "params.tail=finis"]), "made\nfinis\n");
    // The first one found the folder's list of entries damaged, and did not get so far as the file in it.
    let third = Project::new(PIPELINE);
    assert_eq!(ran(&third, &["--store", &url, "--set", "params.tail=more"]).stages, ["make", "use"]);
    let fourth = Project::new(PIPELINE);
    assert_eq!(ran(&fourth, &["--store", &url, "--set", "params.tail=all"]).stages, ["use"], "all was put there again");
}

#[test]
fn a_remote_tier_that_fails_has_a_code_of_its_own_and_what_was_made_is_kept() {
    let project = Project::new(PIPELINE);
    let url = url(&project);
    fs_err::create_dir(far(&project)).unwrap();
    fs_err::write(far(&project).join("blobs"), "no folder").unwrap();
    let outcome = project.nnf(&["run", "--store", &url]);
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert!(outcome.err.contains("the remote store failed: file://"), "{}", outcome.err);
    assert_eq!(ran(&project, &[]).stages.len(), 0);
    fs_err::remove_file(far(&project).join("blobs")).unwrap();
    assert_eq!(ran(&project, &["--store", &url]).stages.len(), 0);
    assert_eq!(walk(&far(&project).join("records")).len(), 2, "the upload is made up for");
}

#[test]
fn results_to_which_no_link_can_be_made_are_sent() {
    let project = Project::new(PIPELINE);
    let url = url(&project);
    project.write("artifacts/latest", "no folder");
    project.write("artifacts/quarantine", "no folder either");
    let outcome = project.nnf(&["run", "--store", &url]);
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert!(outcome.err.contains("link the latest results"), "{}", outcome.err);
    assert_eq!(walk(&far(&project).join("records")).len(), 2);
    assert_eq!(walk(&far(&project).join("heads")).len(), 1, "the last step of sending");
}

#[test]
fn a_url_that_cannot_be_used_is_a_fault_of_the_arguments() {
    let project = Project::new(PIPELINE);
    let outcome = project.nnf(&["run", "--store", "gopher://user:secret@example.org/x"]);
    assert_eq!(outcome.code, Some(2));
    assert!(
        outcome.err.starts_with("error: the remote store `gopher://example.org/x` cannot be used: "),
        "{}",
        outcome.err
    );
    assert!(!outcome.err.contains("secret"), "{}", outcome.err);
}

/// Every way to name the store itself, what is in it and what it is in.
#[test]
fn a_store_is_no_remote_store_of_itself() {
    let project = Project::new(PIPELINE);
    ran(&project, &[]);
    let link = |to: &str, name: &str| fs_err::os::unix::fs::symlink(project.path(to), project.path(name)).unwrap();
    link("artifacts", "../link");
    link("artifacts/blobs", "../blobs");
    let other = Project::new(PIPELINE);
    ran(&other, &[]);
    let places = [
        "artifacts",
        "artifacts/",
        "../link",
        "../link/x",
        "../blobs",
        "artifacts/remote",
        "",
        "..",
        "./artifacts/../artifacts",
    ];
    let places = places.map(|place| format!("file://{}", project.path(place).display()));
    let places = places.into_iter().chain([format!("file://{}", other.path("artifacts").display())]);
    for url in places {
        for command in [
            &["run", "--max-size", "1"][..],
            &["run", "--force", "make"],
            &["push"],
            &["pull"],
            &["plan"],
            &["get", "use.y"],
            &["gc", "--remote", "--grace", "0"],
            &["gc", "--max-size", "1"],
        ] {
            let outcome = project.nnf(&[command, &["--store", &url]].concat());
            assert_eq!(outcome.code, Some(2), "{url} {command:?}: {outcome:?}");
            assert!(outcome.err.contains("; a remote store needs a folder of its own"), "{url}: {}", outcome.err);
        }
    }
    assert!(!project.path("artifacts/remote").exists());
    assert_eq!((project.nnf(&["verify"]).code, get(&project, &["use.y"]).as_str()), (Some(0), "made\nend\n"));
    assert_eq!(other.nnf(&["verify"]).code, Some(0));
    // A store that lies elsewhere, by a link.
    fs_err::rename(project.path("artifacts"), project.path("../elsewhere")).unwrap();
    link("../elsewhere", "artifacts");
    for place in ["artifacts", "../elsewhere", "../elsewhere/x"] {
        let url = format!("file://{}", project.path(place).display());
        assert_eq!(project.nnf(&["run", "--store", &url]).code, Some(2), "{place}");
    }
    assert_eq!(ran(&project, &["--store", &url(&project)]).fresh, 2, "what lies beside it is none of it");
}

/// The same folder mounted at another place.
#[test]
fn a_store_that_is_mounted_elsewhere_is_no_remote_store_of_itself() {
    let project = Project::new(PIPELINE);
    ran(&project, &[]);
    fs_err::create_dir_all(project.path("../mounted")).unwrap();
    for (part, inside) in
        [("artifacts", ""), ("artifacts", "/x"), ("artifacts/blobs", ""), ("", ""), ("", "/artifacts")]
    {
        let script = format!(
            "mount --bind {} {mounted} || exit 77; exec {} run --store file://{mounted}{inside} --max-size 1",
            project.path(part).display(),
            env!("CARGO_BIN_EXE_nnf"),
            mounted = project.path("../mounted").display(),
        );
        let try_it = |flags: &str| {
            let mut command = std::process::Command::new("unshare");
            command
                .args([flags, "sh", "-c", &script])
                .current_dir(project.path(""))
                .env("NNF_CACHE", project.path("../c"));
            command.output().ok().filter(|output| ![Some(77), Some(1)].contains(&output.status.code()))
        };
        let Some(output) = ["-m", "-rm"].into_iter().find_map(try_it) else {
            std::io::Write::write_all(&mut std::io::stderr(), b"skipped: nothing can be mounted here\n").unwrap();
            return;
        };
        assert_eq!(output.status.code(), Some(2), "{part} {inside}: {output:?}");
    }
    assert_eq!(project.nnf(&["verify"]).code, Some(0));
}

#[test]
fn nothing_is_written_into_the_store_at_a_person_s_wish() {
    let project = Project::new(PIPELINE);
    ran(&project, &[]);
    fs_err::os::unix::fs::symlink(project.path("artifacts/blobs"), project.path("link")).unwrap();
    for to in ["artifacts/x", "artifacts/blobs/v1/ab/x", "artifacts/latest/pipeline/x", "link/x"] {
        for command in
            [&["get", "use.y", "-o"][..], &["get", "use.record", "-o"], &["report", "-o"], &["audit", "--keep"]]
        {
            let outcome = project.nnf(&[command, &[to]].concat());
            assert_eq!(outcome.code, Some(2), "{command:?} {to}: {outcome:?}");
            assert!(outcome.err.contains(&format!("`{to}` lies in the store")), "{command:?}: {}", outcome.err);
        }
    }
    assert_eq!(project.nnf(&["verify"]).code, Some(0));
}
