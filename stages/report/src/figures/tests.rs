//! Each figure from a small table: its data, its claims, and what it says of tables that do not fit.
#![expect(clippy::unwrap_used, reason = "tests")]

use polars::prelude::*;

use super::training::{Batch, Batches};
use super::*;
use crate::chart::{Body, Chart, Look, png, svg};
use crate::output::Figure;
use crate::read;

/// Two networks, three tasks (the last unseen), two limits.
fn results() -> DataFrame {
    let mut rows: Vec<(&str, &str, bool, f64, f64)> = Vec::new();
    for (n, network) in ["resnet-x", "vit-x"].into_iter().enumerate() {
        for (t, task) in ["has 0", "only one 3", "only two 0"].into_iter().enumerate() {
            for limit in [0.03, 0.2] {
                rows.push((
                    network,
                    task,
                    t != 2,
                    limit,
                    0.99 - 0.01 * (n + t) as f64 - if t == 2 { 0.1 } else { 0.0 },
                ));
            }
        }
    }
    let generated = |limit: f64| -> f64 { if limit < 0.1 { 0.06 } else { 0.08 } };
    df!(
        "network" => rows.iter().map(|row| row.0).collect::<Vec<_>>(),
        "task" => rows.iter().map(|row| row.1).collect::<Vec<_>>(),
        "seen" => rows.iter().map(|row| row.2).collect::<Vec<_>>(),
        "limit" => rows.iter().map(|row| row.3).collect::<Vec<_>>(),
        "accuracy" => rows.iter().map(|row| row.4).collect::<Vec<_>>(),
        "low" => rows.iter().map(|row| row.4 - 0.01).collect::<Vec<_>>(),
        "high" => rows.iter().map(|row| row.4 + 0.005).collect::<Vec<_>>(),
        "samples" => vec![100_u64; rows.len()],
        "generated_ratio" => rows.iter().map(|row| generated(row.3)).collect::<Vec<_>>(),
        "ratio" => rows.iter().map(|row| generated(row.3).min(row.3)).collect::<Vec<_>>(),
    )
    .unwrap()
}

/// A figure that can be painted as both, and the SVG.
fn painted(figure: &Figure) -> String {
    assert!(png(&figure.chart).unwrap().len() > 1000);
    svg(&figure.chart).unwrap()
}

/// Whether some point lies beyond an axis, as a picture's legend says.
fn beyond(figure: &Figure) -> bool {
    painted(figure).contains("\nbeyond the axis\n")
}

fn points(chart: &Chart, panel: usize, series: usize) -> Vec<(f64, f64)> {
    let Body::Series(all) = &chart.panels[panel].body else { panic!("series") };
    all[series].points.iter().map(|point| (point.x, point.y)).collect()
}

fn near(found: &[(f64, f64)], wanted: &[(f64, f64)]) {
    let same = found.len() == wanted.len()
        && found.iter().zip(wanted).all(|(a, b)| (a.0 - b.0).abs() < 1e-9 && (a.1 - b.1).abs() < 1e-9);
    assert!(same, "{found:?} is not {wanted:?}");
}

#[test]
fn figure_9_averages_seen_tasks_for_each_backbone() {
    let figure = accuracy_by_limit::figure(&results(), "a smaller scale").unwrap();
    near(&points(&figure.chart, 0, 0), &[(3.0, 98.5), (20.0, 98.5)]);
    near(&points(&figure.chart, 0, 1), &[(3.0, 97.5), (20.0, 97.5)]);
    // Student's t with one degree of freedom: 12.706 · 0.00707 / √2, cut off at 100 %.
    let low = read::numbers(&figure.data, "low").unwrap()[0].unwrap();
    assert!((low - (0.985 - 12.706 * 0.005)).abs() < 1e-9, "{low}");
    assert_eq!(read::numbers(&figure.data, "high").unwrap()[0], Some(1.0));
    let text = figure.document.markdown();
    assert!(text.contains("| ResNet | above 99 % (Table 2)") && text.contains("a smaller scale"), "{text}");
    assert!(!beyond(&figure));
    // Rows 5 and 6 are of the unseen task.
    assert!(accuracy_by_limit::figure(&results().slice(4, 2), "").is_err());
}

#[test]
fn figure_11_tells_generated_from_pruned() {
    let figure = ratio_by_limit::figure(&results(), "").unwrap();
    assert_eq!(figure.chart.panels.len(), 2);
    near(&points(&figure.chart, 0, 0), &[(3.0, 3.0), (20.0, 20.0)]);
    near(&points(&figure.chart, 0, 1), &[(3.0, 6.0), (20.0, 8.0)]);
    near(&points(&figure.chart, 0, 2), &[(3.0, 3.0), (20.0, 8.0)]);
    assert!(figure.document.markdown().contains("limit 3 %: generated 6.0 %, after pruning 3.0 %"));
    assert!(!beyond(&figure));
}

