//! Credentials that a repository type fetches for a registry, kept and renewed during a run.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;
use longshore_oci::Registry;

use crate::Credential;

/// A credential is renewed when it has less than this left.
const SPARE: Duration = Duration::from_mins(5);
/// A credential with a shorter life than twice [`SPARE`] is used for this share of it, in percent.
const SHARE: u32 = 50;
/// After a failed exchange, requests fail without another one for this long.
const PAUSE: Duration = Duration::from_secs(30);

/// Fetches credentials of registries.
pub trait CredentialExchange: Send + Sync + fmt::Debug {
    /// Fetches the credential of `registry`.
    ///
    /// # Errors
    /// Returns why there is none, as a fragment without a secret.
    fn fetch<'a>(
        &'a self,
        registry: &'a Registry,
    ) -> BoxFuture<'a, Result<ExchangedCredential, String>>;
}

/// A credential that was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangedCredential {
    /// The credential.
    pub credential: Credential,
    /// When it ends; `None` if the server did not say so.
    pub ends: Option<SystemTime>,
}

/// The exchange of one registry, and its last result.
#[derive(Debug, Default)]
pub(crate) struct Exchanges {
    exchange: OnceLock<Arc<dyn CredentialExchange>>,
    held: tokio::sync::Mutex<Option<Held<Credential>>>,
}

/// The last result of fetching a credential.
#[derive(Debug)]
pub(crate) struct Held<T> {
    pub(crate) result: Result<T, String>,
    /// When to ask again.
    until: Option<SystemTime>,
}

impl<T> Held<T> {
    /// Keeps a credential until shortly before its end, and a failure for a while.
    pub(crate) fn new(result: Result<(T, Option<SystemTime>), String>, now: SystemTime) -> Self {
        match result {
            Ok((credential, ends)) => {
                let until =
                    ends.map(|ends| now + usable(ends.duration_since(now).unwrap_or_default()));
                Self { result: Ok(credential), until }
            }
            Err(why) => Self { result: Err(why), until: Some(now + PAUSE) },
        }
    }

    /// Whether it is still to be used.
    pub(crate) fn holds(&self, now: SystemTime) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Returns how long a credential with this life is used.
fn usable(life: Duration) -> Duration {
    life.saturating_sub(SPARE).max(life * SHARE / 100)
}

impl Exchanges {
    /// Sets the exchange. The first one stays.
    pub(crate) fn set(&self, exchange: Arc<dyn CredentialExchange>) {
        let _first_stays = self.exchange.set(exchange);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.exchange.get().is_some()
    }

    /// Returns the credential, and fetches it if there is none or it ends soon. Returns `None` without an
    /// exchange. Requests that need it meanwhile wait.
    pub(crate) async fn current(&self, registry: &Registry) -> Option<Result<Credential, String>> {
        let exchange = self.exchange.get()?;
        let mut held = self.held.lock().await;
        if let Some(held) = held.as_ref().filter(|held| held.holds(SystemTime::now())) {
            return Some(held.result.clone());
        }
        let fetched = exchange.fetch(registry).await;
        let fetched = fetched.map(|fetched| (fetched.credential, fetched.ends));
        let fresh = Held::new(fetched, SystemTime::now());
        let result = fresh.result.clone();
        *held = Some(fresh);
        Some(result)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, SystemTime};

    use futures_util::future::{BoxFuture, FutureExt as _};
    use longshore_oci::Registry;

    use super::{CredentialExchange, ExchangedCredential, Exchanges, Held, usable};
    use crate::{Credential, Secret};

    /// Gives numbered tokens with this life, or fails.
    #[derive(Debug)]
    struct Numbered {
        asked: AtomicUsize,
        life: Option<Duration>,
        fails: bool,
    }

    impl CredentialExchange for Numbered {
        fn fetch<'a>(
            &'a self,
            _: &'a Registry,
        ) -> BoxFuture<'a, Result<ExchangedCredential, String>> {
            let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
            let result = match self.fails {
                true => Err(format!("failure {number}")),
                false => Ok(ExchangedCredential {
                    credential: Credential::RegistryToken(Secret::new(number.to_string())),
                    ends: self.life.map(|life| SystemTime::now() + life),
                }),
            };
            async { result }.boxed()
        }
    }

    /// Asks three times. Returns the number of exchanges and the last result.
    async fn ask(life: Option<Duration>, fails: bool) -> (usize, Result<Credential, String>) {
        let exchange = Arc::new(Numbered { asked: AtomicUsize::new(0), life, fails });
        let exchanges = Exchanges::default();
        let registry: Registry = "r.example".parse().unwrap();
        assert!(exchanges.current(&registry).await.is_none(), "there is no exchange");
        exchanges.set(Arc::<Numbered>::clone(&exchange));
        let mut last = None;
        for _ in 0..3 {
            last = exchanges.current(&registry).await;
        }
        (exchange.asked.load(Ordering::Relaxed), last.unwrap())
    }

    #[tokio::test]
    async fn a_credential_is_kept_until_it_ends_and_then_renewed() {
        let token = |number: &str| Ok(Credential::RegistryToken(Secret::new(number)));
        assert_eq!(ask(None, false).await, (1, token("1")), "it never ends");
        assert_eq!(ask(Some(Duration::from_hours(12)), false).await, (1, token("1")));
        assert_eq!(ask(Some(Duration::ZERO), false).await, (3, token("3")), "it has ended");
    }

    #[tokio::test]
    async fn a_failure_is_not_repeated_for_each_request() {
        assert_eq!(ask(None, true).await, (1, Err("failure 1".to_owned())));
    }

    #[test]
    fn a_credential_is_renewed_before_it_ends() {
        let minutes = Duration::from_mins;
        assert_eq!(usable(minutes(60)), minutes(55));
        assert_eq!(usable(minutes(6)), minutes(3));
        assert_eq!(usable(Duration::ZERO), Duration::ZERO);
        let now = SystemTime::now();
        let failed = Held::<()>::new(Err("no".to_owned()), now);
        assert!(failed.holds(now) && !failed.holds(now + minutes(1)), "it is tried again");
    }
}
