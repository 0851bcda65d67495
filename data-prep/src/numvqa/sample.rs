//! Samples: a task, four digits in random order, and the answer. Half of the answers of each task are yes.
//!
//! Sample `i` is a function of the seed, the split and `i`, so any number of threads draws the same.

use std::ops::Range;

use rayon::prelude::*;

use crate::numvqa::question::Question;
use crate::random::Random;

/// One sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) task: u16,
    /// Rows of the digits: top left, top right, bottom left, bottom right.
    pub(crate) digits: [u32; 4],
    pub(crate) label: bool,
}

/// Rows that samples may use, by digit.
pub(crate) struct Pool {
    rows: [Vec<u32>; 10],
}

impl Pool {
    pub(crate) fn new(labels: &[u8], range: Range<usize>) -> Self {
        let mut rows: [Vec<u32>; 10] = Default::default();
        for row in range {
            if let (Some(list), Ok(row32)) = (rows.get_mut(usize::from(labels[row])), u32::try_from(row)) {
                list.push(row32);
            }
        }
        Pool { rows }
    }

    /// A digit that satisfies the condition, all such rows equally likely.
    fn pick(&self, wanted: impl Fn(u8) -> bool, random: &mut Random) -> u32 {
        let lists = || (0_u8..10).zip(&self.rows).filter(|(digit, _)| wanted(*digit)).map(|(_, list)| list);
        let mut position = random.below(lists().map(Vec::len).sum());
        for list in lists() {
            match list.get(position) {
                Some(row) => return *row,
                None => position -= list.len(),
            }
        }
        0
    }
}

/// Draws samples in parts, each so many for some tasks: spread evenly over the tasks and, within a task, over both
/// answers; then shuffles them all.
pub(crate) fn draw(
    questions: &[Question],
    parts: &[(&Vec<usize>, usize)],
    pool: &Pool,
    seed: u64,
    domain: u64,
) -> Result<Vec<Sample>, String> {
    let all: usize = parts.iter().map(|(_, count)| count).sum();
    if all == 0 {
        return Ok(Vec::new());
    }
    if parts.iter().any(|(tasks, count)| *count > 0 && tasks.is_empty()) {
        return Err("there is no task to draw samples for".into());
    }
    if let Some(digit) = pool.rows.iter().position(Vec::is_empty) {
        return Err(format!("there is no image of the digit {digit}; more digits are needed"));
    }
    let of = |index: usize| {
        let mut place = index;
        let part = parts.iter().find(|(_, count)| {
            let here = place < *count;
            place -= if here { 0 } else { *count };
            here
        });
        let tasks: &[usize] = part.map_or(&[], |(tasks, _)| tasks);
        (tasks[place % tasks.len()], (place / tasks.len()).is_multiple_of(2))
    };
    let mut samples: Vec<Sample> = (0..all)
        .into_par_iter()
        .map(|index| {
            let (task, answer) = of(index);
            let mut random = Random::of(seed, domain, index as u64);
            let digits = four(questions[task], answer, pool, &mut random);
            Sample { task: u16::try_from(task).unwrap_or(u16::MAX), digits, label: answer }
        })
        .collect();
    Random::of(seed, domain, u64::MAX).shuffle(&mut samples);
    Ok(samples)
}

