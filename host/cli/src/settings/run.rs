//! The settings of `mirror` and `mirror-validate`.

use std::path::{Path, PathBuf};

use super::layers::{Origin, Origins};
use super::plugin::HARBOR_HTTPS;
use super::{PluginSettings, SettingsError, SettingsFile};
use crate::flags::{
    CompareFlags, CopyFlags, Global, ListCredentials, ListFlags, NOT_REPEATED, RepoTypeFlags,
};
use crate::report::Verb;
use longshore_chart::source::RepoLogin;
use longshore_engine::plan::{FilterFlags, PlanError, Shard, SourceOverride, parse_store_flag};
use longshore_oci::{PlatformFilter, Registry, StoreName};
use longshore_registry::InsecureRegistries;

/// The settings of one run.
#[derive(Debug)]
pub(crate) struct RunSettings {
    pub(crate) list: ListFlags,
    pub(crate) task: Task,
    pub(crate) insecure: InsecureRegistries,
    /// Registries that may be reached over plain HTTP.
    pub(crate) plain_http: Vec<Registry>,
    pub(crate) source: SourceOverride,
    pub(crate) destination: Option<StoreName>,
    pub(crate) filter: FilterFlags,
    pub(crate) plugins: PluginSettings,
    /// True if neither flag, variable nor settings file names the failed list.
    pub(crate) failed_is_default: bool,
    /// The command that repeats the run, without its list.
    pub(crate) repeat: Vec<String>,
    /// Notes on flags that change nothing.
    pub(crate) notes: Vec<String>,
    /// A flag of this run that names a registry or a project. A configuration of charts names them itself.
    pub(crate) overrides: Option<&'static str>,
    /// True if neither flag, variable nor settings file gives `--default-project`.
    pub(crate) default_project_is_default: bool,
    /// The logins of chart repositories, or why they cannot be used.
    pub(crate) logins: Result<Vec<RepoLogin>, SettingsError>,
    /// The part of the list to which flags limit the run, if they do. Its failed list names it.
    pub(crate) part: Option<String>,
}

/// The command to run, with its own flags.
#[derive(Debug)]
pub(crate) enum Task {
    Mirror(CopyFlags),
    Validate(CompareFlags),
}

impl Task {
    const fn referrers(&self) -> bool {
        match self {
            Self::Mirror(flags) => flags.referrers,
            Self::Validate(flags) => flags.referrers,
        }
    }

    const fn is_dry_run(&self) -> bool {
        matches!(self, Self::Mirror(flags) if flags.dry_run)
    }

    const fn failed_mut(&mut self) -> &mut PathBuf {
        match self {
            Self::Mirror(flags) => &mut flags.failed,
            Self::Validate(flags) => &mut flags.failed,
        }
    }
}

/// Refuses flags of a fleet on the command line of a run without one, and what a fleet cannot do.
fn check_fleet(list: &ListFlags, is_dry_run: bool, origins: &Origins) -> Result<(), SettingsError> {
    if list.fleet.fleet.is_some() {
        // No message of the fleet has a secret.
        let has_credentials = list.list_credentials != ListCredentials::Ignored;
        return match has_credentials && !is_dry_run {
            true => Err(SettingsError::CredentialsOfFleet),
            false => Ok(()),
        };
    }
    match ["run", "fleet-creds"].into_iter().find(|key| origins.of(key) == Origin::CommandLine) {
        Some(flag) => Err(SettingsError::NoFleet { flag }),
        None => Ok(()),
    }
}

/// Returns the default failed list of a part, so that parts in one folder do not replace each other's:
/// `mirror-failed.2-of-5.txt`.
fn failed_of_part(path: &Path, shard: Shard) -> PathBuf {
    let extension =
        path.extension().map(|extension| extension.to_string_lossy()).unwrap_or_default();
    path.with_extension(format!("{}-of-{}.{extension}", shard.part(), shard.parts()))
}

impl Task {
    /// Returns the flags of the repository type.
    pub(crate) const fn registry(&self) -> &RepoTypeFlags {
        match self {
            Self::Mirror(flags) => &flags.registry,
            Self::Validate(flags) => &flags.registry,
        }
    }
}

