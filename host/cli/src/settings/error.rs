//! Errors in settings.

use std::path::PathBuf;

use crate::flags::Replaced;
use longshore_engine::plan::PlanError;
use longshore_files::ReadError;
use longshore_oci::{ReferenceError, Registry};
use longshore_plugin_host::GrantError;

/// A setting is wrong, so nothing was started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The settings file cannot be read.
    #[error("read the settings file {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: ReadError,
    },
    /// The settings file is not TOML.
    #[error("read the settings file {}: {message}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// Why, with the place.
        message: String,
    },
    /// The settings file has a key that is not a flag of the command.
    #[error("read the settings file {}:{line}: unknown key {key:?}", path.display())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key, with its table.
        key: String,
        /// What was probably meant.
        meant: Option<String>,
    },
    /// A value in the settings file has the wrong type.
    #[error("read the settings file {}: {key} must be {expected}", path.display())]
    Type {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What it must be.
        expected: &'static str,
    },
    /// The flag's parser rejects a value in the settings file.
    #[error("read the settings file {}: use {value:?} for {key}: {expected}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The rejected value.
        value: String,
        /// What it must be.
        expected: String,
    },
    /// A registry or a platform filter in the settings file is invalid.
    #[error("read the settings file {}: {error}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// The problem.
        #[source]
        error: Box<PlanError>,
    },
    /// A plugin's setting is not `NAME.KEY=VALUE`.
    #[error("use --plugin-config {0:?}: it is not NAME.KEY=VALUE")]
    PluginConfig(String),
    /// The file of `--plugin-config NAME.KEY=@FILE` cannot be read.
    #[error("use --plugin-config {key}: read {}: {error}", path.display())]
    PluginFile {
        /// The setting.
        key: String,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: ReadError,
    },
    /// The settings file grants requests to a built-in plugin.
    #[error("read the settings file {}: use [plugins.{plugin}] grants: {plugin} is built in", path.display())]
    BuiltInGrants {
        /// The file.
        path: PathBuf,
        /// The plugin.
        plugin: String,
    },
    /// A grant in the settings file is invalid.
    #[error("read the settings file {}: use {key}: {error}", path.display())]
    PluginGrant {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What is wrong.
        #[source]
        error: GrantError,
    },
    /// The settings file has a table to which longshore adds nothing.
    #[error("add grants to the settings file {}: it has [plugins.{plugin}], which longshore does not change", path.display())]
    HasPluginTable {
        /// The file.
        path: PathBuf,
        /// The plugin.
        plugin: String,
        /// The line to add.
        line: String,
    },
    /// Grants cannot be added to the settings file.
    #[error("add grants to the settings file {}: {error}", path.display())]
    WriteGrants {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        error: std::io::Error,
    },
    /// A flag of a fleet without `--fleet`.
    #[error("use --{flag}: this run has no --fleet")]
    NoFleet {
        /// The flag.
        flag: &'static str,
    },
    /// `--list-credentials` is given with `--fleet`.
    #[error("use --list-credentials with --fleet: each worker has credentials of its own")]
    CredentialsOfFleet,
    /// `--list-credentials` is given at the prompt.
    #[error("use --list-credentials at the prompt: typed lines give no credentials")]
    CredentialsOfPrompt,
    /// The file of `--list-credentials` cannot be read.
    #[error("use --list-credentials={}: {error}", path.display())]
    ListCredentials {
        /// The file.
        path: PathBuf,
        /// Why.
        error: String,
    },
    /// The file of `--list-credentials` gives none.
    #[error("use --list-credentials={}: it gives no credentials", .0.display())]
    NoListCredentials(PathBuf),
    /// `--grant` has no plugin to apply to.
    #[error(
        "use --grant {0:?}: this run has no --repo-type with an installed plugin or the path of a component"
    )]
    UnusedGrant(String),
    /// A plugin would send the registry's password over plain HTTP.
    #[error("use {setting} for {registry}: plain HTTP would show the password to the network")]
    PlainHttp {
        /// The flag that asks for plain HTTP.
        setting: String,
        /// The host, which is not on loopback.
        registry: Registry,
    },
    /// `--plugin-config` names a plugin that the run does not use.
    #[error("use --plugin-config {name}: this run uses no plugin of that name")]
    UnusedPlugin {
        /// The name.
        name: String,
        /// The most similar name of a plugin that the run uses.
        nearest: Option<String>,
    },
    /// A reference on the command line is invalid.
    #[error("read the reference {text:?}: {error}")]
    Reference {
        /// The text.
        text: String,
        /// Why.
        #[source]
        error: ReferenceError,
    },
    /// The source or the destination of `copy` cannot be read.
    #[error("read the {side} {text:?}: {why}")]
    End {
        /// The end of the copy.
        side: String,
        /// The text, without a password.
        text: String,
        /// Why.
        why: String,
        /// What to write instead.
        hint: String,
    },
    /// An image layout is named without a tag, and has several.
    #[error("choose an image of oci:{folder}: it has the tags {tags}")]
    SeveralTags {
        /// The folder.
        folder: String,
        /// Its tags, or the first of them.
        tags: String,
    },
    /// `--tags` is not a regular expression.
    #[error("use --tags {pattern:?}: {why}")]
    TagPattern {
        /// The expression.
        pattern: String,
        /// Why.
        why: String,
    },
    /// An image layout is named without a tag, and has several images without one.
    #[error("choose an image of oci:{folder}: it has no tags, and the manifests {digests}")]
    SeveralImages {
        /// The folder.
        folder: String,
        /// Their digests, or the first of them.
        digests: String,
    },
    /// A command that needs a repository got a registry.
    #[error("read the repository {text:?}: it is a registry without a repository")]
    OnlyRegistry {
        /// The text.
        text: String,
    },
    /// A repository on the command line has a tag or a digest.
    #[error("list the tags of {text:?}: it has a tag or a digest")]
    NotRepository {
        /// The text.
        text: String,
    },
    /// `--every` is given without a file that can be read for each run.
    #[error("use --every: it needs a list that can be read again")]
    EveryWithoutFile,
    /// A global flag has no effect on the command.
    #[error("use --{flag}: it has no effect on {command}")]
    NoEffect {
        /// The flag without its dashes.
        flag: &'static str,
        /// The command.
        command: String,
    },
    /// longshore cannot follow a flag of Hangar.
    #[error("use {}: {}", .0.flag, .0.why)]
    Replaced(Replaced),
    /// `--renderer` names none that can be used.
    #[error("use --renderer {name}: {why}")]
    Renderer {
        /// The value.
        name: String,
        /// Why not.
        why: String,
        /// What helps.
        hint: String,
    },
    /// A flag names a folder that cannot be written.
    #[error("use --{flag} {}: {error}", path.display())]
    Folder {
        /// The flag without its dashes.
        flag: &'static str,
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// `--why` is not a reference.
    #[error("use --why {image:?}: {error}")]
    Why {
        /// The value.
        image: String,
        /// Why not.
        #[source]
        error: ReferenceError,
    },
    /// A login in `[repositories]` cannot be used.
    #[error("read the settings file {}: use repositories.{url:?}: {why}", path.display())]
    Repository {
        /// The file.
        path: PathBuf,
        /// The repository.
        url: String,
        /// Why.
        why: String,
    },
    /// Neither `--chart` nor `--all` is given.
    #[error("select charts: neither --chart nor --all is given")]
    NoChart,
    /// `--version` is given with `--all`.
    #[error("use --version with --all: the versions of one chart are not those of the others")]
    VersionOfAll,
    /// A `--version` is not valid.
    #[error("use --version: {0}")]
    ChartVersion(String),
    /// `--chart` names no upstream.
    #[error("use --chart {key:?}: there is no such key under upstreams")]
    UnknownChart {
        /// The key.
        key: String,
        /// The keys that exist.
        keys: Vec<String>,
    },
    /// `mirror` got the configuration of `mirror-charts` as its list.
    #[error("read the list {0}: it is a configuration of charts")]
    ChartsAsList(String),
    /// A flag names what the configuration of charts names.
    #[error("use --{0} with a configuration of charts: it names the sources and the target itself")]
    NamedByCharts(&'static str),
    /// There is nothing under `upstreams`.
    #[error("read the configuration {}: there is nothing under upstreams", .0.display())]
    NoUpstreams(PathBuf),
    /// An upstream has no versions, and the command line gives none.
    #[error("read the configuration {}:{line}: upstream {key:?} has no versions", path.display())]
    NoVersions {
        /// The configuration.
        path: PathBuf,
        /// The line of the upstream.
        line: u32,
        /// The key.
        key: String,
    },
    /// `-s`, `-d` or a platform filter is invalid.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

impl SettingsError {
    /// Returns advice for the user.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Read { .. } => Some(
                "check its path and its rights; --settings or LONGSHORE_CONFIG names another file"
                    .to_owned(),
            ),
            Self::Toml { .. } => Some(
                "texts need quotes and lists need brackets, as destination = \"registry.example.com\" and \
                 rewrite = [\"prefix\"]; numbers and true or false do not"
                    .to_owned(),
            ),
            Self::UnknownKey { meant: Some(meant), .. } => Some(meant.clone()),
            Self::UnknownKey { meant: None, .. } => Some(
                "use a long flag without its dashes as key; tables are the commands, such as [mirror], and [plugins.NAME]"
                    .to_owned(),
            ),
            Self::Renderer { hint, .. } => Some(hint.clone()),
            Self::UnusedPlugin { nearest, .. } => {
                Some(format!("the plugin of this run with the nearest name is {}", nearest.as_ref()?))
            }
            Self::NoChart => Some("give --all, or --chart with a key of the configuration".to_owned()),
            Self::VersionOfAll => Some("give --chart".to_owned()),
            Self::UnknownChart { keys, .. } => Some(format!("the keys are {}", keys.join(", "))),
            Self::NoVersions { .. } => {
                Some("add versions, for example versions: [latest], or give --version".to_owned())
            }
            Self::PlainHttp { .. } => Some(
                "give --tls-verify=false too if you trust that network".to_owned(),
            ),
            Self::BuiltInGrants { .. } => {
                Some("leave it out: a built-in plugin has the grants that it needs".to_owned())
            }
            Self::HasPluginTable { plugin, line, .. } => {
                Some(format!("give [plugins.{plugin}] the line {line}, and repeat the command"))
            }
            Self::PluginConfig(_) => {
                Some("for example --plugin-config prefix.prefix=team, or KEY=@FILE for a file's content".to_owned())
            }
            Self::Reference { .. } => Some(
                "write [REGISTRY/]REPOSITORY, and :TAG or @DIGEST behind it; a folder is named by --source oci:DIR"
                    .to_owned(),
            ),
            Self::End { hint, .. } => Some(hint.clone()),
            Self::SeveralTags { folder, .. } => Some(format!("write oci:{folder}:TAG")),
            Self::SeveralImages { folder, .. } => Some(format!("write oci:{folder}@DIGEST")),
            Self::OnlyRegistry { text } => Some(format!("write {text}/REPOSITORY")),
            Self::TagPattern { .. } => Some(
                "it is a regular expression in RE2 syntax, such as '^1\\.'; --all-tags copies every tag"
                    .to_owned(),
            ),
            Self::NotRepository { .. } => {
                Some("leave the tag out; longshore inspect shows one image".to_owned())
            }
            Self::EveryWithoutFile => Some("name the file of the list with -f FILE".to_owned()),
            Self::NoEffect { .. } | Self::NamedByCharts(_) => Some("leave it out".to_owned()),
            Self::ChartsAsList(name) => {
                Some(format!("use longshore mirror-charts --config {name} --all"))
            }
            Self::CredentialsOfFleet => Some(
                "give them to each worker: with longshore login, or in LONGSHORE_AUTH_…".to_owned(),
            ),
            Self::CredentialsOfPrompt
            | Self::NoListCredentials(_)
            | Self::ListCredentials { .. } => Some(
                "name a list with credentials, as --list-credentials=regsync.yml".to_owned(),
            ),
            Self::NoFleet { .. } => {
                Some("give --fleet nats://HOST:4222, or leave it out".to_owned())
            }
            Self::Replaced(replaced) => Some(replaced.instead.to_owned()),
            Self::Plan(error) => error.hint(),
            Self::InFile { error, .. } => error.hint(),
            _ => None,
        }
    }
}
