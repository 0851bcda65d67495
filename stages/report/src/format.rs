//! Numbers as people read them: shares as per cent, times and sizes with their units, a dash where there is none.

use nnf_results::statistics;

/// What stands where there is no value.
pub(crate) const NONE: &str = "–";

/// A value by a function of it; a dash where there is none.
pub(crate) fn or_none(value: Option<f64>, f: impl Fn(f64) -> String) -> String {
    value.filter(|value| value.is_finite()).map_or_else(|| NONE.into(), f)
}

/// A share as per cent with some decimals.
pub(crate) fn percent(share: Option<f64>, decimals: usize) -> String {
    or_none(share, |share| format!("{:.decimals$} %", share * 100.0))
}

/// A share as per cent by its shortest decimal, for limits that somebody chose: 2.5 % is not 2 %.
pub(crate) fn limit(share: f64) -> String {
    or_none(Some(share), |share| format!("{} %", statistics::percent(share)))
}

/// An interval of a share.
pub(crate) fn percents(low: Option<f64>, high: Option<f64>, decimals: usize) -> String {
    match (low, high) {
        (Some(_), Some(_)) => {
            format!("{}–{}", percent(low, decimals).trim_end_matches(" %"), percent(high, decimals))
        }
        _ => NONE.into(),
    }
}

/// A difference of shares in percentage points with its sign.
pub(crate) fn points(ours: Option<f64>, theirs: Option<f64>) -> String {
    or_none(ours.zip(theirs).map(|(ours, theirs)| (ours - theirs) * 100.0), |points| format!("{points:+.1}"))
}

/// A coefficient of determination; there is none where what was measured does not vary.
pub(crate) fn r_squared(value: Option<f64>) -> String {
    or_none(value, |r2| format!("{r2:.3}"))
}

/// How many there are of something in several places: `10`, or `10 to 51`.
pub(crate) fn counts(all: impl Iterator<Item = usize> + Clone) -> String {
    match (all.clone().min(), all.max()) {
        (Some(least), Some(most)) if least < most => format!("{least} to {most}"),
        (_, most) => most.unwrap_or(0).to_string(),
    }
}

/// Bytes in megabytes.
pub(crate) fn megabytes(bytes: Option<f64>) -> String {
    or_none(bytes, |bytes| format!("{:.2} MB", bytes / 1e6))
}

/// Microseconds in milliseconds.
pub(crate) fn milliseconds(micros: Option<f64>) -> String {
    or_none(micros, |us| format!("{:.2} ms", us / 1e3))
}

/// How much more than a whole, as per cent of it with its sign.
pub(crate) fn percent_more(more: Option<f64>, whole: Option<f64>) -> String {
    or_none(more.zip(whole).map(|(more, whole)| more / whole), |share| format!("{:+.1} %", share * 100.0))
}

/// Seconds in the unit that suits them.
pub(crate) fn duration(seconds: Option<f64>) -> String {
    or_none(seconds, |s| match s {
        s if s < 0.1 => format!("{:.1} ms", s * 1e3),
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 2.0 * 3600.0 => format!("{:.1} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    })
}
