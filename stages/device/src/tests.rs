//! Promises of the crate: least squares finds what is there, predictors reload, features follow the slices.
#![expect(clippy::unwrap_used, reason = "tests")]

use nnf_net::{Counts, GateVector, Random, resnet::Config};
use nnf_results::statistics;

use crate::features::Features;
use crate::judged::Tests;
use crate::measure::{Latency, Meter, Micros, Times, Timing, architecture};
use crate::profile::{self, Profile};
use crate::speed::Speed;
use crate::*;

fn network() -> nnf_net::Network {
    Config::preset("resnet-tiny").unwrap().build().unwrap()
}

fn gates(network: &nnf_net::Network, seed: u64) -> GateVector {
    let mut random = Random::of(seed, &[]);
    let share = random.unit();
    GateVector(
        network.gate_layers().iter().map(|layer| (0..layer.width).map(|_| random.unit() < share).collect()).collect(),
    )
}

fn conditions() -> Conditions {
    let timing = Timing { warm_up: 1, runs: 3, rounds: 1 };
    Conditions { reference: Some(Micros(3.0)), ..Conditions::new("d", 1, timing) }
}

#[test]
fn least_squares_finds_a_linear_law() {
    let network = network();
    let features = Features::of(&network).unwrap();
    let rows: Vec<Vec<f64>> = (0..200).map(|seed| features.values(&gates(&network, seed)).unwrap()).collect();
    assert_eq!(rows[0].len(), Predictor::feature_names(&network).len());
    let last = rows[0].len() - 1;
    let law = |row: &Vec<f64>| 150.0 + 2.5e-4 * row[last] + 3.0 * row[0];
    let latencies: Vec<f64> = rows.iter().map(law).collect();
    let linear = fit::least_squares(&rows, &latencies, 1e-9).unwrap();
    let unseen: Vec<Vec<f64>> = (300..330).map(|seed| features.values(&gates(&network, seed)).unwrap()).collect();
    let predicted: Vec<f64> = unseen.iter().map(|row| linear.at(row)).collect();
    let truth: Vec<f64> = unseen.iter().map(law).collect();
    assert!(statistics::mape(&predicted, &truth) < 1e-3, "{}", statistics::mape(&predicted, &truth));
    assert!(statistics::r_squared(&predicted, &truth) > 0.999);
    assert!(fit::constant_mape(&truth) > 0.05);
    assert!(fit::least_squares(&rows[..1], &latencies[..1], 0.0).is_err());
}

#[test]
fn no_constant_beats_the_best_one() {
    let values = [9.0, 2.0, 3.0, 4.0, 7.5];
    let best = fit::constant_mape(&values);
    assert_eq!(fit::constant(&values), 3.0);
    for constant in (1..100).map(|tenths| f64::from(tenths) / 10.0) {
        assert!(statistics::mape(&[constant; 5], &values) >= best - 1e-12, "{constant}");
    }
    assert!((fit::perfect(0.8) - 0.9).abs() < 1e-12);
}

#[test]
fn features_tell_how_blocks_are_filled() {
    let network = network();
    let layers = network.gate_layers();
    let keep =
        |kept: usize| GateVector(layers.iter().map(|layer| (0..layer.width).map(|at| at < kept).collect()).collect());
    let features = Features::of(&network).unwrap();
    let names = Predictor::feature_names(&network);
    let value = |kept: usize, name: &str| {
        let at = names.iter().position(|one| one == name).unwrap();
        features.values(&keep(kept)).unwrap()[at]
    };
    let first = &layers[0].name;
    assert!(layers[0].width >= 4, "{layers:?}");
    for (kept, any, one, block) in [(0, 0.0, 0.0, 0.0), (1, 1.0, 1.0, 16.0), (3, 1.0, 0.0, 16.0)] {
        let found = ["any", "one", "blocks", "kept"].map(|part| value(kept, &format!("{first}.{part}")));
        assert_eq!(found, [any, one, block, kept as f64]);
    }
    // Keeping three, the convolutions that make them have a block of three; keeping none, none has.
    assert!(value(3, "only-block.3") > 0.0);
    assert_eq!((value(0, "only-block.3"), value(3, "last-block.3")), (0.0, 0.0));
}

