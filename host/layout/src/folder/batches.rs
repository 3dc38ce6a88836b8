//! Writing a stream to disk: while one batch is written, the next one is received.

use std::io;

use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};

/// How much is gathered before it is written, in bytes, because each write hops to another thread.
const BATCH: usize = 512 * 1024;

/// Something that bytes are appended to, on a thread that may block.
pub(crate) trait Append: Send + 'static {
    /// Appends `pieces` in order.
    ///
    /// # Errors
    /// They cannot be written.
    fn append(&mut self, pieces: &[Bytes]) -> io::Result<()>;
}

/// Hands pieces over to a writer in batches. At most two batches are in memory.
#[derive(Debug)]
pub(crate) struct Batches<W> {
    /// `None`: it is with the thread that writes, or a write failed.
    writer: Option<W>,
    writing: Option<JoinHandle<io::Result<W>>>,
    gathered: Vec<Bytes>,
    size: usize,
}

impl<W: Append> Batches<W> {
    pub(crate) const fn new(writer: W) -> Self {
        Self { writer: Some(writer), writing: None, gathered: Vec::new(), size: 0 }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// An earlier piece could not be written.
    pub(crate) async fn push(&mut self, piece: Bytes) -> io::Result<()> {
        self.size += piece.len();
        self.gathered.push(piece);
        if self.size < BATCH {
            return Ok(());
        }
        let mut writer = self.writer().await?;
        self.size = 0;
        let batch = std::mem::take(&mut self.gathered);
        self.writing = Some(spawn_blocking(move || {
            writer.append(&batch)?;
            Ok(writer)
        }));
        Ok(())
    }

    /// Gives back the writer, and the last pieces, which are not written yet.
    ///
    /// # Errors
    /// A piece could not be written.
    pub(crate) async fn finish(mut self) -> io::Result<(W, Vec<Bytes>)> {
        let writer = self.writer().await?;
        Ok((writer, self.gathered))
    }

    /// Waits for the batch that is being written, and drops the writer.
    pub(crate) async fn stop(mut self) {
        drop(self.writer().await);
    }

    async fn writer(&mut self) -> io::Result<W> {
        match self.writing.take() {
            Some(writing) => writing.await.map_err(io::Error::other).flatten(),
            None => self.writer.take().ok_or_else(|| io::Error::other("an earlier write failed")),
        }
    }
}
