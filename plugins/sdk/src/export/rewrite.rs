//! Exports rewrites as components.

use crate::bindings::imports::types::PluginError;
use crate::bindings::rewrite::{Item, Verdict};
use crate::host;
use crate::rewrite::Rewrite;

/// Makes the crate a rewrite, from a type that implements [`Rewrite`](crate::rewrite::Rewrite). Does
/// nothing on other targets than wasm32.
#[macro_export]
macro_rules! export_rewrite {
    ($rewrite:path) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;

            impl $crate::bindings::rewrite::Guest for Component {
                fn apply(
                    batch: Vec<$crate::rewrite::Item>,
                ) -> Result<Vec<$crate::rewrite::Verdict>, $crate::PluginError> {
                    $crate::export::rewrite::apply::<$rewrite>(batch)
                }
            }

            $crate::bindings::rewrite::generated::export_rewrite_world!(
                Component with_types_in $crate::bindings::rewrite::generated
            );
        };
    };
}

/// Configures a rewrite and applies it to each item.
///
/// # Errors
/// Fails if the configuration is not valid.
pub fn apply<R: Rewrite>(batch: Vec<Item>) -> Result<Vec<Verdict>, PluginError> {
    let rewrite = R::from_config(&host::config()).map_err(PluginError::InvalidConfig)?;
    Ok(batch.into_iter().map(|item| rewrite.apply(item)).collect())
}
