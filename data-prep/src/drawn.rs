//! Digits drawn by our own code: strokes with random slant, width, shift, elastic bend and noise.
//!
//! The embedded data: needs no download, and gives the same bytes on every machine. Sine and its like come from `libm`,
//! because the standard library's differ between platforms.

use rayon::prelude::*;

use crate::digits::{Digits, SIDE, Split};
use crate::random::Random;

/// A point in the unit square, `y` downwards.
type Point = (f64, f64);

/// Draws training and test digits. Digit `i` of a split is a function of the seed, the split and `i`.
#[must_use]
pub(crate) fn draw(count: usize, test_count: usize, seed: u64) -> Digits {
    Digits { train: split(count, seed, 1), test: split(test_count, seed, 2) }
}

fn split(count: usize, seed: u64, domain: u64) -> Split {
    let drawn: Vec<(Vec<u8>, u8)> = (0..count as u64)
        .into_par_iter()
        .map(|index| {
            let mut random = Random::of(seed, domain, index);
            let digit = random.below(10);
            (image(digit, &mut random), u8::try_from(digit).unwrap_or(0))
        })
        .collect();
    let (images, labels): (Vec<Vec<u8>>, Vec<u8>) = drawn.into_iter().unzip();
    Split { images: images.concat(), labels }
}

