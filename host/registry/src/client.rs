//! The registries of a run, and the client of one registry.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{OnceCell, Semaphore};
use url::Url;

use crate::auth::account::Accounts;
use crate::auth::challenge::Challenges;
use crate::auth::exchange::{CredentialExchange, Exchanges};
use crate::auth::token::{GuestTokens, Tokens};
use crate::content::allowed_methods::AllowedMethods;
use crate::content::fallback_lists::FallbackLists;
use crate::content::pull_through::known::PullThrough;
use crate::download::shared::Downloads;
use crate::error::Failed as _;
use crate::hints::{HintCache, Hints};
use crate::http::body::LARGE_AT_ONCE;
use crate::http::certificate::{CertificateError, RegistryCertificates, roots_of_bundle};
use crate::http::connection::Connections;
use crate::http::proxy::Proxies;
use crate::http::scheme::{Found, base_url};
use crate::known::{BlobHomes, ManifestHomes, ProbeHistory};
use crate::limits::permit::{Permit, PermitRequest, Permits, Windows};
use crate::limits::rate::Rates;
use crate::limits::token_services::TokenServices;
use crate::limits::window::Class;
use crate::retry::{Backoff, RetryBudget};
use crate::traits::{Capabilities, Observed};
use crate::upload::attempt_error::AttemptError;
use crate::upload::self_mount::SelfMount;
use crate::{Cause, Credentials, InsecureRegistries, RegistryError};
use longshore_oci::{Registry, StoreName};
use longshore_store::{BlobTransfer, Effort, Operation, StoreEffort};

/// Options for all registries of a run.
#[derive(Debug)]
pub struct RegistryOptions {
    /// The registries whose certificates are not verified. Plain HTTP to them is allowed too.
    pub insecure: InsecureRegistries,
    /// Other registries that may be reached over plain HTTP.
    pub plain_http: Vec<Registry>,
    /// The sources of credentials.
    pub credentials: Credentials,
    /// The `certs.d` directories; all of their roots are trusted.
    pub certificate_directories: Vec<PathBuf>,
    /// `SSL_CERT_FILE`: a bundle of trusted roots.
    pub root_bundle: Option<PathBuf>,
    /// The proxies.
    pub proxies: Arc<Proxies>,
    /// `--max-wait`: how long to wait for a throttled registry before giving up.
    pub max_wait: Duration,
    /// `--retries`: how often a failed request is sent again.
    pub retries: usize,
    /// `--limit-rate`: the most bytes of blobs per second, in each direction.
    pub limit_rate: Option<NonZeroU64>,
    /// The most large blobs in flight per registry.
    pub large_transfers: usize,
    /// Hints of earlier runs, if available.
    pub hints: Option<HintCache>,
    /// Gets the pauses that registries ask for, for the other processes of a run.
    pub pauses: Option<UnboundedSender<ThrottlePause>>,
    /// The number of processes that share the run, at least 1: windows start at the share of one.
    pub processes: usize,
}

/// A pause that a registry asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThrottlePause {
    /// The registry.
    pub registry: Registry,
    /// The names of the paused classes of requests.
    pub classes: Vec<String>,
    /// How long they pause from now on.
    pub length: Duration,
}

/// The name of the servers of charts among the retries of a run.
const CHART_SERVERS: &str = "servers of charts";

/// The registries of a run. Clones share state.
#[derive(Clone, Debug)]
pub struct Registries {
    pub(super) options: Arc<RegistryOptions>,
    pub(super) shared: Arc<Connections>,
    pub(super) downloads: Arc<Downloads>,
    clients: Arc<Mutex<HashMap<Registry, Arc<Client>>>>,
    permits: Permits,
    token_services: Arc<TokenServices>,
    rates: Arc<Rates>,
    long_lists: Arc<tokio::sync::Mutex<()>>,
    large_manifests: Arc<Semaphore>,
    hints: Arc<Hints>,
}

