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
mod tests {
    use std::time::{Duration, Instant};

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::{
        Grant, Held, Refused, Renewals, RepositoryScope, ShownBy, Token, TokenAnswer, TokenScope,
        Tokens, Use, usable,
    };

    fn token(seconds: Option<u64>, fetched: Instant) -> Token {
        let answer =
            TokenAnswer { token: None, access_token: Some("t".into()), expires_in: seconds };
        Token::of(answer, fetched).unwrap()
    }

    fn access(push: bool, mount_from: Option<&str>) -> TokenScope {
        let mount_from = mount_from.map(|from| from.parse().unwrap());
        RepositoryScope { repository: "a/b".parse().unwrap(), push, mount_from }.into()
    }

    fn held(token: &Token, access: &TokenScope) -> Held {
        Held { token: token.clone(), grant: Grant::of(access) }
    }

    #[test]
    fn tokens_are_renewed_before_they_expire() {
        let (now, pull) = (Instant::now(), access(false, None));
        let usable_after = |token: &Token, refused: Option<&Token>, seconds| {
            let later = now + Duration::from_secs(seconds);
            let refused = refused.map(|token| Refused { token, by: Use::Read });
            usable(Some(&held(token, &pull)), &Grant::of(&pull), refused, later).is_some()
        };
        let good = token(Some(100), now);
        assert!(usable_after(&good, None, 79) && !usable_after(&good, None, 81));
        assert!(!usable_after(&token(None, now), None, 49));
        assert!(!usable_after(&good, Some(&good), 0), "a refused token is not used again");
    }

    #[test]
    fn one_token_serves_everything_that_it_was_asked_for() {
        let now = Instant::now();
        let good = token(Some(100), now);
        let all = [
            access(false, None),
            access(true, None),
            access(true, Some("home")),
            access(true, Some("other")),
        ];
        let served = |by: &TokenScope| -> Vec<bool> {
            let held = held(&good, by);
            let serves = |needed| usable(Some(&held), &Grant::of(needed), None, now).is_some();
            all.iter().map(serves).collect()
        };
        assert_eq!(served(&all[0]), [true, false, false, false]);
        assert_eq!(served(&all[1]), [true, true, false, false]);
        assert_eq!(served(&all[2]), [true, true, true, false]);
        let mut joint = Grant::of(&all[2]);
        joint.join(&Grant::of(&all[3]));
        let held = Held { token: good, grant: joint };
        assert!(
            all.iter().all(|needed| usable(Some(&held), &Grant::of(needed), None, now).is_some())
        );
    }