#[test]
fn figure_11_marks_ratios_of_0() {
    let mut results = results();
    let zeros: Vec<f64> = (0..results.height()).map(|row| if row % 2 == 0 { 0.0 } else { 0.05 }).collect();
    results.with_column(Column::new("ratio".into(), zeros)).unwrap();
    let figure = ratio_by_limit::figure(&results, "").unwrap();
    near(&points(&figure.chart, 0, 2), &[(3.0, 0.0), (20.0, 5.0)]);
    assert!(beyond(&figure));
    assert!(figure.document.markdown().contains("A ratio of 0 has no place on the logarithmic axis"));
}

#[test]
fn figures_tell_supernets_of_one_preset_apart() {
    let label = |name: &str| {
        // The rows of one network.
        let mut table = results().slice(0, 6);
        table.with_column(Column::new("label".into(), vec![name; table.height()])).unwrap();
        table.with_column(Column::new("network".into(), vec!["resnet-x"; table.height()])).unwrap();
        table.with_column(Column::new("step".into(), vec![100_u64; table.height()])).unwrap();
        table
    };
    let both = label("wide").vstack(&label("narrow")).unwrap();
    let of = |table: &DataFrame| {
        [
            accuracy_by_limit::figure(table, ""),
            ratio_by_limit::figure(table, ""),
            tasks::figure(table, 0.03, ""),
            training::figure(table, &Batches::default(), ""),
        ]
    };
    for figure in of(&both) {
        let text = painted(&figure.unwrap());
        assert!(text.contains("\nResNet (narrow)\n") && text.contains("\nResNet (wide)\n"));
    }
    for figure in of(&both.vstack(&label("wide")).unwrap()) {
        assert!(figure.err().unwrap().to_string().contains("ResNet (wide) has two rows of "));
    }
}

#[test]
fn figure_14_sorts_tasks_and_marks_unseen_ones() {
    let figure = tasks::figure(&results(), 0.03, "").unwrap();
    near(&points(&figure.chart, 0, 0), &[(0.0, 99.0), (1.0, 98.0)]);
    near(&points(&figure.chart, 0, 1), &[(2.0, 87.0)]);
    let Body::Series(series) = &figure.chart.panels[0].body else { panic!("series") };
    assert_eq!((series[0].look, series[1].look), (Look::Bars, Look::HatchedBars));
    let text = figure.document.markdown();
    assert!(text.contains("mean 98.50 % of 2 seen, 87.00 % of 1 unseen tasks"), "{text}");
    assert!(text.contains("0 of 1 at 95 % or above; least 87.00 %"), "{text}");
    assert!(!beyond(&figure));
    assert!(tasks::figure(&results(), 0.5, "").err().unwrap().to_string().contains("no row has the limit 0.5"));
}

#[test]
fn figure_10_leaves_out_what_does_not_fit() {
    let sweeps = df!(
        "device" => ["a", "a", "a", "b"],
        "task" => ["t", "t", "t", "t"],
        "latency_budget_us" => [Some(3000.0), Some(1000.0), Some(500.0), None],
        "fits" => [true, true, false, true],
        "measured_us" => [2900.0, 1100.0, 400.0, 5.0],
        "accuracy" => [0.99, 0.95, 0.9, 0.8],
        "low" => [0.98, 0.94, 0.89, 0.7],
        "high" => [1.0, 0.96, 0.91, 0.9],
        "samples" => [100_u64; 4],
    )
    .unwrap();
    let figure = tradeoff::figure(&sweeps, "").unwrap();
    // Budgets are upright lines from end to end; marks stand at what was measured.
    let upright: Vec<f64> = [0, 1].iter().flat_map(|at| points(&figure.chart, 0, *at)).map(|(x, _)| x).collect();
    assert_eq!(upright, [1.0, 1.0, 3.0, 3.0]);
    near(&points(&figure.chart, 0, 2), &[(1.1, 95.0), (2.9, 99.0)]);
    assert!(!beyond(&figure));
    assert_eq!(figure.chart.panels.len(), 1, "a device without latency budgets has no panel");
    let text = figure.document.markdown();
    let told = "from the least to the greatest budget 1 of 1 tasks are better, 0 worse, 0 the same; most of all t: 95.0 % in 1.10 ms, then 99.0 % in 2.90 ms";
    assert!(text.contains(told), "{text}");
    assert!(text.contains("1 of 2 are slower than their budget when measured"), "{text}");
    assert!(text.contains("1 scenarios in which no subnet is predicted to fit"), "{text}");
    let kept: Vec<Option<bool>> = figure.data.column("measured_within").unwrap().bool().unwrap().iter().collect();
    assert_eq!(kept, [Some(true), Some(false), Some(true), None]);
    let none = sweeps.slice(2, 2);
    assert!(tradeoff::figure(&none, "").err().unwrap().to_string().contains("no scenario"));
}

