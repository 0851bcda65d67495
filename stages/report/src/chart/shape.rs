//! The few shapes that charts are made of. Coordinates are pixels of a screen from the upper left corner.

/// A colour as red, green and blue.
pub(super) type Colour = (u8, u8, u8);

pub(super) const BLACK: Colour = (0, 0, 0);
pub(super) const WHITE: Colour = (255, 255, 255);
pub(super) const GREY: Colour = (110, 110, 110);
pub(super) const PALE: Colour = (225, 225, 225);

/// Where a text stands relative to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A text on its baseline.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) at: (f64, f64),
    pub(super) text: String,
    /// Size of the font.
    pub(super) em: f64,
    pub(super) colour: Colour,
    pub(super) anchor: Anchor,
    /// Whether it runs from below to above.
    pub(super) upward: bool,
    pub(super) bold: bool,
}

impl Text {
    pub(super) fn new(text: impl Into<String>, em: f64, at: (f64, f64), anchor: Anchor) -> Self {
        Text { at, text: text.into(), em, colour: BLACK, anchor, upward: false, bold: false }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Shape {
    Line { points: Vec<(f64, f64)>, width: f64, colour: Colour },
    Fill { points: Vec<(f64, f64)>, colour: Colour },
    Disc { centre: (f64, f64), radius: f64, colour: Colour },
    Text(Text),
}

impl Shape {
    pub(super) fn line(from: (f64, f64), to: (f64, f64), width: f64, colour: Colour) -> Self {
        Shape::Line { points: vec![from, to], width, colour }
    }

    /// A filled rectangle between two corners.
    pub(super) fn rectangle(one: (f64, f64), other: (f64, f64), colour: Colour) -> Self {
        Shape::Fill { points: vec![one, (other.0, one.1), other, (one.0, other.1)], colour }
    }

    /// Whether all of it lies at finite places.
    pub(super) fn finite(&self) -> bool {
        let whole = |points: &[(f64, f64)]| points.iter().all(|(x, y)| x.is_finite() && y.is_finite());
        match self {
            Shape::Line { points, .. } | Shape::Fill { points, .. } => whole(points),
            Shape::Disc { centre, radius, .. } => whole(&[*centre]) && radius.is_finite(),
            Shape::Text(text) => whole(&[text.at]),
        }
    }

    /// The outline of a rectangle.
    pub(super) fn frame(one: (f64, f64), other: (f64, f64), width: f64, colour: Colour) -> Self {
        Shape::Line { points: vec![one, (other.0, one.1), other, (one.0, other.1), one], width, colour }
    }
}

/// A line in dashes: lengths drawn and left out in turns. An empty pattern is a whole line. Points at no finite place are
/// left out.
pub(super) fn dashed(points: &[(f64, f64)], pattern: &[f64], width: f64, colour: Colour) -> Vec<Shape> {
    let points: Vec<(f64, f64)> = points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
    if pattern.is_empty() {
        return vec![Shape::Line { points, width, colour }];
    }
    let (mut shapes, mut part, mut left) = (Vec::new(), 0, pattern[0]);
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let length = (to.0 - from.0).hypot(to.1 - from.1);
        let at = |distance: f64| {
            let share = if length > 0.0 { distance / length } else { 0.0 };
            (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share)
        };
        let mut done = 0.0;
        while done < length {
            let step = left.min(length - done);
            if part % 2 == 0 {
                shapes.push(Shape::line(at(done), at(done + step), width, colour));
            }
            done += step;
            left -= step;
            if left <= 1e-9 {
                part = (part + 1) % pattern.len();
                left = pattern[part];
            }
        }
    }
    shapes
}
