//! `longshore serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::interrupt;
use crate::error::{Exit, Fatal};
use crate::report::Log;
use crate::serve::{ServeOptions, serve};
use crate::transfer::Level;

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
    /// Address and port; port 0 is a free one, which is printed
    #[arg(long, default_value = "127.0.0.1:5000", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Ask for a user name and password of this file (bcrypt, as of htpasswd -B)
    #[arg(long, value_name = "FILE")]
    htpasswd: Option<PathBuf>,
}

impl Serve {
    pub(super) async fn run(self, log: &Arc<Log>) -> Result<Exit, Fatal> {
        super::follow_tracing(log);
        let mut interrupt = interrupt::listen()?;
        let options = ServeOptions { root: self.dir, listen: self.listen, htpasswd: self.htpasswd };
        let announce = |address: SocketAddr, root: &std::path::Path| {
            log.write(Level::Info, &format!("serving {} on http://{address}", root.display()));
        };
        serve(options, announce, async move { interrupt.raised().await }).await?;
        Ok(Exit::Done)
    }
}
