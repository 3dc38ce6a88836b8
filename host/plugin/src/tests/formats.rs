//! No built-in list format accepts the fixtures of another one.

use std::path::{Path, PathBuf};

use super::{Kind, Limits, host, setup};
use crate::PluginHost;
use crate::contract::Confidence;

/// Lists in formats that have no fixtures of their own: the format's name, and a text.
const TEXTS: &[(&str, &str)] = &[
    ("default", "rancher/rancher:v2.9.1\nregistry.example.io:5000/library/mysql:8\nbusybox\n"),
    ("mirror", "# <SOURCE> <DEST> <TAG>\nmysql library/mysql 8\nlocalhost:5000/a h:5000/b 1.0\n"),
];

/// The files of `plugins/FORMAT/fixtures`, which are in that format; entries in them may be wrong.
fn fixtures(format: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins").join(format);
    let Ok(entries) = std::fs::read_dir(folder.join("fixtures")) else { return Vec::new() };
    entries.map(|entry| entry.expect("the folder is read").path()).collect()
}

#[test]
fn formats_are_asked_for_their_words_only() {
    let asked = |name: &str, text: &str| PluginHost::formats_for(name, text);
    assert_eq!(asked("images.txt", "rancher/rancher:v2\n"), ["default", "mirror"]);
    assert_eq!(asked("app.cdx.json", "{}"), ["cyclonedx", "default", "mirror"]);
    let regsync = asked("list", "sync:\n- source: a\n");
    assert_eq!(regsync, ["default", "image-syncer", "mirror", "regsync"]);
}

#[tokio::test]
async fn each_fixture_has_one_format_that_is_certain() {
    let host = host(Limits::default());
    let mut formats = Vec::new();
    for name in PluginHost::built_in(Kind::ListFormat) {
        let plugin = host.load(Kind::ListFormat, name, setup()).await.expect("it loads");
        formats.push((name, plugin));
    }
    let mut texts: Vec<(&str, String, String)> = Vec::new();
    for (name, _) in &formats {
        for (_, text) in TEXTS.iter().filter(|(format, _)| format == name) {
            texts.push((name, format!("a list of {name}"), (*text).to_owned()));
        }
        for path in fixtures(name) {
            let text = std::fs::read_to_string(&path).expect("a text");
            texts.push((name, path.display().to_string(), text));
        }
        assert!(texts.iter().any(|(format, ..)| format == name), "{name} has no fixture");
    }
    for (format, file, text) in &texts {
        for (name, plugin) in &formats {
            let found = plugin.probe("list", text).await.expect("a result");
            // One line of another format may fit, so that `maybe` is not wrong.
            assert_eq!(found == Confidence::Certain, name == format, "{name} on {file}: {found:?}");
            let asked = PluginHost::formats_for("list", text).contains(name);
            assert!(
                asked || found == Confidence::No,
                "{name} is not asked about {file}: {found:?}"
            );
        }
        let (_, plugin) = formats.iter().find(|(name, _)| name == format).expect("it is there");
        let parsed = plugin.parse("list", text).await.expect("it is read");
        assert!(!parsed.entries.is_empty(), "{file} has entries: {:?}", parsed.diagnostics);
    }
}
