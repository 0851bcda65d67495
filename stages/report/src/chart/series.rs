//! Draws a series between axes. What lies beyond an axis, such as 0 on a logarithmic one, is held at its end and marked,
//! so that nothing is drawn outside and nothing is left out unsaid.

use super::shape::{BLACK, GREY, Shape, dashed};
use super::{Axis, Look, Point, Series, style};

/// The area between two axes.
pub(super) struct Frame<'a> {
    pub(super) x: &'a Axis,
    pub(super) y: &'a Axis,
    /// Its upper left corner.
    pub(super) corner: (f64, f64),
    /// Width and height.
    pub(super) size: (f64, f64),
}

/// Where a point is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    at: (f64, f64),
    /// Towards where it really lies, in pixels to the right and down; zeros for a point within the frame.
    beyond: (f64, f64),
}

impl Place {
    fn within(&self) -> bool {
        self.beyond == (0.0, 0.0)
    }
}

/// Whether a point of a series lies beyond the ends of an axis.
pub(super) fn beyond(one: &Series, x: &Axis, y: &Axis) -> bool {
    let out = |axis: &Axis, value: f64| axis.held(value).is_some_and(|held| held.side != 0.0);
    one.points.iter().any(|point| out(x, point.x) || out(y, point.y))
}

impl Frame<'_> {
    /// The shapes of a series. Bars stand on the bottom; their width follows from the number of places.
    pub(super) fn drawn(&self, one: &Series) -> Vec<Shape> {
        let places: Vec<Place> = one.points.iter().filter_map(|point| self.place(point.x, point.y)).collect();
        let points: Vec<(f64, f64)> = places.iter().map(|place| place.at).collect();
        let mut shapes = Vec::new();
        match one.look {
            Look::Guide => return dashed(&points, &[4.0, 3.0], 1.0, GREY),
            Look::Line => shapes.extend(style::line(one.style, &points)),
            Look::Marks => {}
            Look::Bars | Look::HatchedBars => {
                let half = self.size.0 / self.x.places().unwrap_or(one.points.len()).max(1) as f64 * 0.35;
                let (hatched, bottom) = (one.look == Look::HatchedBars, self.corner.1 + self.size.1);
                let bar = |(x, y): &(f64, f64)| style::bar(one.style, hatched, (x - half, *y), (x + half, bottom));
                shapes.extend(points.iter().flat_map(bar));
            }
        }
        shapes.extend(one.points.iter().flat_map(|point| self.interval(one, point)));
        for place in &places {
            match one.look {
                _ if !place.within() => shapes.extend(style::beyond(style::colour(one.style), place.at, place.beyond)),
                Look::Marks | Look::Line => shapes.extend(style::marker(one.style, place.at)),
                _ => {}
            }
        }
        shapes
    }

    fn place(&self, x: f64, y: f64) -> Option<Place> {
        let (x, y) = (self.x.held(x)?, self.y.held(y)?);
        let at = (self.corner.0 + x.share * self.size.0, self.corner.1 + (1.0 - y.share) * self.size.1);
        Some(Place { at, beyond: (x.side, -y.side) })
    }

    /// A line over the interval, with a cap at each end that is within the frame.
    fn interval(&self, one: &Series, point: &Point) -> Vec<Shape> {
        let ends = point.interval.and_then(|(low, high)| self.place(point.x, low).zip(self.place(point.x, high)));
        let Some((lower, upper)) = ends else { return Vec::new() };
        if lower.beyond.0 != 0.0 || (!lower.within() && lower.beyond == upper.beyond) {
            return Vec::new();
        }
        let bars = matches!(one.look, Look::Bars | Look::HatchedBars);
        let colour = if bars { BLACK } else { style::colour(one.style) };
        let cap = |(x, y): (f64, f64)| Shape::line((x - 2.5, y), (x + 2.5, y), 1.0, colour);
        let caps = [lower, upper].into_iter().filter(Place::within).map(|place| cap(place.at));
        std::iter::once(Shape::line(lower.at, upper.at, 1.0, colour)).chain(caps).collect()
    }
}
