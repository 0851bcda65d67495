//! Promises of the crate: the largest subnet that fits is chosen, whatever the order of limits.
#![expect(clippy::unwrap_used, reason = "tests")]

use nnf_device::{Budget, Micros};
use nnf_net::{Bytes, Random};

use crate::candidates::limits;
use crate::choose::{Candidate, Choice, choose};
use crate::sweep_kind::folder_name;

fn candidate(kept: usize, latency: f64, memory: u64) -> Candidate {
    Candidate { limit: 0.1, kept, latency: Micros(latency), memory: Bytes(memory) }
}

#[test]
fn kept_modules_need_not_grow_with_the_limit() {
    // Algorithm 1 would stop at the second; the fourth is the largest that fits.
    let offered = [candidate(10, 50.0, 10), candidate(30, 120.0, 30), candidate(20, 90.0, 20), candidate(25, 95.0, 25)];
    let budget = Budget { latency: Some(Micros(100.0)), memory: None };
    assert_eq!(choose(&offered, &budget, 0.0), Some(Choice::Fits(3)));
    let budget = Budget { latency: Some(Micros(100.0)), memory: Some(Bytes(20)) };
    assert_eq!(choose(&offered, &budget, 0.0), Some(Choice::Fits(2)));
    assert_eq!(choose(&offered, &Budget::default(), 0.0), Some(Choice::Fits(1)));
    assert_eq!(choose(&[], &budget, 0.0), None);
}

#[test]
fn where_nothing_fits_the_nearest_is_told() {
    let offered = [candidate(10, 50.0, 10), candidate(30, 40.0, 30)];
    let budget = Budget { latency: Some(Micros(20.0)), memory: None };
    assert_eq!(choose(&offered, &budget, 0.0), Some(Choice::Nearest(1)));
    let budget = Budget { latency: Some(Micros(20.0)), memory: Some(Bytes(3)) };
    assert_eq!(choose(&offered, &budget, 0.0), Some(Choice::Nearest(0)));
}

#[test]
fn a_margin_is_left_where_a_subnet_allows_it() {
    let offered = [candidate(10, 80.0, 10), candidate(30, 99.0, 30), candidate(20, 95.0, 20)];
    let most = |latency| Budget { latency: Some(Micros(latency)), memory: None };
    assert_eq!(choose(&offered, &most(100.0), 0.04), Some(Choice::Fits(2)));
    assert_eq!(choose(&offered, &most(81.0), 0.04), Some(Choice::Fits(0)), "none leaves it, and the nearest fits");
    assert_eq!(choose(&offered, &most(79.0), 0.04), Some(Choice::Nearest(0)));
}

#[test]
fn the_choice_is_within_budget_and_none_larger_fits() {
    let mut random = Random::of(1, &[]);
    for _ in 0..500 {
        let offered: Vec<Candidate> = (0..random.below(12) + 1)
            .map(|_| candidate(random.below(50), random.unit() * 100.0, random.bits() % 100))
            .collect();
        let budget =
            Budget { latency: Some(Micros(random.unit() * 100.0)), memory: Some(Bytes(random.bits() % 100 + 1)) };
        let fits = |c: &Candidate| c.latency.0 <= budget.latency.unwrap().0 && c.memory.0 <= budget.memory.unwrap().0;
        match choose(&offered, &budget, 0.0).unwrap() {
            Choice::Fits(at) => {
                assert!(fits(&offered[at]));
                assert!(offered.iter().all(|other| !fits(other) || other.kept <= offered[at].kept));
            }
            Choice::Nearest(_) => assert!(!offered.iter().any(fits)),
        }
    }
}

#[test]
fn every_limit_has_a_folder_of_its_own() {
    let names: std::collections::BTreeSet<String> =
        limits(1_000, 1e-3).iter().map(|limit| folder_name("only two 1", *limit)).collect();
    assert_eq!(names.len(), 1_000);
    assert!(names.contains("only-two-1-000100000") && names.contains("only-two-1-100000000"));
    let five = limits(5, 1e-4);
    assert!(five.iter().zip([1e-4, 1e-3, 1e-2, 1e-1, 1.0]).all(|(a, b)| (a / b - 1.0).abs() < 1e-9), "{five:?}");
}
