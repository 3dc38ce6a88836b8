//! HTTP connections: clients, TLS, trust, and detection of registries without TLS.

pub(crate) mod certificate;
pub(crate) mod connection;
pub(crate) mod scheme;
pub(crate) mod transport;
pub(crate) mod trust;
