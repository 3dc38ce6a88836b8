//! Turns to check a password: bcrypt is slow on purpose, and wrong passwords must not delay right ones.
//!
//! Few checks run at once and few wait. The newest check goes first, so one that arrives behind a flood
//! waits for one check and not for all of them. Addresses that failed often have one turn between them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::folder::lock;
use crate::serve::net::Peer;

/// How many checks run at once, of addresses that did not fail often.
const TURNS: usize = 2;

/// How many checks wait in each lane.
const WAITING: usize = 32;

/// An address with this many failures within [`WINDOW`] is limited.
const FAILURES: u32 = 20;
const WINDOW: Duration = Duration::from_secs(60);

/// How many addresses are counted.
const PEERS: usize = 4096;

/// The turns, and how often each address failed.
#[derive(Debug)]
pub(super) struct Attempts {
    open: Arc<Mutex<Lane>>,
    /// For addresses that failed often.
    limited: Arc<Mutex<Lane>>,
    failures: Mutex<HashMap<Peer, Failures>>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    since: Instant,
}

#[derive(Debug)]
struct Lane {
    free: usize,
    /// The newest is last.
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    failures: u32,
    turn: oneshot::Sender<Turn>,
}

/// The right to check one password.
#[derive(Debug)]
pub(super) struct Turn {
    /// `None`: it was handed on.
    lane: Option<Arc<Mutex<Lane>>>,
    is_limited: bool,
}

impl Turn {
    /// Whether its address failed often.
    pub(super) const fn is_limited(&self) -> bool {
        self.is_limited
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(lane) = self.lane.take() else { return };
        let next = Lane::take(&lane);
        if let Some(next) = next {
            let turn = Self { lane: Some(lane), is_limited: self.is_limited };
            // A waiter that has gone away drops the turn, and the next one gets it.
            drop(next.turn.send(turn));
        }
    }
}

impl Lane {
    const fn new(free: usize) -> Self {
        Self { free, waiting: Vec::new() }
    }

    /// Takes out the check that is next, or notes that a turn is free.
    fn take(lane: &Mutex<Self>) -> Option<Waiting> {
        let mut lane = lock(lane);
        // The fewest failures first; of equal ones, the newest.
        let next = lane.waiting.iter().enumerate().rev().min_by_key(|(_, next)| next.failures);
        match next.map(|(position, _)| position) {
            Some(position) => Some(lane.waiting.remove(position)),
            None => {
                lane.free += 1;
                None
            }
        }
    }
}

impl Attempts {
    pub(super) fn new() -> Self {
        Self {
            open: Arc::new(Mutex::new(Lane::new(TURNS))),
            limited: Arc::new(Mutex::new(Lane::new(1))),
            failures: Mutex::default(),
        }
    }

    /// Waits for a turn; `None` if too many others wait.
    pub(super) async fn turn(&self, peer: Peer) -> Option<Turn> {
        let failures = self.failures(peer);
        let is_limited = failures >= FAILURES;
        let lane = if is_limited { &self.limited } else { &self.open };
        let (waited, dropped) = {
            let mut locked = lock(lane);
            if locked.free > 0 {
                locked.free -= 1;
                return Some(Turn { lane: Some(Arc::clone(lane)), is_limited });
            }
            let (turn, waited) = oneshot::channel();
            locked.waiting.push(Waiting { failures, turn });
            // The waiter with the most failures is dropped; of equal ones, the oldest.
            let is_full = locked.waiting.len() > WAITING;
            let worst = locked.waiting.iter().enumerate().rev();
            let worst = worst.max_by_key(|(_, waiting)| waiting.failures);
            let worst = worst.map(|(position, _)| position).filter(|_| is_full);
            (waited, worst.map(|position| locked.waiting.remove(position)))
        };
        drop(dropped);
        waited.await.ok()
    }

