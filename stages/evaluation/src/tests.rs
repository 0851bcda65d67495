//! Promises of the crate: intervals are Wilson's, draws cover what they should.
#![expect(clippy::unwrap_used, reason = "tests")]

use nnf_net::{GateLayer, Random};
use nnf_supernet::Questions;

use crate::accuracy::Accuracy;
use crate::draw;

#[test]
fn intervals_are_those_of_wilson() {
    // Reference: statsmodels 0.14, proportion_confint(count, nobs, method="wilson").
    for (right, samples, low, high) in [
        (9_800, 10_000, 0.977_071_7, 0.982_567_5),
        (0, 10, 0.0, 0.277_532_8),
        (10, 10, 0.722_467_2, 1.0),
        (5, 10, 0.236_593, 0.763_407),
    ] {
        let (found_low, found_high) = Accuracy { right, samples }.interval();
        assert!(
            (found_low - low).abs() < 2e-5 && (found_high - high).abs() < 2e-5,
            "{right}/{samples}: {found_low} {found_high}"
        );
    }
}

#[test]
fn drawn_gates_cover_all_levels() {
    let layers = [GateLayer { name: "a".into(), width: 64 }, GateLayer { name: "b".into(), width: 512 }];
    let ratios: Vec<f64> =
        (0..300).map(|at| draw::gates(&layers, (0.01, 1.0), 0.5, &mut Random::of(1, &[at])).ratio()).collect();
    for band in 0..10 {
        let (low, high) = (f64::from(band) / 10.0, f64::from(band + 1) / 10.0);
        assert!(ratios.iter().any(|ratio| (low..=high).contains(ratio)), "no vector between {low} and {high}");
    }
    let levels = draw::gates(&layers, (0.2, 0.2), 0.0, &mut Random::of(1, &[]));
    assert_eq!(levels.kept_positions().iter().map(Vec::len).collect::<Vec<_>>(), [13, 102]);
}

#[test]
fn drawn_requirements_are_log_uniform() {
    let questions =
        Questions { names: vec!["a".into(), "b".into()], bits: vec![vec![true], vec![false]], seen: vec![true; 2] };
    let (requirements, tasks) = draw::requirements(&questions, 2000, (0.01, 1.0), &mut Random::of(1, &[]));
    let below = requirements.iter().filter(|requirement| requirement.limit < 0.1).count();
    assert!((850..1150).contains(&below), "half of the limits are below 10 %: {below}");
    assert!(requirements.iter().all(|requirement| (0.01..=1.0).contains(&requirement.limit)));
    assert!((850..1150).contains(&tasks.iter().filter(|task| **task == 0).count()));
    let none = Questions::position(&questions, "c").unwrap_err().to_string();
    assert!(none.contains("no task `c`"));
}
