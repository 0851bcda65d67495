//! The machine-learning stages as one program: a list of kinds and nothing else.

use std::process::ExitCode;

use nnf_contract::{Offer, run_main};
use nnf_numvqa::NumVqa;
use nnf_problem::Problem;

include!(concat!(env!("OUT_DIR"), "/fingerprints.rs"));

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    run_main("nnf-stages", env!("CARGO_PKG_VERSION"), &[("libtorch", env!("NNF_LIBTORCH_VERSION"))], offers())
}

fn offers() -> Vec<Offer> {
    let rooms = [
        ("nnf-net", nnf_net::offers()),
        ("nnf-evaluation", nnf_evaluation::offers()),
        ("nnf-export", nnf_export::offers()),
        ("nnf-device", nnf_device::offers()),
        ("nnf-numvqa-pretraining", nnf_numvqa_pretraining::offers()),
        ("nnf-report", nnf_report::offers()),
    ];
    let rooms = rooms.into_iter().flat_map(|(package, offers)| stamped(offers, &[package]));
    rooms.chain(of_problem::<NumVqa>("nnf-numvqa")).collect()
}

/// The kinds that the generic rooms offer for a problem. Each is made of the problem's code and of its own room's, so that
/// a change of a search makes no training stale.
fn of_problem<P: Problem>(package: &str) -> Vec<Offer> {
    let rooms = [
        ("nnf-training", nnf_training::offers::<P>()),
        ("nnf-evaluation", nnf_evaluation::offers_of::<P>()),
        ("nnf-baselines", nnf_baselines::offers::<P>()),
        ("nnf-search", nnf_search::offers::<P>()),
    ];
    rooms.into_iter().flat_map(|(room, offers)| stamped(offers, &[package, room])).collect()
}

/// Offers with the fingerprints of the packages that they are made of.
fn stamped(mut offers: Vec<Offer>, packages: &[&str]) -> Vec<Offer> {
    let prints: Vec<&str> = packages.iter().map(|package| fingerprint(package)).collect();
    for offer in &mut offers {
        offer.kind.fingerprint = prints.join("+");
    }
    offers
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_kind_rests_on_its_problem_and_its_own_room() {
        let of = |name: &str| offers().into_iter().find(|offer| offer.kind.name == name).unwrap().kind.fingerprint;
        let rooms = ["nnf-training", "nnf-evaluation", "nnf-baselines", "nnf-search"];
        for (kind, room) in [("train", 0), ("evaluate", 1), ("unified", 2), ("sweep", 3)] {
            let found = of(&format!("numvqa.{kind}"));
            assert!(found.contains(fingerprint("nnf-numvqa")), "{kind}");
            for (at, package) in rooms.iter().enumerate() {
                assert_eq!(found.contains(fingerprint(package)), at == room, "{kind}, {package}");
            }
        }
        assert!(offers().iter().all(|offer| offer.kind.fingerprint.split('+').all(|print| print.len() == 32)));
    }
}
