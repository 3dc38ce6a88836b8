//! How often and how late a request is tried again.

use std::time::Duration;

use backon::BackoffBuilder;

use super::RegistryError;

/// Tries of one request, the first included.
pub(super) const TRIES: usize = 3;
/// A longer wait than this is not sat out.
const LONGEST_WAIT: Duration = Duration::from_secs(900);

/// The waits between the tries of one request.
#[derive(Debug)]
pub struct Waits(backon::ExponentialBackoff);

impl Waits {
    /// Waits that grow from half a second, with jitter.
    pub fn new() -> Self {
        Self(
            backon::ExponentialBuilder::new()
                .with_min_delay(Duration::from_millis(500))
                .with_max_delay(Duration::from_secs(20))
                .with_max_times(TRIES - 1)
                .with_jitter()
                .build(),
        )
    }

    /// How long to wait before the next try after `error`; `None` where it is final.
    pub fn after(&mut self, error: &RegistryError) -> Option<Duration> {
        if !error.is_transient() {
            return None;
        }
        let planned = self.0.next()?;
        match error.retry_after() {
            Some(asked) if asked > LONGEST_WAIT => None,
            Some(asked) => Some(asked.max(planned)),
            None => Some(planned),
        }
    }

    /// Waits until the request may be tried again after `error`.
    ///
    /// # Errors
    /// `error` itself, where it is final.
    pub(super) async fn sit_out(&mut self, error: RegistryError) -> Result<(), RegistryError> {
        let Some(wait) = self.after(&error) else { return Err(error) };
        tracing::debug!("{error}; trying again in {:.1} s", wait.as_secs_f32());
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

impl Default for Waits {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{TRIES, Waits};
    use crate::registry::answer::Answer;
    use crate::registry::{Operation, RegistryError};

    fn answered(status: u16, retry_after: Option<u64>) -> RegistryError {
        let retry_after = retry_after.map(Duration::from_secs);
        Operation::new("fetch", "x").failed(Answer {
            status,
            codes: Vec::new(),
            detail: String::new(),
            retry_after,
        })
    }

    #[test]
    fn what_is_final_is_not_tried_again() {
        for status in [400, 401, 403, 404, 405] {
            assert_eq!(Waits::new().after(&answered(status, None)), None, "{status}");
        }
    }

    #[test]
    fn the_tries_end() {
        let mut waits = Waits::new();
        let tries = std::iter::from_fn(|| waits.after(&answered(503, None))).count();
        assert_eq!(tries, TRIES - 1);
    }

    #[test]
    fn the_registry_s_own_wait_is_obeyed_within_bounds() {
        assert!(Waits::new().after(&answered(429, Some(30))).unwrap() >= Duration::from_secs(30));
        assert_eq!(Waits::new().after(&answered(429, Some(100_000))), None);
    }
}
