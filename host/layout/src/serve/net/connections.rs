//! The connections that are open, and how many there may be. A new one takes the place of the one that
//! has been idle for longest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::connection::{Connection, Peer};
use crate::folder::lock;

/// How many files the process asks the system for.
const FILES: u64 = 4096;

/// How many connections there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    all: usize,
    /// From one address.
    peer: usize,
}

impl Limits {
    /// As many as the limit of open files allows if each request opens two files of its own.
    pub(crate) fn of_system() -> Self {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let wanted = maximum.unwrap_or(FILES).min(FILES);
        let mut files = current.unwrap_or(FILES);
        if files < wanted
            && setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).is_ok()
        {
            files = wanted;
        }
        let all = usize::try_from(files.saturating_sub(32) / 3).unwrap_or_default();
        Self::of(all.clamp(16, 1024))
    }

    /// Allows `all` connections, and half as many from one address.
    pub(crate) const fn of(all: usize) -> Self {
        Self { all, peer: all / 2 }
    }
}

/// The connections that are open.
#[derive(Debug)]
pub(super) struct Connections {
    limits: Limits,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    connections: HashMap<u64, Arc<Connection>>,
}

impl Connections {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, open: Mutex::default() }
    }

    /// Admits a connection of `peer`. Returns `None` if there are too many and all are busy.
    pub(super) fn admit(&self, peer: Peer) -> Option<(u64, Arc<Connection>)> {
        let mut open = lock(&self.open);
        let of_peer = open.connections.values().filter(|other| other.peer == peer).count();
        if of_peer >= self.limits.peer {
            open.close_oldest(Some(peer))?;
        } else if open.connections.len() >= self.limits.all {
            open.close_oldest(None)?;
        }
        let number = open.next;
        open.next += 1;
        let connection = Arc::new(Connection::new(peer));
        open.connections.insert(number, Arc::clone(&connection));
        Some((number, connection))
    }

    /// Closes the connection that has been idle for longest.
    pub(super) fn close_oldest(&self) {
        lock(&self.open).close_oldest(None);
    }

    /// Forgets a connection that was closed.
    pub(super) fn remove(&self, number: u64) {
        lock(&self.open).connections.remove(&number);
    }

    /// Closes all connections.
    pub(super) fn close_all(&self) {
        for connection in lock(&self.open).connections.values() {
            connection.close();
        }
    }
}

impl Open {
    /// Closes the connection that has been idle for longest, of `peer` or of all. Returns `None` if none is
    /// idle.
    fn close_oldest(&mut self, peer: Option<Peer>) -> Option<()> {
        let of_peer = |other: &&Arc<Connection>| peer.is_none_or(|peer| other.peer == peer);
        let idle = self.connections.iter().filter(|(_, other)| of_peer(other));
        let idle = idle.filter_map(|(number, other)| Some((other.idle_since()?, *number)));
        let (_, number) = idle.min()?;
        // It no longer counts, although its task has yet to notice.
        self.connections.remove(&number)?.close();
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Connections, Limits, Peer};

    fn peer(last: u8) -> Peer {
        Peer::of([192, 0, 2, last].into())
    }

    #[test]
    fn the_oldest_idle_connection_makes_room() {
        let connections = Connections::new(Limits::of(4));
        let (first, busy) = connections.admit(peer(1)).unwrap();
        busy.begin();
        let (second, _) = connections.admit(peer(1)).unwrap();
        let (third, _) = connections.admit(peer(1)).unwrap();
        let numbers = || {
            let open = super::lock(&connections.open);
            let mut numbers: Vec<u64> = open.connections.keys().copied().collect();
            numbers.sort_unstable();
            numbers
        };
        assert_eq!(numbers(), [first, third], "{second} was idle, {first} is busy");
        let (fourth, _) = connections.admit(peer(2)).unwrap();
        let (fifth, _) = connections.admit(peer(2)).unwrap();
        assert_eq!(numbers(), [first, third, fourth, fifth]);
        let (sixth, _) = connections.admit(peer(3)).unwrap();
        assert_eq!(numbers(), [first, fourth, fifth, sixth]);
    }

    #[test]
    fn a_peer_whose_connections_are_all_busy_gets_no_more() {
        let connections = Connections::new(Limits::of(4));
        for _ in 0..2 {
            connections.admit(peer(1)).unwrap().1.begin();
        }
        assert!(connections.admit(peer(1)).is_none());
        let (number, other) = connections.admit(peer(2)).unwrap();
        other.begin();
        other.wait_for_client();
        assert!(other.idle_since().is_none(), "the client has some time to go on");
        other.go_on();
        other.end();
        assert!(other.idle_since().is_some());
        connections.remove(number);
        assert!(connections.admit(peer(2)).is_some());
    }
}
