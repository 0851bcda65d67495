//! A store of which a part lies on another disk, by a link, and one that several users share.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/damage.rs"]
mod damage;
#[path = "support/files.rs"]
mod files;
#[path = "support/ran.rs"]
mod ran;
#[path = "support/store.rs"]
mod store;
mod support;

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use damage::damage;
use files::files;
use ran::ran;
use store::blob;
use support::Project;

const PIPELINE: &str = "params: { tail: end }
stages:
  make:
    run: [sh, -c, 'mkdir \"$1\" && echo one > \"$1\"/one && cp \"$1\"/one \"$1\"/tool && chmod +x \"$1\"/tool; ln -s one \"$1\"/link; seq 1 300000 > \"$2\"; cp \"$2\" $NNF_CHECKPOINT; echo log', sh, '{out.d}', '{out.x}']
    out: { d: inode/directory, x: text/plain }
    resumes: true
  use: { run: [sh, -c, 'cat \"$1\"/one > \"$3\"; tail -n 1 \"$2\" >> \"$3\"; echo ${params.tail} >> \"$3\"', sh, '{in.d}', '{in.x}', '{out.y}'], in: { d: make.d, x: make.x }, out: { y: text/plain } }
";

fn skip(why: &str) {
    std::io::Write::write_all(&mut std::io::stderr(), format!("skipped: {why}\n").as_bytes()).unwrap();
}

#[test]
fn any_part_of_a_store_may_lie_on_another_disk() {
    let device = |path: &Path| fs_err::metadata(path).ok().map(|meta| meta.dev());
    for part in
        ["blobs", "blobs/v1", "records", "attempts", "locks", "runs", "index", "heads", "checkpoints", "quarantine"]
    {
        let project = Project::new(PIPELINE);
        let Ok(disk) = tempfile::tempdir_in("/dev/shm") else { return skip("there is no /dev/shm") };
        if device(disk.path()) == device(&project.path("")) {
            return skip("/dev/shm is no other disk");
        }
        let link = project.path("artifacts").join(part);
        fs_err::create_dir_all(link.parent().unwrap()).unwrap();
        fs_err::os::unix::fs::symlink(disk.path(), &link).unwrap();
        assert_eq!(ran(&project, &[]).stages, ["make", "use"], "{part}");
        assert_eq!(ran(&project, &[]).stages, [""; 0], "{part}");
        let whole = || {
            let verified = project.nnf(&["verify"]);
            assert_eq!(verified.code, Some(0), "{part}: {verified:?}");
        };
        whole();
        assert_eq!(project.nnf(&["get", "use.y"]).out, "one\n300000\nend\n", "{part}");
        let made = blob(&project, "make/x.txt");
        assert_eq!(fs_err::metadata(&made).unwrap().mode() & 0o7777, 0o444, "{part}");
        // Damage is put aside, by a reader and by a repair, and made up for.
        damage(&made);
        assert_eq!(ran(&project, &["--set", "params.tail=finis"]).stages, ["make", "use"], "{part}");
        whole();
        damage(&made);
        assert_eq!(project.nnf(&["verify", "--repair"]).code, Some(1), "{part}");
        assert_eq!(ran(&project, &["--set", "params.tail=finis"]).stages, ["make"], "{part}");
        whole();
        for command in [
            &["gc", "--grace", "0", "--keep-runs", "1"][..],
            &["audit", "--set", "params.tail=finis"],
            &["gc", "--max-size", "1"],
        ] {
            assert_eq!(project.nnf(command).code, Some(0), "{part} {command:?}");
            whole();
        }
        let left = files(&project.path("artifacts"));
        let left: Vec<_> = left.iter().chain(&files(disk.path())).filter(|path| is_temporary(path)).cloned().collect();
        assert!(left.is_empty(), "{part}: {left:?}");
    }
}

fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    [".new-", ".tmp", "blob-", ".record-"].iter().any(|beginning| name.starts_with(beginning))
}

