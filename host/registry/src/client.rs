//! The registries of a run, and the client of one of them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::OnceCell;
use url::Url;

use crate::auth::account::Accounts;
use crate::auth::challenge::Challenge;
use crate::auth::token::Tokens;
use crate::error::Failed as _;
use crate::hints::{HintCache, Hints};
use crate::http::certificate::{CertificateError, RegistryCertificates, roots_of_bundle};
use crate::http::connection::Connections;
use crate::http::scheme::base_url;
use crate::known::{Looks, Named};
use crate::limits::permit::{Claim, Permit, Permits, Windows};
use crate::limits::token_services::TokenServices;
use crate::limits::window::Class;
use crate::retry::{Budget, Effort, Waits};
use crate::traits::{Learnt, Traits};
use crate::upload::attempt_error::AttemptError;
use crate::upload::self_mount::SelfMount;
use crate::{Cause, Credentials, RegistryError};
use longshore_oci::{Registry, StoreName};
use longshore_store::{BlobTransfer, Operation};

/// What holds for every registry of a run.
#[derive(Debug)]
pub struct RegistryOptions {
    /// Are certificates checked? If not, plain HTTP is allowed too.
    pub tls_verify: bool,
    /// Where credentials come from.
    pub credentials: Credentials,
    /// The `certs.d` directories; the roots of all of them are trusted.
    pub certificate_directories: Vec<PathBuf>,
    /// `SSL_CERT_FILE`: a bundle of roots to trust.
    pub root_bundle: Option<PathBuf>,
    /// `--max-wait`: a registry that limits requests for longer is given up.
    pub max_wait: Duration,
    /// No registry has more transfers of large blobs at once.
    pub large_transfers: usize,
    /// Where earlier runs have put blobs, if that can be had.
    pub hints: Option<HintCache>,
}

/// The registries of a run. Clones share everything.
#[derive(Clone, Debug)]
pub struct Registries {
    options: Arc<RegistryOptions>,
    shared: Arc<Connections>,
    clients: Arc<Mutex<HashMap<Registry, Arc<Client>>>>,
    permits: Permits,
    token_services: Arc<TokenServices>,
    effort: Arc<Effort>,
    hints: Arc<Hints>,
}

impl Registries {
    /// No registry is contacted yet.
    ///
    /// # Errors
    /// Where the bundle of roots cannot be used.
    pub fn new(options: RegistryOptions) -> Result<Self, CertificateError> {
        let roots =
            options.root_bundle.as_deref().map(roots_of_bundle).transpose()?.unwrap_or_default();
        let certificates = RegistryCertificates { roots, identity: None };
        let shared = Arc::new(Connections::new(options.tls_verify, certificates));
        let permits = Permits::new(options.large_transfers, options.max_wait);
        let hints = Arc::new(Hints::new(options.hints.clone()));
        Ok(Self {
            hints,
            options: Arc::new(options),
            shared,
            clients: Arc::default(),
            token_services: Arc::new(TokenServices::new(permits.clone())),
            permits,
            effort: Arc::default(),
        })
    }

    /// The client of `registry`, the same one each time.
    pub fn client(&self, registry: &Registry) -> Arc<Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = clients.entry(registry.clone()).or_insert_with(|| {
            let traits = Traits::of(registry);
            let windows = self.permits.register();
            if traits.counts_manifest_gets {
                windows.shrink_to(Class::ManifestGet, 2);
            }
            Arc::new_cyclic(|this| Client {
                this: this.clone(),
                name: StoreName::from(registry.clone()),
                registry: registry.clone(),
                learnt: Learnt::new(&traits),
                traits: Mutex::new(traits),
                windows,
                token_services: Arc::clone(&self.token_services),
                budget: Arc::new(Budget::new(Arc::clone(&self.effort))),
                probe: SelfMount::default(),
                options: Arc::clone(&self.options),
                shared: Arc::clone(&self.shared),
                base: OnceCell::new(),
                challenge: Mutex::new(None),
                first: tokio::sync::Mutex::new(()),
                accounts: Accounts::default(),
                tokens: Tokens::default(),
                hints: Arc::clone(&self.hints),
                named: Named::default(),
                looks: Looks::default(),
            })
        });
        Arc::clone(client)
    }

    /// What the run had to do more than once, or to wait for.
    pub fn effort(&self) -> longshore_store::Effort {
        self.effort.so_far()
    }

    /// Keeps for later runs where blobs are now.
    pub async fn finish(&self) {
        self.hints.flush().await;
    }
}

/// Where a registry is and how it is reached.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) url: Url,
    pub(super) connections: Arc<Connections>,
}

