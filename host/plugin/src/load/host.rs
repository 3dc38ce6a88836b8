//! The plugin host: finds, checks, compiles and configures plugins.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use longshore_plugin_pack::{Kind, Metadata, PackError};
use wasmtime::component::Linker;

use super::cache::CodeCache;
use super::code::Code;
use super::compile::Compiler;
use super::config::{keys, typed};
use super::embedded::{EMBEDDED, Embedded, LEFT_OUT};
use super::info::ComponentInfo;
use super::installed::InstalledPlugin;
use super::source::{Source, check_metadata, may_read, off_thread, read, unusable};
use crate::call::loaded::Loaded;
use crate::call::plugin::Plugin;
use crate::error::{LoadProblem, PluginError};
use crate::escape::shown;
use crate::limits::Limits;
use crate::network::permissions::{Decisions, Permissions};
use crate::sandbox::engine::{engine, linker};
use crate::sandbox::exports::{Exports, LinkedComponent, check_names};
use crate::sandbox::guest::Guest;
use crate::sandbox::run_use::RunUse;
use crate::sandbox::runtime::Runtime;
use crate::sandbox::ticker::Ticker;
use crate::setup::{CompileNotice, PluginSetup};

/// The built-in rewrite that always comes first. No flag names it; `--rewrite` adds others.
pub const REGISTRY_REWRITE: &str = "registry";

/// Options of a [`PluginHost`].
#[derive(Clone)]
pub struct HostOptions {
    /// The user's cache folder for compiled code. Without one, the host compiles in every run.
    pub cache_dir: Option<PathBuf>,
    /// The start of the run, which plugins see as the time of day.
    pub clock: SystemTime,
    /// Told the name of a plugin before the host compiles it, if that takes seconds.
    pub notice: Option<Arc<CompileNotice>>,
    /// The plugins that the user installed.
    pub installed: Vec<InstalledPlugin>,
    /// Whether the host refuses components that are not among the installed plugins.
    pub locked: bool,
    /// The program that compiles components in a process of its own. Without it, the host compiles in
    /// this process, without limits.
    pub compiler: Option<Compiler>,
}

impl HostOptions {
    /// Returns options without a cache, installed plugins and a compiler of its own.
    #[must_use]
    pub const fn new(clock: SystemTime) -> Self {
        let installed = Vec::new();
        Self { cache_dir: None, clock, notice: None, installed, locked: false, compiler: None }
    }
}

/// Loads plugins. A run creates one host. Plugins may outlive it.
pub struct PluginHost {
    runtime: Arc<Runtime>,
    linker: Arc<Linker<Guest>>,
    code: Code,
    installed: Vec<InstalledPlugin>,
    locked: bool,
    /// The components of this run by SHA-256, so that each is linked once.
    linked: Mutex<HashMap<String, Arc<LinkedComponent>>>,
    /// Components that were read for their name and are not loaded yet, by their path.
    read: Mutex<HashMap<String, Source>>,
}

impl PluginHost {
    /// Creates a host. It takes a few milliseconds.
    ///
    /// # Errors
    ///
    /// Fails if this machine cannot run WebAssembly.
    pub fn new(options: HostOptions) -> Result<Self, PluginError> {
        Self::with_limits(options, Limits::default())
    }

    /// Creates a host like [`PluginHost::new`], with other limits than the default.
    ///
    /// # Errors
    ///
    /// Fails if this machine cannot run WebAssembly.
    pub fn with_limits(options: HostOptions, limits: Limits) -> Result<Self, PluginError> {
        let runtime =
            |error: wasmtime::Error| PluginError::Runtime { reason: format!("{error:#}") };
        let engine = engine().map_err(runtime)?;
        let linker = linker(&engine).map_err(runtime)?;
        let cache = options.cache_dir.as_deref().and_then(|root| {
            CodeCache::open(root, &engine)
                .inspect_err(|error| tracing::debug!(%error, "cannot cache compiled plugins"))
                .ok()
        });
        Ok(Self {
            linker: Arc::new(linker),
            code: Code {
                engine: engine.clone(),
                cache: cache.map(Arc::new),
                notice: options.notice,
                compiler: options.compiler,
            },
            installed: options.installed,
            locked: options.locked,
            linked: Mutex::default(),
            read: Mutex::default(),
            runtime: Arc::new(Runtime {
                ticker: Ticker::new(engine.clone()),
                engine,
                limits,
                clock: options.clock,
            }),
        })
    }

