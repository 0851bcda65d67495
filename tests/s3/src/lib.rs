//! An S3 server on loopback, inside the test. It counts what it is asked, and misbehaves where it is told to.
//!
//! Behind it is the server of the crate `s3s-fs`, which looks whether an object is there and then writes it; one request
//! at a time is let through to each object, so that creating one is atomic as it is in real services.

#![expect(clippy::unwrap_used, reason = "a server of tests")]

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use s3s::service::{S3Service, S3ServiceBuilder};

/// The name of the credentials that the server asks for.
pub const ID: &str = "the-access-key-id";
/// The secret one of the credentials, which must turn up nowhere.
pub const SECRET: &str = "hush-hush-this-is-secret";

/// A server with an empty bucket `bucket`; gone when dropped.
pub struct S3 {
    /// What it knows of itself.
    pub shared: Arc<Shared>,
    /// Host and port.
    pub address: String,
    _runtime: tokio::runtime::Runtime,
}

/// What the server knows of itself.
pub struct Shared {
    /// The bucket's disk.
    pub folder: tempfile::TempDir,
    service: S3Service,
    /// Method and path of every request, in order.
    pub calls: Mutex<Vec<String>>,
    faults: Mutex<Vec<Fault>>,
    /// One request at a time for each object.
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// How the server misbehaves.
#[derive(Clone, Copy, Debug)]
pub enum Trouble {
    /// Answers with this status, and does nothing.
    Status(u16),
    /// Answers that there is no such bucket.
    NoBucket,
    /// Does it, and breaks the answer off in the middle of its body.
    Cut,
    /// Answers nothing at all.
    Silent,
    /// Does it, and answers nothing.
    Mute,
    /// Does it, and answers a few bytes at a time.
    Slow,
    /// Does it, and changes a byte of the answer.
    Spoil,
}

struct Fault {
    method: &'static str,
    path: String,
    trouble: Trouble,
    times: usize,
}

type Answer = Response<UnsyncBoxBody<Bytes, std::io::Error>>;

impl S3 {
    /// Starts a server.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join("bucket")).unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        builder.set_auth(s3s::auth::SimpleAuth::from_single(ID, SECRET));
        let shared = Shared {
            folder,
            service: builder.build(),
            calls: Mutex::default(),
            faults: Mutex::default(),
            turns: Mutex::default(),
        };
        let shared = Arc::new(shared);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        runtime.spawn(serve(listener, Arc::clone(&shared)));
        S3 { shared, address, _runtime: runtime }
    }

    /// The URL of a store in the bucket.
    #[must_use]
    pub fn url(&self, prefix: &str) -> String {
        format!("s3://bucket/{prefix}")
    }

    /// The variables that lead to the server.
    #[must_use]
    pub fn settings(&self) -> BTreeMap<String, String> {
        let settings = [
            ("AWS_ENDPOINT", format!("http://{}", self.address)),
            ("AWS_ALLOW_HTTP", "true".into()),
            ("AWS_ACCESS_KEY_ID", ID.into()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.into()),
            ("AWS_REGION", "us-east-1".into()),
        ];
        settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The next requests of this kind, whose path contains this, get into trouble.
    pub fn trouble(&self, method: &'static str, path: &str, trouble: Trouble, times: usize) {
        self.shared.faults.lock().unwrap().push(Fault { method, path: path.to_owned(), trouble, times });
    }

    /// Forgets what it was asked, and returns it.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.shared.calls.lock().unwrap())
    }

    /// The objects in a folder of the store `store`, sorted.
    #[must_use]
    pub fn objects(&self, folder: &str) -> Vec<PathBuf> {
        files(&self.file("store").join(folder))
    }

    /// Where an object of the bucket lies on this disk.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.shared.folder.path().join("bucket").join(name)
    }
}

/// All files in a folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs_err::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    files.sort();
    files
}

