//! Processes of this machine, as the system lists them: for whoever starts some, and whoever finds some left behind.

pub(crate) mod culprit;
pub(crate) mod identity;
pub(crate) mod orphans;
pub(crate) mod session;
pub(crate) mod spawn;