#[test]
fn figure_12_follows_the_steps() {
    let results = df!(
        "network" => ["resnet-x"; 4],
        "step" => [200_u64, 100, 200, 100],
        "task" => ["a", "a", "b", "b"],
        "limit" => [0.03; 4],
        "accuracy" => [0.98, 0.8, 0.96, 0.7],
    )
    .unwrap();
    let figure = training::figure(&results, &Batches::default(), "").unwrap();
    near(&points(&figure.chart, 0, 0), &[(100.0, 75.0), (200.0, 97.0)]);
    assert!(figure.document.markdown().contains("75.00 % after 100 steps; 97.00 % after 200 steps (limit 3 %)"));
    assert!(!beyond(&figure));
    // 100 steps of 2,000 samples are one of the paper's epochs.
    let batches = |batch, label: &str| Batches { batch, batches: vec![Batch { label: label.into(), batch: 2000 }] };
    let plain = Batches { batch: 2000, batches: Vec::new() };
    for batches in [batches(9, ""), plain] {
        let epochs = training::figure(&results, &batches, "").unwrap();
        near(&points(&epochs.chart, 0, 0), &[(1.0, 75.0), (2.0, 97.0)]);
        let text = epochs.document.markdown();
        assert!(text.contains("97.00 % after 200 steps (2.00 epochs)"), "{text}");
        assert!(text.contains("Samples of a step: 2000 of ResNet."), "{text}");
    }
    let why = training::figure(&results, &batches(0, "vit"), "").err().unwrap().to_string();
    assert_eq!(why, "`batches` has `vit`, the results are of ResNet without a label");
}

#[test]
fn figure_13_shows_the_median_of_the_repeats() {
    let curves = df!(
        "device" => ["d"; 9],
        "vectors" => [10_u64, 10, 10, 100, 100, 100, 5, 5, 5],
        "repeat" => [0_u64, 1, 2, 0, 1, 2, 0, 1, 2],
        "mape" => [0.3, 0.1, 0.2, 0.04, 0.05, 0.03, 0.01, 0.01, 0.01],
        "r_squared" => [0.1, -9.0, 0.2, 0.98, 0.97, 0.99, 0.5, 0.5, 0.5],
    )
    .unwrap();
    let figure = learning_curve::figure(&curves, "").unwrap();
    near(&points(&figure.chart, 0, 0), &[(5.0, 99.0), (10.0, 80.0), (100.0, 96.0)]);
    near(&points(&figure.chart, 1, 0), &[(5.0, 0.5), (10.0, 0.1), (100.0, 0.98)]);
    assert!(!beyond(&figure), "the medians are within, only an interval is not");
    assert_eq!(read::numbers(&figure.data, "r_squared_least").unwrap()[1], Some(-9.0), "data are not cut off");
    let text = figure.document.markdown();
    // 5 were enough by chance, 10 were not.
    assert!(text.contains("above 95 % from 100 subnets on; 96.0 % and R² 0.980 with 100"), "{text}");
}

#[test]
fn figure_13_holds_what_is_below_its_floor() {
    let curves = df!(
        "device" => ["d"; 4],
        "vectors" => [10_u64, 10, 100, 100],
        "repeat" => [0_u64, 1, 0, 1],
        "mape" => [3.0, 2.0, 0.04, 0.05],
        "r_squared" => [-9.0, -8.0, 0.98, 0.97],
    )
    .unwrap();
    let figure = learning_curve::figure(&curves, "").unwrap();
    near(&points(&figure.chart, 0, 0), &[(10.0, -150.0), (100.0, 95.5)]);
    assert!(beyond(&figure));
    let ends: Vec<String> = figure.chart.panels.iter().map(|panel| format!("{:?}", panel.y)).collect();
    assert!(ends[0].contains("from: 0.0, to: 100.0") && ends[1].contains("from: -1.0, to: 1.0"), "{ends:?}");
    assert!(figure.document.markdown().contains("above 95 % from 100 subnets on; 95.5 % and R² 0.975 with 100"));
}

