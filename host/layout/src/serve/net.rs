//! Connections: how many there may be, how long they may take, and what their requests send.

mod body;
mod connection;
mod connections;
mod listener;
mod tls;
mod watched;

pub(super) use body::{BodyError, RequestBody};
pub(super) use connection::Peer;
pub(super) use connections::Limits;
pub(super) use listener::{Listener, Request};
pub use tls::{TlsError, TlsFiles};
