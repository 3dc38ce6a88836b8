//! The flags of `longshore copy`.

use clap::Args;

use super::list::ImageFlags;
use super::mirror::CopyFlags;
use longshore_oci::Platform;

/// Flags that the settings file cannot set: they choose the tags of one repository, or a part of one image.
pub(super) const ONLY_ON_COMMAND_LINE: [&str; 3] = ["all-tags", "platform", "tags"];

/// Flags that the command for the failed list leaves out or sets itself.
pub(crate) const OF_ONE_COPY: [&str; 4] = ["all-tags", "platform", "tags", "failed"];

/// The failed list, unless a flag names another one.
const FAILED: &str = "copy-failed.txt";

/// Copy one image, or the tags of one repository
#[derive(Debug, Args)]
#[command(
    mut_arg("arch", |flag| flag.help(
        "Select the images of these architectures, separated with commas; the digest of an index changes then \
         [default: all]"
    )),
    mut_arg("os", |flag| flag.help(
        "Select the images of these operating systems, separated with commas; the digest of an index changes \
         then [default: all]"
    )),
    mut_arg("failed", |flag| flag.default_value(FAILED).help(
        "Write failed tags to FILE, a list for longshore mirror; one image has such a list only if FILE is named"
    )),
    mut_arg("dry_run", |flag| flag.help("Show what copy would do, and change nothing")),
    after_help = "\
Examples:
  longshore copy docker.io/library/redis:7.2 registry.example.com/team/redis
  longshore copy ghcr.io/team/app registry.example.com/team/app --tags '^1\\.'
  longshore copy redis:7.2 registry.example.com/team/redis --platform linux/arm64
  longshore copy registry.example.com/team/app:1 oci:/mnt/usb/app:1

All platforms are copied and the digest stays, unless --arch or --os selects some of an index, or --platform \
one manifest. A destination without a \
tag gets the tag of the source. A destination that is only a registry, or a new folder oci:DIR, gets the path \
of the source too. oci:DIR:TAG is the image layout DIR, as in skopeo. docker:// before a reference is \
accepted.
In the log, M_ID is the number of the image in the run, and IMG_ID that of an image in its index.
Exit codes: 0 all is copied, 1 something failed or nothing was selected, 2 the usage or configuration is wrong and nothing was \
copied, 130 interrupted."
)]
pub(crate) struct Copy {
    /// Copy this image, such as docker.io/library/redis:7.2, ghcr.io/team/app@sha256:… or oci:DIR:TAG;
    /// without a registry it is on Docker Hub
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    /// Copy to this place, such as registry.example.com/team/redis:7.2; it names its registry
    #[arg(value_name = "DESTINATION")]
    pub(crate) destination: String,
    /// Copy all tags of the repository SOURCE
    #[arg(long, conflicts_with = "tags")]
    pub(crate) all_tags: bool,
    /// Copy the tags of the repository SOURCE that PATTERN matches, an unanchored regular expression; may be
    /// repeated
    #[arg(long, value_name = "PATTERN")]
    pub(crate) tags: Vec<String>,
    /// Copy only the manifest of this platform, without an index around it: its digest stays, and the
    /// destination has no other platform
    #[arg(long, value_name = "OS/ARCH[/VARIANT]", conflicts_with_all = ["all_tags", "tags", "arch", "os"])]
    pub(crate) platform: Option<Platform>,
    #[command(flatten)]
    pub(crate) images: ImageFlags,
    #[command(flatten)]
    pub(crate) copy: CopyFlags,
}

impl Copy {
    /// Says whether the source is a repository whose tags are copied.
    pub(crate) const fn selects_tags(&self) -> bool {
        self.all_tags || !self.tags.is_empty()
    }
}
