//! The tasks and their samples, for people.

use std::fmt::Write as _;

use crate::images::split::Split;
use crate::images::tasks::attributes::Attributes;
use crate::images::tasks::choose::{Chooser, Task};
use crate::images::tasks::draw::Sample;
use crate::markdown::table;

/// What a summary tells.
pub(crate) struct Report<'a> {
    pub(crate) attributes: &'a Attributes,
    pub(crate) chosen: &'a Chooser<'a>,
    /// Of each task in how many attributes its hard negatives differ.
    pub(crate) distances: &'a [Option<usize>],
    pub(crate) samples: &'a [(Split, Vec<Sample>)],
}

impl Report<'_> {
    pub(crate) fn text(&self) -> String {
        let tasks = &self.chosen.tasks;
        let unseen = tasks.iter().filter(|task| !task.seen).count();
        let mut text = format!("{} tasks, {unseen} of them unseen.\n\n", tasks.len());
        let mut head = vec!["task", "source", "seen", "hard negatives differ in"];
        for (split, _) in self.samples {
            head.extend(match split {
                Split::Train => ["train: photos yes", "no", "samples", "hard"],
                Split::Validation => ["validation: photos yes", "no", "samples", "hard"],
                Split::Test => ["test: photos yes", "no", "samples", "hard"],
            });
        }
        let rows: Vec<Vec<String>> = (0..tasks.len()).map(|task| self.row(task)).collect();
        text.push_str(&table(&head, 4, &rows));
        if !self.chosen.left_out.is_empty() {
            text.push_str("\nListed, but left out:\n\n");
            for (name, why) in &self.chosen.left_out {
                let _ = writeln!(text, "- `{name}`: {why}");
            }
        }
        if self.chosen.dropped > 0 {
            let _ = writeln!(
                text,
                "\n{} generated tasks were left out: too few photos, or the answers or property bits of another task.",
                self.chosen.dropped
            );
        }
        text
    }

    fn row(&self, number: usize) -> Vec<String> {
        let task: &Task = &self.chosen.tasks[number];
        let differ = match self.distances[number] {
            Some(1) => "1 attribute".to_owned(),
            Some(count) => format!("{count} attributes"),
            None => "(none is near)".to_owned(),
        };
        let seen = if task.seen { "yes" } else { "no" };
        let mut row = vec![task.name.clone(), task.source.name().to_owned(), seen.to_owned(), differ];
        for (split, samples) in self.samples {
            let photos = self.attributes.photos.iter().filter(|photo| photo.split == *split);
            let (yes, no): (Vec<bool>, Vec<bool>) =
                photos.map(|photo| task.answers[photo.combination]).partition(|yes| *yes);
            let own = samples.iter().filter(|sample| sample.task == number);
            let (count, hard) = own.fold((0, 0), |(all, hard), sample| (all + 1, hard + usize::from(sample.hard)));
            row.extend([yes.len(), no.len(), count, hard].map(|number| number.to_string()));
        }
        row
    }
}
