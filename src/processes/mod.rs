//! Processes of this machine, as the system lists them: for whoever starts some, and whoever finds some left behind.

pub(crate) mod culprit;
pub(crate) mod identity;
pub(crate) mod orphans;
#[cfg(target_os = "linux")]
pub(crate) mod proc_file;
pub(crate) mod session;
pub(crate) mod spawn;