impl RunSettings {
    /// Parses the flags that name registries, filters and plugins.
    ///
    /// # Errors
    /// Returns an error that names the value and its origin.
    pub(crate) fn new(
        mut list: ListFlags,
        mut task: Task,
        global: &Global,
        origins: &Origins,
        file: SettingsFile,
    ) -> Result<Self, SettingsError> {
        let store = |key, short, text: Option<&String>| {
            text.map(|text| parse_store_flag(named(origins, key, short), text))
                .transpose()
                .map_err(|error| placed(error, origins, key, &file))
        };
        let source = store("source", "-s", list.source.as_ref())?;
        let destination = store("destination", "-d", list.destination.as_ref())?;
        let source = SourceOverride {
            store: source,
            project: list.source_project.clone(),
            ..SourceOverride::default()
        };
        list.list_format = list.list_format.filter(|name| name != "auto");
        let mut notes = list.hangar.notes(task.referrers()).map_err(SettingsError::Replaced)?;
        check_fleet(&list, task.is_dry_run(), origins)?;
        if list.fleet.fleet.is_some() && task.is_dry_run() {
            notes.push("a dry run is done by this machine, without the fleet".to_owned());
        } else if list.fleet.fleet.is_some() && origins.of("jobs") != Origin::Default {
            let note =
                "-j bounds what this machine lists; each worker of the fleet has a -j of its own";
            notes.push(note.to_owned());
        }
        if let Some(shard) = list.shard.filter(|_| origins.of("failed") == Origin::Default) {
            let failed = task.failed_mut();
            *failed = failed_of_part(failed, shard);
        }
        Ok(Self {
            filter: filter(&list, origins, &file)?,
            insecure: global.insecure(),
            plain_http: Vec::new(),
            notes,
            failed_is_default: origins.of("failed") == Origin::Default,
            repeat: repeat(&task, origins, &file, destination.as_ref()),
            overrides: overrides(origins),
            default_project_is_default: origins.of("default-project") == Origin::Default,
            logins: file.repositories(),
            part: list.shard.map(Shard::described),
            plugins: plugins(&list, &task, origins, file)?,
            list,
            task,
            source,
            destination,
        })
    }

    pub(crate) const fn verb(&self) -> Verb {
        match self.task {
            Task::Mirror(_) => Verb::Mirror,
            Task::Validate(_) => Verb::Validate,
        }
    }

    /// Returns the path of the failed list.
    pub(crate) fn failed(&self) -> &Path {
        match &self.task {
            Task::Mirror(flags) => &flags.failed,
            Task::Validate(flags) => &flags.failed,
        }
    }

    pub(crate) const fn referrers(&self) -> bool {
        self.task.referrers()
    }

    pub(crate) const fn dry_run(&self) -> bool {
        self.task.is_dry_run()
    }

    pub(crate) fn repo_type(&self) -> Option<&str> {
        self.task.registry().repo_type.as_deref()
    }
}

/// Returns the name of a flag as its user wrote it: the short flag, the variable or the key.
pub(super) fn named(origins: &Origins, key: &'static str, short: &'static str) -> &'static str {
    match origins.of(key) {
        Origin::Variable(variable) if variable == "DOCKER_REGISTRY" => "DOCKER_REGISTRY",
        Origin::SettingsFile => key,
        Origin::CommandLine | Origin::Variable(_) | Origin::Default => short,
    }
}

/// Returns the first flag on the command line that replaces the registry or the project of entries.
fn overrides(origins: &Origins) -> Option<&'static str> {
    let flags = ["source", "destination", "source-project", "destination-project"];
    flags.into_iter().find(|flag| origins.of(flag) == Origin::CommandLine)
}

/// Adds the settings file to the error if the file gave the value.
pub(super) fn placed(
    error: PlanError,
    origins: &Origins,
    key: &str,
    file: &SettingsFile,
) -> SettingsError {
    match (origins.of(key), file.path()) {
        (Origin::SettingsFile, Some(path)) => {
            SettingsError::InFile { path: path.to_owned(), error: Box::new(error) }
        }
        _ => error.into(),
    }
}

