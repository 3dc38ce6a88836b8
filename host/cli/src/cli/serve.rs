//! `longshore serve`.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::interrupt;
use crate::error::{Exit, Fatal};
use crate::report::Log;
use crate::settings::{SettingsError, SettingsFile};
use longshore_engine::event::Level;
use longshore_layout::{ServeOptions, serve};

/// The command's table in the settings file.
const COMMAND: &str = "serve";
const DEFAULT_LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 5000));

/// Serve a registry from a folder of OCI image layouts
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  longshore serve /srv/registry --listen 127.0.0.1:5000

It takes and gives everything that the OCI distribution specification has: referrers, mounts, and deletion
of tags, manifests and blobs. Without --htpasswd whoever reaches it may do all of that.

Each repository is an OCI image layout at DIR/REPOSITORY, which other tools read too:
  skopeo inspect oci:/srv/registry/library/redis:7")]
pub(super) struct Serve {
    /// The folder; without one a temporary folder is used and removed at the end
    dir: Option<PathBuf>,
    /// Address and port; port 0 is a free one, which is printed [default: 127.0.0.1:5000]
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    listen: Option<SocketAddr>,
    /// Ask for a user name and password of this file (bcrypt, as of htpasswd -B)
    #[arg(long, value_name = "FILE")]
    htpasswd: Option<PathBuf>,
    /// Answer requests to this host name too; may be repeated. On loopback, other names than localhost
    /// are refused without it; elsewhere it refuses names that are not given
    #[arg(long = "host", value_name = "NAME", value_parser = host)]
    hosts: Vec<String>,
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
        let options = ServeOptions { root: self.dir, listen, htpasswd, hosts: self.hosts };
        let announce = |address: SocketAddr, root: &std::path::Path| {
            log.write(Level::Info, &format!("serving {} on http://{address}", root.display()));
        };
        serve(options, announce, async move { interrupt.raised().await }).await?;
        Ok(Exit::Done)
    }
}

fn listen_of(file: &SettingsFile) -> Result<Option<SocketAddr>, SettingsError> {
    let Some(text) = file.text(COMMAND, "listen")? else { return Ok(None) };
    address(&text).map(Some).map_err(|expected| SettingsError::Value {
        key: "listen",
        value: text,
        expected,
    })
}

/// A name of a host, without a port.
fn host(text: &str) -> Result<String, String> {
    let is_name = |character: char| character.is_ascii_alphanumeric() || "-._".contains(character);
    if !text.is_empty() && text.chars().all(is_name) {
        return Ok(text.to_owned());
    }
    Err("it is no host name without a port, such as registry.example".to_owned())
}

/// An address and a port, or a name of this machine's loopback in the address's place.
fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let form = "it is no address and port, such as 127.0.0.1:5000, [::1]:5000 or localhost:5000";
    let is_named = text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains([':', '/']) && port.parse::<u16>().is_ok()
    });
    if !is_named {
        return Err(form.to_owned());
    }
    let found = text.to_socket_addrs().map_err(|error| format!("its host has no address: {error}"));
    let (mut loopback, others): (Vec<_>, Vec<_>) =
        found?.partition(|address| address.ip().is_loopback());
    // Clients that know no IPv6 are still more than those that know nothing else.
    loopback.sort();
    match (loopback.first(), others.as_slice()) {
        (Some(address), []) => Ok(*address),
        _ => Err("a name must be one of loopback, such as localhost; give the address itself, or 0.0.0.0 for all of them".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{address, host};

    #[test]
    fn a_host_is_a_name_without_a_port() {
        for good in ["registry.example", "build-7", "Registry.Local", "a_b"] {
            assert_eq!(host(good).unwrap(), good);
        }
        for bad in ["", "registry.example:5000", "http://registry.example", "a/b", "[::1]", "a b"] {
            assert!(host(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_and_names_of_loopback_are_taken() {
        for (text, expected) in [
            ("127.0.0.1:5000", "127.0.0.1:5000"),
            ("0.0.0.0:0", "0.0.0.0:0"),
            ("[::1]:1", "[::1]:1"),
        ] {
            assert_eq!(address(text).unwrap().to_string(), expected);
        }
        assert!(address("localhost:5010").unwrap().ip().is_loopback());
        for (text, why) in [
            ("5000", "such as 127.0.0.1:5000"),
            (":5000", "such as 127.0.0.1:5000"),
            ("localhost", "localhost:5000"),
            ("localhost:x", "localhost:5000"),
            ("no.such.invalid:1", "has no address"),
        ] {
            let error = address(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
