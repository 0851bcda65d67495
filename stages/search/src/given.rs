//! What a sweep reads, checked.

use nnf_contract::{Stage, StageError};
use nnf_device::{Predictor, Testbed};
use nnf_evaluation::named;
use nnf_problem::{Problem, Samples, TaskTable};
use nnf_supernet::Supernet;

use crate::judge::BySamples;
use crate::scenario::Fitting;

/// The inputs of the stage.
pub(crate) struct Given<P: Problem> {
    pub(crate) supernet: Supernet,
    pub(crate) problem: P,
    pub(crate) samples: P::Samples,
    pub(crate) task_table: TaskTable,
    pub(crate) predictor: Predictor,
    pub(crate) testbed: Testbed,
    validation: Option<P::Samples>,
}

impl<P: Problem> Given<P> {
    pub(crate) fn read(stage: &Stage) -> Result<Self, StageError> {
        let supernet = Supernet::load(stage.input("supernet")?).map_err(StageError::failed)?;
        let predictor = Predictor::load(stage.input("predictor")?, &supernet.model.network)?;
        let testbed = Testbed::of(stage, &predictor.conditions)?;
        let samples = P::Samples::load(stage.input("samples")?)?;
        let task_table = TaskTable::load(stage.input("tasks")?)?;
        let problem = P::read(stage)?;
        let validation = stage.optional_input("validation")?.map(P::Samples::load).transpose()?;
        if let Some(validation) = &validation {
            validation.check_to_learn("validation")?;
        }
        for samples in std::iter::once(&samples).chain(&validation) {
            task_table.check(samples)?;
            problem.check(samples)?;
        }
        Ok(Given { supernet, problem, samples, task_table, predictor, testbed, validation })
    }

    /// Positions of the named tasks, all of which have samples.
    pub(crate) fn tasks(&self, names: &[String]) -> Result<Vec<usize>, StageError> {
        let tasks = named(&self.task_table, names)?;
        for (samples, use_of_it) in [(Some(&self.samples), "answer"), (self.validation.as_ref(), "judge subnets by")] {
            let lacks = |task: &&usize| samples.is_some_and(|samples| samples.of_task(**task).is_empty());
            if let Some(task) = tasks.iter().find(lacks) {
                return Err(StageError::failed(format!(
                    "there are no samples of the task `{}` to {use_of_it}: list it under `tasks` of the stage that makes \
                     the samples",
                    self.task_table.names[*task]
                )));
            }
        }
        Ok(tasks)
    }

    /// How subnets are made to fit for a task: judged by so many validation samples, if some are given.
    pub(crate) fn fitting(&self, task: usize, most: usize) -> Fitting<'_> {
        let judge = |samples| Box::new(BySamples::new(&self.supernet, &self.problem, samples, (task, most)));
        self.validation.as_ref().map_or(Fitting::Always, |samples| Fitting::Judged(judge(samples)))
    }
}
