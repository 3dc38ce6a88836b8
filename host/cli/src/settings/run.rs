//! The settings of `mirror` and `mirror-validate`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;

use super::duration::parse_duration;
use super::plugin::HARBOR_HTTPS;
use super::{PluginSettings, SettingsError, SettingsFile};
use crate::report::{OutputFormat, Verb};
use longshore_engine::IndexMode;
use longshore_engine::plan::{FilterFlags, PlanError, parse_store_flag};
use longshore_oci::StoreName;

/// Images at once where `-j` is not given.
const DEFAULT_JOBS: usize = 8;
/// A registry that limits requests for longer is given up where `--max-wait` is not given.
pub(crate) const DEFAULT_MAX_WAIT: Duration = Duration::from_secs(15 * 60);

/// The command's name, which is also that of its table in the settings file.
const fn command(verb: Verb) -> &'static str {
    match verb {
        Verb::Mirror => "mirror",
        Verb::Validate => "mirror-validate",
    }
}

const fn default_failed(verb: Verb) -> &'static str {
    match verb {
        Verb::Mirror => "mirror-failed.txt",
        Verb::Validate => "mirror-validate-failed.txt",
    }
}

/// What the command line gave; `None` and empty lists are what it left open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arguments {
    pub(crate) file: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) destination: Option<String>,
    pub(crate) arch: Option<String>,
    pub(crate) os: Option<String>,
    pub(crate) jobs: Option<usize>,
    pub(crate) max_wait: Option<String>,
    pub(crate) failed: Option<String>,
    pub(crate) repo_type: Option<String>,
    pub(crate) default_project: Option<String>,
    pub(crate) harbor_https: Option<bool>,
    pub(crate) no_arch_os_fail: Option<bool>,
    pub(crate) index: Option<IndexMode>,
    pub(crate) referrers: Option<bool>,
    pub(crate) dry_run: Option<bool>,
    pub(crate) force_recursive: Option<bool>,
    pub(crate) deep: Option<bool>,
    pub(crate) list_format: Option<String>,
    pub(crate) rewrite: Vec<String>,
    pub(crate) plugin_config: Vec<String>,
    pub(crate) grant: Vec<String>,
    pub(crate) output: Option<OutputFormat>,
    pub(crate) tls_verify: Option<bool>,
    pub(crate) debug: Option<bool>,
    pub(crate) settings: Option<String>,
}

/// Everything that a run is told.
#[derive(Clone, Debug)]
pub(crate) struct RunSettings {
    pub(crate) verb: Verb,
    /// `-f`; `-` is standard input, `None` the prompt or standard input.
    pub(crate) file: Option<String>,
    pub(crate) source: Option<StoreName>,
    /// `-d`, `DOCKER_REGISTRY` or the settings file's, in this order.
    pub(crate) destination: Option<StoreName>,
    pub(crate) filter: FilterFlags,
    pub(crate) jobs: usize,
    pub(crate) max_wait: Duration,
    pub(crate) failed: PathBuf,
    pub(crate) repo_type: Option<String>,
    pub(crate) default_project: String,
    pub(crate) no_arch_os_fail: bool,
    pub(crate) index: IndexMode,
    pub(crate) referrers: bool,
    pub(crate) dry_run: bool,
    pub(crate) force_recursive: bool,
    pub(crate) deep: bool,
    /// `None` asks the plugins.
    pub(crate) list_format: Option<String>,
    pub(crate) rewrites: Vec<String>,
    pub(crate) plugins: PluginSettings,
    pub(crate) output: OutputFormat,
    pub(crate) tls_verify: bool,
    pub(crate) debug: bool,
    /// What of the above was given explicitly, as the command that repeats the run.
    pub(crate) repeat: Vec<String>,
}

/// Picks each setting from the arguments, else from the file.
struct Layers<'a> {
    command: &'static str,
    file: &'a SettingsFile,
}

