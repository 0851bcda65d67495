//! Puts panels beside each other, and the legend under them.
//!
//! It does not know file formats.

use super::panel::Margins;
use super::shape::Shape;
use super::{Chart, legend, panel};

/// All shapes of a picture, and its size in pixels of a screen.
pub(super) struct Picture {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) shapes: Vec<Shape>,
}

/// Space between panels, and around the whole.
const GAP: f64 = 12.0;

pub(super) fn picture(chart: &Chart) -> Picture {
    let columns = chart.columns.clamp(1, chart.panels.len().max(1));
    let rows = chart.panels.len().div_ceil(columns);
    // Equal margins keep the axes of all panels in line.
    let margins = chart.panels.iter().map(|one| panel::margins(one, chart.area)).fold(Margins::default(), Margins::max);
    let cell = (margins.left + chart.area.0 + margins.right + GAP, margins.top + chart.area.1 + margins.bottom + GAP);
    let width = cell.0 * columns as f64 + GAP;
    let mut shapes = Vec::new();
    for (number, one) in chart.panels.iter().enumerate() {
        let (column, row) = ((number % columns) as f64, (number / columns) as f64);
        let corner = (GAP + column * cell.0 + margins.left, GAP + row * cell.1 + margins.top);
        shapes.extend(panel::draw(one, corner, chart.area));
    }
    let mut height = cell.1 * rows as f64 + GAP;
    let entries = legend::entries(&chart.panels);
    if !entries.is_empty() {
        let (drawn, used) = legend::draw(&entries, width, height - GAP / 2.0);
        shapes.extend(drawn);
        height += used;
    }
    Picture { width, height, shapes }
}