    #[test]
    fn the_life_of_a_token_is_read_in_every_form_that_services_write() {
        let life = |expires_in: &str| {
            let json = format!(r#"{{"token":"t","expires_in":{expires_in}}}"#);
            let answer = TokenAnswer::parse(json.as_bytes()).unwrap();
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
    fn a_token_has_one_of_two_names() {
        let token = |json: &str| {
            let answer = TokenAnswer::parse(json.as_bytes()).unwrap();
            Token::of(answer, Instant::now()).map(|token| token.value.expose().to_owned())
        };
        for (json, found) in [
            (r#"{"token":"t"}"#, Some("t")),
            (r#"{"access_token":"a"}"#, Some("a")),
            (r#"{"token":"t","access_token":"a"}"#, Some("t")),
            (r#"{"token":"","access_token":"a"}"#, Some("a")),
            (r#"{"token":null,"access_token":"a"}"#, Some("a")),
            (r#"{"token":"","access_token":""}"#, None),
            ("{}", None),
        ] {
            assert_eq!(token(json).as_deref(), found, "{json}");
        }
    }

    #[test]
    fn a_token_is_renewed_if_it_worked_or_had_time_to_expire() {
        let (now, renewals) = (Instant::now(), Renewals::default());
        let later = now + Duration::from_secs(11);
        let hopeless = |token: &Token, by| token.is_hopeless(by, &renewals, now);
        let first = token(Some(100), now);
        assert!(hopeless(&first, Use::Read), "it never worked");
        assert!(!first.is_hopeless(Use::Read, &renewals, later));
        first.works(Use::Read);
        assert!(!hopeless(&first, Use::Read) && !hopeless(&first, Use::Write));
        let refused = Refused { token: &first, by: Use::Write };
        let second = token(Some(100), now).replacing(Some(refused));
        assert!(hopeless(&second, Use::Write), "neither of the two ever allowed it");
        assert!(!hopeless(&second, Use::Read), "the registry ended it too");
        let others = Renewals::default();
        others.end();
        assert!(!second.is_hopeless(Use::Write, &others, now), "tokens end at that registry");
        second.works(Use::Write);
        assert!(!hopeless(&second, Use::Write));
        for _ in 0..3 {
            renewals.answered(reqwest::StatusCode::FORBIDDEN, ShownBy::One);
        }
        assert!(hopeless(&second, Use::Write), "a new one never helped");
        assert!(!second.is_hopeless(Use::Write, &renewals, later));
    }

    #[test]
    fn a_token_that_says_what_it_denies_is_not_renewed() {
        let now = Instant::now();
        let renewals = Renewals::default();
        let of = |actions: &str, access: &TokenScope| {
            let claims = format!(
                r#"{{"access":[{{"type":"repository","name":"a/b","actions":[{actions}]}}]}}"#
            );
            let text = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
            let answer = TokenAnswer { token: Some(text), access_token: None, expires_in: None };
            let held = Held::of(Token::of(answer, now).unwrap(), Grant::of(access), access);
            held.token.works(Use::Read);
            held.token
        };
        let (pull, push) = (access(false, None), access(true, None));
        for (token, denies) in [
            (of(r#""pull""#, &push), true),
            (of("", &push), true),
            (of(r#""pull","push""#, &push), false),
            (of(r#""*""#, &push), false),
            // It was not asked for pushes.
            (of(r#""pull""#, &pull), false),
            (of(r#""pull""#, &TokenScope::Catalog), false),
        ] {
            assert_eq!(token.denies(Use::Write), denies, "{token:?}");
            assert_eq!(token.is_hopeless(Use::Write, &renewals, now), denies, "{token:?}");
            assert!(!token.denies(Use::Read) && !token.is_hopeless(Use::Read, &renewals, now));
            // The right may be given while the run goes on.
            let later = now + Duration::from_secs(11);
            assert!(!token.is_hopeless(Use::Write, &renewals, later));
        }
        let lies = of(r#""pull""#, &push);
        lies.works(Use::Write);
        assert!(!lies.denies(Use::Write) && !lies.is_hopeless(Use::Write, &renewals, now));
    }

    #[test]
    fn scopes_are_repeated_parameters() {
        let both = access(true, Some("c"));
        let parameters = |access: &TokenScope| Grant::of(access).parameters(access);
        assert_eq!(parameters(&both), ["repository:a/b:pull,push", "repository:c:pull"]);
        assert_eq!(parameters(&access(false, None)), ["repository:a/b:pull"]);
        assert_eq!(parameters(&TokenScope::Catalog), ["registry:catalog:*"]);
        let homes = ["d".parse().unwrap(), "a/b".parse().unwrap()].to_vec();
        let joint = Grant::of(&both).mounting_from(homes);
        assert_eq!(
            joint.parameters(&both),
            ["repository:a/b:pull,push", "repository:c:pull", "repository:d:pull"]
        );
    }

    #[tokio::test]
    async fn a_token_covers_the_homes_that_were_seen_before_it() {
        let (tokens, push) = (Tokens::default(), access(true, None));
        let [repository, home] = ["a/b", "home"].map(|name| name.parse().unwrap());
        assert!(tokens.homes_for(&home, None).is_empty());
        let homes = tokens.homes_for(&repository, None);
        assert_eq!(homes, std::slice::from_ref(&home));
        assert!(!tokens.cover_mount(&repository, &home).await, "there is no token yet");
        let joint = Grant::of(&push).mounting_from(homes);
        let fetched = Held { token: token(None, Instant::now()), grant: joint };
        *tokens.slot(&push).lock().await = Some(fetched);
        assert!(tokens.cover_mount(&repository, &home).await);
        assert!(!tokens.cover_mount(&repository, &"other".parse().unwrap()).await);
        tokens.forget();
        assert!(!tokens.cover_mount(&repository, &home).await);
        tokens.refuse_joint();
        assert!(tokens.homes_for(&repository, None).is_empty());
    }

    #[test]
    fn a_repository_has_one_slot_for_all_of_its_scopes() {
        let tokens = Tokens::default();
        let same = |one: &TokenScope, two: &TokenScope| {
            std::sync::Arc::ptr_eq(&tokens.slot(one), &tokens.slot(two))
        };
        assert!(same(&access(true, None), &access(false, None)));
        assert!(same(&access(true, Some("c")), &access(true, Some("d"))));
        assert!(!same(&access(true, None), &TokenScope::Catalog));
    }
}
