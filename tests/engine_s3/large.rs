//! Outputs that are larger than the memory that a process may take.

use std::io::Write;
use std::time::Duration;

use crate::machine::Machine;
use nnf_test_s3::S3;

/// Bytes of the output, unless `NNF_TEST_LARGE` says otherwise.
const SIZE: u64 = 512 << 20;
/// Most bytes of memory that a process may have taken to move it.
const MEMORY: u64 = 128 << 20;

/// Runs a command to its end, and returns the most memory that it ever had, in bytes, as the kernel counts it.
fn peak(machine: &Machine, arguments: &[&str]) -> u64 {
    let mut run = machine.command(arguments).spawn().unwrap();
    let status = format!("/proc/{}/status", run.id());
    let mut most = 0;
    let code = loop {
        if let Some(code) = run.try_wait().unwrap() {
            break code;
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes: u64 = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0);
        most = most.max(kilobytes << 10);
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(code.success(), "{:?}", run.wait_with_output());
    most
}

#[test]
#[cfg(target_os = "linux")]
fn a_large_output_goes_up_and_down_in_little_memory() {
    let server = S3::start();
    let size = std::env::var("NNF_TEST_LARGE").map_or(SIZE, |text| text.parse().unwrap());
    // Sparse, with something to tell its parts apart.
    let make = format!(
        "truncate -s {size} {{out.x}}; echo begin | dd of={{out.x}} conv=notrunc status=none; echo end >> {{out.x}}"
    );
    let pipeline = format!("stages:\n  big: {{ run: [sh, -c, '{make}'], out: {{ x: application/octet-stream }} }}\n");
    let (mut here, mut there) = (Machine::new(&server, &pipeline), Machine::new(&server, &pipeline));
    for machine in [&mut here, &mut there] {
        machine.set("NNF_STORE_TIMEOUT", "120");
    }
    here.run(&["--offline"]);
    let up = peak(&here, &["push"]);
    let down = peak(&there, &["pull"]);
    let said = format!("{} MiB of memory to send {} MiB, {} MiB to fetch them", up >> 20, size >> 20, down >> 20);
    assert!(up > 1 << 20 && up < MEMORY && down > 1 << 20 && down < MEMORY, "{said}");
    writeln!(std::io::stderr(), "{said}").unwrap();
    there.ok(&["get", "big.x", "-o", "copy"]);
    assert_eq!(fs_err::metadata(there.project.path("copy")).unwrap().len(), size + 4);
}
