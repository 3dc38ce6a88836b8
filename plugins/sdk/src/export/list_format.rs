//! Exports list formats as components.

use crate::bindings::imports::types::PluginError;
use crate::bindings::list_format::Parsed;
use crate::host;
use crate::list::ListFormat;

/// Makes the crate a list format: from a type that implements
/// [`ListFormat`](crate::list::ListFormat), or, for a format without a configuration, from the two
/// functions `fn(file_name: &str, head: &str) -> Confidence` and `fn(file_name: &str, text: &str)
/// -> Parsed`. Does nothing on other targets than wasm32.
#[macro_export]
macro_rules! export_list_format {
    ($format:path) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;

            impl $crate::bindings::list_format::Guest for Component {
                fn probe(file_name: String, head: String) -> $crate::list::Confidence {
                    <$format as $crate::list::ListFormat>::probe(&file_name, &head)
                }

                fn parse(
                    file_name: String,
                    text: String,
                ) -> Result<$crate::list::Parsed, $crate::PluginError> {
                    $crate::export::list_format::parse::<$format>(&file_name, &text)
                }
            }

            $crate::bindings::list_format::generated::export_list_format_world!(
                Component with_types_in $crate::bindings::list_format::generated
            );
        };
    };
    ($probe:path, $parse:path) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Unconfigured;

            impl $crate::list::ListFormat for Unconfigured {
                fn probe(file_name: &str, head: &str) -> $crate::list::Confidence {
                    $probe(file_name, head)
                }

                fn from_config(json: &str) -> Result<Self, String> {
                    $crate::list::no_config(json).map(|()| Self)
                }

                fn parse(&self, file_name: &str, text: &str) -> $crate::list::Parsed {
                    $parse(file_name, text)
                }
            }

            $crate::export_list_format!(Unconfigured);
        };
    };
}

/// Configures a format and parses a text with it.
///
/// # Errors
/// Fails if the configuration is not valid.
pub fn parse<F: ListFormat>(file_name: &str, text: &str) -> Result<Parsed, PluginError> {
    let format = F::from_config(&host::config()).map_err(PluginError::InvalidConfig)?;
    let mut parsed = format.parse(file_name, text);
    for entry in &mut parsed.entries {
        // An empty platform is none. As one of the list, it would select nothing.
        entry.platforms.retain(|platform| !platform.trim().is_empty());
    }
    Ok(parsed)
}
