//! Paints shapes with plotters: as SVG text, and as a PNG that is drawn finer and averaged, so that edges are smooth.

use std::sync::Once;

use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontDesc, FontFamily, FontStyle, FontTransform, RGBColor, ShapeStyle, TextStyle, register_font,
};

use super::Chart;
use super::compact::compact;
use super::layout::{self, Picture};
use super::shape::{Anchor, Colour, Shape, Text, WHITE};
use super::words;
use crate::error::ReportError;

/// Units of a backend in one pixel of a screen: backends know whole numbers only.
const FINE: i32 = 4;
/// How many units are averaged into one pixel of the PNG, which so has two a pixel of a screen.
const MEAN: usize = 2;
/// The family that pictures name, for readers of SVG with the next best that they have.
const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";
/// Height of DejaVu Sans from its lowest to its highest point, in ems.
const HEIGHT: f64 = 2384.0 / 2048.0;
/// What plotters multiplies the size of a font with before it is written.
const SVG_HEIGHT: f64 = 1.24;
/// Height of a small x, in ems.
const X_HEIGHT: f64 = 1120.0 / 2048.0;

/// Where plotters puts a text differs between its backends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Svg,
    Bitmap,
}

/// A chart as SVG, which says in words too what it shows.
pub(crate) fn svg(chart: &Chart) -> Result<String, ReportError> {
    fonts();
    let picture = layout::picture(chart);
    let (width, height) = (units(picture.width), units(picture.height));
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
        paint(&area, &picture, Format::Svg)?;
    }
    // Units stay fine, the picture gets the size it has on a screen.
    let fine = format!("width=\"{width}\" height=\"{height}\"");
    let (w, h) = (f64::from(width) / f64::from(FINE), f64::from(height) / f64::from(FINE));
    let text = compact(&text.replacen(&fine, &format!("width=\"{w}\" height=\"{h}\""), 1));
    // The words stand first of all, where readers of SVG look for them.
    let (head, rest) = text.split_once('\n').unwrap_or((&text, ""));
    Ok(format!("{head}\n{}{rest}", words::of(chart)))
}

/// A chart as PNG with 192 pixels an inch.
pub(crate) fn png(chart: &Chart) -> Result<Vec<u8>, ReportError> {
    fonts();
    let picture = layout::picture(chart);
    let (width, height) = (units(picture.width), units(picture.height));
    let mut fine = vec![255; width as usize * height as usize * 3];
    {
        let area = BitMapBackend::with_buffer(&mut fine, (width, height)).into_drawing_area();
        paint(&area, &picture, Format::Bitmap)?;
    }
    let (width, height) = (width as usize / MEAN, height as usize / MEAN);
    let pixels = averaged(&fine, width, height);
    let failed = |e: png::EncodingError| ReportError::Drawing(e.to_string());
    let mut bytes = Vec::new();
    let mut encoder =
        png::Encoder::new(&mut bytes, u32::try_from(width).unwrap_or(0), u32::try_from(height).unwrap_or(0));
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: 7559, yppu: 7559, unit: png::Unit::Meter }));
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&pixels).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(bytes)
}

/// Width of a text, in pixels of a screen.
pub(super) fn width(text: &str, em: f64, bold: bool) -> f64 {
    fonts();
    // Measured large, since plotters rounds to whole units.
    let font = font(em * HEIGHT * f64::from(FINE), bold);
    font.box_size(text).map_or(0.0, |(width, _)| f64::from(width) / f64::from(FINE))
}

/// A size in units, such that the PNG has whole pixels.
fn units(size: f64) -> u32 {
    (size.ceil() as i32 * FINE).unsigned_abs()
}

/// Makes the font known. It comes with the program, so that pictures are the same wherever they are drawn.
fn fonts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Both are valid fonts; a picture without letters would be seen at once.
        let _ = register_font(FAMILY, FontStyle::Normal, dejavu::sans::regular());
        let _ = register_font(FAMILY, FontStyle::Bold, dejavu::sans::bold());
    });
}

fn font(size: f64, bold: bool) -> FontDesc<'static> {
    FontDesc::new(FontFamily::Name(FAMILY), size, if bold { FontStyle::Bold } else { FontStyle::Normal })
}

/// Each pixel of the result is the mean of `MEAN`² finer ones.
fn averaged(fine: &[u8], width: usize, height: usize) -> Vec<u8> {
    let row = width * MEAN * 3;
    let mut pixels = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            for channel in 0..3 {
                let at =
                    |dx: usize, dy: usize| usize::from(fine[(y * MEAN + dy) * row + (x * MEAN + dx) * 3 + channel]);
                let sum: usize = (0..MEAN * MEAN).map(|n| at(n % MEAN, n / MEAN)).sum();
                pixels.push(u8::try_from((sum + MEAN * MEAN / 2) / (MEAN * MEAN)).unwrap_or(u8::MAX));
            }
        }
    }
    pixels
}

fn paint<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    picture: &Picture,
    format: Format,
) -> Result<(), ReportError> {
    let failed = |e: &dyn std::fmt::Display| ReportError::Drawing(e.to_string());
    area.fill(&rgb(WHITE)).map_err(|e| failed(&e))?;
    for shape in &picture.shapes {
        // A backend would fill the distance to the greatest whole number.
        if !shape.finite() {
            return Err(ReportError::Drawing("a shape lies at no finite place".into()));
        }
        match shape {
            Shape::Line { points, width, colour } => {
                let width = (width * f64::from(FINE)).round().max(1.0) as u32;
                let style = ShapeStyle::from(rgb(*colour)).stroke_width(width);
                area.draw(&PathElement::new(points.iter().map(|p| whole(*p)).collect::<Vec<_>>(), style))
            }
            Shape::Fill { points, colour } => {
                let points: Vec<(i32, i32)> = points.iter().map(|p| whole(*p)).collect();
                area.draw(&Polygon::new(points, rgb(*colour).filled()))
            }
            Shape::Disc { centre, radius, colour } => {
                let radius = (radius * f64::from(FINE)).round() as i32;
                area.draw(&Circle::new(whole(*centre), radius, rgb(*colour).filled()))
            }
            Shape::Text(text) => write(area, text, format),
        }
        .map_err(|e| failed(&e))?;
    }
    area.present().map_err(|e| failed(&e))
}

/// Writes a text on its baseline. SVG viewers put the baseline half an x above a "bottom", the bitmap half the font's size
/// below a "top".
fn write<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    text: &Text,
    format: Format,
) -> Result<(), plotters::drawing::DrawingAreaErrorKind<DB::ErrorType>> {
    let h_pos = match text.anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let (size, v_pos, shift) = match format {
        Format::Svg => (text.em * SVG_HEIGHT, VPos::Bottom, 0.5 * X_HEIGHT * text.em),
        Format::Bitmap => (text.em * HEIGHT, VPos::Top, -0.5 * HEIGHT * text.em),
    };
    let (x, y) = text.at;
    let at = if text.upward { (x + shift, y) } else { (x, y + shift) };
    let font = font(size * f64::from(FINE), text.bold);
    let font = if text.upward { font.transform(FontTransform::Rotate270) } else { font };
    let colour = rgb(text.colour);
    let style = TextStyle::from(font).color(&colour).pos(Pos::new(h_pos, v_pos));
    area.draw_text(&text.text, &style, whole(at))
}

fn rgb((red, green, blue): Colour) -> RGBColor {
    RGBColor(red, green, blue)
}

fn whole((x, y): (f64, f64)) -> (i32, i32) {
    ((x * f64::from(FINE)).round() as i32, (y * f64::from(FINE)).round() as i32)
}
