//! Kind `sweep` of a problem: for every task and budget on one device, the subnet to deploy, what it costs and how well it answers.
//!
//! All limits go through the assembler at once.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use nnf_contract::{Input, Kind, Offer, Output, Parameter, ParameterType, Stage, StageError};
use nnf_device::{Budget, BudgetParameters, Estimator, Latency, Meter, Micros, Timing};
use nnf_evaluation::{Subnet, file_name, quality};
use nnf_net::{GateVector, Model};
use nnf_problem::{Problem, Samples, kind_name};
use nnf_results::statistics::quantile;
use nnf_results::{Cost, table};
use serde::Deserialize;

use crate::calibration::{Calibration, calibrate};
use crate::candidates::limits;
use crate::choose::Choice;
use crate::given::Given;
use crate::results::{Chosen, Found, Row};
use crate::scenario::{Fitting, Search};

#[derive(Debug, Deserialize)]
struct Parameters {
    tasks: Vec<String>,
    limits: usize,
    limit_min: f64,
    samples: usize,
    fit: bool,
    validation_samples: usize,
    calibrate: usize,
}

pub(crate) fn offer<P: Problem>() -> Offer {
    let parquet = table::PARQUET;
    let kind = Kind::new(
        &kind_name::<P>("sweep"),
        "For every task and budget on a device: the subnet to deploy, its cost and its accuracy",
    )
    .inputs([
        Input::new("supernet", "inode/directory", "a trained supernet"),
        Input::new("predictor", "application/json", "the device's latency predictor"),
    ])
    .inputs(P::inputs())
    .inputs([
        Input::new("samples", parquet, "samples to answer"),
        Input::new("tasks", parquet, "the tasks with their property bits"),
        Input::new("validation", parquet, "samples to judge subnets by that are made to fit; without it none is judged")
            .optional(),
    ])
    .outputs([
        Output::new("results", parquet, "a row for each scenario: chosen gates, predicted and measured cost, accuracy"),
        Output::new("subnets", "inode/directory", "the chosen networks, a folder each"),
        Output::new("cost", "application/json", "seconds that `calibrate` took, before the search; measured"),
    ])
    .parameters([
        Parameter::list("tasks", ParameterType::String, "names of the tasks"),
        Parameter::int("limits", 2, 1_000, "limits to look at, from `limit_min` to 1, evenly spaced in logarithm")
            .default(100),
        Parameter::float("limit_min", 1e-3, 1.0, "least limit to look at: the least that the supernet was trained for")
            .default(0.01),
        Parameter::bool(
            "fit",
            "whether a subnet is made to fit, by what its modules cost, where those of the assembler fit only after \
             importance pruning, or not at all; the paper does not. With `validation` one is taken only if it answers \
             no worse than the pruned one, or, where none fits, better than a guess",
        )
        .default(false),
        Parameter::int("validation_samples", 1, 100_000_000, "samples of a task at most by which subnets are judged")
            .default(32),
        Parameter::int("samples", 1, 100_000_000, "samples of a task at most").default(1_000),
        Parameter::int(
            "calibrate",
            0,
            1_000,
            "tasks whose picks are measured beforehand, on the device itself; where they take longer than predicted, all \
             subnets are taken to do so at that budget, so that nine of ten keep it",
        )
        .default(0),
    ])
    .parameters(BudgetParameters::parameters())
    .parameters(Timing::parameters())
    .measures()
    .all_cpus();
    Offer { kind, run: run::<P> }
}

