//! A stage of its own: how it ended, why it ran, what went into it and came out, and the commands that tell more.

use crate::executor::tail;
use crate::key::{KeyDocument, KeyWork};
use crate::page::content::Contents;
use crate::page::drawing::mark;
use crate::page::facts::{MOST, MOST_LETTERS, about, list, made};
use crate::page::history::End;
use crate::page::html::Html;
use crate::page::stage::{Stage, State};
use crate::page::table::float;
use crate::page::words::{count, id, plain, shortened};
use crate::record::{Produced, Record};
use crate::reporter::duration;
use crate::shell;
use crate::store::PastRun;
use crate::why::Reason;

/// Most lines of a log's end.
const LOG_LINES: usize = 40;

/// What a section is made from.
pub(super) struct Section<'a> {
    pub(super) run: &'a PastRun,
    pub(super) stage: &'a Stage,
    pub(super) place: usize,
    /// The record of its result; why it cannot be shown, if it is to have one.
    pub(super) record: Result<Option<Record>, String>,
    /// The words of a command before the stage: the pipeline's file, unless it is the usual one.
    pub(super) pipeline: &'a str,
}

impl Section<'_> {
    /// The section, folded unless the stage failed.
    pub(super) fn html(&self, contents: &mut Contents<'_>) -> Html {
        let mut html = Html::default();
        let (stage, state) = (self.stage, self.stage.state);
        let class = format!("stage {}", state.class());
        if matches!(state, State::Failed | State::Stopped) {
            html.open("details", &[("class", &class), ("open", "")]);
        } else {
            html.open("details", &[("class", &class)]);
        }
        html.raw("<summary>");
        mark(state, &mut html);
        html.element("h3", &[], &stage.planned.name);
        let time = stage.seconds.map(|seconds| format!(", {}", duration(seconds))).unwrap_or_default();
        html.element("span", &[("class", "small")], &format!("{}{time}", state.words()));
        html.raw("</summary>\n");
        html.open("div", &[("class", "body"), ("id", &id(self.place))]);
        html.raw("\n");
        self.failure(&mut html);
        self.reason(&mut html);
        self.notes(&mut html);
        self.facts(&mut html);
        let record = self.record.as_ref().ok().and_then(Option::as_ref);
        let document = record.and_then(|record| serde_json::from_str::<KeyDocument>(&record.document).ok());
        self.outputs(record, contents, &mut html);
        let metrics = record.map_or(&stage.told.metrics, |record| &record.metrics);
        let metrics = metrics.iter().map(|(name, value)| vec![name.clone(), float(*value)]).collect();
        list("Metrics", &["metric", "last value"], metrics, &mut html);
        self.parameters(document.as_ref(), &mut html);
        self.inputs(document.as_ref(), &mut html);
        self.commands(record, &mut html);
        html.raw("</div>\n</details>\n");
        html
    }

    fn failure(&self, html: &mut Html) {
        let stage = self.stage;
        for (attempt, error) in stage.told.retries.iter().take(MOST) {
            html.remark(&format!("Attempt {attempt} failed: {error}"));
        }
        let log_end = match &stage.told.end {
            Some(End::Failed { error, log_end, .. }) => {
                html.element("p", &[("class", "error")], error);
                log_end.as_slice()
            }
            None if stage.state == State::Stopped => {
                html.element("p", &[("class", "error")], "The run was killed while this stage was at work.");
                &[]
            }
            _ if matches!(stage.state, State::Stopped | State::Running) => &[],
            _ => return,
        };
        let attempt = u32::try_from(stage.told.retries.len() + 1).unwrap_or(u32::MAX);
        let live = self.run.log(&stage.planned.name, attempt).map(|path| tail(&path, LOG_LINES));
        let lines = live.as_deref().unwrap_or(log_end);
        if !lines.is_empty() {
            html.raw("<h4>End of its log</h4>\n<pre tabindex=\"0\" class=\"log\">");
            html.text(&plain(&lines.join("\n")));
            html.raw("\n</pre>\n");
        }
    }

    fn reason(&self, html: &mut Html) {
        let Some(reason) = &self.stage.told.reason else { return };
        html.raw("<h4>Why it ran</h4>\n");
        let Reason::Changed(differences) = reason else {
            html.element("p", &[], &self.stage.told.because);
            return;
        };
        html.raw("<ul class=\"why\">\n");
        for difference in differences.iter().take(MOST) {
            html.element("li", &[], &shortened(&difference.in_full(), 4 * MOST_LETTERS));
        }
        html.raw("</ul>\n");
        if differences.len() > MOST {
            html.remark(&format!("{} are not listed.", count(differences.len() - MOST, "more difference")));
        }
    }

    fn notes(&self, html: &mut Html) {
        let told = &self.stage.told;
        if let Some(what) = told.waited.as_ref().filter(|_| self.stage.state == State::Running) {
            html.remark(&format!("It waits for {what}."));
        }
        if told.notes.is_empty() {
            return;
        }
        html.raw("<h4>Notes</h4>\n<ul>\n");
        for note in &told.notes {
            html.element("li", &[], &shortened(&plain(note), MOST_LETTERS));
        }
        html.raw("</ul>\n");
        if told.more_notes > 0 {
            html.remark(&format!("{} are not shown.", count(told.more_notes, "more note")));
        }
    }

    fn facts(&self, html: &mut Html) {
        let stage = self.stage;
        html.raw("<dl class=\"facts\">\n");
        html.fact("Key", &stage.key.map(|key| key.to_string()).unwrap_or_default());
        match &self.record {
            Ok(Some(record)) => {
                html.fact("Kind", stage.planned.kind.as_deref().unwrap_or_default());
                if let Ok(KeyDocument { work: KeyWork::Argv { words, .. }, .. }) =
                    serde_json::from_str(&record.document)
                {
                    let words: Vec<_> = words.iter().map(|word| shell::word(word)).collect();
                    html.fact("Command", &shortened(&words.join(" "), 4 * MOST_LETTERS));
                }
                let tries = if record.attempts > 1 { format!(", attempt {}", record.attempts) } else { String::new() };
                html.fact("Made", &format!("{}{tries}", made(record, &self.run.summary.id)));
                html.fact("Work", &duration(record.seconds));
                let machine = &record.machine;
                html.fact(
                    "Machine",
                    &format!("{}, {}, {}", machine.cpu, count(machine.cores as usize, "core"), machine.platform),
                );
                let environment: Vec<String> = record
                    .environment
                    .iter()
                    .map(|(name, value)| format!("{name} {}", shortened(value, MOST_LETTERS)))
                    .collect();
                html.fact("Environment", &environment.join(", "));
                html.fact("Replaces", record.supersedes.as_deref().unwrap_or_default());
            }
            _ => html.fact("Kind", stage.planned.kind.as_deref().unwrap_or_default()),
        }
        html.raw("</dl>\n");
        match &self.record {
            Ok(None) if matches!(stage.state, State::Ran | State::Fresh) => {
                html.remark("Its record is not in the store any more.");
            }
            Err(why) => html.remark(&format!("Its record cannot be read: {why}.")),
            _ => {}
        }
    }

    fn outputs(&self, record: Option<&Record>, contents: &mut Contents<'_>, html: &mut Html) {
        let Some(record) = record else {
            let declared = self.stage.planned.outputs.iter();
            let rows = declared.map(|(name, spec)| vec![name.clone(), spec.media.clone()]).collect();
            list("Outputs that it would have", &["output", "media type"], rows, html);
            return;
        };
        if !record.outputs.is_empty() {
            html.raw("<h4>Outputs</h4>\n");
        }
        for (position, (name, produced)) in record.outputs.iter().enumerate() {
            if position == MOST {
                html.remark(&format!("{} are not listed.", count(record.outputs.len() - MOST, "more output")));
                break;
            }
            html.raw("<div class=\"output\">\n");
            match produced {
                Produced::Absent => {
                    html.element("h5", &[], name);
                    html.remark("It is optional, and the stage left it out.");
                }
                Produced::Artifact(artifact) => {
                    html.element("h5", &[], name);
                    about(artifact, html);
                    let full = format!("{}.{name}", self.stage.planned.name);
                    html.append(&contents.show(artifact, &full, &full, 6));
                }
            }
            html.raw("</div>\n");
        }
    }
}
