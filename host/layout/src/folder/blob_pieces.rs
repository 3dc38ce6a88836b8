//! Reading a blob from disk: while one piece is sent, the next one is read.

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream;
use tokio::task::{JoinHandle, spawn_blocking};

/// How much is read at once, in bytes.
const PIECE: u64 = 512 * 1024;

/// A part of a blob whose first piece is in memory.
#[derive(Debug)]
pub(crate) struct BlobPieces {
    first: Bytes,
    rest: File,
    /// Bytes behind the first piece.
    left: u64,
}

impl BlobPieces {
    /// Reads the first piece of the bytes `part` of `file`. Blocks.
    pub(super) fn read(mut file: File, part: Range<u64>) -> io::Result<Self> {
        if part.start > 0 {
            io::Seek::seek(&mut file, io::SeekFrom::Start(part.start))?;
        }
        Self::read_on(file, part.end.saturating_sub(part.start))
    }

    fn read_on(file: File, left: u64) -> io::Result<Self> {
        let length = left.min(PIECE);
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        let mut limited = file.take(length);
        limited.read_to_end(&mut bytes)?;
        if (bytes.len() as u64) < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Self { first: bytes.into(), rest: limited.into_inner(), left: left - length })
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

/// A piece, and the one behind it, which is being read.
struct ReadAhead {
    ready: Option<Bytes>,
    reading: Option<JoinHandle<io::Result<BlobPieces>>>,
}

impl ReadAhead {
    fn of(BlobPieces { first, rest, left }: BlobPieces) -> Self {
        let reading = (left > 0).then(|| spawn_blocking(move || BlobPieces::read_on(rest, left)));
        Self { ready: (!first.is_empty()).then_some(first), reading }
    }
}
