//! What tells series apart: colour, marker and dash, all three, so that a grey copy is read as well.
//!
//! Colours are those of Okabe and Ito (2008), which colour-blind people tell apart.

use super::shape::{BLACK, Colour, Shape, WHITE, dashed};

/// Colours, dark and light in turns.
const COLOURS: [Colour; 7] =
    [(0, 114, 178), (213, 94, 0), (0, 158, 115), BLACK, (204, 121, 167), (86, 180, 233), (230, 159, 0)];
const DASHES: [&[f64]; 5] = [&[], &[7.0, 3.0], &[2.0, 2.5], &[8.0, 3.0, 2.0, 3.0], &[12.0, 4.0]];
const MARKERS: [Marker; 8] = [
    Marker::Disc,
    Marker::Square,
    Marker::Triangle,
    Marker::Ring,
    Marker::Diamond,
    Marker::Cross,
    Marker::OpenSquare,
    Marker::Plus,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marker {
    Disc,
    Square,
    Triangle,
    Ring,
    Diamond,
    Cross,
    OpenSquare,
    Plus,
}

pub(super) fn colour(style: usize) -> Colour {
    COLOURS[style % COLOURS.len()]
}

pub(super) fn line(style: usize, points: &[(f64, f64)]) -> Vec<Shape> {
    dashed(points, DASHES[style % DASHES.len()], 1.5, colour(style))
}

/// The marker of a style around a point, 7 pixels wide.
pub(super) fn marker(style: usize, (x, y): (f64, f64)) -> Vec<Shape> {
    let (colour, r) = (colour(style), 3.5);
    let polygon = |corners: &[(f64, f64)]| Shape::Fill {
        points: corners.iter().map(|(dx, dy)| (x + dx * r, y + dy * r)).collect(),
        colour,
    };
    let stroke = |from: (f64, f64), to: (f64, f64)| {
        Shape::line((x + from.0 * r, y + from.1 * r), (x + to.0 * r, y + to.1 * r), 1.6, colour)
    };
    match MARKERS[style % MARKERS.len()] {
        Marker::Disc => vec![Shape::Disc { centre: (x, y), radius: r, colour }],
        Marker::Ring => vec![
            Shape::Disc { centre: (x, y), radius: r + 0.2, colour },
            Shape::Disc { centre: (x, y), radius: r - 1.2, colour: WHITE },
        ],
        Marker::Square => vec![polygon(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)])],
        Marker::OpenSquare => vec![
            polygon(&[(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]),
            Shape::rectangle((x - r + 1.3, y - r + 1.3), (x + r - 1.3, y + r - 1.3), WHITE),
        ],
        Marker::Triangle => vec![polygon(&[(0.0, -1.2), (1.1, 0.85), (-1.1, 0.85)])],
        Marker::Diamond => vec![polygon(&[(0.0, -1.25), (1.05, 0.0), (0.0, 1.25), (-1.05, 0.0)])],
        Marker::Cross => vec![stroke((-0.9, -0.9), (0.9, 0.9)), stroke((-0.9, 0.9), (0.9, -0.9))],
        Marker::Plus => vec![stroke((-1.1, 0.0), (1.1, 0.0)), stroke((0.0, -1.1), (0.0, 1.1))],
    }
}

/// The marker of a point that lies further on than its axis: an open arrow head that points to where.
pub(super) fn beyond(colour: Colour, at: (f64, f64), towards: (f64, f64)) -> Vec<Shape> {
    let length = towards.0.hypot(towards.1).max(1.0);
    let (dx, dy) = (towards.0 / length, towards.1 / length);
    // `along` and `across` the direction, from the tip.
    let corner = |along: f64, across: f64| (at.0 + dx * along - dy * across, at.1 + dy * along + dx * across);
    let head = |tip: f64, base: f64, half: f64, colour: Colour| Shape::Fill {
        points: vec![corner(tip, 0.0), corner(base, half), corner(base, -half)],
        colour,
    };
    vec![head(0.0, -8.0, 4.5, colour), head(-2.8, -6.8, 2.2, WHITE)]
}

/// A bar with an outline, hatched or not.
pub(super) fn bar(style: usize, hatched: bool, (left, top): (f64, f64), (right, bottom): (f64, f64)) -> Vec<Shape> {
    let colour = colour(style);
    if !hatched {
        return vec![Shape::rectangle((left, top), (right, bottom), colour)];
    }
    let mut shapes = vec![Shape::rectangle((left, top), (right, bottom), WHITE)];
    // Lines rising to the right, cut off at the edges.
    let (width, step) = (right - left, 4.0);
    let mut start = bottom + width;
    while start > top {
        let from = if start > bottom { (left + (start - bottom), bottom) } else { (left, start) };
        let end = start - width;
        let to = if end < top { (left + (start - top), top) } else { (right, end) };
        shapes.push(Shape::line(from, to, 1.0, colour));
        start -= step;
    }
    shapes.push(Shape::frame((left, top), (right, bottom), 1.0, colour));
    shapes
}
