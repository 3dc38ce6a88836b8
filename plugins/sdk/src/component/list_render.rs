//! Exports list formats that can also write.

#[expect(missing_docs, reason = "wit-bindgen writes this code")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        // Extends the world `list-format-plugin`: the component is the union of both.
        inline: "
            package longshore:render;
            world list-render-plugin { export longshore:plugin/list-render@0.1.0-draft; }
        ",
        world: "longshore:render/list-render-plugin",
        with: {
            "longshore:plugin/types@0.1.0-draft":
                crate::component::list_format::bindings::longshore::plugin::types,
        },
        pub_export_macro: true,
        export_macro_name: "export_list_render_world",
    });
}

pub use crate::component::list_format::PluginError;
pub use crate::component::list_format::bindings::longshore::plugin::types::Entry;
pub use bindings::exports::longshore::plugin::list_render::Guest;

use crate::component::list_format::bindings::longshore::plugin::types;
use crate::list::{self, Filter, Selection};

/// Exports a function that writes the format: `fn(entries: &[Entry]) -> Result<String, String>`.
/// Its error names the entry that the format cannot express. Use it together with
/// [`export_list_format!`](crate::export_list_format).
#[macro_export]
macro_rules! export_list_render {
    ($render:path) => {
        struct Renderer;

        impl $crate::component::list_render::Guest for Renderer {
            fn render(
                entries: Vec<$crate::component::list_render::Entry>,
            ) -> Result<String, $crate::component::list_render::PluginError> {
                $crate::component::list_render::rendered(entries, $render)
            }
        }

        $crate::component::list_render::bindings::export_list_render_world!(
            Renderer with_types_in $crate::component::list_render::bindings
        );
    };
}

/// Converts the entries and passes them to `render`.
///
/// # Errors
/// Fails if the format cannot express one of the entries.
pub fn rendered(
    entries: Vec<Entry>,
    render: fn(&[list::Entry]) -> Result<String, String>,
) -> Result<String, PluginError> {
    let entries: Vec<list::Entry> = entries.into_iter().map(Into::into).collect();
    render(&entries).map_err(|message| {
        PluginError::Other(types::Coded { code: "cannot-say".to_owned(), message })
    })
}

impl From<Entry> for list::Entry {
    fn from(entry: Entry) -> Self {
        Self {
            source: entry.source,
            repositories: entry.repositories.map(Into::into),
            selection: entry.select.into(),
            destination: entry.destination,
            destination_tag: entry.destination_tag,
            platforms: entry.platforms,
            line: entry.line,
            attributes: entry.attributes.into_iter().map(|of| (of.key, of.value)).collect(),
        }
    }
}

impl From<types::Selection> for Selection {
    fn from(selection: types::Selection) -> Self {
        match selection {
            types::Selection::ByTag(tag) => Self::Tag(tag),
            types::Selection::ByDigest(types::Pinned { digest, tag }) => {
                Self::Digest { digest, tag }
            }
            types::Selection::All => Self::All,
            types::Selection::Matching(filter) => Self::Matching(filter.into()),
        }
    }
}

impl From<types::Filter> for Filter {
    fn from(filter: types::Filter) -> Self {
        let types::Filter { allow, deny, versions, latest } = filter;
        Self { allow, deny, versions, latest }
    }
}
