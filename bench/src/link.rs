//! A registry and the connection to it.

use std::path::Path;

use anyhow::Result;

use crate::access_log::Tally;
use crate::proxy::Proxy;
use crate::registry::{Mark, Registry};
use crate::workbench::{Setting, Workbench};

/// A registry that clients reach through a proxy, unless the connection is plain loopback.
pub(crate) struct Link {
    registry: Registry,
    proxy: Option<Proxy>,
}

/// A point in time in the traffic of a link.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    mark: Mark,
    connections: u64,
}

/// The traffic of a link between two points in time.
pub(crate) struct Traffic {
    /// The requests.
    pub(crate) tally: Tally,
    /// Number of TCP connections: all of them with a proxy, else only those with requests.
    pub(crate) connections: u64,
}

impl Link {
    /// Starts a registry on this storage, with the connection to it.
    pub(crate) fn open(
        bench: &Workbench<'_>,
        setting: &Setting,
        storage: &Path,
        name: &str,
    ) -> Result<Self> {
        let certificate = setting.tls.then_some(&bench.certificate);
        let folder = bench.folder.join("work").join(name);
        let registry = Registry::start(&bench.server, storage, &folder, certificate)?;
        let fault = bench.options.fault();
        let proxy = if setting.round_trip.is_zero() && !fault.exists() {
            None
        } else {
            let (runtime, address) = (bench.runtime.handle(), registry.address());
            Some(Proxy::start(runtime, address, setting.round_trip, fault)?)
        };
        Ok(Self { registry, proxy })
    }

    /// Returns `127.0.0.1:PORT`, the address for clients.
    pub(crate) fn address(&self) -> String {
        self.proxy.as_ref().map_or_else(|| self.registry.address().to_owned(), Proxy::address)
    }

    /// Returns the process ID of the registry.
    pub(crate) fn id(&self) -> u32 {
        self.registry.id()
    }

    /// Returns the current point in time, after the logs are complete.
    pub(crate) fn moment(&self) -> Moment {
        let mark = self.registry.mark();
        Moment { mark, connections: self.proxy.as_ref().map_or(0, Proxy::connections) }
    }

    /// Returns the traffic between two points in time.
    pub(crate) fn traffic(&self, from: Moment, to: Moment) -> Traffic {
        let tally = self.registry.tally(from.mark, to.mark);
        let connections = match self.proxy {
            Some(_) => to.connections - from.connections,
            None => tally.peers.len() as u64,
        };
        Traffic { tally, connections }
    }
}
