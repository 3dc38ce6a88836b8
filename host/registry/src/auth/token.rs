//! Tokens, fetched once per scope set with single-flight.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::sync::Mutex;

use crate::Secret;
use longshore_oci::Repository;

/// The lifetime of a token without `expires_in` (distribution's token specification).
const DEFAULT_LIFE: Duration = Duration::from_secs(60);
/// The longest lifetime that is believed, in seconds.
const LONGEST_LIFE: u64 = 24 * 60 * 60;
/// A token that is refused this soon after its fetch has not expired.
const FRESH: Duration = Duration::from_secs(10);
/// The most tokens kept per registry.
const KEPT: usize = 512;
/// The most bytes read of a token service's answer.
pub(crate) const TOKEN_BODY_LIMIT: u64 = 1024 * 1024;

/// What a token must grant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TokenScope {
    /// Access to a repository.
    Repository(RepositoryScope),
    /// Access to the list of all repositories.
    Catalog,
}

impl TokenScope {
    /// The values of the `scope` parameters; each is a parameter of its own.
    pub(crate) fn parameters(&self) -> Vec<String> {
        match self {
            Self::Repository(scope) => scope.parameters(),
            Self::Catalog => vec!["registry:catalog:*".to_owned()],
        }
    }

    /// The main repository of the scope.
    pub(crate) const fn repository(&self) -> Option<&Repository> {
        match self {
            Self::Repository(scope) => Some(&scope.repository),
            Self::Catalog => None,
        }
    }
}

impl From<RepositoryScope> for TokenScope {
    fn from(scope: RepositoryScope) -> Self {
        Self::Repository(scope)
    }
}

/// What a request needs to do with a repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RepositoryScope {
    /// The repository.
    pub(crate) repository: Repository,
    /// Whether the request writes. A push scope creates repositories on some registries.
    pub(crate) push: bool,
    /// The repository on the same registry that a blob is mounted from.
    pub(crate) mount_from: Option<Repository>,
}

impl RepositoryScope {
    fn parameters(&self) -> Vec<String> {
        let actions = if self.push { "pull,push" } else { "pull" };
        let mut scopes = vec![format!("repository:{}:{actions}", self.repository)];
        if let Some(from) = &self.mount_from {
            scopes.push(format!("repository:{from}:pull"));
        }
        scopes
    }
}

/// A bearer token and its lifetime.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    /// The opaque token.
    pub(crate) value: Arc<Secret>,
    fetched: Instant,
    life: Duration,
    /// Whether it replaced a token that was refused.
    replaces: bool,
    /// A request with it succeeded.
    worked: Arc<AtomicBool>,
}

/// The answer of a token service; OAuth 2 names the token `access_token`.
#[derive(Deserialize)]
pub(crate) struct TokenAnswer {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<u64>,
}

/// Reads a number of seconds that services write as an integer, a fraction or a string. What is not a
/// positive number counts as not said.
fn seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let seconds = match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Number(number) => number.as_f64(),
        serde_json::Value::String(text) => text.trim().parse::<f64>().ok(),
        _ => None,
    };
    let seconds = seconds.filter(|seconds| seconds.is_finite() && *seconds >= 1.0);
    // A token that lives longer than a number can say is renewed after a day all the same.
    let whole =
        seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
    Ok(whole.map(|life| life.as_secs()))
}

impl Token {
    /// Reads the token of an answer that arrived at `fetched`; `None` if it holds none.
    pub(crate) fn of(answer: TokenAnswer, fetched: Instant) -> Option<Self> {
        let text = answer.token.or(answer.access_token).filter(|token| !token.is_empty())?;
        let life = answer
            .expires_in
            .filter(|&seconds| seconds > 0)
            .map_or(DEFAULT_LIFE, |seconds| Duration::from_secs(seconds.min(LONGEST_LIFE)));
        Some(Self {
            value: Arc::new(Secret::new(text)),
            fetched,
            life,
            replaces: false,
            worked: Arc::default(),
        })
    }

    /// Marks the token as the replacement of `refused`, if there is one.
    pub(crate) fn replacing(self, refused: Option<&Self>) -> Self {
        Self { replaces: refused.is_some(), ..self }
    }

    /// Records that a request with it succeeded.
    pub(crate) fn works(&self) {
        self.worked.store(true, Ordering::Relaxed);
    }

    /// Whether a request with it succeeded. If so, a refusal now may mean that the registry ended it
    /// early.
    pub(crate) fn has_worked(&self) -> bool {
        self.worked.load(Ordering::Relaxed)
    }

