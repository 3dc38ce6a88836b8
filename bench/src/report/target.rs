//! The performance targets, to compare with the measurements.

use super::markdown::mebibytes;
use crate::peer::Peer;
use crate::round::{Phase, Round};

/// The minimum ratio of a peer's time to longshore's time, cold.
struct Target {
    corpus: &'static str,
    /// Whether the target is for a round trip of 20 ms instead of loopback.
    far: bool,
    peer: Peer,
    ratio: f64,
}

const fn target(corpus: &'static str, far: bool, peer: Peer, ratio: f64) -> Target {
    Target { corpus, far, peer, ratio }
}

const TARGETS: &[Target] = &[
    target("mixed", false, Peer::SkopeoSync, 1.5),
    target("mixed", false, Peer::Hangar, 1.5),
    target("mixed", false, Peer::Crane, 2.5),
    target("mixed", false, Peer::RegsyncTuned, 2.5),
    target("mixed", false, Peer::Ocync, 1.4),
    target("mixed", true, Peer::SkopeoSync, 6.0),
    target("mixed", true, Peer::Hangar, 3.0),
    target("mixed", true, Peer::Crane, 3.0),
    target("mixed", true, Peer::RegsyncTuned, 2.3),
    target("mixed", true, Peer::Ocync, 1.9),
    target("tiny", false, Peer::SkopeoSync, 2.6),
    target("tiny", false, Peer::Hangar, 2.6),
    target("tiny", false, Peer::Crane, 1.9),
    target("tiny", false, Peer::RegsyncTuned, 1.35),
    target("tiny", false, Peer::Ocync, 1.35),
    target("tiny", true, Peer::SkopeoSync, 25.0),
    target("tiny", true, Peer::Hangar, 10.0),
    target("tiny", true, Peer::Crane, 4.0),
    target("tiny", true, Peer::RegsyncTuned, 1.9),
    target("tiny", true, Peer::Ocync, 1.9),
];

/// Maximum CPU seconds per gigabyte over plain HTTP.
pub(super) const CPU: f64 = 1.1;

/// Maximum peak memory with default settings, in bytes.
pub(super) const PEAK: u64 = 32 << 20;

/// Returns the target for this peer in this round, if there is one.
pub(super) fn ratio(round: &Round, peer: Peer) -> Option<f64> {
    let far = match round.round_trip {
        0 => false,
        20 => true,
        _ => return None,
    };
    let fits = |target: &&Target| {
        target.corpus == round.corpus && target.far == far && target.peer == peer
    };
    TARGETS.iter().find(fits).map(|target| target.ratio)
}

/// Returns all missed targets as text.
pub(super) fn missed(round: &Round) -> Vec<String> {
    let mut lines = Vec::new();
    for &peer in Peer::ALL {
        if let (Some(target), Some(ratio)) = (ratio(round, peer), round.ratio(peer, Phase::Cold))
            && ratio < target
        {
            let title = peer.title();
            lines.push(format!(
                "{}: {ratio:.2}× {title}, and {target}× is the target",
                round.title()
            ));
        }
    }
    let Some(cold) = round.median(Peer::Longshore, Phase::Cold) else {
        return lines;
    };
    let per_gigabyte = cold.cpu / (round.bytes as f64 / 1e9);
    // In a small corpus the start-up time dominates.
    if !round.tls && round.corpus == "mixed" && round.bytes > 1_000_000_000 && per_gigabyte > CPU {
        lines.push(format!(
            "{}: {per_gigabyte:.2} s of CPU per GB, and {CPU} is the target",
            round.title()
        ));
    }
    if cold.peak > PEAK {
        let (peak, target) = (mebibytes(cold.peak), mebibytes(PEAK));
        lines.push(format!("{}: a peak of {peak}, and {target} is the target", round.title()));
    }
    if cold.duplicate > 0 {
        lines.push(format!("{}: {} bytes were sent twice", round.title(), cold.duplicate));
    }
    lines
}
