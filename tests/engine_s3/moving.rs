//! `--offline`, `nnf push` and `nnf pull`.

use crate::machine::Machine;
use crate::sharing::layers;
use nnf_test_s3::{S3, Trouble};

#[test]
fn an_offline_run_asks_nobody_and_push_makes_up_for_it() {
    let server = S3::start();
    let here = Machine::new(&server, &layers());
    let offline = here.run(&["--offline"]);
    assert_eq!(offline.ran.len(), 12);
    assert_eq!(
        offline.err,
        "note: offline: 12 results not known to be in s3://bucket/store; `nnf push` sends what is missing\n"
    );
    assert_eq!(server.asked(), [""; 0]);
    let pushed = here.ok(&["push"]);
    assert!(pushed.starts_with("sent 12 results: ") && pushed.ends_with(" (s3://bucket/store)\n"), "{pushed}");
    let blobs = server.objects("blobs").len();
    assert!(pushed.contains(&format!(": {blobs} files, ")), "{pushed} {blobs}");
    let again = here.run(&["--offline"]);
    assert_eq!((again.ran.len(), again.err.as_str()), (0, ""), "nothing is left");
    assert_eq!(here.ok(&["push"]), "sent 0 results: 0 files, 0 B; 12 there already (s3://bucket/store)\n");
    let there = Machine::new(&server, &layers());
    let _ = server.asked();
    assert_eq!(there.run(&[]).ran.len(), 0);
    let asked = server.asked();
    let records = asked.iter().filter(|call| !call.starts_with("GET /bucket/store/blobs/"));
    assert_eq!(records.count(), 1, "push leaves a head too: {asked:?}");
}

#[test]
fn push_sends_again_what_the_store_has_lost() {
    let server = S3::start();
    let here = Machine::new(&server, &layers());
    here.run(&[]);
    fs_err::remove_dir_all(server.file("store")).unwrap();
    let pushed = here.ok(&["push", "s1_0"]);
    assert!(pushed.starts_with("sent 3 results: "), "a stage and what it needs: {pushed}");
    assert!(here.ok(&["push", "--json"]).contains("\"moved\":9,\"there\":3,"));
    assert_eq!(server.objects("records").len(), 12);
    let there = Machine::new(&server, &layers());
    assert_eq!(there.run(&[]).ran.len(), 0);
}

#[test]
fn pull_fetches_what_is_named_and_push_and_pull_say_what_has_no_result() {
    let server = S3::start();
    let (here, there) = (Machine::new(&server, &layers()), Machine::new(&server, &layers()));
    let nothing = there.nnf(&["pull"]);
    assert_eq!(nothing.code, Some(1), "{nothing:?}");
    assert!(nothing.err.starts_with("note: no result as the pipeline stands: s0_0, "), "{}", nothing.err);
    here.run(&["s1_1"]);
    let partly = here.nnf(&["push"]);
    assert_eq!(partly.code, Some(1), "{partly:?}");
    assert_eq!(here.ok(&["push", "s1_1"]), "sent 0 results: 0 files, 0 B; 3 there already (s3://bucket/store)\n");
    let pulled = there.ok(&["pull", "s1_1"]);
    assert!(pulled.starts_with("fetched 1 result: 1 file, "), "{pulled}");
    assert_eq!(there.blobs(), 1);
    assert!(there.ok(&["pull", "s1_1", "s0_1"]).starts_with("fetched 1 result: 2 files, "), "its log too");
    let _ = server.asked();
    assert_eq!(there.ok(&["get", "s1_1.x", "--offline"]), "leaf 1\nleaf 2\n1 1\n");
    assert_eq!(server.asked(), [""; 0]);
}

#[test]
fn push_and_pull_need_a_store_and_fail_with_it() {
    let server = S3::start();
    let machine = Machine::new(&server, &layers());
    for arguments in [["push", "--offline"], ["pull", "--offline"], ["push", "no-stage"], ["pull", "no-stage"]] {
        let outcome = machine.nnf(&arguments);
        assert_eq!((outcome.code, outcome.out.as_str()), (Some(2), ""), "{outcome:?}");
    }
    machine.run(&["--offline"]);
    server.trouble("PUT", "/blobs/", Trouble::Status(503), 10_000);
    let outcome = machine.nnf(&["push"]);
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert!(outcome.err.starts_with("error: the remote store failed: s3://bucket/store: "), "{}", outcome.err);
    assert!(server.objects("records").is_empty(), "no record without its content");
    machine.project.write("pipeline.yaml", layers());
    for command in ["push", "pull"] {
        let outcome = machine.project.nnf(&[command]);
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(outcome.err.contains("no remote tier is named"), "{}", outcome.err);
    }
}

#[test]
fn push_sends_content_again_that_the_store_has_lost_beneath_a_record() {
    let server = S3::start();
    let here = Machine::new(&server, &layers());
    here.run(&[]);
    for blob in server.objects("blobs") {
        fs_err::remove_file(blob).unwrap();
    }
    let blobs = here.blobs();
    assert_eq!(server.objects("records").len(), 12);
    let pushed = here.ok(&["push"]);
    assert!(pushed.starts_with(&format!("sent 12 results: {blobs} files, ")), "{pushed}");
    assert_eq!(server.objects("blobs").len(), blobs);
    let there = Machine::new(&server, &layers());
    assert_eq!((there.run(&[]).ran.len(), there.ok(&["get", "s3_2.x"]).lines().last()), (0, Some("3 2")));
}
