//! Why an object has none of the five colours.
//!
//! It does not decide it.

/// The reason; `code` is what stands in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// A region of many objects.
    Crowd,
    /// No `bbox`, or none of four finite numbers.
    NoBox,
    /// A `bbox` without width or height.
    EmptyBox,
    /// No table speaks of it, and its photo is not there, is cut short or is of another size.
    NoPhoto,
    /// No table speaks of it, and its photo has no colours.
    Greyscale,
    /// No table speaks of it, and too few of its pixels lie inside the photo.
    FewPixels,
    /// No table speaks of it, and its pixels have no colour in common.
    Mixed,
    /// No table speaks of it, and its pixels resemble no named colour.
    FarFromAll,
    /// Its words have no target among the five, such as blue.
    NoAttributeColour,
    /// Its words are not in the table of synonyms.
    UnknownWords,
}

impl Reason {
    pub(crate) const ALL: [Reason; 10] = [
        Reason::Crowd,
        Reason::NoBox,
        Reason::EmptyBox,
        Reason::NoPhoto,
        Reason::Greyscale,
        Reason::FewPixels,
        Reason::Mixed,
        Reason::FarFromAll,
        Reason::NoAttributeColour,
        Reason::UnknownWords,
    ];

    pub(crate) fn code(self) -> &'static str {
        match self {
            Reason::Crowd => "crowd",
            Reason::NoBox => "no_box",
            Reason::EmptyBox => "empty_box",
            Reason::NoPhoto => "no_photo",
            Reason::Greyscale => "greyscale",
            Reason::FewPixels => "few_pixels",
            Reason::Mixed => "mixed",
            Reason::FarFromAll => "far_from_all",
            Reason::NoAttributeColour => "no_attribute_colour",
            Reason::UnknownWords => "unknown_words",
        }
    }

    pub(crate) fn doc(self) -> &'static str {
        match self {
            Reason::Crowd => "a region of many objects",
            Reason::NoBox => "without a box",
            Reason::EmptyBox => "its box has no width or no height",
            Reason::NoPhoto => "no table speaks of it, and its photo cannot be used",
            Reason::Greyscale => "no table speaks of it, and its photo has no colours",
            Reason::FewPixels => "no table speaks of it, and too few of its pixels are in the photo",
            Reason::Mixed => "no table speaks of it, and its pixels are of many colours",
            Reason::FarFromAll => "no table speaks of it, and its pixels resemble no named colour",
            Reason::NoAttributeColour => "its words have no target among the five",
            Reason::UnknownWords => "its words are not in the table of synonyms",
        }
    }
}