#[test]
fn figure_15_is_a_square_for_tasks_and_one_for_limits() {
    let (mut between, mut a, mut b, mut value) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (group, names) in [("tasks", ["only one 0", "only two 0", "has 7"]), ("limits", ["1 %", "2 %", "90 %"])] {
        for (at, one) in names.into_iter().enumerate() {
            for (other_at, other) in names.into_iter().enumerate() {
                between.push(group);
                a.push(one);
                b.push(other);
                value.push(1.0 - 0.3 * at.abs_diff(other_at) as f64);
            }
        }
    }
    let seen: Vec<bool> = a.iter().map(|name| *name != "only two 0").collect();
    let table =
        df!("between" => between.clone(), "a" => a, "b" => b, "a_seen" => seen, "overlap" => value.clone(), "cosine" => value)
            .unwrap();
    let figure = similarity::figure(&table, "overlap", "").unwrap();
    let Body::Cells(rows) = &figure.chart.panels[0].body else { panic!("cells") };
    assert_eq!((rows.len(), rows[0][2], rows[1][1]), (3, 0.4, 1.0));
    let text = figure.document.markdown();
    assert!(text.contains("0.70 of tasks with one target, 0.55 of others"), "{text}");
    assert!(text.contains("0.70 of neighbours, 0.40 of the least and the greatest"), "{text}");
    assert!(text.contains("unseen: only two 0"), "{text}");
    assert!(!painted(&figure).contains("at a limit of"), "nothing is claimed that the table does not say");
    let mut told = table.clone();
    let of_tasks: Vec<bool> = between.iter().map(|group| *group == "tasks").collect();
    let limits: Vec<Option<f64>> = of_tasks.iter().map(|own| own.then_some(0.05)).collect();
    let tasks: Vec<Option<&str>> = of_tasks.iter().map(|own| (!own).then_some("only one 0")).collect();
    told.with_column(Column::new("limit".into(), limits)).unwrap();
    told.with_column(Column::new("task".into(), tasks)).unwrap();
    let figure = similarity::figure(&told, "overlap", "").unwrap();
    let notes: Vec<&str> = figure.chart.panels.iter().map(|panel| panel.note.split(';').next().unwrap()).collect();
    assert_eq!(notes, ["at a limit of 5 %", "for the task only one 0"]);
    let text = figure.document.markdown();
    assert!(
        text.contains("Tasks are compared at a limit of 5 %. Limits are compared for the task only one 0."),
        "{text}"
    );
    let torn = table.slice(1, 17);
    assert!(similarity::figure(&torn, "overlap", "").err().unwrap().to_string().contains("is missing"));
}

#[test]
fn figure_8_judges_predictions() {
    let latency = df!(
        "device" => ["d"; 4],
        "predicted_us" => [1000.0, 2000.0, 3000.0, 4400.0],
        "measured_us" => [1000.0, 2000.0, 3000.0, 4000.0],
        "retest_us" => [Some(1000.0), Some(2000.0), Some(3000.0), Some(4100.0)],
        "constant_us" => [2000.0; 4],
    )
    .unwrap();
    let figure = predictions::figure(&latency, None, "").unwrap();
    near(&points(&figure.chart, 0, 1)[3..], &[(4.0, 4.4)]);
    let text = figure.document.markdown();
    // R² = 1 − 0.16/5; again 1 − 0.01/5; MAPE 10 %/4; a constant's (1 + 0 + 1/3 + 1/2)/4.
    let row: Vec<&str> = text.lines().find(|line| line.starts_with("| latency, d")).unwrap().split('|').collect();
    let row: Vec<&str> = row.iter().map(|cell| cell.trim()).collect();
    assert_eq!(row[2..8], ["4", "0.968", "0.998", "2.5 %", "–", "45.8 %"]);
    assert!(!text.contains("speed varies"), "{text}");
    let mut slow = latency.clone();
    slow.with_column(Column::new("as_measured_us".into(), [1100.0, 2200.0, 3300.0, 4400.0])).unwrap();
    let text_of_slow = predictions::figure(&slow, None, "").unwrap().document.markdown();
    // Three of four predictions are 1 − 1/1.1 below.
    assert!(text_of_slow.contains("speed varies") && text_of_slow.contains("6.8 %"), "{text_of_slow}");
    assert!(text.contains("97.5 % (R² 0.968)") && text.contains("not available here"), "{text}");
    assert!(painted(&figure).contains("R² 0.968; MAPE 2.5 % (a constant&apos;s 45.8 %)"));
    let memory = df!(
        "device" => ["d"; 2],
        "predicted_bytes" => [1e6, 2e6],
        "measured_bytes" => [1e6, 2e6],
        "retest_bytes" => [None::<f64>, None],
        "constant_bytes" => [1e6; 2],
    )
    .unwrap();
    let both = predictions::figure(&latency, Some(&memory), "").unwrap();
    let mut two = latency.clone();
    let threads: Vec<u64> = (0..two.height() as u64).collect();
    two.with_column(Column::new("threads".into(), threads)).unwrap();
    let why = predictions::figure(&two, None, "").err().unwrap().to_string();
    assert!(why.contains("names two devices with different numbers of threads"), "{why}");
    assert_eq!(both.chart.panels.len(), 2);
    assert!(!beyond(&both));
    assert!(both.document.markdown().contains("resident memory"));
}
