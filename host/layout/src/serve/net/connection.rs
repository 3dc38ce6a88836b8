//! One connection: who is at its other end, and what it is doing.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::folder::lock;

/// A connection may be closed for another one if it has waited for its client for this long.
const STUCK: Duration = Duration::from_secs(5);

/// An address that limits apply to: IPv4, or the /64 network of IPv6, which usually belongs to one
/// household.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Peer(IpAddr);

impl Peer {
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) if !address.is_loopback() => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            address => address,
        })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V6(network) if !network.is_loopback() => write!(f, "{network}/64"),
            address => write!(f, "{address}"),
        }
    }
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No request has arrived, or not its whole head.
    Idle,
    /// This side works on a request.
    Working,
    /// The server waits for the client to send or receive the next bytes.
    Waiting,
}

/// A connection that is open.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: Peer,
    /// The phase, and since when.
    state: Mutex<(Phase, Instant)>,
    closed: Notify,
}

impl Connection {
    pub(super) fn new(peer: Peer) -> Self {
        let state = Mutex::new((Phase::Idle, Instant::now()));
        Self { peer, state, closed: Notify::new() }
    }

    /// A request arrived.
    pub(super) fn begin(&self) {
        self.enter(Phase::Working);
    }

    /// The request was answered.
    pub(super) fn end(&self) {
        self.enter(Phase::Idle);
    }

    /// The server waits for the client from now on.
    pub(super) fn wait_for_client(&self) {
        let mut state = lock(&self.state);
        if state.0 == Phase::Working {
            *state = (Phase::Waiting, Instant::now());
        }
    }

    /// The client has sent or received something.
    pub(super) fn go_on(&self) {
        let mut state = lock(&self.state);
        if state.0 == Phase::Waiting {
            *state = (Phase::Working, Instant::now());
        }
    }

    fn enter(&self, phase: Phase) {
        *lock(&self.state) = (phase, Instant::now());
    }

    /// Whether no request is under way.
    pub(super) fn is_idle(&self) -> bool {
        lock(&self.state).0 == Phase::Idle
    }

    /// Since when the connection has waited, if it may be closed for another one.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let (phase, since) = *lock(&self.state);
        match phase {
            Phase::Idle => Some(since),
            Phase::Waiting if since.elapsed() > STUCK => Some(since),
            Phase::Waiting | Phase::Working => None,
        }
    }

    /// Closes the connection.
    pub(super) fn close(&self) {
        self.closed.notify_one();
    }

    /// Waits until [`Self::close`] was called.
    pub(super) async fn closed(&self) {
        self.closed.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::Peer;

    #[test]
    fn one_household_is_one_peer() {
        let peer = |text: &str| Peer::of(text.parse().unwrap());
        assert_eq!(peer("2001:db8:1:2::3"), peer("2001:db8:1:2:ffff::1"));
        assert_ne!(peer("2001:db8:1:2::3"), peer("2001:db8:1:3::3"));
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
        assert_ne!(peer("192.0.2.1"), peer("192.0.2.2"));
        assert_ne!(peer("::1"), peer("::2"));
        let shown = |text: &str| peer(text).to_string();
        assert_eq!(shown("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(shown("2001:db8:1:2::3"), "2001:db8:1:2::/64");
        assert_eq!(shown("::1"), "::1");
    }
}
