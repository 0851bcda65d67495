//! What pictures look like, that they are the same each time, and that axes are where they say.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::axis::Tick;
use super::shape::{BLACK, Shape, dashed};
use super::*;

fn chart(body: Body) -> Chart {
    let panel = Panel {
        title: "A title".into(),
        note: "a note".into(),
        x: Axis::log_around("limit (%)", [1.0, 100.0]),
        y: Axis::between("accuracy (%)", 90.0, 100.0),
        body,
    };
    Chart { panels: vec![panel], columns: 1, area: (200.0, 120.0) }
}

fn series() -> Body {
    let points = vec![Point::within(2.0, 95.0, 94.0, 96.0), Point::new(50.0, 98.0)];
    Body::Series(vec![
        Series { name: "one".into(), style: 0, look: Look::Line, points: points.clone() },
        Series { name: "two <&>".into(), style: 1, look: Look::Marks, points },
    ])
}

/// Width, height, and the pixels of a PNG.
fn decoded(bytes: &[u8]) -> (usize, usize, Vec<u8>) {
    let mut reader = ::png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info.width as usize, info.height as usize, pixels)
}

/// Share of pixels of one colour, in the rows of a band.
fn share(pixels: &[u8], width: usize, rows: std::ops::Range<usize>, colour: [u8; 3]) -> f64 {
    let band = &pixels[rows.start * width * 3..rows.end * width * 3];
    let all = band.as_chunks::<3>().0;
    all.iter().filter(|pixel| **pixel == colour).count() as f64 / all.len() as f64
}

#[test]
fn an_svg_says_what_the_chart_says() {
    let points = vec![Point::new(1.0, 0.1), Point::new(100.0, 1.0)];
    let mut small = chart(Body::Series(vec![Series { name: "a".into(), style: 0, look: Look::Guide, points }]));
    small.panels[0].note = String::new();
    small.panels[0].y = Axis::between("y", 0.0, 1.0);
    let text = svg(&small).unwrap();
    let words = text.lines().filter(|line| !line.starts_with('<')).collect::<Vec<&str>>().join("|");
    let told: Vec<&str> = text.lines().skip(1).take(2).collect();
    assert_eq!(told, ["<title>A title</title>", "<desc>A title; y against limit (%); a.</desc>"]);
    assert_eq!(words, "A title|1|2|5|10|20|50|100|limit (%)|0.0|0.2|0.4|0.6|0.8|1.0|y");
    let head = text.lines().next().unwrap();
    assert_eq!(
        head,
        "<svg width=\"275\" height=\"203\" viewBox=\"0 0 1100 812\" xmlns=\"http://www.w3.org/2000/svg\">"
    );
    let many = svg(&chart(series())).unwrap();
    assert_eq!(many.matches("two &lt;&amp;&gt;").count(), 2, "names are text, in the legend and in the description");
    assert_eq!(many, svg(&chart(series())).unwrap(), "equal charts give equal bytes");
}

#[test]
fn a_png_is_the_same_picture() {
    let bytes = png(&chart(series())).unwrap();
    assert_eq!(bytes, png(&chart(series())).unwrap());
    let (width, height, pixels) = decoded(&bytes);
    let text = svg(&chart(series())).unwrap();
    assert!(text.contains(&format!("width=\"{}\" height=\"{}\"", width / 2, height / 2)), "{width} {height}");
    let white = share(&pixels, width, 0..height, [255, 255, 255]);
    assert!((0.7..0.98).contains(&white), "{white}");
    for colour in [[0, 114, 178], [213, 94, 0], [0, 0, 0]] {
        assert!(share(&pixels, width, 0..height, colour) > 1e-4, "{colour:?} is there");
    }
    // The heading and the legend: letters are drawn.
    assert!(share(&pixels, width, 0..70, [0, 0, 0]) > 1e-3, "a title");
    assert!(share(&pixels, width, height - 40..height, [0, 0, 0]) > 1e-3, "a legend");
}

#[test]
fn cells_are_the_darker_the_more() {
    let cells = |value: f64| {
        let (width, height, pixels) = decoded(&png(&chart(Body::Cells(vec![vec![value]]))).unwrap());
        let all = &pixels[(height / 2) * width * 3..(height / 2 + 1) * width * 3];
        all.iter().map(|byte| u64::from(*byte)).sum::<u64>()
    };
    assert!(cells(0.0) > cells(0.4) && cells(0.4) > cells(1.0));
}

#[test]
fn ticks_are_round_numbers_within_the_axis() {
    let texts = |axis: &Axis| axis.ticks().into_iter().map(|tick| tick.text).collect::<Vec<String>>();
    assert_eq!(texts(&Axis::between("", 0.0, 100.0)), ["0", "20", "40", "60", "80", "100"]);
    assert_eq!(texts(&Axis::between("", -0.013, 0.021)), ["-0.01", "0.00", "0.01", "0.02"]);
    assert_eq!(texts(&Axis::between("", 98.3, 100.2)), ["98.5", "99.0", "99.5", "100.0"]);
    assert_eq!(texts(&Axis::log_around("", [0.02, 0.5])), ["0.02", "0.05", "0.1", "0.2", "0.5"]);
    assert_eq!(texts(&Axis::log_around("", [0.68, 1.35])), ["0.8", "1", "1.2"]);
    assert_eq!(texts(&Axis::log_around("", [1.0, 1e5])), ["1", "10", "100", "1000", "10000", "100000"]);
    let names =
        Axis::names("", vec![Name { text: "a".into(), marked: true }, Name { text: "b".into(), marked: false }]);
    assert_eq!(names.ticks()[0], Tick { share: 0.25, text: "a".into(), marked: true });
    for axis in
        [Axis::around("", [3.0]), Axis::around("", []), Axis::log_around("", [0.0]), Axis::log_around("", [7.0])]
    {
        assert!(axis.ticks().iter().all(|tick| (-1e-9..=1.0 + 1e-9).contains(&tick.share)), "{axis:?}");
        assert!(!axis.ticks().is_empty(), "{axis:?}");
    }
}

