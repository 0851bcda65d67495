//! `nnf report`.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use nnf::page::{Limits, PageRequest, page};
use nnf::store::RunSummary;

use crate::cli::amounts::{Size, size};
use crate::cli::common::{Common, named, split, unless_usual};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::{render, target};

#[derive(Debug, Args)]
pub(crate) struct ReportCommand {
    /// The pipeline (a .yaml file; default pipeline.yaml), then the run as `nnf runs` names it; default the last one
    #[arg(value_name = "PIPELINE|RUN")]
    words: Vec<String>,
    /// The file to write; `-` for standard output
    #[arg(long, short, value_name = "FILE", default_value = "report.html")]
    output: PathBuf,
    /// Largest picture, and longest beginning of a text, that the page holds, such as 500KiB, or none for no bound
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "4MiB")]
    max_embedded: Size,
}

pub(crate) fn run(command: &ReportCommand, common: &Common) -> Result<(), Failure> {
    let (pipeline, words) = split(&command.words);
    if let [_, more, ..] = words {
        return Err(Failure::wrong_with_hint(format!("`{more}` is one word too many"), "`nnf report PIPELINE RUN`"));
    }
    let context = Context::open(&pipeline, common)?;
    target::outside_of(&context.store, &command.output)?;
    let asked = || Ok::<_, Failure>(context.store.runs().past(&find(&context, &pipeline, words.first())?));
    let mut run = asked()?;
    if run.summary.seconds.is_none() && !run.goes_on {
        // It may have ended since its summary was read.
        run = asked()?;
    }
    let limits = bounds(command.max_embedded);
    // Commands on the page name the pipeline's file as it was named here.
    let named = unless_usual(&pipeline).unwrap_or_default();
    let html = page(&PageRequest {
        store: &context.store,
        run: &run,
        report: &context.loaded.report,
        pipeline: &named,
        now: &|| serde_json::to_vec(&context.loaded.resolved()).unwrap_or_default(),
        limits: &limits,
    });
    deliver(&html, &command.output)
}

/// A bound that a person sets also moves that of all outputs together.
fn bounds(embedded: Size) -> Limits {
    let usual = Limits::default();
    let content = embedded.0.unwrap_or(u64::MAX);
    Limits { content, all_contents: usual.all_contents.max(content), ..usual }
}

/// The run that is asked for: the last one of the pipeline, or the one whose name begins so.
fn find(context: &Context, pipeline: &Path, asked: Option<&String>) -> Result<RunSummary, Failure> {
    let name = &context.loaded.name;
    let runs = context.store.runs().list()?;
    let Some(asked) = asked else {
        return runs.into_iter().find(|run| run.pipeline == *name).ok_or_else(|| {
            Failure::wrong_with_hint(
                format!("there is no run of `{name}` yet"),
                format!("`{}` makes one", format!("nnf run {}", named(pipeline)).trim_end()),
            )
        });
    };
    let mut found = runs.into_iter().filter(|run| run.id.starts_with(asked.as_str()));
    match (found.next(), found.next()) {
        (None, _) => Err(Failure::wrong_with_hint(format!("there is no run `{asked}`"), "`nnf runs` lists the runs")),
        (Some(_), Some(_)) => {
            Err(Failure::wrong_with_hint(format!("several runs begin with `{asked}`"), "`nnf runs` lists the runs"))
        }
        (Some(run), None) if run.pipeline != *name => Err(Failure::wrong_with_hint(
            format!("run `{}` is of the pipeline `{}`, not of `{name}`", run.id, run.pipeline),
            "`nnf report PIPELINE RUN` with that pipeline's file",
        )),
        (Some(run), None) => Ok(run),
    }
}

/// Writes the page: whole or not at all.
fn deliver(html: &str, to: &Path) -> Result<(), Failure> {
    if to == Path::new("-") {
        render::bytes(html.as_bytes(), true);
        return Ok(());
    }
    let cannot = |error: &dyn std::fmt::Display| render::cannot_write(to, error);
    let folder = render::folder_of(to);
    let mut file = tempfile::Builder::new().prefix(".report-").tempfile_in(folder).map_err(|error| cannot(&error))?;
    file.write_all(html.as_bytes()).map_err(|error| cannot(&error))?;
    allow_reading(file.as_file()).map_err(|error| cannot(&error))?;
    file.persist(to).map_err(|error| cannot(&error.error))?;
    render::note(&format!("wrote {}", to.display()));
    Ok(())
}

/// Temporary files are their owner's alone; a page is to be read by others.
fn allow_reading(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}
