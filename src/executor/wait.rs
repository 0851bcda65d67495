//! Waits for a process of this machine to end, for a while at a time.
//!
//! It does not end processes.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, WaitOptions, waitpid};

#[cfg(target_os = "linux")]
pub(crate) use by_descriptor::Waiter;
#[cfg(not(target_os = "linux"))]
pub(crate) use by_thread::Waiter;

/// Waits for as long as it takes.
fn wait(id: Pid) -> io::Result<ExitStatus> {
    loop {
        match waitpid(Some(id), WaitOptions::empty()) {
            Ok(Some((_, status))) => return Ok(ExitStatus::from_raw(status.as_raw())),
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Where the kernel gives out descriptors that become readable when a process ends.
#[cfg(target_os = "linux")]
mod by_descriptor {
    use std::os::fd::OwnedFd;
    use std::time::Instant;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::process::{PidfdFlags, WaitId, WaitIdOptions, pidfd_open, waitid};

    use super::{Duration, ExitStatus, Pid, io, wait};

    /// How often a process is looked at for which there is no descriptor.
    const PAUSE: Duration = Duration::from_millis(5);

    #[derive(Debug)]
    pub(crate) struct Waiter {
        id: Pid,
        descriptor: Option<OwnedFd>,
    }

    impl Waiter {
        pub(crate) fn new(id: Pid) -> Self {
            Waiter { id, descriptor: None }
        }

        /// Whether it has ended, now or within a while. Until [`Waiter::status`] its id is not given to another process.
        pub(crate) fn has_ended_within(&mut self, while_: Duration) -> io::Result<bool> {
            let id = self.id;
            if self.descriptor.is_none() {
                // All descriptors may be in use, and old kernels have none for processes.
                self.descriptor = pidfd_open(id, PidfdFlags::empty()).ok();
            }
            let Some(descriptor) = &self.descriptor else { return look_within(id, while_) };
            let while_ = Timespec::try_from(while_).map_err(|_| io::ErrorKind::InvalidInput)?;
            match poll(&mut [PollFd::new(descriptor, PollFlags::IN)], Some(&while_)) {
                Ok(ready) => Ok(ready > 0),
                Err(rustix::io::Errno::INTR) => Ok(false),
                Err(error) => Err(error.into()),
            }
        }

        pub(crate) fn status(self) -> io::Result<ExitStatus> {
            wait(self.id)
        }
    }

    /// Looks again and again whether a process has ended. It stays there to be waited for.
    fn look_within(id: Pid, while_: Duration) -> io::Result<bool> {
        let until = Instant::now() + while_;
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        loop {
            if waitid(WaitId::Pid(id), look)?.is_some() {
                return Ok(true);
            }
            if Instant::now() >= until {
                return Ok(false);
            }
            std::thread::sleep(PAUSE);
        }
    }

    #[cfg(test)]
    mod tests {
        #![expect(clippy::unwrap_used, reason = "tests")]
        use std::process::{Command, Stdio};

        use super::*;

        #[test]
        fn a_process_without_a_descriptor_is_looked_at() {
            let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
            let id = Pid::from_child(&child);
            assert!(!look_within(id, Duration::from_millis(20)).unwrap());
            drop(child.stdin.take());
            assert!(look_within(id, Duration::from_secs(60)).unwrap());
            assert!(look_within(id, Duration::ZERO).unwrap(), "it is there until it is waited for");
            assert!(child.wait().unwrap().success());
        }
    }
}

/// Everywhere else.
#[cfg(not(target_os = "linux"))]
mod by_thread {
    use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

    use super::{Duration, ExitStatus, Pid, io, wait};

    #[derive(Debug)]
    pub(crate) struct Waiter {
        status: Receiver<io::Result<ExitStatus>>,
        ended: Option<io::Result<ExitStatus>>,
    }

    impl Waiter {
        pub(crate) fn new(id: Pid) -> Self {
            let (send, status) = channel();
            std::thread::spawn(move || {
                let _ = send.send(wait(id));
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
