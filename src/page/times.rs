//! Why stages ran, and how long each took: the lists that stand before the stages one by one.

use std::collections::HashMap;

use crate::page::drawing::mark;
use crate::page::html::Html;
use crate::page::stage::{Stage, State};
use crate::page::words::{count, id};
use crate::reporter::duration;

/// Most lines of each list.
const MOST: usize = 200;

/// The section that says why each stage ran.
pub(super) fn reasons(stages: &[Stage], has_section: &dyn Fn(usize) -> bool) -> Html {
    let mut html = Html::default();
    let ran: Vec<(usize, &Stage)> =
        stages.iter().enumerate().filter(|(_, stage)| stage.told.reason.is_some()).collect();
    html.raw("<section id=\"why\" aria-labelledby=\"why-title\">\n<h2 id=\"why-title\">Why stages ran</h2>\n");
    if ran.is_empty() {
        html.raw("<p>No stage had to run.</p>\n</section>\n");
        return html;
    }
    // Those with one cause stand together, in the order in which causes come up.
    let mut causes: Vec<(&str, Vec<usize>)> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for (place, stage) in &ran {
        let cause = *known.entry(&stage.told.because).or_insert_with(|| {
            causes.push((&stage.told.because, Vec::new()));
            causes.len() - 1
        });
        causes[cause].1.push(*place);
    }
    html.raw("<dl class=\"causes\">\n");
    for (cause, places) in causes.iter().take(MOST) {
        html.raw("<div>");
        html.element("dt", &[], cause);
        html.raw("<dd>");
        for (position, place) in places.iter().take(MOST).enumerate() {
            html.raw(if position > 0 { ", " } else { "" });
            link(stages, *place, has_section, &mut html);
        }
        if places.len() > MOST {
            html.text(&format!(" and {} more", places.len() - MOST));
        }
        html.raw("</dd></div>\n");
    }
    html.raw("</dl>\n");
    if causes.len() > MOST {
        html.remark(&format!("{} are not listed.", count(causes.len() - MOST, "more cause")));
    }
    html.raw("</section>\n");
    html
}

/// The name of a stage, which leads to its section where there is one.
pub(super) fn link(stages: &[Stage], place: usize, has_section: &dyn Fn(usize) -> bool, html: &mut Html) {
    let name = &stages[place].planned.name;
    if has_section(place) {
        html.element("a", &[("href", &format!("#{}", id(place)))], name);
    } else {
        html.text(name);
    }
}

/// The section with times as bars, the longest first. `made` tells of fresh results when and where they were made.
pub(super) fn durations(
    stages: &[Stage],
    has_section: &dyn Fn(usize) -> bool,
    made: &dyn Fn(&Stage) -> Option<String>,
) -> Html {
    let mut html = Html::default();
    let mut timed: Vec<(usize, f64)> =
        stages.iter().enumerate().filter_map(|(place, stage)| Some((place, stage.seconds?))).collect();
    timed.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let Some(&(_, longest)) = timed.first() else { return html };
    html.raw("<section id=\"times\" aria-labelledby=\"times-title\">\n<h2 id=\"times-title\">Times</h2>\n");
    sums(stages, &timed, &mut html);
    html.raw("<table class=\"bars\">\n<caption class=\"unseen\">Seconds of work by stage</caption>\n");
    html.raw("<thead class=\"unseen\"><tr><th scope=\"col\">Stage</th><th scope=\"col\">Time</th><th scope=\"col\">Bar</th></tr></thead>\n<tbody>\n");
    for (place, seconds) in timed.iter().take(MOST) {
        let from = Some(&stages[*place]).filter(|stage| stage.state == State::Fresh);
        let from =
            from.map(|stage| made(stage).map_or_else(|| "reused".to_owned(), |made| format!("reused; made {made}")));
        html.open("tr", &[("class", stages[*place].state.class())]);
        html.raw("<th scope=\"row\">");
        mark(stages[*place].state, &mut html);
        link(stages, *place, has_section, &mut html);
        html.raw("</th>");
        bar(*seconds, longest, from.as_deref(), &mut html);
        html.raw("</tr>\n");
    }
    html.raw("</tbody></table>\n");
    if timed.len() > MOST {
        let rest: f64 = timed[MOST..].iter().map(|(_, seconds)| seconds).sum();
        html.remark(&format!(
            "{} with less time are not listed; together they took {}.",
            count(timed.len() - MOST, "stage"),
            duration(rest)
        ));
    }
    html.raw("</section>\n");
    html
}

/// A time, its bar, and of a fresh result where it came from.
fn bar(seconds: f64, longest: f64, from: Option<&str>, html: &mut Html) {
    html.element("td", &[("class", "number")], &duration(seconds));
    html.raw("<td class=\"bar\"><svg width=\"100%\" height=\"12\" aria-hidden=\"true\">");
    let width = format!("{:.1}%", if longest > 0.0 { 100.0 * seconds / longest } else { 0.0 });
    html.open("rect", &[("class", "fill"), ("width", &width), ("height", "12"), ("rx", "2")]);
    html.raw("</rect></svg>");
    if let Some(from) = from {
        html.element("span", &[("class", "small")], from);
    }
    html.raw("</td>");
}

/// How much work was done, and how much was not done again.
fn sums(stages: &[Stage], timed: &[(usize, f64)], html: &mut Html) {
    let (before, here): (Vec<_>, Vec<_>) = timed.iter().partition(|(place, _)| stages[*place].state == State::Fresh);
    let sum = |of: Vec<&(usize, f64)>| duration(of.into_iter().map(|(_, seconds)| seconds).sum());
    let text = format!("Work of this run: {}. Work that it took over from earlier ones: {}.", sum(here), sum(before));
    html.element("p", &[], &text);
}
