//! The same SVG in fewer words: plotters writes each dash of a line as an element of its own.
//!
//! It knows only how plotters writes lines, one element a row, and leaves alone what looks otherwise.

/// Makes one path of lines that follow one another and look alike.
pub(super) fn compact(svg: &str) -> String {
    let mut text = String::with_capacity(svg.len());
    let mut open: Option<String> = None;
    for row in svg.lines() {
        // Elements begin their rows; words do not.
        let row = if row.starts_with('<') { row.replace(" opacity=\"1\"", "") } else { row.to_owned() };
        let line = line(&row).map(|(look, points)| (look.to_owned(), points));
        let look = line.as_ref().map(|(look, _)| look.clone());
        if open.is_some() && look != open {
            text.push_str("\"/>\n");
        }
        match line {
            Some((_, points)) if look == open => text.push_str(&format!("M{points}")),
            Some((look, points)) => text.push_str(&format!("<path{look} d=\"M{points}")),
            None => text.push_str(&format!("{row}\n")),
        }
        open = look;
    }
    if open.is_some() {
        text.push_str("\"/>\n");
    }
    text
}

/// The attributes and the points of a line.
fn line(row: &str) -> Option<(&str, &str)> {
    let (look, points) = row.strip_prefix("<polyline")?.strip_suffix("\"/>")?.split_once(" points=\"")?;
    look.contains("fill=\"none\"").then_some((look, points.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alike_lines_become_one_path() {
        let rows = [
            "<svg>",
            "<polyline fill=\"none\" opacity=\"1\" stroke=\"#E1\" points=\"1,2 3,4 \"/>",
            "<polyline fill=\"none\" opacity=\"1\" stroke=\"#E1\" points=\"5,6 7,8 \"/>",
            "<polyline fill=\"none\" opacity=\"1\" stroke=\"#E2\" points=\"5,6 7,8 9,9 \"/>",
            "<polyline fill=\"#000\" points=\"1,1 2,2 \"/>",
            "<text opacity=\"0.5\">",
            "a opacity=\"1\"",
            "</text>",
            "</svg>",
        ];
        let expected = [
            "<svg>",
            "<path fill=\"none\" stroke=\"#E1\" d=\"M1,2 3,4M5,6 7,8\"/>",
            "<path fill=\"none\" stroke=\"#E2\" d=\"M5,6 7,8 9,9\"/>",
            "<polyline fill=\"#000\" points=\"1,1 2,2 \"/>",
            "<text opacity=\"0.5\">",
            "a opacity=\"1\"",
            "</text>",
            "</svg>",
        ];
        assert_eq!(compact(&rows.join("\n")).lines().collect::<Vec<&str>>(), expected);
    }
}
