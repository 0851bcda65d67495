//! The data stages as one program: a list of kinds and nothing else.

use std::process::ExitCode;

use nnf_contract::run_main;

include!(concat!(env!("OUT_DIR"), "/fingerprints.rs"));

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let mut offers = nnf_data_prep::offers();
    for offer in &mut offers {
        offer.kind.fingerprint = fingerprint("nnf-data-prep").to_owned();
    }
    run_main("nnf-data-prep", env!("CARGO_PKG_VERSION"), &[], offers)
}
