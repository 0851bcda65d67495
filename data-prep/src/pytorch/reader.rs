//! Bytes of a pickle, counted, so that a fault is told with its place; never more than a limit of them.

use std::io::{BufRead, Read};

#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("it ends in the middle, after {0} bytes of the pickle: it is cut short; bring it again")]
    Short(u64),
    #[error(
        "its pickle has more than {0} bytes, which no dictionary of weights needs: it is damaged, or something else"
    )]
    Long(u64),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// A counting reader.
pub(crate) struct Bytes<R> {
    inner: R,
    at: u64,
}

impl<R: BufRead> Bytes<R> {
    /// The names of a hundred thousand tensors take some 20 MB.
    pub(crate) const MOST: u64 = 64 << 20;

    pub(crate) fn new(inner: R) -> Self {
        Bytes { inner, at: 0 }
    }

    /// How many bytes were read.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let mut bytes = [0; N];
        self.count(N as u64)?;
        self.inner.read_exact(&mut bytes).map_err(|error| self.fault(error))?;
        Ok(bytes)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, ReadError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// So many bytes; memory grows with what is there, not with what is said to be.
    pub(crate) fn vec(&mut self, count: u64) -> Result<Vec<u8>, ReadError> {
        self.count(count)?;
        let mut bytes = Vec::new();
        self.inner.by_ref().take(count).read_to_end(&mut bytes)?;
        if bytes.len() as u64 == count { Ok(bytes) } else { Err(ReadError::Short(self.at)) }
    }

    /// Bytes up to the end of a line, without it.
    pub(crate) fn line(&mut self) -> Result<Vec<u8>, ReadError> {
        let mut bytes = Vec::new();
        let left = Self::MOST.saturating_sub(self.at);
        self.inner.by_ref().take(left).read_until(b'\n', &mut bytes)?;
        self.count(bytes.len() as u64)?;
        match bytes.pop() {
            Some(b'\n') => Ok(bytes),
            _ => Err(ReadError::Short(self.at)),
        }
    }

    fn count(&mut self, more: u64) -> Result<(), ReadError> {
        self.at = self.at.saturating_add(more);
        if self.at > Self::MOST { Err(ReadError::Long(Self::MOST)) } else { Ok(()) }
    }

    fn fault(&self, error: std::io::Error) -> ReadError {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => ReadError::Short(self.at),
            _ => ReadError::Io(error),
        }
    }
}
