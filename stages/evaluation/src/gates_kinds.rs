//! Kinds `gates.draw` and `gates.assemble`: gate vectors to profile.

use nnf_contract::{Input, Kind, Offer, Output, Parameter, Stage, StageError};
use nnf_net::{GateSet, Network, Random};
use nnf_problem::TaskTable;
use nnf_results::table;
use nnf_supernet::Supernet;
use serde::Deserialize;

use crate::draw::{self, Draw, Spread};

const GATES: &str = "application/vnd.safetensors";

#[derive(Debug, Deserialize)]
struct DrawParameters {
    count: usize,
    level_min: f64,
    level_max: f64,
    spread: Spread,
    balance: f64,
    jitter: f64,
    empty: f64,
    seed: u64,
}

#[derive(Debug, Deserialize)]
struct AssembleParameters {
    count: usize,
    limit_min: f64,
    limit_max: f64,
    seed: u64,
}

pub(crate) fn draw_offer() -> Offer {
    let kind = Kind::new("gates.draw", "Random gate vectors: a shared level, and a jitter of each layer")
        .inputs([Input::new("network", "application/json", "the network with gates")])
        .outputs([Output::new("gates", GATES, "gate vectors u8 [N, modules]")])
        .parameters([
            Parameter::int("count", 1, 1_000_000, "vectors to draw").default(300),
            Parameter::float("level_min", 1e-6, 1.0, "least shared level").default(0.01),
            Parameter::float("level_max", 1e-6, 1.0, "greatest shared level").default(1.0),
            Parameter::choice(
                "spread",
                &["log", "even"],
                "how levels are spread: as many from 1 to 10 % as from 10 to 100 %, or evenly",
            )
            .default("log"),
            Parameter::float(
                "balance",
                0.0,
                1.0,
                "greatest evenness of a vector: at 0 its layers keep about the same share, at 1 about as many modules",
            )
            .default(1.0),
            Parameter::float("jitter", 0.0, 5.0, "standard deviation of the logarithm of a layer's own factor")
                .default(0.5),
            Parameter::float("empty", 0.0, 1.0, "greatest chance of a layer to keep nothing; each vector has its own")
                .default(0.5),
            Parameter::int("seed", 0, i64::MAX, "seed of the draws").default(1),
        ]);
    Offer { kind, run: run_draw }
}

pub(crate) fn assemble_offer() -> Offer {
    let kind = Kind::new("gates.assemble", "Gate vectors that the assembler makes for random tasks and limits")
        .inputs([
            Input::new("supernet", "inode/directory", "a trained supernet"),
            Input::new("tasks", table::PARQUET, "the tasks with their property bits"),
        ])
        .outputs([Output::new("gates", GATES, "gate vectors u8 [N, modules], with task and limit")])
        .parameters([
            Parameter::int("count", 1, 1_000_000, "vectors to make").default(100),
            Parameter::float("limit_min", 1e-6, 1.0, "least limit; limits are drawn log-uniformly").default(0.01),
            Parameter::float("limit_max", 1e-6, 1.0, "greatest limit").default(1.0),
            Parameter::int("seed", 0, i64::MAX, "seed of the draws").default(1),
        ]);
    Offer { kind, run: run_assemble }
}

fn run_draw(stage: &Stage) -> Result<(), StageError> {
    let p: DrawParameters = stage.parameters()?;
    if p.level_min > p.level_max {
        return Err(StageError::failed(format!("`level_min` {} is above `level_max` {}", p.level_min, p.level_max)));
    }
    let network = Network::load(stage.input("network")?).map_err(StageError::failed)?;
    let layers = network.gate_layers();
    let levels = (p.level_min, p.level_max);
    let draw = Draw { levels, spread: p.spread, balance: p.balance, jitter: p.jitter, empty: p.empty };
    let gates = (0..p.count as u64).map(|at| draw.gates(&layers, &mut Random::of(p.seed, &[at]))).collect();
    GateSet { gates, layers: layers.clone(), task: None, limit: None }
        .save(stage.output("gates")?)
        .map_err(StageError::failed)
}

fn run_assemble(stage: &Stage) -> Result<(), StageError> {
    let p: AssembleParameters = stage.parameters()?;
    if p.limit_min > p.limit_max {
        return Err(StageError::failed(format!("`limit_min` {} is above `limit_max` {}", p.limit_min, p.limit_max)));
    }
    let supernet = Supernet::load(stage.input("supernet")?).map_err(StageError::failed)?;
    let task_table = TaskTable::load(stage.input("tasks")?).map_err(StageError::failed)?;
    let mut random = Random::of(p.seed, &[]);
    let (requirements, tasks) = draw::requirements(&task_table, p.count, (p.limit_min, p.limit_max), &mut random)?;
    let set = supernet.gate_set(&requirements, tasks).map_err(StageError::failed)?;
    set.save(stage.output("gates")?).map_err(StageError::failed)
}
