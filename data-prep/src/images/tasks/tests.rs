//! Tasks about photos of vehicles and dogs, and the stage as a whole.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use nnf_contract::Task as Order;
use polars::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Cars, trucks and dogs of three colours: `each` photos of each pair in each split.
fn attributes(each: usize) -> Attributes {
    let (mut kinds, mut colours, mut splits) = (Vec::new(), Vec::new(), Vec::new());
    for split in Split::ALL {
        for kind in ["car", "truck", "dog", "old car"] {
            for colour in ["crimson", "white", "grey;white", ""] {
                for _ in 0..each {
                    kinds.push(kind.to_owned());
                    colours.push(colour.to_owned());
                    splits.push(split);
                }
            }
        }
    }
    let shades = colours.iter().map(|colour| if colour == "crimson" { "dark" } else { "grey" }.to_owned()).collect();
    let columns = [("kind", kinds), ("colour", colours), ("shade", shades)];
    Attributes::new(columns.map(|(name, cells)| (name.to_owned(), cells)).to_vec(), splits).unwrap()
}

fn formula(task: &str) -> Formula {
    parse(task, &attributes(1)).unwrap()
}

#[test]
fn words_brackets_and_quotes_mean_what_they_say() {
    let attributes = attributes(1);
    for (task, same) in [
        ("crimson car", "crimson and car"),
        ("  crimson\tand ( car ) ", "crimson and car"),
        ("crimson or white car", "crimson or (white and car)"),
        ("not crimson car", "(not crimson) and car"),
        ("car not white", "car and not white"),
        ("not (car or truck)", "not car and not truck"),
        ("not not car", "car"),
        ("\"old car\" white", "kind=\"old car\" and colour=white"),
        ("\"kind\" = \"car\"", "car"),
        ("colour=grey", "\"colour\"=\"grey\""),
    ] {
        assert_eq!(formula(task).answers(&attributes), formula(same).answers(&attributes), "{task}");
    }
    let crimson_car = formula("crimson car").answers(&attributes);
    let yes = attributes.combinations.iter().zip(&crimson_car).filter(|(_, yes)| **yes);
    let yes: Vec<Vec<String>> =
        yes.map(|(own, _)| own.iter().map(|value| attributes.written(*value)).collect()).collect();
    assert_eq!(yes, [["car", "crimson", "dark"]]);
}

#[test]
fn what_is_written_is_read_as_the_same() {
    let attributes = attributes(1);
    for (task, text) in [
        ("\"old car\" (crimson or not (white car))", "\"old car\" and (crimson or not (white and car))"),
        ("shade=grey not colour=grey", "shade=grey and not colour=grey"),
        ("dark", "dark"),
    ] {
        assert_eq!(formula(task).text(&attributes), text);
        assert_eq!(formula(text), formula(task));
    }
}

#[test]
fn faults_of_tasks_are_told_with_their_place() {
    let attributes = attributes(1);
    for (task, said) in [
        ("", "column 1: it ends where a value is needed"),
        ("car and", "column 8: it ends where a value is needed"),
        ("and car", "column 1: a value is needed here"),
        ("car or or dog", "column 8: a value is needed here"),
        ("car (dog", "column 5: this `(` has no `)`"),
        ("car )", "column 5: here is a `)` without its `(`"),
        ("()", "column 2: a value is needed before this `)`"),
        ("= car", "column 1: an attribute is needed before `=`"),
        ("kind=", "column 6: a value is needed behind `=`"),
        ("kind=and", "column 6: a value is needed behind `=`"),
        ("car \"old", "column 5: a quotation begins here and never ends"),
        ("car and trukc", "column 9: no attribute has the value `trukc`; did you mean `truck`?"),
        ("white old car", "column 7: no attribute has the value `old`; did you mean `\"old car\"`?"),
        ("Crimson", "no attribute has the value `Crimson`; did you mean `crimson`?"),
        ("grey dog", "column 1: several attributes have the value `grey`; write `colour=grey` or `shade=grey`"),
        ("kind=white", "column 6: `kind` has no value `white`"),
        ("age=old", "column 1: there is no attribute `age`; there are `kind`, `colour`, `shade`"),
        (&"not ".repeat(40), "more than 32 deep"),
        (&"(".repeat(999), "more than 32 deep"),
        (&"car ".repeat(300), "longer than 1000 letters"),
    ] {
        let error = parse(task, &attributes).unwrap_err().to_string();
        assert!(error.starts_with("task `") && error.contains(said), "{error}");
    }
}

