//! What tables look like, and that the paper's figures meet the right rows.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use nnf_results::Cost;
use polars::prelude::*;

use crate::baseline::Made;
use crate::chart::{png, svg};
use crate::document::Document;
use crate::format::{limit, percent, points};
use crate::read::Source;
use crate::table::Table;
use crate::table2::joined;
use crate::{baseline, comparison, read, table2, table4};

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
fn limits_are_printed_by_their_shortest_decimal() {
    let texts: Vec<String> = [0.025, 0.07, 0.1, 1.0, 0.001, 1.0 / 3.0].into_iter().map(limit).collect();
    assert_eq!(texts, ["2.5 %", "7 %", "10 %", "100 %", "0.1 %", "33.33333333 %"]);
}

#[test]
fn cells_mean_what_they_say_in_markdown_and_in_latex() {
    let rows = vec![vec!["a|b*_<\\".into(), "x\ny".into()], vec!["[2] c".into(), "1".into()], vec!["* d".into()]];
    let table = Table::new(["a_b:", "n"], rows);
    let text = table.markdown();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[2], "| a\\|b\\*\\_\\<\\\\ | x y |");
    assert_eq!(lines[0].len(), lines[2].len(), "columns are as wide as what is written");
    let latex = table.latex("");
    assert!(latex.contains("x y \\\\\n{}[2] c & 1 \\\\\n{}* d &  \\\\\n"), "{latex}");
}

/// Rows of one supernet of Table 2.
fn table2_rows(label: &str, network: &str, accuracy: f64) -> DataFrame {
    df!(
        "label" => [label; 2],
        "network" => [network; 2],
        "task" => ["has 0", "only two 1"],
        "seen" => [true; 2],
        "limit" => [0.025, 0.03],
        "accuracy" => [accuracy; 2],
        "low" => [0.9; 2],
        "high" => [1.0; 2],
        "samples" => [100_u64; 2],
        "ratio" => [0.02; 2],
        "kept" => [38_u64; 2],
        "modules" => [1920_u64; 2],
        "macs_ratio" => [0.1; 2],
        "parameters" => [1e6; 2],
        "weight_bytes" => [4e6; 2],
    )
    .unwrap()
}

