//! From a plan to its report: copies or validates the jobs, and follows their events.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use longshore_engine::copy::{self, CopyOptions};
use longshore_engine::event::{EventSender, Level};
use longshore_engine::job::Jobs;
use longshore_engine::plan::Plan;
use longshore_engine::validate::{self, ValidateOptions};
use longshore_fleet::FleetError;
use longshore_oci::{Registry, StoreName};
use longshore_plugin_host::{Kind, PlainHttp, PlainSetting, Plugin, PluginHost};
use longshore_store::Stores;

use super::super::mirror_charts::stores::StoresWithCharts;
use super::planning::{OfCharts, Planned};
use super::session::Session;
use crate::error::Fatal;
use crate::prepare::{self, AUTO, Prepared, Purpose, RegistryEndpoints};
use crate::report::{FailedList, OutputFormat, Report, ReportOptions, Reporter, has_terminal};
use crate::settings::{SettingsError, Task};
use crate::setup::OpenStores;

impl Session {
    /// Copies or validates the planned entries. Hands the failed list to the report, unfinished.
    pub(super) async fn execute(
        &self,
        planned: Planned,
        failed_list: Option<FailedList>,
    ) -> Result<Report, Fatal> {
        let Planned { name, plan, format, charts, started } = planned;
        // Collisions were refused.
        let Plan { entries, jobs, ended, listed, count: _, collisions: _, idle: _ } = plan;
        // The failed list holds them by now.
        drop(entries);
        let jobs = Arc::new(jobs);
        let named = match &self.settings.destination {
            Some(store) => store.registry(),
            None => listed.as_ref(),
        };
        let open = self.stores.stores_of(&jobs, named, &self.log)?;
        let by_content = charts.is_some();
        let (stores, mend, names): (Arc<dyn Stores>, _, _) = match charts {
            None => (Arc::new(open.clone()), self.mend_commands(&format), HashMap::new()),
            Some(OfCharts { store, mend, names }) => {
                (Arc::new(StoresWithCharts::new(open.clone(), store)), mend, names)
            }
        };
        if matches!(self.settings.task, Task::Mirror(_)) {
            self.tell_of_digests(&jobs);
        }
        let (events, received) = EventSender::channel();
        let mut reporter = Reporter::new(
            ReportOptions {
                started,
                output: self.settings.list.images.output,
                verb: self.settings.verb(),
                dry_run: self.settings.dry_run(),
                page: self.settings.list.images.report.is_some(),
                referrers: self.settings.referrers()
                    || self.referrers_left_out.load(Ordering::Relaxed),
                terminal: has_terminal() && self.log.shows(Level::Info),
                shard: self.settings.list.shard,
                mend: Some(mend).filter(|_| matches!(self.settings.task, Task::Validate(_))),
                list: name,
            },
            Arc::clone(&self.log),
        )
        .with_names(names);
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
        let worked = match &self.settings.list.fleet.fleet {
            Some(_) if by_content => Err(FleetError::Charts.into()),
            Some(url) if !self.settings.dry_run() => {
                self.share(url, &jobs, named, &open, events).await
            }
            _ => self.work(&jobs, &open, stores, by_content, events).await,
        };
        if let Err(error) = worked {
            reporting.abort();
            return Err(error);
        }
        Ok(reporting.await.map_err(std::io::Error::other)?)
    }

    async fn work(
        &self,
        jobs: &Jobs,
        open: &OpenStores,
        stores: Arc<dyn Stores>,
        charts_by_content: bool,
        events: EventSender,
    ) -> Result<(), Fatal> {
        let interrupt = self.interrupt.clone();
        let list = &self.settings.list;
        match &self.settings.task {
            Task::Mirror(flags) => {
                let purpose = if flags.dry_run { Purpose::DryRun } else { Purpose::Push };
                let prepared = self.prepare(purpose, jobs, open, &events).await?;
                let options = CopyOptions {
                    referrers: flags.referrers,
                    cache: self.caches.manifests.clone(),
                    jobs: list.images.jobs,
                    timeout: list.images.limits.timeout(),
                    index: list.images.index,
                    no_platform_fails: list.images.no_arch_os_fail,
                    dry_run: flags.dry_run,
                    force_recursive: flags.force_recursive || flags.deep,
                    deep: flags.deep,
                    charts_by_content,
                    unprepared: prepared.unprepared,
                    refused: prepared.refused,
                    would_create: prepared.would_create,
                    homes: None,
                };
                copy::run(jobs, stores, options, events.clone(), interrupt).await;
                self.tell_of_referrers(&events);
            }
            Task::Validate(flags) => {
                let prepared = self.prepare(Purpose::Validate, jobs, open, &events).await?;
                let options = ValidateOptions {
                    jobs: list.images.jobs,
                    timeout: list.images.limits.timeout(),
                    index: list.images.index,
                    no_platform_fails: list.images.no_arch_os_fail,
                    deep: flags.deep,
                    referrers: flags.referrers,
                    cache: self.caches.manifests.clone(),
                    charts_by_content,
                    missing: prepared.would_create,
                };
                validate::run(jobs, stores, options, events, interrupt).await;
            }
        }
        Ok(())
    }

