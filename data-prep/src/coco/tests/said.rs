//! What was said of objects: tables, trust, agreement.

use serde_json::{Value, json};

use super::super::agreement::kappa;
use super::super::synonyms::Synonyms;
use super::super::{find, instances, words};
use super::{Small, object};

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
    small.with["trust"] = json!([]);
    let both = std::mem::replace(&mut small.words, vec![("pixels", json!([]))]);
    assert!(small.fault().contains("`pixels` is no name of a table"), "{}", small.fault());
    small.words = both;
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
fn kappa_of_known_tables() {
    let mut confusion = [[0; 6]; 6];
    assert_eq!(kappa(&confusion), None);
    confusion[0][0] = 5;
    assert_eq!(kappa(&confusion), None, "chance alone agrees");
    // Cohen's example of two readers: 20, 5, 10, 15 give 0.4.
    (confusion[0][0], confusion[0][1], confusion[1][0], confusion[1][1]) = (20, 5, 10, 15);
    assert!((kappa(&confusion).unwrap() - 0.4).abs() < 1e-12);
}
