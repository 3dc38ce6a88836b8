//! Prepares destinations with the repo-type plugin before the first push.
//!
//! Each distinct scope (a Harbor project, a repository) is prepared once in a run. A failure is a warning:
//! the push is tried anyway, and if it fails too, its error includes the warning. A dry run and a
//! validation only look.

mod endpoint;
mod endpoint_credential;
mod exchange;
mod recognise;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::RangeInclusive;
use std::time::Duration;

pub(crate) use endpoint::RegistryEndpoints;
use exchange::use_exchange;
pub(crate) use recognise::{AUTO, recognise};

use longshore_engine::event::{Event, EventSender, Level};
use longshore_engine::job::{Job, Jobs};
use longshore_oci::{Name, Registry, Repository, StoreName};
use longshore_plugin_host::contract::{Capabilities, Scope, State};
use longshore_plugin_host::{Failure, NO_GRANT, Plugin, PluginError};
use longshore_registry::Registries;

/// Attempts of a call that fails with a transient error.
const TRIES: u32 = 3;
/// The wait between attempts if the plugin does not name one.
const WAIT: Duration = Duration::from_secs(2);
/// The longest wait that a plugin may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What follows the preparation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Pushes.
    Push,
    /// A report of what would be pushed.
    DryRun,
    /// A comparison.
    Validate,
}

/// The result of a preparation.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    /// The repositories that are not ready, and why.
    pub(crate) unprepared: HashMap<Name, String>,
    /// Those of them that the registry refused. The others might be ready: nobody could tell.
    pub(crate) refused: HashSet<Name>,
    /// The repositories for which a run would create something, and what.
    pub(crate) would_create: HashMap<Name, String>,
    /// What the repository type says of each registry.
    pub(crate) described: BTreeMap<Registry, Vec<(String, String)>>,
}

impl Prepared {
    /// Adds the result for other registries.
    pub(crate) fn extend(&mut self, other: Self) {
        self.unprepared.extend(other.unprepared);
        self.refused.extend(other.refused);
        self.would_create.extend(other.would_create);
        self.described.extend(other.described);
    }
}

/// Prepares the destinations of `jobs`, or `only` some registries among them.
///
/// # Errors
/// Returns an error if the plugin cannot name the scopes.
pub(crate) async fn prepare(
    jobs: &Jobs,
    only: Option<&BTreeSet<Registry>>,
    plugin: &Plugin,
    (registries, endpoints): (&Registries, &RegistryEndpoints),
    events: &EventSender,
    purpose: Purpose,
) -> Result<Prepared, PluginError> {
    let mut by_registry: BTreeMap<Registry, BTreeSet<Repository>> = BTreeMap::new();
    for Job { destination, .. } in jobs.iter() {
        // A folder needs no preparation.
        if let StoreName::Registry(registry) = destination.store
            && only.is_none_or(|only| only.contains(&registry))
        {
            by_registry.entry(registry).or_default().insert(destination.repository);
        }
    }
    if by_registry.is_empty() && only.is_none() && jobs.iter().next().is_some() {
        let text = "--repo-type has no effect: every destination is a folder".to_owned();
        events.note(0, None, Level::Warning, text);
    }
    let mut prepared = Prepared::default();
    for (registry, repositories) in &by_registry {
        let repositories: Vec<&Repository> = repositories.iter().collect();
        let client = registries.client(registry);
        if let Err(why) = use_exchange(plugin, endpoints, &client).await {
            let text = format!("no credential is fetched for {registry}: {why}");
            events.note(0, None, Level::Warning, text);
        }
        let login = match repositories.first() {
            Some(first) => client.account(first).await,
            None => None,
        };
        let preparation = Preparation { registry, plugin, endpoints, events, purpose, login };
        let capabilities = match preparation.describe().await {
            Ok(capabilities) => capabilities,
            Err(error) => {
                let why = with_answer(&error);
                let text = match purpose {
                    Purpose::Push => format!("{why}; trying the push to {registry} anyway"),
                    Purpose::DryRun | Purpose::Validate => why.clone(),
                };
                events.note(0, None, Level::Warning, text);
                let all = repositories.into_iter().map(|repository| name(registry, repository));
                prepared.unprepared.extend(all.map(|name| (name, why.clone())));
                continue;
            }
        };
        let traits = traits(&capabilities);
        client.describe(&traits);
        prepared.described.insert(registry.clone(), traits);
        let depths = depths(&capabilities);
        for repository in &repositories {
            if let Some(why) = misfit(repository, &depths) {
                prepared.refused.insert(name(registry, repository));
                prepared.unprepared.insert(name(registry, repository), why);
            }
        }
        // Nothing is created for what the registry will refuse.
        let fitting: Vec<&Repository> = repositories
            .into_iter()
            .filter(|repository| misfit(repository, &depths).is_none())
            .collect();
        let created = preparation.scopes(&fitting, &mut prepared).await?;
        if created {
            // Older tokens do not cover the new scopes.
            client.forget_tokens();
        }
    }
    Ok(prepared)
}

fn name(registry: &Registry, repository: &Repository) -> Name {
    Name { store: Some(registry.clone().into()), repository: repository.clone() }
}

