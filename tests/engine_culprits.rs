//! Whose fault it is: what is said of inputs that cannot be taken, of what others do to inputs, and of stages that spoil
//! their own folders.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/ran.rs"]
mod ran;
mod support;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use ran::ran;
use support::Project;

fn project(script: &str, more: &str) -> Project {
    let text = format!(
        "stages:\n  a:\n    run: [sh, -c, '{script}', sh, '{{in.data}}', '{{out.o}}']\n    \
         in: {{ data: 'file:data' }}\n    out: {{ o: text/plain }}\n{more}"
    );
    let project = Project::new(&text);
    project.write("data", "text\n");
    project
}

/// Another name, a mode that lets as many read it: the content is the same, and was all the time.
#[test]
fn a_link_to_an_input_is_no_change_of_it() {
    for what in
        ["ln data other", "chmod g-r data", "ln data ../other", "chmod a-w data; chmod u+w data; chmod a-w data"]
    {
        let project = project(&format!("cat \"$1\" > \"$2\"; {what}"), "");
        assert_eq!(ran(&project, &[]).stages, ["a"], "{what}");
        assert_eq!(project.nnf(&["get", "a.o"]).out, "text\n", "{what}");
    }
    // Content of another store, which is given to its own stages by links that come and go.
    let project = project("cat \"$1\" > \"$2\"; ln data other; rm other", "");
    fs_err::set_permissions(project.path("data"), std::os::unix::fs::PermissionsExt::from_mode(0o444)).unwrap();
    assert_eq!(ran(&project, &[]).stages, ["a"]);
    // A mode that is part of what a stage reads.
    let project = self::project("cat \"$1\" > \"$2\"; chmod +x data", "");
    let outcome = project.nnf(&["run"]);
    assert!(outcome.code == Some(1) && outcome.err.contains("`data` was changed while it ran"), "{outcome:?}");
}

/// What lies in a folder, how it comes there, and what is said.
type Case<'a> = (&'a str, &'a dyn Fn(&Project), &'a str);

#[test]
fn an_input_that_cannot_be_taken_is_named_with_what_is_wrong() {
    let link = |to: &str, name: &str, project: &Project| fs_err::os::unix::fs::symlink(to, project.path(name)).unwrap();
    let pipe = |name: &str, project: &Project| {
        assert!(Command::new("mkfifo").arg(project.path(name)).status().unwrap().success());
    };
    let cases: [Case<'_>; 7] = [
        (
            "an absolute link",
            &|p| link("/etc/passwd", "data/deep/l", p),
            "`deep/l` in it cannot be part of an input: it is a link to `/etc/passwd`, which is absolute; links within a \
             folder are relative; change it, or move it elsewhere",
        ),
        (
            "a link that leads outside",
            &|p| link("../../../x", "data/deep/l", p),
            "`deep/l` in it cannot be part of an input: it is a link to `../../../x`, which lies outside",
        ),
        (
            "a pipe",
            &|p| pipe("data/deep/p", p),
            "`deep/p` in it cannot be part of an input: it is a device, a pipe or a socket",
        ),
        (
            "a name that is no text",
            &|p| fs_err::write(p.path("data/deep").join(OsStr::from_bytes(b"n\xff")), "").unwrap(),
            "in it cannot be part of an input: its name is not UTF-8; change it, or move it elsewhere",
        ),
        (
            "a socket",
            &|p| drop(std::os::unix::net::UnixListener::bind(p.path("data/deep/s")).unwrap()),
            "`deep/s` in it cannot be part of an input: it is a device, a pipe or a socket",
        ),
        (
            "a pipe itself",
            &|p| {
                fs_err::remove_dir_all(p.path("data")).unwrap();
                pipe("data", p);
            },
            "it is a device, a pipe or a socket; an input is a file or a folder",
        ),
        (
            "a link that leads to itself",
            &|p| {
                fs_err::remove_dir_all(p.path("data/deep")).unwrap();
                link("deep", "data/deep", p);
                link("loop/x", "data/loop", p);
                fs_err::remove_dir_all(p.path("data")).unwrap();
                link("data", "data", p);
            },
            "",
        ),
    ];
    for (what, make, said) in cases {
        let project = project("cp -r \"$1\" \"$2\"", "");
        fs_err::remove_file(project.path("data")).unwrap();
        project.write("data/deep/x", "text\n");
        make(&project);
        for command in [&["run"][..], &["plan"], &["why", "a"]] {
            let outcome = project.nnf(command);
            let code =
                if command[0] == "run" { outcome.code.filter(|code| [1, 2].contains(code)) } else { outcome.code };
            assert!(code.is_some() && code != Some(3) && code != Some(0), "{what} {command:?}: {outcome:?}");
            if !said.is_empty() {
                let all = outcome.err.replace('\n', " ");
                assert!(all.contains("the input `data`, ROOT/data, cannot be read: "), "{what}: {all}");
                assert!(all.contains(said), "{what}: {all}");
            }
            assert!(
                !outcome.err.contains("stored") && !outcome.err.contains("the store failed"),
                "{what}: {}",
                outcome.err
            );
        }
    }
}

#[test]
fn a_stage_that_spoils_its_own_folders_is_told_so() {
    let own = "; its outputs are written into it, and the folder itself stays";
    for (script, said) in [
        ("rm -r \"$(dirname $2)\"", format!("the stage removed its output folder{own}")),
        (
            "rm -r \"$(dirname $2)\"; echo > \"$(dirname $2)\"",
            format!("the stage put a file in the place of its output folder{own}"),
        ),
        (
            "rm -r \"$(dirname $2)\"; ln -s $PWD \"$(dirname $2)\"",
            format!("the stage put a link in the place of its output folder{own}"),
        ),
        ("rm -r \"$(dirname $NNF_SCRATCH)\"", format!("the stage removed its output folder{own}")),
        ("rm -rf \"$(dirname $2)\"; rm -r $NNF_CHECKPOINT; exit 1", "exit status 1".to_owned()),
        ("rm -r \"$(dirname $NNF_CHECKPOINT)\"; exit 1", "exit status 1".to_owned()),
    ] {
        let project = project(script, "    resumes: true\n");
        let outcome = project.nnf(&["run"]);
        assert_eq!(outcome.code, Some(1), "{script}: {outcome:?}");
        assert!(outcome.err.contains(&said) && !outcome.err.contains("store failed"), "{script}: {}", outcome.err);
        assert_eq!(fs_err::read_to_string(project.path("data")).unwrap(), "text\n", "{script}");
    }
    for script in [
        "rm -r $NNF_SCRATCH; echo x > \"$2\"",
        "rm -r $NNF_SCRATCH; ln -s $PWD $NNF_SCRATCH; echo x > \"$2\"",
        "echo > $NNF_EVENTS; rm $NNF_EVENTS; echo x > \"$2\"",
        "rm -f $NNF_EVENTS; mkdir $NNF_EVENTS; echo x > \"$2\"",
        "rm -r \"$(dirname $NNF_CHECKPOINT)\"; echo x > \"$2\"",
        "echo x > \"$2\"; chmod 000 \"$2\" \"$(dirname $2)\"",
        "rm -r \"$(dirname $2)\"; mkdir \"$(dirname $2)\"; echo x > \"$2\"",
    ] {
        let project = project(script, "    resumes: true\n");
        assert_eq!(ran(&project, &[]).stages, ["a"], "{script}");
        assert_eq!(project.nnf(&["get", "a.o"]).out, "x\n", "{script}");
        assert_eq!(fs_err::read_to_string(project.path("data")).unwrap(), "text\n", "{script}");
    }
}
