//! Runs `longshore serve`.

use std::net::SocketAddr;
use std::path::Path;

use crate::error::{Exit, Fatal};
use crate::flags::Serve;
use crate::report::Log;
use crate::setup::listen;
use longshore_engine::event::Level;
use longshore_layout::{ServeOptions, serve};

/// Serves a registry until an interrupt.
pub(crate) async fn run(flags: Serve, log: &Log) -> Result<Exit, Fatal> {
    let mut interrupt = listen()?;
    let Serve { dir, listen: address, htpasswd, hosts } = flags;
    let options = ServeOptions { root: dir, listen: address, htpasswd, hosts };
    let announce = |address: SocketAddr, root: &Path| {
        log.write(Level::Info, &format!("serving {} on http://{address}", root.display()));
    };
    serve(options, announce, async move { interrupt.raised().await }).await?;
    Ok(Exit::Done)
}