impl Registries {
    /// Sets up the registries of a run without contacting any.
    ///
    /// # Errors
    /// If the bundle of roots cannot be used.
    pub fn new(options: RegistryOptions) -> Result<Self, CertificateError> {
        let roots =
            options.root_bundle.as_deref().map(roots_of_bundle).transpose()?.unwrap_or_default();
        let certificates = RegistryCertificates { roots, identity: None };
        let shared = Arc::new(Connections::new(
            !options.insecure.all,
            certificates,
            Arc::clone(&options.proxies),
        ));
        let permits =
            Permits::new(options.large_transfers, options.max_wait).shared_by(options.processes);
        let hints = Arc::new(Hints::new(options.hints.clone()));
        let rates = Rates::new(options.limit_rate);
        rates.share(options.processes);
        Ok(Self {
            hints,
            rates: Arc::new(rates),
            downloads: Arc::new(Downloads::new(RetryBudget::new(Arc::default()))),
            options: Arc::new(options),
            shared,
            clients: Arc::default(),
            token_services: Arc::new(TokenServices::new(permits.clone())),
            permits,
            long_lists: Arc::default(),
            large_manifests: Arc::new(Semaphore::new(LARGE_AT_ONCE)),
        })
    }

    /// Returns the client of `registry`; one client is shared per registry.
    pub fn client(&self, registry: &Registry) -> Arc<Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = clients.entry(registry.clone()).or_insert_with(|| {
            let capabilities = Capabilities::of(registry);
            let windows = self.permits.register();
            if capabilities.counts_manifest_gets {
                windows.shrink_to(Class::ManifestGet, 2);
            }
            Arc::new_cyclic(|this| Client {
                this: this.clone(),
                name: StoreName::from(registry.clone()),
                registry: registry.clone(),
                observed: Observed::new(&capabilities),
                capabilities: Mutex::new(capabilities),
                windows,
                token_services: Arc::clone(&self.token_services),
                budget: Arc::new(RetryBudget::new(Arc::default())),
                probe: SelfMount::default(),
                options: Arc::clone(&self.options),
                rates: Arc::clone(&self.rates),
                shared: Arc::clone(&self.shared),
                base: OnceCell::new(),
                silent: OnceCell::new(),
                challenge: Mutex::default(),
                first: tokio::sync::Mutex::new(()),
                looked_up: OnceCell::new(),
                accounts: Accounts::default(),
                exchange: Exchanges::default(),
                tokens: Tokens::default(),
                guest_tokens: GuestTokens::default(),
                long_lists: Arc::clone(&self.long_lists),
                large_manifests: Arc::clone(&self.large_manifests),
                hints: Arc::clone(&self.hints),
                manifest_homes: ManifestHomes::default(),
                blob_homes: BlobHomes::default(),
                probes: ProbeHistory::default(),
                pull_through: PullThrough::default(),
                fallback_lists: FallbackLists::default(),
                allowed_methods: AllowedMethods::default(),
            })
        });
        Arc::clone(client)
    }

    /// The credentials of the run.
    pub fn credentials(&self) -> &Credentials {
        &self.options.credentials
    }

    /// Pauses classes of requests to a registry, because another process of the run was throttled. Unknown
    /// classes, and registries that this process does not use, are ignored.
    pub fn pause(&self, registry: &Registry, classes: &[String], length: Duration) {
        let client =
            self.clients.lock().unwrap_or_else(PoisonError::into_inner).get(registry).cloned();
        let Some(client) = client else { return };
        let classes: Vec<Class> = Class::ALL
            .into_iter()
            .filter(|class| classes.iter().any(|name| name == class.name()))
            .collect();
        client.windows.pause(&classes, length);
    }

    /// Limits the rate to the share of one of `processes` that share the run.
    pub fn share_rate(&self, processes: usize) {
        self.rates.share(processes);
    }

    /// The retries and pauses of the run.
    pub fn effort(&self) -> Effort {
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let of_clients =
            clients.iter().map(|(name, client)| client.budget.effort.snapshot(name.as_ref()));
        let of_downloads = self.downloads.effort().snapshot(CHART_SERVERS);
        let mut stores: Vec<StoreEffort> = of_clients.chain([of_downloads]).collect();
        stores.retain(|store| !store.is_none());
        stores.sort_by(|one, other| one.name.cmp(&other.name));
        Effort { stores }
    }

    /// Saves hints for later runs.
    pub async fn finish(&self) {
        self.hints.flush().await;
    }
}

