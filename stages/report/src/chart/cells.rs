//! A matrix of shares: the darker the more, with the value printed in each cell.

use super::shape::{Anchor, BLACK, Colour, Shape, Text, WHITE};

/// From white to a dark blue, evenly in lightness, so that a grey copy shows the same order.
fn shade(share: f64) -> Colour {
    let share = share.clamp(0.0, 1.0);
    let mix = |dark: f64| (255.0 + (dark - 255.0) * share).round() as u8;
    (mix(8.0), mix(48.0), mix(107.0))
}

/// Cells of rows from above, filling the area.
pub(super) fn draw(rows: &[Vec<f64>], (left, top): (f64, f64), (width, height): (f64, f64)) -> Vec<Shape> {
    let mut shapes = Vec::new();
    let tall = height / rows.len().max(1) as f64;
    for (row, values) in rows.iter().enumerate() {
        let wide = width / values.len().max(1) as f64;
        for (column, value) in values.iter().enumerate() {
            let (x, y) = (left + column as f64 * wide, top + row as f64 * tall);
            shapes.push(Shape::rectangle((x, y), (x + wide, y + tall), shade(*value)));
            let em = (wide * 0.32).min(tall * 0.5).min(10.0);
            let mut text =
                Text::new(format!("{value:.2}"), em, (x + wide / 2.0, y + tall / 2.0 + 0.36 * em), Anchor::Middle);
            text.colour = if *value > 0.5 { WHITE } else { BLACK };
            shapes.push(Shape::Text(text));
        }
    }
    shapes
}
