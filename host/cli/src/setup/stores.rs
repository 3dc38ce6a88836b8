//! Opens the stores of a command: registries with their credentials, certificates and limits, and
//! folders of image layouts.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use longshore_engine::event::Level;
use longshore_engine::job::Jobs;
use longshore_layout::LayoutStore;
use longshore_oci::{LayoutsName, Registry, StoreName};
use longshore_registry::{
    CredentialError, CredentialSources, Credentials, DEFAULT_RETRIES, HintCache,
    InsecureRegistries, ListedCredential, Proxies, Registries, RegistryOptions, ThrottlePause,
    certificate_directories,
};
use longshore_store::{Destination, Effort, Source, StoreError, Stores};
use tokio::sync::mpsc::UnboundedSender;

use super::environment::{check_named_file, credential_sources, variable};
use crate::error::Fatal;
use crate::report::Log;

/// The settings of all registries.
pub(crate) struct RegistrySettings {
    /// `--tls-verify=false` and `--insecure-registry`.
    pub(crate) insecure: InsecureRegistries,
    /// Registries that may be reached over plain HTTP: the `insecure` target of charts.
    pub(crate) plain_http: Vec<Registry>,
    /// `--max-wait`.
    pub(crate) max_wait: Duration,
    /// `--retries`.
    pub(crate) retries: usize,
    /// `--limit-rate`, in bytes per second.
    pub(crate) limit_rate: Option<NonZeroU64>,
    /// The most transfers of large blobs at once, for each registry.
    pub(crate) large_transfers: usize,
}

/// The default of `--max-wait`, for commands without the flag.
const DEFAULT_MAX_WAIT: Duration = Duration::from_mins(15);

impl Default for RegistrySettings {
    fn default() -> Self {
        Self {
            insecure: InsecureRegistries::default(),
            plain_http: Vec::new(),
            max_wait: DEFAULT_MAX_WAIT,
            retries: DEFAULT_RETRIES,
            limit_rate: None,
            large_transfers: usize::MAX,
        }
    }
}

/// The stores of a run. A registry is opened at its first use. Folders are opened before the plan, so that
/// an unusable folder ends the run with one clear error.
#[derive(Clone)]
pub(crate) struct OpenStores {
    pub(crate) registries: Registries,
    folders: Folders,
}

/// The folders that a run reads and writes.
#[derive(Clone, Default)]
struct Folders {
    sources: HashMap<LayoutsName, Arc<dyn Source>>,
    destinations: HashMap<LayoutsName, Arc<dyn Destination>>,
}

impl Stores for OpenStores {
    fn source(&self, name: &StoreName) -> Result<Arc<dyn Source>, StoreError> {
        Ok(match name {
            StoreName::Registry(registry) => self.registries.client(registry),
            StoreName::Layouts(name) => match self.folders.sources.get(name) {
                Some(folder) => Arc::clone(folder),
                None => LayoutStore::open_source(name)?,
            },
        })
    }

    fn destination(&self, name: &StoreName) -> Result<Arc<dyn Destination>, StoreError> {
        Ok(match name {
            StoreName::Registry(registry) => self.registries.client(registry),
            StoreName::Layouts(name) => match self.folders.destinations.get(name) {
                Some(folder) => Arc::clone(folder),
                None => LayoutStore::open_destination(name)?,
            },
        })
    }

    fn finish(&self) -> BoxFuture<'_, ()> {
        self.registries.finish().boxed()
    }

    fn effort(&self) -> Effort {
        self.registries.effort()
    }
}

/// The settings and the environment of stores, resolved once.
pub(crate) struct StoreSetup {
    settings: RegistrySettings,
    credentials: CredentialSources,
    certificates: Vec<PathBuf>,
    root_bundle: Option<PathBuf>,
    proxies: Arc<Proxies>,
    /// The blob locations of earlier runs.
    hints: Option<HintCache>,
    folders: Folders,
    /// Gets the pauses that registries ask for, in a fleet.
    pauses: Option<UnboundedSender<ThrottlePause>>,
    /// The number of processes that share the run.
    processes: usize,
    /// The registry that receives `DOCKER_USERNAME` and `DOCKER_PASSWORD`.
    bound: OnceLock<Registry>,
    /// The credentials of the list, for `--list-credentials`. Each run of `--every` reads them again.
    listed: Mutex<Vec<ListedCredential>>,
}