fn four(question: Question, answer: bool, pool: &Pool, random: &mut Random) -> [u32; 4] {
    let counts = question.counts(answer);
    let count = counts.get(random.below(counts.len())).copied().unwrap_or(0);
    let mut digits = [0; 4];
    for (position, digit) in (0_u8..).zip(&mut digits) {
        *digit = pool.pick(|label| question.target.has(label) == (position < count), random);
    }
    random.shuffle(&mut digits);
    digits
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::numvqa::question::{Family, all_questions};

    fn labels() -> Vec<u8> {
        (0..2000).map(|row| (row * 7 % 10) as u8).collect()
    }

    /// Reads the question from its name and answers it by counting, without the code under test.
    fn brute_force(name: &str, digits: [u8; 4]) -> bool {
        let words: Vec<&str> = name.split(' ').collect();
        let target = words[words.len() - 1];
        let count = digits
            .iter()
            .filter(|digit| match target {
                "even" => [0, 2, 4, 6, 8].contains(*digit),
                "odd" => [1, 3, 5, 7, 9].contains(*digit),
                text => text == digit.to_string(),
            })
            .count();
        match words[..words.len() - 1].join(" ").as_str() {
            "has" => count >= 1,
            "only one" => count == 1,
            "only two" => count == 2,
            "only three" => count == 3,
            "only four" => count == 4,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn labels_are_true_and_half_are_yes_in_every_task() {
        let (questions, labels) = (all_questions(), labels());
        assert_eq!(questions.len(), 60);
        let tasks: Vec<usize> = (0..60).collect();
        let samples = draw(&questions, &[(&tasks, 12_000)], &Pool::new(&labels, 500..1500), 3, 1).unwrap();
        let mut yes = [0; 60];
        for sample in &samples {
            let digits = sample.digits.map(|row| labels[row as usize]);
            let name = questions[usize::from(sample.task)].name();
            assert_eq!(brute_force(&name, digits), sample.label, "{name} of {digits:?}");
            assert!(sample.digits.iter().all(|row| (500..1500).contains(row)), "rows of the pool only");
            yes[usize::from(sample.task)] += usize::from(sample.label);
        }
        assert_eq!(yes, [100; 60]);
    }

    #[test]
    fn parts_get_their_share_and_further_tasks_true_answers() {
        let labels = labels();
        let further: Vec<Question> =
            [Family::Prime, Family::AtLeast, Family::Pairs].into_iter().flat_map(Family::questions).collect();
        let (one, other) = (vec![0, 1], (2..further.len()).collect::<Vec<usize>>());
        let samples = draw(&further, &[(&one, 600), (&other, 5000)], &Pool::new(&labels, 0..2000), 3, 1).unwrap();
        let of_one = samples.iter().filter(|sample| sample.task < 2).count();
        assert_eq!((of_one, samples.len()), (600, 5600));
        let is_prime = |digit: &&u8| [2, 3, 5, 7].contains(*digit);
        for sample in samples {
            let (name, digits) =
                (further[usize::from(sample.task)].name(), sample.digits.map(|row| labels[row as usize]));
            let counted = |wanted: &dyn Fn(&&u8) -> bool| digits.iter().filter(wanted).count();
            let count = if name.ends_with("prime") {
                counted(&is_prime)
            } else if name.ends_with("even") {
                counted(&|digit| **digit % 2 == 0)
            } else if name.ends_with("odd") {
                counted(&|digit| **digit % 2 == 1)
            } else {
                let set: Vec<u8> = name.split(' ').filter_map(|word| word.parse().ok()).collect();
                counted(&|digit| set.contains(digit))
            };
            let quantifiers = [
                ("has", count >= 1),
                ("only one", count == 1),
                ("only two", count == 2),
                ("only three", count == 3),
                ("only four", count == 4),
                ("at least two", count >= 2),
                ("at least three", count >= 3),
            ];
            let answer = quantifiers.iter().find(|(quantifier, _)| name.starts_with(quantifier)).unwrap().1;
            assert_eq!(answer, sample.label, "{name} of {digits:?}");
        }
    }

    #[test]
    fn counts_are_uniform_as_the_rules_say() {
        let (questions, labels) = (all_questions(), labels());
        let pool = Pool::new(&labels, 0..2000);
        for (name, answer, allowed) in
            [("has 3", true, vec![1, 2, 3, 4]), ("has 3", false, vec![0]), ("only two 7", false, vec![0, 1, 3, 4])]
        {
            let task = questions.iter().position(|question| question.name() == name).unwrap();
            let samples = draw(&questions, &[(&vec![task], 8000)], &pool, 5, 2).unwrap();
            let mut seen = [0_i32; 5];
            for sample in samples.iter().filter(|sample| sample.label == answer) {
                let target = questions[task].target;
                seen[sample.digits.iter().filter(|row| target.has(labels[**row as usize])).count()] += 1;
            }
            let expected = 4000 / i32::try_from(allowed.len()).unwrap();
            for (count, found) in seen.iter().enumerate() {
                let wanted = if allowed.contains(&count) { expected } else { 0 };
                assert!((found - wanted).abs() < 150, "{name} {answer}: {seen:?}");
            }
        }
    }

    #[test]
    fn any_number_of_threads_draws_the_same() {
        let (questions, labels) = (all_questions(), labels());
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| draw(&questions, &[(&vec![3, 17, 40], 500)], &Pool::new(&labels, 0..2000), 9, 1).unwrap())
        };
        assert_eq!(with(1), with(3));
    }

    #[test]
    fn what_cannot_be_drawn_is_told() {
        let questions = all_questions();
        let few: Vec<u8> = vec![0, 1, 2, 3];
        assert!(
            draw(&questions, &[(&vec![0], 10)], &Pool::new(&few, 0..4), 1, 1)
                .unwrap_err()
                .contains("no image of the digit 4")
        );
        let none = Vec::new();
        let pool = Pool::new(&labels(), 0..9);
        assert!(draw(&questions, &[(&none, 10)], &pool, 1, 1).unwrap_err().contains("no task"));
        assert!(draw(&questions, &[(&none, 0)], &Pool::new(&few, 0..4), 1, 1).unwrap().is_empty());
    }
}
