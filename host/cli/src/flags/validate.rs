//! The flags of `longshore mirror-validate`.

use std::path::PathBuf;

use clap::Args;

use super::chart_list::ChartListFlags;
use super::list::ListFlags;
use super::repo_type::RepoTypeFlags;

/// Compare the images of a list at the destination with their sources
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore mirror-validate -f images.txt -d registry.example.com
  longshore mirror-validate -f mirror.yaml

Give the flags that you gave to mirror, except those that only mirror has. mirror-validate compares \
the destination with what mirror would write, and checks that it has every manifest and blob. Its \
last line is the command that mends all findings. longshore mirror validate is the same command. \
In the log, M_ID is the number of the entry in the list, and IMG_ID that of an image in its index.
Exit codes: 0 all entries are valid, 1 some are not (the failed list names them), 2 the usage or \
configuration is wrong and nothing was compared, 130 interrupted.")]
pub(crate) struct Validate {
    #[command(flatten)]
    pub(crate) list: ListFlags,
    #[command(flatten)]
    pub(crate) compare: CompareFlags,
}

/// Flags of `mirror-validate` alone.
#[derive(Debug, Args)]
pub(crate) struct CompareFlags {
    /// Write failed entries to FILE, a list to run again
    #[arg(short = 'o', long, value_name = "FILE", default_value = "mirror-validate-failed.txt")]
    pub(crate) failed: PathBuf,
    #[command(flatten)]
    pub(crate) registry: RepoTypeFlags,
    /// Download every blob and verify its digest, instead of only checking that the blob exists
    #[arg(long)]
    pub(crate) deep: bool,
    /// Compare the referrers of each image too: signatures, SBOMs and attestations
    #[arg(long)]
    pub(crate) referrers: bool,
    #[command(flatten)]
    pub(crate) charts: ChartListFlags,
}