/// Returns the traits of the registry for its client, by the keys of `capabilities`.
fn traits(capabilities: &Capabilities) -> Vec<(String, String)> {
    let said = |key: &str, value: bool| (key.to_owned(), value.to_string());
    let mut traits = vec![
        said("cross-mount", capabilities.cross_mount),
        said("chunked-upload", capabilities.chunked_upload),
        said("referrers", capabilities.referrers),
    ];
    let attributes = capabilities.attributes.iter();
    traits.extend(attributes.map(|attribute| (attribute.key.clone(), attribute.value.clone())));
    traits
}

/// Returns how many path components a repository of the registry may have.
fn depths(capabilities: &Capabilities) -> RangeInclusive<usize> {
    let least = capabilities.attributes.iter().find(|attribute| attribute.key == "min-depth");
    let least = least.and_then(|attribute| attribute.value.parse().ok()).unwrap_or(1);
    let most = capabilities.max_depth.and_then(|most| usize::try_from(most).ok());
    least..=most.unwrap_or(usize::MAX)
}

/// Says why the registry refuses `repository`, if its path has a wrong number of components.
fn misfit(repository: &Repository, depths: &RangeInclusive<usize>) -> Option<String> {
    let depth = repository.as_str().split('/').count();
    if depths.contains(&depth) {
        return None;
    }
    let (least, most) = (depths.start(), depths.end());
    Some(if depth < *least {
        format!(
            "the registry requires at least {least} path components, such as project/{repository}"
        )
    } else {
        format!("the registry allows at most {most} path components; see --rewrite flatten")
    })
}

/// A scope that could not be prepared.
struct Failed {
    why: String,
    /// Whether the registry answered, and refused.
    is_refusal: bool,
    /// Whether a dry run kept back a request that a run sends.
    is_withheld: bool,
}

/// Ends of the codes of plugins that got no answer, or one of another product.
const UNANSWERED: [&str; 6] =
    ["denied", "exhausted", "unreachable", "request-failed", "unexpected-answer", "no-harbor"];

/// The start of a remark that only names what was created. Any other remark says what it lacks.
const NAMES_IT: &str = "as ";

/// How a plugin says that it knows the right that the account lacks.
const LACKS_RIGHT: &str = "lacks the right";

/// Says whether the registry's API refused, and a push cannot do better.
fn is_refusal(error: &PluginError) -> bool {
    match error {
        // Of another refusal, a project that exists may be the reason, and then a push may be allowed.
        PluginError::Call { failure: Failure::Unauthorized { message }, .. } => {
            message.contains(LACKS_RIGHT)
        }
        error => coded(error).is_some_and(|(code, message)| {
            !message.starts_with(NO_GRANT) && !UNANSWERED.contains(&code)
        }),
    }
}

/// Says whether the host sent no request of the plugin, and not for lack of a grant.
fn is_withheld(error: &PluginError) -> bool {
    coded(error).is_some_and(|(code, message)| code == "denied" && !message.starts_with(NO_GRANT))
}

/// Returns the end of a plugin's code for a failure, and its message.
fn coded(error: &PluginError) -> Option<(&str, &str)> {
    match error {
        PluginError::Call { failure: Failure::Coded { code, message }, .. } => {
            Some((code.rsplit('/').next().unwrap_or_default(), message))
        }
        _ => None,
    }
}

/// The preparation of one registry.
struct Preparation<'a> {
    registry: &'a Registry,
    plugin: &'a Plugin,
    events: &'a EventSender,
    endpoints: &'a RegistryEndpoints,
    purpose: Purpose,
    /// The account of the login for the registry; `anonymous` if there is none.
    login: Option<String>,
}

