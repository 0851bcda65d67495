//! What pictures look like, that they are the same each time, and that axes are where they say.
#![expect(clippy::unwrap_used, reason = "tests")]

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

#[test]
#[ignore = "prints"]
fn look() {
    fs_err::write("/tmp/chart.png", png(&chart(series())).unwrap()).unwrap();
    fs_err::write("/tmp/chart.svg", svg(&chart(series())).unwrap()).unwrap();
    let cells = Body::Cells(vec![vec![1.0, 0.4, 0.1], vec![0.4, 1.0, 0.3], vec![0.1, 0.3, 1.0]]);
    fs_err::write("/tmp/cells.png", png(&chart(cells)).unwrap()).unwrap();
}
