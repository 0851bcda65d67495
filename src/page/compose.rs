//! Puts a page together: its parts in the order in which a person reads them.

use std::collections::BTreeSet;

use crate::page::content::Contents;
use crate::page::drawing::{self, mark};
use crate::page::head::{self, Surroundings};
use crate::page::history::History;
use crate::page::html::Html;
use crate::page::limits::Limits;
use crate::page::outline::Outline;
use crate::page::section::Section;
use crate::page::stage::{Stage, Stages, State};
use crate::page::words::{self, count, moment};
use crate::page::{assets, entries, facts, times};
use crate::pipeline::ReportEntry;
use crate::store::{PastRun, Store};

/// What a page is made from.
pub struct PageRequest<'a> {
    /// The store.
    pub store: &'a Store,
    /// The run.
    pub run: &'a PastRun,
    /// What comes first.
    pub report: &'a [ReportEntry],
    /// The pipeline's file as commands have to name it; empty if they need not.
    pub pipeline: &'a str,
    /// The pipeline as it stands now, in the form in which runs note it; for runs of older programs, which noted less.
    pub now: &'a dyn Fn() -> Vec<u8>,
    /// How much it holds.
    pub limits: &'a Limits,
}

/// Makes the page of a run.
#[must_use]
pub fn page(request: &PageRequest<'_>) -> String {
    let PageRequest { store, run, .. } = *request;
    let outline = Outline::of(&run.pipeline().unwrap_or_default(), request.now);
    let mut history = run.events().map(|mut events| History::read(&mut events)).unwrap_or_default();
    let stages = Stages::new(store, run, outline, &mut history);
    let sections = sections(&stages.all, request.limits.sections);
    let has_section = |place: usize| sections.contains(&place);
    let mut contents = Contents::new(store, request.limits);
    let entries = entries::section(request.report, &stages.all, (store, &mut contents), &has_section);
    let mut around = Surroundings::default();
    let details = details(request, &stages.all, &sections, &mut contents, &mut around);
    let made = |stage: &Stage| {
        let record = store.records().get(&stage.key?).ok().flatten()?;
        Some(facts::made(&record, &run.summary.id))
    };
    let durations = times::durations(&stages.all, &has_section, &made);
    let mut html = Html::default();
    begin(run, &mut html);
    html.append(&head::facts(run, &stages, &around));
    for remark in &stages.remarks {
        html.remark(remark);
    }
    notes(&history, &mut html);
    navigation(!request.report.is_empty(), durations.len() > 0, &mut html);
    html.raw("</header>\n<main>\n");
    html.append(&entries);
    html.append(&drawing::section(&stages.all, &has_section));
    html.append(&times::reasons(&stages.all, &has_section));
    html.append(&durations);
    html.append(&details);
    html.raw("</main>\n<footer>");
    html.element("p", &[], &format!("Made by nnf {} from run {}.", env!("CARGO_PKG_VERSION"), run.summary.id));
    html.raw("</footer>\n");
    assets::script(&mut html);
    html.raw("</body>\n</html>\n");
    html.into_string()
}

/// The stages that have sections of their own: the ones that matter most first.
fn sections(stages: &[Stage], most: usize) -> BTreeSet<usize> {
    let mut places: Vec<usize> = (0..stages.len()).collect();
    places.sort_by_key(|place| (stages[*place].state, *place));
    places.into_iter().take(most).collect()
}

fn begin(run: &PastRun, html: &mut Html) {
    let summary = &run.summary;
    html.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    assets::policy(html);
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n");
    html.element("title", &[], &format!("{}, {}", summary.pipeline, moment(summary.started)));
    html.raw("\n");
    assets::style(html);
    html.raw("</head>\n<body>\n<header>\n<h1>");
    html.text(&summary.pipeline);
    html.raw("</h1>\n");
    let (words, state) = head::state(run);
    html.open("p", &[("class", &format!("state {}", state.class()))]);
    mark(state, html);
    html.text(words);
    html.raw("</p>\n");
}

fn notes(history: &History, html: &mut Html) {
    if history.notes.is_empty() {
        return;
    }
    html.raw("<ul class=\"notes\">");
    for note in &history.notes {
        html.element("li", &[], &words::shortened(&words::plain(note), 400));
    }
    html.raw("</ul>\n");
}

fn navigation(has_report: bool, has_times: bool, html: &mut Html) {
    html.raw("<nav aria-label=\"Sections\">");
    if has_report {
        html.raw("<a href=\"#report\">Report</a> ");
    }
    html.raw("<a href=\"#graph\">Stages</a> <a href=\"#why\">Why</a> ");
    if has_times {
        html.raw("<a href=\"#times\">Times</a> ");
    }
    html.raw("<a href=\"#stages\">Details</a></nav>\n");
}

fn details(
    request: &PageRequest<'_>,
    stages: &[Stage],
    sections: &BTreeSet<usize>,
    contents: &mut Contents<'_>,
    around: &mut Surroundings,
) -> Html {
    let mut html = Html::default();
    html.raw("<section id=\"stages\" aria-labelledby=\"stages-title\">\n<h2 id=\"stages-title\">Details</h2>\n");
    if sections.len() < stages.len() {
        html.remark(&format!(
            "{} of {} are shown: those that failed or did not end first, then those that ran. `nnf show` lists all.",
            sections.len(),
            count(stages.len(), "stage")
        ));
    }
    for place in sections {
        let stage = &stages[*place];
        let has_result = matches!(stage.state, State::Ran | State::Fresh);
        let record = match stage.key.filter(|_| has_result) {
            Some(key) => request.store.records().get(&key).map_err(|error| error.to_string()),
            None => Ok(None),
        };
        if let Ok(Some(record)) = &record {
            around.note(record);
        }
        let section = Section { run: request.run, stage, place: *place, record, pipeline: request.pipeline };
        html.append(&section.html(contents));
    }
    html.raw("</section>\n");
    html
}
