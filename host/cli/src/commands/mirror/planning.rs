//! From a list to its plan: reads the list, selects tags by pattern, and asks the rewrites.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::try_join_all;
use longshore_chart::artifact::ChartStore;
use longshore_oci::{Name, Registry, StoreName, nearest};

use super::rewrite::PluginRewrite;
use super::session::Session;
use crate::error::Fatal;
use crate::flags::{NO_PROJECT, REGISTRY_REWRITE};
use crate::list::ReadList;
use crate::prepare::{AUTO, RegistryEndpoints};
use crate::report::{FailedEntry, MendCommands};
use crate::settings::{SettingsError, Task};
use crate::setup::{Formats, LogOfPlugins, log_remark};
use longshore_engine::counted;
use longshore_engine::event::Level;
use longshore_engine::list::{Entry, Format, List, ListText, Severity};
use longshore_engine::plan::{
    self, Expansion, IdleRewrite, Plan, PlanOptions, Rewrite, SourceOverride, Unselected,
};
use longshore_plugin_host::{Kind, Plugin, PluginHost, PluginSetup};
use longshore_store::Stores as _;

/// A list and its plan.
pub(in crate::commands) struct Planned {
    pub(in crate::commands) name: String,
    pub(in crate::commands) format: Format,
    pub(in crate::commands) plan: Plan,
    /// When the planning began.
    pub(in crate::commands) started: Instant,
    /// What a configuration of charts has beside its plan.
    pub(in crate::commands) charts: Option<OfCharts>,
}

/// The charts that come from no registry, and the commands that mirror charts and images again.
pub(in crate::commands) struct OfCharts {
    pub(in crate::commands) store: Arc<ChartStore>,
    pub(in crate::commands) mend: MendCommands,
    /// Names of the charts that come from no registry, by the number of the entry.
    pub(in crate::commands) names: HashMap<u32, String>,
}

/// The formats of other tools whose lists give each image its whole name at the destination.
const NAME_DESTINATIONS: [&str; 3] = ["dregsy", "image-syncer", "regsync"];

impl Planned {
    /// Returns the entries as the failed list holds them.
    pub(in crate::commands) fn failed_entries(&self) -> Vec<FailedEntry> {
        failed_entries(&self.plan)
    }
}

fn failed_entries(plan: &Plan) -> Vec<FailedEntry> {
    let entry = |entry: &plan::PlannedEntry| FailedEntry {
        number: entry.number,
        text: entry.text.clone(),
        terms: entry.terms.clone(),
    };
    plan.entries.iter().map(entry).collect()
}

impl Session {
    /// Loads a plugin with its settings.
    pub(super) async fn load(
        &self,
        kind: Kind,
        name: &str,
        transport: Option<Arc<RegistryEndpoints>>,
    ) -> Result<Plugin, Fatal> {
        let config = match kind == Kind::Rewrite && name == REGISTRY_REWRITE {
            true => self.registry_config(self.settings.list.default_project.as_str()),
            false => serde_json::Map::new(),
        };
        self.load_with(kind, name, transport, config).await
    }

    /// Loads a plugin with its settings and with `more`.
    async fn load_with(
        &self,
        kind: Kind,
        name: &str,
        transport: Option<Arc<RegistryEndpoints>>,
        more: serde_json::Map<String, serde_json::Value>,
    ) -> Result<Plugin, Fatal> {
        let configured = self.plugins.name_of(kind, name).await?;
        let mut config = self.settings.plugins.config(&configured);
        config.extend(more);
        let endpoints = self.settings.plugins.endpoints(&configured).into_iter();
        let origins = endpoints.filter_map(|(name, known)| Some((name, known.origin?))).collect();
        let setup = PluginSetup {
            config,
            grants: self.grants(kind, name),
            origins,
            transport: transport.map(|transport| transport as Arc<_>),
            log: Arc::new(LogOfPlugins(Arc::clone(&self.log))),
            dry_run: self.settings.dry_run() || matches!(self.settings.task, Task::Validate(_)),
        };
        let loaded = self.plugins.load(kind, name, setup).await;
        loaded.map_err(|error| self.settings.plugins.blamed(error))
    }

