//! A registry and the way to it.

use std::path::Path;

use anyhow::Result;

use crate::access_log::Tally;
use crate::proxy::Proxy;
use crate::registry::{Mark, Registry};
use crate::workbench::{Setting, Workbench};

/// A registry that clients reach through a proxy, where the way is not just loopback.
pub(crate) struct Link {
    registry: Registry,
    proxy: Option<Proxy>,
}

/// A moment in what a link has carried.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    mark: Mark,
    connections: u64,
}

/// What a link carried between two moments.
pub(crate) struct Traffic {
    /// The requests.
    pub(crate) tally: Tally,
    /// TCP connections: all of them through a proxy, else those that carried a request.
    pub(crate) connections: u64,
}

impl Link {
    /// Starts a registry on this storage, and the way to it.
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

    /// `127.0.0.1:PORT`, where clients are to go.
    pub(crate) fn address(&self) -> String {
        self.proxy.as_ref().map_or_else(|| self.registry.address().to_owned(), Proxy::address)
    }

    /// The registry's process.
    pub(crate) fn id(&self) -> u32 {
        self.registry.id()
    }

    /// Now, with everything written down that has happened.
    pub(crate) fn moment(&self) -> Moment {
        let mark = self.registry.mark();
        Moment { mark, connections: self.proxy.as_ref().map_or(0, Proxy::connections) }
    }

    /// What happened between the two moments.
    pub(crate) fn traffic(&self, from: Moment, to: Moment) -> Traffic {
        let tally = self.registry.tally(from.mark, to.mark);
        let connections = match self.proxy {
            Some(_) => to.connections - from.connections,
            None => tally.peers.len() as u64,
        };
        Traffic { tally, connections }
    }
}
