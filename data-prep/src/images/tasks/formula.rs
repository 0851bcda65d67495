//! What a task asks of a photo: values, joined by and, or and not.

use std::collections::BTreeSet;

use crate::images::tasks::attributes::Attributes;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Formula {
    Value(usize),
    Not(Box<Formula>),
    And(Vec<Formula>),
    Or(Vec<Formula>),
}

impl Formula {
    pub(crate) fn answer(&self, has: &impl Fn(usize) -> bool) -> bool {
        match self {
            Formula::Value(value) => has(*value),
            Formula::Not(inner) => !inner.answer(has),
            Formula::And(parts) => parts.iter().all(|part| part.answer(has)),
            Formula::Or(parts) => parts.iter().any(|part| part.answer(has)),
        }
    }

    /// The answers for all combinations.
    pub(crate) fn answers(&self, attributes: &Attributes) -> Vec<bool> {
        (0..attributes.combinations.len()).map(|at| self.answer(&|value| attributes.has(at, value))).collect()
    }

    /// As a task writes it.
    pub(crate) fn text(&self, attributes: &Attributes) -> String {
        let within = |part: &Formula, brackets: bool| {
            let text = part.text(attributes);
            if brackets { format!("({text})") } else { text }
        };
        let joined = |parts: &[Formula], word: &str, brackets: &dyn Fn(&Formula) -> bool| {
            parts.iter().map(|part| within(part, brackets(part))).collect::<Vec<String>>().join(word)
        };
        match self {
            Formula::Value(value) => attributes.written(*value),
            Formula::Not(inner) => {
                format!("not {}", within(inner, matches!(**inner, Formula::And(_) | Formula::Or(_))))
            }
            Formula::And(parts) => joined(parts, " and ", &|part| matches!(part, Formula::And(_) | Formula::Or(_))),
            Formula::Or(parts) => joined(parts, " or ", &|part| matches!(part, Formula::Or(_))),
        }
    }

    /// The property bits: values that are asked for, values that are excluded, and two for what values alone leave open:
    /// whether one of several things is enough (`car or red`, but not `car or truck`: no photo could be both), and whether
    /// several values of one attribute are to be there at once.
    pub(crate) fn bits(&self, attributes: &Attributes) -> String {
        let mut found = Found::default();
        found.look(self, true, attributes);
        let count = attributes.values.len();
        let asked = (0..count).map(|value| found.asked.contains(&value));
        let excluded = (0..count).map(|value| found.excluded.contains(&value));
        let bits = asked.chain(excluded).chain([found.any, found.at_once]);
        bits.map(|bit| if bit { '1' } else { '0' }).collect()
    }
}

/// What a formula speaks of, each value with `not` moved to it.
#[derive(Default)]
struct Found {
    asked: BTreeSet<usize>,
    excluded: BTreeSet<usize>,
    any: bool,
    at_once: bool,
}

impl Found {
    fn look(&mut self, formula: &Formula, positive: bool, attributes: &Attributes) {
        match formula {
            Formula::Value(value) if positive => drop(self.asked.insert(*value)),
            Formula::Value(value) => drop(self.excluded.insert(*value)),
            Formula::Not(inner) => self.look(inner, !positive, attributes),
            Formula::And(parts) | Formula::Or(parts) => {
                let all = matches!(formula, Formula::And(_)) == positive;
                let own = parts.iter().map(|part| match part {
                    Formula::Value(value) if positive => Some(attributes.values[*value].attribute),
                    _ => None,
                });
                let own: Vec<Option<usize>> = own.collect();
                let known: BTreeSet<usize> = own.iter().flatten().copied().collect();
                if all {
                    self.at_once |= known.len() < own.iter().flatten().count();
                } else {
                    self.any |= known.len() > 1 || own.contains(&None);
                }
                parts.iter().for_each(|part| self.look(part, positive, attributes));
            }
        }
    }
}
