//! What a machine has to give to stages at one time: cores, memory, and GPUs by index.

use crate::graph::{CpuNeed, Needs};

/// What is free now.
#[derive(Clone, Debug)]
pub struct Budget {
    cores: u32,
    memory: u64,
    total_cores: u32,
    gpus: Vec<u32>,
    running: usize,
    /// How many gave back early.
    storing: u32,
}

/// What a stage has been given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Cores.
    pub cores: u32,
    /// Bytes of memory; 0 if the stage named none.
    pub memory: u64,
    /// Positions of its GPUs in the pool.
    pub gpus: Vec<u32>,
    /// Whether cores and memory were given back before the end.
    early: bool,
}

impl Budget {
    /// A whole budget.
    #[must_use]
    pub fn new(cores: u32, memory: u64, gpus: u32) -> Self {
        let cores = cores.max(1);
        let list = (0..gpus).rev().collect();
        Budget { cores, memory, total_cores: cores, gpus: list, running: 0, storing: 0 }
    }

    /// Whether no core is free, so that nothing can be taken.
    #[must_use]
    pub fn is_used_up(&self) -> bool {
        self.cores == 0
    }

    /// Has the free GPUs for which this holds be taken before the others.
    pub fn prefer_gpus(&mut self, preferred: &dyn Fn(u32) -> bool) {
        self.gpus.sort_by_cached_key(|gpu| (preferred(*gpu), std::cmp::Reverse(*gpu)));
    }

    /// Takes a share, if it is free. A stage that asks for more cores than there are gets all of them.
    pub fn take(&mut self, needs: &Needs, alone: bool) -> Option<Taken> {
        let cores = match needs.cpus {
            CpuNeed::Count(count) if !alone => count.clamp(1, self.total_cores),
            _ => self.total_cores,
        };
        let free = cores <= self.cores && needs.memory <= self.memory && needs.gpus as usize <= self.gpus.len();
        if !free || (alone && self.running > 0) {
            return None;
        }
        self.cores -= cores;
        self.memory -= needs.memory;
        self.running += 1;
        let gpus = (0..needs.gpus).filter_map(|_| self.gpus.pop()).collect();
        Some(Taken { cores, memory: needs.memory, gpus, early: false })
    }

    /// Gives back the cores and memory of a stage that has ended, though there is still work to do about it: until that
    /// is done, nothing runs alone. So many may be worked on that a core is left for them; with one core all goes one by
    /// one.
    pub fn give_back_early(&mut self, taken: &mut Taken) {
        if !taken.early && self.storing + 1 < self.total_cores {
            taken.early = true;
            self.storing += 1;
            self.cores += std::mem::take(&mut taken.cores);
            self.memory += std::mem::take(&mut taken.memory);
        }
    }

    /// Gives back what a stage has.
    pub fn give_back(&mut self, taken: &Taken) {
        self.cores += taken.cores;
        self.memory += taken.memory;
        self.storing -= u32::from(taken.early);
        self.running -= 1;
        self.gpus.extend(&taken.gpus);
        self.gpus.sort_unstable_by(|a, b| b.cmp(a));
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn needs(cpus: u32, memory: u64, gpus: u32) -> Needs {
        Needs { cpus: CpuNeed::Count(cpus), memory, gpus }
    }

    #[test]
    fn shares_never_add_up_to_more_than_there_is() {
        let mut budget = Budget::new(4, 100, 2);
        let first = budget.take(&needs(3, 60, 1), false).unwrap();
        assert_eq!((first.cores, first.memory, first.gpus.as_slice()), (3, 60, [0].as_slice()));
        assert!(budget.take(&needs(2, 0, 0), false).is_none(), "cores");
        assert!(budget.take(&needs(1, 50, 0), false).is_none(), "memory");
        assert!(budget.take(&needs(1, 0, 2), false).is_none(), "GPUs");
        assert!(budget.take(&needs(1, 0, 0), true).is_none(), "not alone");
        assert!(!budget.is_used_up());
        let second = budget.take(&needs(1, 40, 1), false).unwrap();
        assert!(budget.is_used_up());
        assert_eq!(second.gpus, [1]);
        budget.give_back(&first);
        assert_eq!(budget.take(&needs(1, 0, 1), false).unwrap().gpus, [0]);
    }

    #[test]
    fn gpus_that_others_use_are_taken_last() {
        let mut budget = Budget::new(4, 0, 4);
        budget.prefer_gpus(&|gpu| gpu == 1 || gpu == 3);
        assert_eq!(budget.take(&needs(1, 0, 3), false).unwrap().gpus, [1, 3, 0]);
    }

    #[test]
    fn more_cores_than_there_are_means_all() {
        let mut budget = Budget::new(2, 0, 0);
        assert_eq!(budget.take(&needs(64, 0, 0), false).unwrap().cores, 2);
    }

    #[test]
    fn what_is_stored_leaves_its_cores_but_nothing_runs_alone_beside_it() {
        let mut budget = Budget::new(2, 100, 0);
        let needs = Needs { cpus: CpuNeed::Count(2), memory: 60, gpus: 0 };
        let mut share = budget.take(&needs, false).unwrap();
        assert_eq!(budget.take(&needs, false), None);
        budget.give_back_early(&mut share);
        assert_eq!(budget.take(&needs, true), None, "a measurement would be disturbed");
        let other = budget.take(&needs, false).unwrap();
        budget.give_back(&share);
        assert_eq!(budget.take(&needs, false), None, "nothing is given back twice");
        budget.give_back(&other);
        assert!(budget.take(&needs, true).is_some());
    }
}