async fn serve(listener: tokio::net::TcpListener, shared: Arc<Shared>) {
    while let Ok((socket, _)) = listener.accept().await {
        let _ = socket.set_nodelay(true);
        let shared = Arc::clone(&shared);
        let answer = service_fn(move |request| {
            let shared = Arc::clone(&shared);
            async move { Ok::<_, Infallible>(shared.answer(request).await) }
        });
        tokio::spawn(async move {
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), answer).await;
        });
    }
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let path = request.uri().path().to_owned();
        self.calls.lock().unwrap().push(format!("{} {path}", request.method()));
        let trouble = self.next_trouble(request.method().as_str(), &path);
        match trouble {
            Some(Trouble::Status(status)) => return refuse(request, status, TROUBLE).await,
            Some(Trouble::NoBucket) => return refuse(request, 404, NO_BUCKET).await,
            Some(Trouble::Silent) => tokio::time::sleep(Duration::from_secs(3600)).await,
            _ => {}
        }
        // A folder of objects is no object, which the server behind this does not know.
        let folder = self.folder.path().join(path.trim_start_matches('/')).is_dir();
        if matches!(request.method().as_str(), "HEAD" | "DELETE") && folder {
            return Response::builder().status(404).body(boxed(s3s::Body::empty())).unwrap();
        }
        let turn = Arc::clone(self.turns.lock().unwrap().entry(path).or_default());
        let turn = if request.method() == "GET" { None } else { Some(turn.lock_owned().await) };
        // As in real services, work goes on when whoever asked for it has gone.
        let work = Service::call(&self.service, request);
        let work = tokio::spawn(async move { (work.await, turn).0 });
        let answer = work.await.unwrap().unwrap();
        if matches!(trouble, Some(Trouble::Mute)) {
            tokio::time::sleep(Duration::from_secs(3600)).await;
        }
        let (mut head, body) = answer.into_parts();
        let body = boxed(body);
        let pieces = match trouble {
            None => return Response::from_parts(head, body),
            Some(trouble) => {
                let bytes = body.collect().await.unwrap().to_bytes();
                head.headers.insert("content-length", bytes.len().into());
                pieces(trouble, &bytes)
            }
        };
        let paced = futures_util::stream::iter(pieces).then(|(pause, piece)| async move {
            tokio::time::sleep(pause).await;
            piece.map(Frame::data)
        });
        Response::from_parts(head, StreamBody::new(paced).boxed_unsync())
    }

    fn next_trouble(&self, method: &str, path: &str) -> Option<Trouble> {
        let mut faults = self.faults.lock().unwrap();
        let found = faults.iter_mut().find(|f| f.times > 0 && f.method == method && path.contains(&f.path))?;
        found.times -= 1;
        Some(found.trouble)
    }
}

const TROUBLE: &str = "<Error><Code>Trouble</Code></Error>";
const NO_BUCKET: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchBucket</Code>\
                         <Message>The specified bucket does not exist</Message><BucketName>bucket</BucketName></Error>";

/// Hears a request out, and answers with a document.
async fn refuse(request: Request<Incoming>, status: u16, document: &'static str) -> Answer {
    let _ = request.into_body().collect().await;
    let body = Full::new(Bytes::from_static(document.as_bytes()));
    Response::builder().status(status).body(body.map_err(|never| match never {}).boxed_unsync()).unwrap()
}

fn boxed(body: s3s::Body) -> UnsyncBoxBody<Bytes, std::io::Error> {
    body.map_err(std::io::Error::other).boxed_unsync()
}

/// An answer in pieces, each after a pause.
fn pieces(trouble: Trouble, bytes: &Bytes) -> Vec<(Duration, std::io::Result<Bytes>)> {
    let soon = Duration::from_millis(5);
    match trouble {
        Trouble::Cut => {
            let cut = std::io::Error::other("cut");
            vec![(Duration::ZERO, Ok(bytes.slice(..bytes.len() / 2))), (soon, Err(cut))]
        }
        Trouble::Slow => bytes.chunks(bytes.len().div_ceil(20).max(1)).map(|c| (soon, Ok(c.to_vec().into()))).collect(),
        Trouble::Spoil => {
            let mut spoilt = bytes.to_vec();
            if let Some(byte) = spoilt.first_mut() {
                *byte ^= 1;
            }
            vec![(Duration::ZERO, Ok(spoilt.into()))]
        }
        Trouble::Status(_) | Trouble::NoBucket | Trouble::Silent | Trouble::Mute => {
            vec![(Duration::ZERO, Ok(bytes.clone()))]
        }
    }
}