impl StoreSetup {
    /// Reads credentials, certificates and proxies from the environment.
    ///
    /// # Errors
    /// If they cannot be used, or the file of `REGISTRY_AUTH_FILE` does not exist.
    pub(crate) fn of_environment(
        settings: RegistrySettings,
        hints: Option<HintCache>,
    ) -> Result<Self, Fatal> {
        let setup = Self::for_login(settings, hints)?;
        check_named_file(&setup.credentials)?;
        Ok(setup)
    }

    /// Does the same for `longshore login`, which makes the file of `REGISTRY_AUTH_FILE`.
    pub(crate) fn for_login(
        settings: RegistrySettings,
        hints: Option<HintCache>,
    ) -> Result<Self, Fatal> {
        let folders = directories::BaseDirs::new();
        let home = folders.as_ref().map(|folders| folders.home_dir());
        let root_bundle = variable("SSL_CERT_FILE").filter(|path| !path.is_empty());
        Ok(Self {
            settings,
            credentials: credential_sources()?,
            certificates: certificate_directories(variable, home),
            root_bundle: root_bundle.map(PathBuf::from),
            proxies: Arc::new(Proxies::of_environment(|name| std::env::var_os(name))?),
            hints,
            folders: Folders::default(),
            pauses: None,
            processes: 1,
            bound: OnceLock::new(),
            listed: Mutex::default(),
        })
    }

    /// Uses the credentials of the list from now on, instead of earlier ones.
    pub(crate) fn use_listed(&self, listed: Vec<ListedCredential>) {
        *self.listed.lock().unwrap_or_else(PoisonError::into_inner) = listed;
    }

    /// Allows plain HTTP to a registry: the `insecure` target of charts.
    pub(crate) fn allow_plain_http(&mut self, registry: Registry) {
        self.settings.plain_http.push(registry);
    }

    /// Sends the pauses that registries ask for to `pauses`, and begins with the share of one of `processes`.
    pub(crate) fn sharing(
        mut self,
        pauses: UnboundedSender<ThrottlePause>,
        processes: usize,
    ) -> Self {
        (self.pauses, self.processes) = (Some(pauses), processes);
        self
    }

    /// Opens the folders among `source` and `destination`. Creates the destination folder if it will be
    /// `written`.
    pub(crate) fn with_folders(
        mut self,
        source: Option<&StoreName>,
        destination: Option<&StoreName>,
        written: bool,
    ) -> Result<Self, Fatal> {
        if let Some(StoreName::Layouts(name)) = source {
            self.folders.sources.insert(name.clone(), LayoutStore::open_source(name)?);
        }
        if let Some(StoreName::Layouts(name)) = destination {
            let opened = match written {
                true => LayoutStore::open_destination(name)?,
                false => LayoutStore::open_to_look(name)?,
            };
            self.folders.destinations.insert(name.clone(), opened);
        }
        Ok(self)
    }

    /// Returns the stores of `jobs`. `named` is the registry that the user named, or that the whole list
    /// names: only this one receives the credential of the environment, wherever rewrites lead.
    pub(crate) fn stores_of(
        &self,
        jobs: &Jobs,
        named: Option<&Registry>,
        log: &Log,
    ) -> Result<OpenStores, Fatal> {
        let bound = self.bound_to(named);
        if self.credentials.environment.is_some()
            && let Some(why) = unused(bound, jobs)
        {
            log.write(
                Level::Warning,
                &format!("DOCKER_USERNAME and DOCKER_PASSWORD are ignored: {why}"),
            );
        }
        self.stores(bound)
    }

    /// Reads the authentication files. Registries read them again when they ask for a login.
    ///
    /// # Errors
    /// If one of them is unreadable or malformed.
    pub(crate) async fn check_credential_files(&self) -> Result<(), CredentialError> {
        Credentials::new(self.credentials.clone()).check_files().await
    }

    /// Returns the registry that receives the credential of the environment, in a run of `named`.
    pub(crate) fn bound(&self, named: Option<&Registry>) -> Option<Registry> {
        self.bound_to(named).cloned()
    }