/// One registry.
#[derive(Debug)]
pub struct Client {
    /// The client itself, for streams that outlive the call that opened them.
    this: Weak<Self>,
    pub(super) name: StoreName,
    pub(super) registry: Registry,
    pub(super) traits: Mutex<Traits>,
    pub(super) learnt: Learnt,
    pub(super) windows: Windows,
    pub(super) probe: SelfMount,
    pub(super) budget: Arc<Budget>,
    pub(super) token_services: Arc<TokenServices>,
    pub(super) options: Arc<RegistryOptions>,
    shared: Arc<Connections>,
    base: OnceCell<Base>,
    /// What the first 401 asked for; `Some(None)` where none was met yet but an answer was.
    pub(super) challenge: Mutex<Option<Option<Challenge>>>,
    /// Held by the first request, so that a run's start does not collect one 401 per image.
    pub(super) first: tokio::sync::Mutex<()>,
    pub(super) accounts: Accounts,
    pub(super) tokens: Tokens,
    pub(super) hints: Arc<Hints>,
    /// Where manifests name blobs.
    pub(super) named: Named,
    /// In which repositories blobs were found.
    pub(super) looks: Looks,
}

impl Client {
    /// The registry's name.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The client itself, to be kept.
    pub(super) fn shared(&self) -> Option<Arc<Self>> {
        self.this.upgrade()
    }

    /// Waits until a blob may go from its source to this registry. Where the source is a registry of
    /// the same run, both ends are taken in one step; without one, the blob is in memory.
    ///
    /// # Errors
    /// Where one of them limits requests for longer than anybody waits.
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
        let claim = Claim { image: transfer.image, size };
        let permit = self.claim(other, claim).await.map_err(AttemptError::Destination)?;
        Ok((permit, admission))
    }

    /// Waits until a blob of `size` bytes may be read, for the image with this number.
    ///
    /// # Errors
    /// Where the registry limits requests for longer than anybody waits.
    pub(super) async fn read_permit(&self, image: u32, size: u64) -> Result<Permit, RegistryError> {
        let class = Class::of_blob(size);
        let windows = vec![self.windows.of(class)];
        self.windows.permits().claim(windows, Claim { image, size }).await.map_err(|shut| {
            let operation = Operation::new("fetch blob", format!("from {}", self.registry));
            operation.failed(self.limited(shut.why))
        })
    }

    async fn claim(&self, source: Option<&Self>, claim: Claim) -> Result<Permit, RegistryError> {
        let class = Class::of_blob(claim.size);
        let mut windows = vec![self.windows.of(class)];
        windows.extend(source.map(|source| source.windows.of(class)));
        self.windows.permits().claim(windows, claim).await.map_err(|shut| {
            let limiting = source.filter(|source| source.windows.of(class) == shut.window);
            let cause = limiting.unwrap_or(self).limited(shut.why);
            Operation::new("push blob", format!("to {}", self.registry)).failed(cause)
        })
    }

    /// Does the registry mount blobs, as far as is known?
    pub fn mounts(&self) -> bool {
        self.traits().mounts && self.learnt.mounts()
    }

    /// What a repository type says of the registry, by the keys of `describe`.
    pub fn describe(&self, attributes: &[(String, String)]) {
        let mut traits = self.traits.lock().unwrap_or_else(PoisonError::into_inner);
        *traits = traits.described(attributes);
        self.learnt.described(&traits);
    }

    pub(super) fn traits(&self) -> Traits {
        *self.traits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits between the tries of one operation.
    pub(super) fn waits(&self) -> Waits {
        Waits::new(self.options.max_wait, Arc::clone(&self.budget))
    }

    /// Forgets all tokens: a hook created something that they do not cover.
    pub fn forget_tokens(&self) {
        self.tokens.forget();
    }

    /// Finds out how the registry is reached, as its first request would. What is wrong with it, that
    /// one reports.
    pub(super) async fn find_scheme(&self) {
        let _reached = self.base().await;
    }

    pub(super) async fn base(&self) -> Result<&Base, Cause> {
        self.base
            .get_or_try_init(|| async {
                let mut certificates =
                    RegistryCertificates::of(&self.registry, &self.options.certificate_directories)
                        .map_err(|error| Cause::CertificateFile(error.to_string()))?;
                let connections =
                    if certificates.roots.is_empty() && certificates.identity.is_none() {
                        Arc::clone(&self.shared)
                    } else {
                        certificates.roots.extend(self.shared.roots().iter().cloned());
                        Arc::new(Connections::new(self.options.tls_verify, certificates))
                    };
                Ok(Base { url: base_url(&self.registry, &connections).await?, connections })
            })
            .await
    }
}
