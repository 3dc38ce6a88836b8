//! Resolves command line, environment, settings file and defaults into one value that the rest of the
//! program only reads.

mod charts;
mod convert;
mod copy;
mod endpoint;
mod error;
mod file;
mod grants;
mod keys;
mod layers;
mod plugin;
mod run;

pub(crate) use charts::{ChartSettings, mirror_charts_words, with_versions};
pub(crate) use convert::ConvertSettings;
pub(crate) use copy::{CopySettings, NamedImage};
pub(crate) use endpoint::{CredentialSettings, EndpointSettings};
pub(crate) use error::SettingsError;
pub(crate) use file::SettingsFile;
pub(crate) use grants::add_grants;
pub(crate) use layers::{Invocation, InvocationError, Origin, Origins, resolve};
pub(crate) use plugin::{PluginSettings, plugin_flag};
pub(crate) use run::{RunSettings, Task};
