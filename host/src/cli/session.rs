//! A run of `mirror` or `mirror-validate`: list, plan, prepare, transfer or validate, report.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::future::try_join_all;

use super::registries::Access;
use super::{interrupt, prompt, variable};
use crate::error::{Exit, Fatal};
use crate::list::{self, Choice, List, ListText};
use crate::plan::{self, Fate, Job, Outcome, Plan, PlanOptions};
use crate::plugin::contract::Severity;
use crate::plugin::{HostOptions, Kind, LogLevel, Plugin, PluginHost, PluginLog, PluginSetup};
use crate::prepare::{self, RegistryEndpoints};
use crate::registry::Registries;
use crate::report::{
    EntryInfo, FailedEntry, FailedList, Log, Report, ReportOptions, Reporter, Verb, shell_command,
};
use crate::settings::{RunSettings, SettingsError};
use crate::transfer::{self, EventSender, Interrupt, Level, TransferOptions};
use crate::validate::{self, ValidateOptions};

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
    plugins: PluginHost,
    access: Access,
}

/// A list and its plan.
pub(super) struct Planned {
    name: String,
    format: String,
    plan: Plan,
}

impl Planned {
    /// The number of entries.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.plan.entries.len()).unwrap_or(u32::MAX)
    }

    /// What the failed list would hold of them.
    pub(super) fn failed_entries(&self) -> Vec<FailedEntry> {
        let entry = |entry: &plan::PlannedEntry| FailedEntry {
            number: entry.number,
            text: entry.text.clone(),
            platforms: entry.platforms.clone(),
        };
        self.plan.entries.iter().map(entry).collect()
    }
}

impl Session {
    fn new(settings: RunSettings, log: &Arc<Log>) -> Result<Self, Fatal> {
        let folders = directories::BaseDirs::new();
        let home = folders.as_ref().map(|folders| folders.home_dir());
        let cache_dir = variable("LONGSHORE_CACHE_DIR")
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
            .or_else(|| folders.as_ref().map(|folders| folders.cache_dir().join("longshore")));
        Ok(Self {
            plugins: PluginHost::new(HostOptions { cache_dir, clock: SystemTime::now() })?,
            access: Access::of_environment(home)?,
            interrupt: interrupt::listen()?,
            settings,
            log: Arc::clone(log),
        })
    }

    async fn load(
        &self,
        kind: Kind,
        name: &str,
        transport: Option<Arc<RegistryEndpoints>>,
    ) -> Result<Plugin, Fatal> {
        let configured = self.plugins.name_of(kind, name).await?;
        let mut config = self.settings.plugins.config(&configured);
        if kind == Kind::Rewrite && name == REGISTRY_REWRITE {
            config.extend(self.registry_config());
        }
        let setup = PluginSetup {
            config,
            grants: self.grants(kind),
            transport: transport.map(|transport| transport as Arc<_>),
            log: Arc::new(Lines(Arc::clone(&self.log))),
            dry_run: self.settings.dry_run,
        };
        Ok(self.plugins.load(kind, name, setup).await?)
    }

    /// `--grant` is for the one kind of plugin that may send requests.
    fn grants(&self, kind: Kind) -> Vec<String> {
        if kind == Kind::RepoType { self.settings.plugins.grants.clone() } else { Vec::new() }
    }

    fn registry_config(&self) -> serde_json::Map<String, serde_json::Value> {
        let mut config = serde_json::Map::new();
        if let Some(registry) = &self.settings.destination {
            config.insert("registry".to_owned(), registry.to_string().into());
        }
        config.insert("default-project".to_owned(), self.settings.default_project.clone().into());
        config
    }

