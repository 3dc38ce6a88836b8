//! The flags of `longshore tags` and `longshore inspect`.

use clap::Args;

use crate::report::OutputFormat;

/// List the tags of a repository, one a line
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore tags docker.io/library/redis
  longshore tags team/app -s oci:/srv/images
  longshore tags oci:/srv/images/team/app

docker:// before REPOSITORY is accepted.
Exit codes: 0 the tags are listed, 1 the registry could not list them, 2 the usage is wrong.")]
pub(crate) struct Tags {
    /// List the tags of REPOSITORY, or of oci:DIR, an image layout; without a registry it is on Docker Hub, or
    /// on the one of --source
    #[arg(value_name = "REPOSITORY")]
    pub(crate) repository: String,
    /// Look in REGISTRY, or in oci:DIR, a folder of OCI image layouts, instead of the registry that REPOSITORY
    /// names. If the settings file names it, it is only for a REPOSITORY without a registry
    #[arg(short, long, value_name = "REGISTRY")]
    pub(crate) source: Option<String>,
    /// Print the tags to standard output as FORMAT
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: OutputFormat,
}

/// Show the platforms, sizes and referrers of an image, and what the destination has of it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore inspect docker.io/library/redis:7.2
  longshore inspect redis:7.2 -d registry.example.com
  longshore inspect oci:/srv/images/team/app:1.0 --config

Only manifests are read, and configurations with --config, but no layers. With -d, inspect looks for the \
image where mirror would put it without rewrites: in the default project, if its path has one part. docker:// \
before REFERENCE is accepted.
Exit codes: 0 the image is shown, 1 it or the destination could not be read, 2 the usage is wrong.")]
pub(crate) struct Inspect {
    /// Show the image REFERENCE, such as redis:7.2, ghcr.io/team/app@sha256:… or oci:DIR:TAG
    #[arg(value_name = "REFERENCE")]
    pub(crate) reference: String,
    /// Look in REGISTRY, or in oci:DIR, a folder of OCI image layouts, instead of the registry that REFERENCE
    /// names. If the settings file names it, it is only for a REFERENCE without a registry
    #[arg(short, long, value_name = "REGISTRY")]
    pub(crate) source: Option<String>,
    /// Say what REGISTRY, or oci:DIR, has of the image already
    #[arg(short, long, value_name = "REGISTRY|oci:DIR")]
    pub(crate) destination: Option<String>,
    /// Look in PROJECT for an image whose path has one part; - looks for it without a project
    #[arg(long, value_name = "PROJECT", default_value = "library")]
    pub(crate) default_project: String,
    /// Also show the configuration of each image: when it was created, its labels, environment and command
    #[arg(long)]
    pub(crate) config: bool,
    /// Print the image to standard output as FORMAT
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: OutputFormat,
}
