//! `longshore mirror-validate`.

use clap::Args;

use super::arguments::{Global, Plan};
use crate::settings::Arguments;

/// Compare what an image list names at the destination with the source
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  longshore mirror-validate -f images.txt -d registry.example.com

Give the flags that mirror was given: what mirror would have written is compared with what the
destination holds, and everything that it names must be there. Every finding says which command mends
it. longshore mirror validate is the same command.
Exit codes: 0 all valid, 1 some are not (they are in the failed list), 2 nothing was started, 130
interrupted.")]
pub(super) struct Validate {
    #[command(flatten)]
    plan: Plan,
    /// Where failed entries are listed [default: mirror-validate-failed.txt]
    #[arg(short = 'o', long, value_name = "FILE")]
    failed: Option<String>,
    /// Download every blob and check its digest, instead of asking whether it is there
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    deep: Option<bool>,
    /// Compare what refers to the images too: signatures, SBOMs and attestations
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    referrers: Option<bool>,
}

impl Validate {
    pub(super) fn arguments(self, global: Global) -> Arguments {
        Arguments {
            failed: self.failed,
            deep: self.deep,
            referrers: self.referrers,
            ..self.plan.arguments(global)
        }
    }
}
