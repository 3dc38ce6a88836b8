//! The settings of `mirror-charts`.

use std::path::Path;

use longshore_chart::config::{Config, Target, Upstream, VersionWish};
use longshore_chart::source::RepoLogin;
use longshore_engine::IndexMode;

use super::layers::Origins;
use super::{RunSettings, SettingsError, SettingsFile, Task};
use crate::error::Fatal;
use crate::flags::{CopyFlags, Global, ImageFlags, ListFlags, MirrorCharts, NO_PROJECT};
use crate::report::shell_command;

/// The flags of `mirror-charts` that `mirror` has too, for the command that repeats failed images.
const OF_MIRROR: [&str; 19] = [
    "arch",
    "arch-any",
    "os",
    "no-arch-os-fail",
    "rewrite",
    "plugin-config",
    "locked",
    "repo-type",
    "grant",
    "harbor-https",
    "referrers",
    "max-wait",
    "timeout",
    "retries",
    "limit-rate",
    "tls-verify",
    "insecure-registry",
    "debug",
    "quiet",
];
/// The other flags that `mirror-charts` shares with commands that read its configuration as a list.
const OF_CHART_LISTS: [&str; 4] = ["renderer", "include-disabled", "default-project", "settings"];
/// Flags that the command for one chart sets itself, or that a repeated run does not need.
const OF_ONE_RUN: [&str; 8] =
    ["config", "chart", "all", "version", "dry-run", "settings", "why", "report"];

/// The settings of one run.
#[derive(Debug)]
pub(crate) struct ChartSettings {
    /// The settings that a run of `mirror` has too.
    pub(crate) run: RunSettings,
    pub(crate) flags: MirrorCharts,
    pub(crate) target: Target,
    /// The upstreams to mirror, in the order of the configuration.
    pub(crate) upstreams: Vec<Upstream>,
    pub(crate) logins: Vec<RepoLogin>,
    /// The words of the command that repeats the charts of one key, without the key.
    pub(crate) repeat: Vec<String>,
    /// The words of the command that repeats the run. What is at the target already is skipped.
    pub(crate) repeat_run: Vec<String>,
    /// The words of the command that repeats failed images, without the list.
    pub(crate) repeat_images: Vec<String>,
}

impl ChartSettings {
    /// Reads the configuration, and resolves the flags.
    ///
    /// # Errors
    /// Returns an error that names the flag, the key or the place in the configuration.
    pub(crate) fn new(
        flags: MirrorCharts,
        global: &Global,
        origins: &Origins,
        file: SettingsFile,
    ) -> Result<Self, Fatal> {
        if flags.chart.is_none() && !flags.all {
            return Err(SettingsError::NoChart.into());
        }
        if flags.all && !flags.versions.is_empty() {
            return Err(SettingsError::VersionOfAll.into());
        }
        let logins = file.repositories()?;
        let settings_path = file.path().map(|path| format!("--settings={}", path.display()));
        let config = Config::read(&flags.config)?;
        let upstreams = selected(config.upstreams, &flags)?;
        let target = config.target;
        let list = list_flags(&flags, &target);
        let task = Task::Mirror(copy_flags(&flags));
        let mut run = RunSettings::new(list, task, global, origins, file)?;
        if target.insecure {
            run.plain_http.push(target.registry.clone());
        }
        let words = |command: &str, given: Vec<String>| {
            let mut words = vec!["longshore".to_owned(), command.to_owned()];
            words.extend(given);
            words.extend(settings_path.clone());
            words
        };
        let mut repeat = words("mirror-charts", origins.words(&OF_ONE_RUN));
        repeat.push(format!("--config={}", flags.config.display()));
        let mut repeat_run = repeat.clone();
        repeat_run.extend(match &flags.chart {
            Some(key) => vec![format!("--chart={key}")],
            None => vec!["--all".to_owned()],
        });
        repeat_run.extend(flags.versions.iter().map(|version| format!("--version={version}")));
        let others = origins.words(&OF_ONE_RUN);
        let is_shared =
            |word: &String| OF_MIRROR.iter().any(|flag| word.starts_with(&format!("--{flag}=")));
        let mut repeat_images = words("mirror", others.into_iter().filter(is_shared).collect());
        let is_insecure = target.registry.is_loopback() || global.insecure().has(&target.registry);
        if target.insecure && !is_insecure {
            repeat_images.push(format!("--insecure-registry={}", target.registry));
        }
        run.part = part(&flags);
        Ok(Self { run, flags, target, upstreams, logins, repeat, repeat_run, repeat_images })
    }
}

