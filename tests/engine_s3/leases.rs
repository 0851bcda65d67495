//! Machines that share nothing but a store do not do the same work twice, while their leases last.

use std::path::Path;

use crate::machine::{Machine, did};
use crate::support::Outcome;
use nnf_test_s3::{S3, Trouble};

/// Stages that leave a line in a file outside for each time they run, and take their time.
fn counted(count: &Path, seconds: f64) -> String {
    let count = count.display();
    let stage = |name: &str, input: &str| {
        format!(
            "  {name}: {{ {input}run: [sh, -c, 'echo {name} >> {count}; sleep {seconds}; echo {name} > {{out.x}}'], out: {{ x: text/plain }} }}\n"
        )
    };
    let mut text = String::from("stages:\n");
    for name in ["a", "b", "c", "d"] {
        text.push_str(&stage(name, ""));
    }
    for (name, reads) in [("e", "a"), ("f", "b"), ("g", "e")] {
        text.push_str(&stage(name, &format!("in: {{ i: {reads}.x }}, ")));
    }
    text
}

fn lines(count: &Path) -> Vec<String> {
    let text = fs_err::read_to_string(count).unwrap_or_default();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn ended(output: &std::process::Output) -> Outcome {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let outcome = Outcome { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) };
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome
}

#[test]
fn eight_runs_at_once_run_every_stage_once() {
    let server = S3::start();
    let count = server.shared.folder.path().join("count");
    let mut machines: Vec<Machine> = (0..8).map(|_| Machine::new(&server, &counted(&count, 0.3))).collect();
    for machine in &mut machines {
        machine.set("NNF_STORE_RETRIES", "20");
    }
    // Records arrive late, and until then nobody else may begin.
    server.trouble("PUT", "/records/", Trouble::Status(503), 20);
    let runs: Vec<_> = machines.iter().map(|m| m.command(&["run", "--json", "-j2"]).spawn().unwrap()).collect();
    let outcomes: Vec<Outcome> = runs.into_iter().map(|run| ended(&run.wait_with_output().unwrap())).collect();
    assert_eq!(lines(&count), ["a", "b", "c", "d", "e", "f", "g"]);
    let mut all: Vec<String> = outcomes.iter().flat_map(|outcome| did(outcome).ran).collect();
    all.sort();
    assert_eq!(all, ["a", "b", "c", "d", "e", "f", "g"], "each by one of them");
    let waited = outcomes.iter().filter(|outcome| outcome.out.contains("another run on ")).count();
    assert!(waited > 0, "whoever waits says so");
    assert_eq!(server.objects("leases").len(), 0);
    for machine in &machines {
        assert_eq!(machine.ok(&["get", "g.x"]), "g\n");
    }
}

#[test]
fn a_lease_without_a_heartbeat_is_taken_over_and_the_wait_is_told() {
    let server = S3::start();
    let count = server.shared.folder.path().join("count");
    let mut machine = Machine::new(&server, &counted(&count, 0.0));
    machine.set("NNF_LEASE_TIMEOUT", "1");
    let plan = machine.ok(&["plan", "--json", "a"]);
    let key = serde_json::from_str::<serde_json::Value>(plan.lines().next().unwrap()).unwrap()["key"].clone();
    // What a machine leaves that lost its power while it did the work.
    let lease = server.file("store/leases/v1").join(key.as_str().unwrap()).join("4");
    fs_err::create_dir_all(lease.parent().unwrap()).unwrap();
    let gone = r#"{"version":1,"store":"other","program":"other","host":"elsewhere"}"#;
    fs_err::write(&lease, gone).unwrap();
    fs_err::write(lease.with_file_name("3.beat"), "old").unwrap();
    fs_err::write(lease.with_file_name("1"), gone).unwrap();
    let run = machine.run(&["a"]);
    assert_eq!(run.ran, ["a"]);
    let waiting = run.events.iter().find(|event| event["event"] == "waiting").expect("it says that it waits");
    assert_eq!(waiting["what"], "another run on elsewhere, which does the same work");
    let next = server.asked().iter().any(|call| call.starts_with("PUT") && call.ends_with("/5"));
    assert!(next, "the next epoch was created");
    assert!(!lease.exists(), "what it was taken over from is cleared away");
}