fn run<P: Problem>(stage: &Stage) -> Result<(), StageError> {
    let (p, timing): (Parameters, Timing) = (stage.parameters()?, stage.parameters()?);
    let given = Given::<P>::read(stage)?;
    let tasks = given.tasks(&p.tasks)?;
    let asked: BudgetParameters = stage.parameters()?;
    let estimator = given.predictor.estimator(&given.supernet.model.network)?;
    let budgets = asked.budgets(estimator.whole()?)?;
    if budgets.is_empty() {
        return Err(StageError::failed("no budget is given: `latency_ms`, `latency_shares` or `memory_mb`"));
    }
    let folder = stage.output("subnets")?;
    fs_err::create_dir_all(folder).map_err(StageError::failed)?;
    given.testbed.set_threads();
    let scenarios =
        Scenarios { given: &given, p: &p, tasks: &tasks, limits: limits(p.limits, p.limit_min), estimator: &estimator };
    let begin = Instant::now();
    let Calibration { slowness, measured } = scenarios.calibration(stage, (&budgets, asked.margin, timing))?;
    let conditions = &given.predictor.conditions;
    let threads = u32::try_from(conditions.threads).unwrap_or(u32::MAX);
    Cost::new("sweep, calibration", begin.elapsed().as_secs_f64(), (measured * timing.rounds) as u64, threads)
        .save(stage.output("cost")?)
        .map_err(StageError::failed)?;
    let budgets: Vec<(Budget, f64)> = budgets.into_iter().zip(slowness).collect();
    let (rows, chosen) = scenarios.search(stage, (&budgets, asked.margin), folder)?;
    let open = GateVector::open(&given.supernet.model.network.gate_layers());
    let whole = Rc::new(Subnet::of(&given.supernet, &open)?.model);
    let meter = given.testbed.meter(&given.supernet.model.network, chosen.len() + 1, timing)?;
    let (measured, whole) = measure(stage, &chosen, folder, &whole, meter)?;
    let found = Found { rows: &rows, chosen: &chosen, measured: &measured, whole };
    found.write(&given.task_table, conditions, stage.output("results")?).map_err(StageError::failed)
}

/// What is asked for, but for the budgets.
struct Scenarios<'a, P: Problem> {
    given: &'a Given<P>,
    p: &'a Parameters,
    tasks: &'a [usize],
    limits: Vec<f64>,
    estimator: &'a Estimator<'a>,
}

impl<P: Problem> Scenarios<'_, P> {
    /// All that is on offer for a task.
    fn of(&self, task: usize) -> Result<Search<'_>, StageError> {
        let Scenarios { given, p, .. } = self;
        let fitting = if p.fit { given.fitting(task, p.validation_samples) } else { Fitting::Never };
        Search::new(&given.supernet, self.estimator, &given.task_table.bits[task], &self.limits, fitting)
    }

    /// What is known of the subnets that are chosen for each budget, after measuring some on the device itself.
    fn calibration(
        &self,
        stage: &Stage,
        (budgets, margin, timing): (&[Budget], f64, Timing),
    ) -> Result<Calibration, StageError> {
        if self.p.calibrate == 0 || !self.given.testbed.is_device() {
            return Ok(Calibration::none(budgets.len()));
        }
        let searches = self.tasks.iter().take(self.p.calibrate).map(|task| self.of(*task));
        let found = calibrate(stage, self.given, searches, (budgets, margin, timing))?;
        for (budget, slowness) in budgets.iter().zip(&found.slowness) {
            if let Some(Micros(latency)) = budget.latency {
                let more = (slowness - 1.0) * 100.0;
                stage.note(format!(
                    "budget of {:.3} ms: nine of ten subnets take up to {more:.1} % longer than predicted",
                    latency / 1e3
                ));
            }
        }
        Ok(found)
    }

    /// The subnets to deploy, kept in a folder, and for each task and budget which of them it is.
    fn search(
        &self,
        stage: &Stage,
        (budgets, margin): (&[(Budget, f64)], f64),
        folder: &Path,
    ) -> Result<(Vec<Row>, Vec<Chosen>), StageError> {
        let Scenarios { given, p, tasks, .. } = self;
        let (mut rows, mut chosen, mut searching) = (Vec::new(), Vec::new(), Vec::new());
        for task in *tasks {
            stage.go_on()?;
            let begin = Instant::now();
            let mut found = self.of(*task)?;
            let all_limits_ms = milliseconds(begin);
            searching.push(all_limits_ms);
            // Budgets often come to the same subnet; it is extracted, asked and measured once.
            let mut extracted: BTreeMap<usize, usize> = BTreeMap::new();
            for (budget, slowness) in budgets {
                let begin = Instant::now();
                let choice = found.choose(&budget.if_slower(*slowness), margin)?;
                let search_ms = all_limits_ms + milliseconds(begin);
                let (at, fits) = match choice {
                    Some(Choice::Fits(at)) => (at, true),
                    Some(Choice::Nearest(at)) => (at, false),
                    None => continue,
                };
                if let Entry::Vacant(place) = extracted.entry(at) {
                    place.insert(chosen.len());
                    chosen.push(extract(given, *task, (&found, at), p, folder)?);
                }
                rows.push(Row { chosen: extracted[&at], budget: *budget, slowness: *slowness, fits, search_ms });
                stage.progress(rows.len() as u64, (tasks.len() * budgets.len()) as u64, "scenarios");
            }
        }
        let fitting = rows.iter().filter(|row| row.fits).count();
        stage.metrics(
            None,
            &[
                ("scenarios", rows.len() as f64),
                ("of these fit", fitting as f64),
                ("median search of one task, ms", quantile(&searching, 0.5)),
            ],
        );
        Ok((rows, chosen))
    }
}

