//! `nnf verify`.

use std::collections::BTreeSet;
use std::io::IsTerminal;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use nnf::store::{Fault, Repaired, Store, User, Verified};
use serde_json::json;

use crate::cli::amounts::{bytes, counted};
use crate::cli::common::Common;
use crate::cli::failure::Failure;
use crate::cli::render;
use crate::cli::store_args::StoreArgs;

#[derive(Debug, Args)]
pub(crate) struct VerifyCommand {
    #[command(flatten)]
    place: StoreArgs,
    /// Put damaged files aside and forget lost results, so that the next run makes again what is needed
    #[arg(long)]
    repair: bool,
}

pub(crate) fn run(command: &VerifyCommand, common: &Common) -> Result<(), Failure> {
    let store = command.place.open(common)?;
    let verified = look(&store, common)?;
    for fault in &verified.faults {
        if common.json {
            render::json(&json!(fault));
        } else {
            render::out(&sentence(fault));
        }
    }
    let repaired = if command.repair { Some(store.maintenance().repair(&verified)?) } else { None };
    if common.json {
        let mut summary = json!(verified);
        if let Some(fields) = summary.as_object_mut() {
            fields.insert("faults".into(), json!(verified.faults.len()));
            fields.insert("repaired".into(), json!(repaired));
        }
        render::json(&summary);
    } else {
        summary(&verified, repaired.as_ref(), &store);
    }
    if verified.faults.is_empty() { Ok(()) } else { Err(Failure::Stage) }
}

/// Looks through the store; a terminal sees how far it is.
fn look(store: &Store, common: &Common) -> Result<Verified, Failure> {
    if common.json || !std::io::stderr().is_terminal() {
        return Ok(store.maintenance().verify(&|_, _| {})?);
    }
    let template = "reading {bytes} of {total_bytes}  {bar:30}  {bytes_per_sec}, {eta} left";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(0).with_style(style);
    let verified = store.maintenance().verify(&|done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    Ok(verified?)
}

fn sentence(fault: &Fault) -> String {
    match fault {
        Fault::DamagedRecord { key, stages } => {
            format!("damaged  record {}{}", key.short(), known_as(stages))
        }
        Fault::DamagedContent { content, users, elsewhere } => {
            let far = if *elsewhere { "; the remote store has it" } else { "" };
            format!("damaged  content {}: {}{far}", content.short(), needed_by(users))
        }
        Fault::WrongMode { content, users, mode } => {
            format!(
                "wrong    mode {mode:o} of content {}, whose bytes are right: {}",
                content.short(),
                needed_by(users)
            )
        }
        Fault::MissingContent { content, users } => {
            format!("missing  content {}: {}", content.short(), needed_by(users))
        }
        Fault::BadFolder { content, users, why } => {
            format!("damaged  folder {}: {}; {why}", content.short(), needed_by(users))
        }
        Fault::DamagedPin { name } => format!("damaged  pin `{name}`: what it keeps is not known"),
        Fault::BrokenPin { name, stages } => {
            format!("missing  results that the pin `{name}` keeps: {}", join(stages))
        }
        Fault::WrongIndex { key } => format!("wrong    index of the record {}", key.short()),
        Fault::Stray { path } => format!("stray    {} does not belong to the store", path.display()),
    }
}

fn join(names: &BTreeSet<String>) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn known_as(stages: &BTreeSet<String>) -> String {
    if stages.is_empty() { String::new() } else { format!(" of {}", join(stages)) }
}

/// The first few results that need some content.
fn needed_by(users: &[User]) -> String {
    const SHOWN: usize = 4;
    let said = |user: &User| {
        let what = user.output.as_ref().map_or("the log".to_owned(), |name| format!("output `{name}`"));
        format!("{what}{}", known_as(&user.stages))
    };
    let more = users.len().saturating_sub(SHOWN);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    match users {
        [] => "nothing needs it".into(),
        users => format!("{}{rest}", users.iter().take(SHOWN).map(said).collect::<Vec<_>>().join(", ")),
    }
}

fn summary(verified: &Verified, repaired: Option<&Repaired>, store: &Store) {
    let mut parts = vec![
        counted(verified.records, "record", "records"),
        format!("{} ({})", counted(verified.blobs, "file of content", "files of content"), bytes(verified.bytes)),
    ];
    if verified.pins > 0 {
        parts.push(counted(verified.pins, "pin", "pins"));
    }
    let count = verified.faults.len() as u64;
    let state = if count == 0 { "all is well".into() } else { counted(count, "fault", "faults") };
    render::out(&format!("{}: {}: {state}", store.root().display(), parts.join(", ")));
    for (number, text) in [
        (verified.elsewhere, "have content in the remote store only"),
        (verified.newer, "were written by a newer nnf and not looked into"),
        (verified.leftovers, "were left by killed programs; `nnf gc` and the next run remove them"),
    ] {
        if number > 0 {
            render::out(&format!("  {number} {text}"));
        }
    }
    let Some(done) = repaired else {
        if count > 0 {
            render::out("  nothing was changed; `nnf verify --repair` puts the store in order");
        }
        return;
    };
    if done.put_aside > 0 {
        let files = counted(done.put_aside, "damaged file was", "damaged files were");
        render::out(&format!("  {files} put into {}", store.maintenance().quarantine().display()));
    }
    if done.modes > 0 {
        render::out(&format!("  {} put back", counted(done.modes, "mode was", "modes were")));
    }
    if done.records_removed > 0 {
        let results = counted(done.records_removed, "result was", "results were");
        render::out(&format!("  {results} forgotten, as content was lost"));
    }
    if done.logs_dropped > 0 {
        render::out(&format!(
            "  {} go on without",
            counted(done.logs_dropped, "log is lost; its result", "logs are lost; their results")
        ));
    }
    if !done.stages.is_empty() {
        render::out(&format!("  the next `nnf run` makes again what it needs of {}", join(&done.stages)));
    }
}