    /// Reads and plans a list whose first entry gets the number `first_number`.
    pub(super) async fn plan(&self, text: ListText, first_number: u32) -> Result<Planned, Fatal> {
        let name = text.name.clone();
        let (list, rewrites) = tokio::try_join!(self.read(text), self.rewrites())?;
        for diagnostic in
            list.diagnostics.iter().filter(|found| found.severity == Severity::Warning)
        {
            let place = format!("{name}:{}:{}", diagnostic.line, diagnostic.column);
            self.log.write(Level::Warning, &format!("{place}: {}", diagnostic.message));
        }
        self.check_plugin_flags(&list.format, &rewrites).await?;
        let options = PlanOptions {
            source: self.settings.source.clone(),
            has_destination: self.settings.destination.is_some(),
            filter: self.settings.filter.clone(),
            first_number,
        };
        let format = list.format.clone();
        let plan = plan::build(list, &options, &rewrites).await?;
        Ok(Planned { name, format, plan })
    }

    /// The rewrites in their order.
    async fn rewrites(&self) -> Result<Vec<Plugin>, Fatal> {
        let given = self.settings.rewrites.iter().map(String::as_str);
        let names = std::iter::once(REGISTRY_REWRITE).chain(given);
        try_join_all(names.map(|name| self.load(Kind::Rewrite, name, None))).await
    }

    async fn read(&self, text: ListText) -> Result<List, Fatal> {
        let choice = match &self.settings.list_format {
            Some(name) => Choice::forced(self.load(Kind::ListFormat, name, None).await?),
            None => {
                let known = PluginHost::built_in(Kind::ListFormat).into_iter();
                let plugins = known.map(|name| self.load(Kind::ListFormat, name, None));
                let plugins = try_join_all(plugins).await?;
                let choice = list::choose(&text, &plugins).await?;
                for failure in &choice.failures {
                    self.log.write(Level::Warning, &failure.to_string());
                }
                self.log.write(
                    Level::Debug,
                    &format!("{} is in the format {}", text.name, choice.plugin.name()),
                );
                choice
            }
        };
        Ok(list::parse(text, choice).await?)
    }

