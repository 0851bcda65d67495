//! What a sweep reads, checked.

use nnf_contract::{Stage, StageError};
use nnf_device::{Predictor, Testbed};
use nnf_evaluation::named;
use nnf_supernet::{Digits, Index, Questions, Supernet};

use crate::judge::Judge;
use crate::scenario::Fitting;

/// The inputs of the stage.
pub(crate) struct Given {
    pub(crate) supernet: Supernet,
    pub(crate) digits: Digits,
    pub(crate) index: Index,
    pub(crate) questions: Questions,
    pub(crate) predictor: Predictor,
    pub(crate) testbed: Testbed,
    validation: Option<Index>,
}

impl Given {
    pub(crate) fn read(stage: &Stage) -> Result<Self, StageError> {
        let supernet = Supernet::load(stage.input("supernet")?).map_err(StageError::failed)?;
        let predictor = Predictor::load(stage.input("predictor")?, &supernet.model.network)?;
        let testbed = Testbed::of(stage, &predictor.conditions)?;
        let index = Index::load(stage.input("samples")?).map_err(StageError::failed)?;
        let questions = Questions::load(stage.input("tasks")?).map_err(StageError::failed)?;
        let digits = Digits::load(stage.input("digits")?).map_err(StageError::failed)?;
        let validation =
            stage.optional_input("validation")?.map(Index::load).transpose().map_err(StageError::failed)?;
        if let Some(index) = &validation {
            index.check_to_learn("validation").map_err(StageError::failed)?;
        }
        for index in std::iter::once(&index).chain(&validation) {
            index.check(&digits, &questions).map_err(StageError::failed)?;
        }
        Ok(Given { supernet, digits, index, questions, predictor, testbed, validation })
    }

    /// Positions of the named tasks, all of which have samples.
    pub(crate) fn tasks(&self, names: &[String]) -> Result<Vec<usize>, StageError> {
        let tasks = named(&self.questions, names)?;
        for (index, use_of_it) in [(Some(&self.index), "answer"), (self.validation.as_ref(), "judge subnets by")] {
            let lacks = |task: &&usize| index.is_some_and(|index| index.of_task(**task).is_empty());
            if let Some(task) = tasks.iter().find(lacks) {
                return Err(StageError::failed(format!(
                    "there are no samples of the task `{}` to {use_of_it}: list it under `tasks` of the stage that makes \
                     the samples",
                    self.questions.names[*task]
                )));
            }
        }
        Ok(tasks)
    }

    /// How subnets are made to fit for a task: judged by so many validation samples, if some are given.
    pub(crate) fn fitting(&self, task: usize, samples: usize) -> Fitting<'_> {
        let judge = |index| Judge::new(&self.supernet, &self.digits, index, (task, samples));
        self.validation.as_ref().map_or(Fitting::Always, |index| Fitting::Judged(judge(index)))
    }
}
