//! The graph of a run as a drawing in SVG: a node tells its state by mark, outline and colour, and leads to its stage.

use crate::page::fold::{Folded, Node, fold};
use crate::page::html::Html;
use crate::page::layout::{Sketch, layout};
use crate::page::stage::{Stage, State};
use crate::page::words::{count, id, shortened};
use crate::reporter::duration;

/// Width of a letter of the nodes' names and of their small print; heights of nodes; room at their sides and for the mark.
const LETTER: f64 = 7.3;
const SMALL_LETTER: f64 = 7.0;
const HEIGHT: f64 = 44.0;
const LABEL_HEIGHT: f64 = 15.0;
const SIDES: f64 = 44.0;
/// Most letters of a name.
const MOST_LETTERS: usize = 34;
/// Space around the drawing.
const MARGIN: f64 = 6.0;

/// The section with the drawing. `has_section` says to which stages there is something to jump.
pub(super) fn section(stages: &[Stage], has_section: &dyn Fn(usize) -> bool) -> Html {
    let folded = fold(stages);
    let mut html = Html::default();
    html.raw("<section id=\"graph\" aria-labelledby=\"graph-title\">\n<h2 id=\"graph-title\">Stages</h2>\n");
    legend(stages, &mut html);
    if folded.left_out > 0 {
        html.remark(&format!(
            "Of {}, the first {} nodes are drawn; {} not.",
            count(stages.len(), "stage"),
            folded.nodes.len(),
            if folded.left_out == 1 { "1 stage is".to_owned() } else { format!("{} stages are", folded.left_out) },
        ));
    }
    if folded.edges_left_out > 0 {
        html.remark(&format!("{} between them are not drawn.", count(folded.edges_left_out, "edge")));
    }
    if folded.implied > 0 {
        html.remark(&format!(
            "{} not drawn, because a longer way implies {}. The details of each stage list all that it reads.",
            if folded.implied == 1 { "1 edge is".to_owned() } else { format!("{} edges are", folded.implied) },
            if folded.implied == 1 { "it" } else { "them" },
        ));
    }
    if folded.nodes.iter().any(|node| node.of.len() > 1) {
        html.remark("Instances of one stage stand in one node where there are many; its state is the worst of theirs, its time their sum.");
    }
    html.raw("<div class=\"scroll graph\" tabindex=\"0\" role=\"region\" aria-label=\"Graph of the stages\">\n");
    svg(stages, &folded, has_section, &mut html);
    html.raw("</div>\n</section>\n");
    html
}

fn legend(stages: &[Stage], html: &mut Html) {
    html.raw("<ul class=\"legend\">");
    for state in State::ALL {
        let number = stages.iter().filter(|stage| stage.state == state).count();
        if number > 0 {
            html.open("li", &[("class", state.class())]);
            mark(state, html);
            html.text(&format!("{number} {}", state.words()));
            html.raw("</li>");
        }
    }
    html.raw("</ul>\n");
}

/// The mark of a state, to stand in a line of text.
pub(super) fn mark(state: State, html: &mut Html) {
    html.open(
        "svg",
        &[("class", "mark"), ("viewBox", "0 0 14 14"), ("width", "14"), ("height", "14"), ("aria-hidden", "true")],
    );
    shape(state, html);
    html.raw("</svg>");
}

/// The mark, in a square of 14 by 14. Each state has a shape of its own, so that colour need not be seen.
fn shape(state: State, html: &mut Html) {
    html.raw(match state {
        State::Failed => "<path class=\"solid\" d=\"M4.1 0H9.9L14 4.1V9.9L9.9 14H4.1L0 9.9V4.1Z\"/><path class=\"cut\" d=\"M4 4l6 6M10 4l-6 6\"/>",
        State::Stopped => "<rect class=\"solid\" x=\"1\" y=\"1\" width=\"12\" height=\"12\" rx=\"1\"/><path class=\"cut\" d=\"M5 4v6M9 4v6\"/>",
        State::Running => "<path class=\"solid\" d=\"M2 1l11 6l-11 6z\"/>",
        State::NotStarted => "<circle class=\"line dashed\" cx=\"7\" cy=\"7\" r=\"5.8\"/>",
        State::Ran => "<circle class=\"solid\" cx=\"7\" cy=\"7\" r=\"7\"/><path class=\"cut\" d=\"M3.6 7.2l2.4 2.5l4.4-5\"/>",
        State::Fresh => "<circle class=\"line\" cx=\"7\" cy=\"7\" r=\"5.8\"/><path class=\"line\" d=\"M4.2 7.2l2 2l3.6-4.2\"/>",
        State::NotNeeded => "<path class=\"line\" d=\"M2 7h10\"/>",
    });
}