    /// How often an address has failed lately.
    fn failures(&self, peer: Peer) -> u32 {
        let failures = lock(&self.failures);
        let found = failures.get(&peer).filter(|found| found.since.elapsed() < WINDOW);
        found.map_or(0, |found| found.count)
    }

    /// Counts a wrong password.
    pub(super) fn failed(&self, peer: Peer) {
        let mut failures = lock(&self.failures);
        let now = Instant::now();
        let is_recent = |found: &Failures| now.duration_since(found.since) < WINDOW;
        if failures.len() >= PEERS && !failures.contains_key(&peer) {
            failures.retain(|_, found| is_recent(found));
            let fewest = failures.iter().min_by_key(|(_, found)| found.count);
            if let Some(fewest) = fewest.map(|(peer, _)| *peer).filter(|_| failures.len() >= PEERS)
            {
                failures.remove(&fewest);
            }
        }
        let found = failures.entry(peer).or_insert(Failures { count: 0, since: now });
        if !is_recent(found) {
            *found = Failures { count: 0, since: now };
        }
        found.count = found.count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::join_all;
    use tokio::time::timeout;

    use super::{Attempts, FAILURES, PEERS, WAITING};
    use crate::serve::net::Peer;

    fn peer(number: u32) -> Peer {
        Peer::of(std::net::Ipv4Addr::from(number).into())
    }

    #[tokio::test]
    async fn the_newest_goes_first_and_the_oldest_of_too_many_is_refused() {
        let attempts = Attempts::new();
        let running =
            [attempts.turn(peer(1)).await.unwrap(), attempts.turn(peer(1)).await.unwrap()];
        let mut flood: Vec<_> = (0..=WAITING).map(|_| Box::pin(attempts.turn(peer(1)))).collect();
        for waiting in &mut flood {
            let _ = timeout(Duration::ZERO, waiting).await;
        }
        // The first one was pushed out.
        assert!(flood.remove(0).await.is_none());
        let mut newest = flood.pop().unwrap();
        assert!(timeout(Duration::ZERO, &mut newest).await.is_err());
        drop(running);
        assert!(newest.await.is_some());
        // Each gets the turn that the one before it drops.
        let others = join_all(flood.into_iter().map(|waiting| async { waiting.await.is_some() }));
        assert!(others.await.into_iter().all(|turn| turn));
    }

    #[tokio::test]
    async fn an_address_that_fails_does_not_hold_up_another() {
        let attempts = Attempts::new();
        for _ in 0..FAILURES {
            attempts.failed(peer(1));
        }
        let limited = attempts.turn(peer(1)).await.unwrap();
        assert!(limited.is_limited());
        let mut second = Box::pin(attempts.turn(peer(1)));
        assert!(timeout(Duration::ZERO, &mut second).await.is_err(), "one at a time");
        assert!(!attempts.turn(peer(2)).await.unwrap().is_limited());
        drop(limited);
        assert!(second.await.is_some());
    }

    #[tokio::test]
    async fn a_client_that_goes_away_loses_no_turn() {
        let attempts = Attempts::new();
        let running =
            [attempts.turn(peer(1)).await.unwrap(), attempts.turn(peer(1)).await.unwrap()];
        for _ in 0..3 {
            let mut gone = Box::pin(attempts.turn(peer(1)));
            let _ = timeout(Duration::ZERO, &mut gone).await;
        }
        drop(running);
        let _one = attempts.turn(peer(1)).await.unwrap();
        assert!(attempts.turn(peer(1)).await.is_some());
    }

    #[test]
    fn many_addresses_cost_no_memory() {
        let attempts = Attempts::new();
        for _ in 0..FAILURES {
            attempts.failed(peer(0));
        }
        for number in 1..=2 * u32::try_from(PEERS).unwrap() {
            attempts.failed(peer(number));
        }
        assert!(super::lock(&attempts.failures).len() <= PEERS);
        assert_eq!(attempts.failures(peer(0)), FAILURES, "who fails often is not forgotten");
    }
}
