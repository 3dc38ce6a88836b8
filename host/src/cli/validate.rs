//! `longshore mirror-validate`.

use clap::Args;

use super::arguments::{Global, Plan};
use crate::settings::Arguments;

/// Compare what an image list names at the destination with the source
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  longshore mirror-validate -f images.txt -d registry.example.com

Give the flags that mirror was given: the digest that mirror would have written is compared with the
destination's.")]
pub(super) struct Validate {
    #[command(flatten)]
    plan: Plan,
    /// Where failed entries are listed [default: mirror-validate-failed.txt]
    #[arg(short = 'o', long, value_name = "FILE")]
    failed: Option<String>,
}

impl Validate {
    pub(super) fn arguments(self, global: Global) -> Arguments {
        Arguments { failed: self.failed, ..self.plan.arguments(global) }
    }
}