    /// Returns the list formats of the run.
    pub(super) const fn formats(&self) -> Formats<'_> {
        Formats { plugins: &self.plugins, settings: &self.settings.plugins, log: &self.log }
    }

    /// Returns the grants of a repository type, the only plugins that send requests: `--grant`, and those of
    /// an installed plugin in the settings file.
    fn grants(&self, kind: Kind, name: &str) -> Vec<String> {
        if kind != Kind::RepoType {
            return Vec::new();
        }
        let settings = &self.settings.plugins;
        let installed = self.plugins.installed(name);
        let granted = installed.map_or(&[][..], |plugin| settings.granted(&plugin.name));
        settings.grants.iter().chain(granted).cloned().collect()
    }

    /// Says whether destinations of one part stay as they are: the tool that a list was written for keeps the name
    /// that the list gives, and the user asked for no project.
    pub(super) fn keeps_names(&self, format: &Format) -> bool {
        self.settings.default_project_is_default && NAME_DESTINATIONS.contains(&&*format.flag)
    }

    fn registry_config(&self, project: &str) -> serde_json::Map<String, serde_json::Value> {
        let mut config = serde_json::Map::new();
        if let Some(registry) = &self.settings.destination {
            let registry = plan::rewritten_registry(registry);
            config.insert("registry".to_owned(), registry.to_string().into());
        }
        if let Some(project) = &self.settings.list.destination_project {
            config.insert("project".to_owned(), project.to_string().into());
        }
        let project = if project == NO_PROJECT { "" } else { project };
        config.insert("default-project".to_owned(), project.into());
        config
    }

    /// Reads and plans a text in `format`, whose failed list has columns. See [`Self::plan`].
    pub(super) async fn plan_as_columns(
        &self,
        text: ListText,
        first_number: u32,
        format: &str,
    ) -> Result<Option<Planned>, Fatal> {
        self.plan_in(text, first_number, Some(format), false).await
    }

    /// Returns the entries of a text in `format` as the columns of a failed list, without a run of them. It
    /// asks no registry and no rewrite, so it also works after an interrupt.
    pub(super) async fn as_columns(
        &self,
        text: ListText,
        first_number: u32,
        format: &str,
    ) -> Result<Vec<FailedEntry>, Fatal> {
        let ReadList { mut list, credentials: _ } =
            self.formats().read_list(text, Some(format)).await?;
        list.format.lines = false;
        let is_readable = |entry: &Entry| entry.source.parse::<Name>().is_ok();
        // No column has `-d`, but a plan of references needs one.
        let any = list.entries.iter().all(is_readable).then(|| Registry::docker_hub().into());
        let options = PlanOptions {
            source: self.settings.source.clone(),
            destination: self.settings.destination.clone().or(any),
            filter: self.settings.filter.clone(),
            first_number,
            shard: None,
            unselected: Vec::new(),
        };
        Ok(failed_entries(&plan::build(list, &options, &[]).await?))
    }

    /// Reads and plans a list whose first entry gets the number `first_number`. Returns `None` if the run
    /// is interrupted while plugins are compiled, read the list or rewrite it.
    pub(super) async fn plan(
        &self,
        text: ListText,
        first_number: u32,
    ) -> Result<Option<Planned>, Fatal> {
        let format = self.settings.list.list_format.as_deref();
        self.plan_in(text, first_number, format, true).await
    }

    /// Plans a text in `format`. If the failed list does not `repeat_lines` as they are, it has columns.
    async fn plan_in(
        &self,
        text: ListText,
        first_number: u32,
        format: Option<&str>,
        repeat_lines: bool,
    ) -> Result<Option<Planned>, Fatal> {
        let formats = self.formats();
        let read = formats.read(text, format);
        let loaded = self.unless_interrupted(async { tokio::try_join!(read, self.rewrites()) });
        let Some((read, mut rewrites)) = loaded.await? else { return Ok(None) };
        let ReadList { mut list, credentials } = read;
        if self.keeps_names(&list.format)
            && let Some(registry) = rewrites.first_mut()
        {
            let config = self.registry_config(NO_PROJECT);
            *registry = self.load_with(Kind::Rewrite, REGISTRY_REWRITE, None, config).await?;
        }
        let Some(()) = self.use_credentials(&list.text.name, &credentials).await? else {
            return Ok(None);
        };
        list.format.lines &= repeat_lines;
        self.plan_list(list, rewrites, first_number).await
    }

    /// Plans a list. Returns `None` if the run is interrupted.
    pub(in crate::commands) async fn plan_list(
        &self,
        mut list: List,
        rewrites: Vec<Plugin>,
        first_number: u32,
    ) -> Result<Option<Planned>, Fatal> {
        let started = Instant::now();
        let name = list.text.name.clone();
        // The report names the errors.
        for warning in list.diagnostics.iter().filter(|found| found.severity == Severity::Warning) {
            log_remark(&self.log, &name, warning, None);
        }
        let checked = self.check_plugin_flags(&list.format.name, &rewrites);
        if self.unless_interrupted(checked).await?.is_none() {
            return Ok(None);
        }
        let source = self.source().await?;
        let unselected = self.select(&mut list, &source).await?;
        let options = PlanOptions {
            source,
            destination: self.settings.destination.clone(),
            filter: self.settings.filter.clone(),
            first_number,
            shard: self.settings.list.shard,
            unselected,
        };
        let format = list.format.clone();
        let rewrites: Vec<Box<dyn Rewrite>> =
            rewrites.into_iter().map(|plugin| Box::new(PluginRewrite(plugin)) as Box<_>).collect();
        let planning = async { Ok(plan::build(list, &options, &rewrites).await?) };
        let plan = if self.interrupt.is_raised() {
            // The selection was interrupted, and the failed list gets the entries: rewrites finish.
            Some(planning.await?)
        } else {
            self.unless_interrupted(planning).await?
        };
        let Some(plan) = plan else { return Ok(None) };
        plan.refuse_collisions()?;
        if let Some(shard) = options.shard {
            let (part, kept) = (shard.described(), plan.entries.len());
            let all = counted(plan.count.try_into().unwrap_or(usize::MAX), "entry", "entries");
            let text = format!("{part}: {kept} of {all}; the other parts have the rest");
            self.log.write(Level::Info, &text);
        }
        Ok(Some(Planned { name, format, plan, charts: None, started }))
    }

    /// Warns of each rewrite that changed nothing: most likely its rules are misspelt.
    pub(in crate::commands) fn tell_of_idle(&self, rewrites: &[IdleRewrite]) {
        for IdleRewrite { name, entries, first: (source, destination) } in rewrites {
            let what = match entries {
                1 => "did not change the entry".to_owned(),
                count => format!("changed none of {count} entries; the first is"),
            };
            let text = format!("the rewrite {name} {what} {source} → {destination}");
            self.log.write(Level::Warning, &text);
        }
    }

    /// Awaits `work`, or returns `None` at the first signal.
    pub(in crate::commands) async fn unless_interrupted<T>(
        &self,
        work: impl Future<Output = Result<T, Fatal>>,
    ) -> Result<Option<T>, Fatal> {
        let mut interrupt = self.interrupt.clone();
        tokio::select! {
            done = work => done.map(Some),
            () = interrupt.raised() => Ok(None),
        }
    }

    /// Loads the rewrites in their order.
    pub(in crate::commands) async fn rewrites(&self) -> Result<Vec<Plugin>, Fatal> {
        let given = self.settings.list.rewrite.iter().map(String::as_str);
        let names = std::iter::once(REGISTRY_REWRITE).chain(given);
        try_join_all(names.map(|name| self.load(Kind::Rewrite, name, None))).await
    }

    /// Returns what replaces parts of every source. For a folder, it knows the names in its `library/`.
    async fn source(&self) -> Result<SourceOverride, Fatal> {
        let mut source = self.settings.source.clone();
        if let Some(name @ StoreName::Layouts(_)) = &source.store {
            let folder = self.stores.stores(None)?.source(name)?;
            // If the folder cannot be listed, each entry fails with the cause.
            let repositories = folder.repositories().await.unwrap_or_default();
            source.library = plan::names_in_library(&repositories);
        }
        Ok(source)
    }

    /// Replaces the entries of `list` that select tags by pattern. Returns those for which this failed or
    /// selected nothing.
    async fn select(
        &self,
        list: &mut List,
        source: &SourceOverride,
    ) -> Result<Vec<Unselected>, Fatal> {
        if !plan::selects_by_pattern(list) {
            return Ok(Vec::new());
        }
        let bound = self.settings.destination.as_ref().and_then(StoreName::registry);
        let stores = self.stores.stores(bound)?;
        let at_once = self.settings.list.images.jobs;
        // The failed list gets the entries as they are now if the selection is interrupted.
        let entries = list.entries.clone();
        let expanding = async { Ok(plan::expand(list, source, &stores, at_once).await) };
        let expansion = self.unless_interrupted(expanding).await?.unwrap_or_else(|| {
            list.entries = entries;
            Expansion::interrupted(list)
        });
        for picked in &expansion.picked {
            self.log.write(Level::Info, &picked.told_of(&list.text));
            for (name, why) in picked.names.iter().filter(|_| self.settings.dry_run()) {
                let text = format!("{}: {name} is selected: {why}", picked.from);
                self.log.write(Level::Info, &text);
            }
        }
        for ended in &expansion.unselected {
            if let Some(reason) = &ended.outcome.reason {
                let place = list.text.place_of(ended.entry.line);
                self.log.write(Level::Warning, &format!("{place}{reason}"));
            }
        }
        Ok(expansion.unselected)
    }

    /// Refuses options of a plugin that the run does not use, which is most likely misspelt, and a grant
    /// without a plugin that may use it.
    pub(in crate::commands) async fn check_plugin_flags(
        &self,
        format: &str,
        rewrites: &[Plugin],
    ) -> Result<(), Fatal> {
        let granted = self.settings.plugins.grants.first();
        let built_in = PluginHost::built_in(Kind::RepoType);
        let asks =
            self.settings.repo_type().is_some_and(|name| name != AUTO && !built_in.contains(&name));
        if let Some(grant) = granted.filter(|_| !asks) {
            return Err(SettingsError::UnusedGrant(grant.clone()).into());
        }
        let mut used: Vec<String> =
            rewrites.iter().skip(1).map(|rewrite| rewrite.name().to_owned()).collect();
        used.push(format.to_owned());
        used.extend(self.credentials_format.get().cloned());
        match self.settings.repo_type() {
            None => {}
            // Only the registries show which ones are used.
            Some(AUTO) => used.extend(built_in.iter().map(|&name| name.to_owned())),
            Some(name) => used.push(self.plugins.name_of(Kind::RepoType, name).await?),
        }
        // An installed plugin may have a table for other runs too.
        let is_installed = |name: &str| self.plugins.installed(name).is_some();
        let idle = self.settings.plugins.idle(&used).filter(|(name, _)| !is_installed(name));
        for (name, path) in idle {
            let path = path.display();
            let text =
                format!("[plugins.{name}] in {path} has no effect: this run uses no such plugin");
            self.log.write(Level::Info, &text);
        }
        let unused = |name: &&str| !used.iter().any(|used| used == name);
        match self.settings.plugins.configured().find(unused) {
            Some(unused) => {
                let nearest = nearest(unused, used.iter().map(String::as_str)).map(str::to_owned);
                Err(SettingsError::UnusedPlugin { name: unused.to_owned(), nearest }.into())
            }
            None => Ok(()),
        }
    }
}
