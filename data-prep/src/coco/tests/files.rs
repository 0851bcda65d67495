//! Faults of files, one by one.

use serde_json::{Value, json};

use super::super::splice::splice;
use super::{SYNONYMS, Small};

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
    small.write("instances", &text.replacen("20.0", "NaN", 1));
    let error = small.run_as_it_is().unwrap_err().to_string();
    assert!(error.contains("`NaN` is no number of JSON"), "{error}");
    small.write("instances", &format!("\u{feff}{text}"));
    small.run_as_it_is().unwrap();
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
    // No memory holds the pixels of a size that nothing bears out.
    small.instances["images"][0]["width"] = json!(u32::MAX);
    small.instances["images"][0]["height"] = json!(u32::MAX);
    small.object(1)["bbox"] = json!([0.0, 0.0, f64::from(u32::MAX), f64::from(u32::MAX)]);
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
    assert!(fault("synonyms", "word,colour\nred,\n").contains("row 1 (line 2) has no `colour`"));
    assert!(fault("synonyms", "").contains("synonyms: cannot be read as CSV"));
    assert!(fault("named", "word,srgb\nred,#12345\n").contains("`red` has the value `#12345`"));
    assert!(fault("named", "word,srgb\nmauve,#123456\n").contains("`mauve` is not in the table of synonyms"));
    assert!(fault("named", "word,srgb\n").contains("the table is empty"));
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
