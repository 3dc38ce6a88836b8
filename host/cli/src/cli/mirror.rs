//! `longshore mirror`.

use clap::{Args, Subcommand};

use super::arguments::{Global, Plan};
use super::validate::Validate;
use crate::report::Log;
use crate::settings::Arguments;
use longshore_engine::event::Level;

/// Copy what an image list names from registry to registry
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  longshore mirror -f images.txt -d registry.example.com
  longshore mirror -f images.txt -d registry.example.com --repo-type harbor
  longshore mirror -f images.txt -s docker.io -d localhost:5000 -a amd64 --dry-run

A line of images.txt is SOURCE DESTINATION TAG; one reference a line (rancher-images.txt) is read too.
Exit codes: 0 all done, 1 some entries failed (they are in the failed list), 2 nothing was started,
130 interrupted."
)]
pub(super) struct Mirror {
    #[command(flatten)]
    plan: Plan,
    /// Where failed entries are listed [default: mirror-failed.txt]
    #[arg(short = 'o', long, value_name = "FILE")]
    failed: Option<String>,
    /// Kind of the destination registry: a built-in plugin (harbor) or the path of a component
    #[arg(long, value_name = "PLUGIN")]
    repo_type: Option<String>,
    /// Allow a repository type that is given by its path to send such requests; may be repeated
    #[arg(long, value_name = "METHODS ENDPOINT /PATH")]
    grant: Vec<String>,
    /// Use HTTPS for Harbor's API [default: true]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    harbor_https: Option<bool>,
    /// Believe nothing of what the destination has: look at each child and blob there
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    force_recursive: Option<bool>,
    /// Copy what refers to the images too: signatures, SBOMs and attestations, by their subject or by
    /// cosign's tags
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    referrers: Option<bool>,
    /// Say what would be done, and change nothing
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    dry_run: Option<bool>,
    #[command(subcommand)]
    pub(super) alias: Option<Alias>,
}

/// What is a command of its own too.
#[derive(Debug, Subcommand)]
pub(super) enum Alias {
    /// The same as mirror-validate
    #[command(hide = true)]
    Validate(Box<Validate>),
}

impl Mirror {
    pub(super) fn arguments(self, global: Global, log: &Log) -> Arguments {
        if let Some(format) = self.failed.as_deref().filter(|name| ["json", "yaml"].contains(name))
        {
            let text = format!(
                "-o names the file of the failed list, here {format}; --output {format} prints the report so"
            );
            log.write(Level::Warning, &text);
        }
        Arguments {
            failed: self.failed,
            repo_type: self.repo_type,
            grant: self.grant,
            harbor_https: self.harbor_https,
            referrers: self.referrers,
            dry_run: self.dry_run,
            force_recursive: self.force_recursive,
            ..self.plan.arguments(global)
        }
    }
}
