//! HTTP connections: clients, TLS and trust, and whether a registry speaks TLS at all.

pub(crate) mod certificate;
pub(crate) mod connection;
pub(crate) mod scheme;
pub(crate) mod transport;
pub(crate) mod trust;
