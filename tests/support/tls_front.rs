//! A TLS server in front of a registry that asks its clients for a certificate, with one version of TLS.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
};

use super::Registry;
use super::certificate::{Certificate, Tls};

/// A running server. Its threads end with the test process.
#[derive(Debug)]
pub(crate) struct TlsFront {
    address: String,
    files: Certificate,
    _folder: tempfile::TempDir,
}

impl TlsFront {
    /// Starts a server with this version of TLS, which passes requests on to `registry`. With `http2`, it
    /// claims to speak HTTP/2, and is good for refusals only.
    pub(crate) fn before(
        registry: &Registry,
        version: &'static SupportedProtocolVersion,
        http2: bool,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a scratch directory can be made");
        let files = Certificate::write(folder.path(), Tls::Mutual);
        let mut config = config(&files, version);
        if http2 {
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address").to_string();
        let upstream = registry.address().to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, upstream) = (Arc::clone(&config), upstream.clone());
                // Ignores clients that are refused.
                std::thread::spawn(move || serve(stream, config, &upstream));
            }
        });
        Self { address, files, _folder: folder }
    }

    /// Returns `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The files of the server, and those of clients beside them.
    pub(crate) fn folder(&self) -> &Path {
        self.files.authority.parent().expect("a file has a folder")
    }
}

fn config(files: &Certificate, version: &'static SupportedProtocolVersion) -> ServerConfig {
    let read = |path: &Path| CertificateDer::from_pem_file(path).expect("it is a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(read(&files.authority)).expect("the authority is a root");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .expect("there is a root");
    let key = PrivateKeyDer::from_pem_file(&files.key).expect("it is a key");
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("the version is supported")
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![read(&files.certificate)], key)
        .expect("the key fits the certificate")
}

/// Passes the bytes of one connection on, in both directions.
fn serve(stream: TcpStream, config: Arc<ServerConfig>, upstream: &str) -> io::Result<()> {
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut client = StreamOwned::new(connection, stream);
    while client.conn.is_handshaking() {
        if let Err(error) = client.conn.complete_io(&mut client.sock) {
            // The alert of the refusal.
            client.conn.write_tls(&mut client.sock)?;
            return Err(error);
        }
    }
    let mut registry = TcpStream::connect(upstream)?;
    client.sock.set_read_timeout(Some(Duration::from_millis(5)))?;
    registry.set_read_timeout(Some(Duration::from_millis(5)))?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        if !pass(&mut client, &mut registry, &mut buffer)?
            || !pass(&mut registry, &mut client, &mut buffer)?
        {
            return Ok(());
        }
    }
}

/// Passes on what has arrived; false at the end.
fn pass(from: &mut impl Read, to: &mut impl Write, buffer: &mut [u8]) -> io::Result<bool> {
    match from.read(buffer) {
        Ok(0) => Ok(false),
        Ok(count) => {
            to.write_all(&buffer[..count])?;
            to.flush()?;
            Ok(true)
        }
        Err(error)
            if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
        {
            Ok(true)
        }
        Err(error) => Err(error),
    }
}
