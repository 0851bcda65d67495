//! A Slurm of two nodes with two cores each, on this machine, for the tests of one process.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Exit code of the script where Slurm is not installed.
const NOT_INSTALLED: i32 = 77;

/// It ends with this value, or with the test's process.
pub(crate) struct Cluster {
    folder: tempfile::TempDir,
}

impl Cluster {
    /// The one that all tests of this process share. None where Slurm is not installed, which is said.
    pub(crate) fn shared() -> Option<Arc<Self>> {
        static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
        // A test that failed meanwhile has broken nothing.
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = shared.upgrade() {
            return Some(cluster);
        }
        let cluster = Arc::new(Self::own()?);
        *shared = Arc::downgrade(&cluster);
        Some(cluster)
    }

    /// One for a test that does harm to it.
    pub(crate) fn own() -> Option<Self> {
        for attempt in 1.. {
            // Sockets of munge have names of 107 bytes at most.
            let folder = tempfile::Builder::new().prefix("nnf-slurm-").tempdir_in("/tmp").unwrap();
            let output = script("start", folder.path(), &[ports(), std::process::id()]);
            match output.status.code() {
                Some(0) => return Some(Cluster { folder }),
                Some(NOT_INSTALLED) => {
                    let why = "skipped: Slurm is not installed here; `tests/slurm.sh install` does it";
                    let said = writeln!(std::io::stderr(), "{why}");
                    assert!(said.is_ok());
                    return None;
                }
                // Somebody else may have taken a port meanwhile.
                _ if attempt < 4 => {}
                _ => panic!("Slurm does not start: {}", String::from_utf8_lossy(&output.stderr)),
            }
        }
        None
    }

    /// The file by which Slurm's programs find it.
    pub(crate) fn conf(&self) -> PathBuf {
        self.folder.path().join("slurm.conf")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        script("stop", self.folder.path(), &[]);
    }
}

fn script(what: &str, folder: &Path, numbers: &[u32]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slurm.sh");
    let numbers = numbers.iter().map(u32::to_string);
    Command::new(script).arg(what).arg(folder).args(numbers).output().unwrap()
}

/// The first of three ports that nobody uses now.
fn ports() -> u32 {
    loop {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        let free = |port: Option<u16>| port.is_some_and(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
        if free(port.checked_add(1)) && free(port.checked_add(2)) {
            return port.into();
        }
    }
}