/// One picture of a digit.
fn image(digit: usize, random: &mut Random) -> Vec<u8> {
    let strokes = strokes(digit, random);
    let bend = Bend::new(random);
    let placed: Vec<Vec<Point>> = strokes.iter().map(|s| s.iter().map(|p| bend.apply(*p)).collect()).collect();
    let placed = centre(placed, random);
    let width = random.range(0.9, 2.0);
    let ink = random.range(0.85, 1.0);
    let speckle = random.range(0.0, 0.04);
    let mut pixels = Vec::with_capacity(SIDE * SIDE);
    for row in 0..SIDE {
        for column in 0..SIDE {
            let at = (column as f64 + 0.5, row as f64 + 0.5);
            let distance = placed.iter().map(|stroke| to_stroke(at, stroke)).fold(f64::INFINITY, f64::min);
            // A soft edge one pixel wide, as a scanner would see it.
            let cover = (width + 0.5 - distance).clamp(0.0, 1.0);
            let value = cover * ink + random.normal() * speckle * cover.max(0.15);
            pixels.push((value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8);
        }
    }
    pixels
}

/// Slant, turn, stretch, and waves that bend lines as a hand does.
struct Bend {
    slant: f64,
    turn: (f64, f64),
    stretch: (f64, f64),
    waves: [(f64, f64, f64, f64); 2],
}

impl Bend {
    fn new(random: &mut Random) -> Self {
        let angle = random.normal() * 0.10;
        let mut wave = || {
            let amplitude = random.range(-0.05, 0.05);
            (amplitude, random.range(2.0, 6.0), random.range(0.0, std::f64::consts::TAU), random.range(-0.05, 0.05))
        };
        let waves = [wave(), wave()];
        Bend {
            slant: random.normal() * 0.16 - 0.08,
            turn: (libm::cos(angle), libm::sin(angle)),
            stretch: (random.range(0.75, 1.1), random.range(0.9, 1.05)),
            waves,
        }
    }

    fn apply(&self, (x, y): Point) -> Point {
        let (x, y) = ((x - 0.5) * self.stretch.0, (y - 0.5) * self.stretch.1);
        let x = x + self.slant * y;
        let [a, b] = self.waves;
        let x = x + a.0 * libm::sin(a.1 * y + a.2) + a.3 * y * y;
        let y = y + b.0 * libm::sin(b.1 * x + b.2) + b.3 * x * x;
        (x * self.turn.0 - y * self.turn.1, x * self.turn.1 + y * self.turn.0)
    }
}

/// Scales a drawing into 20×20 pixels and puts its middle near that of the picture, as MNIST's digits are.
fn centre(mut strokes: Vec<Vec<Point>>, random: &mut Random) -> Vec<Vec<Point>> {
    let points = || strokes.iter().flatten();
    let low = points().fold((f64::MAX, f64::MAX), |a, p| (a.0.min(p.0), a.1.min(p.1)));
    let high = points().fold((f64::MIN, f64::MIN), |a, p| (a.0.max(p.0), a.1.max(p.1)));
    let size = (high.0 - low.0).max(high.1 - low.1).max(1e-6);
    let scale = random.range(16.0, 19.5) / size;
    let shift = (random.normal() * 0.7, random.normal() * 0.7);
    let middle = ((low.0 + high.0) / 2.0, (low.1 + high.1) / 2.0);
    let half = SIDE as f64 / 2.0;
    for point in strokes.iter_mut().flatten() {
        *point = ((point.0 - middle.0) * scale + half + shift.0, (point.1 - middle.1) * scale + half + shift.1);
    }
    strokes
}

/// Distance from a point to a line of points.
fn to_stroke(at: Point, stroke: &[Point]) -> f64 {
    let squared = stroke.windows(2).map(|pair| {
        let (from, to) = (pair[0], pair[1]);
        let along = (to.0 - from.0, to.1 - from.1);
        let length = along.0 * along.0 + along.1 * along.1;
        let share = if length > 0.0 {
            (((at.0 - from.0) * along.0 + (at.1 - from.1) * along.1) / length).clamp(0.0, 1.0)
        } else {
            0.0
        };
        let away = (at.0 - from.0 - share * along.0, at.1 - from.1 - share * along.1);
        away.0 * away.0 + away.1 * away.1
    });
    libm::sqrt(squared.fold(f64::INFINITY, f64::min))
}

/// An arc of an ellipse; angles in turns, clockwise from the right since `y` points down.
fn arc(centre: Point, radii: Point, from: f64, to: f64) -> Vec<Point> {
    const PARTS: usize = 14;
    (0..=PARTS)
        .map(|part| {
            let angle = (from + (to - from) * part as f64 / PARTS as f64) * std::f64::consts::TAU;
            (centre.0 + radii.0 * libm::cos(angle), centre.1 + radii.1 * libm::sin(angle))
        })
        .collect()
}

/// A cubic Bézier curve.
fn curve(a: Point, b: Point, c: Point, d: Point) -> Vec<Point> {
    const PARTS: usize = 12;
    (0..=PARTS)
        .map(|part| {
            let t = part as f64 / PARTS as f64;
            let u = 1.0 - t;
            let mix = |a: f64, b: f64, c: f64, d: f64| {
                u * u * u * a + 3.0 * u * u * t * b + 3.0 * u * t * t * c + t * t * t * d
            };
            (mix(a.0, b.0, c.0, d.0), mix(a.1, b.1, c.1, d.1))
        })
        .collect()
}

/// The strokes of a digit in one of its usual forms, its corners moved a little.
fn strokes(digit: usize, random: &mut Random) -> Vec<Vec<Point>> {
    let style = random.unit();
    let mut j = |x: f64, y: f64| (x + random.normal() * 0.02, y + random.normal() * 0.02);
    match digit {
        0 => vec![arc(j(0.5, 0.5), (0.30, 0.45), 0.72, 1.75)],
        1 if style < 0.6 => vec![vec![j(0.52, 0.05), j(0.5, 0.95)]],
        1 => vec![vec![j(0.32, 0.25), j(0.54, 0.05), j(0.52, 0.95)]],
        2 => {
            let loops = if style < 0.35 { j(0.35, 0.78) } else { j(0.18, 0.95) };
            let mut line = curve(j(0.2, 0.25), j(0.25, -0.05), j(0.95, -0.05), j(0.72, 0.42));
            line.extend(curve(line[line.len() - 1], j(0.55, 0.66), j(0.3, 0.8), loops));
            line.extend([j(0.2, 0.92), j(0.85, 0.93)]);
            vec![line]
        }
        3 => {
            let mut line = curve(j(0.2, 0.12), j(0.6, -0.08), j(1.0, 0.3), j(0.42, 0.46));
            line.extend(curve(j(0.45, 0.46), j(1.05, 0.5), j(0.85, 1.1), j(0.15, 0.88)));
            vec![line]
        }
        4 if style < 0.65 => {
            vec![vec![j(0.3, 0.08), j(0.2, 0.55), j(0.85, 0.53)], vec![j(0.72, 0.1), j(0.66, 0.95)]]
        }
        4 => vec![vec![j(0.68, 0.95), j(0.68, 0.05), j(0.15, 0.65), j(0.9, 0.64)]],
        5 => {
            let mut line = vec![j(0.82, 0.07), j(0.32, 0.08), j(0.27, 0.44)];
            line.extend(curve(j(0.28, 0.44), j(0.85, 0.28), j(1.0, 0.98), j(0.15, 0.92)));
            vec![line]
        }
        6 => {
            let mut line = curve(j(0.68, 0.05), j(0.35, 0.15), j(0.2, 0.5), j(0.23, 0.72));
            line.extend(arc(j(0.5, 0.72), (0.27, 0.22), 0.5, 1.52).into_iter().map(|(x, y)| (x, 1.44 - y)));
            vec![line]
        }
        7 => {
            let mut drawn = vec![vec![j(0.15, 0.12), j(0.85, 0.1), j(0.6, 0.5), j(0.42, 0.95)]];
            if style < 0.25 {
                drawn.push(vec![j(0.35, 0.5), j(0.8, 0.48)]);
            }
            drawn
        }
        8 => {
            let upper = arc(j(0.5, 0.27), (0.23, 0.21), 0.25, 1.25);
            let lower = arc(j(0.5, 0.71), (0.28, 0.23), 0.75, 1.75);
            vec![upper, lower]
        }
        _ => {
            let mut line = arc(j(0.48, 0.3), (0.25, 0.23), 0.0, -1.0);
            let tail = if style < 0.5 { j(0.66, 0.95) } else { j(0.4, 0.96) };
            line.extend(curve(line[line.len() - 1], j(0.74, 0.5), j(0.72, 0.75), tail));
            vec![line]
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_same_bytes_on_every_machine_and_for_any_number_of_threads() {
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| draw(300, 50, 7))
        };
        let digits = with(1);
        assert_eq!(digits, with(4));
        let hash = Sha256::new().chain_update(&digits.train.images).chain_update(&digits.test.labels).finalize();
        // Fixed for all time: results in stores rest on it.
        assert_eq!(
            hash[..8],
            [204, 234, 177, 134, 214, 196, 25, 114],
            "the drawing changed: stored results become stale"
        );
    }

    #[test]
    fn digits_are_distinct_and_in_the_picture() {
        let digits = draw(400, 0, 1).train;
        for row in 0..digits.len() {
            let image = digits.image(row);
            let ink: u32 = image.iter().map(|p| u32::from(*p)).sum::<u32>() / 255;
            assert!((20..400).contains(&ink), "digit {} in row {row} has {ink} pixels of ink", digits.labels[row]);
            let border = (0..SIDE).map(|i| u32::from(image[i]) + u32::from(image[(SIDE - 1) * SIDE + i])).sum::<u32>();
            assert!(border < 255 * 12, "row {row} runs out of the picture");
        }
        assert!((0..10).all(|digit| digits.labels.contains(&digit)));
        assert_ne!(draw(1, 0, 1).train.images, draw(1, 0, 2).train.images);
    }
}
