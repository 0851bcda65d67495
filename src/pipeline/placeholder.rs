//! `{in.x}`, `{out.y}` and `{with.z}` in the words of a command.
//!
//! Only what stands in the file can begin one: a value that was put in by a reference is text, whatever it holds. A
//! doubled brace, `{{in.x}`, stands for the brace itself.

use crate::pipeline::interpolate::Part;

/// A part of a word.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bit {
    /// Text of the file.
    Literal(String),
    /// A value, and the reference that it was put in by.
    Value {
        /// The reference, such as `params.x`.
        path: String,
        /// The value, written out.
        text: String,
    },
    /// What a placeholder names.
    Place(Space, String),
    /// A placeholder that has no end.
    Open(Space),
}

/// Where a placeholder finds what it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    In,
    Out,
    With,
}

impl Bit {
    /// Its text, as far as that is known.
    pub(super) fn text(&self) -> &str {
        match self {
            Bit::Literal(text) | Bit::Value { text, .. } => text,
            Bit::Place(..) | Bit::Open(_) => "",
        }
    }
}

impl Space {
    const ALL: [Space; 3] = [Space::In, Space::Out, Space::With];

    /// How a placeholder begins.
    pub(super) fn begins(self) -> &'static str {
        match self {
            Space::In => "{in.",
            Space::Out => "{out.",
            Space::With => "{with.",
        }
    }
}

/// The parts of a word, with its placeholders.
pub(super) fn bits(parts: &[Part]) -> Vec<Bit> {
    let mut bits = Vec::new();
    // The placeholder that was begun, and its name so far.
    let mut open: Option<(Space, String)> = None;
    for part in parts {
        let mut rest = match part {
            Part::Literal(text) => text.as_str(),
            Part::Value { path, text } => {
                match &mut open {
                    Some((_, name)) => name.push_str(text),
                    None => bits.push(Bit::Value { path: path.clone(), text: text.clone() }),
                }
                continue;
            }
        };
        loop {
            if let Some((space, mut name)) = open.take() {
                let Some((end, behind)) = rest.split_once('}') else {
                    name.push_str(rest);
                    open = Some((space, name));
                    break;
                };
                name.push_str(end);
                bits.push(Bit::Place(space, name));
                rest = behind;
            }
            let (text, found) = up_to_placeholder(rest);
            if !text.is_empty() {
                bits.push(Bit::Literal(text));
            }
            let Some((space, behind)) = found else { break };
            open = Some((space, String::new()));
            rest = behind;
        }
    }
    bits.extend(open.map(|(space, _)| Bit::Open(space)));
    bits
}

/// The text before the first placeholder, and what stands behind its beginning.
fn up_to_placeholder(text: &str) -> (String, Option<(Space, &str)>) {
    let mut before = String::new();
    let mut rest = text;
    loop {
        let Some((at, space)) = first_beginning(rest) else {
            before.push_str(rest);
            return (before, None);
        };
        let braces = rest[..=at].chars().rev().take_while(|c| *c == '{').count();
        before.push_str(&rest[..at + 1 - braces]);
        before.extend(std::iter::repeat_n('{', braces / 2));
        rest = &rest[at + 1..];
        if braces % 2 == 1 {
            return (before, Some((space, &rest[space.begins().len() - 1..])));
        }
    }
}

/// Where the first placeholder begins, whatever braces stand before it.
fn first_beginning(text: &str) -> Option<(usize, Space)> {
    text.match_indices('{').find_map(|(at, _)| {
        let space = Space::ALL.into_iter().find(|space| text[at..].starts_with(space.begins()))?;
        Some((at, space))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str) -> Part {
        Part::Literal(text.into())
    }

    fn literal(text: &str) -> Bit {
        Bit::Literal(text.into())
    }

    #[test]
    fn placeholders_begin_in_the_file_alone_and_doubled_braces_are_braces() {
        let of = |text: &str| bits(&[part(text)]);
        let x = || Bit::Place(Space::In, "x".into());
        assert_eq!(
            of("cat {in.x}>{out.y.z}"),
            [literal("cat "), x(), literal(">"), Bit::Place(Space::Out, "y.z".into())]
        );
        assert_eq!(of("{{in.x}"), [literal("{in.x}")]);
        assert_eq!(of("a{{{in.x}b"), [literal("a{"), x(), literal("b")]);
        assert_eq!(of("{{{{with.x} {in.x}"), [literal("{{with.x} "), x()]);
        assert_eq!(of("awk '{print}' {{}} {x} ${in.x}"), [literal("awk '{print}' {{}} {x} $"), x()]);
        assert_eq!(of("{in.x"), [Bit::Open(Space::In)]);
        assert_eq!(of("{in.}"), [Bit::Place(Space::In, String::new())]);
        assert_eq!(of(""), []);
    }

    #[test]
    fn values_are_no_placeholders_but_may_name_one() {
        let value = |text: &str| Part::Value { path: "params.x".into(), text: text.into() };
        let is = |text: &str| Bit::Value { path: "params.x".into(), text: text.into() };
        assert_eq!(bits(&[part("a"), value("{in.x}")]), [literal("a"), is("{in.x}")]);
        assert_eq!(bits(&[part("{"), value("in.x}")]), [literal("{"), is("in.x}")]);
        assert_eq!(bits(&[value("{in."), part("x}")]), [is("{in."), literal("x}")]);
        let named = bits(&[part("{in."), value("x}"), part("y}z")]);
        assert_eq!(named, [Bit::Place(Space::In, "x}y".into()), literal("z")]);
    }
}
