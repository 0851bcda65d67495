//! What tables look like, and that the paper's figures meet the right rows.
#![expect(clippy::unwrap_used, reason = "tests")]

use nnf_results::Cost;
use polars::prelude::*;

use crate::document::Document;
use crate::format::{percent, points};
use crate::table::Table;
use crate::table2::joined;
use crate::{baseline, comparison, read, table4};

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

#[test]
fn tables_that_do_not_fit_are_named_with_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, mut frame: DataFrame| {
        let path = folder.path().join(name);
        read::write(&mut frame, &folder.path().join("csv"), &path).unwrap();
        path
    };
    let (one, none) = (write("one", df!("a" => [1.0]).unwrap()), write("none", df!("a" => Vec::<f64>::new()).unwrap()));
    let other = write("other", df!("a" => ["x"]).unwrap());
    let why = read::parquet(&one, &["a", "b"]).unwrap_err().to_string();
    assert!(why.contains("one: it has no column `b`; its columns are a"), "{why}");
    assert!(read::parquet(&none, &["a"]).unwrap_err().to_string().contains("it has no rows"));
    let both = read::together([one.as_path(), one.as_path()], &["a"]).unwrap();
    assert_eq!(both.height(), 2);
    assert!(read::together([one.as_path(), other.as_path()], &["a"]).unwrap_err().to_string().contains("other"));
    assert!(read::together([], &["a"]).is_err());
    assert!(read::all_numbers(&df!("a" => [Some(1.0), None]).unwrap(), "a").unwrap_err().to_string().contains("row 2"));
}

#[test]
fn latex_has_no_stray_signs() {
    let rows = vec![vec!["a_b & 50 %".into(), "R²".into()]];
    let text = Document::new("T").table("one #1", Table::new(["x:", "y"], rows)).text("±1 – done").latex();
    let expected = "% Needs \\usepackage{booktabs}.\n\n\\begin{table}\n\\centering\n\\caption{one \\#1}\n\\begin{tabular}{lr}\n\
                    \\toprule\nx & y \\\\\n\\midrule\na\\_b \\& 50 \\% & R$^2$ \\\\\n\\bottomrule\n\\end{tabular}\n\
                    \\end{table}\n\n$\\pm$1 -- done\n";
    assert_eq!(text, expected);
}

fn made(method: Option<&str>, rows: &[(&str, Option<f64>, f64, f64)]) -> DataFrame {
    let mut frame = df!(
        "device" => vec!["d"; rows.len()],
        "threads" => vec![1_u64; rows.len()],
        "task" => rows.iter().map(|row| row.0).collect::<Vec<_>>(),
        "latency_budget_us" => rows.iter().map(|row| row.1).collect::<Vec<_>>(),
        "measured_us" => rows.iter().map(|row| row.2).collect::<Vec<_>>(),
        "whole_us" => vec![9000.0; rows.len()],
        "accuracy" => rows.iter().map(|row| row.3).collect::<Vec<_>>(),
        "low" => rows.iter().map(|row| row.3 - 0.01).collect::<Vec<_>>(),
        "high" => rows.iter().map(|row| row.3).collect::<Vec<_>>(),
        "seconds_to_best" => (1..=rows.len()).map(|n| n as f64 * 100.0).collect::<Vec<_>>(),
        "search_ms" => vec![40.0; rows.len()],
        "extract_ms" => vec![50.0; rows.len()],
        "save_ms" => vec![10.0; rows.len()],
    )
    .unwrap();
    if let Some(method) = method {
        frame.with_column(Column::new("method".into(), vec![method; rows.len()])).unwrap();
    }
    frame
}

#[test]
fn methods_are_compared_at_equal_budgets() {
    let sweeps = made(None, &[("a", Some(1000.0), 900.0, 0.99), ("b", Some(2000.0), 1900.0, 0.98)]);
    let prune = made(Some("prune-and-tune"), &[("a", Some(1001.0), 1100.0, 0.97), ("b", Some(1000.0), 900.0, 0.9)]);
    let retrain =
        df!("task" => ["a", "b"], "accuracy" => [0.999, 0.998], "low" => [0.99, 0.99], "high" => [1.0, 1.0]).unwrap();
    let mut all = baseline::made(&sweeps, Some(baseline::OURS)).unwrap();
    all.extend(baseline::made(&prune, None).unwrap());
    all.extend(baseline::retrained(&retrain, &sweeps).unwrap());
    let figure = comparison::figure(&all, "").unwrap();
    let text = figure.document.markdown();
    let of_b = text.lines().find(|line| line.contains("| d      | b ")).unwrap();
    assert!(
        of_b.contains("9.00 ms*") && of_b.contains("99.8 %"),
        "the whole network, as the sweep measured it: {of_b}"
    );
    assert!(
        text.contains("| d      | a    | 1.00 ms |             0.90 ms |   99.0 % |            1.10 ms* |"),
        "{text}"
    );
    assert!(
        text.contains("| d      | b    | 2.00 ms |             1.90 ms |   98.0 % |                   – |"),
        "{text}"
    );
    // Only task a has all three.
    assert!(
        text.contains("| Prune&Tune |       97.00 % |      1.10 ms |             1.10 |        0 of 1 |"),
        "{text}"
    );
    assert_eq!(read::words(&figure.data, "method").unwrap().len(), 5);
}

#[test]
fn table_4_sets_times_beside_the_papers() {
    let preparation = [Cost::new("train", 3600.0, 3, 2), Cost::new("profile", 1800.0, 3, 2)];
    let paper = df!(
        "method" => ["nn-factory", "retrain", "prune-and-tune"],
        "preparation_hours" => [Some(130.0), None, Some(66.0)],
        "customization_seconds" => [3.6, 237_600.0, 14_400.0],
    )
    .unwrap();
    let sweeps = made(None, &[("a", None, 1.0, 0.9), ("b", None, 1.0, 0.9)]);
    let baselines = made(Some("prune-and-tune (gated)"), &[("a", None, 1.0, 0.9), ("b", None, 1.0, 0.9)]);
    let methods = table4::methods(&sweeps, Some(&baselines), &preparation, &preparation[..1], &paper).unwrap();
    assert_eq!(methods[0].preparation, Some(5400.0));
    assert!((methods[0].customisation - 0.1).abs() < 1e-12);
    assert_eq!(methods[0].paper_preparation, Some(468_000.0));
    assert_eq!((methods[1].name.as_str(), methods[1].customisation), ("Prune&Tune (gated)", 150.0));
    assert_eq!((methods[1].preparation, methods[1].paper_customisation), (Some(3600.0), Some(14_400.0)));
    let text = table4::document(&methods, &preparation, "").markdown();
    assert!(text.contains("4000.0×") && text.contains("1500.0×"), "{text}");
    assert!(text.contains("train 60.0 min, profile 30.0 min"), "{text}");
}
