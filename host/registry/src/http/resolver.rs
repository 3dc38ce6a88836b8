//! Names to addresses, without those that the answer of a registry must not lead to.
//!
//! The check is made where the connection is opened, so that a name cannot resolve to one address
//! for the check and to another one for the connection.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

use crate::http::zone::Zone;

/// A name has only addresses that the answer of a registry must not lead to.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("its address is {0}")]
pub(crate) struct Forbidden(pub(crate) Zone);

/// Resolves names with the operating system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resolver {
    /// The zone of the answer that named the host; `None` for a registry itself.
    pub(crate) from: Option<Zone>,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Addresses = std::vec::IntoIter<SocketAddr>;
type Resolving = Pin<Box<dyn Future<Output = Result<Addresses, BoxError>> + Send>>;

impl Resolver {
    async fn resolve(self, name: String) -> Result<Addresses, BoxError> {
        let found = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
        self.allowed(found)
    }

    fn allowed(self, found: Vec<SocketAddr>) -> Result<Addresses, BoxError> {
        let Some(from) = self.from else { return Ok(found.into_iter()) };
        let zone = |address: &SocketAddr| Zone::of(address.ip());
        let forbidden = found.first().map(zone);
        let allowed: Vec<SocketAddr> =
            found.into_iter().filter(|address| from.may_lead_to(zone(address))).collect();
        match forbidden {
            Some(zone) if allowed.is_empty() => Err(io::Error::other(Forbidden(zone)).into()),
            _ => Ok(allowed.into_iter()),
        }
    }
}

impl Service<Name> for Resolver {
    type Response = Addresses;
    type Error = BoxError;
    type Future = Resolving;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Resolving {
        Box::pin(self.resolve(name.as_str().to_owned()))
    }
}

impl reqwest::dns::Resolve for Resolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let resolving = Self::resolve(*self, name.as_str().to_owned());
        Box::pin(async move {
            let addresses: reqwest::dns::Addrs = Box::new(resolving.await?);
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Resolver, Zone};

    #[test]
    fn a_name_keeps_the_addresses_that_it_may_lead_to() {
        let allowed = |from, found: &[&str]| -> Result<Vec<String>, String> {
            let found = found.iter().map(|address| address.parse().unwrap()).collect();
            let allowed = Resolver { from }.allowed(found).map_err(|error| error.to_string())?;
            Ok(allowed.map(|address| address.to_string()).collect())
        };
        let mixed = ["10.0.0.1:0", "8.8.8.8:0", "[::1]:0"];
        assert_eq!(allowed(None, &mixed).unwrap(), mixed);
        assert_eq!(allowed(Some(Zone::Public), &mixed).unwrap(), ["8.8.8.8:0"]);
        assert_eq!(allowed(Some(Zone::Private), &mixed).unwrap(), mixed[..2]);
        let private = allowed(Some(Zone::Public), &["[fd00::1]:0", "10.0.0.1:0"]);
        assert_eq!(private.unwrap_err(), "its address is private");
        assert_eq!(allowed(Some(Zone::Public), &[]).unwrap(), Vec::<String>::new());
    }
}
