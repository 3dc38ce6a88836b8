//! The flags of `longshore mirror`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::list::ListFlags;
use super::repo_type::RepoTypeFlags;
use super::validate::Validate;

/// Copy the images of a list from registry to registry
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  longshore mirror -f images.txt -d registry.example.com
  longshore mirror -f images.txt -d registry.example.com --repo-type harbor
  longshore mirror -f images.txt -s docker.io -d localhost:5000 -a amd64 --dry-run

A line of images.txt is SOURCE DESTINATION TAG. A list with one reference a line \
(rancher-images.txt) works too. In the log, M_ID is the number of the entry in the list, and IMG_ID that of an \
image in its index.
Exit codes: 0 all entries are copied, 1 some entries failed (the failed list names them), 2 the usage \
or configuration is wrong and nothing was copied, 130 interrupted."
)]
pub(crate) struct Mirror {
    #[command(flatten)]
    pub(crate) list: ListFlags,
    #[command(flatten)]
    pub(crate) copy: CopyFlags,
    #[command(subcommand)]
    pub(crate) alias: Option<Alias>,
}

/// Flags of `mirror` alone.
#[derive(Debug, Args)]
pub(crate) struct CopyFlags {
    /// Write failed entries to FILE, a list to run again
    #[arg(short = 'o', long, value_name = "FILE", default_value = "mirror-failed.txt")]
    pub(crate) failed: PathBuf,
    #[command(flatten)]
    pub(crate) registry: RepoTypeFlags,
    /// Check every manifest and blob at the destination, and the sizes of blobs, even if the
    /// destination has the image; send again what is lost
    #[arg(long)]
    pub(crate) force_recursive: bool,
    /// Download every blob at the destination too and verify its digest; send again what is corrupt, and
    /// fail if the registry keeps it. Includes --force-recursive
    #[arg(long)]
    pub(crate) deep: bool,
    /// Copy the referrers of each image too: signatures, SBOMs and attestations, found by their subject
    /// or by cosign's tags
    #[arg(long)]
    pub(crate) referrers: bool,
    /// Show what mirror would copy, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Commands that are also spelled as a subcommand of `mirror`.
#[derive(Debug, Subcommand)]
pub(crate) enum Alias {
    /// Run mirror-validate
    #[command(hide = true)]
    Validate(Box<Validate>),
}
