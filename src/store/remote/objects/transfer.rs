//! Bytes on their way to and from an object store, in bounded memory.
//!
//! The library repeats requests that are safe to repeat; what it cannot know is added here: a long answer that breaks
//! off goes on where it stopped, and a creation whose answer was lost is tried again.

use std::error::Error as _;
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use object_store::client::{HttpError, HttpErrorKind};
use object_store::path::Path as Name;
use object_store::{
    Error, GetOptions, GetRange, GetResult, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
    PutPayload,
};
use tokio::task::JoinSet;

use super::object::{ObjectRemote, UNIT};
use super::service;
use crate::store::StoreError;

/// Parts of one upload that are under way at a time.
const PARTS: usize = 3;
/// From this size on an object is sent in parts of at least this size.
const PART: u64 = 8 << 20;
/// Services allow 10,000 parts of an object.
const MOST_PARTS: u64 = 9_000;
/// Bytes that any service puts together in a second.
const PUT_TOGETHER: u64 = 64 << 20;
/// From this size on a look whether an object is there is cheaper than to send it in vain.
const WORTH_A_LOOK: u64 = 256 << 10;
/// How often an answer may break off without a single byte of progress, and a creation be tried again.
const TRIES: usize = 4;

/// Why a download stopped.
enum Broken {
    /// The store, or the way to it.
    Far(Error),
    /// What is written to.
    Here(StoreError),
}

impl ObjectRemote {
    pub(super) async fn download(&self, name: &Name, to: &mut dyn Write) -> Result<bool, StoreError> {
        let (mut got, mut stuck) = (0_u64, 0);
        loop {
            let range = (got > 0).then_some(GetRange::Offset(got));
            let found = match self.store.get_opts(name, GetOptions { range, ..GetOptions::default() }).await {
                Ok(found) => found,
                // Where the whole bucket is not there, nothing that is put would stay.
                Err(Error::NotFound { source, .. }) if got == 0 && !service::lacks_bucket(&source.to_string()) => {
                    return Ok(false);
                }
                Err(error) => return Err(self.failed(&error)),
            };
            let before = got;
            match pour(found, to, &mut got).await {
                Ok(()) => return Ok(true),
                Err(Broken::Here(error)) => return Err(error),
                Err(Broken::Far(error)) => {
                    stuck = if got > before { 0 } else { stuck + 1 };
                    if stuck == TRIES {
                        return Err(self.failed(&error));
                    }
                    tracing::debug!("an answer broke off after {got} bytes and is gone on with");
                    tokio::time::sleep(pause(stuck)).await;
                }
            }
        }
    }

    pub(super) async fn upload(&self, name: &Name, from: &Path) -> Result<bool, StoreError> {
        let doing = StoreError::io("read what goes to the remote store");
        let size = fs_err::metadata(from).map_err(&doing)?.len();
        if size >= WORTH_A_LOOK && self.is_there(name).await? {
            return Ok(false);
        }
        if size > PART {
            // It is content under its digest, so a second writer would write the same.
            return self.upload_in_parts(name, from, size).await.map(|()| true);
        }
        let _room = self.room(size).await?;
        self.put_new(name, PutPayload::from(fs_err::read(from).map_err(doing)?)).await
    }

    /// Creates an object, or finds that there is one.
    pub(super) async fn put_new(&self, name: &Name, payload: PutPayload) -> Result<bool, StoreError> {
        for attempt in 1.. {
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            let error = match self.store.put_opts(name, payload.clone(), options).await {
                Ok(_) => return Ok(true),
                Err(error) => error,
            };
            if lacks_creation(&error) {
                return self.put_after_a_look(name, payload).await;
            }
            match &error {
                // A conflict says only that another request was at it just then, which may have failed, or removed it.
                Error::AlreadyExists { .. } if !is_conflict(&error) || self.is_there(name).await? => return Ok(false),
                Error::Precondition { .. } => return Ok(false),
                error if attempt == TRIES || !(is_conflict(error) || is_unknown(error)) => {
                    return Err(self.failed(error));
                }
                _ => tokio::time::sleep(pause(attempt)).await,
            }
        }
        Ok(false)
    }

    /// The best that can be had without conditional puts: of two that write at the same moment either may stand.
    async fn put_after_a_look(&self, name: &Name, payload: PutPayload) -> Result<bool, StoreError> {
        if self.is_there(name).await? {
            return Ok(false);
        }
        self.store.put(name, payload).await.map(|_| true).map_err(|error| self.failed(&error))
    }

