//! One panel: frame, grid, ticks, labels, and the series between them.

use super::series::Frame;
use super::shape::{Anchor, BLACK, GREY, PALE, Shape, Text};
use super::{Axis, Body, Panel, cells, paint};

const TICK: f64 = 10.0;
const LABEL: f64 = 11.0;
const TITLE: f64 = 12.0;
const NOTE: f64 = 9.5;

/// Space around the area between the axes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Margins {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Margins {
    pub(super) fn max(self, other: Self) -> Self {
        Margins {
            left: self.left.max(other.left),
            right: self.right.max(other.right),
            top: self.top.max(other.top),
            bottom: self.bottom.max(other.bottom),
        }
    }
}

pub(super) fn margins(panel: &Panel, area: (f64, f64)) -> Margins {
    let head = |text: &str, em: f64, bold: bool| paint::width(text, em, bold) - area.0;
    let last = panel.x.ticks().last().map_or(0.0, |tick| paint::width(&tick.text, TICK, false) / 2.0);
    let names = if upright(&panel.x, area.0) { widest(&panel.x) + 4.0 } else { TICK + 4.0 };
    let lines = |text: &str, em: f64| if text.is_empty() { 0.0 } else { em * 1.45 };
    Margins {
        left: widest(&panel.y) + 8.0 + LABEL * 1.6,
        right: last.max(head(&panel.title, TITLE, true)).max(head(&panel.note, NOTE, false)).max(4.0),
        top: lines(&panel.title, TITLE) + lines(&panel.note, NOTE) + 5.0,
        bottom: names + 6.0 + LABEL * 1.5,
    }
}

fn widest(axis: &Axis) -> f64 {
    axis.ticks().iter().map(|tick| paint::width(&tick.text, TICK, tick.marked)).fold(0.0, f64::max)
}

/// Whether names of the horizontal axis stand upright, since they would not fit beside each other.
fn upright(axis: &Axis, width: f64) -> bool {
    axis.places().is_some_and(|places| widest(axis) > width / places.max(1) as f64 - 4.0)
}

/// Draws a panel whose area has its upper left corner at a point.
pub(super) fn draw(panel: &Panel, (left, top): (f64, f64), (width, height): (f64, f64)) -> Vec<Shape> {
    let frame = Frame { x: &panel.x, y: &panel.y, corner: (left, top), size: (width, height) };
    let mut shapes = heads(panel, left, top);
    match &panel.body {
        Body::Series(series) => {
            shapes.extend(grid(panel, (left, top), (width, height)));
            shapes.extend(series.iter().flat_map(|one| frame.drawn(one)));
        }
        Body::Cells(rows) => shapes.extend(cells::draw(rows, (left, top), (width, height))),
    }
    shapes.push(Shape::frame((left, top), (left + width, top + height), 1.0, BLACK));
    shapes.extend(x_axis(&panel.x, (left, top + height), width));
    shapes.extend(y_axis(&panel.y, (left, top), height));
    shapes
}

fn heads(panel: &Panel, left: f64, top: f64) -> Vec<Shape> {
    let mut shapes = Vec::new();
    let mut baseline = top - 6.0;
    if !panel.note.is_empty() {
        let mut note = Text::new(panel.note.clone(), NOTE, (left, baseline), Anchor::Start);
        note.colour = GREY;
        shapes.push(Shape::Text(note));
        baseline -= NOTE * 1.45;
    }
    if !panel.title.is_empty() {
        let mut title = Text::new(panel.title.clone(), TITLE, (left, baseline), Anchor::Start);
        title.bold = true;
        shapes.push(Shape::Text(title));
    }
    shapes
}

fn grid(panel: &Panel, (left, top): (f64, f64), (width, height): (f64, f64)) -> Vec<Shape> {
    let mut shapes = Vec::new();
    if panel.x.places().is_none() {
        let at = |share: f64| left + share * width;
        let line = |share: f64| Shape::line((at(share), top), (at(share), top + height), 0.5, PALE);
        shapes.extend(panel.x.ticks().iter().map(|tick| line(tick.share)));
    }
    let at = |share: f64| top + (1.0 - share) * height;
    let line = |share: f64| Shape::line((left, at(share)), (left + width, at(share)), 0.5, PALE);
    shapes.extend(panel.y.ticks().iter().map(|tick| line(tick.share)));
    shapes
}

fn x_axis(axis: &Axis, (left, bottom): (f64, f64), width: f64) -> Vec<Shape> {
    let (mut shapes, standing) = (Vec::new(), upright(axis, width));
    let mut depth = TICK + 6.0;
    for tick in axis.ticks() {
        let x = left + tick.share * width;
        shapes.push(Shape::line((x, bottom), (x, bottom + 3.0), 1.0, BLACK));
        let mut text = if standing {
            depth = widest(axis) + 8.0;
            Text { upward: true, ..Text::new(tick.text, TICK, (x + 0.36 * TICK, bottom + 6.0), Anchor::End) }
        } else {
            Text::new(tick.text, TICK, (x, bottom + 5.0 + TICK), Anchor::Middle)
        };
        text.bold = tick.marked;
        shapes.push(Shape::Text(text));
    }
    let at = (left + width / 2.0, bottom + depth + LABEL * 1.25);
    shapes.push(Shape::Text(Text::new(axis.label.clone(), LABEL, at, Anchor::Middle)));
    shapes
}

fn y_axis(axis: &Axis, (left, top): (f64, f64), height: f64) -> Vec<Shape> {
    let mut shapes = Vec::new();
    for tick in axis.ticks() {
        // Names are read from above, as the rows of a table are.
        let share = if axis.places().is_some() { tick.share } else { 1.0 - tick.share };
        let y = top + share * height;
        shapes.push(Shape::line((left - 3.0, y), (left, y), 1.0, BLACK));
        let mut text = Text::new(tick.text, TICK, (left - 6.0, y + 0.36 * TICK), Anchor::End);
        text.bold = tick.marked;
        shapes.push(Shape::Text(text));
    }
    let at = (left - widest(axis) - 8.0 - LABEL * 0.5, top + height / 2.0);
    let label = Text::new(axis.label.clone(), LABEL, at, Anchor::Middle);
    shapes.push(Shape::Text(Text { upward: true, ..label }));
    shapes
}
