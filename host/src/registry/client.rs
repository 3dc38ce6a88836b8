//! The registries of a run, and the client of one of them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use url::Url;

use super::account::Accounts;
use super::auth::Challenge;
use super::certificate::{CertificateError, RegistryCertificates, roots_of_bundle};
use super::connection::Connections;
use super::limit::Realms;
use super::pace::Class;
use super::permit::{Claim, Lanes, Permit, Permits};
use super::probe::Probe;
use super::retry::{Budget, Effort, Waits};
use super::scheme::base_url;
use super::token::Tokens;
use super::traits::{Learnt, Traits};
use super::{Cause, Credentials, Operation, RegistryError};
use crate::oci::Registry;

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
}

/// The registries of a run. Clones share everything.
#[derive(Clone, Debug)]
pub struct Registries {
    options: Arc<RegistryOptions>,
    shared: Arc<Connections>,
    clients: Arc<Mutex<HashMap<Registry, Arc<Client>>>>,
    permits: Permits,
    realms: Arc<Realms>,
    effort: Arc<Effort>,
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
        Ok(Self {
            options: Arc::new(options),
            shared,
            clients: Arc::default(),
            realms: Arc::new(Realms::new(permits.clone())),
            permits,
            effort: Arc::default(),
        })
    }

    /// The client of `registry`, the same one each time.
    pub fn client(&self, registry: &Registry) -> Arc<Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = clients.entry(registry.clone()).or_insert_with(|| {
            let traits = Traits::of(registry);
            let lanes = self.permits.register();
            if traits.counts_manifest_gets {
                lanes.shrink_to(Class::ManifestGet, 2);
            }
            Arc::new(Client {
                registry: registry.clone(),
                learnt: Learnt::new(&traits),
                traits: Mutex::new(traits),
                lanes,
                realms: Arc::clone(&self.realms),
                budget: Arc::new(Budget::new(Arc::clone(&self.effort))),
                probe: Probe::default(),
                options: Arc::clone(&self.options),
                shared: Arc::clone(&self.shared),
                base: OnceCell::new(),
                challenge: Mutex::new(None),
                first: tokio::sync::Mutex::new(()),
                accounts: Accounts::default(),
                tokens: Tokens::default(),
            })
        });
        Arc::clone(client)
    }

    /// Waits until a blob of `size` bytes may go from one registry to the other, for the image with
    /// this number; without a `source` it is in memory. Both ends are taken in one step.
    ///
    /// # Errors
    /// Where one of them limits requests for longer than anybody waits.
    pub async fn transfer_permit(
        &self,
        source: Option<&Client>,
        destination: &Client,
        image: u32,
        size: u64,
    ) -> Result<TransferPermit, RegistryError> {
        let class = Class::of_blob(size);
        let mut lanes = vec![destination.lanes.of(class)];
        lanes.extend(source.map(|source| source.lanes.of(class)));
        let permit = self.permits.claim(lanes, Claim { image, size }).await;
        permit.map(TransferPermit).map_err(|shut| {
            let limiting = source.filter(|source| source.lanes.of(class) == shut.lane);
            let cause = limiting.unwrap_or(destination).limited(shut.why);
            Operation::new("push blob", format!("to {}", destination.registry)).failed(cause)
        })
    }

    /// What the run had to do more than once, or to wait for.
    pub const fn effort(&self) -> &Arc<Effort> {
        &self.effort
    }
}

/// The right to transfer one blob; given back when it is dropped.
#[derive(Debug)]
pub struct TransferPermit(#[expect(dead_code, reason = "held for its drop")] Permit);

/// Where a registry is and how it is reached.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) url: Url,
    pub(super) connections: Arc<Connections>,
}

/// One registry.
#[derive(Debug)]
pub struct Client {
    pub(super) registry: Registry,
    pub(super) traits: Mutex<Traits>,
    pub(super) learnt: Learnt,
    pub(super) lanes: Lanes,
    pub(super) probe: Probe,
    pub(super) budget: Arc<Budget>,
    pub(super) realms: Arc<Realms>,
    pub(super) options: Arc<RegistryOptions>,
    shared: Arc<Connections>,
    base: OnceCell<Base>,
    /// What the first 401 asked for; `Some(None)` where none was met yet but an answer was.
    pub(super) challenge: Mutex<Option<Option<Challenge>>>,
    /// Held by the first request, so that a run's start does not collect one 401 per image.
    pub(super) first: tokio::sync::Mutex<()>,
    pub(super) accounts: Accounts,
    pub(super) tokens: Tokens,
}

impl Client {
    /// The registry's name.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Does the registry mount blobs, as far as is known?
    pub fn mounts(&self) -> bool {
        self.traits().mounts && self.learnt.mounts()
    }

    /// Is a blob's home a home only once a manifest there names it?
    pub fn mounts_after_manifest(&self) -> bool {
        self.traits().mount_after_manifest
    }

    /// Does a GET of a manifest use up a quota that a HEAD does not?
    pub fn counts_manifest_gets(&self) -> bool {
        self.traits().counts_manifest_gets
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
    pub fn waits(&self) -> Waits {
        Waits::new(self.options.max_wait, Arc::clone(&self.budget))
    }

    /// Forgets all tokens: a hook created something that they do not cover.
    pub fn forget_tokens(&self) {
        self.tokens.forget();
    }

    /// Finds out how the registry is reached, as its first request would. What is wrong with it, that
    /// one reports.
    pub async fn reach(&self) {
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
