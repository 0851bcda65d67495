//! What every table and every figure writes, and the parameter that all of them have.

use nnf_contract::{Labelled, Output, Parameter, Stage, StageError};
pub(crate) use nnf_results::table::PARQUET;
use polars::prelude::{DataFrame, DataType};

use crate::chart::{Chart, png, svg};
use crate::document::Document;
use crate::error::ReportError;
use crate::read::{self, Source};
use crate::table::Table;

/// A claim of the paper beside what we found.
pub(crate) struct Claim {
    what: String,
    paper: String,
    ours: String,
}

impl Claim {
    pub(crate) fn new(what: impl Into<String>, paper: impl Into<String>, ours: impl Into<String>) -> Self {
        Claim { what: what.into(), paper: paper.into(), ours: ours.into() }
    }
}

/// A table of claims.
pub(crate) fn claims(claims: Vec<Claim>) -> Table {
    let rows = claims.into_iter().map(|claim| vec![claim.what, claim.paper, claim.ours]).collect();
    Table::new([":", "paper:", "ours:"], rows)
}

/// Outputs of a table.
pub(crate) fn of_table() -> [Output; 4] {
    [
        Output::new("markdown", "text/markdown", "the table for people"),
        Output::new("latex", "text/x-tex", "the table for a paper; needs booktabs and graphicx"),
        Output::new("csv", "text/csv", "the table"),
        Output::new("parquet", PARQUET, "the table"),
    ]
}

/// Outputs of a figure.
pub(crate) fn of_figure() -> [Output; 6] {
    [
        Output::new("svg", "image/svg+xml", "the figure"),
        Output::new("png", "image/png", "the figure, 192 pixels an inch"),
        Output::new("markdown", "text/markdown", "what it shows, and the paper's claims beside ours"),
        Output::new("latex", "text/x-tex", "the same for a paper; needs booktabs and graphicx"),
        Output::new("csv", "text/csv", "the data of the figure"),
        Output::new("parquet", PARQUET, "the data of the figure"),
    ]
}

/// What is smaller than in the paper.
pub(crate) fn scale() -> Parameter {
    Parameter::string("scale", "what is smaller than in the paper, said beneath").default("")
}

/// Writes a table's outputs.
pub(crate) fn write_table(stage: &Stage, document: &Document, mut data: DataFrame) -> Result<(), StageError> {
    fs_err::write(stage.output("markdown")?, document.markdown()).map_err(StageError::failed)?;
    fs_err::write(stage.output("latex")?, document.latex()).map_err(StageError::failed)?;
    Ok(read::write(&mut data, stage.output("csv")?, stage.output("parquet")?)?)
}

/// A figure: picture, words and data.
pub(crate) struct Figure {
    pub(crate) chart: Chart,
    pub(crate) document: Document,
    pub(crate) data: DataFrame,
}

impl Figure {
    /// Writes a figure's outputs.
    pub(crate) fn write(self, stage: &Stage) -> Result<(), StageError> {
        fs_err::write(stage.output("svg")?, svg(&self.chart)?).map_err(StageError::failed)?;
        fs_err::write(stage.output("png")?, png(&self.chart)?).map_err(StageError::failed)?;
        write_table(stage, &self.document, self.data)
    }
}

/// The paths of an input that takes many.
pub(crate) fn paths(stage: &Stage, input: &str) -> Vec<std::path::PathBuf> {
    stage.inputs(input).into_iter().map(|one| one.path).collect()
}

/// Columns of some tables, one below the other.
pub(crate) fn collected(stage: &Stage, input: &str, columns: &[&str]) -> Result<DataFrame, ReportError> {
    collected_with(stage, input, columns, &[])
}

/// The same, with columns that are empty where a table has none.
pub(crate) fn collected_with(
    stage: &Stage,
    input: &str,
    columns: &[&str],
    optional: &[(&str, DataType)],
) -> Result<DataFrame, ReportError> {
    let paths = paths(stage, input);
    read::together(paths.iter().map(|path| Source { path, label: None }), columns, optional)
}

/// The same, with each table's label in a column `label`.
pub(crate) fn labelled(
    stage: &Stage,
    input: &str,
    columns: &[&str],
    optional: &[(&str, DataType)],
) -> Result<DataFrame, ReportError> {
    let members = stage.inputs(input);
    let labelled = |one: &Labelled| Some(name(&one.label));
    read::together(members.iter().map(|one| Source { path: &one.path, label: labelled(one) }), columns, optional)
}

/// The names in a label: `backbone=resnet,width=64` becomes `resnet, 64`.
pub(crate) fn name(label: &str) -> String {
    let plain = |part: &'_ str| part.split_once('=').map_or(part, |(_, name)| name).to_owned();
    label.split(',').map(plain).collect::<Vec<String>>().join(", ")
}
