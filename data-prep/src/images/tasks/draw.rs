//! Samples: a task, a photo and the answer, half of the answers yes, a share of the others hard.
//!
//! A photo comes again for a task only when all of its kind have come, and where answers are judged, never.

use crate::images::split::{Split, number};
use crate::images::tasks::attributes::Attributes;
use crate::images::tasks::choose::Task;
use crate::random::Random;

/// Keeps this use of random numbers apart from others.
const DOMAIN: u64 = 50;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) task: usize,
    pub(crate) photo: usize,
    pub(crate) label: bool,
    /// A no that is nearly a yes.
    pub(crate) hard: bool,
}

/// What is drawn for one split.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) split: Split,
    /// Spread evenly over the tasks.
    pub(crate) samples: usize,
    pub(crate) hard_share: f64,
    pub(crate) seed: u64,
}

/// `hard` says of each task which combinations are its hard negatives.
pub(crate) fn draw(attributes: &Attributes, tasks: &[Task], hard: &[Option<Vec<bool>>], plan: Plan) -> Vec<Sample> {
    let asked: Vec<usize> = (0..tasks.len()).filter(|task| tasks[*task].seen || plan.split != Split::Train).collect();
    let mut samples = Vec::new();
    for (place, task) in asked.iter().enumerate() {
        let count = plan.samples / asked.len() + usize::from(place < plan.samples % asked.len());
        samples.extend(of_task(attributes, *task, &tasks[*task], hard[*task].as_deref(), count, plan));
    }
    Random::of(plan.seed, DOMAIN + plan.split as u64, u64::MAX).shuffle(&mut samples);
    samples
}

fn of_task(
    attributes: &Attributes,
    number_of_task: usize,
    task: &Task,
    hard: Option<&[bool]>,
    count: usize,
    plan: Plan,
) -> Vec<Sample> {
    let deck = |what: &str, wanted: &dyn Fn(usize) -> bool| {
        let photos = attributes.photos.iter().enumerate();
        let own = photos.filter(|(_, photo)| photo.split == plan.split && wanted(photo.combination));
        Deck::new(own.map(|(at, _)| at).collect(), plan, &[&task.name, what])
    };
    let is_hard = |combination: usize| hard.is_some_and(|hard| hard[combination]);
    let mut yes = deck("yes", &|combination| task.answers[combination]);
    let mut near = deck("hard", &is_hard);
    let mut far = deck("other", &|combination| !task.answers[combination] && !is_hard(combination));
    let (mut positive, mut negative) = (count.div_ceil(2), count / 2);
    if plan.split != Split::Train {
        let most = yes.len().min(near.len() + far.len());
        (positive, negative) = (positive.min(most), negative.min(most));
    }
    let mut hard = (negative as f64 * plan.hard_share).round() as usize;
    if plan.split != Split::Train {
        hard = hard.min(near.len()).max(negative.saturating_sub(far.len()));
    }
    let mut samples = Vec::new();
    let mut add = |photo: Option<usize>, label, hard| {
        samples.extend(photo.map(|photo| Sample { task: number_of_task, photo, label, hard }));
    };
    (0..positive).for_each(|_| add(yes.next(), true, false));
    for place in 0..negative {
        let wants_hard = (place < hard && near.len() > 0) || far.len() == 0;
        add(if wants_hard { near.next() } else { far.next() }, false, wants_hard);
    }
    samples
}

/// Photos in random order, and in another one when all have come.
struct Deck {
    photos: Vec<usize>,
    at: usize,
    random: Random,
}

impl Deck {
    /// What stands in `names` alone says in which order: other tasks change nothing.
    fn new(photos: Vec<usize>, plan: Plan, names: &[&str]) -> Self {
        let at = photos.len();
        Deck { photos, at, random: Random::of(plan.seed, DOMAIN + plan.split as u64, number(names)) }
    }

    fn len(&self) -> usize {
        self.photos.len()
    }

    fn next(&mut self) -> Option<usize> {
        if self.at == self.photos.len() {
            self.random.shuffle(&mut self.photos);
            self.at = 0;
        }
        self.at += 1;
        self.photos.get(self.at - 1).copied()
    }
}
