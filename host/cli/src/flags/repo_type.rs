//! The flags of the repository type, which `mirror` and `mirror-validate` share.

use clap::Args;

/// Flags of the repository type.
#[derive(Clone, Debug, Args)]
pub(crate) struct RepoTypeFlags {
    /// Prepare the destination registry with PLUGIN, such as creating Harbor projects: a built-in plugin
    /// (artifactory, ecr, gitea, gitlab, harbor, nexus, quay), an installed one, the path of a component, or
    /// auto, which asks the registry what it is. mirror-validate and a dry run only look
    #[arg(long, value_name = "PLUGIN")]
    pub(crate) repo_type: Option<String>,
    /// Allow the plugin of --repo-type, unless it is built in, to send these requests to the registry, such as
    /// 'GET,POST registry /api/**'; may be repeated
    #[arg(long, value_name = "METHODS ENDPOINT /PATH")]
    pub(crate) grant: Vec<String>,
    /// Use HTTPS for Harbor's API; short for --plugin-config harbor.https=BOOL
    #[arg(long, default_value = "true")]
    pub(crate) harbor_https: bool,
}
