//! The configuration of charts as a list, for the commands that read lists.

use std::path::Path;
use std::sync::Arc;

use longshore_chart::artifact::ChartStore;
use longshore_chart::config::{Config, Target, is_config};
use longshore_chart::source::{HelmFileError, HelmRepositories, RepoLogin, Sources};
use longshore_engine::counted;
use longshore_engine::event::Level;
use longshore_engine::list::{Entry, ListText, Pinned, Selection};
use longshore_registry::Registries;
use tokio::sync::Semaphore;

use super::gather::{Gathering, Wanted, renderings_at_once};
use super::planning::entries;
use super::renderer::{self, Plugins};
use super::stores::STORE;
use super::versions::FoundChart;
use crate::error::Fatal;
use crate::flags::ChartListFlags;
use crate::report::Log;
use crate::settings::with_versions;
use crate::setup::{kept_archives, kept_renderings, variable};

/// The number of charts that are looked at at once.
const AT_ONCE: usize = 4;

/// What reading a configuration needs.
pub(in crate::commands) struct Reading<'a> {
    pub(in crate::commands) flags: &'a ChartListFlags,
    pub(in crate::commands) plugins: Plugins<'a>,
    pub(in crate::commands) logins: Vec<RepoLogin>,
}

/// All charts of a configuration, and their images.
pub(in crate::commands) struct Listed {
    pub(super) found: Vec<FoundChart>,
    pub(super) target: Target,
    pub(super) charts: Arc<ChartStore>,
}

/// Whether a text without a format of its own is a configuration of charts.
pub(in crate::commands) fn is_of_charts(text: &ListText, format: Option<&str>) -> bool {
    format.is_none() && is_config(&text.text)
}

/// Reads the configuration in `text`.
pub(in crate::commands) fn config_of(text: &ListText) -> Result<Config, Fatal> {
    let path = Path::new(&text.name);
    let mut config = Config::parse(path, &text.text)?;
    config.upstreams = with_versions(path, config.upstreams)?;
    Ok(config)
}

/// The sources of charts, with the repositories that Helm knows.
pub(super) fn sources(
    registries: Registries,
    logins: Vec<RepoLogin>,
) -> Result<Sources, HelmFileError> {
    let home = directories::BaseDirs::new().map(|folders| folders.home_dir().to_owned());
    let helm = HelmRepositories::of_environment(variable, home.as_deref(), logins)?;
    Ok(Sources::new(registries, helm, kept_archives()))
}

impl Reading<'_> {
    /// Fetches and renders all charts of the configuration in the list `name`.
    pub(in crate::commands) async fn read(
        self,
        config: Config,
        name: &str,
        registries: Registries,
    ) -> Result<Listed, Fatal> {
        let renderer = renderer::choose(self.plugins, &self.flags.renderer).await?;
        let sources = sources(registries, self.logins)?;
        let store = STORE.parse().map_err(std::io::Error::other)?;
        let charts = Arc::new(ChartStore::new(store)?);
        let gathering = Gathering {
            sources: &sources,
            renderer: Some(&*renderer),
            kept: kept_renderings(),
            permits: Semaphore::new(renderings_at_once()),
            charts: &charts,
            wanted: Wanted {
                config: Path::new(name),
                concurrency: AT_ONCE,
                charts: true,
                include_disabled: self.flags.include_disabled,
                renderings: false,
                artifact_folders: Vec::new(),
            },
            log: self.plugins.log,
        };
        let found = gathering.all(&config.upstreams).await;
        Ok(Listed { found, target: config.target, charts })
    }
}

impl Listed {
    /// Returns the entries of a list that any command reads, and the number of failures, which it logs.
    ///
    /// A chart that no registry has is read at the target.
    pub(in crate::commands) fn entries(&self, log: &Log) -> (Vec<Entry>, usize) {
        let mut failed = 0;
        for chart in &self.found {
            for version in &chart.versions {
                for failure in version.failure.iter().chain(&version.images_failure) {
                    let text =
                        format!("failed {} {}: {}", chart.key, version.version, failure.error);
                    log.failure(None, &text, failure.hint.as_deref());
                    failed += 1;
                }
            }
        }
        let (_, mut entries) = entries(&self.found, &self.target);
        let mut at_target = 0;
        for entry in &mut entries {
            let is_here = entry.source.split('/').next() == Some(STORE);
            if let (true, Some(destination)) = (is_here, &entry.destination) {
                entry.source.clone_from(destination);
                at_target += 1;
            }
            let tag = match &entry.select {
                Selection::ByTag(tag) | Selection::ByDigest(Pinned { tag: Some(tag), .. }) => tag,
                _ => continue,
            };
            if entry.destination_tag.as_ref() == Some(tag) {
                entry.destination_tag = None;
            }
        }
        if at_target > 0 {
            let charts = counted(at_target, "chart comes", "charts come");
            let text = format!(
                "{charts} from no registry: the list reads them at {}, so mirror them there first, and give another destination with -d",
                self.target.registry
            );
            log.write(Level::Warning, &text);
        }
        (entries, failed)
    }
}
