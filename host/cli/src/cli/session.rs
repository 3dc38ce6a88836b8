//! A run of `mirror` or `mirror-validate`: list, plan, prepare, transfer or validate, report.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Arc, Once};

use longshore_oci::{Name, StoreName};

use super::caches::{Caches, plugin_host};
use super::planning::Planned;
use super::stores::{OpenStores, RegistrySettings, StoreSetup};
use super::{interrupt, prompt};
use crate::error::{Exit, Fatal};
use crate::list;
use crate::prepare::{self, RegistryEndpoints};
use crate::report::{
    FailedEntry, FailedList, Log, Report, ReportOptions, Reporter, Verb, shell_command,
};
use crate::settings::{RunSettings, SettingsError, plugin_flag};
use longshore_engine::copy::{self, CopyOptions};
use longshore_engine::event::{EventSender, Level};
use longshore_engine::job::Jobs;
use longshore_engine::list::Format;
use longshore_engine::plan::Plan;
use longshore_engine::validate::{self, MendCommands, ValidateOptions};
use longshore_plugin_host::{Kind, Plugin, PluginHost};
use longshore_store::Interrupt;

/// Runs as `settings` say.
pub(super) async fn run(settings: RunSettings, log: &Arc<Log>) -> Result<Exit, Fatal> {
    let terminal = std::io::stdin().is_terminal();
    let session = Session::new(settings, log)?;
    let mut interrupt = session.interrupt.clone();
    let text = match session.settings.file.as_deref() {
        None if terminal => return prompt::run(session).await,
        Some(path) if path != "-" => list::read_file(path.as_ref())?,
        _ => {
            if terminal {
                let text = "reading the image list from standard input; Ctrl-D ends it";
                log.write(Level::Info, text);
            }
            tokio::select! {
                read = tokio::task::spawn_blocking(list::read_stdin) => {
                    read.map_err(std::io::Error::other)??
                }
                () = interrupt.raised() => return Ok(Exit::Interrupted),
            }
        }
    };
    let planned = session.plan(text, 1).await?;
    let command = session.repeat_command(&planned.format);
    let failed_list = session.failed_list(&planned.failed_entries(), &command)?;
    let mut report = session.execute(planned, failed_list).await?;
    let failed = report.finish_failed_list();
    // What was copied is said even where the failed list cannot be written.
    let place = failed.as_ref().ok().and_then(Option::as_deref);
    let printed = report.print(place, &command);
    let exit = exit_of(&report, &session.interrupt);
    let Err(error) = failed.map(|_| ()).and(printed) else { return Ok(exit) };
    // Something was copied, so this is no longer a run that could not be started.
    log.failure(None, &format!("failed to {error}"), error.hint());
    Ok(if exit == Exit::Done { Exit::SomeFailed } else { exit })
}

/// The exit code that a report amounts to.
pub(super) fn exit_of(report: &Report, interrupt: &Interrupt) -> Exit {
    match (interrupt.is_raised(), report.has_failures()) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::SomeFailed,
        (false, false) => Exit::Done,
    }
}

/// What a run keeps from list to list.
pub(super) struct Session {
    pub(super) settings: RunSettings,
    pub(super) log: Arc<Log>,
    pub(super) interrupt: Interrupt,
    pub(super) plugins: PluginHost,
    caches: Caches,
    pub(super) stores: StoreSetup,
    /// It was said that no referrers were looked for.
    referrers_left_out: Once,
}

impl Session {
    fn new(settings: RunSettings, log: &Arc<Log>) -> Result<Self, Fatal> {
        let caches = Caches::of_environment();
        let registry_settings = RegistrySettings {
            tls_verify: settings.tls_verify,
            max_wait: settings.max_wait,
            // A person who says 1 means to be gentle.
            large_transfers: if settings.jobs == 1 { 1 } else { usize::MAX },
        };
        let writes = settings.verb == Verb::Mirror && !settings.dry_run;
        let stores = StoreSetup::of_environment(registry_settings, caches.hints.clone())?
            .with_folders(settings.source.as_ref(), settings.destination.as_ref(), writes)?;
        Ok(Self {
            caches,
            plugins: plugin_host()?,
            stores,
            interrupt: interrupt::listen()?,
            referrers_left_out: Once::new(),
            settings,
            log: Arc::clone(log),
        })
    }

    /// Opens the failed list, with room for `entries`; a dry run has none.
    pub(super) fn failed_list(
        &self,
        entries: &[FailedEntry],
        command: &str,
    ) -> Result<Option<FailedList>, Fatal> {
        if self.settings.dry_run {
            return Ok(None);
        }
        Ok(Some(FailedList::open(&self.settings.failed, command, entries)?))
    }

    /// The command that repeats the run of a list in `format` with the failed list.
    ///
    /// The format is always named: where only malformed lines are left, it cannot be told from them.
    pub(super) fn repeat_command(&self, format: &Format) -> String {
        self.command_of(self.settings.repeat.clone(), format)
    }

    /// The commands that mend what a validation of a list in `format` found: `mirror` with the same
    /// flags and the failed list.
    fn mend_commands(&self, format: &Format) -> MendCommands {
        let kept = |word: &&String| {
            !["--failed=", "--output=", "--deep="].iter().any(|flag| word.starts_with(flag))
        };
        let mut words: Vec<String> = self.settings.repeat.iter().filter(kept).cloned().collect();
        words[1] = "mirror".to_owned();
        let again = self.command_of(words.clone(), format);
        words.push("--force-recursive".to_owned());
        MendCommands { again, thoroughly: self.command_of(words, format) }
    }