#[test]
fn what_is_measured_is_the_slice_without_norms() {
    let network = network();
    let gates = gates(&network, 3);
    let model = architecture(&network, &gates).unwrap();
    assert!(model.network.gate_layers().is_empty());
    let sliced = nnf_net::slice_network(&network, &gates).unwrap();
    assert_eq!(Counts::of(&model.network).macs, Counts::of(&sliced).macs);
    let meter = Meter::new(2, Timing { warm_up: 1, runs: 5, rounds: 2 });
    let mut asked = Vec::new();
    let measured = meter.measure(|number| {
        asked.push(number);
        Ok::<_, crate::error::DeviceError>(&model)
    });
    let measured = measured.unwrap();
    asked.chunks_exact_mut(2).for_each(<[usize]>::sort_unstable);
    assert_eq!(asked, [0, 1, 0, 1]);
    assert_eq!((measured.latencies.len(), measured.reference), (2, None));
    for latency in measured.latencies {
        assert!(latency.lower.0 > 0.0 && latency.lower <= latency.median && latency.median <= latency.upper);
    }
}

#[test]
fn what_is_loaded_computes_the_same() {
    let mut model = architecture(&network(), &gates(&network(), 3)).unwrap();
    let mut random = Random::of(4, &[]);
    for parameter in model.network.parameters() {
        model.weights.insert(parameter.name, random.normal_tensor(&parameter.shape, 0.1));
    }
    let input = tch::Tensor::full([1, 1, 56, 56], 0.5, (tch::Kind::Float, tch::Device::Cpu));
    let plain = nnf_net::forward(&model.network, &model.weights, &input, &nnf_net::Run::default(), &[]).unwrap();
    let loaded = crate::runtime::Loaded::of(&model.network, model.weights.copied()).run().unwrap();
    assert_eq!(plain.len(), loaded.len());
    for (plain, loaded) in plain.iter().zip(&loaded) {
        assert!(plain.allclose(loaded, 1e-5, 1e-6, false));
    }
}

#[test]
fn predictors_reload_and_refuse_other_networks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictor.json");
    let network = network();
    let names = Predictor::feature_names(&network);
    let coefficients = (0..names.len()).map(|at| at as f64 * 0.125).collect();
    let predictor = Predictor::new(conditions(), &network, coefficients, (20.0, 1.0));
    predictor.save(&path).unwrap();
    let again = Predictor::load(&path, &network).unwrap();
    assert_eq!(again, predictor);
    let gates = gates(&network, 1);
    let cost = |predictor: &Predictor| predictor.estimator(&network).unwrap().cost(&gates).unwrap();
    assert_eq!(cost(&again), cost(&predictor));
    let deployed = architecture(&network, &gates).unwrap();
    assert_eq!(cost(&predictor).1, Counts::of(&deployed.network).memory(), "as it is deployed");
    let other = Config::preset("resnet-numvqa").unwrap().build().unwrap();
    assert!(Predictor::load(&path, &other).unwrap_err().to_string().contains("another network"));
    Predictor { version: 2, ..predictor }.save(&path).unwrap();
    assert!(
        Predictor::load(&path, &network).unwrap_err().to_string().contains("version 2, not `nnf.predictor` version 1")
    );
}

#[test]
fn times_are_brought_to_one_speed() {
    let timing = Timing { warm_up: 0, runs: 1, rounds: 2 };
    let measured = |usual: Option<Micros>| {
        let mut speed = Speed::new(reference(&network()).unwrap(), usual);
        // At first the machine takes 100 µs, then 150 µs; one time it was held up.
        let mut times = Vec::new();
        for took in [100.0, 100.0, 900.0, 100.0, 100.0, 150.0, 150.0, 150.0, 150.0, 150.0] {
            speed.took(Micros(took));
            times.push(speed.now());
        }
        let quiet = vec![(10.0, Some(times[2])), (15.0, Some(times[8]))];
        let middle = speed.overall();
        (
            Meter::of_times(timing, vec![Times { quiet, disturbed: Vec::new() }], Some(speed))
                .measured()
                .latencies
                .remove(0),
            middle,
        )
    };
    let (latency, middle) = measured(Some(Micros(100.0)));
    assert!((latency.lower.0 - 10.0).abs() < 1e-9 && (latency.upper.0 - 10.0).abs() < 1e-9, "{latency:?}");
    assert_eq!(middle.0, 150.0);
    assert!((measured(None).0.median.0 - 15.0).abs() < 1e-9);
    let mut speed = Speed::new(reference(&network()).unwrap(), None);
    let due: Vec<bool> = (0..11).map(|_| speed.due()).collect();
    assert_eq!(due.iter().enumerate().filter(|(_, due)| **due).map(|(at, _)| at).collect::<Vec<_>>(), [0, 5, 10]);
    assert!(reference(&network()).unwrap().network.gate_layers().is_empty());
}

