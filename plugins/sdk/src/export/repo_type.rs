//! Exports repository types as components.

use crate::bindings::imports::types::PluginError;
use crate::bindings::repo_type::Scope;
use crate::host;
use crate::repo_type::RepoType;

/// Makes the crate a repository type, from a type that implements
/// [`RepoType`](crate::repo_type::RepoType). Does nothing on other targets than wasm32.
#[macro_export]
macro_rules! export_repo_type {
    ($repo_type:path) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::bindings::repo_type;
            use $crate::export;

            struct Component;

            impl repo_type::Guest for Component {
                fn describe(
                    registry: String,
                ) -> Result<repo_type::Capabilities, $crate::PluginError> {
                    $crate::repo_type::RepoType::describe(
                        &export::repo_type::configured::<$repo_type>()?,
                        &registry,
                    )
                }

                fn scopes(
                    registry: String,
                    repositories: Vec<String>,
                ) -> Result<Vec<Vec<repo_type::Scope>>, $crate::PluginError> {
                    export::repo_type::scopes::<$repo_type>(&registry, &repositories)
                }

                fn prepare(
                    registry: String,
                    scope: repo_type::Scope,
                    dry_run: bool,
                ) -> Result<repo_type::Outcome, $crate::PluginError> {
                    $crate::repo_type::RepoType::prepare(
                        &export::repo_type::configured::<$repo_type>()?,
                        &registry,
                        &scope,
                        dry_run,
                    )
                }
            }

            repo_type::generated::export_repo_type_world!(
                Component with_types_in repo_type::generated
            );
        };
    };
}

/// Configures a repository type.
///
/// # Errors
/// Fails if the configuration is not valid.
pub fn configured<R: RepoType>() -> Result<R, PluginError> {
    R::from_config(&host::config()).map_err(PluginError::InvalidConfig)
}

/// Asks a repository type for the scopes of each repository.
///
/// # Errors
/// Fails if the configuration is not valid, or as the repository type does.
pub fn scopes<R: RepoType>(
    registry: &str,
    repositories: &[String],
) -> Result<Vec<Vec<Scope>>, PluginError> {
    let configured = configured::<R>()?;
    repositories.iter().map(|repository| configured.scopes(registry, repository)).collect()
}