#[test]
fn property_bits_say_what_is_asked_and_excluded() {
    let attributes = attributes(1);
    let values: Vec<String> = (0..attributes.values.len()).map(|value| attributes.written(value)).collect();
    assert_eq!(values, ["car", "dog", "\"old car\"", "truck", "crimson", "colour=grey", "white", "dark", "shade=grey"]);
    for (task, bits) in [
        ("crimson car", "100010000 000000000 00"),
        ("car not crimson", "100000000 000010000 00"),
        ("car or truck", "100100000 000000000 00"),
        ("car or crimson", "100010000 000000000 10"),
        ("not (car and crimson)", "000000000 100010000 10"),
        ("not (car or crimson)", "000000000 100010000 00"),
        ("white colour=grey", "000001100 000000000 01"),
        ("white or colour=grey", "000001100 000000000 00"),
    ] {
        assert_eq!(formula(task).bits(&attributes), bits.replace(' ', ""), "{task}");
    }
}

#[test]
fn hard_negatives_differ_in_one_attribute() {
    let splits = vec![Split::Train; 5];
    let cells = |cells: [&str; 5]| cells.map(str::to_owned).to_vec();
    let columns = vec![
        ("kind".to_owned(), cells(["car", "car", "truck", "truck", "dog"])),
        ("colour".to_owned(), cells(["crimson", "white", "crimson", "white", "white"])),
    ];
    let attributes = Attributes::new(columns, splits).unwrap();
    let states = States::new(&attributes);
    let nearest = |task: &str| {
        let (distance, hard) = states.nearest(&parse(task, &attributes).unwrap().answers(&attributes)).unwrap();
        let own = attributes.photos.iter().map(|photo| hard[photo.combination]);
        (distance, own.enumerate().filter(|(_, hard)| *hard).map(|(row, _)| row).collect::<Vec<usize>>())
    };
    assert_eq!(nearest("crimson car"), (1, vec![1, 2]));
    assert_eq!(nearest("dog"), (1, vec![1, 3]));
    assert_eq!(nearest("dog or white car or truck"), (1, vec![0]));
    assert!(states.nearest(&vec![true; attributes.combinations.len()]).is_none());
}

/// The stage on a table of its own.
struct Try {
    folder: tempfile::TempDir,
    with: Value,
}

impl Try {
    fn new(attributes: &Attributes) -> Try {
        let folder = tempfile::tempdir().unwrap();
        let mut with = json!({});
        for parameter in parameters() {
            with[&parameter.name] = parameter.default.unwrap();
        }
        for (name, value) in
            [("train_samples", 800), ("validation_samples", 400), ("test_samples", 400), ("least_photos", 4)]
        {
            with[name] = json!(value);
        }
        let photos = &attributes.photos;
        let mut frame = df!(
            "photo" => (0..photos.len() as u32).collect::<Vec<u32>>(),
            "split" => photos.iter().map(|photo| photo.split.name()).collect::<Vec<&str>>()
        )
        .unwrap();
        for (at, name) in attributes.names.iter().enumerate() {
            let of = |photo: &attributes::Photo| {
                let own = attributes.combinations[photo.combination].iter().map(|value| &attributes.values[*value]);
                own.filter(|value| value.attribute == at).map(|value| value.name.clone()).collect::<Vec<_>>().join(";")
            };
            let column = photos.iter().map(of).collect::<Vec<String>>();
            frame.with_column(Column::new(format!("attribute.{name}").into(), column)).unwrap();
        }
        parquet::write(frame, &folder.path().join("table")).unwrap();
        Try { folder, with }
    }

    fn with(mut self, name: &str, value: Value) -> Try {
        self.with[name] = value;
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self) -> Result<(), String> {
        let outputs = offer().kind.outputs;
        let outputs: BTreeMap<String, PathBuf> =
            outputs.iter().map(|output| (output.name.clone(), self.path(&format!("out-{}", output.name)))).collect();
        let order: Order = serde_json::from_value(json!({
            "version": 1, "kind": "images.tasks", "with": self.with, "in": {"table": {"one": self.path("table")}},
            "out": outputs, "events": self.path("events"), "scratch": self.folder.path(), "cpus": 1
        }))
        .unwrap();
        run(&Stage::new(order).unwrap()).map_err(|error| error.to_string())
    }

