//! Exports chart renderers as components.

use crate::bindings::chart_render::{File, Manifest, Release};
use crate::bindings::imports::types::PluginError;
use crate::chart::ChartRender;
use crate::host;

/// Makes the crate a chart renderer, from a type that implements
/// [`ChartRender`](crate::chart::ChartRender). Does nothing on other targets than wasm32.
#[macro_export]
macro_rules! export_chart_render {
    ($renderer:path) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;

            impl $crate::bindings::chart_render::Guest for Component {
                fn render(
                    files: Vec<$crate::chart::File>,
                    values: Vec<String>,
                    release: $crate::chart::Release,
                ) -> Result<Vec<$crate::chart::Manifest>, $crate::PluginError> {
                    $crate::export::chart_render::render::<$renderer>(&files, &values, &release)
                }
            }

            $crate::bindings::chart_render::generated::export_chart_render_world!(
                Component with_types_in $crate::bindings::chart_render::generated
            );
        };
    };
}

/// Configures a renderer and renders a chart.
///
/// # Errors
/// Fails if the configuration is not valid, or as the renderer does.
pub fn render<R: ChartRender>(
    files: &[File],
    values: &[String],
    release: &Release,
) -> Result<Vec<Manifest>, PluginError> {
    let renderer = R::from_config(&host::config()).map_err(PluginError::InvalidConfig)?;
    renderer.render(files, values, release)
}