#[test]
fn table_2_keeps_supernets_of_one_preset_apart() {
    let both = table2_rows("wide", "resnet-x", 0.9).vstack(&table2_rows("narrow", "resnet-x", 0.5)).unwrap();
    let paper = df!("task" => ["only two 1"], "activation_limit" => [0.03], "resnet_accuracy" => [0.993], "resnet_activation_ratio" => [0.03]).unwrap();
    let joined = joined(&both, &paper).unwrap();
    let text = table2::document("T", &joined).unwrap().markdown();
    assert!(text.contains("ResNet (wide): resnet-x, 1920 modules, mean accuracy 90.00 %"), "{text}");
    assert!(text.contains("ResNet (narrow): resnet-x, 1920 modules, mean accuracy 50.00 %"), "{text}");
    assert!(text.contains("accuracy, paper") && text.contains("ratio, paper"), "{text}");
    let cells: Vec<&str> =
        text.lines().find(|line| line.contains("only two 1")).unwrap().split('|').map(str::trim).collect();
    assert_eq!(cells[3..9], ["99.3 %", "50.00 %", "90.00–100.00 %", "-49.3", "3.0 %", "2.0 %"], "{text}");
    assert!(text.contains("| 2.5 % |"), "{text}");
    let means = table2::means(&both).unwrap().markdown();
    assert!(means.contains("ResNet (narrow) | 2.5 % | seen") && means.contains("50.00 %"), "{means}");
    let twice = both.vstack(&table2_rows("wide", "resnet-x", 0.9)).unwrap();
    assert!(table2::means(&twice).err().unwrap().to_string().contains("ResNet (wide) has two rows of task `has 0`"));
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
fn csv_is_read_as_people_save_it_and_what_is_wrong_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("paper.csv");
    for text in ["task,limit\n\"a, b\",0.5\n", "\u{feff}task,limit\r\n\r\n\"a, b\",0.5\r\n\r\n"] {
        fs_err::write(&path, text).unwrap();
        let frame = read::csv(&path, &["task", "limit"]).unwrap();
        assert_eq!(read::words(&frame, "task").unwrap(), ["a, b"]);
        assert_eq!(read::all_numbers(&frame, "limit").unwrap(), [0.5]);
    }
    for (text, why) in [
        (&b"task,limit\n\na, b,0.5\n"[..], "line 3 has 3 cells, and the header has 2"),
        (b"task,limit\n\"a,0.5\n", "line 2 begins a quotation that never ends"),
        (b"t\xe2che,limit\n", "it is no UTF-8"),
        (b"", "it is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "run `git lfs pull`"),
    ] {
        fs_err::write(&path, text).unwrap();
        let error = read::csv(&path, &["task"]).unwrap_err().to_string();
        assert!(error.contains("paper.csv") && error.contains(why), "{error}");
    }
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
    let together = |paths: [&Path; 2]| {
        let labelled = paths.into_iter().map(|path| Source { path, label: Some("l".into()) });
        read::together(labelled, &["a"], &[("b", DataType::Float64)])
    };
    let both = together([&one, &one]).unwrap();
    assert_eq!((both.height(), both.column("b").unwrap().null_count()), (2, 2), "an optional column may be absent");
    assert_eq!(read::words(&both, "label").unwrap(), ["l", "l"]);
    assert!(together([&one, &other]).unwrap_err().to_string().contains("other"));
    assert!(read::together([], &["a"], &[]).is_err());
    assert!(read::all_numbers(&df!("a" => [Some(1.0), None]).unwrap(), "a").unwrap_err().to_string().contains("row 2"));
}

#[test]
fn latex_has_no_stray_signs() {
    let rows = vec![vec!["a_b & 50 %".into(), "R²".into()]];
    let text = Document::new("T").table("one #1", Table::new(["x:", "y"], rows)).text("±1 – done").latex();
    let expected = "% Needs \\usepackage{booktabs} and \\usepackage{graphicx}.\n\n\\begin{table}\n\\centering\n\
                    \\caption{one \\#1}\n\\resizebox{\\ifdim\\width>\\textwidth\\textwidth\\else\\width\\fi}{!}{%\n\
                    \\begin{tabular}{lr}\n\\toprule\nx & y \\\\\n\\midrule\na\\_b \\& 50 \\% & R$^2$ \\\\\n\
                    \\bottomrule\n\\end{tabular}\n}\n\\end{table}\n\n$\\pm$1 -- done\n";
    assert_eq!(text, expected);
    let told = |text: &str| Document::new("T").text(text).latex().lines().nth(2).unwrap().to_owned();
    assert_eq!(
        told("\"at least k\" | `a_b` of -2.5 to -k, 1-2"),
        "``at least k'' \\textbar{} \\texttt{a\\_b} of $-$2.5 to -k, 1-2"
    );
    assert_eq!(told("one ` alone"), "one \\textasciigrave{} alone");
    let long = Table::new(["n"], (0..81).map(|n| vec![n.to_string()]).collect()).latex("Long");
    assert_eq!(long.matches("\\begin{table}").count(), 3, "each fits on a page");
    assert!(long.contains("\\caption{Long (3 of 3)}") && long.contains("80 \\\\"), "{long}");
}

/// A network of a method: task, latency and memory budget, latency, accuracy.
type Network<'a> = (&'a str, Option<f64>, Option<f64>, f64, f64);

