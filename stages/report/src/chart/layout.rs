//! Puts panels beside each other, and the legend under them.

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
    let margins: Vec<Margins> = chart.panels.iter().map(|one| panel::margins(one, chart.area)).collect();
    // Equal margins within a column and within a row keep the axes in line.
    let of = |column: usize| -> Margins {
        margins.iter().skip(column).step_by(columns).copied().fold(Margins::default(), Margins::max)
    };
    let wide: Vec<Margins> = (0..columns).map(of).collect();
    let tall: Vec<Margins> =
        margins.chunks(columns).map(|row| row.iter().copied().fold(Margins::default(), Margins::max)).collect();
    let (mut shapes, mut y) = (Vec::new(), GAP);
    let mut width = GAP;
    for (row, panels) in chart.panels.chunks(columns).enumerate() {
        let mut x = GAP;
        for (one, margins) in panels.iter().zip(&wide) {
            shapes.extend(panel::draw(one, (x + margins.left, y + tall[row].top), chart.area));
            x += margins.left + chart.area.0 + margins.right + GAP;
        }
        width = width.max(x);
        y += tall[row].top + chart.area.1 + tall[row].bottom + GAP;
    }
    let entries = legend::entries(&chart.panels);
    if !entries.is_empty() {
        let (drawn, used) = legend::draw(&entries, width, y - GAP / 2.0);
        shapes.extend(drawn);
        y += used;
    }
    Picture { width, height: y, shapes }
}
