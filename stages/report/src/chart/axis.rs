//! An axis: its label with the unit, its ends, and where its ticks are.

/// One axis.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    /// What is measured, with its unit.
    pub(crate) label: String,
    scale: Scale,
}

#[derive(Clone, Debug)]
enum Scale {
    Linear { from: f64, to: f64 },
    Log { from: f64, to: f64 },
    Names(Vec<Name>),
}

/// A name on an axis of names; value `n` is the `n`th name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) text: String,
    /// Whether it is printed bold.
    pub(crate) marked: bool,
}

/// Where a value is drawn on an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Held {
    /// Share of the axis, in `[0, 1]`.
    pub(super) share: f64,
    /// −1 for a value below the lower end, 1 for one above the upper end, else 0.
    pub(super) side: f64,
}

/// One tick.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    /// Where, as a share of the axis.
    pub(super) share: f64,
    pub(super) text: String,
    pub(super) marked: bool,
}

impl Axis {
    /// Evenly spaced around values, with some room at both ends.
    pub(crate) fn around(label: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = ends(values);
        let room = if high > low { (high - low) * 0.05 } else { low.abs().max(1.0) * 0.1 };
        Axis::between(label, low - room, high + room)
    }

    /// Evenly spaced between two ends; what is no span becomes one.
    pub(crate) fn between(label: &str, from: f64, to: f64) -> Self {
        let from = if from.is_finite() { from } else { 0.0 };
        let to = if to.is_finite() && to > from { to } else { from + 1.0 };
        Axis { label: label.into(), scale: Scale::Linear { from, to } }
    }

    /// Accuracy in per cent, from somewhat below the least to 100 with room for marks.
    pub(crate) fn accuracy(least: f64) -> Self {
        let (from, to) = Self::ends_of_accuracy(least);
        Self::between("accuracy (%)", from, to)
    }

    /// The ends of that axis.
    pub(crate) fn ends_of_accuracy(least: f64) -> (f64, f64) {
        ((least - 1.0).max(0.0), 100.0 + (100.0 - least) * 0.04)
    }

    /// Logarithmic around positive values.
    pub(crate) fn log_around(label: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = ends(values.into_iter().filter(|value| *value > 0.0));
        let (low, high) = if low > 0.0 { (low, high) } else { (1.0, 10.0) };
        let room = if high > low { (high / low).powf(0.05) } else { 1.5 };
        Axis { label: label.into(), scale: Scale::Log { from: low / room, to: high * room } }
    }

    /// One place for each name.
    pub(crate) fn names(label: &str, names: Vec<Name>) -> Self {
        Axis { label: label.into(), scale: Scale::Names(names) }
    }

    /// Where a value lies: 0 at the lower end, 1 at the upper. What is not above 0 lies infinitely far below a logarithmic
    /// axis.
    pub(super) fn share(&self, value: f64) -> f64 {
        match &self.scale {
            Scale::Linear { from, to } => (value - from) / (to - from),
            Scale::Log { .. } if value <= 0.0 => f64::NEG_INFINITY,
            Scale::Log { from, to } => (value / from).ln() / (to / from).ln(),
            Scale::Names(names) => (value + 0.5) / names.len().max(1) as f64,
        }
    }

    /// Where a value is drawn, which is never beyond the ends; nowhere if it is not a number.
    pub(super) fn held(&self, value: f64) -> Option<Held> {
        let share = self.share(value);
        // Rounding alone makes nothing lie beyond.
        let side = if share < -1e-9 { -1.0 } else { f64::from(u8::from(share > 1.0 + 1e-9)) };
        (!share.is_nan()).then(|| Held { share: share.clamp(0.0, 1.0), side })
    }

    /// Whether it is an axis of names, and how many there are.
    pub(super) fn places(&self) -> Option<usize> {
        match &self.scale {
            Scale::Names(names) => Some(names.len()),
            _ => None,
        }
    }

    pub(super) fn ticks(&self) -> Vec<Tick> {
        let tick = |value: f64, text: String| Tick { share: self.share(value), text, marked: false };
        match &self.scale {
            Scale::Linear { from, to } => {
                let step = step(to - from);
                let decimals = (-step.log10().floor()).max(0.0) as usize;
                let first = (from / step - 1e-9).ceil() as i64;
                let last = (to / step + 1e-9).floor() as i64;
                (first..=last).map(|at| at as f64 * step).map(|v| tick(v, format!("{:.decimals$}", v + 0.0))).collect()
            }
            Scale::Log { from, to } => {
                let values = log_values(*from, *to);
                values.into_iter().map(|value| tick(value, format!("{value}"))).collect()
            }
            Scale::Names(names) => {
                let named =
                    |(at, name): (usize, &Name)| Tick { marked: name.marked, ..tick(at as f64, name.text.clone()) };
                names.iter().enumerate().map(named).collect()
            }
        }
    }
}

/// Least and greatest finite value.
fn ends(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let finite = values.into_iter().filter(|value| value.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), value| (a.min(value), b.max(value)));
    if low <= high { (low, high) } else { (0.0, 1.0) }
}

/// A step of 1, 2 or 5 times a power of ten that divides a span into at most six.
fn step(span: f64) -> f64 {
    let rough = (span / 6.0).max(1e-12);
    let power = 10_f64.powf(rough.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    factors.into_iter().map(|factor| factor * power).find(|step| *step >= rough * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

/// Ticks of a logarithmic axis: 1, 2 and 5 times powers of ten, or the powers alone where that would be many, or round
/// numbers evenly apart where it would be few.
fn log_values(from: f64, to: f64) -> Vec<f64> {
    if to / from < 6.0 {
        let step = step(to - from);
        let (first, last) = ((from / step - 1e-9).ceil() as i64, (to / step + 1e-9).floor() as i64);
        // Without the last digits of the product: 3 · 0.2 is 0.6.
        return (first..=last).map(|at| (at as f64 * step * 1e9).round() / 1e9).filter(|value| *value > 0.0).collect();
    }
    let (first, last) = (from.log10().floor() as i32, to.log10().ceil() as i32);
    let factors: &[f64] = if (to / from).log10() > 3.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let power = |exponent: i32| {
        // Dividing keeps 0.01 the number that is printed as 0.01.
        move |factor: &f64| if exponent < 0 { factor / 10_f64.powi(-exponent) } else { factor * 10_f64.powi(exponent) }
    };
    let all = (first..=last).flat_map(|exponent| factors.iter().map(power(exponent)));
    all.filter(|value| (from * (1.0 - 1e-9)..=to * (1.0 + 1e-9)).contains(value)).collect()
}
