//! The legend: one entry for each name of a series, in rows below the panels, where it covers nothing.

use super::paint;
use super::shape::{Anchor, GREY, Shape, Text, dashed};
use super::{Body, Look, Panel};
use super::{series, style};

const EM: f64 = 10.5;
const SAMPLE: f64 = 26.0;
const BETWEEN: f64 = 18.0;
const ROW: f64 = 17.0;

/// A name with its look.
pub(super) struct Entry {
    name: String,
    style: usize,
    sample: Sample,
}

/// What stands before a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sample {
    Of(Look),
    /// The marker of points beyond an axis.
    Beyond,
}

impl Entry {
    /// Width of what stands before the name.
    fn sample(&self) -> f64 {
        if matches!(self.sample, Sample::Of(Look::Marks) | Sample::Beyond) { 8.0 } else { SAMPLE }
    }
}

/// The names of all panels in the order of their first appearance; nothing where a single name needs no telling apart.
/// Where a point lies beyond an axis, the last entry tells how that is marked.
pub(super) fn entries(panels: &[Panel]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut beyond = false;
    for panel in panels {
        let Body::Series(series) = &panel.body else { continue };
        for one in series {
            beyond |= series::beyond(one, &panel.x, &panel.y);
            if !one.name.is_empty() && !entries.iter().any(|entry| entry.name == one.name) {
                entries.push(Entry { name: one.name.clone(), style: one.style, sample: Sample::Of(one.look) });
            }
        }
    }
    if beyond {
        entries.push(Entry { name: "beyond the axis".into(), style: 0, sample: Sample::Beyond });
    }
    if beyond || entries.len() > 1 { entries } else { Vec::new() }
}

/// Draws the rows centred in a width, and tells the height that they take.
pub(super) fn draw(entries: &[Entry], width: f64, top: f64) -> (Vec<Shape>, f64) {
    let size = |entry: &Entry| entry.sample() + 6.0 + paint::width(&entry.name, EM, false);
    let mut rows: Vec<Vec<&Entry>> = vec![Vec::new()];
    let mut used = 0.0;
    for entry in entries {
        let more = size(entry) + BETWEEN;
        if used + more > width && rows.last().is_some_and(|row| !row.is_empty()) {
            rows.push(Vec::new());
            used = 0.0;
        }
        used += more;
        if let Some(row) = rows.last_mut() {
            row.push(entry);
        }
    }
    let mut shapes = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let total: f64 = row.iter().map(|entry| size(entry)).sum::<f64>() + BETWEEN * (row.len() as f64 - 1.0);
        let (mut x, y) = ((width - total) / 2.0, top + ROW * (number as f64 + 0.5));
        for entry in row {
            shapes.extend(sample(entry, x, y));
            let at = (x + entry.sample() + 6.0, y + 0.36 * EM);
            shapes.push(Shape::Text(Text::new(entry.name.clone(), EM, at, Anchor::Start)));
            x += size(entry) + BETWEEN;
        }
    }
    (shapes, ROW * rows.len() as f64 + 4.0)
}

fn sample(entry: &Entry, x: f64, y: f64) -> Vec<Shape> {
    let ends = [(x, y), (x + entry.sample(), y)];
    let middle = (x + entry.sample() / 2.0, y);
    let look = match entry.sample {
        Sample::Beyond => return style::beyond(GREY, (middle.0, y + 4.0), (0.0, 1.0)),
        Sample::Of(look) => look,
    };
    match look {
        Look::Marks => style::marker(entry.style, middle),
        Look::Line => style::line(entry.style, &ends).into_iter().chain(style::marker(entry.style, middle)).collect(),
        Look::Guide => dashed(&ends, &[4.0, 3.0], 1.0, GREY),
        Look::Bars | Look::HatchedBars => {
            let hatched = look == Look::HatchedBars;
            style::bar(entry.style, hatched, (x + 6.0, y - 5.0), (x + SAMPLE, y + 5.0))
        }
    }
}
