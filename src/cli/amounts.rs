//! Sizes and times as people write and read them.

use std::time::Duration;

use nnf::pipeline::parse_bytes;

/// A size such as `20GiB`, or `none` for no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) Option<u64>);

/// Reads a size.
pub(crate) fn size(text: &str) -> Result<Size, String> {
    match text.trim() {
        "none" => Ok(Size(None)),
        text => parse_bytes(text)
            .map(|bytes| Size(Some(bytes)))
            .ok_or_else(|| "a size is written as `500MiB`, `20GiB` or `none`".to_owned()),
    }
}

/// Reads a time such as `90s`, `30min`, `12h` or `7d`; a bare `0` will do.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, f64); 6] =
        [("min", 60.0), ("w", 604_800.0), ("d", 86_400.0), ("h", 3_600.0), ("m", 60.0), ("s", 1.0)];
    let text = text.trim();
    let unit = UNITS.iter().find(|(name, _)| text.ends_with(name));
    let (number, factor) = unit.map_or((text, 1.0), |(name, factor)| (&text[..text.len() - name.len()], *factor));
    let wrong = || "a time is written as `90s`, `30min`, `12h` or `7d`".to_owned();
    let seconds = number.trim().parse::<f64>().map_err(|_| wrong())? * factor;
    if unit.is_none() && seconds != 0.0 {
        return Err(wrong());
    }
    // A century is long enough, and can be added to any time of day.
    Some(seconds).filter(|s| (0.0..=3.2e9).contains(s)).map(Duration::from_secs_f64).ok_or_else(wrong)
}

/// Bytes for people: `512 B`, `3.4 MiB`, `20 GiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let whole = unit == 0 || value >= 9.95 || (value - value.round()).abs() < 0.05;
    format!("{value:.*} {}", usize::from(!whole), UNITS[unit])
}

/// A number of things: `1 result`, `3 results`.
pub(crate) fn counted(count: u64, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_read_and_shown() {
        assert_eq!(size("20GiB"), Ok(Size(Some(20 << 30))));
        assert_eq!(size(" 1.5 GB "), Ok(Size(Some(1_500_000_000))));
        assert_eq!((size("none"), size("0")), (Ok(Size(None)), Ok(Size(Some(0)))));
        for wrong in ["", "GiB", "-1GiB", "lots", "1e30TiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        let seconds = |text: &str| time(text).map(|t| t.as_secs_f64());
        let read = ["0", "90s", "30min", "30m", "1.5h", "7d", "2w"].map(|text| seconds(text).unwrap_or(-1.0));
        assert_eq!(read, [0.0, 90.0, 1800.0, 1800.0, 5400.0, 604_800.0, 1_209_600.0]);
        for wrong in ["", "7", "-1d", "d", "1y", "infs", "NaNd", "1e300d"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        let shown = [0, 999, 1000, 1 << 20, (34 << 20) / 10, 20 << 30, u64::MAX].map(bytes);
        assert_eq!(shown, ["0 B", "999 B", "1 KiB", "1 MiB", "3.4 MiB", "20 GiB", "16384 PiB"]);
    }
}
