//! What a registry's answers say about how much it can take: room for the next request, pauses, and
//! quotas that near their end.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use reqwest::Response;
use reqwest::header::HeaderMap;

use crate::error_response::ErrorResponse;
use crate::limits::pause::TooLong;
use crate::limits::permit::{Paused, Permit};
use crate::limits::window::Class;
use crate::{Cause, Client};

/// At this share of a quota and below, what is left is used slowly: one in so many.
const NEARLY_USED: u64 = 10;

impl Client {
    /// Waits for room for one request.
    pub(crate) async fn enter(&self, class: Class) -> Result<Permit, Cause> {
        self.windows.enter(class).await.map_err(|shut| self.limited(shut.why))
    }

    /// The registry limits requests for longer than anybody waits.
    pub(crate) fn limited(&self, why: TooLong) -> Cause {
        limited(self.registry.to_string(), why)
    }

    /// Learns from what came of a request of `class` that was sent at `sent`, and passes it on.
    pub(crate) fn judge(
        &self,
        class: Class,
        answered: Result<Response, Cause>,
        sent: Instant,
    ) -> Result<Response, Cause> {
        match &answered {
            Ok(response) => {
                self.windows.succeeded(class);
                self.budget.refill();
                self.heed_quota(response.headers());
            }
            Err(cause) => match cause {
                Cause::Answered(answer) if matches!(answer.status, 429 | 503) => {
                    self.windows.overrun(class, sent);
                    if answer.status == 429 || answer.retry_after.is_some() {
                        self.pause(class, answer, sent).map_err(|why| self.limited(why))?;
                    }
                }
                Cause::TimedOut { .. } | Cause::Broken { .. } => self.windows.overrun(class, sent),
                // A refusal is an answer: the registry can take more of them.
                Cause::Answered(_) => {
                    self.windows.not_limited(class);
                    self.budget.refill();
                }
                _ => {}
            },
        }
        answered
    }

    /// A 429, or a 503 that says how long it takes: a quota of pulls stops those alone, a host that
    /// blobs are redirected to stops blobs, and anything else the registry as a whole.
    fn pause(&self, class: Class, answer: &ErrorResponse, sent: Instant) -> Result<(), TooLong> {
        let others: &[Class] = match class {
            Class::ManifestGet => &[],
            Class::Large | Class::Small if answer.redirected.is_some() => {
                &[Class::Large, Class::Small]
            }
            _ if answer.redirected.is_some() => &[],
            _ => &Class::ALL,
        };
        let limit = self.windows.limited(class, others, answer.retry_after, sent);
        self.waits_for(self.registry.as_ref(), answer, limit)
    }

    /// `host` limits requests, which may be a token service: said once, and counted.
    pub(crate) fn waits_for(
        &self,
        host: &str,
        answer: &ErrorResponse,
        limit: Result<Paused, TooLong>,
    ) -> Result<(), TooLong> {
        if let Ok(paused) = limit {
            self.budget.effort.pause(paused);
        }
        if !self.learnt.said_limited.swap(true, Ordering::Relaxed) {
            let then = match (answer.retry_after, limit) {
                (Some(pause), Ok(_)) => format!("it is asked again at {}", clock(pause)),
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

    /// Docker Hub says how many pulls are left. Others behind the same address use them too, so this
    /// is a hint: what is left is used one by one.
    fn heed_quota(&self, headers: &HeaderMap) {
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
        if !self.learnt.said_quota.swap(true, Ordering::Relaxed) {
            let hours = window.as_secs() / 3600;
            tracing::warn!(
                "{} has {left} of {limit} pulls in {hours} h left for this address or account; manifests are \
                 fetched one by one from here on",
                self.registry
            );
        }
    }
}

/// `host` limits requests for longer than anybody waits.
pub(crate) fn limited(host: String, why: TooLong) -> Cause {
    match why {
        TooLong::Until(time) => {
            let left = time.saturating_duration_since(Instant::now());
            Cause::LimitedUntil { host, until: clock(left) }
        }
        TooLong::Waited => Cause::LimitedForLong { host },
    }
}

/// `100;w=21600`: a number, and the seconds that it is for.
fn quota(text: &str) -> Option<(u64, Duration)> {
    let (number, window) = text.split_once(";w=")?;
    Some((number.trim().parse().ok()?, Duration::from_secs(window.trim().parse().ok()?)))
}

/// The time of day after `pause`, in UTC; with the date where that is not today.
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