impl Layers<'_> {
    fn text(&self, given: Option<String>, key: &str) -> Result<Option<String>, SettingsError> {
        match given.filter(|text| !text.is_empty()) {
            Some(text) => Ok(Some(text)),
            None => self.file.text(self.command, key),
        }
    }

    fn boolean(
        &self,
        given: Option<bool>,
        key: &str,
        default: bool,
    ) -> Result<bool, SettingsError> {
        Ok(self.given(given, key)?.unwrap_or(default))
    }

    fn given(&self, given: Option<bool>, key: &str) -> Result<Option<bool>, SettingsError> {
        match given {
            Some(given) => Ok(Some(given)),
            None => self.file.boolean(self.command, key),
        }
    }

    fn texts(&self, given: Vec<String>, key: &str) -> Result<Vec<String>, SettingsError> {
        let given: Vec<String> = given.into_iter().filter(|text| !text.is_empty()).collect();
        if given.is_empty() { self.file.texts(self.command, key) } else { Ok(given) }
    }

    fn index(&self, given: Option<IndexMode>) -> Result<IndexMode, SettingsError> {
        if let Some(given) = given {
            return Ok(given);
        }
        let Some(text) = self.file.text(self.command, "index")? else {
            return Ok(IndexMode::default());
        };
        IndexMode::of_name(&text).ok_or_else(|| SettingsError::Value {
            key: "index",
            value: text,
            expected: format!("it is none of {}", IndexMode::ALL.map(IndexMode::name).join(", ")),
        })
    }

    fn choice<T: ValueEnum>(
        &self,
        given: Option<T>,
        key: &'static str,
    ) -> Result<Option<T>, SettingsError> {
        if given.is_some() {
            return Ok(given);
        }
        let Some(text) = self.file.text(self.command, key)? else { return Ok(None) };
        T::from_str(&text, false).map(Some).map_err(|_| {
            let names: Vec<String> = T::value_variants()
                .iter()
                .filter_map(|value| Some(value.to_possible_value()?.get_name().to_owned()))
                .collect();
            SettingsError::Value {
                key,
                value: text,
                expected: format!("it is none of {}", names.join(", ")),
            }
        })
    }
}

impl RunSettings {
    /// Resolves arguments over environment (`DOCKER_REGISTRY` is `registry`) over file over
    /// defaults.
    ///
    /// # Errors
    /// Where a value is wrong, whichever of them it comes from.
    pub(crate) fn resolve(
        verb: Verb,
        arguments: Arguments,
        registry: Option<String>,
        file: SettingsFile,
    ) -> Result<Self, SettingsError> {
        let layers = Layers { command: command(verb), file: &file };
        let repeat = repeat(verb, &arguments);
        let source = layers.text(arguments.source, "source")?;
        let given = arguments.destination.filter(|text| !text.is_empty());
        let registry = registry.filter(|text| !text.is_empty());
        let (from, destination) = match (given, registry) {
            (None, Some(text)) => ("DOCKER_REGISTRY", Some(text)),
            (given, _) => ("-d", layers.text(given, "destination")?),
        };
        let named =
            |flag, text: Option<String>| text.map(|text| parse_store_flag(flag, &text)).transpose();
        let arch = layers.text(arguments.arch, "arch")?;
        let os = layers.text(arguments.os, "os")?;
        let failed = layers.text(arguments.failed, "failed")?;
        let config = layers.texts(arguments.plugin_config, "plugin-config")?;
        let grants = layers.texts(arguments.grant, "grant")?;
        let mut plugins = PluginSettings::new(file.clone(), &config, grants)?;
        if let Some(https) = layers.given(arguments.harbor_https, "harbor-https")? {
            plugins.set(HARBOR_HTTPS, https);
        }
        let jobs = match arguments.jobs {
            Some(jobs) => jobs,
            None => layers.file.count(layers.command, "jobs")?.unwrap_or(DEFAULT_JOBS),
        };
        let max_wait = match layers.text(arguments.max_wait, "max-wait")? {
            Some(text) => parse_duration(&text).ok_or_else(|| SettingsError::Value {
                key: "max-wait",
                value: text,
                expected: "it is no time such as 90s, 15m or 2h".to_owned(),
            })?,
            None => DEFAULT_MAX_WAIT,
        };
        let destination = named(from, destination)?;
        Ok(Self {
            verb,
            file: layers.text(arguments.file, "file")?,
            source: named("-s", source)?,
            filter: FilterFlags::new(arch.as_deref(), os.as_deref()).map_err(PlanError::from)?,
            jobs,
            max_wait,
            failed: PathBuf::from(failed.unwrap_or_else(|| default_failed(verb).to_owned())),
            repo_type: layers.text(arguments.repo_type, "repo-type")?,
            default_project: layers
                .text(arguments.default_project, "default-project")?
                .unwrap_or_else(|| "library".to_owned()),
            no_arch_os_fail: layers.boolean(arguments.no_arch_os_fail, "no-arch-os-fail", false)?,
            index: layers.index(arguments.index)?,
            referrers: layers.boolean(arguments.referrers, "referrers", false)?,
            dry_run: layers.boolean(arguments.dry_run, "dry-run", false)?,
            force_recursive: layers.boolean(arguments.force_recursive, "force-recursive", false)?,
            deep: layers.boolean(arguments.deep, "deep", false)?,
            list_format: layers
                .text(arguments.list_format, "list-format")?
                .filter(|name| name != "auto"),
            rewrites: layers.texts(arguments.rewrite, "rewrite")?,
            output: layers.choice(arguments.output, "output")?.unwrap_or_default(),
            tls_verify: layers.boolean(arguments.tls_verify, "tls-verify", true)?,
            debug: layers.boolean(arguments.debug, "debug", false)?,
            repeat: with_origins(repeat, file.path(), destination.as_ref()),
            plugins,
            destination,
        })
    }
}

