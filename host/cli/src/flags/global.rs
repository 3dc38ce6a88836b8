//! Flags of every command.

use std::path::PathBuf;

use clap::Args;

/// Flags that the settings file cannot set.
pub(super) const ONLY_ON_COMMAND_LINE: [&str; 1] = ["settings"];

/// Flags of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Show debug messages in the log
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) debug: bool,
    /// Verify TLS certificates; =false also allows plain HTTP
    #[arg(long, global = true, help_heading = "Global options", default_value = "true")]
    pub(crate) tls_verify: bool,
    /// Read settings from FILE [default: longshore.toml in the user's configuration directory]
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        value_name = "FILE",
        env = "LONGSHORE_CONFIG",
        hide_env_values = true
    )]
    pub(crate) settings: Option<PathBuf>,
}
