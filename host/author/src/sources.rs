//! The files that a new plugin gets a copy of: the contract, and the SDK of this longshore.

/// A source file of the SDK.
macro_rules! sdk {
    ($path:literal) => {
        (concat!("sdk/src/", $path), include_str!(concat!("../../../plugins/sdk/src/", $path)))
    };
}

/// The contract.
pub(crate) const CONTRACT: (&str, &str) =
    ("wit/plugin.wit", include_str!("../../../wit/plugin.wit"));

/// The sources of the SDK: paths below the folder of the plugin, and their texts.
pub(crate) const RUST: &[(&str, &str)] = &[
    sdk!("bindings.rs"),
    sdk!("bindings/chart_render.rs"),
    sdk!("bindings/chart_render/generated.rs"),
    sdk!("bindings/imports.rs"),
    sdk!("bindings/imports/generated.rs"),
    sdk!("bindings/list_format.rs"),
    sdk!("bindings/list_format/generated.rs"),
    sdk!("bindings/list_render.rs"),
    sdk!("bindings/list_render/generated.rs"),
    sdk!("bindings/repo_type.rs"),
    sdk!("bindings/repo_type/generated.rs"),
    sdk!("bindings/rewrite.rs"),
    sdk!("bindings/rewrite/generated.rs"),
    sdk!("chart.rs"),
    sdk!("credential.rs"),
    sdk!("diagnostic.rs"),
    sdk!("export.rs"),
    sdk!("export/chart_render.rs"),
    sdk!("export/list_format.rs"),
    sdk!("export/list_render.rs"),
    sdk!("export/repo_type.rs"),
    sdk!("export/rewrite.rs"),
    sdk!("host.rs"),
    sdk!("lib.rs"),
    sdk!("line.rs"),
    sdk!("list.rs"),
    sdk!("mock.rs"),
    sdk!("reference.rs"),
    sdk!("repo_type.rs"),
    sdk!("repo_type/answer.rs"),
    sdk!("rewrite.rs"),
    sdk!("scalar.rs"),
    sdk!("shape.rs"),
    sdk!("testing.rs"),
    sdk!("variables.rs"),
    sdk!("yaml.rs"),
    sdk!("yaml/look.rs"),
    sdk!("yaml/mend.rs"),
    sdk!("yaml/mend_tests.rs"),
    sdk!("yaml/read.rs"),
    sdk!("yaml/tests.rs"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::RUST;

    #[test]
    fn all_sources_of_the_sdk_are_copied() {
        fn collect(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) {
            for entry in fs::read_dir(folder).expect("the sources") {
                let entry = entry.expect("an entry");
                let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
                if entry.path().is_dir() {
                    collect(&entry.path(), &format!("{name}/"), found);
                } else {
                    found.insert(name);
                }
            }
        }
        let mut sources = BTreeSet::new();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/sdk/src");
        collect(&folder, "sdk/src/", &mut sources);
        let copied: BTreeSet<String> = RUST
            .iter()
            .map(|(path, _)| (*path).to_owned())
            .filter(|path| path.starts_with("sdk/src/"))
            .collect();
        assert_eq!(copied, sources);
    }
}
