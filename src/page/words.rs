//! How counts, sizes, times, names and commands read.

use jiff::Timestamp;

/// A count with its noun.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", thousands(number as u64), if number == 1 { "" } else { "s" })
}

/// A whole number with its thousands apart.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// A moment, to the second, in UTC.
pub(super) fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// At most so many letters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    format!("{}…", text.chars().take(most.saturating_sub(1)).collect::<String>())
}

/// The anchor of a stage.
pub(super) fn id(place: usize) -> String {
    format!("stage-{}", place + 1)
}

/// The text of a log as a terminal would leave it: without control sequences, and of a line that was written over
/// again and again (a progress bar) the last state.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => match rest.next() {
                // Control sequence: parameters, then one letter. One that is cut short ends with its line.
                Some('[') => while rest.next_if(|c| *c != '\n').is_some_and(|c| !('@'..='~').contains(&c)) {},
                // Operating system command: up to a bell or a string terminator.
                Some(']') => {
                    while let Some(c) = rest.next_if(|c| *c != '\n') {
                        if c == '\u{7}' || (c == '\u{1b}' && rest.next_if_eq(&'\\').is_some()) {
                            break;
                        }
                    }
                }
                // Choice of a character set: one more letter.
                Some('(' | ')') => drop(rest.next()),
                _ => {}
            },
            '\u{8}' => drop(out.pop()),
            '\u{7}' => {}
            c => out.push(c),
        }
    }
    let last = |line: &str| line.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default().to_owned();
    out.split('\n').map(last).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_leave() {
        assert_eq!(plain("\u{1b}[1;31mred\u{1b}[0m \u{1b}]0;title\u{7}x\u{1b}(B"), "red x");
        assert_eq!(plain("10 %\r50 %\r100 %\r\nnext\r\n"), "100 %\nnext\n");
        assert_eq!(plain("ab\u{8}c\u{1b}"), "ac");
        assert_eq!(plain("a\u{1b}]8;;http://x\nb\u{1b}[1;3\nc"), "a\nb\nc", "cut short");
    }

    #[test]
    fn numbers_and_commands() {
        assert_eq!([thousands(7), thousands(1_000), thousands(1_234_567)], ["7", "1,000", "1,234,567"]);
        assert_eq!([bytes(1023), bytes(1536), bytes(1 << 30)], ["1023 B", "1.5 KiB", "1.0 GiB"]);
    }
}
