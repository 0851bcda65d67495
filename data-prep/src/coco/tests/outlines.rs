//! Which pixels count, and what they say.

use serde_json::{Value, json};

use super::super::attribute::Attribute;
use super::super::named::{NamedColours, colour};
use super::super::region::{self, Outline};
use super::super::synonyms::Synonyms;
use super::super::{photo, rle};
use super::Small;

#[test]
fn outlines_say_which_pixels_count() {
    let place = [0.0, 0.0, 4.0, 4.0];
    let whole = region::Centre { of_box: 0.5, of_outline: 1.0 };
    let of =
        |outline: Value, centre| Outline::of(&outline, (4, 4)).map(|outline| outline.pixels(place, (4, 4), centre));
    let pixels = |outline: Value| of(outline, whole);
    let middle = vec![(1, 1), (2, 1), (1, 2), (2, 2)];
    assert_eq!(pixels(json!([])).unwrap(), middle);
    assert_eq!(pixels(Value::Null).unwrap(), middle);
    assert_eq!(pixels(json!([[0.0, 0.0, 1.0, 1.0]])).unwrap(), middle, "two corners are no outline");
    assert_eq!(pixels(json!([[0, 0, 2, 0, 2, 1, 0, 1], [1, 0, 3, 0, 3, 1, 1, 1]])).unwrap(), [(0, 0), (1, 0), (2, 0)]);
    assert_eq!(pixels(json!([[2, 2, 9, 2, 9, 9, 2, 9]])).unwrap(), [(2, 2), (3, 2), (2, 3), (3, 3)]);
    let half = region::Centre { of_box: 0.5, of_outline: 0.5 };
    let corner = of(json!([[2, 2, 9, 2, 9, 9, 2, 9]]), half);
    assert_eq!(corner.unwrap(), [(2, 2)], "what of the outline is in the middle of the box");
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
    let pixels = |mask: &Value, (width, height)| {
        rle::Runs::of(mask.as_object().unwrap(), width, height).map(|runs| runs.pixels())
    };
    let mask = |size: Value, counts: Value| pixels(&json!({"size": size, "counts": counts}), (3, 2));
    // Two rows, three columns; runs go down the columns.
    let right = [(1, 0), (1, 1), (2, 1)];
    assert_eq!(mask(json!([2, 3]), json!([2, 2, 1, 1])).unwrap(), right);
    // The same as pycocotools packs it: 2, 2, 1, and 1 as its difference to the first 2.
    assert_eq!(mask(json!([2, 3]), json!("221O")).unwrap(), right);
    let larger = json!({"size": [3, 6], "counts": "1150M100OO"});
    let inside = [(5, 0), (0, 1), (2, 1), (3, 1), (3, 2), (4, 2), (5, 2)];
    assert_eq!(pixels(&larger, (6, 3)).unwrap(), inside, "packed by pycocotools");
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
fn names_are_nearest_in_cielab() {
    let small = Small::new();
    let names = NamedColours::read(&small.path("named"), &Synonyms::read(&small.path("synonyms")).unwrap()).unwrap();
    assert_eq!(names.nearest(colour(255, 255, 255)), ("white", 0.0));
    assert_eq!(names.nearest(colour(180, 40, 40)).0, "red");
    let red = colour(255, 0, 0);
    assert!((red.l - 53.24).abs() < 0.01 && (red.a - 80.09).abs() < 0.01 && (red.b - 67.20).abs() < 0.01, "{red:?}");
    // Fixed for all time, on every machine: results in stores rest on it.
    assert_eq!(
        [red.l, red.a, red.b].map(f64::to_bits),
        [4_632_689_792_954_990_030, 4_635_336_422_736_769_634, 4_634_429_421_480_415_227]
    );
    assert_eq!(names.nearest(red).1.to_bits(), 4_621_897_745_164_298_793);
    let photo = photo::Photo::read(&small.path("images"), "c.jpg", 40, 30).unwrap();
    assert_eq!(photo.pixels.get_pixel(7, 7).0, [49, 160, 65]);
    assert_eq!(Attribute::named("bronze").map(Attribute::number), Some(2));
}