    fn column(&self, output: &str, name: &str) -> Vec<String> {
        let file = fs_err::File::open(self.path(&format!("out-{output}"))).unwrap().into_file();
        let frame = ParquetReader::new(file).finish().unwrap();
        let column = frame.column(name).unwrap().cast(&DataType::String).unwrap();
        column.str().unwrap().iter().map(|value| value.unwrap().to_owned()).collect()
    }

    /// Task, photo, label and whether it is hard, of each sample.
    fn samples(&self, split: &str) -> Vec<(usize, usize, bool, bool)> {
        let [tasks, photos, labels, hard] = ["task", "photo", "label", "hard"].map(|name| self.column(split, name));
        let row = |at: usize| {
            (tasks[at].parse().unwrap(), photos[at].parse().unwrap(), labels[at] == "1", hard[at] == "true")
        };
        (0..tasks.len()).map(row).collect()
    }
}

#[test]
fn samples_are_true_balanced_and_half_of_the_noes_hard() {
    let attributes = attributes(6);
    let one = Try::new(&attributes)
        .with("tasks", json!(["crimson car", "car or truck", "dog and not white"]))
        .with("unseen", json!(["white truck"]))
        .with("generate", json!([]));
    one.run().unwrap();
    let names = one.column("tasks", "name");
    assert_eq!(names, ["white truck", "crimson car", "car or truck", "dog and not white"]);
    assert_eq!(one.column("tasks", "seen"), ["false", "true", "true", "true"]);
    assert_eq!(one.column("tasks", "source"), ["listed"; 4]);
    for split in Split::ALL {
        let samples = one.samples(split.name());
        let mut seen = BTreeSet::new();
        for (task, photo, label, _) in &samples {
            let photo_of = attributes.photos[*photo];
            assert_eq!(photo_of.split, split);
            let answer = formula(&names[*task]).answer(&|value| attributes.has(photo_of.combination, value));
            assert_eq!(answer, *label, "{} of {photo}", names[*task]);
            assert!(seen.insert((*task, *photo)) || split == Split::Train, "no photo twice where answers are judged");
        }
        for (task, name) in names.iter().enumerate() {
            let own: Vec<_> = samples.iter().filter(|sample| sample.0 == task).collect();
            let yes = own.iter().filter(|sample| sample.2).count();
            let hard = own.iter().filter(|sample| sample.3).count();
            if split == Split::Train && task == 0 {
                assert!(own.is_empty(), "an unseen task is never trained");
                continue;
            }
            assert!(yes.abs_diff(own.len() - yes) <= 1, "{name}: {yes} of {}", own.len());
            // All that is neither car nor truck differs in one attribute from a car.
            let share = if name == "car or truck" { 2 } else { 4 };
            assert!((own.len() / share).abs_diff(hard) <= 1, "{name}: {hard} of {}", own.len());
        }
        // Of photos that come once, there are 12, 6, 48 and 12 with the answer yes.
        assert_eq!(samples.len(), if split == Split::Train { 800 } else { 2 * (12 + 6 + 48 + 12) });
    }
}

#[test]
fn unseen_tasks_are_given_away_by_no_other() {
    let one = Try::new(&attributes(6))
        .with("unseen", json!(["crimson", "truck and white"]))
        .with("tasks", json!(["dark", "not crimson", "white truck", "white"]))
        .with("generate", json!(["values", "pairs", "differences"]))
        .with("unseen_share", json!(0.3));
    one.run().unwrap();
    let summary = fs_err::read_to_string(one.path("out-summary")).unwrap();
    for said in [
        "- `dark`: it answers as `crimson` does for every photo",
        "- `not crimson`: it is the opposite of `crimson`, and one of them is to stay unseen",
        "- `white truck`: it answers as `truck and white` does for every photo",
    ] {
        assert!(summary.contains(said), "{said}: {summary}");
    }
    assert!(fs_err::read_to_string(one.path("events")).unwrap().contains("task `dark` is left out"));
    let attributes = attributes(6);
    let (names, seen) = (one.column("tasks", "name"), one.column("tasks", "seen"));
    let answers: Vec<Vec<bool>> = names.iter().map(|name| formula(name).answers(&attributes)).collect();
    let bits: BTreeSet<String> = one.column("tasks", "bits").into_iter().collect();
    assert_eq!(bits.len(), names.len());
    for (at, own) in answers.iter().enumerate() {
        let opposite: Vec<bool> = own.iter().map(|answer| !answer).collect();
        for (other, theirs) in answers.iter().enumerate().filter(|(other, _)| *other != at) {
            assert_ne!(own, theirs, "{} and {}", names[at], names[other]);
            assert!(
                seen[at] == "true" && seen[other] == "true" || *theirs != opposite,
                "{} and {}",
                names[at],
                names[other]
            );
        }
    }
    let generated = |wanted: &str| {
        one.column("tasks", "source").iter().zip(&seen).filter(|(s, seen)| *s == wanted && *seen == "false").count()
    };
    assert!(generated("value") == 0 && generated("pair") > 0 && generated("difference") > 0);
}

