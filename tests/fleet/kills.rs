//! Workers, coordinators and servers that are killed at any moment lose nothing.
//!
//! `LONGSHORE_KILL_POINTS=20` kills each at so many random moments instead of a few fixed ones, and
//! `LONGSHORE_KILL_SEED` repeats the moments of a run that failed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{assert_arrived, assert_clean, end, filled, list, start_worker, started, worker};
use crate::kill::{points_within, slow};
use crate::support::{FaultProxy, Longshore, Nats, Pair, Running};

/// Approximate duration of a run of [`RunOfTwelve`], in milliseconds.
const RUN: u64 = 2_000;
/// The most runs at once.
const AT_ONCE: usize = 5;

/// What the moments of kills are spread over.
#[derive(Clone, Copy, Debug)]
pub(super) enum Within {
    /// A run of [`RunOfTwelve`], in milliseconds.
    Run,
    /// This many batches that are stored.
    Batches(u64),
    /// This many tags at the destination.
    Tags(u64),
}

impl Within {
    const fn whole(self) -> u64 {
        match self {
            Self::Run => RUN,
            Self::Batches(count) | Self::Tags(count) => count,
        }
    }
}

/// Kills at a few moments, or at as many random ones as the environment asks for.
#[expect(clippy::print_stdout, reason = "whoever asks for random moments wants to know the seed")]
pub(super) fn at_each(within: Within, few: u64, seed: u64, kill: impl Fn(u64) + Sync) {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let (count, seed) = match number("LONGSHORE_KILL_POINTS") {
        None => (few, seed),
        Some(count) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let random = u64::from(now.subsec_nanos());
            (count, number("LONGSHORE_KILL_SEED").unwrap_or(random))
        }
    };
    let points: Vec<u64> = points_within(within.whole(), count, seed).collect();
    println!("kills of the seed {seed} at {points:?} of {within:?}");
    for some in points.chunks(AT_ONCE) {
        // At once, because leases have to lapse.
        std::thread::scope(|scope| {
            let kills: Vec<_> = some.iter().map(|point| scope.spawn(|| kill(*point))).collect();
            for (kill, point) in kills.into_iter().zip(some) {
                assert!(kill.join().is_ok(), "the kill at {point} of {within:?}, seed {seed}");
            }
        });
    }
}

/// Twelve images between registries that answer slowly.
struct RunOfTwelve {
    pair: Pair,
    source: FaultProxy,
    destination: FaultProxy,
}

impl RunOfTwelve {
    fn new() -> Self {
        let pair = filled(12);
        let (source, destination) = (slow(&pair.source), slow(&pair.destination));
        Self { pair, source, destination }
    }

    fn of(&self, run: Longshore, nats: &Nats) -> Longshore {
        let run = run.mirror().list(&list(12)).args(["--fleet", &nats.url(), "--output=json"]);
        run.source(self.source.address()).destination(self.destination.address())
    }

    fn start(&self, nats: &Nats) -> Running {
        let run = self.of(Longshore::new(), nats).start();
        run.line(|line| line.contains("began the run").then_some(()));
        run
    }

    /// Checks that each tag that is there is complete.
    fn assert_whole(&self) {
        for number in 0..4 {
            let repository = format!("copies/app-{number}");
            for tag in self.pair.destination.endpoint().tags(&repository).expect("it answers") {
                self.pair.destination.assert_complete(&repository, &tag);
            }
        }
    }

    /// Checks that the run reported each image once, and that everything is there.
    fn assert_reported(&self, report: &serde_json::Value) {
        let entries = report["entries"].as_array().expect("there are entries");
        let done = entries.iter().filter(|entry| {
            let status = entry["status"].as_str().unwrap_or_default();
            ["copied", "skipped"].contains(&status)
        });
        assert_eq!((done.count(), &report["failed"]), (12, &0.into()), "{report:#}");
        let workers = report["workers"].as_array().expect("there are workers");
        let jobs: u64 = workers.iter().filter_map(|worker| worker["jobs"].as_u64()).sum();
        assert_eq!(jobs, 12, "{report:#}");
        assert_arrived(&self.pair, 12);
    }
}

#[test]
fn killed_workers_lose_nothing() {
    at_each(Within::Run, 4, 3, |point| {
        let Some(nats) = Nats::start() else { return };
        let images = RunOfTwelve::new();
        let victim = started(worker(&nats, "victim").args(["-j", "2"]));
        let run = images.start(&nats);
        std::thread::sleep(Duration::from_millis(point));
        drop(victim.kill());
        images.assert_whole();
        let heir = worker(&nats, "heir").start();
        images.assert_reported(&run.finish().exits(0).json());
        end(heir);
        assert_clean(&nats);
    });
}

#[test]
fn a_killed_coordinator_attaches_and_reports_everything() {
    at_each(Within::Run, 3, 5, |point| {
        let Some(nats) = Nats::start() else { return };
        let images = RunOfTwelve::new();
        let workers = ["one", "two"].map(|name| start_worker(&nats, name));
        let first = images.start(&nats);
        std::thread::sleep(Duration::from_millis(point));
        let again = images.of(first.kill(), &nats).run().exits(0);
        // The first one may have been at its end.
        let attached = again.stderr.contains("attached to the run");
        assert!(attached || again.stderr.contains("began the run"), "{}", again.stderr);
        images.assert_reported(&again.json());
        for worker in workers {
            end(worker);
        }
        assert_clean(&nats);
    });
}

#[test]
fn a_server_that_is_killed_and_comes_back_loses_nothing() {
    at_each(Within::Run, 3, 9, |point| {
        let Some(mut nats) = Nats::start() else { return };
        let images = RunOfTwelve::new();
        let workers = ["one", "two"].map(|name| start_worker(&nats, name));
        let run = images.start(&nats);
        std::thread::sleep(Duration::from_millis(point));
        nats.kill();
        std::thread::sleep(Duration::from_millis(300));
        nats.again();
        images.assert_reported(&run.finish().exits(0).json());
        for worker in workers {
            end(worker);
        }
        assert_clean(&nats);
    });
}
