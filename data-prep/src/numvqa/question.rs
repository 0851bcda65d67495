//! The sixty questions: a quantifier and a target (paper §5.1).
//!
//! It does not know samples.

/// Tasks that the paper's authors never trained on.
pub(crate) const UNSEEN: [&str; 9] = [
    "only two 0",
    "only one 1",
    "only four 2",
    "only four 4",
    "only three 6",
    "only three 7",
    "only two 8",
    "only one 9",
    "has 3",
];

/// How many of the four digits must be of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantifier {
    /// At least one.
    Exists,
    /// Exactly so many, 1 to 4.
    Only(u8),
}

/// Which digits are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Digit(u8),
    Even,
    Odd,
}

/// A question about four digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) quantifier: Quantifier,
    pub(crate) target: Target,
}

/// All questions, in the order of their numbers: quantifier after quantifier.
pub(crate) fn all_questions() -> Vec<Question> {
    let quantifiers = std::iter::once(Quantifier::Exists).chain((1..=4).map(Quantifier::Only));
    let targets = || (0..10).map(Target::Digit).chain([Target::Even, Target::Odd]);
    quantifiers.flat_map(|quantifier| targets().map(move |target| Question { quantifier, target })).collect()
}

impl Target {
    /// Whether a digit counts.
    pub(crate) fn has(self, digit: u8) -> bool {
        match self {
            Target::Digit(one) => digit == one,
            Target::Even => digit.is_multiple_of(2),
            Target::Odd => digit % 2 == 1,
        }
    }

    pub(crate) fn name(self) -> String {
        match self {
            Target::Digit(digit) => digit.to_string(),
            Target::Even => "even".into(),
            Target::Odd => "odd".into(),
        }
    }
}

impl Quantifier {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Quantifier::Exists => "has",
            Quantifier::Only(1) => "only one",
            Quantifier::Only(2) => "only two",
            Quantifier::Only(3) => "only three",
            Quantifier::Only(_) => "only four",
        }
    }
}

impl Question {
    /// The name, as the paper's tables write it: `has 0`, `only two odd`.
    pub(crate) fn name(self) -> String {
        format!("{} {}", self.quantifier.name(), self.target.name())
    }

    /// The answer when `count` of the four digits are of the target.
    pub(crate) fn answer(self, count: u8) -> bool {
        match self.quantifier {
            Quantifier::Exists => count > 0,
            Quantifier::Only(asked) => count == asked,
        }
    }

    /// The counts of targets that give an answer, each as likely as the others.
    pub(crate) fn counts(self, answer: bool) -> Vec<u8> {
        (0..=4).filter(|count| self.answer(*count) == answer).collect()
    }

    /// The property bits: exists, only; counts 1, 2, 3, 4 (`exists` sets all four); digits 0 to 9.
    pub(crate) fn bits(self) -> String {
        let mut bits = [false; 16];
        match self.quantifier {
            Quantifier::Exists => {
                bits[0] = true;
                bits[2..6].fill(true);
            }
            Quantifier::Only(count) => {
                bits[1] = true;
                bits[1 + usize::from(count)] = true;
            }
        }
        for digit in 0..10 {
            bits[6 + usize::from(digit)] = self.target.has(digit);
        }
        bits.iter().map(|bit| if *bit { '1' } else { '0' }).collect()
    }
}
