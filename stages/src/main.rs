//! The machine-learning stages as one program: a list of kinds and nothing else.

use std::process::ExitCode;

use nnf_contract::{Offer, run_main};

include!(concat!(env!("OUT_DIR"), "/fingerprints.rs"));

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let rooms = [
        ("nnf-net", nnf_net::offers()),
        ("nnf-evaluation", nnf_evaluation::offers()),
        ("nnf-export", nnf_export::offers()),
        ("nnf-device", nnf_device::offers()),
        ("nnf-numvqa", nnf_numvqa::offers()),
        ("nnf-report", nnf_report::offers()),
    ];
    let offers = rooms.into_iter().flat_map(|(package, offers)| offers.into_iter().map(move |o| stamped(o, package)));
    run_main("nnf-stages", env!("CARGO_PKG_VERSION"), &[("libtorch", env!("NNF_LIBTORCH_VERSION"))], offers.collect())
}

/// An offer with the fingerprint of the package that it comes from.
fn stamped(mut offer: Offer, package: &str) -> Offer {
    offer.kind.fingerprint = fingerprint(package).to_owned();
    offer
}
