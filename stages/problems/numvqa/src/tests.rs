//! Promises of the crate: tables are checked, pictures are of the digits named, augmentation keeps its bounds.
#![expect(clippy::unwrap_used, reason = "tests")]

use nnf_net::Random;
use nnf_problem::{Problem, Samples, TaskTable};
use tch::{Device, Kind, Tensor};

use crate::{Augmentation, Digits, NumVqa, Questions, SampleSplit};

fn values(tensor: &Tensor) -> Vec<f64> {
    Vec::<f64>::try_from(tensor.to_kind(Kind::Double).flatten(0, -1)).unwrap()
}

fn digits(folder: &std::path::Path) -> Digits {
    let pixels: Vec<u8> = (0..30 * 784_u64).map(|at| (Random::of(1, &[at]).bits() >> 56) as u8).collect();
    let images = Tensor::from_slice(&pixels).view([30, 28, 28]);
    let labels = Tensor::from_slice(&(0..30).map(|row| (row % 10) as u8).collect::<Vec<u8>>());
    let tensors =
        [("train.images", &images), ("train.labels", &labels), ("test.images", &images), ("test.labels", &labels)];
    let path = folder.join("digits");
    Tensor::write_safetensors(&tensors, &path).unwrap();
    Digits::load(&path).unwrap()
}

#[test]
fn pictures_put_each_digit_in_its_quarter() {
    let folder = tempfile::tempdir().unwrap();
    let digits = digits(folder.path());
    let picture = digits.pictures(SampleSplit::Train, &[[3, 5, 7, 9]], Device::Cpu).unwrap();
    assert_eq!(picture.size(), [1, 1, 56, 56]);
    for (row, top, left) in [(3_u64, 0, 0), (5, 0, 28), (7, 28, 0), (9, 28, 28)] {
        let found = picture.double_value(&[0, 0, top + 2, left + 5]);
        let pixel = (Random::of(1, &[row * 784 + 2 * 28 + 5]).bits() >> 56) as f64;
        assert!((found - (pixel / 255.0 - 0.1307) / 0.3081).abs() < 1e-5);
    }
    assert!(
        digits.pictures(SampleSplit::Test, &[[0, 1, 2, 30]], Device::Cpu).unwrap_err().to_string().contains("digit 30")
    );
    assert_eq!(picture.kind(), Kind::Float);
}

/// Where the light of each picture `[N, 28, 28]` lies, from its middle, and how much there is.
fn light(digits: &Tensor) -> Vec<[f64; 3]> {
    let axis = Tensor::arange(28, (Kind::Float, tch::Device::Cpu)) - 13.5;
    let sum = digits.sum_dim_intlist([1_i64, 2].as_slice(), false, Kind::Float);
    let across = (digits * axis.view([1, 1, 28])).sum_dim_intlist([1_i64, 2].as_slice(), false, Kind::Float) / &sum;
    let down = (digits * axis.view([1, 28, 1])).sum_dim_intlist([1_i64, 2].as_slice(), false, Kind::Float) / &sum;
    values(&across).into_iter().zip(values(&down)).zip(values(&sum)).map(|((x, y), sum)| [x, y, sum]).collect()
}

#[test]
fn augmentation_turns_moves_and_scales_within_its_bounds() {
    // A spot at (4, -3) from the middle, five pixels away.
    let digits = Tensor::zeros([400, 28, 28], (Kind::Float, tch::Device::Cpu));
    let _ = digits.narrow(1, 10, 2).narrow(2, 17, 2).fill_(255.0);
    let changed = |augmentation: Augmentation| light(&augmentation.apply(&digits, &mut Random::of(3, &[])));
    let angle = |spot: &[f64; 3]| (spot[1].atan2(spot[0]).to_degrees() + 36.87).abs();
    let distance = |spot: &[f64; 3]| spot[0].hypot(spot[1]);
    let most = |all: &[[f64; 3]], f: &dyn Fn(&[f64; 3]) -> f64| all.iter().map(f).fold(0.0, f64::max);

    let turned = changed(Augmentation { rotation: 20.0, ..Augmentation::default() });
    assert!(turned.iter().all(|spot| (distance(spot) - 5.0).abs() < 0.1), "{turned:?}");
    assert!((17.0..21.0).contains(&most(&turned, &angle)), "{}", most(&turned, &angle));
    let moved = changed(Augmentation { translation: 2.0, ..Augmentation::default() });
    let across = |spot: &[f64; 3]| (spot[0] - 4.0).abs();
    let down = |spot: &[f64; 3]| (spot[1] + 3.0).abs();
    assert!((1.8..2.05).contains(&most(&moved, &across)) && (1.8..2.05).contains(&most(&moved, &down)), "{moved:?}");
    assert!(moved.iter().all(|spot| (spot[2] - 1020.0).abs() < 1.0), "no light is lost");
    let scaled = changed(Augmentation { scaling: 0.2, ..Augmentation::default() });
    assert!(scaled.iter().all(|spot| angle(spot) < 1.5), "{scaled:?}");
    let stretch = |spot: &[f64; 3]| (distance(spot) / 5.0 - 1.0).abs();
    assert!((0.17..0.23).contains(&most(&scaled, &stretch)), "{}", most(&scaled, &stretch));

    // Nothing asked for, nothing drawn or changed.
    let mut random = Random::of(3, &[]);
    assert_eq!(Augmentation::default().apply(&digits, &mut random), digits);
    assert_eq!(random.bits(), Random::of(3, &[]).bits());
}