fn made(method: Option<&str>, rows: &[Network]) -> DataFrame {
    let mut frame = df!(
        "device" => vec!["d"; rows.len()],
        "threads" => vec![1_u64; rows.len()],
        "task" => rows.iter().map(|row| row.0).collect::<Vec<_>>(),
        "latency_budget_us" => rows.iter().map(|row| row.1).collect::<Vec<_>>(),
        "memory_budget_bytes" => rows.iter().map(|row| row.2).collect::<Vec<_>>(),
        "measured_us" => rows.iter().map(|row| row.3).collect::<Vec<_>>(),
        "memory_bytes" => vec![3e6; rows.len()],
        "whole_us" => vec![9000.0; rows.len()],
        "accuracy" => rows.iter().map(|row| row.4).collect::<Vec<_>>(),
        "low" => rows.iter().map(|row| row.4 - 0.01).collect::<Vec<_>>(),
        "high" => rows.iter().map(|row| row.4).collect::<Vec<_>>(),
        "samples" => vec![1000_u64; rows.len()],
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

fn ours(rows: &[Network]) -> Vec<Made> {
    baseline::made(&made(None, rows), Some(baseline::OURS)).unwrap()
}

fn pruned(rows: &[Network]) -> Vec<Made> {
    baseline::made(&made(Some("prune-and-tune"), rows), None).unwrap()
}

/// Cells of the first line with a text.
fn cells(text: &str, with: &str) -> Vec<String> {
    let line = text.lines().find(|line| line.contains(with)).unwrap_or_else(|| panic!("no `{with}` in {text}"));
    line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

#[test]
fn methods_are_compared_at_equal_budgets() {
    let rows = [("a", Some(1000.0), None, 900.0, 0.99), ("b", Some(2000.0), None, 1900.0, 0.98)];
    let mut all = ours(&rows);
    all.extend(pruned(&[("a", Some(1001.0), None, 1100.0, 0.97), ("b", Some(1000.0), None, 900.0, 0.9)]));
    let retrain = df!("task" => ["a", "b"], "accuracy" => [0.999, 0.998], "low" => [0.99, 0.99], "high" => [1.0, 1.0], "samples" => [2000_u64, 1000]).unwrap();
    all.extend(baseline::retrained(&retrain, &made(None, &rows)).unwrap());
    let figure = comparison::figure(&all, "").unwrap();
    let text = figure.document.markdown();
    // NN-Factory, Prune&Tune, Retrain (whose latency is the whole network's): Δ latency, accuracy, interval; samples.
    let of_a = [
        "d",
        "a",
        "1.00 ms",
        "-10.0 %",
        "99.0 %",
        "98.0–99.0 %",
        "+10.0 %\\*",
        "97.0 %",
        "96.0–97.0 %",
        "+800.0 %\\*",
        "99.9 %",
        "99.0–100.0 %",
        "1000 / 2000",
    ];
    assert_eq!(cells(&text, "| d      | a "), of_a);
    let of_b = cells(&text, "| d      | b ");
    assert_eq!(
        of_b[3..10],
        ["-5.0 %", "98.0 %", "97.0–98.0 %", "–", "–", "–", "+350.0 %\\*"],
        "other budgets are not of it"
    );
    assert_eq!(of_b[12], "1000");
    assert!(text.contains("in 1 of 2 scenarios the methods were judged on different numbers of samples; the first: NN-Factory on 1000, Prune&Tune on 1000, Retrain on 2000."), "{text}");
    // Only task a has all three.
    assert_eq!(cells(&text, "| Prune&Tune |")[1..], ["97.00 %", "1.10 ms", "1.10", "3.00 MB", "0 of 1"]);
    assert_eq!(cells(&text, "| d      |        1.00 ms")[2..], ["1", "99.00 %", "97.00 %", "99.90 %"], "{text}");
    assert_eq!(cells(&text, "Retrain: budgets")[1..], ["misses them in all 11 scenarios", "keeps them in 0 of 2"]);
    let claim = "NN-Factory -1.35 ± 5.72 points on average of 2 tasks; in 2 scenarios from -1.80 to -0.90";
    assert!(cells(&text, "Retrain: accuracy")[2] == claim, "{text}");
    assert_eq!(read::words(&figure.data, "method").unwrap().len(), 5);
    let crate::chart::Body::Series(drawn) = &figure.chart.panels[0].body else { panic!("marks") };
    assert_eq!(drawn.iter().map(|one| one.points.len()).collect::<Vec<_>>(), [2, 1, 2], "only what is compared");
    assert!(svg(&figure.chart).is_ok() && png(&figure.chart).is_ok());
}

#[test]
fn what_is_not_known_is_not_kept() {
    let rows = [("a", Some(1000.0), Some(4e6), 900.0, 0.91)];
    let mut known = made(None, &rows);
    let text = |frame: &DataFrame| {
        let all = baseline::made(frame, Some(baseline::OURS)).unwrap();
        comparison::figure(&all, "").unwrap().document.markdown()
    };
    assert_eq!(cells(&text(&known), "NN-Factory: budgets")[2], "keeps them in 1 of 1");
    known.drop_in_place("memory_bytes").unwrap();
    assert_eq!(cells(&text(&known), "NN-Factory: budgets")[2], "keeps them in 0 of 0", "its memory is not told");
    known.with_column(Column::new("device".into(), [None::<&str>])).unwrap();
    let why = baseline::made(&known, Some(baseline::OURS)).unwrap_err().to_string();
    assert!(why.contains("row 1 has no `device`"), "{why}");
    let retrain = df!("task" => ["a"], "accuracy" => [0.9], "low" => [0.9], "high" => [0.9]).unwrap();
    let two = made(None, &[rows[0], rows[0]]);
    let mut unlike = two.clone();
    unlike.with_column(Column::new("whole_us".into(), [9000.0, 8000.0])).unwrap();
    assert!(baseline::retrained(&retrain, &two).is_ok());
    let why = baseline::retrained(&retrain, &unlike).unwrap_err().to_string();
    assert!(why.contains("whole networks of several latencies"), "{why}");
}

#[test]
fn scenarios_differ_by_both_budgets() {
    let rows = [
        ("a", Some(1000.0), Some(2e6), 900.0, 0.91),
        ("a", Some(1000.0), Some(4e6), 950.0, 0.92),
        ("a", Some(2000.0), Some(2e6), 1900.0, 0.93),
        ("a", Some(2000.0), None, 1950.0, 0.94),
    ];
    let mut all = ours(&rows);
    // Budgets of MACs only, and of latency only: the former is for no scenario, the latter for one.
    all.extend(pruned(&[
        ("a", None, None, 500.0, 0.5),
        ("a", Some(2001.0), None, 1800.0, 0.6),
        ("a", Some(2005.0), None, 1700.0, 0.7),
    ]));
    let figure = comparison::figure(&all, "").unwrap();
    let text = figure.document.markdown();
    let accuracy: Vec<[String; 2]> = text
        .lines()
        .filter(|line| line.starts_with("| d      | a "))
        .map(|line| cells(line, "d"))
        .map(|row| [row[6].clone(), row[10].clone()])
        .collect();
    assert_eq!(accuracy, [["91.0 %", "–"], ["92.0 %", "–"], ["93.0 %", "–"], ["94.0 %", "60.0 %"]], "{text}");
    // 3 MB are over 2 MB and within 4 MB.
    assert!(text.contains("+50.0 %\\*") && text.contains("-25.0 % |"), "{text}");
    assert_eq!(cells(&text, "NN-Factory: budgets")[2], "keeps them in 2 of 4");
    all.extend(ours(&rows[..1]));
    let why = comparison::figure(&all, "").err().unwrap().to_string();
    assert_eq!(why, "NN-Factory has two networks for task `a` on `d` within 1.00 ms in 2.00 MB; give each table once");
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
    let rows = [("a", None, None, 1.0, 0.9), ("b", None, None, 1.0, 0.9)];
    let (sweeps, mut baselines) = (made(None, &rows), made(Some("prune-and-tune (gated)"), &rows));
    baselines.vstack_mut(&made(Some("retrain"), &rows)).unwrap();
    let mut preparation = table4::Preparation {
        prune: preparation[..1].to_vec(),
        ours: preparation.to_vec(),
        retrain: vec![Cost::new("pretrain", 60.0, 3, 2).in_precision("bfloat16")],
        customisation: Vec::new(),
    };
    let methods = table4::methods(&sweeps, Some(&baselines), &preparation, &paper).unwrap();
    assert_eq!(methods[0].preparation, Some(5400.0));
    assert!((methods[0].customisation - 0.1).abs() < 1e-12);
    assert_eq!(methods[0].paper_preparation, Some(468_000.0));
    assert_eq!((methods[1].name.as_str(), methods[1].customisation), ("Prune&Tune (gated)", 150.0));
    assert_eq!((methods[1].preparation, methods[1].paper_customisation), (Some(3600.0), Some(14_400.0)));
    assert_eq!((methods[2].name.as_str(), methods[2].preparation), ("Retrain", Some(60.0)));
    let parts = table4::parts(&sweeps).unwrap();
    let text = table4::document(&methods, &preparation, &parts).markdown();
    assert!(text.contains("4000.0×") && text.contains("1500.0×"), "{text}");
    assert_eq!(cells(&text, "| profile ")[1..], ["profile", "30.0 min", "cpu", "2", "–"]);
    assert_eq!(cells(&text, "| Retrain            | pretrain")[2..], ["60.0 s", "cpu", "2", "bfloat16"]);
    assert_eq!(cells(&text, "| extraction ")[1..], ["0.8 s", "50.0 ms"]);
    assert_eq!(cells(&text, "| together ")[1..], ["3.6 s", "100.0 ms"]);
    assert!(!text.contains("Attention"), "{text}");
    assert!(!text.contains("all scenarios together"), "{text}");
    let elsewhere = vec![Cost::new("numvqa.retrain", 600.0, 3, 2).on_gpu(true)];
    let on_gpu = table4::Preparation { customisation: elsewhere, ..preparation.clone() };
    let on_gpu = table4::document(&methods, &on_gpu, &parts).markdown();
    assert!(on_gpu.contains("Attention: not all parts ran on the same"), "{on_gpu}");
    assert_eq!(cells(&on_gpu, "| numvqa.retrain")[1..2], ["10.0 min"]);
    preparation.prune[0] = Cost::new("train", 3600.0, 3, 1);
    let unlike = table4::document(&methods, &preparation, &parts).markdown();
    assert!(unlike.contains("not all parts ran on the same: cpu with 1 thread, cpu with 2 threads."), "{unlike}");
    preparation.retrain.clear();
    let methods = table4::methods(&sweeps, Some(&baselines), &preparation, &paper).unwrap();
    assert_eq!(methods[2].preparation, None, "nothing is made up where no cost is given");
}

#[test]
fn trainings_that_did_not_converge_are_told() {
    let table = |converged: [Option<bool>; 3]| {
        df!("method" => ["retrain", "prune-and-tune", "prune-and-tune"], "converged" => converged).unwrap()
    };
    let told = table4::unconverged(&table([Some(true), Some(false), Some(true)])).unwrap();
    assert!(told.ends_with("before they converged: 1 of 2 of Prune&Tune."), "{told}");
    assert_eq!(table4::unconverged(&table([Some(true), None, Some(true)])).unwrap(), "");
    assert_eq!(table4::unconverged(&df!("method" => ["retrain"]).unwrap()).unwrap(), "");
}
