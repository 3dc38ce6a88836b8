//! What may go wrong on the way to a registry.

use std::io;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

/// What a connection that is reset carries before.
const ALLOWANCE: i64 = 256 << 10;

/// What is read of a request that is refused.
const HEAD: usize = 64 << 10;

/// How long a refused client may take to close.
const LINGER: Duration = Duration::from_secs(1);

/// Faults of a way; the default has none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fault {
    /// Every Nth connection is reset after 256 KiB.
    pub(crate) drop_every: Option<u64>,
    /// Bytes a second, connection and direction.
    pub(crate) throttle: Option<u64>,
    /// The first request of every Nth connection is answered with 429.
    pub(crate) refuse_every: Option<u64>,
}

impl Fault {
    /// Whether there is any.
    pub(crate) fn exists(self) -> bool {
        self.drop_every.is_some() || self.throttle.is_some() || self.refuse_every.is_some()
    }

    /// Whether the connection with this number, from 1 on, gets a 429.
    pub(super) fn refuses(self, number: u64) -> bool {
        self.refuse_every.is_some_and(|every| number.is_multiple_of(every))
    }

    /// What it may carry before it is reset, if it is.
    pub(super) fn allowance(self, number: u64) -> Option<AtomicI64> {
        let dropped = self.drop_every.is_some_and(|every| number.is_multiple_of(every));
        dropped.then(|| AtomicI64::new(ALLOWANCE))
    }
}

/// A narrow place, seen from one direction of one connection.
pub(super) struct Throttle {
    rate: u64,
    /// When the last byte is through.
    free: Instant,
}

impl Throttle {
    /// So many bytes a second.
    pub(super) fn new(rate: u64) -> Self {
        Self { rate: rate.max(1), free: Instant::now() }
    }

    /// When the next bytes are through.
    pub(super) fn passed(&mut self, bytes: usize) -> Instant {
        let takes = Duration::from_secs_f64(bytes as f64 / self.rate as f64);
        self.free = self.free.max(Instant::now()) + takes;
        self.free
    }
}

/// Reads a request and answers it with 429.
pub(super) async fn refuse(client: &mut TcpStream, due: Instant) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < HEAD {
        if client.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    sleep_until(due).await;
    let answer = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\
                  Connection: close\r\n\r\n";
    client.write_all(answer.as_bytes()).await?;
    client.shutdown().await?;
    // A body that nobody reads would turn the end into a reset, and the answer would be lost.
    let drained = timeout(LINGER, async {
        let mut rest = vec![0; HEAD];
        while client.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    });
    drained.await.unwrap_or(Ok(()))
}
