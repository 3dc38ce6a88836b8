//! Adapts to what a registry's answers say about its load: windows, pauses and pull quotas.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use reqwest::Response;
use reqwest::header::HeaderMap;

use crate::error_response::ErrorResponse;
use crate::limits::pause::GaveUp;
use crate::limits::permit::{Paused, Permit};
use crate::limits::window::Class;
use crate::{Cause, Client, ThrottlePause};

/// At 1/10 of a pull quota and below, manifests are fetched one at a time.
const NEARLY_USED: u64 = 10;

impl Client {
    /// Waits until one request of `class` is admitted.
    pub(crate) async fn enter(&self, class: Class) -> Result<Permit, Cause> {
        self.windows.enter(class).await.map_err(|closed| self.gave_up_cause(closed.reason))
    }

    /// The error for a class that was given up.
    pub(crate) fn gave_up_cause(&self, why: GaveUp) -> Cause {
        gave_up_cause(self.registry.to_string(), why)
    }

    /// Adapts windows and budget to the result of a request sent at `sent`, and returns the result.
    pub(crate) fn observe(
        &self,
        class: Class,
        answered: Result<Response, Cause>,
        sent: Instant,
    ) -> Result<Response, Cause> {
        match &answered {
            Ok(response) => {
                self.windows.succeeded(class);
                self.budget.refill();
                self.slow_down_near_quota(response.headers());
            }
            Err(cause) => match cause {
                Cause::Answered(answer) if matches!(answer.status, 429 | 503) => {
                    self.windows.overloaded(class, sent);
                    if answer.status == 429 || answer.retry_after.is_some() {
                        self.pause(class, answer, sent).map_err(|why| self.gave_up_cause(why))?;
                    }
                }
                Cause::NoConnection { .. }
                | Cause::TimedOut { .. }
                | Cause::Slow { .. }
                | Cause::Broken { .. } => self.windows.overloaded(class, sent),
                // A refusal is an answer: the registry is not overloaded.
                Cause::Answered(_) => {
                    self.windows.not_throttled(class);
                    self.budget.refill();
                }
                _ => {}
            },
        }
        answered
    }

    /// Pauses requests after a 429, or a 503 with `Retry-After`.
    ///
    /// A pull quota pauses manifest GETs only. A throttle from a host that blobs are redirected to
    /// pauses blobs. Any other throttle pauses the registry.
    fn pause(&self, class: Class, answer: &ErrorResponse, sent: Instant) -> Result<(), GaveUp> {
        let others: &[Class] = match class {
            Class::ManifestGet => &[],
            Class::Large | Class::Small if answer.redirected.is_some() => {
                &[Class::Large, Class::Small]
            }
            _ if answer.redirected.is_some() => &[],
            _ => &Class::ALL,
        };
        let limit = self.windows.throttled(class, others, answer.retry_after, sent);
        if let (Ok(paused), Some(told)) = (&limit, &self.options.pauses)
            && !paused.added.is_zero()
        {
            let classes = others.iter().chain([&class]).map(|class| class.name().to_owned());
            let (registry, classes) = (self.registry.clone(), classes.collect());
            // The receiver may have ended with the run.
            let _gone = told.send(ThrottlePause { registry, classes, length: paused.length });
        }
        self.report_throttled(self.registry.as_ref(), answer, limit)
    }

    /// Counts the pause of `host`, which may be a token service, and warns about it once.
    pub(crate) fn report_throttled(
        &self,
        host: &str,
        answer: &ErrorResponse,
        limit: Result<Paused, GaveUp>,
    ) -> Result<(), GaveUp> {
        if let Ok(paused) = limit {
            self.budget.effort.pause(paused);
        }
        if !self.observed.warned_throttled.swap(true, Ordering::Relaxed) {
            let then = match (answer.retry_after, limit) {
                (Some(pause), Ok(_)) => format!("next request at {}", clock(pause)),
                (Some(pause), Err(_)) => {
                    let then = clock(pause);
                    format!("it asks to wait until {then}, which is longer than --max-wait allows")
                }
                (None, _) => {
                    "it is asked again in pauses that grow, for as long as --max-wait allows"
                        .to_owned()
                }
            };
            let what = match answer.status {
                429 => "limits the rate of requests",
                _ => "cannot take requests at the moment",
            };
            tracing::warn!("{host} {what} ({answer}); {then}");
        }
        limit.map(|_| ())
    }

    /// Slows manifest GETs down when Docker Hub's pull quota is nearly used.
    ///
    /// Other clients behind the same address use the quota too, so the number is only a hint.
    fn slow_down_near_quota(&self, headers: &HeaderMap) {
        let read = |name: &str| quota(headers.get(name)?.to_str().ok()?);
        let (Some((left, window)), Some((limit, _))) =
            (read("ratelimit-remaining"), read("ratelimit-limit"))
        else {
            return;
        };
        if left.saturating_mul(NEARLY_USED) > limit {
            return;
        }
        self.windows.shrink_to(Class::ManifestGet, 1);
        if !self.observed.warned_quota.swap(true, Ordering::Relaxed) {
            let hours = window.as_secs() / 3600;
            tracing::warn!(
                "{} has {left} of {limit} pulls in {hours} h left for this address or account; fetching \
                 manifests one at a time from now on",
                self.registry
            );
        }
    }
}

/// The error for a `host` that stays throttled for too long.
pub(crate) fn gave_up_cause(host: String, why: GaveUp) -> Cause {
    match why {
        GaveUp::RetryAt(time) => {
            let left = time.saturating_duration_since(Instant::now());
            Cause::RateLimitedUntil { host, until: clock(left) }
        }
        GaveUp::MaxWaitSpent => Cause::RateLimitedForLong { host },
    }
}

/// Parses a quota such as `100;w=21600`: the count, and its window in seconds.
fn quota(text: &str) -> Option<(u64, Duration)> {
    let (number, window) = text.split_once(";w=")?;
    Some((number.trim().parse().ok()?, Duration::from_secs(window.trim().parse().ok()?)))
}

/// Formats the UTC time of day after `pause`, with the date unless it is today.
fn clock(pause: Duration) -> String {
    let now = SystemTime::now();
    let Some(then) = now.checked_add(pause) else { return "a time too far away".to_owned() };
    let date = httpdate::fmt_http_date(then);
    if date[..16] == httpdate::fmt_http_date(now)[..16] { date[17..].to_owned() } else { date }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{clock, quota};

    #[test]
    fn quotas_of_docker_hub_are_read() {
        assert_eq!(quota("76;w=21600"), Some((76, Duration::from_secs(21600))));
        assert_eq!(quota("76"), None);
    }

    #[test]
    fn the_time_of_a_reset_is_named() {
        assert!(clock(Duration::ZERO).ends_with(" GMT") && clock(Duration::ZERO).len() == 12);
        assert!(clock(Duration::from_secs(90_000)).len() > 20, "another day has its date");
    }
}
