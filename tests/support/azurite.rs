//! Azurite, which stands in for Azure Blob Storage, started on loopback where it is installed (`tests/azurite.sh`).
//!
//! It does not install anything.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// The account that every Azurite has; it is no secret.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Creates the container `box`, which the client library cannot do.
const CREATE: &str = r#"
const [port, account, key] = process.argv.slice(1);
const date = new Date().toUTCString(), version = '2021-12-02', path = `/${account}/box`;
const text = ['PUT', ...Array(11).fill(''), `x-ms-date:${date}`, `x-ms-version:${version}`,
  `/${account}${path}`, 'restype:container'].join('\n');
const signature = require('crypto').createHmac('sha256', Buffer.from(key, 'base64')).update(text, 'utf8').digest('base64');
fetch(`http://127.0.0.1:${port}${path}?restype=container`, { method: 'PUT', headers: {
  'x-ms-date': date, 'x-ms-version': version, Authorization: `SharedKey ${account}:${signature}` } })
  .then(async answer => { if (answer.status !== 201) { console.error(answer.status, await answer.text()); process.exit(1); } });
"#;

/// A server with an empty container `box`; ended when dropped.
pub(crate) struct Azurite {
    server: Child,
    port: String,
    _folder: tempfile::TempDir,
}

impl Azurite {
    /// Starts a server. None where there is no node, or no Azurite; the second one says where it was looked for.
    pub(crate) fn start() -> Result<Self, String> {
        let program = program().join("node_modules/azurite/dist/src/blob/main.js");
        if !program.is_file() {
            return Err(format!("there is no {}; `tests/azurite.sh` installs it", program.display()));
        }
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("node");
        command.arg(program).args(["--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence"]);
        command.args(["--skipApiVersionCheck", "--disableTelemetry"]);
        command.current_dir(folder.path()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server = command.spawn().map_err(|error| format!("node cannot be started: {error}"))?;
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map_while(Result::ok);
        let listening = lines.find(|line| line.contains("successfully") && line.contains("http://127.0.0.1:"));
        // It writes a line for each request, and must find a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let port = listening.and_then(|line| Some(line.trim_end().rsplit_once(':')?.1.to_owned()));
        let azurite = Azurite { server, port: port.expect("it says where it listens"), _folder: folder };
        let created = Command::new("node").args(["-e", CREATE, &azurite.port, ACCOUNT, KEY]).output().unwrap();
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
        Ok(azurite)
    }

    /// The URL of a store in the container.
    pub(crate) fn url(&self, prefix: &str) -> String {
        format!("az://box/{prefix}")
    }

    /// The variables that lead to the server.
    pub(crate) fn settings(&self) -> BTreeMap<String, String> {
        let settings = [
            ("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT.to_owned()),
            ("AZURE_STORAGE_ACCOUNT_KEY", KEY.into()),
            ("AZURE_STORAGE_ENDPOINT", format!("http://127.0.0.1:{}/{ACCOUNT}", self.port)),
            ("AZURE_ALLOW_HTTP", "true".into()),
        ];
        settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The folder that `tests/azurite.sh` fills.
fn program() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from);
    set("NNF_AZURITE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("nn-factory/azurite")))
        .unwrap_or_else(|| set("HOME").unwrap_or_default().join(".cache/nn-factory/azurite"))
}
