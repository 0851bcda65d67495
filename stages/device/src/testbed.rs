//! This machine, on which networks are measured beside the predictions of a device's predictor.

use nnf_contract::{Machine, Stage, StageError};
use nnf_net::Network;

use crate::error::DeviceError;
use crate::measure::{Meter, Micros, Timing};
use crate::predictor::Conditions;
use crate::speed::reference;

/// This machine, to measure as a device was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Testbed {
    threads: i32,
    /// What the reference took on the device, if this machine is the device.
    usual: Option<Micros>,
    is_device: bool,
}

impl Testbed {
    /// The machine of a stage. Where it is not the device, a note says so.
    ///
    /// # Errors
    /// When it has fewer cores than the device had threads.
    pub fn of(stage: &Stage, device: &Conditions) -> Result<Self, StageError> {
        let machine = stage.machine()?;
        let testbed = Self::of_machine(machine, device)?;
        if !testbed.is_device {
            stage.note(format!(
                "the predictor is of `{}` ({}), this machine is `{}` ({}): measured latencies are of this machine, and \
                 say nothing about predictions and budgets",
                device.cpu, device.platform, machine.cpu, machine.platform
            ));
        }
        Ok(testbed)
    }

    /// A machine, to compute with as many threads as a device.
    ///
    /// # Errors
    /// When it has fewer cores than that.
    pub fn of_machine(machine: &Machine, device: &Conditions) -> Result<Self, StageError> {
        let threads = threads(device.threads, machine)?;
        let is_device = device.cpu == machine.cpu && device.platform == machine.platform;
        Ok(Testbed { threads, usual: device.reference.filter(|_| is_device), is_device })
    }

    /// Whether this machine is the device, as far as CPU and platform tell.
    #[must_use]
    pub fn is_device(&self) -> bool {
        self.is_device
    }

    /// Computes with the device's number of threads from now on.
    pub fn set_threads(&self) {
        tch::set_num_threads(self.threads);
    }

    /// A meter for some models, at the speed that the device had for its predictor; on another machine at the speed that
    /// this one has in the middle of the measurement. The reference is a subnet of `network`.
    ///
    /// # Errors
    /// When the reference cannot be built.
    pub fn meter(&self, network: &Network, models: usize, timing: Timing) -> Result<Meter, DeviceError> {
        Ok(Meter::new(models, timing).with_reference(reference(network)?, self.usual))
    }
}

/// A number of threads as libtorch wants it.
///
/// # Errors
/// When the machine has fewer cores.
pub(crate) fn threads(wanted: usize, machine: &Machine) -> Result<i32, StageError> {
    match i32::try_from(wanted) {
        Ok(threads) if wanted <= machine.cores as usize => Ok(threads),
        _ => Err(StageError::failed(format!(
            "{wanted} threads are to compute, but this machine has {} cores: measure on a machine that has them, or with \
             fewer `threads`",
            machine.cores
        ))),
    }
}