    /// Returns the names of the built-in plugins of a kind, in alphabetical order.
    #[must_use]
    pub fn built_in(kind: Kind) -> Vec<&'static str> {
        let mut names: Vec<_> = EMBEDDED
            .iter()
            .filter(|embedded| embedded.kind == kind)
            .map(|embedded| embedded.name)
            .collect();
        names.sort_unstable();
        names
    }

    /// Returns all built-in plugins with their metadata, in alphabetical order.
    ///
    /// # Errors
    ///
    /// Fails if the program is damaged.
    pub fn built_in_plugins() -> Result<Vec<(&'static Embedded, Metadata)>, PluginError> {
        let with_metadata = |embedded: &'static Embedded| {
            let metadata = Source::built_in(embedded).metadata();
            let metadata = metadata.and_then(|found| found.ok_or(PackError::NoMetadata));
            metadata.map(|metadata| (embedded, metadata)).map_err(|error| PluginError::Load {
                plugin: embedded.name.to_owned(),
                problem: LoadProblem::Metadata(Arc::new(error)),
            })
        };
        EMBEDDED.iter().map(with_metadata).collect()
    }

    /// Returns what the built-in plugin `name` says about itself, or `None` if there is none. Compiles
    /// nothing.
    ///
    /// # Errors
    ///
    /// Fails if the program is damaged.
    pub fn built_in_info(name: &str) -> Result<Option<ComponentInfo>, PluginError> {
        let Some(embedded) = EMBEDDED.iter().find(|embedded| embedded.name == name) else {
            return Ok(None);
        };
        let failed = |problem| PluginError::Load { plugin: name.to_owned(), problem };
        let source = Source::built_in(embedded);
        let bytes =
            source.bytes().map_err(|error| failed(LoadProblem::Read(Arc::new(error.into()))));
        ComponentInfo::read(&bytes?).map(Some).map_err(failed)
    }

    /// Returns the keys that the configuration of a built-in plugin may have; `None` if there is no such
    /// plugin, or it takes any key.
    #[must_use]
    pub fn built_in_keys(name: &str) -> Option<Vec<String>> {
        let embedded = EMBEDDED.iter().find(|embedded| embedded.name == name)?;
        let metadata = Source::built_in(embedded).metadata().ok()??;
        keys(&metadata.config_schema?)
    }

    /// Returns whether a built-in plugin of any kind has this name.
    #[must_use]
    pub fn is_built_in(name: &str) -> bool {
        EMBEDDED.iter().any(|embedded| embedded.name == name)
            || LEFT_OUT.iter().any(|(left_out, _)| *left_out == name)
    }

    /// Checks that each installed plugin is on this machine, and that its component is the locked one.
    ///
    /// # Errors
    ///
    /// Fails with the first plugin of which this is not true.
    pub fn check_installed(&self) -> Result<(), PluginError> {
        for plugin in &self.installed {
            plugin
                .read(self.runtime.limits.component)
                .map_err(|problem| PluginError::Load { plugin: shown(&plugin.name), problem })?;
        }
        Ok(())
    }

    /// Returns the built-in list formats, in alphabetical order.
    pub fn built_in_formats() -> impl Iterator<Item = &'static Embedded> {
        EMBEDDED.iter().filter(|embedded| embedded.kind == Kind::ListFormat)
    }

    /// Returns the built-in list formats that may read a text: those without probe words, and those of
    /// which it has a probe word. Loads no plugin.
    #[must_use]
    pub fn formats_for(file_name: &str, head: &str) -> Vec<&'static str> {
        let may_read = |embedded: &&Embedded| {
            may_read(embedded.probe_words, embedded.probe_names, file_name, head)
        };
        Self::built_in_formats().filter(may_read).map(|embedded| embedded.name).collect()
    }

    /// Returns the installed list formats that may read a text, like [`PluginHost::formats_for`].
    #[must_use]
    pub fn installed_formats_for(&self, file_name: &str, head: &str) -> Vec<&str> {
        let found = self.installed.iter().filter(|plugin| plugin.may_read(file_name, head));
        found.map(|plugin| plugin.name.as_str()).collect()
    }

    /// Returns the names of all plugins of a kind: the built-in ones, then the installed ones.
    #[must_use]
    pub fn names(&self, kind: Kind) -> Vec<&str> {
        let installed = self.installed.iter().filter(|plugin| plugin.kind == kind);
        let installed = installed.map(|plugin| plugin.name.as_str());
        Self::built_in(kind).into_iter().chain(installed).collect()
    }

    /// Returns the installed plugin that `name` stands for: its name, or the reference that it was
    /// installed from.
    #[must_use]
    pub fn installed(&self, name: &str) -> Option<&InstalledPlugin> {
        let is_meant = |plugin: &&InstalledPlugin| plugin.name == name || plugin.source == name;
        self.installed.iter().find(is_meant)
    }

    /// Compiles a component that [`inspect`](super::installed::inspect) accepted, for later runs.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be compiled within the limits, or does not fit the contract.
    pub async fn compile(&self, name: &str, component: Vec<u8>) -> Result<(), PluginError> {
        let failed = |problem| PluginError::Load { plugin: shown(name), problem };
        let source = Source::of_bytes(component, name.to_owned()).map_err(failed)?;
        let metadata = source.info().and_then(|info| info.metadata.clone());
        let kind = metadata.as_ref().ok_or_else(|| failed(LoadProblem::NoMetadata))?.kind;
        let linked = self.link(source).await.map_err(failed)?;
        let component = linked.component.component();
        let checked =
            linked.exports.check(kind, metadata.as_ref(), component, &self.runtime.engine);
        checked.map_err(failed)
    }

    /// Returns the name that configures a plugin: the name of a built-in plugin, the name in the
    /// metadata of a file, or its file name without extension. Compiles nothing.
    ///
    /// # Errors
    ///
    /// Fails if there is no such plugin, or if the file is not a component.
    pub async fn name_of(&self, kind: Kind, name: &str) -> Result<String, PluginError> {
        if let Some(installed) = self.installed(name).filter(|_| !is_built_in(kind, name)) {
            return Ok(installed.name.clone());
        }
        let source = self.source(kind, name).await?;
        if source.built_in {
            return Ok(source.name);
        }
        let metadata = source.metadata().map_err(|error| {
            let problem = LoadProblem::Metadata(Arc::new(error));
            PluginError::Load { plugin: shown(name), problem }
        })?;
        let known = metadata.map_or_else(|| source.name.clone(), |metadata| metadata.name);
        // The next load uses the same bytes.
        lock(&self.read).insert(name.to_owned(), source);
        Ok(known)
    }

    /// Loads a built-in or installed plugin by its name, or a plugin from a file if the name has a `/` or
    /// ends with `.wasm`. Compiles it if no earlier run did.
    ///
    /// # Errors
    ///
    /// Fails if there is no such plugin, or if it has another kind. Fails if it imports something that
    /// no plugin gets, or if its metadata, its configuration or a grant is invalid.
    pub async fn load(
        &self,
        kind: Kind,
        name: &str,
        setup: PluginSetup,
    ) -> Result<Plugin, PluginError> {
        let given = shown(name);
        let failed = |problem: LoadProblem| PluginError::Load { plugin: given.clone(), problem };
        let source = self.source(kind, name).await?;
        let metadata =
            source.metadata().map_err(|error| failed(LoadProblem::Metadata(Arc::new(error))))?;
        check_metadata(&source, metadata.as_ref()).map_err(failed)?;
        if let Some(info) = source.info() {
            check_names(info, kind).map_err(failed)?;
        }
        let built_in = source.built_in;
        let name =
            metadata.as_ref().map_or_else(|| source.name.clone(), |metadata| metadata.name.clone());
        let sha256 = source.sha256.clone().into_owned();
        let linked = self.link(source).await.map_err(failed)?;
        linked
            .exports
            .check(kind, metadata.as_ref(), linked.component.component(), &self.runtime.engine)
            .map_err(failed)?;
        let schema = metadata.as_ref().and_then(|metadata| metadata.config_schema.as_ref());
        let config = typed(schema, setup.config)
            .map_err(|problem| PluginError::Config { plugin: name.clone(), problem })?;
        let declared = metadata.as_ref().map_or(&[][..], |known| &known.grants);
        let grants = if built_in { declared } else { &setup.grants };
        let decisions = Decisions { grants, config: &config, origins: &setup.origins, built_in };
        let permissions =
            Permissions::read(metadata.as_ref(), &decisions, setup.transport).map_err(failed)?;
        Ok(Plugin::new(Loaded {
            runtime: Arc::clone(&self.runtime),
            linked,
            kind,
            given_name: given.into(),
            name: name.into(),
            sha256: sha256.into(),
            metadata,
            config: serde_json::Value::Object(config).to_string().into(),
            permissions: Arc::new(permissions),
            log: setup.log,
            dry_run: setup.dry_run,
        }))
    }

    async fn source(&self, kind: Kind, name: &str) -> Result<Source, PluginError> {
        let failed = |problem| PluginError::Load { plugin: shown(name), problem };
        if let Some(installed) = self.installed(name).filter(|_| !is_built_in(kind, name)) {
            if installed.kind != kind {
                let found = installed.kind;
                return Err(failed(LoadProblem::OtherKind { found, wanted: kind }));
            }
            let (installed, most) = (installed.clone(), self.runtime.limits.component);
            return off_thread(move || installed.read(most)).await.map_err(failed);
        }
        if name.starts_with("oci:") {
            return Err(failed(LoadProblem::Remote));
        }
        if let Some(source) = lock(&self.read).remove(name) {
            return Ok(source);
        }
        if name.contains('/') || name.ends_with(".wasm") {
            let path = PathBuf::from(name);
            let most = self.runtime.limits.component;
            let source = off_thread(move || read(&path, most)).await.map_err(failed)?;
            let sha256 = source.sha256.clone().into_owned();
            if self.locked && !self.installed.iter().any(|plugin| plugin.sha256 == sha256) {
                return Err(failed(LoadProblem::NotLocked { sha256 }));
            }
            return Ok(source);
        }
        EMBEDDED
            .iter()
            .find(|embedded| embedded.kind == kind && embedded.name == name)
            .map(Source::built_in)
            .ok_or_else(|| {
                let plugin = shown(name);
                if LEFT_OUT.contains(&(name, kind)) {
                    return PluginError::NotBuilt { plugin };
                }
                if let Some(other) = EMBEDDED.iter().find(|other| other.name == name) {
                    return failed(LoadProblem::OtherKind { found: other.kind, wanted: kind });
                }
                let named = |name: &&str| kind != Kind::Rewrite || *name != REGISTRY_REWRITE;
                let known = self.names(kind).into_iter().filter(named).map(str::to_owned).collect();
                PluginError::Unknown { plugin, kind, known }
            })
    }

    async fn link(&self, source: Source) -> Result<Arc<LinkedComponent>, LoadProblem> {
        let sha256 = source.sha256.clone().into_owned();
        if let Some(linked) = lock(&self.linked).get(&sha256) {
            return Ok(Arc::clone(linked));
        }
        let component = self.code.of(source, &self.runtime.limits).await?;
        let (engine, linker) = (self.runtime.engine.clone(), Arc::clone(&self.linker));
        let run = Arc::new(RunUse::new(&self.runtime.limits));
        let work = move || -> Result<Arc<LinkedComponent>, LoadProblem> {
            let component = linker.instantiate_pre(&component).map_err(|error| unusable(&error))?;
            let exports = Exports::of(&component, &engine)?;
            Ok(Arc::new(LinkedComponent { exports, component, run }))
        };
        let linked = off_thread(work).await?;
        // Another task may have linked it meanwhile; what both use counts together.
        Ok(Arc::clone(lock(&self.linked).entry(sha256).or_insert(linked)))
    }
}

/// Returns whether a built-in plugin has this name and kind. Nothing takes its place.
fn is_built_in(kind: Kind, name: &str) -> bool {
    EMBEDDED.iter().any(|embedded| embedded.kind == kind && embedded.name == name)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code panics while it holds one of these maps.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
