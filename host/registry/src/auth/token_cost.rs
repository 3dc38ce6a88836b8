//! Compares the cost of a token with the cost of an upload.
//!
//! A mount from a repository that no token covers needs a new token. Harbor spends 0.1 s of its time
//! on each, so small blobs are cheaper to send again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A token service's time before the first measurement, in microseconds.
const TYPICAL_TOKEN: u64 = 100_000;
/// The upload rate before the first measurement, in bytes per second.
const TYPICAL_RATE: u64 = 32 * 1024 * 1024;
/// Uploads below this size, in bytes, say more about round trips than about the rate.
const MEASURED: u64 = 256 * 1024;
/// The bounds of the size above which a mount is worth a token, in bytes.
const LEAST: u64 = 1024 * 1024;
const MOST: u64 = 64 * 1024 * 1024;

/// The measured costs at one registry; 0 stands for no measurement.
#[derive(Debug, Default)]
pub(crate) struct TokenCost {
    /// The time of a token request, in microseconds.
    token: AtomicU64,
    /// The rate of one upload, in bytes per second.
    rate: AtomicU64,
}

impl TokenCost {
    /// Records the duration of a token request.
    pub(crate) fn token_took(&self, time: Duration) {
        average(&self.token, u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// Records an upload of `size` bytes.
    pub(crate) fn upload_took(&self, size: u64, time: Duration) {
        if size >= MEASURED && !time.is_zero() {
            average(&self.rate, (size as f64 / time.as_secs_f64()) as u64);
        }
    }

    /// Whether mounting a blob of `size` bytes is worth a new token.
    pub(crate) fn is_worth_a_token(&self, size: u64) -> bool {
        size >= self.worth()
    }

    /// The size that is uploaded in the time of a token request, in bytes.
    fn worth(&self) -> u64 {
        let measured = |value: &AtomicU64, typical| match value.load(Ordering::Relaxed) {
            0 => typical,
            measured => measured,
        };
        let token = Duration::from_micros(measured(&self.token, TYPICAL_TOKEN));
        let rate = measured(&self.rate, TYPICAL_RATE);
        ((token.as_secs_f64() * rate as f64) as u64).clamp(LEAST, MOST)
    }
}

/// Moves the average by a quarter towards `new`.
fn average(value: &AtomicU64, new: u64) {
    let moved = |old: u64| {
        Some(if old == 0 { new } else { (old / 4).saturating_mul(3).saturating_add(new / 4) })
    };
    // The closure never refuses.
    let _updated = value.fetch_update(Ordering::Relaxed, Ordering::Relaxed, moved);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LEAST, MOST, TokenCost};

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn a_token_is_worth_the_bytes_that_its_time_would_move() {
        let cost = TokenCost::default();
        assert!(cost.is_worth_a_token(4 * MIB) && !cost.is_worth_a_token(3 * MIB), "not measured");
        cost.token_took(Duration::from_millis(500));
        assert!(cost.is_worth_a_token(17 * MIB) && !cost.is_worth_a_token(15 * MIB));
        cost.upload_took(8 * MIB, Duration::from_secs(1));
        assert!(cost.is_worth_a_token(5 * MIB) && !cost.is_worth_a_token(3 * MIB), "a slow line");
    }

    #[test]
    fn extreme_measurements_stay_within_bounds() {
        let fast = TokenCost::default();
        fast.token_took(Duration::from_micros(10));
        assert_eq!(fast.worth(), LEAST);
        let slow = TokenCost::default();
        slow.token_took(Duration::MAX);
        assert_eq!(slow.worth(), MOST);
        slow.upload_took(1, Duration::from_secs(1));
        slow.upload_took(MIB, Duration::ZERO);
        assert_eq!(slow.worth(), MOST, "neither says anything about the rate");
    }

    #[test]
    fn measurements_are_averaged() {
        let cost = TokenCost::default();
        for _ in 0..20 {
            cost.token_took(Duration::from_millis(200));
        }
        cost.token_took(Duration::from_millis(600));
        let worth = cost.worth() / MIB;
        assert!((8..12).contains(&worth), "one slow answer counts for a quarter: {worth}");
    }
}