/// The address of a registry and the connections to it.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) url: Url,
    pub(super) connections: Arc<Connections>,
}

impl Base {
    /// Returns a URL of the registry with its scheme. The URL may be from before it listened.
    pub(super) fn with_scheme(&self, mut url: Url) -> Url {
        if (url.host(), url.port()) == (self.url.host(), self.url.port()) {
            // Both are schemes of HTTP, so this cannot fail.
            let _set = url.set_scheme(self.url.scheme());
        }
        url
    }
}

/// Why the base of a registry is not known for good.
enum Unsure {
    /// Nobody listens; the scheme is a guess.
    Silent(Base),
    Failed(Cause),
}

/// The client of one registry.
#[derive(Debug)]
pub struct Client {
    /// The client itself, for streams that outlive the call that opened them.
    this: Weak<Self>,
    pub(super) name: StoreName,
    pub(super) registry: Registry,
    pub(super) capabilities: Mutex<Capabilities>,
    pub(super) observed: Observed,
    pub(super) windows: Windows,
    pub(super) probe: SelfMount,
    pub(super) budget: Arc<RetryBudget>,
    pub(super) token_services: Arc<TokenServices>,
    pub(super) options: Arc<RegistryOptions>,
    pub(super) rates: Arc<Rates>,
    shared: Arc<Connections>,
    base: OnceCell<Base>,
    /// The base as long as nobody listens.
    silent: OnceCell<Base>,
    pub(super) challenge: Mutex<Challenges>,
    /// Held by the first request, so that a run does not start with one 401 per image.
    pub(super) first: tokio::sync::Mutex<()>,
    /// Set once a dry run knows how the registry authenticates.
    pub(super) looked_up: OnceCell<()>,
    pub(super) accounts: Accounts,
    pub(super) exchange: Exchanges,
    pub(super) tokens: Tokens,
    pub(super) guest_tokens: GuestTokens,
    /// Held by the run's one list that is long.
    pub(super) long_lists: Arc<tokio::sync::Mutex<()>>,
    /// Taken while a large manifest is read.
    pub(super) large_manifests: Arc<Semaphore>,
    pub(super) hints: Arc<Hints>,
    /// Repositories whose manifests name a blob.
    pub(super) manifest_homes: ManifestHomes,
    /// Repositories that this run put a blob into, where requests carry tokens.
    pub(super) blob_homes: BlobHomes,
    /// Whether blobs were found in a repository.
    pub(super) probes: ProbeHistory,
    pub(super) pull_through: PullThrough,
    pub(super) fallback_lists: FallbackLists,
    pub(super) allowed_methods: AllowedMethods,
}

impl Client {
    /// The registry's name.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// A shared handle to the client itself.
    pub(super) fn shared(&self) -> Option<Arc<Self>> {
        self.this.upgrade()
    }

    /// Waits until a blob may move from its source to this registry.
    ///
    /// If the source is a registry of the same run, both permits are taken in one step. A blob that
    /// is in memory needs no permit at its source.
    ///
    /// # Errors
    /// If either registry is throttled for longer than `--max-wait`.
    pub(super) async fn transfer_permit(
        &self,
        transfer: &BlobTransfer<'_>,
    ) -> Result<impl Sized + use<>, AttemptError> {
        let (source, size) = (&transfer.source, transfer.blob.size);
        let reads = source.bytes.is_none();
        let other = source.store.as_any().downcast_ref::<Self>().filter(|_| reads);
        let admission = match other {
            None if reads => {
                let admitted = source.store.admit(transfer.image, size).await;
                Some(admitted.map_err(AttemptError::Source)?)
            }
            _ => None,
        };
        let request = PermitRequest { image: transfer.image, size };
        let permit = self.acquire(other, request).await.map_err(AttemptError::Destination)?;
        Ok((permit, admission))
    }