impl Preparation<'_> {
    /// Asks the plugin for the capabilities of the registry.
    async fn describe(&self) -> Result<Capabilities, PluginError> {
        let mut tries = 1;
        loop {
            let error = match self.plugin.describe(self.registry.as_str()).await {
                Ok(capabilities) => return Ok(capabilities),
                Err(error) => error,
            };
            match wait_after(&error) {
                Some(wait) if tries < TRIES => tokio::time::sleep(wait).await,
                _ => return Err(error),
            }
            tries += 1;
        }
    }

    /// Prepares each distinct scope, outermost first, and adds the result to `prepared`. Returns whether
    /// a scope was created.
    async fn scopes(
        &self,
        repositories: &[&Repository],
        prepared: &mut Prepared,
    ) -> Result<bool, PluginError> {
        let texts: Vec<String> = repositories.iter().map(ToString::to_string).collect();
        let needed = self.plugin.scopes(self.registry.as_str(), &texts).await?;
        let mut done: HashSet<(String, String)> = HashSet::new();
        let mut failures: HashMap<(String, String), Failed> = HashMap::new();
        let mut missing: HashMap<(String, String), String> = HashMap::new();
        let mut created = false;
        let depth = needed.iter().map(Vec::len).max().unwrap_or(0);
        for level in 0..depth {
            for scope in needed.iter().filter_map(|scopes| scopes.get(level)) {
                let key = (scope.kind.clone(), scope.name.clone());
                if !done.insert(key.clone()) {
                    continue;
                }
                match self.scope(scope).await {
                    Ok(State::WouldCreate) => {
                        missing.insert(key, format!("{} {}", scope.kind, scope.name));
                    }
                    Ok(state) => created |= state == State::Created,
                    Err(failed) => {
                        failures.insert(key, failed);
                    }
                }
            }
        }
        for (repository, scopes) in repositories.iter().zip(&needed) {
            let keys = || scopes.iter().map(|scope| (scope.kind.clone(), scope.name.clone()));
            let failed = keys().find_map(|key| failures.get(&key));
            let name = name(self.registry, repository);
            match (failed, keys().find_map(|key| missing.get(&key).cloned())) {
                (Some(failed), _) if failed.is_withheld => continue,
                (Some(failed), _) => {
                    if failed.is_refusal {
                        prepared.refused.insert(name.clone());
                    }
                    prepared.unprepared.entry(name).or_insert_with(|| failed.why.clone())
                }
                // What the registry refuses is not created for it.
                (None, Some(what)) if !prepared.unprepared.contains_key(&name) => {
                    prepared.would_create.entry(name).or_insert(what)
                }
                (None, _) => continue,
            };
        }
        Ok(created)
    }

    /// Names the account that the API refused, or says that no credential was sent. Says how to grant a request.
    fn with_advice(&self, error: &PluginError) -> String {
        if coded(error).is_some_and(|(_, message)| message.starts_with(NO_GRANT)) {
            return format!("{error}; --grant allows such requests");
        }
        if !matches!(error, PluginError::Call { failure: Failure::Unauthorized { .. }, .. }) {
            return with_answer(error);
        }
        let own = self.endpoints.account(self.registry);
        let uses_login = own.as_deref().is_none_or(|account| account.starts_with("the login"));
        match (own, self.login.as_deref()) {
            (_, Some("anonymous")) if uses_login => format!(
                "{error}; no credential is known for {0}, log in with longshore login {0} or set \
                 DOCKER_USERNAME and DOCKER_PASSWORD",
                self.registry
            ),
            (_, Some(login)) if uses_login => format!("{error}; the account was {login}"),
            (Some(account), _) => format!("{error}; the account was {account}"),
            (None, _) => error.to_string(),
        }
    }

    async fn scope(&self, scope: &Scope) -> Result<State, Failed> {
        let what = format!("{} {} on {}", scope.kind, scope.name, self.registry);
        let mut tries = 1;
        loop {
            let looks = self.purpose != Purpose::Push;
            match self.plugin.prepare(self.registry.as_str(), scope, looks).await {
                Ok(outcome) => {
                    let (level, state) = match outcome.state {
                        State::Ready => (Level::Debug, "is ready"),
                        State::Created => (Level::Info, "was created"),
                        State::WouldCreate if self.purpose == Purpose::Validate => {
                            (Level::Info, "does not exist")
                        }
                        State::WouldCreate => (Level::Info, "would be created"),
                        State::ReadOnly => (Level::Warning, "is read-only"),
                    };
                    let remark =
                        outcome.message.as_deref().filter(|_| outcome.state == State::Created);
                    let is_short = remark.is_some_and(|remark| !remark.starts_with(NAMES_IT));
                    let message =
                        outcome.message.map_or_else(String::new, |message| format!(": {message}"));
                    let text = format!("{what} {state}{message}");
                    match is_short {
                        true => self.events.send(Event::Shortfall { text }),
                        false => self.events.note(0, None, level, text),
                    }
                    return Ok(outcome.state);
                }
                Err(error) => {
                    if let Some(wait) = wait_after(&error).filter(|_| tries < TRIES) {
                        tries += 1;
                        tokio::time::sleep(wait).await;
                        continue;
                    }
                    let why = self.with_advice(&error);
                    let text = match self.purpose {
                        Purpose::Push => {
                            format!("{what} could not be prepared: {why}; trying the push anyway")
                        }
                        Purpose::DryRun => format!("{what} could not be prepared: {why}"),
                        Purpose::Validate => format!("{what} could not be looked up: {why}"),
                    };
                    self.events.note(0, None, Level::Warning, text);
                    let is_withheld = self.purpose == Purpose::DryRun && is_withheld(&error);
                    return Err(Failed { is_refusal: is_refusal(&error), is_withheld, why });
                }
            }
        }
    }
}

/// Adds to the error of a call that was retried in vain what the plugin was last answered.
fn with_answer(error: &PluginError) -> String {
    match error {
        PluginError::Call { failure: Failure::Transient { answer: Some(answer), .. }, .. } => {
            format!("{error}; the last answer after {TRIES} tries was {answer}")
        }
        _ => error.to_string(),
    }
}

/// Returns how long to wait before the next attempt of a call, or `None` if a retry cannot help.
fn wait_after(error: &PluginError) -> Option<Duration> {
    let PluginError::Call { failure: Failure::Transient { retry_after, .. }, .. } = error else {
        return None;
    };
    Some(retry_after.unwrap_or(WAIT).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests;
