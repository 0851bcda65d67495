//! How many columns of a terminal characters take.

/// Columns that a text takes: tabs are four, East Asian wide characters two, marks that combine none.
#[must_use]
pub fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// The beginning of a text that fits into so many columns.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    let mut taken = 0;
    let end = text.char_indices().find(|(_, c)| {
        taken += columns(*c);
        taken > most
    });
    end.map_or(text, |(at, _)| &text[..at])
}

fn columns(c: char) -> usize {
    match c {
        '\t' => 4,
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{1f300}'..='\u{1faff}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_ones_and_marks() {
        assert_eq!(width("a日é e\u{301}\t"), 1 + 2 + 1 + 1 + 1 + 4);
        assert_eq!([cut("日本", 3), cut("日本", 4), cut("ab", 0), cut("", 9)], ["日", "日本", "", ""]);
    }
}