/// Returns the flags that limit a run to a part of the configuration; `None` if it is about all of it.
fn part(flags: &MirrorCharts) -> Option<String> {
    let chart = flags.chart.iter().map(|key| format!("--chart={key}"));
    let versions = flags.versions.iter().map(|version| format!("--version={version}"));
    let kinds = [(flags.charts_only, "--charts-only"), (flags.images_only, "--images-only")];
    let kinds =
        kinds.into_iter().filter(|(is_given, _)| *is_given).map(|(_, flag)| flag.to_owned());
    let words: Vec<String> = chart.chain(versions).chain(kinds).collect();
    (!words.is_empty()).then(|| shell_command(words))
}

/// Selects the upstreams of a run, with the versions of the command line if it has some.
fn selected(
    upstreams: Vec<Upstream>,
    flags: &MirrorCharts,
) -> Result<Vec<Upstream>, SettingsError> {
    let keys: Vec<String> = upstreams.iter().map(|upstream| upstream.key.clone()).collect();
    let mut selected = upstreams;
    if let Some(key) = &flags.chart {
        selected.retain(|upstream| upstream.key == *key);
        if selected.is_empty() {
            return Err(SettingsError::UnknownChart { key: key.clone(), keys });
        }
    }
    if !flags.versions.is_empty() {
        let wishes = flags.versions.iter().map(|text| {
            VersionWish::parse(text).map_err(|error| SettingsError::ChartVersion(error.to_string()))
        });
        let wishes: Vec<VersionWish> = wishes.collect::<Result<_, _>>()?;
        for upstream in &mut selected {
            upstream.versions.clone_from(&wishes);
        }
    }
    with_versions(&flags.config, selected)
}

/// Returns the upstreams of the configuration at `path`, if there are some and each has versions.
pub(crate) fn with_versions(
    path: &Path,
    upstreams: Vec<Upstream>,
) -> Result<Vec<Upstream>, SettingsError> {
    if upstreams.is_empty() {
        return Err(SettingsError::NoUpstreams(path.to_owned()));
    }
    match upstreams.iter().find(|upstream| upstream.versions.is_empty()) {
        Some(upstream) => Err(SettingsError::NoVersions {
            path: path.to_owned(),
            line: upstream.line,
            key: upstream.key.clone(),
        }),
        None => Ok(upstreams),
    }
}

/// Returns the command that mirrors the charts of the configuration `config`, without the choice of
/// charts: the words of a command with other flags too, of which `mirror-charts` has some.
pub(crate) fn mirror_charts_words(words: &[String], config: &str) -> Vec<String> {
    let shared = OF_MIRROR.iter().chain(&OF_CHART_LISTS);
    let shared: Vec<String> = shared.map(|flag| format!("--{flag}=")).collect();
    let kept = words.iter().filter(|word| shared.iter().any(|flag| word.starts_with(flag)));
    let command = ["longshore".to_owned(), "mirror-charts".to_owned()];
    let config = format!("--config={config}");
    command.into_iter().chain(kept.cloned()).chain([config]).collect()
}

fn list_flags(flags: &MirrorCharts, target: &Target) -> ListFlags {
    let default_project = flags.default_project.clone().unwrap_or_else(|| NO_PROJECT.to_owned());
    ListFlags {
        default_project,
        file: Some(flags.config.display().to_string()),
        destination: Some(target.registry.to_string()),
        rewrite: flags.rewrite.clone(),
        ..ListFlags::without_list(ImageFlags {
            arch: flags.arch.clone(),
            os: flags.os.clone(),
            arch_any: flags.arch_any,
            jobs: flags.concurrency,
            limits: flags.limits.clone(),
            no_arch_os_fail: flags.no_arch_os_fail,
            index: IndexMode::default(),
            plugin_config: flags.plugin_config.clone(),
            locked: flags.locked,
            output: flags.output,
            report: flags.report.clone(),
        })
    }
}

fn copy_flags(flags: &MirrorCharts) -> CopyFlags {
    CopyFlags {
        failed: flags.failed.clone(),
        registry: flags.registry.clone(),
        force_recursive: flags.force_recursive,
        deep: false,
        referrers: flags.referrers,
        dry_run: flags.dry_run,
    }
}