#[test]
fn tables_that_were_changed_on_the_way_are_refused() {
    use polars::prelude::*;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.parquet");
    let questions = |task: &[Option<u32>], bits: &[Option<&str>], seen: &[Option<bool>]| {
        let frame = df!("task" => task, "name" => ["a", "b"], "bits" => bits, "seen" => seen).unwrap();
        nnf_results::table::write(frame, &path).unwrap();
        TaskTable::load(&path).map_err(|error| error.to_string())
    };
    let (rows, bits, seen) = ([Some(0), Some(1)], [Some("01"), Some("10")], [Some(true), Some(false)]);
    let good = questions(&rows, &bits, &seen).unwrap();
    assert_eq!(good.bits, [[false, true], [true, false]]);
    assert!(questions(&[Some(1), Some(0)], &bits, &seen).unwrap_err().contains("sorted or filtered"));
    assert!(questions(&[Some(0), None], &bits, &seen).unwrap_err().contains("sorted or filtered"));
    assert!(questions(&rows, &[Some("01"), Some("2x")], &seen).unwrap_err().contains("not 0 and 1"));
    assert!(questions(&rows, &[Some("01"), None], &seen).unwrap_err().contains("no `bits`"));
    assert!(questions(&rows, &bits, &[Some(true), None]).unwrap_err().contains("no `seen`"));

    let samples = |task: &[i64], digit: Option<i64>, label: &[u32]| {
        let one = [Some(1_i64), Some(2)];
        let frame = df!("task" => task, "d0" => one, "d1" => one, "d2" => one, "d3" => [Some(1), digit],
            "label" => label, "split" => ["train", "train"]);
        nnf_results::table::write(frame.unwrap(), &path).unwrap();
        Questions::load(&path).map_err(|error| error.to_string())
    };
    let digits = |labels: &[u8]| {
        let pixels = Tensor::zeros([labels.len() as i64, 28, 28], (Kind::Uint8, Device::Cpu));
        let labels = Tensor::from_slice(labels);
        let tensors =
            [("train.images", &pixels), ("train.labels", &labels), ("test.images", &pixels), ("test.labels", &labels)];
        Tensor::write_safetensors(&tensors, &path).unwrap();
        Digits::load(&path).map_err(|error| error.to_string())
    };
    let check = |samples: &Questions, digits: Digits, tasks: &TaskTable| {
        tasks.check(samples)?;
        NumVqa { digits }.check(samples)
    };
    let index = samples(&[0, 1], Some(3), &[0, 1]).unwrap();
    nnf_results::table::write(nnf_results::table::read(&path).unwrap().head(Some(0)), &path).unwrap();
    assert!(Questions::load(&path).unwrap_err().to_string().contains("it has no samples"));
    let whole = || digits(&[0, 1, 9, 3]).unwrap();
    check(&index, whole(), &good).unwrap();
    assert!(samples(&[0, 1], None, &[0, 1]).unwrap_err().contains("no `d3`"));
    assert!(samples(&[0, 1], Some(-3), &[0, 1]).is_err());
    assert!(samples(&[0, 1], Some(3), &[0, 2]).unwrap_err().contains("neither 0 nor 1"));
    assert!(digits(&[0, 10, 9]).unwrap_err().contains("the label 10, which is no digit"));
    let few = check(&index, digits(&[0, 1, 9]).unwrap(), &good).unwrap_err().to_string();
    assert!(few.contains("names digit 3, but there are 3"), "{few}");
    index.check_to_learn("train").unwrap();
    let test = Questions { split: SampleSplit::Test, ..index };
    let error = test.check_to_learn("validation").unwrap_err().to_string();
    assert!(error.contains("`validation` are of test digits"), "{error}");

    let other = samples(&[0, 2], Some(3), &[0, 1]).unwrap();
    assert!(check(&other, whole(), &good).unwrap_err().to_string().contains("names task 2, but there are 2"));
}
