//! Tokens: one for each repository, fetched with single-flight.
//!
//! A token serves the pulls and pushes of its repository, and mounts from the homes that were seen
//! before it was fetched.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::auth::claims::Claims;
use crate::auth::homes::Homes;
use crate::auth::renewal::{Renewals, Showing, ShownBy, Use, Worked};
use crate::auth::token_answer::TokenAnswer;
use crate::auth::token_cost::TokenCost;
use crate::{Credential, Secret};
use longshore_oci::Repository;

/// The lifetime of a token without `expires_in` (distribution's token specification).
const DEFAULT_LIFE: Duration = Duration::from_secs(60);
/// The longest lifetime that is believed, in seconds.
const LONGEST_LIFE: u64 = 24 * 60 * 60;
/// A token that is refused this soon after its fetch has not expired.
const FRESH: Duration = Duration::from_secs(10);
/// The most tokens kept per registry.
const KEPT: usize = 512;

/// A token that the registry just refused, and for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused<'a> {
    pub(crate) token: &'a Token,
    pub(crate) by: Use,
}

/// What a request needs a token to grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenScope {
    /// Access to a repository.
    Repository(RepositoryScope),
    /// Access to the list of all repositories.
    Catalog,
}

impl TokenScope {
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RepositoryScope {
    /// The repository.
    pub(crate) repository: Repository,
    /// Whether the request writes. A push scope creates repositories on some registries.
    pub(crate) push: bool,
    /// The repository on the same registry that a blob is mounted from.
    pub(crate) mount_from: Option<Repository>,
}

/// What a token was asked to grant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grant {
    /// Whether it also allows pushes into its repository.
    push: bool,
    /// The repositories that blobs may be mounted from.
    from: BTreeSet<Repository>,
}

impl Grant {
    /// What `access` needs.
    pub(crate) fn of(access: &TokenScope) -> Self {
        match access {
            TokenScope::Repository(scope) => {
                Self { push: scope.push, from: scope.mount_from.iter().cloned().collect() }
            }
            TokenScope::Catalog => Self::default(),
        }
    }

    /// Whether a token with this grant also serves `other`.
    fn covers(&self, other: &Self) -> bool {
        (self.push || !other.push) && other.from.is_subset(&self.from)
    }

    /// Adds what `other` grants.
    pub(crate) fn join(&mut self, other: &Self) {
        self.push |= other.push;
        self.from.extend(other.from.iter().cloned());
    }

    /// Adds mounts from `homes`.
    pub(crate) fn mounting_from(&self, homes: Vec<Repository>) -> Self {
        let mut joint = self.clone();
        joint.from.extend(homes);
        joint
    }

    /// Whether it is for pushes.
    pub(crate) const fn is_for_pushes(&self) -> bool {
        self.push
    }

    /// The values of the `scope` parameters; each is a parameter of its own.
    pub(crate) fn parameters(&self, access: &TokenScope) -> Vec<String> {
        let Some(repository) = access.repository() else {
            return vec!["registry:catalog:*".to_owned()];
        };
        let actions = if self.push { "pull,push" } else { "pull" };
        let from = self.from.iter().filter(|from| *from != repository);
        let mounts = from.map(|from| format!("repository:{from}:pull"));
        std::iter::once(format!("repository:{repository}:{actions}")).chain(mounts).collect()
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
    /// Whether it was fetched for one request.
    is_own: bool,
    /// Whether it says that it does not allow the pushes that it was asked to allow.
    denies_push: bool,
    /// The requests that showed it.
    shown: Arc<AtomicU32>,
    worked: Arc<Worked>,
}

impl Token {
    /// Reads the token of an answer that arrived at `fetched`; `None` if it holds none.
    pub(crate) fn of(answer: TokenAnswer, fetched: Instant) -> Option<Self> {
        let named = [answer.token, answer.access_token];
        let text = named.into_iter().flatten().find(|token| !token.is_empty())?;
        let life = answer
            .expires_in
            .filter(|&seconds| seconds > 0)
            .map_or(DEFAULT_LIFE, |seconds| Duration::from_secs(seconds.min(LONGEST_LIFE)));
        Some(Self {
            value: Arc::new(Secret::new(text)),
            fetched,
            life,
            replaces: false,
            is_own: false,
            denies_push: false,
            shown: Arc::default(),
            worked: Arc::default(),
        })
    }