#[test]
fn tasks_with_too_few_photos_are_told_and_left_out() {
    let one = Try::new(&attributes(3)).with("tasks", json!(["crimson car", "car"])).with("generate", json!([]));
    one.run().unwrap();
    assert_eq!(one.column("tasks", "name"), ["car"]);
    let summary = fs_err::read_to_string(one.path("out-summary")).unwrap();
    assert!(
        summary.contains("- `crimson car`: of train there are 3 photos of the answer yes, fewer than 4"),
        "{summary}"
    );
    let error = one.with("tasks", json!(["crimson car"])).run().unwrap_err();
    assert!(
        error.contains("there is no task to train on, of 1 that were tried; `crimson car`, for instance: of train"),
        "{error}"
    );
    let error = Try::new(&attributes(3)).with("tasks", json!(["carr", "car", "(dog"])).run().unwrap_err();
    assert!(
        error.contains("task `carr`, column 1") && error.contains("; task `(dog`, column 1"),
        "all at once: {error}"
    );
}

#[test]
fn the_same_table_gives_the_same_bytes_and_a_further_task_moves_no_other() {
    let all = |one: &Try| {
        one.run().unwrap();
        let outputs = offer().kind.outputs;
        outputs
            .iter()
            .map(|output| fs_err::read(one.path(&format!("out-{}", output.name))).unwrap())
            .collect::<Vec<_>>()
    };
    let make = || Try::new(&attributes(6)).with("generate", json!(["pairs", "differences"]));
    assert!(all(&make()) == all(&make()));
    let photos = |tasks: Value, samples: u64| {
        let one = Try::new(&attributes(6))
            .with("generate", json!([]))
            .with("tasks", tasks)
            .with("test_samples", json!(samples));
        one.run().unwrap();
        one.samples("test")
            .into_iter()
            .filter(|sample| sample.0 == 0)
            .map(|sample| sample.1)
            .collect::<BTreeSet<usize>>()
    };
    assert_eq!(photos(json!(["car"]), 20), photos(json!(["car", "dog"]), 40));
}

#[test]
fn labels_and_properties_stand_for_each_other() {
    let attributes = attributes(6);
    let one = Try::new(&attributes);
    one.run().unwrap();
    let properties: Value = serde_json::from_slice(&fs_err::read(one.path("out-properties")).unwrap()).unwrap();
    let values = properties["values"].as_array().unwrap();
    assert_eq!(values[4], json!({"attribute": "colour", "value": "crimson"}));
    assert_eq!(properties["bits"].as_array().unwrap().len(), 2 * values.len() + 2);
    assert_eq!(properties["bits"][values.len() + 4], json!("excluded crimson"));
    let labels = one.column("labels", "values");
    assert_eq!(labels[0], "100010010");
    assert_eq!(labels.len(), attributes.photos.len());
}

#[test]
fn tables_of_something_else_are_told() {
    let one = Try::new(&attributes(6));
    fs_err::write(one.path("table"), "file,class\n").unwrap();
    assert!(one.run().unwrap_err().contains("it is no table of `images.import`"));
    let many: Vec<String> = (0..3000).map(|number| number.to_string()).collect();
    let error = Attributes::new(vec![("id".into(), many)], vec![Split::Train; 3000]).unwrap_err().to_string();
    assert!(error.contains("its attributes have 3000 values, more than 2000"), "{error}");
}