/// Slices a candidate out of the supernet, keeps it in a folder, and asks it the task's samples.
fn extract<P: Problem>(
    given: &Given<P>,
    task: usize,
    (found, at): (&Search, usize),
    p: &Parameters,
    folder: &Path,
) -> Result<Chosen, StageError> {
    let (gates, candidate) = found.at(at);
    let begin = Instant::now();
    let subnet = Subnet::of(&given.supernet, gates)?;
    let extract_ms = milliseconds(begin);
    let name = folder_name(&given.task_table.names[task], candidate.limit, found.fitted(at));
    let begin = Instant::now();
    subnet.model.save(&folder.join(&name)).map_err(StageError::failed)?;
    let save_ms = milliseconds(begin);
    let mut rows = given.samples.of_task(task);
    rows.truncate(p.samples);
    let answers = quality(&subnet.model, &given.problem, &given.samples, &rows)?;
    let modules = gates.modules();
    let counts = subnet.counts;
    let fitted = found.fitted(at).is_some();
    Ok(Chosen { task, candidate, found: answers, fitted, modules, counts, folder: name, extract_ms, save_ms })
}

/// A folder for each task and limit, told in units of 10⁻⁸, and for each subnet that was made to fit.
pub(crate) fn folder_name(task: &str, limit: f64, fitted: Option<usize>) -> String {
    let fitted = fitted.map(|number| format!("-fitted-{number}")).unwrap_or_default();
    format!("{}-{:09}{fitted}", file_name(task), (limit * 1e8).round())
}

fn milliseconds(begin: Instant) -> f64 {
    begin.elapsed().as_secs_f64() * 1e3
}

/// Latencies of the chosen subnets in their folder, and of the whole network, on this machine, measured in turns.
fn measure(
    stage: &Stage,
    chosen: &[Chosen],
    folder: &Path,
    whole: &Rc<Model>,
    meter: Meter,
) -> Result<(Vec<Latency>, Latency), StageError> {
    let mut latencies = meter
        .measure(|number| -> Result<Rc<Model>, StageError> {
            stage.go_on()?;
            // The last number is the whole network's. Others are read anew in each round: all at once would fill the
            // memory.
            let Some(one) = chosen.get(number) else { return Ok(Rc::clone(whole)) };
            Model::load(&folder.join(&one.folder)).map(Rc::new).map_err(StageError::failed)
        })?
        .latencies;
    let whole = latencies.pop().ok_or_else(|| StageError::failed("nothing was measured"))?;
    Ok((latencies, whole))
}