    /// Marks the token as the replacement of `refused`, if there is one. What worked with that one should work with
    /// this one.
    pub(crate) fn replacing(self, refused: Option<Refused<'_>>) -> Self {
        match refused {
            Some(refused) => {
                Self { replaces: true, worked: Arc::clone(&refused.token.worked), ..self }
            }
            None => self,
        }
    }

    /// Marks the token as one that a single request shows.
    pub(crate) fn for_one_request(self) -> Self {
        Self { is_own: true, ..self }
    }

    /// Records that a request shows it.
    pub(crate) fn show(&self) -> Showing {
        self.shown.fetch_add(1, Ordering::Relaxed);
        Showing::new(&self.worked)
    }

    /// Who showed it until now.
    pub(crate) fn shown_by(&self) -> ShownBy {
        match self.shown.load(Ordering::Relaxed) {
            _ if self.is_own => ShownBy::Owner,
            0 | 1 => ShownBy::One,
            _ => ShownBy::Several,
        }
    }

    /// Whether a request with it succeeded. If others show it too, their answers are waited for.
    pub(crate) async fn works_for_others(&self, by: Use) -> bool {
        if !self.has_worked() && self.shown_by() == ShownBy::Several {
            self.worked.told(by).await;
        }
        self.has_worked()
    }

    /// Records that it was refused. Waits for the requests in flight if they can still tell that a renewal is
    /// worth it.
    pub(crate) async fn refused(&self, by: Use, renewals: &Renewals) {
        if self.is_hopeless(by, renewals, Instant::now()) && renewals.help() {
            self.worked.told(by).await;
        }
        if self.worked.has(by) {
            renewals.end();
        }
    }

    /// Records that a request with it succeeded.
    pub(crate) fn works(&self, by: Use) {
        self.worked.record(by);
    }

    /// Whether a request with it succeeded. If so, a refusal now may mean that the registry ended it
    /// early.
    pub(crate) fn has_worked(&self) -> bool {
        self.worked.has_any()
    }

    /// Whether it says that it does not allow this use, and it was not found to lie.
    pub(crate) fn denies(&self, by: Use) -> bool {
        self.denies_push && by == Use::Write && !self.worked.has(by)
    }

    /// Whether a renewal after a refusal is pointless.
    ///
    /// A fresh token that never worked lacks the requested right, whatever its service says. So does one that
    /// replaced another if this use never worked and no token ended before, or if replacements are refused again
    /// and again, and one that says itself that it lacks the right.
    pub(crate) fn is_hopeless(&self, by: Use, renewals: &Renewals, now: Instant) -> bool {
        let has_ended = match self.replaces {
            false => self.has_worked(),
            true => (self.worked.has(by) || renewals.have_ended()) && renewals.help(),
        };
        (!has_ended || self.denies(by)) && now.duration_since(self.fetched) < FRESH
    }

    /// Whether it was fetched a moment ago, so that it has not expired since.
    pub(crate) fn is_fresh(&self) -> bool {
        self.fetched.elapsed() < FRESH
    }

    /// Whether it replaced a token that was refused.
    pub(crate) const fn is_replacement(&self) -> bool {
        self.replaces
    }

    /// What the token says of itself, unless it is opaque.
    pub(crate) fn claims(&self) -> Option<Claims> {
        Claims::of(&self.value)
    }

    /// Whether the token may still be used. Tokens are renewed at four fifths of their lifetime.
    fn is_good(&self, now: Instant) -> bool {
        now.duration_since(self.fetched) < self.life * 4 / 5
    }
}

/// A token and what it was asked to grant.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) token: Token,
    pub(crate) grant: Grant,
}

impl Held {
    /// A token that was fetched for `access`.
    pub(crate) fn of(token: Token, grant: Grant, access: &TokenScope) -> Self {
        let mut held = Self { token, grant };
        held.token.denies_push = access.repository().is_some_and(|own| held.denies_push(own));
        held
    }

    /// Whether the token says that it does not allow pushes into `repository`, which it was asked to
    /// allow.
    pub(crate) fn denies_push(&self, repository: &Repository) -> bool {
        let homes = self.grant.from.iter();
        let asked: Vec<&str> = homes.chain([repository]).map(Repository::as_str).collect();
        let claims = self.token.claims().filter(|_| self.grant.push);
        let granted = claims.and_then(|claims| claims.actions_on(repository.as_str(), &asked));
        granted
            .is_some_and(|granted| !granted.iter().any(|action| action == "push" || action == "*"))
    }
}

