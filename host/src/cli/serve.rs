//! `longshore serve`.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::interrupt;
use crate::error::{Exit, Fatal};
use crate::report::Log;
use crate::serve::{ServeOptions, serve};
use crate::settings::{SettingsError, SettingsFile};
use crate::transfer::Level;

/// The command's table in the settings file.
const COMMAND: &str = "serve";
const DEFAULT_LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 5000));

/// Serve a registry from a folder of OCI image layouts
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  longshore serve /srv/registry --listen 127.0.0.1:5000

Each repository is an OCI image layout at DIR/REPOSITORY, which other tools read too:
  skopeo inspect oci:/srv/registry/library/redis:7")]
pub(super) struct Serve {
    /// The folder; without one a temporary folder is used and removed at the end
    dir: Option<PathBuf>,
    /// Address and port; port 0 is a free one, which is printed [default: 127.0.0.1:5000]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Ask for a user name and password of this file (bcrypt, as of htpasswd -B)
    #[arg(long, value_name = "FILE")]
    htpasswd: Option<PathBuf>,
}

impl Serve {
    pub(super) async fn run(self, file: &SettingsFile, log: &Arc<Log>) -> Result<Exit, Fatal> {
        super::follow_tracing(log);
        let mut interrupt = interrupt::listen()?;
        let listen = match self.listen {
            Some(listen) => listen,
            None => listen_of(file)?.unwrap_or(DEFAULT_LISTEN),
        };
        let htpasswd = match self.htpasswd {
            Some(htpasswd) => Some(htpasswd),
            None => file.text(COMMAND, "htpasswd")?.map(PathBuf::from),
        };
        let options = ServeOptions { root: self.dir, listen, htpasswd };
        let announce = |address: SocketAddr, root: &std::path::Path| {
            log.write(Level::Info, &format!("serving {} on http://{address}", root.display()));
        };
        serve(options, announce, async move { interrupt.raised().await }).await?;
        Ok(Exit::Done)
    }
}

fn listen_of(file: &SettingsFile) -> Result<Option<SocketAddr>, SettingsError> {
    let Some(text) = file.text(COMMAND, "listen")? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| SettingsError::Value {
        key: "listen",
        value: text,
        expected: "it is no address and port, such as 127.0.0.1:5000".to_owned(),
    })
}
