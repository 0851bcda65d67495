//! What tables look like, and that the paper's figures meet the right rows.
#![expect(clippy::unwrap_used, reason = "tests")]

use polars::prelude::*;

use crate::format::{percent, points};
use crate::read;
use crate::table::Table;
use crate::table2::joined;

#[test]
fn tables_are_aligned() {
    let rows = vec![vec!["has 0".into(), percent(Some(0.031), 1)], vec!["only two odd".into(), percent(None, 1)]];
    let text = Table::new(["task:", "ratio"], rows).markdown();
    let expected =
        "| task         | ratio |\n|:-------------|------:|\n| has 0        | 3.1 % |\n| only two odd |     – |\n";
    assert_eq!(text, expected);
    assert_eq!((points(Some(0.985), Some(0.997)), points(Some(0.5), None)), ("-1.2".to_owned(), "–".to_owned()));
}

#[test]
fn the_papers_figures_meet_our_rows_by_task_and_limit() {
    let ours = df!("network" => ["resnet-x", "resnet-x", "mobilenet"], "task" => ["b", "a", "c"], "limit" => [0.1, 0.03, 0.05], "accuracy" => [0.9, 0.8, 0.7]).unwrap();
    let paper = df!(
        "task" => ["a", "a", "b"],
        "activation_limit" => [0.05, 0.03, 0.10],
        "resnet_accuracy" => [0.1, 0.2, 0.3],
        "resnet_activation_ratio" => [0.01, 0.02, 0.03],
    )
    .unwrap();
    let table = joined(&ours, &paper).unwrap();
    assert_eq!(read::words(&table, "task").unwrap(), ["b", "a", "c"], "our order stays");
    assert_eq!(read::numbers(&table, "paper_accuracy").unwrap(), [Some(0.3), Some(0.2), None]);
}

#[test]
fn damaged_tables_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results");
    fs_err::write(&path, "no table").unwrap();
    assert!(read::parquet(&path, &[]).unwrap_err().to_string().contains("results"));
    assert!(read::parquet(&folder.path().join("absent"), &[]).unwrap_err().to_string().contains("absent"));
}
