//! Resolves arguments, environment, settings file and defaults into one value that the rest of the
//! program only reads.

mod convert;
mod duration;
mod error;
mod file;
mod plugin;
mod run;

pub(crate) use convert::{ConvertArguments, ConvertSettings};
pub(crate) use error::SettingsError;
pub(crate) use file::SettingsFile;
pub(crate) use plugin::{PluginSettings, plugin_flag};
pub(crate) use run::{Arguments, DEFAULT_MAX_WAIT, RunSettings};
