//! Text as LaTeX source.
//!
//! It does not know tables.

/// Text in which no character has a meaning of its own for LaTeX, and which needs no package for signs.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
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
