//! The built-in plugins: components that `build.rs` puts into the binary.

use std::borrow::Cow;

use longshore_plugin_pack::{Kind, ListFacts};

/// A built-in plugin.
#[derive(Clone, Debug)]
pub struct Embedded {
    /// The name in the metadata, which users type.
    pub name: &'static str,
    /// The kind in the metadata.
    pub kind: Kind,
    /// The facts about the list format in the metadata.
    pub list: ListFacts,
    /// Whether it writes its list format.
    pub renders: bool,
    /// Words of which each text in the list format has at least one; empty if there are none.
    pub probe_words: &'static [&'static str],
    /// Endings of file names for which the host calls the probe without a probe word.
    pub probe_names: &'static [&'static str],
    /// The component with its metadata.
    pub(crate) content: Content,
    /// The SHA-256 of the component in lower-case hexadecimal digits. It is the key of the compiled
    /// code in the cache, and saves hashing the component at every start.
    pub sha256: &'static str,
}

/// A component as the binary holds it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content {
    /// The bytes of the component.
    Plain(&'static [u8]),
    /// A large component, compressed. It is unpacked only to be compiled.
    #[cfg_attr(
        without_renderer,
        expect(dead_code, reason = "only the chart renderer is large, and building it needs Go")
    )]
    Gzip {
        /// The compressed bytes of the component.
        bytes: &'static [u8],
        /// The size of the component in bytes.
        size: usize,
        /// The metadata of the component, as JSON.
        metadata: &'static str,
    },
}

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// Returns the component of a built-in plugin, for the tests of other modules.
#[cfg(test)]
pub(crate) fn component(name: &str) -> &'static [u8] {
    match EMBEDDED.iter().find(|embedded| embedded.name == name).map(|embedded| embedded.content) {
        Some(Content::Plain(bytes)) => bytes,
        _ => panic!("no plain component {name}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write as _;

    use longshore_plugin_pack::{Kind, Metadata, read};
    use sha2::{Digest as _, Sha256};
    use wasmtime::component::Component;
    use wasmtime::{Config, Engine};

    use super::{Content, EMBEDDED, Embedded};
    use crate::load::source::Source;

    fn metadata(plugin: &'static Embedded) -> Metadata {
        read(&bytes(plugin))
            .expect("a component")
            .unwrap_or_else(|| panic!("{} has no metadata", plugin.name))
    }

    fn bytes(plugin: &'static Embedded) -> Vec<u8> {
        Source::built_in(plugin).bytes().expect("it is unpacked").into_owned()
    }

    /// The plugins in Rust. The chart renderer is missing if longshore was built without Go.
    fn in_rust() -> impl Iterator<Item = &'static Embedded> {
        EMBEDDED.iter().filter(|plugin| plugin.kind != Kind::ChartRender)
    }

    #[test]
    fn all_built_in_plugins_are_embedded() {
        let found: Vec<_> = in_rust().map(|plugin| (plugin.name, plugin.kind)).collect();
        assert_eq!(
            found,
            [
                ("artifactory", Kind::RepoType),
                ("compose", Kind::ListFormat),
                ("cyclonedx", Kind::ListFormat),
                ("default", Kind::ListFormat),
                ("dockerfile", Kind::ListFormat),
                ("dregsy", Kind::ListFormat),
                ("ecr", Kind::RepoType),
                ("flatten", Kind::Rewrite),
                ("gitea", Kind::RepoType),
                ("gitlab", Kind::RepoType),
                ("harbor", Kind::RepoType),
                ("hauler", Kind::ListFormat),
                ("image-syncer", Kind::ListFormat),
                ("kubernetes", Kind::ListFormat),
                ("map", Kind::Rewrite),
                ("mirror", Kind::ListFormat),
                ("nexus", Kind::RepoType),
                ("oc-mirror", Kind::ListFormat),
                ("policy", Kind::Rewrite),
                ("prefix", Kind::Rewrite),
                ("quay", Kind::RepoType),
                ("regex", Kind::Rewrite),
                ("registry", Kind::Rewrite),
                ("regsync", Kind::ListFormat),
                ("skopeo-sync", Kind::ListFormat),
                ("spdx", Kind::ListFormat),
            ]
        );
    }

    #[test]
    fn the_table_matches_the_metadata_of_the_components() {
        for plugin in EMBEDDED {
            let metadata = metadata(plugin);
            assert_eq!(metadata.name, plugin.name);
            assert_eq!(metadata.kind, plugin.kind);
            assert_eq!(metadata.list.unwrap_or_default(), plugin.list);
            assert!(!metadata.description.is_empty(), "{}", plugin.name);
            assert!(metadata.config_schema.is_some(), "{}", plugin.name);
            let mut sha256 = String::new();
            for byte in Sha256::digest(bytes(plugin)) {
                write!(sha256, "{byte:02x}").expect("a string grows");
            }
            assert_eq!(sha256, plugin.sha256, "{}", plugin.name);
            if let Content::Gzip { size, metadata: json, .. } = plugin.content {
                assert_eq!(size, bytes(plugin).len(), "{}", plugin.name);
                let json: Metadata = serde_json::from_str(json).expect("it is metadata");
                assert_eq!(json.name, plugin.name);
                assert_eq!(json.kind, plugin.kind);
            }
        }
    }

    #[test]
    fn only_repository_types_use_the_network() {
        let mut found = Vec::new();
        for plugin in EMBEDDED {
            let metadata = metadata(plugin);
            for endpoint in &metadata.endpoints {
                found.push((plugin.name, endpoint.name.clone(), endpoint.auth.to_string()));
            }
            let is_repo_type = plugin.kind == Kind::RepoType;
            assert_eq!(metadata.grants.is_empty(), !is_repo_type, "{}", plugin.name);
            assert_eq!(metadata.exchange.is_some(), plugin.name == "ecr", "{}", plugin.name);
        }
        let found: Vec<(&str, &str, &str)> =
            found.iter().map(|(plugin, name, auth)| (*plugin, &**name, &**auth)).collect();
        assert_eq!(
            found,
            [
                ("artifactory", "api", "registry"),
                ("ecr", "api", "sigv4:ecr"),
                ("gitea", "api", "registry"),
                ("gitlab", "api", "bearer"),
                ("harbor", "api", "registry"),
                ("harbor", "ping", "none"),
                ("nexus", "api", "registry"),
                ("quay", "api", "bearer"),
            ]
        );
    }

    #[test]
    fn components_import_and_export_what_their_kind_may() {
        let engine = Engine::new(&Config::new()).expect("an engine");
        for plugin in in_rust() {
            let component = Component::new(&engine, bytes(plugin)).expect("it compiles");
            let shape = component.component_type();
            let ours = |name: &str| {
                name.strip_prefix("longshore:plugin/")
                    .and_then(|name| name.strip_suffix("@0.1.0"))
                    .map(str::to_owned)
            };
            let exports: BTreeSet<_> =
                shape.exports(&engine).filter_map(|(name, _)| ours(name)).collect();
            let render = plugin.renders.then_some("list-render");
            let kind = plugin.kind.as_str();
            let expected = [kind].into_iter().chain(render).map(str::to_owned).collect();
            assert_eq!(exports, expected, "exports of {}", plugin.name);

            let imports: BTreeSet<String> = shape
                .imports(&engine)
                .map(|(name, _)| name.to_owned())
                .filter(|name| !name.starts_with("wasi:"))
                .map(|name| ours(&name).unwrap_or(name))
                .collect();
            let expected: &[&str] = match plugin.kind {
                // Only some write to the log.
                Kind::RepoType if imports.contains("log") => {
                    &["config", "endpoints", "log", "types"]
                }
                Kind::RepoType => &["config", "endpoints", "types"],
                _ => &["config", "types"],
            };
            assert!(
                imports.iter().map(String::as_str).eq(expected.iter().copied()),
                "{} imports {imports:?}",
                plugin.name
            );
        }
    }

    #[test]
    fn no_path_of_the_building_machine_is_in_a_component() {
        for plugin in EMBEDDED {
            let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
            let found = bytes(plugin).windows(root.len()).any(|window| window == root.as_bytes());
            assert!(!found, "{} holds {root}", plugin.name);
        }
    }
}
