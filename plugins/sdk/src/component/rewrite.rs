//! Exports rewrites as components.

#[expect(missing_docs, reason = "wit-bindgen writes this code")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "rewrite-plugin",
        pub_export_macro: true,
        export_macro_name: "export_rewrite_world",
    });
}

pub use bindings::exports::longshore::plugin::rewrite::{Guest, Item, Verdict};
pub use bindings::longshore::plugin::types::PluginError;

use bindings::exports::longshore::plugin::rewrite::Artifact;
use bindings::longshore::plugin::config;

use crate::rewrite::{self, Rewrite};

/// Makes the crate a rewrite component from a type that implements
/// [`Rewrite`](crate::rewrite::Rewrite).
#[macro_export]
macro_rules! export_rewrite {
    ($rewrite:path) => {
        struct Component;

        impl $crate::component::rewrite::Guest for Component {
            fn apply(
                batch: Vec<$crate::component::rewrite::Item>,
            ) -> Result<
                Vec<$crate::component::rewrite::Verdict>,
                $crate::component::rewrite::PluginError,
            > {
                $crate::component::rewrite::apply::<$rewrite>(batch)
            }
        }

        $crate::component::rewrite::bindings::export_rewrite_world!(
            Component with_types_in $crate::component::rewrite::bindings
        );
    };
}

/// Configures a rewrite and applies it to each item.
///
/// # Errors
/// Fails if the configuration is not valid.
pub fn apply<R: Rewrite>(batch: Vec<Item>) -> Result<Vec<Verdict>, PluginError> {
    let rewrite = R::from_config(&config::get()).map_err(PluginError::InvalidConfig)?;
    Ok(batch.into_iter().map(|item| rewrite.apply(item.into()).into()).collect())
}

impl From<Item> for rewrite::Item {
    fn from(item: Item) -> Self {
        let pair = |attribute: bindings::longshore::plugin::types::Attribute| {
            (attribute.key, attribute.value)
        };
        Self {
            artifact: match item.artifact {
                Artifact::Image => rewrite::Artifact::Image,
                Artifact::Chart => rewrite::Artifact::Chart,
            },
            source: item.source,
            destination: item.destination,
            attributes: item.attributes.into_iter().map(pair).collect(),
        }
    }
}

impl From<rewrite::Verdict> for Verdict {
    fn from(verdict: rewrite::Verdict) -> Self {
        match verdict {
            rewrite::Verdict::Destination(destination) => Self::Destination(destination),
            rewrite::Verdict::Skip(why) => Self::Skip(why),
            rewrite::Verdict::Refuse(why) => Self::Refuse(why),
        }
    }
}
