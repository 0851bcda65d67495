//! The five colours that are attributes of objects (paper, AttrOD).

/// One of the five, in the order of their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Attribute {
    White,
    Bronze,
    Charcoal,
    Crimson,
    Chartreuse,
}

/// How an object, or a word, without one of the five is called.
pub(crate) const NONE: &str = "none";

/// All five.
pub(crate) const ATTRIBUTES: [Attribute; 5] =
    [Attribute::White, Attribute::Bronze, Attribute::Charcoal, Attribute::Crimson, Attribute::Chartreuse];

impl Attribute {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Attribute::White => "white",
            Attribute::Bronze => "bronze",
            Attribute::Charcoal => "charcoal",
            Attribute::Crimson => "crimson",
            Attribute::Chartreuse => "chartreuse",
        }
    }

    /// Its number, 1–5.
    pub(crate) fn number(self) -> u8 {
        self as u8 + 1
    }

    pub(crate) fn named(name: &str) -> Option<Attribute> {
        ATTRIBUTES.into_iter().find(|attribute| attribute.name() == name)
    }

    pub(crate) fn numbered(number: u8) -> Option<Attribute> {
        ATTRIBUTES.into_iter().find(|attribute| attribute.number() == number)
    }
}

/// Name of a number, [`NONE`] for 0.
pub(crate) fn name_of(number: u8) -> &'static str {
    Attribute::numbered(number).map_or(NONE, Attribute::name)
}

/// Names joined by `+`, [`NONE`] if there are none.
pub(crate) fn names_of(colours: &std::collections::BTreeSet<u8>) -> String {
    if colours.is_empty() {
        return NONE.to_owned();
    }
    colours.iter().map(|number| name_of(*number)).collect::<Vec<_>>().join("+")
}
