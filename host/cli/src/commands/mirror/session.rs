//! What `mirror` and `mirror-validate` set up once, for one list or for all lines at the prompt.

use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Once, OnceLock};

use longshore_plugin_host::PluginHost;
use longshore_store::Interrupt;

use crate::error::Fatal;
use crate::report::{FailedEntry, FailedList, FailedListFile, Log, run_of};
use crate::settings::{RunSettings, Task};
use crate::setup::{Caches, Hangup, RegistrySettings, StoreSetup, listen, plugin_host};

/// The state of a run that outlives each of its lists.
pub(in crate::commands) struct Session {
    pub(in crate::commands) settings: RunSettings,
    pub(in crate::commands) log: Arc<Log>,
    pub(in crate::commands) interrupt: Interrupt,
    pub(in crate::commands) plugins: PluginHost,
    pub(in crate::commands) caches: Caches,
    pub(in crate::commands) stores: StoreSetup,
    /// Whether the run has said that it copies no referrers.
    pub(in crate::commands) referrers_left_out: AtomicBool,
    /// Says once which digests will change.
    pub(in crate::commands) digests_told: Once,
    /// Says once that the list gives credentials, or none.
    pub(in crate::commands) credentials_told: Once,
    /// The format of the list of `--list-credentials=FILE`.
    pub(in crate::commands) credentials_format: OnceLock<String>,
}

impl Session {
    /// Opens caches and stores, and starts to listen for signals.
    pub(in crate::commands) fn new(settings: RunSettings, log: &Arc<Log>) -> Result<Self, Fatal> {
        let caches = Caches::of_environment();
        let registry_settings = RegistrySettings {
            insecure: settings.insecure.clone(),
            plain_http: settings.plain_http.clone(),
            max_wait: settings.list.images.limits.max_wait,
            retries: settings.list.images.limits.retries,
            limit_rate: settings.list.images.limits.limit_rate,
            // `-j 1` asks for the least load, so large blobs of one image do not run in parallel either.
            large_transfers: if settings.list.images.jobs == 1 { 1 } else { usize::MAX },
        };
        let writes = matches!(settings.task, Task::Mirror(_)) && !settings.dry_run();
        let hangup = match settings.list.schedule.every {
            Some(_) => Hangup::Passes,
            None => Hangup::Stops,
        };
        let stores = StoreSetup::of_environment(registry_settings, caches.hints.clone())?
            .with_folders(settings.source.store.as_ref(), settings.destination.as_ref(), writes)?;
        Ok(Self {
            caches,
            plugins: plugin_host(&settings.plugins, log)?,
            stores,
            interrupt: listen(hangup)?,
            referrers_left_out: AtomicBool::new(false),
            digests_told: Once::new(),
            credentials_told: Once::new(),
            credentials_format: OnceLock::new(),
            settings,
            log: Arc::clone(log),
        })
    }

    /// Opens the failed list, with room for `entries`. If the list that was read `is_private`, so is this
    /// one. `asked` is what the run does, if it reads no list. A dry run has no failed list (`Some(None)`).
    ///
    /// Returns `None` if the run is interrupted while a pipe has no reader. A file is opened even then: it
    /// gets the entries whose tags were being listed.
    pub(in crate::commands) async fn failed_list(
        &self,
        entries: Vec<FailedEntry>,
        command: &str,
        is_private: bool,
        asked: &str,
    ) -> Result<Option<Option<FailedList>>, Fatal> {
        if self.settings.dry_run() {
            return Ok(Some(None));
        }
        let (path, command) = (self.settings.failed().to_owned(), command.to_owned());
        let is_default = self.settings.failed_is_default;
        let list = self.settings.list.file.as_deref().filter(|file| *file != "-").map(Path::new);
        let destination = self.settings.destination.as_ref().map(ToString::to_string);
        let part = self.settings.part.as_deref();
        let run = run_of(list, (asked, part), destination.as_deref(), &path);
        let opening = move || {
            let file = FailedListFile { path: &path, is_default, is_private, run: &run };
            FailedList::open(file, &command, &entries)
        };
        let mut interrupt = self.interrupt.clone();
        let is_pipe =
            self.settings.failed().metadata().is_ok_and(|found| found.file_type().is_fifo());
        tokio::select! {
            opened = tokio::task::spawn_blocking(opening) => {
                Ok(Some(Some(opened.map_err(std::io::Error::other)??)))
            }
            () = interrupt.raised(), if is_pipe => Ok(None),
        }
    }
}
