//! A small COCO set with photos, and the stage as a whole on it and on the real one.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};
use nnf_contract::{Stage, StageError, Task};
use polars::prelude::*;
use serde_json::{Value, json};

use super::named::NamedColours;
use super::synonyms::Synonyms;
use super::*;

mod files;
mod outlines;
mod said;

const SYNONYMS: &str = "word,colour\nwhite,white\nred,crimson\ndark red,crimson\nblack,charcoal\nbrown,bronze\n\
                        # a comment\ngreen,chartreuse\nblue,none\nlight blue,none\n";
const NAMED: &str =
    "word,srgb\nwhite,#ffffff\nred,#d02020\nblack,#101010\nbrown,#8a5a32\ngreen,#30a040\nblue,#3060c0\n";

/// A folder with a small COCO set: three photos in colour, one in grey.
struct Small {
    folder: tempfile::TempDir,
    instances: Value,
    with: Value,
    words: Vec<(&'static str, Value)>,
}

impl Small {
    fn new() -> Small {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join("images")).unwrap();
        let small = Small {
            instances: json!({
                "info": {"text": "annotations: [ { \" } ]"},
                "images": [image(1, "a.png", "train"), image(2, "b.png", "val"), image(3, "c.jpg", "train"),
                           image(4, "grey.png", "train")],
                "annotations": [
                    object(10, 1, 1, json!([0.0, 0.0, 20.0, 20.0])),
                    object(11, 1, 2, json!([20.0, 0.0, 20.0, 20.0])),
                    object(12, 2, 2, json!([0.0, 0.0, 20.0, 20.0])),
                    object(13, 3, 1, json!([0.0, 0.0, 40.0, 30.0])),
                    object(14, 4, 1, json!([0.0, 0.0, 40.0, 30.0])),
                ],
                "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "car"}],
            }),
            with: json!({"trust": [], "least_agreement": 0.5, "missing_images": "error", "box_centre": 0.5, "outline_centre": 1.0,
                         "least_pixels": 10, "spread": 20.0, "least_share": 0.6, "max_distance": 20.0, "tiles": 3}),
            words: Vec::new(),
            folder,
        };
        // Red at the left and white at the right, blue, a green JPEG, grey.
        let halves = RgbImage::from_fn(40, 30, |x, _| if x < 20 { Rgb([208, 32, 32]) } else { Rgb([250, 250, 250]) });
        halves.save(small.path("images/a.png")).unwrap();
        RgbImage::from_pixel(40, 30, Rgb([50, 100, 190])).save(small.path("images/b.png")).unwrap();
        RgbImage::from_fn(40, 30, |x, y| Rgb([(x * 4 + y) as u8; 3])).save(small.path("images/grey.png")).unwrap();
        let green = [48_u8, 160, 64].repeat(1200);
        let encoder = jpeg_encoder::Encoder::new_file(small.path("images/c.jpg"), 90).unwrap();
        encoder.encode(&green, 40, 30, jpeg_encoder::ColorType::Rgb).unwrap();
        small.write("synonyms", SYNONYMS);
        small.write("named", NAMED);
        small
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs_err::write(self.path(name), text).unwrap();
    }

    /// The n-th annotation.
    fn object(&mut self, position: usize) -> &mut Value {
        &mut self.instances["annotations"][position]
    }

    /// Runs the stage on what is described here.
    fn run(&self) -> Result<(), StageError> {
        self.write("instances", &serde_json::to_string_pretty(&self.instances).unwrap());
        self.run_as_it_is()
    }

    fn run_as_it_is(&self) -> Result<(), StageError> {
        let one = |name: &str| json!({"one": self.path(name)});
        let mut inputs = json!({"instances": one("instances"), "images": one("images"), "synonyms": one("synonyms"),
                                "named_colours": one("named")});
        let mut many = Vec::new();
        for (label, table) in &self.words {
            self.write(label, &table.to_string());
            many.push(json!({"label": label, "path": self.path(label)}));
        }
        if !many.is_empty() {
            inputs["words"] = json!({ "many": many });
        }
        let outputs: Value =
            outputs().iter().map(|o| (o.name.clone(), json!(self.path(&format!("out-{}", o.name))))).collect();
        let task: Task = serde_json::from_value(json!({
            "version": 1, "kind": "coco.colours", "with": self.with, "in": inputs, "out": outputs,
            "events": self.path("events"), "scratch": self.folder.path(), "cpus": 1
        }))
        .unwrap();
        work::run(&Stage::new(task).unwrap())
    }

    fn fault(&self) -> String {
        self.run().unwrap_err().to_string()
    }

    fn text(&self, output: &str) -> String {
        fs_err::read_to_string(self.path(&format!("out-{output}"))).unwrap()
    }

    /// The annotations that came out.
    fn annotations(&self) -> Vec<Value> {
        let file: Value = serde_json::from_str(&self.text("annotations")).unwrap();
        file["annotations"].as_array().unwrap().clone()
    }

    /// Colours, source and reason of the n-th object.
    fn verdict(&self, position: usize) -> Value {
        let object = &self.annotations()[position];
        json!([object["colours"], object["colour_source"], object["colour_reason"]])
    }

