//! A remote store that misbehaves: what a run does about it, and how it ends.

use std::time::Duration;

use crate::machine::{Machine, did};
use nnf_test_s3::{S3, Trouble};

const PIPELINE: &str = "params: { tail: end }
stages:
  make: { run: [sh, -c, 'mkdir {out.x}; seq 1 9999 > {out.x}/file'], out: { x: inode/directory } }
  use: { run: [sh, -c, 'tail -n 1 {in.x}/file > {out.y}; echo ${params.tail} >> {out.y}'], in: { x: make.x }, out: { y: text/plain } }
";

#[test]
fn short_troubles_are_sat_out() {
    let server = S3::start();
    let (mut here, mut there) = (Machine::new(&server, PIPELINE), Machine::new(&server, PIPELINE));
    for machine in [&mut here, &mut there] {
        machine.set("NNF_STORE_TIMEOUT", "2");
    }
    for (method, path) in [("GET", "/records/"), ("PUT", "/blobs/"), ("PUT", "/records/"), ("PUT", "/heads/")] {
        server.trouble(method, path, Trouble::Status(503), 1);
    }
    server.trouble("PUT", "/blobs/", Trouble::Silent, 1);
    server.trouble("PUT", "/leases/", Trouble::Mute, 1);
    server.trouble("PUT", "/records/", Trouble::Mute, 1);
    assert_eq!(here.run(&[]).ran, ["make", "use"]);
    server.trouble("GET", "/heads/", Trouble::Silent, 1);
    server.trouble("GET", "/blobs/", Trouble::Cut, 2);
    server.trouble("GET", "/blobs/", Trouble::Slow, 1);
    server.trouble("GET", "/blobs/", Trouble::Status(503), 1);
    assert_eq!(there.run(&["--set", "params.tail=finis"]).ran, ["use"]);
    assert_eq!(there.ok(&["get", "use.y", "--set", "params.tail=finis"]), "9999\nfinis\n");
}

#[test]
fn bytes_that_are_wrong_once_are_fetched_again() {
    let server = S3::start();
    let (here, there) = (Machine::new(&server, PIPELINE), Machine::new(&server, PIPELINE));
    here.run(&[]);
    there.ok(&["plan"]);
    server.trouble("GET", "/blobs/", Trouble::Spoil, 1);
    let _ = server.asked();
    assert_eq!(there.ok(&["get", "use.y"]), "9999\nend\n");
    assert_eq!(server.asked().len(), 2, "twice");
}

#[test]
fn bytes_that_stay_wrong_count_as_damaged_and_their_stage_runs_again() {
    let server = S3::start();
    let (here, there) = (Machine::new(&server, PIPELINE), Machine::new(&server, PIPELINE));
    here.run(&[]);
    there.ok(&["plan"]);
    server.trouble("GET", "/blobs/", Trouble::Spoil, 2);
    let again = there.run(&["--set", "params.tail=finis"]);
    assert_eq!(again.ran, ["make", "use"], "the input of `use` is made again");
    assert!(again.err.contains("is damaged in the remote store and counts as missing"), "{}", again.err);
    assert_eq!(there.ok(&["get", "use.y", "--set", "params.tail=finis"]), "9999\nfinis\n");
    let third = Machine::new(&server, PIPELINE);
    assert_eq!(third.run(&["--set", "params.tail=more"]).ran, ["use"], "all is there again");
}

#[test]
fn a_bucket_that_is_not_there_is_told_before_anything_runs() {
    let server = S3::start();
    let machine = Machine::new(&server, PIPELINE);
    for method in ["GET", "PUT", "HEAD"] {
        server.trouble(method, "/bucket", Trouble::NoBucket, 10_000);
    }
    let outcome = machine.nnf(&["run"]);
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    let said = "the remote store failed: s3://bucket/store: there is no such bucket: create it, or correct its name";
    assert!(outcome.err.contains(said) && !outcome.err.contains('<'), "{outcome:?}");
    assert!(outcome.err.contains(": 0 ran, "), "{outcome:?}");
}

#[test]
fn a_record_that_cannot_be_written_is_kept_here_and_pushed_later() {
    let server = S3::start();
    let machine = Machine::new(&server, PIPELINE);
    server.trouble("PUT", "/records/", Trouble::Status(503), 10_000);
    let outcome = machine.nnf(&["run", "--json"]);
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    let run = did(&outcome);
    assert_eq!(run.ran, ["make", "use"], "the work is done");
    let note = run.events.iter().find(|event| event["event"] == "note").unwrap()["text"].as_str().unwrap();
    assert!(note.starts_with("the remote store failed: s3://bucket/store: ") && note.contains("503"), "{note}");
    assert!(note.contains("`nnf push` sends what is missing"), "{note}");
    assert_eq!(machine.run(&["--offline"]).ran.len(), 0, "the results are kept");
    assert!(server.objects("records").is_empty());
    let mended = S3::start();
    let mut elsewhere = machine;
    elsewhere.environment.extend(mended.settings());
    assert!(elsewhere.ok(&["push"]).starts_with("sent 2 results: "));
    let there = Machine::new(&mended, PIPELINE);
    assert_eq!(there.run(&[]).ran.len(), 0);
}

#[test]
fn a_store_that_cannot_be_reached_is_an_error_of_its_own() {
    let server = S3::start();
    let mut machine = Machine::new(&server, PIPELINE);
    // Nobody listens on a port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    machine.set("AWS_ENDPOINT", &format!("http://{free}"));
    for command in ["run", "plan", "pull"] {
        let outcome = machine.nnf(&[command]);
        assert_eq!(outcome.code, Some(3), "{outcome:?}");
        assert!(outcome.err.contains("the remote store failed: s3://bucket/store: "), "{}", outcome.err);
    }
    assert_eq!(machine.run(&["--offline"]).ran, ["make", "use"]);
}

#[test]
fn whoever_interrupts_three_times_need_not_wait_for_what_is_being_sent() {
    let server = S3::start();
    let mut machine = Machine::new(&server, PIPELINE);
    machine.set("NNF_STORE_TIMEOUT", "3000");
    server.trouble("PUT", "/blobs/", Trouble::Silent, 10_000);
    let mut run = machine.command(&["run"]).spawn().unwrap();
    let path = machine.project.path("artifacts/latest/pipeline/use");
    while !path.exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let id = rustix::process::Pid::from_child(&run);
    let mut times = 0;
    let code = loop {
        if let Some(status) = run.try_wait().unwrap() {
            break status.code();
        }
        // Signals that come too fast are one.
        rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
        times += 1;
        std::thread::sleep(Duration::from_millis(300));
    };
    assert_eq!((code, times), (Some(130), 3));
    assert_eq!(machine.run(&["--offline"]).ran.len(), 0, "what was done is kept");
}