    /// Whether a renewal after a refusal is pointless.
    ///
    /// A fresh token that already replaced another lacks the requested right, whatever its service
    /// says.
    pub(crate) fn is_hopeless(&self, now: Instant) -> bool {
        self.replaces && now.duration_since(self.fetched) < FRESH
    }

    /// Whether the token may still be used. Tokens are renewed at four fifths of their lifetime.
    fn is_good(&self, now: Instant) -> bool {
        now.duration_since(self.fetched) < self.life * 4 / 5
    }
}

type Slot = Arc<Mutex<Option<Token>>>;

/// The tokens of one registry, by scope set.
#[derive(Debug, Default)]
pub(crate) struct Tokens(std::sync::Mutex<HashMap<TokenScope, Slot>>);

impl Tokens {
    /// Returns the slot of `access`'s token. The holder of its lock may fetch; other requests wait
    /// and reuse the token.
    pub(crate) fn slot(&self, access: &TokenScope) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if slots.len() >= KEPT && !slots.contains_key(access) {
            // A forgotten token only costs another request.
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(slots.entry(access.clone()).or_default())
    }

    /// Forgets all tokens: after a project is created, older tokens do not grant access to it.
    pub(crate) fn forget(&self) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
    }
}

/// Returns the token in `slot`, unless it is stale or equals `refused`, which just got a 401.
pub(crate) fn usable(slot: Option<&Token>, refused: Option<&Token>, now: Instant) -> Option<Token> {
    slot.filter(|token| {
        token.is_good(now)
            && refused.is_none_or(|refused| !Arc::ptr_eq(&refused.value, &token.value))
    })
    .cloned()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{RepositoryScope, Token, TokenAnswer, TokenScope, Tokens, usable};

    fn token(seconds: Option<u64>, fetched: Instant) -> Token {
        let answer =
            TokenAnswer { token: None, access_token: Some("t".into()), expires_in: seconds };
        Token::of(answer, fetched).unwrap()
    }

    #[test]
    fn tokens_are_renewed_before_they_expire() {
        let now = Instant::now();
        let good = token(Some(100), now);
        assert!(usable(Some(&good), None, now + Duration::from_secs(79)).is_some());
        assert!(usable(Some(&good), None, now + Duration::from_secs(81)).is_none());
        let default = token(None, now);
        assert!(usable(Some(&default), None, now + Duration::from_secs(49)).is_none());
        assert!(
            usable(Some(&good), Some(&good), now).is_none(),
            "a refused token is not used again"
        );
    }

    #[test]
    fn the_life_of_a_token_is_read_in_every_form_that_services_write() {
        let life = |expires_in: &str| {
            let json = format!(r#"{{"token":"t","expires_in":{expires_in}}}"#);
            let answer: TokenAnswer = serde_json::from_str(&json).unwrap();
            Token::of(answer, Instant::now()).unwrap().life.as_secs()
        };
        for (written, seconds) in [
            ("300", 300),
            ("\"300\"", 300),
            ("300.5", 300),
            ("3e2", 300),
            ("\" 90 \"", 90),
            ("-1", 60),
            ("0", 60),
            ("null", 60),
            ("\"soon\"", 60),
            ("true", 60),
            ("[]", 60),
            ("1e300", 86_400),
            ("99999999999999999999999", 86_400),
        ] {
            assert_eq!(life(written), seconds, "{written}");
        }
    }

    #[test]
    fn a_token_is_renewed_once_unless_it_had_time_to_expire() {
        let now = Instant::now();
        let first = token(Some(100), now);
        assert!(!first.is_hopeless(now));
        let second = token(Some(100), now).replacing(Some(&first));
        assert!(second.is_hopeless(now));
        assert!(!second.is_hopeless(now + Duration::from_secs(11)));
    }

    #[test]
    fn scopes_are_repeated_parameters() {
        let access = TokenScope::from(RepositoryScope {
            repository: "a/b".parse().unwrap(),
            push: true,
            mount_from: Some("c".parse().unwrap()),
        });
        assert_eq!(access.parameters(), ["repository:a/b:pull,push", "repository:c:pull"]);
        assert_eq!(TokenScope::Catalog.parameters(), ["registry:catalog:*"]);
        let tokens = Tokens::default();
        assert!(std::sync::Arc::ptr_eq(&tokens.slot(&access), &tokens.slot(&access)));
        assert!(!std::sync::Arc::ptr_eq(&tokens.slot(&access), &tokens.slot(&TokenScope::Catalog)));
    }
}
