//! Promises of the crate: the largest subnet that fits is chosen, whatever the order of limits.
#![expect(clippy::unwrap_used, reason = "tests")]

use nnf_device::{Budget, Micros};
use nnf_net::{Bytes, GateVector, Random};

use crate::calibration::at_most;
use crate::candidates::limits;
use crate::choose::{Candidate, Choice, choose};
use crate::fit::fit;
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
fn nine_of_ten_picks_tell_how_much_longer_than_predicted_subnets_take() {
    assert_eq!(at_most(&[0.9, 0.95, 0.99]), 1.0, "what is measured below its prediction is no reason to use more");
    assert_eq!(at_most(&[]), 1.0);
    let errors: Vec<f64> =
        (0..=10).map(|tenth| if tenth < 10 { 1.0 + f64::from(tenth) * 0.05 / 9.0 } else { 2.0 }).collect();
    assert!((at_most(&errors) - 1.05).abs() < 1e-9, "{}", at_most(&errors));
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
        limits(1_000, 1e-3).iter().map(|limit| folder_name("only two 1", *limit, None)).collect();
    assert_eq!(names.len(), 1_000);
    assert!(names.contains("only-two-1-000100000") && names.contains("only-two-1-100000000"));
    let fitted = [Some(1), Some(2)].map(|number| folder_name("only two 1", 0.02, number));
    assert!(fitted[0] != fitted[1] && fitted.iter().all(|name| !names.contains(name)));
    let five = limits(5, 1e-4);
    assert!(five.iter().zip([1e-4, 1e-3, 1e-2, 1e-1, 1.0]).all(|(a, b)| (a / b - 1.0).abs() < 1e-9), "{five:?}");
}

/// Layers of gates as wide as `open` says, all open.
fn all_open(widths: &[usize]) -> GateVector {
    GateVector(widths.iter().map(|width| vec![true; *width]).collect())
}

fn counts(gates: &GateVector) -> Vec<usize> {
    gates.0.iter().map(|layer| layer.iter().filter(|open| **open).count()).collect()
}

type Cost = Result<f64, std::convert::Infallible>;

#[test]
fn what_is_removed_to_fit_costs_much_and_matters_little() {
    // The first layer is dear and pays for whole fours only; all modules matter as much.
    let cost = |gates: &GateVector| -> Cost {
        let kept = counts(gates);
        Ok((kept[0].div_ceil(4) as f64 * 4.0 + kept[1] as f64 * 0.1) / 9.0)
    };
    let fitted = fit(&all_open(&[10, 10]), &[1.0; 20], &[false, false], &cost).unwrap().unwrap();
    assert_eq!(counts(&fitted), [8, 10], "whole fours, and nothing of what saves little");
    let none = |_: &GateVector| -> Cost { Ok(0.5) };
    assert_eq!(
        fit(&all_open(&[3]), &[1.0; 3], &[false], &none).unwrap(),
        Some(all_open(&[3])),
        "what fits is left alone"
    );
    // Of a layer the least important ones go.
    let each = |gates: &GateVector| -> Cost { Ok(gates.kept() as f64 / 2.0) };
    let fitted =
        fit(&GateVector(vec![vec![true, false, true, true, true]]), &[0.1, 9.0, 3.0, 0.2, 2.0], &[false], &each);
    assert_eq!(fitted.unwrap(), Some(GateVector(vec![vec![false, false, true, false, true]])));
}

#[test]
fn an_essential_layer_keeps_a_module_and_what_cannot_fit_is_told() {
    let cost = |gates: &GateVector| -> Cost { Ok(counts(gates)[0] as f64 * 2.0) };
    assert_eq!(fit(&all_open(&[5, 5]), &[1.0; 10], &[true, false], &cost).unwrap(), None);
    let fitted = fit(&all_open(&[5, 5]), &[1.0; 10], &[false, false], &cost).unwrap().unwrap();
    assert_eq!(counts(&fitted), [0, 5]);
    assert!(fit(&all_open(&[2]), &[1.0; 2], &[false], &|_| Err("the disk")).is_err());
}

#[test]
fn what_is_made_to_fit_is_nearly_as_good_as_the_best() {
    let mut random = Random::of(7, &[]);
    let mut shares = Vec::new();
    for _ in 0..100 {
        let widths = [random.below(6) + 2, random.below(6) + 2, random.below(6) + 2];
        let logits: Vec<f64> = (0..widths.iter().sum()).map(|_| random.unit() * 3.0).collect();
        // What the first so many modules of each layer cost: rising, but for some where one more costs less.
        let prices = widths.map(|width| {
            let mut all = vec![0.0];
            (0..width).for_each(|at| all.push(all[at] + random.unit() - 0.2));
            all
        });
        let cost = |kept: &[usize]| kept.iter().zip(&prices).map(|(kept, prices)| prices[*kept]).sum::<f64>();
        let budget = cost(&widths) * 0.6;
        let excess = |gates: &GateVector| -> Cost { Ok(1.0 + cost(&counts(gates)) - budget) };
        let mut begin = 0;
        let importance = widths.map(|width| {
            let mut own = logits[begin..begin + width].to_vec();
            begin += width;
            own.sort_by(|a, b| b.total_cmp(a));
            (0..=width).map(|kept| own[..kept].iter().sum::<f64>().sqrt()).collect::<Vec<f64>>()
        });
        let worth = |kept: &[usize]| kept.iter().zip(&importance).map(|(kept, all)| all[*kept]).sum::<f64>();
        let mut best = f64::NEG_INFINITY;
        for a in 0..=widths[0] {
            for b in 0..=widths[1] {
                for c in (0..=widths[2]).filter(|c| cost(&[a, b, *c]) <= budget) {
                    best = best.max(worth(&[a, b, c]));
                }
            }
        }
        if let Some(fitted) = fit(&all_open(&widths), &logits, &[false; 3], &excess).unwrap() {
            assert!(cost(&counts(&fitted)) <= budget + 1e-9);
            shares.push(worth(&counts(&fitted)) / best);
        } else {
            assert!(best.is_infinite(), "something would have fitted");
        }
    }
    let mean = shares.iter().sum::<f64>() / shares.len() as f64;
    assert!(shares.len() > 60 && mean > 0.9, "{} of 100 fitted, {mean} of the best", shares.len());
}