type Slot = Arc<Mutex<Option<Held>>>;

/// The tokens of one registry, by repository; `None` is the list of repositories.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    slots: std::sync::Mutex<HashMap<Option<Repository>, Slot>>,
    homes: std::sync::Mutex<Homes>,
    /// Whether the service refuses tokens for more than one repository.
    refuses_joint: AtomicBool,
    pub(crate) renewals: Renewals,
    pub(crate) cost: TokenCost,
}

impl Tokens {
    fn slots(&self) -> MutexGuard<'_, HashMap<Option<Repository>, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn homes(&self) -> MutexGuard<'_, Homes> {
        self.homes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the slot of the token for `access`. The holder of its lock may fetch; other requests
    /// wait and reuse the token.
    pub(crate) fn slot(&self, access: &TokenScope) -> Slot {
        let (mut slots, key) = (self.slots(), access.repository().cloned());
        if slots.len() >= KEPT && !slots.contains_key(&key) {
            // A forgotten token only costs another request.
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(slots.entry(key).or_default())
    }

    /// Whether the token of `repository` allows a mount from `home`. Waits while it is fetched.
    pub(crate) async fn cover_mount(&self, repository: &Repository, home: &Repository) -> bool {
        let slot = self.slots().get(&Some(repository.clone())).map(Arc::clone);
        let Some(slot) = slot else { return false };
        let held = slot.lock().await;
        held.as_ref().is_some_and(|held| held.grant.push && held.grant.from.contains(home))
    }

    /// Whether the token of `repository` was asked to allow pushes, and says that it does not.
    pub(crate) async fn deny_push(&self, repository: &Repository) -> bool {
        let slot = self.slots().get(&Some(repository.clone())).map(Arc::clone);
        let Some(slot) = slot else { return false };
        let held = slot.lock().await;
        held.as_ref().is_some_and(|held| held.denies_push(repository))
    }

    /// The repositories that the next token of `repository` should allow mounts from. Pushes into
    /// `repository` make it such a home for later tokens.
    pub(crate) fn homes_for(
        &self,
        repository: &Repository,
        credential: Option<&Credential>,
    ) -> Vec<Repository> {
        let found = match self.refuses_joint.load(Ordering::Relaxed) {
            true => Vec::new(),
            false => self.homes().best(repository, credential),
        };
        self.homes().add(repository, credential);
        found
    }

    /// Records that a blob was mounted from `home`.
    pub(crate) fn mounted_from(&self, home: &Repository) {
        self.homes().used(home);
    }

    /// Records that the service refused a token for several repositories.
    pub(crate) fn refuse_joint(&self) {
        self.refuses_joint.store(true, Ordering::Relaxed);
    }

    /// Forgets all tokens: after a project is created, older tokens do not grant access to it.
    pub(crate) fn forget(&self) {
        self.slots().clear();
    }
}

/// What a token for another registry is for: realm, service and scope.
type GuestKey = [String; 3];

/// The tokens for registries that a registry redirects to.
#[derive(Debug, Default)]
pub(crate) struct GuestTokens(std::sync::Mutex<HashMap<GuestKey, Token>>);

impl GuestTokens {
    /// The token for `key`, if it may still be used.
    pub(crate) fn get(&self, key: &GuestKey) -> Option<Token> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(key).filter(|token| token.is_good(Instant::now())).cloned()
    }

    /// Keeps a token for later requests.
    pub(crate) fn keep(&self, key: GuestKey, token: Token) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= KEPT {
            tokens.clear();
        }
        tokens.insert(key, token);
    }
}

/// Returns the token in `slot`, unless it is stale, lacks a right that is `needed`, or equals `refused`,
/// which just got a 401.
pub(crate) fn usable(
    slot: Option<&Held>,
    needed: &Grant,
    refused: Option<Refused<'_>>,
    now: Instant,
) -> Option<Token> {
    let held = slot.filter(|held| held.token.is_good(now) && held.grant.covers(needed))?;
    let is_refused =
        refused.is_some_and(|refused| Arc::ptr_eq(&refused.token.value, &held.token.value));
    (!is_refused).then(|| held.token.clone())
}

#[cfg(test)]
mod tests;
