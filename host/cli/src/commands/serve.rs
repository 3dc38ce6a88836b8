//! Runs `longshore serve`.

use std::net::SocketAddr;
use std::path::Path;

use crate::error::{Exit, Fatal};
use crate::flags::Serve;
use crate::report::Log;
use crate::setup::{Hangup, listen};
use longshore_engine::event::Level;
use longshore_layout::{ServeOptions, TlsFiles, serve};

/// Serves a registry until an interrupt.
pub(crate) async fn run(flags: Serve, log: &Log) -> Result<Exit, Fatal> {
    let mut interrupt = listen(Hangup::Stops)?;
    let Serve { dir, listen: address, htpasswd, tls_cert, tls_key, .. } = flags;
    let Serve { read_only, access_log, hosts, .. } = flags;
    let tls = tls_cert.zip(tls_key).map(|(certificate, key)| TlsFiles { certificate, key });
    let scheme = if tls.is_some() { "https" } else { "http" };
    let (is_open, is_plain) =
        (htpasswd.is_none() && !read_only, tls.is_none() && htpasswd.is_some());
    let options =
        ServeOptions { root: dir, listen: address, htpasswd, hosts, read_only, access_log, tls };
    let announce = |address: SocketAddr, root: &Path| {
        log.tell(&format!("serving {} on {scheme}://{address}", root.display()));
        if address.ip().is_loopback() {
            return;
        }
        if is_open {
            let text = format!(
                "everybody who reaches {address} may read, write and delete; --htpasswd FILE requires a password, and --read-only refuses writes"
            );
            log.write(Level::Warning, &text);
        } else if is_plain {
            let text = format!(
                "passwords reach {address} over plain HTTP, where the network can read them; --tls-cert and --tls-key serve TLS"
            );
            log.write(Level::Warning, &text);
        }
    };
    let interrupted = async move {
        interrupt.raised().await;
        log.write(Level::Info, "ending, as a signal asks for it");
    };
    serve(options, announce, interrupted).await?;
    Ok(Exit::Done)
}
