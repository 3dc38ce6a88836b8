//! Resolves arguments, environment, settings file and defaults into one value that the rest of the
//! program only reads.

mod convert;
mod duration;
mod error;
mod file;
mod plugin;
mod run;

pub use convert::{ConvertArguments, ConvertSettings};
pub use error::SettingsError;
pub use file::SettingsFile;
pub use plugin::PluginSettings;
pub use run::{Arguments, DEFAULT_MAX_WAIT, RunSettings};
