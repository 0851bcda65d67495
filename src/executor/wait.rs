//! Waits for a process of this machine to end, for a while at a time.
//!
//! It does not end processes.

use std::io;
use std::process::{Child, ExitStatus};
use std::time::Duration;

#[cfg(target_os = "linux")]
pub(crate) use by_descriptor::Waiter;
#[cfg(not(target_os = "linux"))]
pub(crate) use by_thread::Waiter;

/// Where the kernel gives out descriptors that become readable when a process ends.
#[cfg(target_os = "linux")]
mod by_descriptor {
    use std::os::fd::OwnedFd;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    use super::{Child, Duration, ExitStatus, io};

    #[derive(Debug)]
    pub(crate) struct Waiter {
        child: Child,
        descriptor: Option<OwnedFd>,
    }

    impl Waiter {
        pub(crate) fn new(child: Child) -> Self {
            Waiter { child, descriptor: None }
        }

        /// Whether it has ended, now or within a while. Until [`Waiter::status`] its id is not given to another process.
        pub(crate) fn has_ended_within(&mut self, while_: Duration) -> io::Result<bool> {
            let descriptor = match &self.descriptor {
                Some(descriptor) => descriptor,
                None => {
                    let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
                    let id = id.ok_or(io::ErrorKind::InvalidInput)?;
                    self.descriptor.insert(pidfd_open(id, PidfdFlags::empty())?)
                }
            };
            let while_ = Timespec::try_from(while_).map_err(|_| io::ErrorKind::InvalidInput)?;
            match poll(&mut [PollFd::new(descriptor, PollFlags::IN)], Some(&while_)) {
                Ok(ready) => Ok(ready > 0),
                Err(rustix::io::Errno::INTR) => Ok(false),
                Err(error) => Err(error.into()),
            }
        }

        pub(crate) fn status(mut self) -> io::Result<ExitStatus> {
            self.child.wait()
        }
    }
}

/// Everywhere else.
#[cfg(not(target_os = "linux"))]
mod by_thread {
    use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

    use super::{Child, Duration, ExitStatus, io};

    #[derive(Debug)]
    pub(crate) struct Waiter {
        status: Receiver<io::Result<ExitStatus>>,
        ended: Option<io::Result<ExitStatus>>,
    }

    impl Waiter {
        pub(crate) fn new(mut child: Child) -> Self {
            let (send, status) = channel();
            std::thread::spawn(move || {
                let _ = send.send(child.wait());
            });
            Waiter { status, ended: None }
        }

        /// Whether it has ended, now or within a while.
        pub(crate) fn has_ended_within(&mut self, while_: Duration) -> io::Result<bool> {
            match self.status.recv_timeout(while_) {
                Ok(status) => self.ended = Some(status),
                Err(RecvTimeoutError::Timeout) => return Ok(false),
                Err(RecvTimeoutError::Disconnected) => return Err(io::ErrorKind::NotFound.into()),
            }
            Ok(true)
        }

        pub(crate) fn status(self) -> io::Result<ExitStatus> {
            self.ended.unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()))
        }
    }
}
