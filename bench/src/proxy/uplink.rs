//! The whole network of one client: an HTTP proxy that finds registries by names and limits the bytes per
//! second of all its connections together.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::CHUNK;

/// The longest head of a request, in bytes.
const HEAD: usize = 64 << 10;

/// Time of an idle link that may be made up for. Timers are not exact, and without it the link would lose
/// what they are late.
const BURST: Duration = Duration::from_millis(10);

/// Registries by the names that clients use.
pub(crate) type Hosts = HashMap<String, SocketAddr>;

/// A proxy on a free loopback port. Dropping it ends the proxy.
pub(crate) struct Uplink {
    address: SocketAddr,
    task: JoinHandle<()>,
}

struct Network {
    hosts: Hosts,
    up: Lane,
    down: Lane,
}

/// One direction of the link.
struct Lane {
    /// Bytes per second.
    rate: u64,
    /// When the bytes until now have passed.
    free: Mutex<Instant>,
}

impl Uplink {
    /// Starts a link of `rate` bytes per second in each direction.
    pub(crate) fn start(runtime: &Handle, hosts: Hosts, rate: u64) -> Result<Self> {
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .context("failed to listen on loopback")?;
        let address = listener.local_addr().context("failed to find the port")?;
        let network = Arc::new(Network { hosts, up: Lane::new(rate), down: Lane::new(rate) });
        let task = runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // Ignores broken connections: the client notices them.
                tokio::spawn(carry(client, Arc::clone(&network)));
            }
        });
        Ok(Self { address, task })
    }

    /// Returns the address for `HTTP_PROXY`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Uplink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Lane {
    fn new(rate: u64) -> Self {
        Self { rate: rate.max(1), free: Mutex::new(Instant::now()) }
    }

    /// Waits until these bytes have passed, behind those of other connections.
    async fn pass(&self, bytes: usize) {
        let takes = Duration::from_secs_f64(bytes as f64 / self.rate as f64);
        let due = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            *free = (*free).max(Instant::now() - BURST) + takes;
            *free
        };
        sleep_until(due).await;
    }
}

/// Forwards one connection, whose requests are all to the host of the first one.
async fn carry(mut client: TcpStream, network: Arc<Network>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let head = head(&mut client).await?;
    let Some(host) = host(&head).and_then(|host| network.hosts.get(host)) else {
        // Also for CONNECT: the registries speak plain HTTP.
        let refusal = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        client.write_all(refusal.as_bytes()).await?;
        return client.shutdown().await;
    };
    let mut server = TcpStream::connect(host).await?;
    server.set_nodelay(true)?;
    network.up.pass(head.len()).await;
    server.write_all(&head).await?;
    let (client_reads, client_writes) = client.split();
    let (server_reads, server_writes) = server.split();
    tokio::try_join!(
        copy(client_reads, server_writes, &network.up),
        copy(server_reads, client_writes, &network.down)
    )?;
    Ok(())
}

/// Reads at least the head of the first request.
async fn head(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < HEAD {
        if client.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    Ok(head)
}

/// Returns the host of `GET http://HOST/PATH HTTP/1.1`.
fn host(head: &[u8]) -> Option<&str> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let target = std::str::from_utf8(line).ok()?.split(' ').nth(1)?;
    target.strip_prefix("http://")?.split('/').next()
}

async fn copy(
    mut reads: impl AsyncRead + Unpin,
    mut writes: impl AsyncWrite + Unpin,
    lane: &Lane,
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let length = reads.read(&mut buffer).await?;
        if length == 0 {
            return writes.shutdown().await;
        }
        lane.pass(length).await;
        writes.write_all(&buffer[..length]).await?;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    use tokio::runtime::Runtime;

    use super::{Hosts, Uplink, host};

    #[test]
    fn the_host_of_a_request_is_found() {
        assert_eq!(host(b"GET http://a.test/v2/ HTTP/1.1\r\nHost: b\r\n\r\n"), Some("a.test"));
        assert_eq!(host(b"PUT http://a.test:80/v2/?x=/y HTTP/1.1\r\n"), Some("a.test:80"));
        for other in ["CONNECT a.test:443 HTTP/1.1\r\n", "GET /v2/ HTTP/1.1\r\n", ""] {
            assert_eq!(host(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn all_connections_share_the_link() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let hosts: Hosts =
            [("a.test".to_owned(), listener.local_addr().expect("it has one"))].into();
        let body = longshore_content::random(1, 100_000);
        let sent = body.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut request = [0; 1000];
                // Ends with the test.
                let _ = stream.read(&mut request).and_then(|_| stream.write_all(&sent));
            }
        });
        let runtime = Runtime::new().expect("a runtime can be made");
        let link = Uplink::start(runtime.handle(), hosts, 1_000_000).expect("it starts");
        let address = link.url().replace("http://", "");
        let ask = |host: &str| {
            let mut stream = TcpStream::connect(&address).expect("it listens");
            let request = format!("GET http://{host}/ HTTP/1.1\r\n\r\n");
            stream.write_all(request.as_bytes()).expect("it reads");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).expect("there is an answer");
            answer
        };
        let started = Instant::now();
        let answers = std::thread::scope(|scope| {
            let asking = [(); 3].map(|()| scope.spawn(|| ask("a.test")));
            asking.map(|asking| asking.join().expect("it answers"))
        });
        assert!(answers.iter().all(|answer| *answer == body));
        assert!(started.elapsed() >= Duration::from_millis(280), "300 kB at 1 MB/s");
        assert!(ask("b.test").starts_with(b"HTTP/1.1 403 "));
    }
}