    /// A plugin that is configured on the command line and not used is most likely misspelt, and a
    /// grant that nobody can use is a misunderstanding.
    async fn check_plugin_flags(&self, format: &str, rewrites: &[Plugin]) -> Result<(), Fatal> {
        let granted = self.settings.plugins.grants.first();
        let built_in = PluginHost::built_in(Kind::RepoType);
        let asks = self.settings.repo_type.as_deref().is_some_and(|name| !built_in.contains(&name));
        if let Some(grant) = granted.filter(|_| !asks) {
            return Err(SettingsError::UnusedGrant(grant.clone()).into());
        }
        let mut used: Vec<String> =
            rewrites.iter().skip(1).map(|rewrite| rewrite.name().to_owned()).collect();
        used.push(format.to_owned());
        if let Some(name) = &self.settings.repo_type {
            used.push(self.plugins.name_of(Kind::RepoType, name).await?);
        }
        let unused = |name: &&str| !used.iter().any(|used| used == name);
        match self.settings.plugins.configured().find(unused) {
            Some(unused) => Err(SettingsError::UnusedPlugin(unused.to_owned()).into()),
            None => Ok(()),
        }
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
    pub(super) fn repeat_command(&self, format: &str) -> String {
        let repeated = list::failed_list_format(format);
        let mut words = self.settings.repeat.clone();
        if repeated != format {
            // The format that is replaced takes its configuration along.
            words.retain(|word| !word.starts_with(&format!("--plugin-config={format}.")));
        }
        words.push(format!("--file={}", self.settings.failed.display()));
        words.push(format!("--list-format={repeated}"));
        shell_command(words)
    }

    /// Does what was planned; the failed list is in the report again, unfinished.
    pub(super) async fn execute(
        &self,
        planned: Planned,
        failed_list: Option<FailedList>,
    ) -> Result<Report, Fatal> {
        let Planned { name, plan, .. } = planned;
        let jobs = plan.jobs();
        let destination = self.settings.destination.as_ref();
        let tls_verify = self.settings.tls_verify;
        let registries = self.access.registries(&jobs, destination, tls_verify, &self.log)?;
        let (events, received) = EventSender::channel();
        let mut reporter = Reporter::new(
            ReportOptions {
                output: self.settings.output,
                verb: self.settings.verb,
                dry_run: self.settings.dry_run,
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
        let (entries, ended) = report_entries(plan);
        let reporting = tokio::spawn(reporter.run(entries, ended, received));
        let worked = self.work(jobs, registries, events).await;
        if let Err(error) = worked {
            reporting.abort();
            return Err(error);
        }
        Ok(reporting.await.map_err(std::io::Error::other)?)
    }

    async fn work(
        &self,
        jobs: Vec<Arc<Job>>,
        registries: Registries,
        events: EventSender,
    ) -> Result<(), Fatal> {
        let interrupt = self.interrupt.clone();
        match self.settings.verb {
            Verb::Mirror => {
                let unprepared = self.prepare(&jobs, &registries, &events).await?;
                let options = TransferOptions {
                    jobs: self.settings.jobs,
                    index: self.settings.index,
                    no_platform_fails: self.settings.no_arch_os_fail,
                    dry_run: self.settings.dry_run,
                    unprepared,
                };
                transfer::run(jobs, registries, options, events, interrupt).await;
            }
            Verb::Validate => {
                let options = ValidateOptions {
                    jobs: self.settings.jobs,
                    index: self.settings.index,
                    no_platform_fails: self.settings.no_arch_os_fail,
                };
                validate::run(jobs, registries, options, events, interrupt).await;
            }
        }
        Ok(())
    }

    /// The password goes to the API with every request, where over plain HTTP anybody between reads it.
    fn check_harbor_https(&self, jobs: &[Arc<Job>]) -> Result<(), SettingsError> {
        if self.settings.harbor_https || !self.settings.tls_verify {
            return Ok(());
        }
        let mut destinations = jobs.iter().map(|job| &job.destination.registry);
        match destinations.find(|registry| !registry.is_loopback()) {
            Some(registry) => Err(SettingsError::PlainHarbor(registry.clone())),
            None => Ok(()),
        }
    }

    async fn prepare(
        &self,
        jobs: &[Arc<Job>],
        registries: &Registries,
        events: &EventSender,
    ) -> Result<HashMap<crate::oci::Name, String>, Fatal> {
        let Some(name) = &self.settings.repo_type else { return Ok(HashMap::new()) };
        self.check_harbor_https(jobs)?;
        let transport = RegistryEndpoints::new(registries.clone(), self.settings.harbor_https);
        let plugin = self.load(Kind::RepoType, name, Some(Arc::new(transport))).await?;
        let mut interrupt = self.interrupt.clone();
        tokio::select! {
            prepared = prepare::prepare(jobs, &plugin, registries, events, self.settings.dry_run) => Ok(prepared?),
            () = interrupt.raised() => Ok(HashMap::new()),
        }
    }
}

/// The built-in rewrite that always comes first.
const REGISTRY_REWRITE: &str = "registry";

/// The entries as the report shows them, and the outcomes that are known already.
fn report_entries(plan: Plan) -> (Vec<EntryInfo>, Vec<(u32, Outcome)>) {
    let mut known = Vec::new();
    let mut entries = Vec::with_capacity(plan.entries.len());
    for entry in plan.entries {
        entries.push(match entry.fate {
            Fate::Job(job) => EntryInfo::of_job(job),
            Fate::Ended(ended) => {
                known.push((entry.number, ended.outcome));
                let (number, line) = (entry.number, entry.line);
                let info = EntryInfo::of_text(number, line, ended.source, ended.destination);
                match ended.column {
                    Some(column) => info.at_column(column),
                    None => info,
                }
            }
        });
    }
    (entries, known)
}

/// The log as plugins see it.
struct Lines(Arc<Log>);

impl PluginLog for Lines {
    fn line(&self, plugin: &str, level: LogLevel, message: &str) {
        let level = match level {
            LogLevel::Debug => Level::Debug,
            LogLevel::Info => Level::Info,
            LogLevel::Warning => Level::Warning,
            LogLevel::Error => Level::Error,
        };
        self.0.write(level, &format!("{plugin}: {message}"));
    }
}
