//! Faults that the proxy can inject.

use std::io;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

/// Bytes that a connection may carry before its reset.
const ALLOWANCE: i64 = 256 << 10;

/// Bytes to read of a rejected request.
const HEAD: usize = 64 << 10;

/// Time limit for a rejected client to close its connection.
const LINGER: Duration = Duration::from_secs(1);

/// The faults of a connection. The default has none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fault {
    /// Every Nth connection is reset after 256 KiB.
    pub(crate) drop_every: Option<u64>,
    /// Bytes per second, connection and direction.
    pub(crate) throttle: Option<u64>,
    /// The first request of every Nth connection gets a 429.
    pub(crate) refuse_every: Option<u64>,
}

impl Fault {
    /// Reports whether any fault is set.
    pub(crate) fn exists(self) -> bool {
        self.drop_every.is_some() || self.throttle.is_some() || self.refuse_every.is_some()
    }

    /// Reports whether the connection with this number gets a 429. Numbers start at 1.
    pub(super) fn refuses(self, number: u64) -> bool {
        self.refuse_every.is_some_and(|every| number.is_multiple_of(every))
    }

    /// Returns the bytes that a connection may carry before its reset, if it has one.
    pub(super) fn allowance(self, number: u64) -> Option<AtomicI64> {
        let dropped = self.drop_every.is_some_and(|every| number.is_multiple_of(every));
        dropped.then(|| AtomicI64::new(ALLOWANCE))
    }
}

/// A bandwidth limit for one direction of one connection.
pub(super) struct Throttle {
    rate: u64,
    /// Time at which the last byte has passed.
    free: Instant,
}

impl Throttle {
    /// Creates a limit in bytes per second.
    pub(super) fn new(rate: u64) -> Self {
        Self { rate: rate.max(1), free: Instant::now() }
    }

    /// Returns the time at which the next bytes have passed.
    pub(super) fn passed(&mut self, bytes: usize) -> Instant {
        let takes = Duration::from_secs_f64(bytes as f64 / self.rate as f64);
        self.free = self.free.max(Instant::now()) + takes;
        self.free
    }
}

/// Reads a request and responds with 429.
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
    // Unread body bytes would turn the close into a reset, and the response would be lost.
    let drained = timeout(LINGER, async {
        let mut rest = vec![0; HEAD];
        while client.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    });
    drained.await.unwrap_or(Ok(()))
}
