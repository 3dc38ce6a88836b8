//! A proxy in front of a registry that adds delay, limits bandwidth or injects faults.
//!
//! It reads bytes as they arrive and forwards each when its delay is over, so that delay does not
//! limit bandwidth. The first bytes of a connection wait one more round trip for the handshake,
//! which loopback completes at once.

mod fault;
mod uplink;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

pub(crate) use fault::Fault;
use fault::{Throttle, refuse};
pub(crate) use uplink::{Hosts, Uplink};

/// Size of a read buffer.
const CHUNK: usize = 64 << 10;

/// Maximum number of buffered chunks per direction: with full ones, 6 GB/s at a delay of 10 ms.
const ON_THE_WAY: usize = 1024;

/// A loopback listener in front of a registry. Dropping it ends the proxy.
pub(crate) struct Proxy {
    address: SocketAddr,
    accepted: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

/// The settings for each connection.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// One-way delay.
    delay: Duration,
    fault: Fault,
}

impl Proxy {
    /// Starts a proxy on a free port that forwards to `upstream` with an additional `round_trip`.
    pub(crate) fn start(
        runtime: &Handle,
        upstream: &str,
        round_trip: Duration,
        fault: Fault,
    ) -> Result<Self> {
        let upstream: SocketAddr = upstream.parse().context("failed to read an address")?;
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .context("failed to listen on loopback")?;
        let address = listener.local_addr().context("failed to find the port")?;
        let accepted = Arc::new(AtomicU64::new(0));
        let way = Way { delay: round_trip / 2, fault };
        let task = runtime.spawn(accept(listener, upstream, way, Arc::clone(&accepted)));
        Ok(Self { address, accepted, task })
    }

    /// Returns `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Returns the number of connections so far.
    pub(crate) fn connections(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, way: Way, accepted: Arc<AtomicU64>) {
    while let Ok((client, _)) = listener.accept().await {
        let number = accepted.fetch_add(1, Ordering::Relaxed) + 1;
        // Ignores broken connections: the client notices them.
        tokio::spawn(carry(client, upstream, way, number));
    }
}

/// Forwards one connection in both directions until both are closed or one breaks.
async fn carry(
    mut client: TcpStream,
    upstream: SocketAddr,
    way: Way,
    number: u64,
) -> io::Result<()> {
    let shaken = Instant::now() + way.delay * 2;
    client.set_nodelay(true)?;
    if way.fault.refuses(number) {
        return refuse(&mut client, shaken + way.delay * 2).await;
    }
    let left = way.fault.allowance(number);
    if left.is_some() {
        // With zero linger, closing the connection resets it.
        client.set_zero_linger()?;
    }
    let mut server = TcpStream::connect(upstream).await?;
    server.set_nodelay(true)?;
    let (client_reads, client_writes) = client.split();
    let (server_reads, server_writes) = server.split();
    let pass = |shaken| Passage { way, shaken, left: left.as_ref() };
    tokio::try_join!(
        pass(shaken).carry(client_reads, server_writes),
        pass(shaken).carry(server_reads, client_writes)
    )?;
    Ok(())
}

/// Bytes with their delivery time. An empty chunk is the end of the stream.
type Chunk = (Instant, Vec<u8>);

/// One direction of a connection.
struct Passage<'a> {
    way: Way,
    /// Time at which the handshake is complete.
    shaken: Instant,
    /// Bytes that may still pass in both directions together.
    left: Option<&'a AtomicI64>,
}

impl Passage<'_> {
    async fn carry(
        self,
        reads: impl AsyncRead + Unpin,
        writes: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let (sender, receiver) = channel(ON_THE_WAY);
        tokio::try_join!(self.receive(reads, sender), deliver(receiver, writes))?;
        Ok(())
    }

    /// Reads ahead of the delivery.
    async fn receive(
        self,
        mut reads: impl AsyncRead + Unpin,
        sender: Sender<Chunk>,
    ) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        let mut throttle = self.way.fault.throttle.map(Throttle::new);
        loop {
            let length = reads.read(&mut buffer).await?;
            let mut sent = Instant::now().max(self.shaken);
            if let Some(throttle) = &mut throttle {
                sent = sent.max(throttle.passed(length));
            }
            if let Some(left) = self.left {
                let length = i64::try_from(length).unwrap_or(i64::MAX);
                if left.fetch_sub(length, Ordering::Relaxed) < length {
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
            }
            let chunk = (sent + self.way.delay, buffer[..length].to_vec());
            if sender.send(chunk).await.is_err() || length == 0 {
                return Ok(());
            }
            if throttle.is_some() {
                sleep_until(sent).await;
            }
        }
    }
}