    /// Returns all stores. Only `bound` receives the credential of the environment.
    pub(crate) fn stores(&self, bound: Option<&Registry>) -> Result<OpenStores, Fatal> {
        let mut credentials = self.credentials.clone();
        credentials.listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(registry) = bound {
            credentials.bind_environment(registry.clone());
        }
        let registries = Registries::new(RegistryOptions {
            insecure: self.settings.insecure.clone(),
            plain_http: self.settings.plain_http.clone(),
            credentials: Credentials::new(credentials),
            certificate_directories: self.certificates.clone(),
            root_bundle: self.root_bundle.clone(),
            proxies: Arc::clone(&self.proxies),
            max_wait: self.settings.max_wait,
            retries: self.settings.retries,
            limit_rate: self.settings.limit_rate,
            large_transfers: self.settings.large_transfers,
            hints: self.hints.clone(),
            pauses: self.pauses.clone(),
            processes: self.processes,
        })?;
        Ok(OpenStores { registries, folders: self.folders.clone() })
    }

    /// Returns the registry that receives the credential of the environment. At the prompt the first line
    /// decides, so that no second registry sees the password.
    fn bound_to<'a>(&self, named: Option<&'a Registry>) -> Option<&'a Registry> {
        let registry = named?;
        (self.bound.get_or_init(|| registry.clone()) == registry).then_some(registry)
    }
}

/// Says why no destination of `jobs` receives the credential of the environment, which is for `bound`.
fn unused(bound: Option<&Registry>, jobs: &Jobs) -> Option<String> {
    let mut destinations = jobs.destinations().filter_map(StoreName::registry).peekable();
    destinations.peek()?;
    let Some(bound) = bound else {
        let why = "there are several destination registries, and neither -d nor DOCKER_REGISTRY names one";
        return Some(why.to_owned());
    };
    let other = destinations.find(|destination| *destination == bound).is_none();
    other.then(|| {
        format!("they are for {bound}, and the rewrites lead elsewhere; name the registry with -d")
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, OnceLock};

    use super::{Folders, RegistrySettings, StoreSetup, unused};
    use longshore_engine::job::{Job, Jobs};
    use longshore_oci::{PlatformFilter, Registry};
    use longshore_registry::CredentialSources;

    fn setup() -> StoreSetup {
        StoreSetup {
            settings: RegistrySettings::default(),
            credentials: CredentialSources::default(),
            certificates: Vec::new(),
            root_bundle: None,
            proxies: Arc::default(),
            hints: None,
            folders: Folders::default(),
            pauses: None,
            processes: 1,
            bound: OnceLock::new(),
            listed: Mutex::default(),
        }
    }

    fn jobs(destinations: &[&str]) -> Jobs {
        let job = |(number, destination): (u32, &&str)| Job {
            number,
            line: number,
            source: "a.io/x:1".parse().unwrap(),
            destination: format!("{destination}/x:1").parse().unwrap(),
            filter: PlatformFilter::default(),
        };
        (1..).zip(destinations).map(job).collect()
    }

    fn bound(setup: &StoreSetup, named: Option<&str>) -> Option<String> {
        let named: Option<Registry> = named.map(|named| named.parse().unwrap());
        setup.bound_to(named.as_ref()).map(ToString::to_string)
    }

    #[test]
    fn the_password_is_for_the_registry_that_was_named() {
        assert_eq!(bound(&setup(), Some("d.io")).as_deref(), Some("d.io"));
        assert_eq!(bound(&setup(), None), None);
    }

    #[test]
    fn the_first_line_at_the_prompt_decides() {
        let setup = setup();
        assert_eq!(bound(&setup, Some("b.io")).as_deref(), Some("b.io"));
        assert_eq!(bound(&setup, Some("c.io")), None, "a second registry sees the password");
        assert_eq!(bound(&setup, Some("b.io")).as_deref(), Some("b.io"));
    }

    #[test]
    fn a_password_that_nobody_receives_is_told() {
        let why = |bound: Option<&str>, destinations: &[&str]| {
            let bound: Option<Registry> = bound.map(|bound| bound.parse().unwrap());
            unused(bound.as_ref(), &jobs(destinations))
        };
        assert_eq!(why(Some("b.io"), &["c.io", "b.io"]), None);
        assert_eq!(why(None, &[]), None, "there is nothing to log in to");
        assert!(why(None, &["b.io", "c.io"]).unwrap().contains("several destination registries"));
        assert!(why(Some("b.io"), &["c.io"]).unwrap().contains("they are for b.io"));
    }
}