#[test]
fn profiles_are_compared_at_one_speed() {
    let folder = tempfile::tempdir().unwrap();
    let latency =
        |median: f64| Latency { median: Micros(median), lower: Micros(1.0), upper: Micros(1.0), disturbed: 0.0 };
    let profile = |name: &str, reference: Option<f64>, latencies: &[f64]| {
        let path = folder.path().join(name);
        let rows: Vec<_> = latencies.iter().map(|one| (latency(*one), Counts::default())).collect();
        profile::write(&rows, reference.map(Micros), &path).unwrap();
        Profile::load(&path)
    };
    let (fast, slow) =
        (profile("a", Some(100.0), &[50.0, 70.0]).unwrap(), profile("b", Some(110.0), &[55.0, 77.0]).unwrap());
    assert!((slow.slowness(&fast) - 1.1).abs() < 1e-12);
    let same: Vec<f64> = slow.at_speed_of(&fast).iter().map(|one| one.round()).collect();
    assert_eq!(same, fast.latencies);
    assert!(profile("c", Some(0.0), &[1.0]).err().unwrap().to_string().contains("reference_us"));
    let tests = Tests {
        rows: vec![vec![1.0]; 2],
        profile: slow,
        again: Some(profile("e", Some(80.0), &[40.0, 56.0]).unwrap()),
    };
    let judged = tests.judge(vec![50.0, 70.0], &fast);
    assert!(profile("g", None, &[]).err().unwrap().to_string().contains("it has no rows"));
    assert_eq!(judged.len(), 2);
    assert!(judged[0].retest.is_some() && judged[1].retest.is_none(), "at other speeds there is nothing to compare");
    let unknown = profile("d", None, &[50.0, 70.0]).unwrap();
    assert_eq!(unknown.at_speed_of(&fast), unknown.latencies, "no reference, no change");
    assert!(unknown.is_of_vectors_of(&fast) && !profile("f", None, &[1.0]).unwrap().is_of_vectors_of(&fast));
}

#[test]
fn a_learning_curve_falls_and_repeats_draw_other_subsets() {
    let network = network();
    let features = Features::of(&network).unwrap();
    let rows = |from: u64, to: u64| -> (Vec<Vec<f64>>, Vec<f64>) {
        let rows: Vec<Vec<f64>> = (from..to).map(|seed| features.values(&gates(&network, seed)).unwrap()).collect();
        let last = rows[0].len() - 1;
        let latencies = rows.iter().map(|row| 150.0 + 2.5e-4 * row[last] + 3.0 * row[0]).collect();
        (rows, latencies)
    };
    let (fit_on, judge) = (rows(0, 200), rows(300, 330));
    let subsets = [0, 1].map(|repeat| crate::learning_curve_kind::order(200, repeat, 1)[..4].to_vec());
    assert_ne!(subsets[0], subsets[1]);
    let curve = |repeat| crate::learning_curve_kind::curve(&fit_on, &judge, &[4, 200], repeat, 1e-9, 1).unwrap();
    let (one, two) = (curve(0), curve(1));
    assert_eq!(one, curve(0));
    assert!(one[0].mape != two[0].mape, "other subsets");
    assert!((one[1].mape - two[1].mape).abs() < 1e-6, "all vectors are the same set");
    assert!(one[1].mape < 5e-3 && one[1].mape < one[0].mape, "{one:?}");
}

#[test]
fn disturbed_runs_count_only_where_there_are_too_few_others() {
    let timing = Timing { warm_up: 0, runs: 2, rounds: 2 };
    let measured = |quiet: &[f64], disturbed: &[f64]| {
        let [quiet, disturbed] = [quiet, disturbed].map(|times| times.iter().map(|time| (*time, None)).collect());
        Meter::of_times(timing, vec![Times { quiet, disturbed }], None).measured().latencies.remove(0)
    };
    let mostly = measured(&[3.0, 1.0, 2.0], &[100.0]);
    assert_eq!((mostly.median.0, mostly.disturbed), (2.0, 0.25));
    let hardly = measured(&[1.0], &[100.0, 50.0]);
    assert_eq!(hardly.median.0, 50.0);
}

#[test]
#[cfg(target_os = "linux")]
fn the_peak_of_memory_grows_with_what_is_held() {
    let before = crate::probe::reset_peak().unwrap();
    let held = tch::Tensor::ones([16_000_000], (tch::Kind::Float, tch::Device::Cpu));
    let grown = crate::probe::peak().unwrap().0 - before.0;
    assert!(held.size()[0] == 16_000_000 && grown >= 50_000_000, "{grown}");
}
