//! The sixty questions, a quantifier and a target each (paper §5.1), and families of further ones to train on (§4).

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
    /// So many or more, 2 or 3.
    AtLeast(u8),
}

/// Which digits are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Digit(u8),
    Even,
    Odd,
    /// 2, 3, 5 and 7.
    Prime,
    /// Any of these, as bits.
    Set(u16),
}

/// Further tasks that help the assembler to understand tasks it was never shown; nobody is asked them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    /// The five quantifiers of prime digits.
    Prime,
    /// At least two and at least three of the sixty questions' targets.
    AtLeast,
    /// The five quantifiers of each set of two digits.
    Pairs,
    /// The five quantifiers of each set of three digits.
    Triples,
}

/// A question about four digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) quantifier: Quantifier,
    pub(crate) target: Target,
}

/// All questions, in the order of their numbers: quantifier after quantifier.
pub(crate) fn all_questions() -> Vec<Question> {
    each(&quantifiers(), &targets())
}

fn quantifiers() -> Vec<Quantifier> {
    std::iter::once(Quantifier::Exists).chain((1..=4).map(Quantifier::Only)).collect()
}

fn targets() -> Vec<Target> {
    (0..10).map(Target::Digit).chain([Target::Even, Target::Odd]).collect()
}

fn each(quantifiers: &[Quantifier], targets: &[Target]) -> Vec<Question> {
    let of = |quantifier: &Quantifier| {
        let quantifier = *quantifier;
        targets.iter().map(move |target| Question { quantifier, target: *target })
    };
    quantifiers.iter().flat_map(of).collect()
}

impl Family {
    /// Names, as they are written in a pipeline.
    pub(crate) const NAMES: [&str; 4] = ["prime", "at-least", "pairs", "triples"];

    /// A family by name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let all = [Family::Prime, Family::AtLeast, Family::Pairs, Family::Triples];
        all.into_iter().zip(Self::NAMES).find(|(_, own)| *own == name).map(|(family, _)| family)
    }

    /// Its questions, in the order of their numbers.
    pub(crate) fn questions(self) -> Vec<Question> {
        let sets = |size: u32| (0_u16..1 << 10).filter(move |bits| bits.count_ones() == size).map(Target::Set);
        match self {
            Family::Prime => each(&quantifiers(), &[Target::Prime]),
            Family::AtLeast => each(&[Quantifier::AtLeast(2), Quantifier::AtLeast(3)], &targets()),
            Family::Pairs => each(&quantifiers(), &sets(2).collect::<Vec<Target>>()),
            Family::Triples => each(&quantifiers(), &sets(3).collect::<Vec<Target>>()),
        }
    }
}

impl Target {
    /// Whether a digit counts.
    pub(crate) fn has(self, digit: u8) -> bool {
        match self {
            Target::Digit(one) => digit == one,
            Target::Even => digit.is_multiple_of(2),
            Target::Odd => digit % 2 == 1,
            Target::Prime => matches!(digit, 2 | 3 | 5 | 7),
            Target::Set(bits) => bits >> digit & 1 == 1,
        }
    }

    pub(crate) fn name(self) -> String {
        match self {
            Target::Digit(digit) => digit.to_string(),
            Target::Even => "even".into(),
            Target::Odd => "odd".into(),
            Target::Prime => "prime".into(),
            Target::Set(_) => {
                let digits: Vec<String> = (0..10).filter(|digit| self.has(*digit)).map(|d| d.to_string()).collect();
                digits.join(" or ")
            }
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
            Quantifier::AtLeast(2) => "at least two",
            Quantifier::AtLeast(_) => "at least three",
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
            Quantifier::AtLeast(asked) => count >= asked,
        }
    }

    /// The counts of targets that give an answer, each as likely as the others.
    pub(crate) fn counts(self, answer: bool) -> Vec<u8> {
        (0..=4).filter(|count| self.answer(*count) == answer).collect()
    }

    /// The property bits: exists, only; counts 1, 2, 3, 4 (`exists` sets all four, `at least` those from its count on);
    /// digits 0 to 9.
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
            Quantifier::AtLeast(count) => {
                bits[0] = true;
                bits[1 + usize::from(count)..6].fill(true);
            }
        }
        for digit in 0..10 {
            bits[6 + usize::from(digit)] = self.target.has(digit);
        }
        bits.iter().map(|bit| if *bit { '1' } else { '0' }).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The answers to all 10,000 pictures of four digits, by their sorted digits.
    fn meaning(question: Question) -> Vec<bool> {
        let digits = |number: u32| [number % 10, number / 10 % 10, number / 100 % 10, number / 1000];
        let count = |number: u32| digits(number).iter().filter(|digit| question.target.has(**digit as u8)).count();
        (0..10_000).map(|number| question.answer(count(number) as u8)).collect()
    }

    #[test]
    fn further_tasks_are_new_in_bits_and_meaning() {
        let all = all_questions();
        let families = Family::NAMES.map(|name| Family::named(name).map(Family::questions).unwrap_or_default());
        assert_eq!(families.each_ref().map(Vec::len), [5, 24, 225, 600]);
        let further: Vec<Question> = families.concat();
        let texts = |f: fn(Question) -> String| {
            all.iter().chain(&further).map(|question| f(*question)).collect::<BTreeSet<String>>().len()
        };
        assert_eq!((texts(Question::name), texts(Question::bits)), (914, 914));
        let unseen: Vec<Vec<bool>> =
            all.iter().filter(|question| UNSEEN.contains(&question.name().as_str())).map(|q| meaning(*q)).collect();
        assert_eq!(unseen.len(), UNSEEN.len());
        for question in further {
            assert!(!unseen.contains(&meaning(question)), "`{}` is an unseen task in other words", question.name());
        }
    }

    #[test]
    fn names_and_bits_say_what_is_asked() {
        let name = |quantifier, target| Question { quantifier, target }.name();
        assert_eq!(name(Quantifier::Only(2), Target::Set(0b10_0000_1000)), "only two 3 or 9");
        assert_eq!(name(Quantifier::AtLeast(3), Target::Prime), "at least three prime");
        let bits = |quantifier, target| Question { quantifier, target }.bits();
        assert_eq!(bits(Quantifier::AtLeast(3), Target::Prime), "1000110011010100");
        assert_eq!(bits(Quantifier::Exists, Target::Set(1 | 1 << 9)), "1011111000000001");
    }
}
