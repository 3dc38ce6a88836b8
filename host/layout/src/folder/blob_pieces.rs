//! Reading a blob from disk: while one piece is sent, the next one is read.
//!
//! A blob that is not verified yet is hashed on its way, and its last piece is only handed out when the
//! digest is right.

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream;
use longshore_oci::{Digest, Hasher};
use tokio::task::{JoinHandle, spawn_blocking};

use super::disk::Disk;
use super::files::Stamp;

/// How much is read at once, in bytes.
const PIECE: u64 = 512 * 1024;

/// A part of a blob whose first piece is in memory.
#[derive(Debug)]
pub(crate) struct BlobPieces {
    first: Bytes,
    rest: File,
    /// Bytes after the first piece.
    left: u64,
    /// `None`: the blob was verified already, or the reader verifies it.
    check: Option<Box<Check>>,
}

/// Verifies a blob while it is read from its start to its end.
#[derive(Debug)]
pub(super) struct Check {
    disk: Arc<Disk>,
    stamp: Stamp,
    digest: Digest,
    hasher: Hasher,
}

impl Check {
    /// A check of the version `stamp` of a file against `digest`.
    pub(super) fn new(disk: Arc<Disk>, stamp: Stamp, digest: Digest) -> Self {
        let hasher = Hasher::new(digest.algorithm());
        Self { disk, stamp, digest, hasher }
    }

    /// Compares the digest, and remembers it for the next reader.
    fn finish(self, file: &File) -> io::Result<()> {
        let found = self.hasher.finish();
        self.disk.remember(file, self.stamp, &found)?;
        if found == self.digest {
            return Ok(());
        }
        let message = format!("{} is damaged: its content has the digest {found}", self.digest);
        tracing::warn!("{message}");
        Err(io::Error::new(io::ErrorKind::InvalidData, message))
    }
}

impl BlobPieces {
    /// Reads the first piece of the bytes `part` of `file`. Blocks.
    pub(super) fn read(mut file: File, part: Range<u64>) -> io::Result<Self> {
        if part.start > 0 {
            io::Seek::seek(&mut file, io::SeekFrom::Start(part.start))?;
        }
        Self::read_on(file, part.end.saturating_sub(part.start), None)
    }

    /// Reads the first piece of all `size` bytes of `file`, which `check` verifies. Blocks.
    pub(super) fn read_checked(file: File, size: u64, check: Check) -> io::Result<Self> {
        Self::read_on(file, size, Some(Box::new(check)))
    }

    fn read_on(file: File, left: u64, mut check: Option<Box<Check>>) -> io::Result<Self> {
        let length = left.min(PIECE);
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        let mut limited = file.take(length);
        limited.read_to_end(&mut bytes)?;
        if (bytes.len() as u64) < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (rest, left) = (limited.into_inner(), left - length);
        if let Some(check) = &mut check {
            check.hasher.update(&bytes);
        }
        if left == 0
            && let Some(check) = check.take()
        {
            check.finish(&rest)?;
        }
        Ok(Self { first: bytes.into(), rest, left, check })
    }

    /// All bytes, where they are in memory.
    pub(crate) fn whole(self) -> Result<Bytes, Self> {
        if self.left == 0 { Ok(self.first) } else { Err(self) }
    }

    /// The pieces in order. At most two are in memory.
    pub(crate) fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        stream::try_unfold(ReadAhead::of(self), |mut ahead| async move {
            if let Some(ready) = ahead.ready.take() {
                return Ok(Some((ready, ahead)));
            }
            let Some(reading) = ahead.reading else { return Ok(None) };
            let mut next = ReadAhead::of(reading.await.map_err(io::Error::other)??);
            Ok(next.ready.take().map(|ready| (ready, next)))
        })
    }
}

/// A piece, and the next one, which is being read.
struct ReadAhead {
    ready: Option<Bytes>,
    reading: Option<JoinHandle<io::Result<BlobPieces>>>,
}

impl ReadAhead {
    fn of(BlobPieces { first, rest, left, check }: BlobPieces) -> Self {
        let read = move || BlobPieces::read_on(rest, left, check);
        let reading = (left > 0).then(|| spawn_blocking(read));
        Self { ready: (!first.is_empty()).then_some(first), reading }
    }
}