fn svg(stages: &[Stage], folded: &Folded, has_section: &dyn Fn(usize) -> bool, html: &mut Html) {
    let sizes = folded.nodes.iter().map(size).collect();
    let sketch = Sketch { sizes, edges: folded.edges.clone() };
    let found = layout(&sketch);
    let (width, height) = (found.width + 2.0 * MARGIN, found.height + 2.0 * MARGIN);
    let view = format!("{} {} {} {}", number(-MARGIN), number(-MARGIN), number(width), number(height));
    let (width, height) = (number(width), number(height));
    html.open(
        "svg",
        &[
            ("viewBox", &view),
            ("width", &width),
            ("height", &height),
            ("role", "group"),
            ("aria-label", "Each stage stands below the stages that it reads"),
        ],
    );
    html.raw("\n<g class=\"edges\">");
    for line in &found.lines {
        html.open("path", &[("d", &curve(line))]);
        html.raw("</path>");
        if let Some((x, y)) = line.last() {
            let head = format!("M{} {}l-4 -7h8z", number(*x), number(*y));
            html.open("path", &[("class", "head"), ("d", &head)]);
            html.raw("</path>");
        }
    }
    html.raw("</g>\n");
    for ((node, corner), size) in folded.nodes.iter().zip(&found.corners).zip(&sketch.sizes) {
        draw(stages, node, (*corner, *size), has_section, html);
    }
    html.raw("</svg>\n");
}

fn size(node: &Node) -> (f64, f64) {
    let letters = |text: &str| text.chars().count().min(MOST_LETTERS) as f64;
    let small = letters(&node.labels).max(letters(&told(node)));
    let width = (letters(&node.name) * LETTER).max(small * SMALL_LETTER) + SIDES;
    (width.max(96.0), if node.labels.is_empty() { HEIGHT } else { HEIGHT + LABEL_HEIGHT })
}

/// State and time.
fn told(node: &Node) -> String {
    match node.seconds {
        Some(seconds) => format!("{}, {}", node.state.words(), duration(seconds)),
        None => node.state.words().to_owned(),
    }
}

fn draw(
    stages: &[Stage],
    node: &Node,
    ((x, y), (width, height)): ((f64, f64), (f64, f64)),
    has_section: &dyn Fn(usize) -> bool,
    html: &mut Html,
) {
    // Of several instances the first of the worst.
    let worst = node.of.iter().find(|place| stages[**place].state == node.state).unwrap_or(&node.of[0]);
    let to = if has_section(*worst) { format!("#{}", id(*worst)) } else { "#stages".to_owned() };
    let place = format!("translate({} {})", number(x), number(y));
    html.open("a", &[("href", &to), ("class", node.state.class()), ("transform", &place)]);
    let whole = if node.of.len() == 1 {
        stages[node.of[0]].planned.name.clone()
    } else {
        format!("{}: {}", node.name, node.labels)
    };
    html.element("title", &[], &format!("{whole}: {}", told(node)));
    let (wide, tall) = (number(width), number(height));
    html.open("rect", &[("class", "node"), ("width", &wide), ("height", &tall), ("rx", "7")]);
    html.raw("</rect>");
    html.open("g", &[("transform", &format!("translate(10 {})", number(height / 2.0 - 7.0)))]);
    shape(node.state, html);
    html.raw("</g>");
    html.element("text", &[("class", "name"), ("x", "33"), ("y", "18")], &shortened(&node.name, MOST_LETTERS));
    let mut line = 34.0;
    if !node.labels.is_empty() {
        html.element("text", &[("class", "small"), ("x", "33"), ("y", "34")], &shortened(&node.labels, MOST_LETTERS));
        line += LABEL_HEIGHT;
    }
    html.element("text", &[("class", "small"), ("x", "33"), ("y", &number(line))], &told(node));
    html.raw("</a>\n");
}

/// A curve through points that leaves and arrives downwards.
fn curve(points: &[(f64, f64)]) -> String {
    let mut text = String::new();
    for (position, &(x, y)) in points.iter().enumerate() {
        if position == 0 {
            text = format!("M{} {}", number(x), number(y));
            continue;
        }
        let (before_x, before_y) = points[position - 1];
        if (before_x - x).abs() < 0.05 {
            text += &format!("V{}", number(y));
        } else {
            let middle = number((before_y + y) / 2.0);
            text += &format!("C{} {middle} {} {middle} {} {}", number(before_x), number(x), number(x), number(y));
        }
    }
    text
}

/// A number with at most one decimal.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".into() } else { text.into() }
}
