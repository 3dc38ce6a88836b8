//! Exports list formats that can also write.

use crate::bindings::imports::types::{Entry, PluginError};
use crate::list::ListRender;

/// Lets a list format write lists, from a type that implements
/// [`ListRender`](crate::list::ListRender) or from a function `fn(entries: &[Entry]) ->
/// Result<String, String>`. Use it together with [`export_list_format!`](crate::export_list_format).
#[macro_export]
macro_rules! export_list_render {
    (type $format:path) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Renderer;

            impl $crate::bindings::list_render::Guest for Renderer {
                fn render(
                    entries: Vec<$crate::list::Entry>,
                ) -> Result<String, $crate::PluginError> {
                    $crate::export::list_render::render::<$format>(&entries)
                }
            }

            $crate::bindings::list_render::generated::export_list_render_world!(
                Renderer with_types_in $crate::bindings::list_render::generated
            );
        };
    };
    ($render:path) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Function;

            impl $crate::list::ListRender for Function {
                fn render(entries: &[$crate::list::Entry]) -> Result<String, String> {
                    $render(entries)
                }
            }

    $crate::export_list_render!(type Function);
        };
    };
}

/// Writes the entries.
///
/// # Errors
/// Fails if the format cannot express one of the entries.
pub fn render<F: ListRender>(entries: &[Entry]) -> Result<String, PluginError> {
    F::render(entries).map_err(|message| PluginError::other("cannot-say", message))
}
