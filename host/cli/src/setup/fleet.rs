//! Connects to a fleet, and opens the stores of its runs.

use std::path::{Path, PathBuf};

use longshore_files::read_any;
use longshore_fleet::{
    Connection, FleetError, OpenedRun, Pause, RunOpener, RunOptions, ServerOptions, UserCredentials,
};
use longshore_registry::{InsecureRegistries, ThrottlePause};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::caches::Caches;
use super::environment::variable;
use super::stores::{RegistrySettings, StoreSetup};
use crate::error::Fatal;
use crate::report::Log;

/// The largest accepted `.creds` file, in bytes.
const CREDENTIALS_LIMIT: u64 = 64 * 1024;

/// Connects to the NATS server of a fleet.
pub(crate) async fn connect(
    url: &str,
    credentials: Option<PathBuf>,
    name: &str,
) -> Result<Connection, Fatal> {
    let credentials = match credentials {
        Some(path) => {
            // It may be a pipe.
            let read = tokio::task::spawn_blocking(move || user_credentials(&path)).await;
            Some(read.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?)
        }
        None => None,
    };
    let options =
        ServerOptions { url: url.to_owned(), credentials, name: format!("longshore {name}") };
    Ok(Connection::open(&options).await?)
}

/// Reads a `.creds` file.
fn user_credentials(path: &Path) -> Result<UserCredentials, FleetError> {
    let failed = |why: String| FleetError::Credentials { path: path.display().to_string(), why };
    let bytes = read_any(path, CREDENTIALS_LIMIT).map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8 text".to_owned()))?;
    Ok(UserCredentials { path: path.to_owned(), text })
}

/// Returns the name of this machine, for logs and reports.
pub(crate) fn machine() -> String {
    let of_system = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let of_program = || {
        let output = std::process::Command::new("hostname").output().ok()?;
        String::from_utf8(output.stdout).ok()
    };
    variable("HOSTNAME")
        .filter(|name| !name.is_empty())
        .or_else(of_system)
        .or_else(of_program)
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "unnamed".to_owned())
}

/// Opens the stores of runs with the credentials, proxies and certificates of this machine.
pub(crate) struct OwnStores {
    caches: Caches,
    /// The most images at once.
    jobs: usize,
}

impl OwnStores {
    /// Checks that credentials, certificates and proxies can be read. Warns of an authentication file that cannot:
    /// registries that ask for no login need none, and each run reads it again.
    pub(crate) async fn of_environment(
        caches: Caches,
        jobs: usize,
        log: &Log,
    ) -> Result<Self, Fatal> {
        let setup = StoreSetup::of_environment(RegistrySettings::default(), None)?;
        setup.stores(None)?;
        if let Err(error) = setup.check_credential_files().await {
            log.warning(&format!("failed to {error}"), error.hint());
        }
        Ok(Self { caches, jobs })
    }

    fn opened(
        &self,
        options: &RunOptions,
        workers: usize,
        pauses: UnboundedSender<Pause>,
    ) -> Result<OpenedRun, Fatal> {
        let (met, mut meets) = unbounded_channel::<ThrottlePause>();
        tokio::spawn(async move {
            while let Some(pause) = meets.recv().await {
                let ThrottlePause { registry, classes, length } = pause;
                if pauses.send(Pause { registry, classes, length }).is_err() {
                    return;
                }
            }
        });
        let settings = RegistrySettings {
            insecure: InsecureRegistries {
                all: !options.tls_verify,
                named: options.insecure.clone(),
            },
            plain_http: Vec::new(),
            max_wait: options.max_wait,
            retries: options.retries,
            limit_rate: options.limit_rate,
            large_transfers: if self.jobs == 1 { 1 } else { usize::MAX },
        };
        let setup = StoreSetup::of_environment(settings, self.caches.hints.clone())?;
        let stores = setup.sharing(met, workers).stores(options.named.as_ref())?;
        let registries = stores.registries.clone();
        let limited = registries.clone();
        for (registry, traits) in &options.described {
            registries.client(registry).describe(traits);
        }
        Ok(OpenedRun {
            stores: std::sync::Arc::new(stores),
            cache: self.caches.manifests.clone(),
            pause: Box::new(move |pause| {
                registries.pause(&pause.registry, &pause.classes, pause.length);
            }),
            share_rate: Box::new(move |workers| limited.share_rate(workers)),
        })
    }
}

impl RunOpener for OwnStores {
    fn open(
        &self,
        options: &RunOptions,
        workers: usize,
        pauses: UnboundedSender<Pause>,
    ) -> Result<OpenedRun, String> {
        self.opened(options, workers, pauses)
            .map_err(|fatal| format!("this machine failed to {fatal}"))
    }
}
