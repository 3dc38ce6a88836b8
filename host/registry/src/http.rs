//! HTTP connections: clients, proxies, TLS, trust, where answers may lead to, and detection of
//! registries without TLS.

pub(crate) mod address;
pub(crate) mod body;
pub(crate) mod certificate;
pub(crate) mod connection;
pub(crate) mod failure;
pub(crate) mod insecure;
pub(crate) mod location;
mod no_proxy;
pub(crate) mod places;
pub(crate) mod proxy;
mod resolver;
pub(crate) mod scheme;
pub(crate) mod tls_fault;
pub(crate) mod transport;
pub(crate) mod trust;
pub(crate) mod zone;