#[test]
fn a_store_that_is_a_link_to_nowhere_is_told() {
    let project = Project::new(PIPELINE);
    fs_err::os::unix::fs::symlink("/nowhere/at/all", project.path("artifacts")).unwrap();
    let outcome = project.nnf(&["run"]);
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert!(
        outcome.err.contains("ROOT/artifacts is a link to /nowhere/at/all, where there is no folder"),
        "{outcome:?}"
    );
}

/// `nnf` with a umask that lets nobody else do anything, in a project that its group shares.
#[test]
fn whoever_comes_first_locks_nobody_out() {
    let project = Project::new(PIPELINE);
    let locks = project.path("../locks");
    fs_err::create_dir(&locks).unwrap();
    fs_err::set_permissions(project.path(""), PermissionsExt::from_mode(0o2775)).unwrap();
    let text = PIPELINE.replace("    resumes: true\n", "    resumes: true\n    needs: { gpus: 1 }\n");
    project.write("pipeline.yaml", text);
    let own = project.command(&[]);
    let mut command = Command::new("sh");
    command.args(["-c", "umask 077; exec \"$0\" run", env!("CARGO_BIN_EXE_nnf")]).current_dir(project.path(""));
    command.env_clear().envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.env("NNF_GPUS", "1").env("NNF_LOCKS", &locks).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mode = |path: &Path| fs_err::metadata(path).unwrap().mode() & 0o7777;
    let machine = files(&locks);
    assert_eq!(machine.len(), 1, "{machine:?}");
    assert_eq!(mode(&machine[0]), 0o666);
    for lock in ["gc.lock", "sweep.lock", "turn.lock", "heads/v1/pipeline.lock"] {
        let lock = project.path("artifacts").join(lock);
        assert!(!lock.exists() || mode(&lock) == 0o666, "{}", lock.display());
    }
    for folder in ["", "blobs/v1", "records/v1", "runs/v1", "heads/v1", "index/v1", "attempts", "locks"] {
        assert_eq!(mode(&project.path("artifacts").join(folder)) & 0o070, 0o070, "{folder}");
    }
}

/// Another user of the machine, where this is tried by one who may become another.
#[test]
fn another_user_takes_the_locks_of_the_first() {
    let locks = tempfile::tempdir().unwrap();
    fs_err::set_permissions(locks.path(), PermissionsExt::from_mode(0o1777)).unwrap();
    let text = "stages:\n  a: { run: [sh, -c, 'echo x > \"$1\"', sh, '{out.x}'], out: { x: }, needs: { gpus: 1 } }\n";
    let run = |user: Option<&str>| {
        let project = Project::new(text);
        let mut command = Command::new("setpriv");
        if let Some(user) = user {
            let all = ["--reuid", user, "--regid", user, "--clear-groups"];
            command.args(all);
            let chown = Command::new("chown").args(["-R", user]).arg(project.path("..")).status();
            if !chown.is_ok_and(|status| status.success()) {
                return None;
            }
        }
        let own = project.command(&[]);
        command.args(["sh", "-c", "umask 077; exec \"$0\" run", env!("CARGO_BIN_EXE_nnf")]);
        command.current_dir(project.path("")).env_clear().envs(own.get_envs().filter_map(|(n, v)| Some((n, v?))));
        command.env("NNF_GPUS", "1").env("NNF_LOCKS", locks.path()).output().ok()
    };
    let Some(first) = run(None).filter(|output| output.status.success()) else { return skip("there is no setpriv") };
    let Some(second) = run(Some("12345")) else { return skip("nobody may become another user here") };
    let words = String::from_utf8_lossy(&second.stderr).into_owned();
    // `sh` or `setpriv` says so where the program lies in a folder of the first user's own.
    let refused = |word: &str| words.contains(word) && words.contains("ermission denied") && !words.contains("nnf-gpu");
    if words.contains("setpriv") || refused("exec:") || refused("os error 13") {
        return skip("another user cannot start nnf here");
    }
    assert!(second.status.success(), "{first:?} {words}");
}
