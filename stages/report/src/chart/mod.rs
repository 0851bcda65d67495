//! Charts: a description of panels, axes and series, and the same picture of it as SVG and as PNG.
//!
//! Series differ by marker and dash as well as by colour, legends stand outside the axes, and equal descriptions give
//! equal bytes. Nothing is drawn outside the axes.

mod axis;
mod cells;
mod compact;
mod layout;
mod legend;
mod paint;
mod panel;
mod series;
mod shape;
mod style;
mod words;

pub(crate) use axis::{Axis, Name};
pub(crate) use paint::{png, svg};

/// A picture of one or more panels beside each other.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    pub(crate) panels: Vec<Panel>,
    /// Panels of a row.
    pub(crate) columns: usize,
    /// Width and height of the area between a panel's axes, in pixels of a screen (1/96 inch).
    pub(crate) area: (f64, f64),
}

/// One pair of axes and what is drawn between them.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) title: String,
    /// A line under the title.
    pub(crate) note: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) body: Body,
}

/// What is drawn between the axes.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// Points, lines and bars.
    Series(Vec<Series>),
    /// Rows of shares in `[0, 1]`, shaded, with their values printed; the first row is at the top.
    Cells(Vec<Vec<f64>>),
}

/// Points with one look. Series of one name share one entry of the legend.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// Number of the style: colour, marker and dash together.
    pub(crate) style: usize,
    pub(crate) look: Look,
    pub(crate) points: Vec<Point>,
}

/// How points are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Markers.
    Marks,
    /// Markers joined by a line.
    Line,
    /// A line without markers, for what the eye compares with.
    Guide,
    /// Bars from the lower end of the axis.
    Bars,
    /// Hatched bars.
    HatchedBars,
}

/// One point, with an interval of its height where there is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) interval: Option<(f64, f64)>,
}

impl Point {
    pub(crate) fn new(x: f64, y: f64) -> Self {
        Point { x, y, interval: None }
    }

    pub(crate) fn within(x: f64, y: f64, low: f64, high: f64) -> Self {
        Point { x, y, interval: Some((low, high)) }
    }
}

#[cfg(test)]
mod tests;