/// Collects the settings of plugins. `--harbor-https` is a setting of the plugin `harbor`.
fn plugins(
    list: &ListFlags,
    task: &Task,
    origins: &Origins,
    file: SettingsFile,
) -> Result<PluginSettings, SettingsError> {
    let flags = task.registry();
    let mut plugins = PluginSettings::new(file, &list.images.plugin_config, flags.grant.clone())?;
    plugins.locked = list.images.locked;
    if origins.of("harbor-https") != Origin::Default {
        plugins.set(HARBOR_HTTPS, flags.harbor_https);
    }
    Ok(plugins)
}

fn filter(
    list: &ListFlags,
    origins: &Origins,
    file: &SettingsFile,
) -> Result<FilterFlags, SettingsError> {
    // Several flags are one list, as several values of one flag are.
    let joined = |values: &[String]| (!values.is_empty()).then(|| values.join(","));
    let (arch, os) = (joined(&list.images.arch), joined(&list.images.os));
    let (arch, os) = (arch.as_deref(), os.as_deref());
    // Each alone, because the error does not name its flag in every case.
    let wrong = |key, arch, os| {
        let parsed = match list.images.arch_any {
            true => PlatformFilter::of_flags(arch, os).map(drop),
            false => PlatformFilter::check_known(arch, os),
        };
        parsed.map_err(PlanError::from).map_err(|error| placed(error, origins, key, file))
    };
    wrong("arch", arch, None)?;
    wrong("os", None, os)?;
    Ok(FilterFlags::new(arch, os).map_err(PlanError::from)?)
}

/// Returns the command that repeats the run: the flags of the command line, the settings file in use and
/// the resolved destination. `--failed` is among them, so that a repeated run without failures removes the
/// list.
fn repeat(
    task: &Task,
    origins: &Origins,
    file: &SettingsFile,
    destination: Option<&StoreName>,
) -> Vec<String> {
    let command = match task {
        Task::Mirror(_) => "mirror",
        Task::Validate(_) => "mirror-validate",
    };
    let mut words = vec!["longshore".to_owned(), command.to_owned()];
    words.extend(origins.words(&NOT_REPEATED));
    words.extend(file.path().map(|path| format!("--settings={}", path.display())));
    words.extend(destination.map(|store| format!("--destination={store}")));
    words
}

#[cfg(test)]
mod tests {
    use super::{RunSettings, Task};
    use crate::flags::Command;
    use crate::settings::{SettingsError, resolve};

    fn settings(line: &str, file: &str) -> (Result<RunSettings, SettingsError>, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.toml");
        std::fs::write(&path, file).unwrap();
        let words = line.split(' ').map(Into::into);
        let words: Vec<_> =
            words.chain([format!("--settings={}", path.display()).into()]).collect();
        let found = resolve(&words).unwrap();
        let Command::Mirror(mirror) = found.cli.command else { panic!("it is mirror") };
        let task = Task::Mirror(mirror.copy);
        let global = found.cli.global;
        let settings = RunSettings::new(mirror.list, task, &global, &found.origins, found.file);
        (settings, path.display().to_string())
    }

    #[test]
    fn the_repeated_command_names_flags_settings_and_destination() {
        let line = "longshore mirror --arch=arm64 -f x --list-format=mirror --dry-run -o y \
                    --tls-verify=false";
        let (settings, path) = settings(line, "destination = 'file.io'\njobs = 3\n");
        assert_eq!(
            settings.unwrap().repeat.join(" "),
            format!(
                "longshore mirror --arch=arm64 --failed=y --tls-verify=false --settings={path} \
                 --destination=file.io"
            )
        );
    }

    #[test]
    fn a_wrong_registry_is_named_as_its_user_wrote_it() {
        let (flag, _) = settings("longshore mirror -d https://x", "");
        let error = flag.unwrap_err();
        assert!(error.to_string().starts_with("use -d \"https://x\""), "{error}");
        assert!(error.hint().unwrap().contains("-d x"));
        let (file, path) = settings("longshore mirror", "destination = 'https://x'\n");
        let error = file.unwrap_err();
        let expected = format!("read the settings file {path}: use destination \"https://x\"");
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert_eq!(error.hint().as_deref(), Some("write destination=x"));
        let (filter, path) = settings("longshore mirror -a amd64", "os = ','\n");
        assert!(filter.unwrap_err().to_string().contains(&path));
    }
}