/// The flags that were given, without `-f` and `--list-format`, which the failed list brings along,
/// and without `-d` and `--settings`, which may come from elsewhere. `-o` is among them, so that a run in which nothing fails any more removes the list.
fn repeat(verb: Verb, arguments: &Arguments) -> Vec<String> {
    let mut words = vec!["longshore".to_owned(), command(verb).to_owned()];
    let mut flag = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            words.push(format!("--{name}={value}"));
        }
    };
    flag("source", arguments.source.clone());
    flag("arch", arguments.arch.clone());
    flag("os", arguments.os.clone());
    flag("jobs", arguments.jobs.map(|jobs| jobs.to_string()));
    flag("max-wait", arguments.max_wait.clone());
    flag("failed", arguments.failed.clone());
    flag("repo-type", arguments.repo_type.clone());
    flag("default-project", arguments.default_project.clone());
    flag("harbor-https", arguments.harbor_https.map(|given| given.to_string()));
    flag("no-arch-os-fail", arguments.no_arch_os_fail.map(|given| given.to_string()));
    flag("force-recursive", arguments.force_recursive.map(|given| given.to_string()));
    flag("deep", arguments.deep.map(|given| given.to_string()));
    flag("index", arguments.index.map(|index| index.name().to_owned()));
    flag("referrers", arguments.referrers.map(|given| given.to_string()));
    for name in &arguments.rewrite {
        flag("rewrite", Some(name.clone()));
    }
    for setting in &arguments.plugin_config {
        flag("plugin-config", Some(setting.clone()));
    }
    for grant in &arguments.grant {
        flag("grant", Some(grant.clone()));
    }
    let output = arguments.output.and_then(|output| output.to_possible_value());
    flag("output", output.map(|output| output.get_name().to_owned()));
    flag("debug", arguments.debug.map(|given| given.to_string()));
    flag("tls-verify", arguments.tls_verify.map(|given| given.to_string()));
    words
}

/// What of the environment the command needs to mean the same: the settings file in use and the
/// destination, wherever they came from.
fn with_origins(
    mut words: Vec<String>,
    settings: Option<&Path>,
    destination: Option<&StoreName>,
) -> Vec<String> {
    words.extend(settings.map(|path| format!("--settings={}", path.display())));
    words.extend(destination.map(|store| format!("--destination={store}")));
    words
}

#[cfg(test)]
mod tests {
    use super::{Arguments, RunSettings};
    use crate::report::Verb;
    use crate::settings::{SettingsError, SettingsFile};

    fn resolve(arguments: Arguments, registry: &str) -> Result<RunSettings, SettingsError> {
        RunSettings::resolve(
            Verb::Mirror,
            arguments,
            Some(registry.to_owned()),
            SettingsFile::default(),
        )
    }

    #[test]
    fn the_flag_beats_the_environment_and_empty_values_are_unset() {
        let given =
            |text: &str| Arguments { destination: Some(text.into()), ..Arguments::default() };
        let destination = |text, registry| resolve(given(text), registry).unwrap().destination;
        assert_eq!(destination("flag.io", "env.io").unwrap().as_str(), "flag.io");
        assert_eq!(destination("", "env.io").unwrap().as_str(), "env.io");
        assert_eq!(destination("", ""), None);
        assert!(resolve(given("https://x"), "").unwrap_err().hint().unwrap().contains("-d x"));
    }

    #[test]
    fn the_repeated_command_names_the_destination_wherever_it_came_from() {
        let arguments = Arguments {
            arch: Some("arm64".into()),
            tls_verify: Some(false),
            ..Arguments::default()
        };
        let settings = resolve(arguments, "env.io").unwrap();
        assert_eq!(
            settings.repeat.join(" "),
            "longshore mirror --arch=arm64 --tls-verify=false --destination=env.io"
        );
        assert_eq!(settings.failed.to_str(), Some("mirror-failed.txt"));
    }
}
