//! A unified model: one network whose classifier has answers of its own for every task.
//!
//! A task's own model is the same network with that task's answers alone. `each` is how many answers one task has.

use nnf_net::{Model, Network, Node, Op, Weights};
use tch::Tensor;

use crate::error::BaselineError;

/// The name of the network's classifier, its last fully connected layer.
fn classifier(network: &Network) -> Result<&Node, BaselineError> {
    let node = &network.nodes()[network.outputs()[0]];
    match node.op {
        Op::Linear { .. } if network.outputs().len() == 1 => Ok(node),
        _ => Err(BaselineError::Misfit(format!(
            "network `{}` does not end with a fully connected layer",
            network.name()
        ))),
    }
}

/// Answers that a network's classifier gives.
pub(crate) fn answers(network: &Network) -> Result<i64, BaselineError> {
    classifier(network)?;
    Ok(network.shape_of(network.outputs()[0])[0])
}

/// The same network with so many answers.
pub(crate) fn with_answers(network: &Network, answers: i64) -> Result<Network, BaselineError> {
    let name = classifier(network)?.name.clone();
    let changed = |node: &Node| match node.op {
        Op::Linear { bias, .. } if node.name == name => Node { op: Op::Linear { out: answers, bias }, ..node.clone() },
        _ => node.clone(),
    };
    Ok(Network::new(network.name(), network.nodes().iter().map(changed).collect(), std::slice::from_ref(&name))?)
}

/// A model with answers for each of so many tasks; their weights are random.
pub(crate) fn unified(model: &Model, (each, tasks): (i64, usize), seed: u64) -> Result<Model, BaselineError> {
    let network = with_answers(&model.network, each * i64::try_from(tasks).unwrap_or(0))?;
    let mut weights = model.weights.copied();
    let random = Weights::init(&network, seed);
    for name in parameters(&network)? {
        weights.insert(name.clone(), random.get(&name)?.shallow_clone());
    }
    Ok(Model { network, weights })
}

/// The model of one task out of a unified model of so many tasks. A model with the answers of one is any task's.
pub(crate) fn of_task(model: &Model, task: usize, (each, tasks): (i64, usize)) -> Result<Model, BaselineError> {
    let network = with_answers(&model.network, each)?;
    let mut weights = model.weights.copied();
    let found = answers(&model.network)?;
    let first = i64::try_from(task).unwrap_or(0) * each;
    if found != each {
        if found != each * i64::try_from(tasks).unwrap_or(0) {
            let why = format!("the model gives {found} answers, neither {each} nor so many for each of {tasks} tasks");
            return Err(BaselineError::Misfit(why));
        }
        for name in parameters(&network)? {
            let own: Tensor = weights.get(&name)?.narrow(0, first, each).copy();
            weights.insert(name, own);
        }
    }
    Ok(Model { network, weights })
}

/// Names of the classifier's parameters.
fn parameters(network: &Network) -> Result<Vec<String>, BaselineError> {
    let prefix = format!("{}.", classifier(network)?.name);
    Ok(network.parameters().into_iter().map(|p| p.name).filter(|name| name.starts_with(&prefix)).collect())
}
