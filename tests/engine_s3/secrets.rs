//! Credentials come from the environment, and go nowhere.

use crate::machine::{Machine, files};
use nnf_test_s3::{S3, SECRET, Trouble};

const PIPELINE: &str = "stages:
  look: { run: [sh, -c, 'env > {out.x}; env'], out: { x: text/plain } }
  fail: { run: [sh, -c, 'env; exit 1'], in: { x: look.x }, out: { y: text/plain } }
";
const TOKEN: &str = "this-session-token-is-secret-too";

#[test]
fn no_secret_is_written_anywhere() {
    let server = S3::start();
    let mut machine = Machine::new(&server, PIPELINE);
    machine.set("NNF_LOG", "trace").set("AWS_SESSION_TOKEN", TOKEN).set("AZURE_STORAGE_SAS_TOKEN", "sv=1&sig=hushed");
    let mut said = String::new();
    let mut tell = |arguments: &[&str], code: i32| {
        let outcome = machine.nnf(arguments);
        assert_eq!(outcome.code, Some(code), "{outcome:?}");
        said.push_str(&outcome.out);
        said.push_str(&outcome.err);
    };
    tell(&["run"], 1);
    tell(&["run", "--json", "look"], 0);
    tell(&["push", "look"], 0);
    tell(&["pull", "look"], 0);
    tell(&["plan"], 0);
    tell(&["get", "look.record"], 0);
    tell(&["log", "look"], 0);
    server.trouble("GET", "/heads/", Trouble::Status(403), 100);
    tell(&["run", "fail"], 3);
    let wrong = format!("s3://user:{SECRET}@bucket/store");
    tell(&["run", "--store", &wrong], 2);
    tell(&["plan", "--store", &format!("s3://bucket/store?key={SECRET}")], 2);
    machine.project.write("bad.yaml", format!("store: {wrong}\n{PIPELINE}"));
    tell(&["run", "bad.yaml"], 2);
    let secrets = [SECRET, TOKEN, "sig=hushed"];
    for secret in secrets {
        assert!(!said.contains(secret), "`{secret}` was printed");
    }
    let here = machine.project.path("").parent().unwrap().to_owned();
    let written: Vec<_> = files(&here).into_iter().chain(files(server.shared.folder.path())).collect();
    assert!(written.len() > 20, "the search finds what was written");
    for file in written.iter().filter(|file| !file.ends_with("bad.yaml")) {
        let text = String::from_utf8_lossy(&fs_err::read(file).unwrap()).into_owned();
        for secret in secrets {
            assert!(!text.contains(secret), "`{secret}` is in {}", file.display());
        }
    }
}
