//! What the pipeline asks to be shown first: headings, texts and outputs, in its order.

use std::collections::HashMap;

use crate::page::content::Contents;
use crate::page::facts::about;
use crate::page::html::Html;
use crate::page::markdown::markdown;
use crate::page::stage::{Stage, State};
use crate::page::words::id;
use crate::pipeline::{ReportEntry, Shown};
use crate::record::Produced;
use crate::store::Store;

/// The section of the report; nothing if the pipeline asks for none.
pub(super) fn section(
    entries: &[ReportEntry],
    stages: &[Stage],
    (store, contents): (&Store, &mut Contents<'_>),
    has_section: &dyn Fn(usize) -> bool,
) -> Html {
    let mut html = Html::default();
    if entries.is_empty() {
        return html;
    }
    let places: HashMap<&str, usize> =
        stages.iter().enumerate().map(|(place, stage)| (stage.planned.name.as_str(), place)).collect();
    html.raw("<section id=\"report\" aria-label=\"Report\">\n");
    for entry in entries {
        match entry {
            ReportEntry::Heading(text) => html.element("h2", &[], text),
            ReportEntry::Text(text) => html.append(&markdown(text, 3)),
            ReportEntry::Output { title, of } => {
                for shown in of {
                    let place = places.get(shown.instance.as_str()).copied();
                    let alone = of.len() == 1;
                    let title = title.as_ref().map(|title| match alone {
                        true => title.clone(),
                        false => format!("{title}: {}", labels(&shown.instance)),
                    });
                    head(title.as_deref(), shown, place.filter(|place| has_section(*place)), &mut html);
                    match place.map(|place| &stages[place]) {
                        Some(stage) => output(store, stage, (&shown.output, title.as_deref()), contents, &mut html),
                        None => html.remark("This run has no such stage."),
                    }
                    html.raw("</figure>\n");
                }
            }
        }
    }
    html.raw("</section>\n");
    html
}

fn head(title: Option<&str>, shown: &Shown, place: Option<usize>, html: &mut Html) {
    html.raw("<figure>\n<figcaption>");
    let full = format!("{}.{}", shown.instance, shown.output);
    if let Some(title) = title {
        html.element("h3", &[], title);
    }
    html.raw("<span class=\"source\">");
    match place {
        Some(place) => html.element("a", &[("href", &format!("#{}", id(place)))], &full),
        None => html.text(&full),
    }
    html.raw("</span></figcaption>\n");
}

/// The labels of an instance, without its stage.
fn labels(instance: &str) -> &str {
    instance.split_once('[').map_or(instance, |(_, labels)| labels.trim_end_matches(']'))
}

fn output(
    store: &Store,
    stage: &Stage,
    (output, title): (&str, Option<&str>),
    contents: &mut Contents<'_>,
    html: &mut Html,
) {
    let has_result = matches!(stage.state, State::Ran | State::Fresh);
    let record = match stage.key.filter(|_| has_result).map(|key| store.records().get(&key)) {
        None => {
            html.remark(&format!(
                "There is nothing to show: the stage is {}.",
                match stage.state {
                    State::Failed => "one that failed",
                    state => state.words(),
                }
            ));
            return;
        }
        Some(Err(error)) => return html.remark(&format!("Not shown: {error}.")),
        Some(Ok(None)) => return html.remark("Not shown: its record is not in the store any more."),
        Some(Ok(Some(record))) => record,
    };
    match record.outputs.get(output) {
        Some(Produced::Artifact(artifact)) => {
            let name = format!("{}.{output}", stage.planned.name);
            html.append(&contents.show(artifact, &name, title.unwrap_or(&name), 4));
            if !Contents::is_shown(artifact) {
                about(artifact, html);
            }
        }
        Some(Produced::Absent) => html.remark("It is optional, and the stage left it out."),
        None => html.remark("This run's stage has no such output."),
    }
}
