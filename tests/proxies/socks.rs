//! A SOCKS 5 proxy (RFC 1928) on loopback that connects to one server, whatever it is asked for.

use std::io::{self, Read, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// What the proxy was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// `HOST:PORT`; a name arrives unresolved.
    pub(super) target: String,
    /// `USER:PASSWORD`, if the client logged in.
    pub(super) account: Option<String>,
}

/// The proxy; it lives as long as the test process.
pub(super) struct Socks {
    pub(super) address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Socks {
    /// Starts a proxy before `server`, or one that refuses every connection.
    pub(super) fn before(server: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let (asked, server) = (Arc::<Mutex<Vec<Asked>>>::default(), server.map(str::to_owned));
        let seen = Arc::clone(&asked);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (seen, server) = (Arc::clone(&seen), server.clone());
                thread::spawn(move || tunnel(client, server.as_deref(), &seen));
            }
        });
        Self { address, asked }
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn tunnel(mut client: TcpStream, server: Option<&str>, seen: &Mutex<Vec<Asked>>) -> io::Result<()> {
    let asked = handshake(&mut client)?;
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    let Some(server) = server else {
        // 2: not allowed by the rules of the proxy.
        return client.write_all(&[5, 2, 0, 1, 0, 0, 0, 0, 0, 0]);
    };
    let mut server = TcpStream::connect(server)?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    let (mut back, mut up) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        let _gone = io::copy(&mut back, &mut up);
        let _gone = up.shutdown(Shutdown::Write);
    });
    let _gone = io::copy(&mut client, &mut server);
    server.shutdown(Shutdown::Write)
}

fn handshake(client: &mut TcpStream) -> io::Result<Asked> {
    let [_, methods] = bytes(client)?;
    let methods = text(client, methods)?;
    let wants_login = methods.contains('\u{2}');
    client.write_all(&[5, if wants_login { 2 } else { 0 }])?;
    let account = if wants_login {
        let [_, length] = bytes(client)?;
        let user = text(client, length)?;
        let [length] = bytes(client)?;
        let password = text(client, length)?;
        client.write_all(&[1, 0])?;
        Some(format!("{user}:{password}"))
    } else {
        None
    };
    let [_, _, _, kind] = bytes(client)?;
    let host = match kind {
        1 => std::net::Ipv4Addr::from(bytes::<4>(client)?).to_string(),
        4 => std::net::Ipv6Addr::from(bytes::<16>(client)?).to_string(),
        _ => {
            let [length] = bytes(client)?;
            text(client, length)?
        }
    };
    let port = u16::from_be_bytes(bytes(client)?);
    Ok(Asked { target: format!("{host}:{port}"), account })
}

fn bytes<const COUNT: usize>(client: &mut TcpStream) -> io::Result<[u8; COUNT]> {
    let mut bytes = [0; COUNT];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn text(client: &mut TcpStream, length: u8) -> io::Result<String> {
    let mut bytes = vec![0; usize::from(length)];
    client.read_exact(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
