//! The flags of `longshore serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::values::{address, host};

/// Serve a registry from a folder of OCI image layouts
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore serve /srv/registry --listen 127.0.0.1:5000
  longshore serve /srv/registry --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem

The registry implements the OCI distribution specification, with referrers, mounts, and deletion of \
tags, manifests and blobs. Without --htpasswd every client that reaches the address may read, write and \
delete.

A browser shows the repositories, tags, sizes and platforms at the address itself.

Each repository is an OCI image layout at DIR/REPOSITORY, which other tools read too:
  skopeo inspect oci:/srv/registry/library/redis:7")]
pub(crate) struct Serve {
    /// Serve the folder DIR [default: a temporary folder, removed at the end]
    pub(crate) dir: Option<PathBuf>,
    /// Listen on ADDRESS, an address with a port; port 0 picks a free port and prints it
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5000", value_parser = address)]
    pub(crate) listen: SocketAddr,
    /// Require a user name and password from FILE, with bcrypt hashes as htpasswd -B writes them
    #[arg(long, value_name = "FILE")]
    pub(crate) htpasswd: Option<PathBuf>,
    /// Serve TLS with the certificate in FILE, in PEM with those that signed it
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Read the private key of --tls-cert from FILE, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Refuse everything but reads; DIR must exist
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Log each request: the client's address, the method, the path and the status
    #[arg(long)]
    pub(crate) access_log: bool,
    /// Answer requests to the host NAME, besides localhost and addresses; may be repeated [default:
    /// no name for a loopback address, else every name]
    #[arg(long = "host", value_name = "NAME", value_parser = host)]
    pub(crate) hosts: Vec<String>,
}