/// Writes each chunk at its delivery time.
async fn deliver(
    mut receiver: Receiver<Chunk>,
    mut writes: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    while let Some((due, bytes)) = receiver.recv().await {
        if due > Instant::now() {
            sleep_until(due).await;
        }
        if bytes.is_empty() {
            return writes.shutdown().await;
        }
        writes.write_all(&bytes).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    use tokio::runtime::Runtime;

    use super::{Fault, Proxy};

    /// Starts a server that echoes the bytes of each connection, reversed and byte by byte, after
    /// its end.
    fn echo() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has an address").to_string();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut bytes = Vec::new();
                if stream.read_to_end(&mut bytes).is_ok() {
                    bytes.reverse();
                    // Ignores the error, because the reset test does not read the response.
                    let _ = stream.write_all(&bytes);
                }
            }
        });
        address
    }

    /// Sends the bytes in small writes and reads the response to its end.
    fn ask(address: &str, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(address)?;
        for piece in bytes.chunks(7_001) {
            stream.write_all(piece)?;
        }
        stream.shutdown(std::net::Shutdown::Write)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }

    #[test]
    fn bytes_arrive_late_and_in_order() {
        let runtime = Runtime::new().expect("a runtime can be made");
        let round_trip = Duration::from_millis(30);
        let proxy = Proxy::start(runtime.handle(), &echo(), round_trip, Fault::default())
            .expect("a proxy can be started");
        let sent = longshore_content::random(1, 300_000);
        let started = Instant::now();
        let answer = ask(&proxy.address(), &sent).expect("there is an answer");
        // The handshake, plus one round trip.
        assert!(started.elapsed() >= round_trip * 2);
        assert!(answer.iter().rev().eq(&sent));
        assert_eq!(proxy.connections(), 1);
    }

    #[test]
    fn every_second_connection_is_reset_and_the_others_are_not() {
        let runtime = Runtime::new().expect("a runtime can be made");
        let fault = Fault { drop_every: Some(2), ..Fault::default() };
        let proxy = Proxy::start(runtime.handle(), &echo(), Duration::ZERO, fault)
            .expect("a proxy can be started");
        let sent = longshore_content::random(2, 1 << 20);
        let whole = |_| ask(&proxy.address(), &sent).is_ok_and(|answer| answer.len() == sent.len());
        assert_eq!([1, 2, 3, 4].map(whole), [true, false, true, false]);
    }

    #[test]
    fn a_refused_connection_gets_a_429() {
        let runtime = Runtime::new().expect("a runtime can be made");
        let fault = Fault { refuse_every: Some(1), ..Fault::default() };
        let proxy = Proxy::start(runtime.handle(), &echo(), Duration::ZERO, fault)
            .expect("a proxy can be started");
        let answer = ask(&proxy.address(), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        let answer = String::from_utf8(answer.expect("there is an answer")).expect("it is text");
        assert!(answer.starts_with("HTTP/1.1 429 ") && answer.contains("Retry-After: 1\r\n"));
    }

    #[test]
    fn a_throttled_connection_loses_nothing() {
        let runtime = Runtime::new().expect("a runtime can be made");
        let fault = Fault { throttle: Some(1_000_000), ..Fault::default() };
        let proxy = Proxy::start(runtime.handle(), &echo(), Duration::ZERO, fault)
            .expect("a proxy can be started");
        let sent = longshore_content::random(3, 100_000);
        let started = Instant::now();
        let answer = ask(&proxy.address(), &sent).expect("there is an answer");
        assert!(answer.iter().rev().eq(&sent));
        assert!(started.elapsed() >= Duration::from_millis(200), "100 kB at 1 MB/s, both ways");
    }
}
