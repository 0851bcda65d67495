//! Two machines that share a store: what one made the other one has, and asks for as little as can be.

use crate::machine::Machine;
use nnf_test_s3::S3;

/// Four layers of three stages; each reads two of the layer below.
pub(crate) fn layers() -> String {
    let mut text = String::from("params: { tail: end }\nstages:\n");
    for layer in 0..4 {
        for at in 0..3 {
            let reads = format!("in: {{ a: s{}_{at}.x, b: s{}_{}.x }}, ", layer - 1, layer - 1, (at + 1) % 3);
            let (input, command) = match layer {
                0 => ("", format!("echo leaf {at} > {{out.x}}; echo log")),
                _ => (reads.as_str(), format!("cat {{in.a}} {{in.b}} > {{out.x}}; echo {layer} {at} >> {{out.x}}")),
            };
            let line = format!("  s{layer}_{at}: {{ {input}run: [sh, -c, '{command}'], out: {{ x: text/plain }} }}\n");
            text.push_str(&line);
        }
    }
    text
}

#[test]
fn the_second_machine_runs_nothing_and_asks_once() {
    let server = S3::start();
    let here = Machine::new(&server, &layers());
    assert_eq!(here.run(&[]).ran.len(), 12);
    assert_eq!(server.objects("records").len(), 12);
    assert_eq!(server.objects("leases").len(), 0, "all leases were given back");
    let _ = server.asked();
    let there = Machine::new(&server, &layers());
    let plan = there.ok(&["plan"]);
    assert_eq!((plan.as_str(), there.blobs()), ("nothing to run, 12 fresh\n", 0));
    assert_eq!(server.asked(), ["GET /bucket/store/heads/v1/pipeline.jsonl"], "one question for all records");
    let second = there.run(&["s3_2"]);
    assert_eq!((second.ran.len(), there.blobs()), (0, 1), "only what was asked for");
    let asked = server.asked();
    assert!(asked.len() == 1 && asked[0].starts_with("GET /bucket/store/blobs/v1/"), "{asked:?}");
    assert_eq!(there.ok(&["get", "s3_2.x"]).lines().last(), Some("3 2"));
    assert_eq!(there.run(&[]).ran.len(), 0);
    let asked = server.asked();
    assert_eq!((asked.len(), there.blobs()), (11, 12), "what else there is, each once: {asked:?}");
    there.run(&[]);
    there.ok(&["get", "s3_2.x"]);
    here.run(&[]);
    assert_eq!(server.asked(), [""; 0], "what both have is asked for no more");
}

#[test]
fn without_the_head_each_record_is_asked_for_and_a_wrong_head_is_no_harm() {
    let server = S3::start();
    let here = Machine::new(&server, &layers());
    here.run(&[]);
    let head = server.file("store/heads/v1/pipeline.jsonl");
    for text in ["", "no head\n{}\n\u{fffd}"] {
        fs_err::write(&head, text).unwrap();
        let _ = server.asked();
        let there = Machine::new(&server, &layers());
        assert_eq!(there.run(&[]).ran.len(), 0);
        let gets = server.asked().iter().filter(|call| call.starts_with("GET /bucket/store/records/")).count();
        assert_eq!(gets, 12, "one round trip each");
        assert!(fs_err::read_to_string(&head).unwrap().lines().count() == 12, "the head is written again");
    }
    // A record in it that was tampered with is not believed.
    let text = fs_err::read_to_string(&head).unwrap();
    let other = text.replace(r#"\"attempts\": 1"#, r#"\"attempts\": 2"#);
    assert_ne!(other, text);
    fs_err::write(&head, other).unwrap();
    let there = Machine::new(&server, &layers());
    assert_eq!(there.run(&[]).ran.len(), 0);
    assert!(server.asked().iter().any(|call| call.starts_with("GET /bucket/store/records/")));
}

#[test]
fn uploads_go_on_while_later_stages_run() {
    let server = S3::start();
    let mark = server.shared.folder.path().join("mark");
    // The second stage ends only after the first one's record has arrived.
    let wait = format!(
        "cat {{in.x}} > {{out.y}}; n=0; until [ -e {} ]; do sleep 0.02; n=$((n+1)); [ $n -lt 1500 ]; done",
        mark.display()
    );
    let pipeline = format!(
        "stages:\n  one: {{ run: [sh, -c, 'echo 1 > {{out.x}}'], out: {{ x: text/plain }} }}\n  two: {{ run: [sh, -ec, '{wait}'], in: {{ x: one.x }}, out: {{ y: text/plain }} }}\n"
    );
    let machine = Machine::new(&server, &pipeline);
    let running = machine.command(&["run"]).spawn().unwrap();
    while server.objects("records").is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    fs_err::write(&mark, "").unwrap();
    assert!(running.wait_with_output().unwrap().status.success());
    assert_eq!(server.objects("records").len(), 2);
}

#[test]
fn a_change_runs_only_what_depends_on_it_on_any_machine() {
    let server = S3::start();
    let pipeline = "params: { tail: end }\nstages:\n  make: { run: [sh, -c, 'mkdir {out.x}; for i in 1 2 3; do echo $i > {out.x}/$i; done'], out: { x: inode/directory } }\n  use: { run: [sh, -c, 'cat {in.x}/* > {out.y}; echo ${params.tail} >> {out.y}'], in: { x: make.x }, out: { y: text/plain } }\n";
    let (here, there) = (Machine::new(&server, pipeline), Machine::new(&server, pipeline));
    assert_eq!(here.run(&[]).ran, ["make", "use"]);
    assert_eq!(there.run(&["--set", "params.tail=finis"]).ran, ["use"], "what it reads was fetched");
    assert_eq!(there.ok(&["get", "use.y", "--set", "params.tail=finis"]), "1\n2\n3\nfinis\n");
    assert_eq!(here.run(&["--set", "params.tail=finis"]).ran.len(), 0);
    assert_eq!(here.ok(&["get", "use.y", "--set", "params.tail=finis"]), "1\n2\n3\nfinis\n");
}
