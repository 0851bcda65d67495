//! A sheet of small pictures to look at, with labels.

use image::{Rgb, RgbImage};

/// Space between tiles, in pixels.
const GAP: u32 = 3;
/// Height of a label line, in pixels.
const LABEL: u32 = 9;

/// Puts tiles into rows of `columns`, each with a label under it. Tiles are scaled up by whole `scale`.
#[must_use]
pub fn contact_sheet(tiles: &[(RgbImage, String)], columns: u32, scale: u32) -> RgbImage {
    let columns = columns.max(1);
    let scale = scale.max(1);
    let width = tiles.iter().map(|(tile, _)| tile.width()).max().unwrap_or(1) * scale;
    let height = tiles.iter().map(|(tile, _)| tile.height()).max().unwrap_or(1) * scale;
    let rows = u32::try_from(tiles.len()).unwrap_or(u32::MAX).div_ceil(columns).max(1);
    let (cell_width, cell_height) = (width + GAP, height + LABEL + GAP);
    let size = (columns * cell_width + GAP, rows * cell_height + GAP);
    let mut sheet = RgbImage::from_pixel(size.0, size.1, Rgb([245, 245, 245]));
    for (position, (tile, label)) in (0_u32..).zip(tiles) {
        let left = GAP + position % columns * cell_width;
        let top = GAP + position / columns * cell_height;
        for (x, y, pixel) in tile.enumerate_pixels() {
            for dy in 0..scale {
                for dx in 0..scale {
                    sheet.put_pixel(left + x * scale + dx, top + y * scale + dy, *pixel);
                }
            }
        }
        write_label(&mut sheet, label, left, top + height + 1, width);
    }
    sheet
}

/// Draws a label, cut to the width of its tile.
fn write_label(sheet: &mut RgbImage, label: &str, left: u32, top: u32, width: u32) {
    for (position, letter) in (0_u32..).zip(label.chars()) {
        let x = left + position * 4;
        if x + 3 > left + width {
            return;
        }
        for (row, bits) in (0_u32..).zip(glyph(letter)) {
            for column in 0..3 {
                let inside = x + column < sheet.width() && top + row < sheet.height();
                if bits >> (2 - column) & 1 == 1 && inside {
                    sheet.put_pixel(x + column, top + row, Rgb([30, 30, 30]));
                }
            }
        }
    }
}

/// A letter as five rows of three bits.
fn glyph(letter: char) -> [u8; 5] {
    const DIGITS: [[u8; 5]; 10] = [
        [7, 5, 5, 5, 7],
        [2, 6, 2, 2, 7],
        [7, 1, 7, 4, 7],
        [7, 1, 7, 1, 7],
        [5, 5, 7, 1, 1],
        [7, 4, 7, 1, 7],
        [7, 4, 7, 5, 7],
        [7, 1, 2, 2, 2],
        [7, 5, 7, 5, 7],
        [7, 5, 7, 1, 7],
    ];
    const LETTERS: [[u8; 5]; 26] = [
        [2, 5, 7, 5, 5],
        [6, 5, 6, 5, 6],
        [3, 4, 4, 4, 3],
        [6, 5, 5, 5, 6],
        [7, 4, 6, 4, 7],
        [7, 4, 6, 4, 4],
        [3, 4, 5, 5, 3],
        [5, 5, 7, 5, 5],
        [7, 2, 2, 2, 7],
        [1, 1, 1, 5, 2],
        [5, 5, 6, 5, 5],
        [4, 4, 4, 4, 7],
        [5, 7, 7, 5, 5],
        [6, 5, 5, 5, 5],
        [2, 5, 5, 5, 2],
        [6, 5, 6, 4, 4],
        [2, 5, 5, 6, 3],
        [6, 5, 6, 5, 5],
        [3, 4, 2, 1, 6],
        [7, 2, 2, 2, 2],
        [5, 5, 5, 5, 7],
        [5, 5, 5, 5, 2],
        [5, 5, 7, 7, 5],
        [5, 5, 2, 5, 5],
        [5, 5, 2, 2, 2],
        [7, 1, 2, 4, 7],
    ];
    match letter {
        '0'..='9' => DIGITS[letter as usize - '0' as usize],
        'a'..='z' => LETTERS[letter as usize - 'a' as usize],
        'A'..='Z' => LETTERS[letter as usize - 'A' as usize],
        '-' => [0, 0, 7, 0, 0],
        '.' => [0, 0, 0, 0, 2],
        ':' => [0, 2, 0, 2, 0],
        '=' => [0, 7, 0, 7, 0],
        _ => [0; 5],
    }
}
