#![expect(clippy::unwrap_used, reason = "tests")]
use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};
use nnf_contract::{Stage, StageError, Task};
use polars::prelude::*;
use serde_json::{Value, json};

use super::agreement::kappa;
use super::attribute::Attribute;
use super::named::{NamedColours, colour};
use super::region;
use super::rle;
use super::splice::splice;
use super::synonyms::Synonyms;
use super::*;

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
            with: json!({"trust": [], "least_agreement": 0.5, "missing_images": "error", "box_centre": 0.5,
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

#[test]
fn tables_are_believed_in_the_order_of_trust() {
    let mut small = Small::new();
    small.words = vec![
        (
            "a",
            json!([{"annotation_id": 10, "words": ["black"]}, {"annotation_id": 12, "words": "blue, plaid"},
                     {"annotation_id": 13, "words": ["tartan"]}, {"annotation_id": 99, "words": []}]),
        ),
        (
            "b",
            json!({"words": [{"image_id": 1, "category": "person", "words": "dark red and white"},
                               {"image_id": 2, "category": 2, "words": ["red"]}]}),
        ),
    ];
    assert!(small.fault().contains("`trust` does not name the table `a`"), "{}", small.fault());
    small.with["trust"] = json!(["b"]);
    assert!(small.fault().contains("`trust` does not name the table `a`"));
    small.with["trust"] = json!(["b", "c"]);
    assert!(small.fault().contains("`trust` names `c` twice, or it is no label"));
    small.with["trust"] = json!(["b", "b"]);
    assert!(small.fault().contains("`trust` names `b` twice"));
    small.with["trust"] = json!(["b", "a"]);
    small.run().unwrap();
    assert_eq!(small.verdict(0), json!([[1, 4], "b", null]));
    assert_eq!(small.verdict(2), json!([[4], "b", null]));
    assert_eq!(small.verdict(3), json!([[], "a", "unknown_words"]));
    assert_eq!(small.column("conflicts"), ["a: charcoal", "", "a: none; pixels: none", "pixels: chartreuse", ""]);
    assert_eq!(small.column("words")[0], "dark red; white");
    small.with["trust"] = json!(["a", "b"]);
    small.run().unwrap();
    assert_eq!(small.verdict(0), json!([[3], "a", null]));
    assert_eq!(small.verdict(2), json!([[], "a", "no_attribute_colour"]));
    let summary = small.text("summary");
    assert!(summary.contains("count as none: plaid (1), tartan (1)"), "{summary}");
    assert!(summary.contains("| a | 4 | 3 | 1 | 0 | 0 | 0 | 0 |"), "{summary}");
}

#[test]
fn mentions_and_answers_lead_to_objects() {
    let mut small = Small::new();
    let more = [object(20, 2, 2, json!([0.0, 0.0, 9.0, 9.0])), object(21, 2, 1, json!([0.0, 0.0, 20.0, 20.0]))];
    small.instances["annotations"].as_array_mut().unwrap().extend(more);
    let mention = |image: i64, category: i64, only: Value, colour: &str| json!({"image_id": image, "category_id": category, "colours": [colour], "only_instance_id": only});
    let question = |image: i64, about: &str, answer: &str, others: &[&str]| json!({"image_id": image, "about": about, "answer": answer, "answers": ([&[answer], others].concat())});
    small.words = vec![
        (
            "answers",
            json!({"questions": [
                question(1, "person(clothing)", "white", &["white", "red"]),
                question(2, "bike (car or person)", "red", &[]),
                question(1, "car", "red", &["black", "blue"]),
                question(3, "aeroplane", "red", &[]),
                question(77, "car", "red", &["red", "dark red"]),
            ]}),
        ),
        (
            "captions",
            json!({"mentions": [
                mention(1, 2, json!(11), "black"), mention(2, 2, Value::Null, "red"), mention(3, 2, Value::Null, "red"),
                mention(3, 1, Value::Null, "green"),
            ]}),
        ),
    ];
    small.with["trust"] = json!(["answers", "captions"]);
    small.run().unwrap();
    assert_eq!(small.verdict(0), json!([[1], "answers", null]));
    assert_eq!(small.verdict(1), json!([[3], "captions", null]));
    assert_eq!(small.verdict(3), json!([[5], "captions", null]));
    let summary = small.text("summary");
    assert!(summary.contains("| answers | 5 | 1 | 1 | 1 | 0 | 1 | 1 |"), "{summary}");
    assert!(summary.contains("| captions | 4 | 2 | 0 | 0 | 1 | 1 | 0 |"), "{summary}");
    let agreement = small.text("agreement");
    assert!(agreement.contains("never speak of the same object"), "{agreement}");
    assert!(agreement.contains("| all | 2 | 1 | 2 | 1 | 50.0 % | 0.33 |"), "{agreement}");
    // Pairs: (white, white, red) 1 of 3; red alone 0; (red, black, blue) 0 of 3; (red, red, dark red) 1 and 3 of 3.
    assert!(agreement.contains("Of 9 pairs of answers to one question 2 (22.2 %)"), "{agreement}");
    assert!(agreement.contains("4 (44.4 %) come to the same of the five colours"), "{agreement}");
    let data: Value = serde_json::from_str(&small.text("agreement_data")).unwrap();
    assert_eq!(data["pairs"][2]["groups"][0]["kappa"], json!(0.3333));
}

#[test]
fn faults_of_word_tables() {
    let mut small = Small::new();
    let mut fault = |table: Value| {
        small.words = vec![("said", table)];
        small.fault()
    };
    assert!(fault(json!({"colours": []})).contains("words `said`: neither a list"));
    assert!(fault(json!("red")).contains("words `said`: neither a list"));
    let entry = |entry: Value| json!([{"annotation_id": 10, "words": "red"}, entry]);
    assert!(fault(entry(json!({"annotation_id": 10}))).contains("words `said`, entry 2: missing field `words`"));
    assert!(fault(entry(json!({"words": "red"}))).contains("either `annotation_id`, or `image_id`"));
    assert!(fault(entry(json!({"annotation_id": 10, "words": 7}))).contains("a text or a list"));
    assert!(fault(entry(json!({"image_id": 1, "words": "red"}))).contains("needs `category`"));
    assert!(fault(entry(json!({"image_id": 1, "category": "boat", "words": "red"}))).contains("no category `boat`"));
    small.words.clear();
    small.run().unwrap();
    small.write("cut", "[{\"annotation_id\": 1");
    let finder = find::Finder::new(&instances::Instances::read(&small.path("instances")).unwrap()).by_id(99);
    assert_eq!(finder, Err(find::Miss::Elsewhere));
    let read = instances::Instances::read(&small.path("instances")).unwrap();
    let error = words::read(&small.path("cut"), "said", &find::Finder::new(&read), 0.5).unwrap_err().to_string();
    assert!(error.contains("words `said`: no JSON, or cut short"), "{error}");
}

#[test]
fn objects_without_boxes_and_crowds_keep_their_place() {
    let mut small = Small::new();
    small.object(0)["bbox"] = json!([5.0, 5.0, 0.0, 9.0]);
    small.object(1).as_object_mut().unwrap().remove("bbox");
    small.object(2)["bbox"] = json!([]);
    small.object(3)["iscrowd"] = json!(1);
    small.object(3)["segmentation"] = json!({"size": [1, 1], "counts": "of another size, and never read"});
    small.object(4)["bbox"] = json!([100.0, 100.0, 5.0, 5.0]);
    small.object(4)["image_id"] = json!(1);
    small.words = vec![("said", json!([{"annotation_id": 10, "words": "red"}, {"annotation_id": 13, "words": "red"}]))];
    small.run().unwrap();
    let none = |reason: &str| json!([[], null, reason]);
    let expected = ["empty_box", "no_box", "no_box", "crowd", "few_pixels"].map(none);
    assert_eq!([0, 1, 2, 3, 4].map(|object| small.verdict(object)), expected);
    assert!(small.text("summary").contains("| said | 2 | 0 | 0 | 0 | 2 | 0 | 0 |"));
}

#[test]
fn ids_clash_or_lead_nowhere() {
    let fault = |change: &dyn Fn(&mut Value)| {
        let mut small = Small::new();
        change(&mut small.instances);
        small.fault()
    };
    let error = fault(&|file| file["annotations"][2]["id"] = json!(10));
    assert!(
        error.contains("id 10 belongs to two annotations: one in image 1 of category 1 (no. 1), and one in image 2"),
        "{error}"
    );
    let error = fault(&|file| file["images"][2]["id"] = json!(1));
    assert!(error.contains("id 1 belongs to two images: `a.png` (no. 1), and `c.jpg` (no. 3)"), "{error}");
    let error = fault(&|file| file["categories"][1]["id"] = json!(1));
    assert!(error.contains("two categories: `person` (no. 1), and `car`"), "{error}");
    assert!(
        fault(&|file| file["annotations"][0]["image_id"] = json!(9)).contains("annotation 10 is of image 9, which")
    );
    assert!(fault(&|file| file["annotations"][0]["category_id"] = json!(9)).contains("is of category 9, which"));
    assert!(fault(&|file| file["annotations"][1]["colours"] = json!([])).contains("annotation 11 has colours already"));
    assert!(fault(&|file| file["images"][0]["file_name"] = json!("../a.png")).contains("no name inside the folder"));
}

#[test]
fn files_that_are_no_coco() {
    let small = Small::new();
    small.run().unwrap();
    let text = fs_err::read_to_string(small.path("instances")).unwrap();
    for (wrong, why) in
        [(&text[..text.len() / 2], "cut short"), ("hello", "cut short"), ("{}", "missing field `images`")]
    {
        small.write("instances", wrong);
        let error = small.run_as_it_is().unwrap_err().to_string();
        assert!(error.contains("no COCO instances, or cut short") && error.contains(why), "{error}");
    }
    fs_err::write(small.path("instances"), [0xff, 0xfe, 0x00]).unwrap();
    assert!(small.run_as_it_is().unwrap_err().to_string().contains("UTF-8"));
}

#[test]
fn photos_that_cannot_be_used() {
    let mut small = Small::new();
    let whole = fs_err::read(small.path("images/c.jpg")).unwrap();
    fs_err::write(small.path("images/c.jpg"), &whole[..whole.len() - 8]).unwrap();
    assert!(small.fault().contains("`c.jpg` is cut short or damaged"), "{}", small.fault());
    fs_err::write(small.path("images/c.jpg"), b"GIF89a").unwrap();
    assert!(small.fault().contains("neither JPEG nor PNG"), "{}", small.fault());
    let png = fs_err::read(small.path("images/a.png")).unwrap();
    fs_err::write(small.path("images/a.png"), &png[..png.len() / 2]).unwrap();
    assert!(small.fault().contains("`a.png` is cut short or damaged"), "the first in the file: {}", small.fault());
    fs_err::remove_file(small.path("images/a.png")).unwrap();
    let error = small.fault();
    assert!(error.contains("`a.png` is not in the folder of images; with `missing_images: skip`"), "{error}");
    small.instances["images"][1]["width"] = json!(41);
    small.with["missing_images"] = json!("skip");
    small.words = vec![("said", json!([{"annotation_id": 10, "words": "red"}]))];
    small.run().unwrap();
    assert_eq!(small.verdict(0), json!([[4], "said", null]));
    assert_eq!([1, 2, 3].map(|object| small.verdict(object)), [(); 3].map(|()| json!([[], null, "no_photo"])));
    let summary = small.text("summary");
    assert!(summary.contains("Photos that could not be used: 3"), "{summary}");
    assert!(summary.contains("`b.png` has 40×30 pixels, but the instances say 41×30"), "{summary}");
    let events = fs_err::read_to_string(small.path("events")).unwrap();
    assert!(events.contains("3 photos cannot be used"), "{events}");
}

#[test]
fn outlines_say_which_pixels_count() {
    let place = [0.0, 0.0, 4.0, 4.0];
    let pixels = |outline: Value| region::pixels(&outline, place, (4, 4), 0.5);
    let middle = vec![(1, 1), (2, 1), (1, 2), (2, 2)];
    assert_eq!(pixels(json!([])).unwrap(), middle);
    assert_eq!(pixels(Value::Null).unwrap(), middle);
    assert_eq!(pixels(json!([[0.0, 0.0, 1.0, 1.0]])).unwrap(), middle, "two corners are no outline");
    assert_eq!(pixels(json!([[0, 0, 2, 0, 2, 1, 0, 1], [1, 0, 3, 0, 3, 1, 1, 1]])).unwrap(), [(0, 0), (1, 0), (2, 0)]);
    assert_eq!(pixels(json!([[2, 2, 9, 2, 9, 9, 2, 9]])).unwrap(), [(2, 2), (3, 2), (2, 3), (3, 3)]);
    assert_eq!(pixels(json!([[-9, -9, -1, -9, -1, -1]])).unwrap(), []);
    assert_eq!(pixels(json!([[1e300, 0, 2, 9, 0, 1]])).unwrap().len(), 11);
    assert_eq!(pixels(json!([[0, 0, 1]])).unwrap_err(), region::RegionError::Polygon);
    assert_eq!(pixels(json!(["x"])).unwrap_err(), region::RegionError::Polygon);
    assert_eq!(pixels(json!(7)).unwrap_err(), region::RegionError::Form);
    let mut small = Small::new();
    small.object(3)["segmentation"] = json!([[1, 2, 3]]);
    assert!(small.fault().contains("annotation 13: a polygon is no list of numbers"), "{}", small.fault());
}

#[test]
fn masks_of_run_lengths() {
    let mask =
        |size: Value, counts: Value| rle::pixels(json!({"size": size, "counts": counts}).as_object().unwrap(), 3, 2);
    // Two rows, three columns; runs go down the columns.
    let right = [(1, 0), (1, 1), (2, 1)];
    assert_eq!(mask(json!([2, 3]), json!([2, 2, 1, 1])).unwrap(), right);
    // The same as pycocotools packs it: 2, 2, 1, and 1 as its difference to the first 2.
    assert_eq!(mask(json!([2, 3]), json!("221O")).unwrap(), right);
    assert_eq!(mask(json!([3, 2]), json!([6])).unwrap_err(), rle::RleError::Size(2, 3, 3, 2));
    assert_eq!(mask(json!([2, 3]), json!([2, 5])).unwrap_err(), rle::RleError::Cover(7, 6));
    for counts in [json!([2, -1]), json!("2\u{1}"), json!("PPPPPPPPPPPPPPP"), json!("Q"), json!(7)] {
        assert_eq!(mask(json!([2, 3]), counts).unwrap_err(), rle::RleError::Form);
    }
    let mut small = Small::new();
    small.object(0)["segmentation"] = json!({"size": [30, 40], "counts": [600, 600]});
    small.object(1)["segmentation"] = json!({"size": [30, 41], "counts": [1230]});
    assert!(small.fault().contains("annotation 11: a mask is 41×30 pixels, its image 40×30"), "{}", small.fault());
    small.object(1)["segmentation"] = json!([]);
    small.run().unwrap();
    assert_eq!(small.verdict(0), json!([[1], "pixels", null]), "the mask is the white half, not the red box");
}

#[test]
fn pixels_of_many_colours_and_of_no_name() {
    let mut small = Small::new();
    small.object(0)["bbox"] = json!([0.0, 0.0, 40.0, 30.0]);
    small.with["max_distance"] = json!(0.5);
    small.run().unwrap();
    assert_eq!(small.verdict(0), json!([[], null, "mixed"]));
    assert_eq!(small.verdict(1), json!([[], null, "far_from_all"]));
}

#[test]
fn faults_of_the_tables_of_colours() {
    let fault = |name: &str, text: &str| {
        let small = Small::new();
        small.write(name, text);
        small.fault()
    };
    let error = fault("synonyms", &format!("{SYNONYMS}Dark-Red , bronze\n"));
    assert!(error.contains("`dark red` maps to two colours, crimson and bronze"), "{error}");
    assert!(fault("synonyms", "word,colour\nred,rouge\n").contains("`red` maps to `rouge`, which is none of `white`"));
    assert!(fault("synonyms", "word,color\nred,crimson\n").contains("no column `colour`; there are `word`, `color`"));
    assert!(fault("synonyms", "word,colour\nred,\n").contains("row 1 has no `colour`"));
    assert!(fault("synonyms", "").contains("synonyms: cannot be read as CSV"));
    assert!(fault("named", "word,srgb\nred,#12345\n").contains("`red` has the value `#12345`"));
    assert!(fault("named", "word,srgb\nmauve,#123456\n").contains("`mauve` is not in the table of synonyms"));
    assert!(fault("named", "word,srgb\n").contains("the table is empty"));
}

#[test]
fn phrases_are_cut_into_known_words() {
    let small = Small::new();
    let synonyms = Synonyms::read(&small.path("synonyms")).unwrap();
    let words = |phrase: &str| synonyms.words_of(phrase).join("|");
    assert_eq!(words("Black and light-blue"), "black|light blue");
    assert_eq!(words("red/white, blue & green (shirt)"), "blue|green|red|shirt|white");
    assert_eq!(words("a red shirt with WHITE stripes."), "red|white");
    assert_eq!(words("dark red"), "dark red");
    assert_eq!(words("hound's tooth"), "hound's tooth");
    assert_eq!(words(" , "), "");
}

#[test]
fn names_are_nearest_in_cielab() {
    let small = Small::new();
    let names = NamedColours::read(&small.path("named"), &Synonyms::read(&small.path("synonyms")).unwrap()).unwrap();
    assert_eq!(names.nearest(colour(255, 255, 255)), ("white", 0.0));
    assert_eq!(names.nearest(colour(180, 40, 40)).0, "red");
    // CIELAB of pure red, and CIEDE2000 of red and green: textbook values.
    let red = colour(255, 0, 0);
    assert!((red.l - 53.24).abs() < 0.01 && (red.a - 80.09).abs() < 0.01 && (red.b - 67.20).abs() < 0.01, "{red:?}");
    assert_eq!(Attribute::named("bronze").map(Attribute::number), Some(2));
}

#[test]
fn kappa_of_known_tables() {
    let mut confusion = [[0; 6]; 6];
    assert_eq!(kappa(&confusion), None);
    confusion[0][0] = 5;
    assert_eq!(kappa(&confusion), None, "chance alone agrees");
    // Cohen's example of two readers: 20, 5, 10, 15 give 0.4.
    (confusion[0][0], confusion[0][1], confusion[1][0], confusion[1][1]) = (20, 5, 10, 15);
    assert!((kappa(&confusion).unwrap() - 0.4).abs() < 1e-12);
}

#[test]
fn fields_go_to_the_end_of_annotations_only() {
    let text = r#"{"a":"annotations","b":[{"annotations":[{}]}],"annotations" : [ {"x":[{"y":"}\"]"}] }, {}
 ],"c":[{}]}"#;
    let expected = r#"{"a":"annotations","b":[{"annotations":[{}]}],"annotations" : [ {"x":[{"y":"}\"]"}], "n": 1 }, {"n": 2}
 ],"c":[{}]}"#;
    assert_eq!(splice(text, &["\"n\": 1".to_owned(), "\"n\": 2".to_owned()]).unwrap(), expected);
    assert!(splice(text, &[]).is_err());
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
    assert_eq!((said.entries, said.said.len()), (296, 182));
    let rules = pixels::Rules { box_centre: 0.5, least_pixels: 24, spread: 20.0, least_share: 0.6, max_distance: 15.0 };
    let (seen, faults) = pixels::look(&instances, &folder.join("images"), &names, rules, false, || ()).unwrap();
    let merged = merge::merge(&instances, &[said], &seen, &synonyms).unwrap();
    assert_eq!((instances.objects.len(), faults.len()), (9988, 0));
    let coloured = merged.verdicts.iter().filter(|verdict| !verdict.colours.is_empty()).count();
    assert!((3000..5000).contains(&coloured), "{coloured}");
    let pairs = agreement::pairs(&instances, &merged).unwrap();
    let all = &pairs[0].groups[0];
    assert!(all.single > 30 && all.kappa.is_some_and(|kappa| kappa > 0.1), "{all:?}");
}