#[test]
fn dashes_cover_their_share_of_a_line() {
    let length = |shape: &Shape| match shape {
        Shape::Line { points, .. } => (points[1].0 - points[0].0).hypot(points[1].1 - points[0].1),
        _ => f64::NAN,
    };
    let drawn: f64 =
        dashed(&[(0.0, 0.0), (30.0, 40.0), (30.0, 90.0)], &[6.0, 4.0], 1.0, BLACK).iter().map(length).sum();
    assert!((drawn - 60.0).abs() < 1e-6, "{drawn}");
    assert_eq!(dashed(&[(0.0, 0.0), (1.0, 0.0)], &[], 1.0, BLACK).len(), 1);
}

/// A logarithmic axis below another, and points of which some lie beyond them or nowhere.
fn wild() -> Chart {
    let far = [0.0, -5.0, 2.0, 50.0, 1e12, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    let points: Vec<Point> = far.iter().flat_map(|x| far.map(|y| Point::within(*x, y, y - 1.0, y * 2.0))).collect();
    let looks = [Look::Marks, Look::Line, Look::Guide, Look::Bars, Look::HatchedBars];
    let series = looks.into_iter().enumerate();
    let series = series.map(|(style, look)| Series { name: "one".into(), style, look, points: points.clone() });
    let mut chart = chart(Body::Series(series.collect()));
    let mut upright = chart.panels[0].clone();
    upright.y = Axis::log_around("ratio (%)", [0.0, 1.0, 60.0]);
    chart.panels.push(upright);
    chart
}

#[test]
fn what_lies_beyond_an_axis_is_marked_at_its_end() {
    let chart = wild();
    let picture = layout::picture(&chart);
    assert!(picture.shapes.iter().all(Shape::finite));
    // Frames are drawn after what is in them, and before ticks and labels.
    let (mut left, mut inside) = (0, 0);
    for shape in &picture.shapes {
        let points = match shape {
            Shape::Line { points, .. } | Shape::Fill { points, .. } => points.clone(),
            Shape::Disc { centre, .. } => vec![*centre],
            Shape::Text(_) => continue,
        };
        let all = points.iter().all(|(x, y)| (0.0..=picture.width).contains(x) && (0.0..=picture.height).contains(y));
        if all { inside += 1 } else { left += 1 }
    }
    assert_eq!((left, inside > 100), (0, true), "nothing leaves the picture");
    let text = svg(&chart).unwrap();
    assert!(text.contains("\nbeyond the axis\n"), "the legend tells the mark");
    assert!(text.len() < 3_000_000 && png(&chart).is_ok());
    let tame = svg(&self::chart(series())).unwrap();
    assert!(!tame.contains("beyond"), "no mark where nothing is beyond");
}

#[test]
fn points_are_held_at_the_ends_of_their_axes() {
    let at = |axis: &Axis, value: f64| axis.held(value).map(|held| (held.share, held.side));
    let log = Axis::log_around("", [1.0, 100.0]);
    assert_eq!(at(&log, 0.0), Some((0.0, -1.0)));
    assert_eq!(at(&log, -3.0), Some((0.0, -1.0)));
    assert_eq!(at(&log, f64::INFINITY), Some((1.0, 1.0)));
    assert_eq!(at(&log, f64::NAN), None);
    assert!(at(&log, 10.0).is_some_and(|(share, side)| (share - 0.5).abs() < 1e-9 && side == 0.0));
    let even = Axis::between("", 0.0, 10.0);
    assert_eq!((at(&even, 10.0), at(&even, 10.1)), (Some((1.0, 0.0)), Some((1.0, 1.0))));
    assert_eq!(at(&Axis::between("", 3.0, 3.0), 3.0), Some((0.0, 0.0)), "no span becomes one");
    assert!(!Shape::line((0.0, f64::NAN), (1.0, 1.0), 1.0, BLACK).finite());
    let torn = [(0.0, 0.0), (f64::INFINITY, 0.0), (0.0, f64::NAN), (8.0, 0.0)];
    assert_eq!(dashed(&torn, &[4.0, 4.0], 1.0, BLACK).len(), 1);
}

#[test]
fn a_legend_lists_each_name_once_and_only_where_there_are_several() {
    let one =
        |name: &str| Series { name: name.into(), style: 0, look: Look::Marks, points: vec![Point::new(2.0, 91.0)] };
    let words = |body: Vec<Vec<Series>>| {
        let panels = body.into_iter().map(|series| chart(Body::Series(series)).panels.remove(0)).collect();
        let text = svg(&Chart { panels, columns: 2, area: (100.0, 80.0) }).unwrap();
        text.matches("\nalpha\n").count()
    };
    assert_eq!(words(vec![vec![one("alpha"), one("beta")], vec![one("alpha")]]), 1);
    assert_eq!(words(vec![vec![one("alpha")]]), 0);
}
