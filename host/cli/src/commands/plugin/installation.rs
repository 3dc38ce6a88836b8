//! What the commands about plugins work with, and how a plugin gets onto this machine.

use std::path::PathBuf;
use std::sync::Arc;

use longshore_engine::event::Level;
use longshore_plugin_host::{ComponentInfo, PluginError, PluginHost, escape, inspect};

use crate::error::Fatal;
use crate::plugins::{Components, InstallError, LockFile, Locked, PluginSource, fetch};
use crate::report::Log;
use crate::settings::{PluginSettings, SettingsFile, add_grants};
use crate::setup::{
    OpenStores, RegistrySettings, StoreSetup, components, destination_of_environment, host_of,
    lock_file,
};
use longshore_oci::Digest;
use longshore_registry::InsecureRegistries;

/// The settings, the lock file, the components of this machine, and the stores that plugins come from.
pub(super) struct Installation<'a> {
    pub(super) settings: PluginSettings,
    pub(super) lock: LockFile,
    pub(super) components: Components,
    pub(super) stores: OpenStores,
    pub(super) host: PluginHost,
    pub(super) log: &'a Arc<Log>,
}

/// A component that was fetched and may be installed.
pub(super) struct Candidate {
    pub(super) locked: Locked,
    pub(super) info: ComponentInfo,
    component: Vec<u8>,
}

impl<'a> Installation<'a> {
    /// Reads the lock file, and opens stores with the user's credentials.
    pub(super) fn open(
        file: SettingsFile,
        insecure: &InsecureRegistries,
        log: &'a Arc<Log>,
    ) -> Result<Self, Fatal> {
        let registries =
            RegistrySettings { insecure: insecure.clone(), ..RegistrySettings::default() };
        let bound = destination_of_environment();
        Ok(Self {
            lock: lock_file(&file)?,
            settings: PluginSettings::new(file, &[], Vec::new())?,
            components: components()?,
            stores: StoreSetup::of_environment(registries, None)?.stores(bound.as_ref())?,
            host: host_of(Vec::new(), false, log)?,
            log,
        })
    }

    /// Returns the source of an installed plugin.
    pub(super) fn source_of(&self, plugin: &Locked) -> Result<PluginSource, InstallError> {
        PluginSource::parse(&plugin.source, &self.lock.folder())
    }

    /// Fetches a component, and checks all that can be checked without compiling it. `pinned` is the digest
    /// of its manifest, if that is known.
    pub(super) async fn fetch(
        &self,
        source: &PluginSource,
        pinned: Option<&Digest>,
    ) -> Result<Candidate, Fatal> {
        let fetched = fetch(source, pinned, &self.stores).await?;
        let failed = |problem| {
            let plugin = escape::shown(&source.to_string());
            Fatal::from(PluginError::Load { plugin, problem })
        };
        let component = fetched.component;
        let info = inspect(component.clone()).map_err(failed)?;
        let written = source.written(&self.lock.folder());
        let locked = Locked::of(&info, written, fetched.manifest);
        let locked =
            locked.ok_or(longshore_plugin_host::LoadProblem::NoMetadata).map_err(failed)?;
        Ok(Candidate { locked, info, component })
    }

    /// Compiles a component and keeps it on this machine.
    pub(super) async fn keep(&self, candidate: &Candidate) -> Result<(), Fatal> {
        let Candidate { locked, component, .. } = candidate;
        self.host.compile(&locked.name, component.clone()).await?;
        self.components.put(&locked.sha256, component)?;
        Ok(())
    }

    /// Installs a plugin. `grants` are added to the settings file.
    pub(super) async fn install(
        &mut self,
        candidate: Candidate,
        grants: &[String],
    ) -> Result<(), Fatal> {
        let name = candidate.locked.name.clone();
        // Fails for a reserved name before anything is changed.
        self.lock.clone().set(candidate.locked.clone())?;
        self.keep(&candidate).await?;
        let place = self.settings_place()?;
        let known = self.settings.granted(&name);
        let before = self.lock.find(&name).cloned();
        self.lock.change(|lock| {
            // The user agreed to replace what was locked then. Another longshore may have installed the same.
            let now = lock.find(&name);
            if now != before.as_ref() && now != Some(&candidate.locked) {
                return Err(Fatal::from(InstallError::Meanwhile { name: name.clone() }));
            }
            lock.set(candidate.locked)?;
            if !grants.is_empty() {
                let all: Vec<String> = known.iter().chain(grants).cloned().collect();
                add_grants(&place, &name, &all)?;
            }
            Ok(())
        })?;
        if !grants.is_empty() {
            let text = format!("{} now has [plugins.{name}] grants", place.display());
            self.log.write(Level::Info, &text);
        }
        Ok(())
    }

    fn settings_place(&self) -> Result<PathBuf, InstallError> {
        self.settings.file().place().ok_or(InstallError::NoHome("the settings file"))
    }
}