    /// Waits until a blob of `size` bytes may be read for the image with this number.
    ///
    /// # Errors
    /// If the registry is throttled for longer than `--max-wait`.
    pub(super) async fn read_permit(&self, image: u32, size: u64) -> Result<Permit, RegistryError> {
        let class = Class::of_blob(size);
        let windows = vec![self.windows.of(class)];
        self.windows.permits().acquire(windows, PermitRequest { image, size }).await.map_err(
            |closed| {
                let operation = Operation::new("fetch blob", format!("from {}", self.registry));
                operation.failed(self.gave_up_cause(closed.reason))
            },
        )
    }

    async fn acquire(
        &self,
        source: Option<&Self>,
        request: PermitRequest,
    ) -> Result<Permit, RegistryError> {
        let class = Class::of_blob(request.size);
        let mut windows = vec![self.windows.of(class)];
        windows.extend(source.map(|source| source.windows.of(class)));
        self.windows.permits().acquire(windows, request).await.map_err(|closed| {
            let limiting = source.filter(|source| source.windows.of(class) == closed.window);
            let cause = limiting.unwrap_or(self).gave_up_cause(closed.reason);
            Operation::new("push blob", format!("to {}", self.registry)).failed(cause)
        })
    }

    /// Whether the registry mounts blobs, as far as known.
    pub fn mounts(&self) -> bool {
        self.capabilities().mounts && self.observed.mounts()
    }

    /// Applies what a repository type says about the registry, with the keys of `describe`.
    pub fn describe(&self, attributes: &[(String, String)]) {
        let mut capabilities = self.capabilities.lock().unwrap_or_else(PoisonError::into_inner);
        *capabilities = capabilities.with_attributes(attributes);
        self.observed.apply(&capabilities);
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        *self.capabilities.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The back-off between the attempts of one operation.
    pub(super) fn backoff(&self) -> Backoff {
        Backoff::new(self.options.max_wait, self.options.retries, Arc::clone(&self.budget))
    }

    /// Uses the credentials that `exchange` fetches, in place of those that the user has for the registry.
    pub fn use_exchange(&self, exchange: Arc<dyn CredentialExchange>) {
        self.exchange.set(exchange);
    }

    /// Forgets all tokens, after a hook created something that they do not cover.
    pub fn forget_tokens(&self) {
        self.tokens.forget();
    }

    /// Connects to find out the registry's scheme. Errors are left for the first request to report.
    pub(super) async fn find_scheme(&self) {
        let _reached = self.base().await;
    }

    pub(super) async fn base(&self) -> Result<&Base, Cause> {
        let found = self.base.get_or_try_init(|| async {
            let (base, listens) = self.look().await.map_err(Unsure::Failed)?;
            if listens { Ok(base) } else { Err(Unsure::Silent(base)) }
        });
        match found.await {
            Ok(base) => Ok(base),
            Err(Unsure::Silent(base)) => Ok(self.silent.get_or_init(|| async { base }).await),
            Err(Unsure::Failed(cause)) => Err(cause),
        }
    }

    /// Finds out the scheme. Returns also whether the registry listens.
    async fn look(&self) -> Result<(Base, bool), Cause> {
        let mut certificates =
            RegistryCertificates::of(&self.registry, &self.options.certificate_directories)
                .map_err(|error| Cause::CertificateFile(Box::new(error)))?;
        let verify = !self.options.insecure.has(&self.registry);
        let has_own = !certificates.roots.is_empty() || certificates.identity.is_some();
        let connections = if has_own || verify != self.shared.checks_certificates() {
            certificates.roots.extend(self.shared.roots().iter().cloned());
            let proxies = Arc::clone(&self.options.proxies);
            Arc::new(Connections::new(verify, certificates, proxies))
        } else {
            Arc::clone(&self.shared)
        };
        let allows_plain = self.options.plain_http.contains(&self.registry);
        let Found { url, listens } = base_url(&self.registry, &connections, allows_plain).await?;
        Ok((Base { url, connections }, listens))
    }
}
