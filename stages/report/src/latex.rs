//! Text as LaTeX source.

/// Text in which no character has a meaning of its own for LaTeX, and which needs no package for signs. What stands
/// between backticks is code.
pub(crate) fn escaped(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    let paired = parts.len() % 2 == 1;
    let mut out = String::with_capacity(text.len());
    for (number, part) in parts.iter().enumerate() {
        match (number, paired) {
            (0, _) => out.push_str(&plain(part)),
            (_, false) => out.push_str(&format!("\\textasciigrave{{}}{}", plain(part))),
            _ if number % 2 == 1 => out.push_str(&format!("\\texttt{{{}}}", plain(part))),
            _ => out.push_str(&plain(part)),
        }
    }
    out
}

fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut open, mut before) = (false, ' ');
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        let begins = !before.is_alphanumeric() && letters.peek().is_some_and(char::is_ascii_digit);
        before = c;
        match c {
            // A minus sign, not a hyphen.
            '-' if begins => out.push_str("$-$"),
            '"' => {
                open = !open;
                out.push_str(if open { "``" } else { "''" });
            }
            '|' => out.push_str("\\textbar{}"),
            '%' | '&' | '_' | '#' | '$' | '{' | '}' => {
                out.push('\\');
                out.push(c);
            }
            '\\' => out.push_str("\\textbackslash{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '<' => out.push_str("\\textless{}"),
            '>' => out.push_str("\\textgreater{}"),
            '–' => out.push_str("--"),
            '−' => out.push_str("$-$"),
            '±' => out.push_str("$\\pm$"),
            '×' => out.push_str("$\\times$"),
            '≥' => out.push_str("$\\ge$"),
            '≤' => out.push_str("$\\le$"),
            '→' => out.push_str("$\\to$"),
            '²' => out.push_str("$^2$"),
            'µ' => out.push_str("$\\mu$"),
            'Δ' => out.push_str("$\\Delta$"),
            'λ' => out.push_str("$\\lambda$"),
            other => out.push(other),
        }
    }
    out
}