#[test]
fn a_run_that_was_killed_keeps_nobody_of_its_folder_waiting() {
    let server = S3::start();
    let count = server.shared.folder.path().join("count");
    let machine = Machine::new(&server, &counted(&count, 20.0));
    let mut run = machine.command(&["run", "a"]).spawn().unwrap();
    while lines(&count).is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    run.kill().unwrap();
    run.wait().unwrap();
    assert_eq!(server.objects("leases").len(), 1, "its lease is still there");
    let began = std::time::Instant::now();
    machine.project.write("pipeline.yaml", format!("store: {}\n{}", server.url("store"), counted(&count, 20.0)));
    let mut again = machine.command(&["run", "a"]).spawn().unwrap();
    while lines(&count).len() < 2 {
        assert!(began.elapsed().as_secs() < 40, "it waits for the dead");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    again.kill().unwrap();
    again.wait().unwrap();
}

#[test]
fn when_a_lease_is_lost_two_may_run_and_the_store_stays_valid() {
    let server = S3::start();
    let count = server.shared.folder.path().join("count");
    let pipeline = format!(
        "stages:\n  slow: {{ run: [sh, -c, 'echo slow >> {}; sleep 4; echo made > {{out.x}}'], out: {{ x: text/plain }} }}\n",
        count.display()
    );
    let machines = [0, 1].map(|_| {
        let mut machine = Machine::new(&server, &pipeline);
        machine.set("NNF_LEASE_TIMEOUT", "0.9").set("NNF_STORE_RETRIES", "0");
        machine
    });
    // No heartbeat gets through.
    server.trouble("PUT", ".beat", Trouble::Status(503), 10_000);
    let runs = machines.each_ref().map(|machine| machine.command(&["run", "--json"]).spawn().unwrap());
    let outcomes = runs.map(|run| ended(&run.wait_with_output().unwrap()));
    assert_eq!(lines(&count), ["slow", "slow"], "both did it");
    assert_eq!(server.objects("records").len(), 1, "the first record stands");
    let third = Machine::new(&server, &pipeline);
    assert_eq!(third.run(&[]).ran.len(), 0);
    for machine in machines.iter().chain([&third]) {
        assert_eq!(machine.ok(&["get", "slow.x"]), "made\n");
    }
    assert!(outcomes.iter().all(|outcome| !did(outcome).events.is_empty()));
}

#[test]
fn a_heartbeat_keeps_a_lease_however_long_the_work_takes() {
    let server = S3::start();
    let count = server.shared.folder.path().join("count");
    let pipeline = format!(
        "stages:\n  slow: {{ run: [sh, -c, 'echo slow >> {}; sleep 7; echo made > {{out.x}}'], out: {{ x: text/plain }} }}\n",
        count.display()
    );
    let machines = [0, 1].map(|_| {
        let mut machine = Machine::new(&server, &pipeline);
        machine.set("NNF_LEASE_TIMEOUT", "3");
        machine
    });
    let runs = machines.each_ref().map(|machine| machine.command(&["run", "--json"]).spawn().unwrap());
    let outcomes = runs.map(|run| ended(&run.wait_with_output().unwrap()));
    assert_eq!(lines(&count), ["slow"]);
    assert_eq!(outcomes.iter().filter(|outcome| outcome.out.contains("another run on ")).count(), 1);
    assert!(server.asked().iter().any(|call| call.starts_with("PUT") && call.ends_with(".beat")));
    assert_eq!(server.objects("leases").len(), 0, "the heartbeat is gone too");
}