    /// A column of the table of objects.
    fn column(&self, name: &str) -> Vec<String> {
        let file = fs_err::File::open(self.path("out-table")).unwrap();
        let frame = ParquetReader::new(file.into_file()).finish().unwrap();
        frame.column(name).unwrap().str().unwrap().iter().map(|cell| cell.unwrap().to_owned()).collect()
    }
}

fn image(id: i64, name: &str, split: &str) -> Value {
    json!({"id": id, "file_name": name, "width": 40, "height": 30, "split": split})
}

fn object(id: i64, image: i64, category: i64, bbox: Value) -> Value {
    json!({"id": id, "image_id": image, "category_id": category, "bbox": bbox, "iscrowd": 0, "area": 1.10, "segmentation": []})
}

#[test]
fn pixels_speak_where_no_table_does() {
    let small = Small::new();
    small.run().unwrap();
    let pixels = |colours: Value| json!([colours, "pixels", null]);
    assert_eq!(small.verdict(0), pixels(json!([4])));
    assert_eq!(small.verdict(1), pixels(json!([1])));
    assert_eq!(small.verdict(2), json!([[], "pixels", "no_attribute_colour"]));
    assert_eq!(small.verdict(3), pixels(json!([5])));
    assert_eq!(small.verdict(4), json!([[], null, "greyscale"]));
    assert_eq!(small.column("colour"), ["crimson", "white", "none", "chartreuse", "none"]);
    assert_eq!(small.column("words"), ["red", "white", "blue", "green", ""]);
    assert_eq!(small.column("split"), ["train", "train", "val", "train", "train"]);
    let summary = small.text("summary");
    assert!(summary.contains("| category | colour | train | val | sum |"), "{summary}");
    assert!(summary.contains("| car | none | 0 | 1 | 1 |"), "{summary}");
    assert!(summary.contains("none: pixels alone"), "{summary}");
    assert!(small.text("agreement").contains("only one source"));
    let sheet = image::open(small.path("out-sheet").with_extension("png"));
    assert!(sheet.is_err(), "the sheet has the name that the task gives it");
    assert!(fs_err::read(small.path("out-sheet")).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn what_was_there_stays_byte_for_byte_and_everything_repeats() {
    let small = Small::new();
    small.run().unwrap();
    let outputs = || outputs().map(|o| fs_err::read(small.path(&format!("out-{}", o.name))).unwrap());
    let first = outputs();
    rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(|| small.run()).unwrap();
    assert!(first == outputs());
    let mut text = small.text("annotations");
    for field in table::fields(&merged_of(&small)) {
        text = text.replacen(&format!(", {field}"), "", 1);
    }
    assert_eq!(text, fs_err::read_to_string(small.path("instances")).unwrap());
}

/// What the stage merged, read back from what it wrote.
fn merged_of(small: &Small) -> merge::Merged {
    let verdict = |object: &Value| {
        let texts = |list: &Value| serde_json::from_value(list.clone()).unwrap_or_default();
        let reason = reason::Reason::ALL.into_iter().find(|reason| object["colour_reason"] == reason.code());
        merge::Verdict {
            source: object["colour_source"].as_str().map(|_| 0),
            words: texts(&object["colour_words"]),
            colours: serde_json::from_value(object["colours"].clone()).unwrap(),
            conflicts: Vec::new(),
            reason,
        }
    };
    let verdicts = small.annotations().iter().map(verdict).collect();
    merge::Merged { sources: vec!["pixels".to_owned()], opinions: Default::default(), verdicts }
}

/// The real photos, where they are.
#[test]
#[expect(clippy::print_stderr, reason = "a person who reads the test results should know that it was skipped")]
fn the_real_coco_if_it_is_here() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = project.join("../shared/data/coco");
    if !folder.is_dir() {
        eprintln!("skipped: no COCO in {}", folder.display());
        return;
    }
    let tables = project.join("pipelines/attrod");
    let synonyms = Synonyms::read(&tables.join("synonyms.csv")).unwrap();
    let names = NamedColours::read(&tables.join("named_colours.csv"), &synonyms).unwrap();
    let instances = instances::Instances::read(&folder.join("instances.json")).unwrap();
    let finder = find::Finder::new(&instances);
    let said = words::read(&folder.join("colour_mentions.json"), "captions", &finder, 0.5).unwrap();
    assert_eq!((said.entries, said.said.len()), (296, 180));
    let rules = pixels::Rules {
        centre: region::Centre { of_box: 0.5, of_outline: 0.5 },
        least_pixels: 24,
        spread: 20.0,
        least_share: 0.6,
        max_distance: 15.0,
    };
    let (seen, faults) = pixels::look(&instances, &folder.join("images"), &names, rules, false, || ()).unwrap();
    let merged = merge::merge(&instances, &[said], &seen, &synonyms);
    assert_eq!((instances.objects.len(), faults.len()), (9988, 0));
    let coloured = merged.verdicts.iter().filter(|verdict| !verdict.colours.is_empty()).count();
    assert!((3000..5000).contains(&coloured), "{coloured}");
    let pairs = agreement::pairs(&instances, &merged);
    let all = &pairs[0].groups[0];
    assert!(all.single > 30 && all.kappa.is_some_and(|kappa| kappa > 0.1), "{all:?}");
}