    pub(super) async fn is_there(&self, name: &Name) -> Result<bool, StoreError> {
        match self.store.head(name).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.failed(&error)),
        }
    }

    async fn upload_in_parts(&self, name: &Name, from: &Path, size: u64) -> Result<(), StoreError> {
        let part = PART.max(size.div_ceil(MOST_PARTS));
        let _room = self.room(part.saturating_mul(PARTS as u64 + 1)).await?;
        let mut upload = self.store.put_multipart(name).await.map_err(|error| self.failed(&error))?;
        let error = match self.send_parts(&mut *upload, from, part).await {
            Ok(()) => match upload.complete().await {
                Ok(_) => return Ok(()),
                // To put large parts together takes long, and the answer may come too late or be lost.
                Err(_) if self.appears(name, size).await => return Ok(()),
                Err(error) => self.failed(&error),
            },
            Err(error) => error,
        };
        // Parts that nobody puts together are kept, and paid for, until a rule of the bucket removes them.
        if let Err(error) = upload.abort().await {
            tracing::debug!("{}", self.failed(&error));
        }
        Err(error)
    }

    async fn send_parts(&self, upload: &mut dyn MultipartUpload, from: &Path, part: u64) -> Result<(), StoreError> {
        let doing = StoreError::io("read what goes to the remote store");
        let mut file = fs_err::File::open(from).map_err(&doing)?;
        let mut on_the_way = JoinSet::new();
        loop {
            let mut bytes = Vec::with_capacity(usize::try_from(part).unwrap_or(0));
            (&mut file).take(part).read_to_end(&mut bytes).map_err(&doing)?;
            let last = (bytes.len() as u64) < part;
            if !bytes.is_empty() {
                on_the_way.spawn(upload.put_part(PutPayload::from(bytes)));
            }
            while on_the_way.len() >= PARTS || (last && !on_the_way.is_empty()) {
                match on_the_way.join_next().await {
                    Some(Ok(sent)) => sent.map_err(|error| self.failed(&error))?,
                    Some(Err(error)) => return Err(StoreError::Remote(error.to_string())),
                    None => break,
                }
            }
            if last {
                return Ok(());
            }
        }
    }

    /// Whether an object of this size is there now, or is soon: a service may be at work on it still.
    async fn appears(&self, name: &Name, size: u64) -> bool {
        let until = Instant::now() + Duration::from_secs(2 + size / PUT_TOGETHER);
        for attempt in 1.. {
            if self.store.head(name).await.is_ok_and(|found| found.size == size) {
                return true;
            }
            if Instant::now() > until {
                break;
            }
            tokio::time::sleep(pause(attempt)).await;
        }
        false
    }

    /// Waits until so many bytes more may be on their way.
    async fn room(&self, bytes: u64) -> Result<tokio::sync::SemaphorePermit<'_>, StoreError> {
        let most = super::object::ON_THE_WAY;
        let units = usize::try_from(bytes).unwrap_or(usize::MAX).div_ceil(UNIT).clamp(1, most);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        self.room.acquire_many(units).await.map_err(|error| StoreError::Remote(error.to_string()))
    }
}

async fn pour(found: GetResult, to: &mut dyn Write, got: &mut u64) -> Result<(), Broken> {
    let end = found.range.end;
    let mut parts = found.into_stream();
    while let Some(part) = parts.next().await {
        let part = part.map_err(Broken::Far)?;
        let doing = StoreError::io("write what came from the remote store");
        to.write_all(&part).map_err(|error| Broken::Here(doing(error)))?;
        *got += part.len() as u64;
    }
    if *got < end {
        let cut = format!("the answer ended after {got} of {end} bytes");
        return Err(Broken::Far(Error::Generic { store: "remote", source: cut.into() }));
    }
    Ok(())
}

fn pause(attempt: usize) -> Duration {
    Duration::from_millis(100 << attempt.min(6))
}

/// Whether a store has no conditional put, or was configured not to use it.
fn lacks_creation(error: &Error) -> bool {
    matches!(error, Error::NotImplemented { .. } | Error::NotSupported { .. })
        || error.to_string().contains("501 Not Implemented")
}

fn is_conflict(error: &Error) -> bool {
    error.to_string().contains("409 Conflict")
}

/// Whether the answer was lost, so that it is not known what came of the request.
fn is_unknown(error: &Error) -> bool {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<HttpError>() {
            return matches!(error.kind(), HttpErrorKind::Timeout | HttpErrorKind::Interrupted);
        }
        next = error.source();
    }
    false
}