    /// The command with these words and the failed list.
    fn command_of(&self, mut words: Vec<String>, format: &Format) -> String {
        let failed = &self.settings.failed;
        // What is written to a device or a pipe cannot be read again; the list itself can.
        let (file, repeated) = match (failed.metadata(), &self.settings.file) {
            (Ok(found), Some(list)) if !found.is_file() => (list.clone(), &*format.flag),
            _ => (failed.display().to_string(), format.repeated_as()),
        };
        if repeated != format.flag {
            // The configuration and the default filter of the format that is replaced.
            let config = format!("--plugin-config={}.", format.name);
            words.retain(|word| !word.starts_with(&config));
            let flags = ["arch", "os"].into_iter().zip(self.settings.filter.defaults(format));
            words.extend(flags.filter_map(|(flag, value)| Some(format!("--{flag}={}", value?))));
        }
        words.push(format!("--file={file}"));
        words.push(format!("--list-format={repeated}"));
        shell_command(words)
    }

    /// Does what was planned; the failed list is in the report again, unfinished.
    pub(super) async fn execute(
        &self,
        planned: Planned,
        failed_list: Option<FailedList>,
    ) -> Result<Report, Fatal> {
        let Planned { name, plan, format } = planned;
        let Plan { entries, jobs, ended } = plan;
        // The failed list has them by now.
        drop(entries);
        let jobs = Arc::new(jobs);
        let destination = self.settings.destination.as_ref();
        let stores = Arc::new(self.stores.stores_of(&jobs, destination, &self.log)?);
        let (events, received) = EventSender::channel();
        let mut reporter = Reporter::new(
            ReportOptions {
                output: self.settings.output,
                verb: self.settings.verb,
                dry_run: self.settings.dry_run,
                referrers: self.settings.referrers,
                terminal: std::io::stderr().is_terminal(),
                list: name,
            },
            Arc::clone(&self.log),
        );
        if let Some(list) = failed_list {
            reporter = reporter.with_failed_list(list);
        }
        let rewrite = reporter.rewrite_trigger();
        let mut interrupt = self.interrupt.clone();
        tokio::spawn(async move {
            interrupt.raised().await;
            rewrite.notify_one();
        });
        let reporting = tokio::spawn(reporter.run(Arc::clone(&jobs), ended, received));
        let worked = self.work(&jobs, &format, stores, events).await;
        if let Err(error) = worked {
            reporting.abort();
            return Err(error);
        }
        Ok(reporting.await.map_err(std::io::Error::other)?)
    }

    async fn work(
        &self,
        jobs: &Jobs,
        format: &Format,
        stores: Arc<OpenStores>,
        events: EventSender,
    ) -> Result<(), Fatal> {
        let interrupt = self.interrupt.clone();
        match self.settings.verb {
            Verb::Mirror => {
                let unprepared = self.prepare(jobs, &stores, &events).await?;
                let options = CopyOptions {
                    referrers: self.settings.referrers,
                    cache: self.caches.manifests.clone(),
                    jobs: self.settings.jobs,
                    index: self.settings.index,
                    no_platform_fails: self.settings.no_arch_os_fail,
                    dry_run: self.settings.dry_run,
                    force_recursive: self.settings.force_recursive,
                    unprepared,
                };
                copy::run(jobs, stores, options, events.clone(), interrupt).await;
                if !self.settings.referrers {
                    self.referrers_left_out.call_once(|| {
                        let text = "referrers (signatures, SBOMs) were not looked for; --referrers copies them too";
                        events.note(0, None, Level::Info, text);
                    });
                }
            }
            Verb::Validate => {
                let options = ValidateOptions {
                    jobs: self.settings.jobs,
                    index: self.settings.index,
                    no_platform_fails: self.settings.no_arch_os_fail,
                    deep: self.settings.deep,
                    referrers: self.settings.referrers,
                    cache: self.caches.manifests.clone(),
                    mend: self.mend_commands(format),
                };
                validate::run(jobs, stores, options, events, interrupt).await;
            }
        }
        Ok(())
    }

    /// Refuses a plugin that sends the registry's password over plain HTTP, unless the registry is on
    /// loopback or `--tls-verify=false` was given.
    fn check_plain_http(&self, plugin: &Plugin, jobs: &Jobs) -> Result<(), SettingsError> {
        let Some((key, value)) = plugin.plain_http().filter(|_| self.settings.tls_verify) else {
            return Ok(());
        };
        let mut registries = jobs.destinations().filter_map(StoreName::registry);
        match registries.find(|registry| !registry.is_loopback()) {
            Some(registry) => Err(SettingsError::PlainHttp {
                setting: format!("{}={value}", plugin_flag(plugin.name(), key)),
                registry: registry.clone(),
            }),
            None => Ok(()),
        }
    }

    async fn prepare(
        &self,
        jobs: &Jobs,
        stores: &OpenStores,
        events: &EventSender,
    ) -> Result<HashMap<Name, String>, Fatal> {
        let Some(name) = &self.settings.repo_type else { return Ok(HashMap::new()) };
        let configured = self.plugins.name_of(Kind::RepoType, name).await?;
        let transport = RegistryEndpoints::new(stores.registries.clone(), configured);
        let plugin = self.load(Kind::RepoType, name, Some(Arc::new(transport))).await?;
        self.check_plain_http(&plugin, jobs)?;
        let mut interrupt = self.interrupt.clone();
        tokio::select! {
            prepared = prepare::prepare(jobs, &plugin, &stores.registries, events, self.settings.dry_run) => Ok(prepared?),
            () = interrupt.raised() => Ok(HashMap::new()),
        }
    }
}