    /// Says once that referrers were not looked for, unless the summary of a copy says it.
    pub(super) fn tell_of_referrers(&self, events: &EventSender) {
        let is_said =
            self.settings.list.images.output == OutputFormat::Text && !self.settings.dry_run();
        if matches!(self.settings.task, Task::Mirror(_))
            && !self.settings.referrers()
            && !is_said
            && !self.referrers_left_out.swap(true, Ordering::Relaxed)
        {
            let text =
                "referrers (signatures, SBOMs) were not looked for; --referrers copies them too";
            events.note(0, None, Level::Info, text);
        }
    }

    /// Refuses a plugin that sends a password over plain HTTP, unless the host is on loopback or insecure
    /// by a flag.
    fn check_plain_http(&self, plugin: &Plugin, jobs: &Jobs) -> Result<(), SettingsError> {
        let registries: Vec<&Registry> =
            jobs.destinations().filter_map(StoreName::registry).collect();
        for PlainHttp { setting, host } in plugin.plain_http() {
            let given: Option<Registry> = host.and_then(|host| host.parse().ok());
            let hosts = given.iter().chain(registries.iter().copied().filter(|_| given.is_none()));
            if let Some(registry) = hosts
                .into_iter()
                .find(|host| !host.is_loopback() && !self.settings.insecure.has(host))
            {
                let setting = match &setting {
                    PlainSetting::Key { key, value } => {
                        format!("{}={value}", self.settings.plugins.written(plugin.name(), key))
                    }
                    PlainSetting::Origin { endpoint } => {
                        format!("[plugins.{}.endpoints.{endpoint}] origin", plugin.name())
                    }
                };
                return Err(SettingsError::PlainHttp { setting, registry: registry.clone() });
            }
        }
        Ok(())
    }

    /// Prepares the destinations with the repository type, or with the one that each shows.
    pub(in crate::commands) async fn prepare(
        &self,
        purpose: Purpose,
        jobs: &Jobs,
        stores: &OpenStores,
        events: &EventSender,
    ) -> Result<Prepared, Fatal> {
        let Some(name) = self.settings.repo_type() else { return Ok(Prepared::default()) };
        let prepared = self.unless_interrupted(async {
            if name != AUTO {
                return self.prepare_with(name, None, (purpose, jobs, stores, events)).await;
            }
            let mut prepared = Prepared::default();
            for (name, only) in prepare::recognise(jobs, &stores.registries, events).await {
                let run = (purpose, jobs, stores, events);
                prepared.extend(self.prepare_with(name, Some(&only), run).await?);
            }
            Ok(prepared)
        });
        Ok(prepared.await?.unwrap_or_default())
    }

    /// Prepares the destinations, or `only` some registries among them, with one repository type.
    async fn prepare_with(
        &self,
        name: &str,
        only: Option<&BTreeSet<Registry>>,
        (purpose, jobs, stores, events): (Purpose, &Jobs, &OpenStores, &EventSender),
    ) -> Result<Prepared, Fatal> {
        let configured = self.plugins.name_of(Kind::RepoType, name).await?;
        let endpoints = self.settings.plugins.endpoints(&configured);
        let built_in = PluginHost::built_in(Kind::RepoType).contains(&name);
        let registries = stores.registries.clone();
        let endpoints = RegistryEndpoints::new(registries, configured, endpoints, built_in);
        let endpoints = Arc::new(endpoints);
        let plugin = self.load(Kind::RepoType, name, Some(Arc::clone(&endpoints))).await?;
        self.check_plain_http(&plugin, jobs)?;
        let reached = (&stores.registries, &*endpoints);
        Ok(prepare::prepare(jobs, only, &plugin, reached, events, purpose).await?)
    }
}
