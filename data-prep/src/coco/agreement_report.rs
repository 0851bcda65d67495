//! Agreement between sources, for people.
//!
//! It does not compute it.

use crate::coco::agreement::{Group, Pair, People};
use crate::coco::attribute::name_of;
use crate::markdown::table;

pub(crate) fn text(pairs: &[Pair], people: &[People]) -> String {
    let mut text = String::from(
        "# How far sources of colours agree\n\n`both`: objects of which both speak. `in common`: of these, objects with a \
         colour in common, or without one in both. `single`: objects with at most one colour in both; `same`, `share` and \
         Cohen's κ are about these, and \"none\" counts as a label.\n",
    );
    if pairs.is_empty() {
        text.push_str("\nThere is only one source.\n");
    }
    for pair in pairs {
        text.push_str(&format!("\n## {} and {}\n\n", pair.first, pair.second));
        if pair.groups.iter().all(|group| group.both == 0) {
            text.push_str("They never speak of the same object.\n");
            continue;
        }
        let head = ["category", "both", "in common", "single", "same", "share", "κ"];
        text.push_str(&table(&head, 1, &pair.groups.iter().map(group).collect::<Vec<_>>()));
        text.push_str(&format!("\nSingle objects, rows of {}, columns of {}:\n\n", pair.first, pair.second));
        text.push_str(&confusion(pair));
    }
    for people in people {
        text.push_str(&among(people));
    }
    text
}

fn group(group: &Group) -> Vec<String> {
    let share = group.same_share.map_or("–".to_owned(), |share| format!("{:.1} %", share * 100.0));
    let kappa = group.kappa.map_or("–".to_owned(), |kappa| format!("{kappa:.2}"));
    let numbers = [group.both, group.in_common, group.single, group.same].map(|number| number.to_string());
    [group.category.clone()].into_iter().chain(numbers).chain([share, kappa]).collect()
}

fn confusion(pair: &Pair) -> String {
    let order: [u8; 6] = [1, 2, 3, 4, 5, 0];
    let head: Vec<&str> = [""].into_iter().chain(order.iter().map(|label| name_of(*label))).collect();
    let row = |label: &u8| {
        let cells = order.iter().map(|column| pair.confusion[usize::from(*label)][usize::from(*column)].to_string());
        [name_of(*label).to_owned()].into_iter().chain(cells).collect()
    };
    table(&head, 1, &order.iter().map(row).collect::<Vec<Vec<String>>>())
}

fn among(people: &People) -> String {
    let share = |same: u64| {
        let share = if people.pairs == 0 { 0.0 } else { same as f64 / people.pairs as f64 };
        format!("{same} ({:.1} %)", share * 100.0)
    };
    format!(
        "\n## People among themselves: {}\n\n{} questions, also about photos that are not here. Of {} pairs of answers to \
         one question {} say the same words, {} come to the same of the five colours or to none.\n",
        people.source,
        people.questions,
        people.pairs,
        share(people.same_words),
        share(people.same_colours),
    )
}
