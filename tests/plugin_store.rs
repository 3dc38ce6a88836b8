//! Installed plugins: packed, pushed, added by their digests, used by their names, and refused if anything
//! about them changed.

mod artifacts;
mod compiling;
mod consent;
mod kinds;
mod names;
mod odd_metadata;
mod places;
pub(crate) mod published;
mod refusals;
mod similar;

use serde_json::{Value, json};

use crate::plugin::{edited, one_entry, with_metadata};
use crate::support::{Longshore, Pair, Regctl, Registry, Run, Skopeo};
use longshore_content::{Content, Image};

/// A list that only the plugin `zarf` reads.
const LIST: &str = "!!zarf package\n";

/// Returns the metadata of the list format `zarf`.
fn metadata(version: &str) -> Value {
    json!({
        "name": "zarf", "version": version, "kind": "list-format", "description": "Reads packages",
        "probe-words": ["!!zarf"],
        "config-schema": {"type": "object", "properties": {"depth": {"type": "integer"}}},
    })
}

/// Returns a component without metadata whose only entry is `team/app`, and that is certain of its lists.
fn certain() -> Vec<u8> {
    edited("newline", |text| {
        text.replace(
            "registry.example.com/evil\\0afatal: all lost",
            &format!("team/app{}", " ".repeat(33)),
        )
        .replace(r#""\00\01\00\00\29\00\00\00""#, r#""\00\01\00\00\08\00\00\00""#)
        .replace(r#""\07""#, r#""\01""#)
        .replace("(result i32)\n      (i32.const 1))", "(result i32)\n      (i32.const 2))")
    })
}

/// Returns the list format `zarf` in a version.
fn zarf(version: &str) -> Vec<u8> {
    with_metadata(&certain(), &metadata(version))
}

fn image() -> Content {
    Image::new("linux/amd64").layer(1, 1000).build()
}

/// Creates registries of which the source has the image of [`LIST`].
fn pair() -> Pair {
    let pair = Pair::embedded();
    pair.source.push("team/app", "latest", &image());
    pair
}

/// Prepares `plugin` with these words.
fn plugin(longshore: Longshore, words: &[&str]) -> Longshore {
    longshore.arg("plugin").args(words)
}

/// Prepares a copy of [`LIST`].
fn mirror(longshore: Longshore, pair: &Pair) -> Longshore {
    let longshore = longshore.mirror().list(LIST).source(pair.source.address());
    longshore.destination(pair.destination.address())
}

/// Installs `zarf` from a file, and returns the run in whose directory that happened.
fn installed() -> Run {
    let longshore = Longshore::new().file("zarf.wasm", zarf("1.0.0"));
    plugin(longshore, &["add", "./zarf.wasm", "--yes"]).run().exits(0)
}

/// Returns the text of the lock file.
fn lock(run: &Run) -> String {
    run.file("../home/.config/longshore.lock").expect("there is a lock file")
}

#[test]
fn from_a_component_to_a_locked_plugin_on_another_machine() {
    let Some(registry) = Registry::docker().start() else { return };
    let reference = format!("oci://{}/plugins/zarf:1", registry.address());
    // The author packs and pushes.
    let author = Longshore::new()
        .file("component.wasm", certain())
        .file("plugin.json", metadata("1.0.0").to_string())
        .file("next.json", metadata("2.0.0").to_string());
    let author = plugin(author, &["pack", "component.wasm", "plugin.json"]).run().exits(0);
    let push = |file: &str| {
        let pushed = plugin(author.again(), &["push", file, &reference]).run().exits(0);
        pushed.stdout.trim().to_owned()
    };
    let pushed = push("zarf.wasm");
    assert_eq!(push("zarf.wasm"), pushed, "the same file got another digest");
    let digest = pushed.rsplit_once('@').expect("a digest is printed").1.to_owned();
    pulled_by_others(&registry, "plugins/zarf", &digest, &zarf("1.0.0"));

    // A user installs it on a clean machine and mirrors with it, named and detected.
    let user = plugin(Longshore::new(), &["add", &reference, "--yes"]).run().exits(0);
    let user = user.complains("zarf 1.0.0 (list-format): Reads packages");
    let locked = lock(&user);
    assert!(locked.contains(&format!("manifest = \"{digest}\"")), "{locked}");
    let pair = pair();
    let run = mirror(user.again(), &pair).args(["--list-format", "zarf"]).run().exits(0);
    let run = mirror(run.again(), &pair).run().exits(0).complains("images.txt is read as zarf");
    mirror(run.again(), &pair).args(["--list-format", &reference]).run().exits(0);
    pair.assert_arrived("team/app", "latest", &image());
    let listed = plugin(user.again(), &["list"]).run().exits(0).stdout;
    assert!(listed.contains(&reference), "{listed}");

    // The tag is moved. The run still uses the locked component, and an update shows both.
    plugin(author.again(), &["pack", "component.wasm", "next.json", "-o", "next.wasm"])
        .run()
        .exits(0);
    let moved = push("next.wasm");
    assert_ne!(moved, pushed);
    mirror(user.again(), &pair).arg("--locked").run().exits(0);

    // Another machine has the lock file only.
    let other =
        || Longshore::new().file("ci/longshore.lock", &locked).file("ci/longshore.toml", "");
    let settings = ["--settings", "ci/longshore.toml", "--list-format", "zarf"];
    let moved_digest = moved.rsplit_once('@').expect("a digest").1;
    for more in [&[][..], &["--locked"]] {
        let absent = mirror(other(), &pair).args(settings).args(more).run().exits(2);
        let absent = absent.complains("its component is not on this machine");
        let both = format!("now has the manifest {moved_digest}, and the lock file says {digest}");
        absent
            .complains(&both)
            .complains("longshore plugin update zarf")
            .complains("plugin prefetch");
    }
    let prefetch = ["prefetch", "--settings", "ci/longshore.toml"];
    let fetched = plugin(other(), &prefetch).run().exits(0).complains("zarf was fetched");
    let run = mirror(fetched.again(), &pair).args(settings).arg("--locked").run().exits(0);
    assert_eq!(run.file("ci/longshore.lock").as_deref(), Some(locked.as_str()), "it was changed");
    plugin(run.again(), &prefetch).run().exits(0).complains("zarf is on this machine");

    // Changed bytes are refused, and the tag is told too.
    let kept = refusals::component(&user);
    drop(user.again().file(&kept, zarf("6.6.6")));
    let changed = mirror(user.again(), &pair).args(["--list-format", "zarf"]).run().exits(2);
    let changed = changed.complains("its component has the digest sha256:");
    changed.complains(moved_digest).complains(&digest).complains("longshore plugin update zarf");
    plugin(user.again(), &["prefetch"]).run().exits(0).complains("zarf was fetched");

    let updated = plugin(user.again(), &["update"]).run().exits(0);
    let updated = updated.complains("zarf 1.0.0 → 2.0.0").complains(" → sha256:");
    assert!(lock(&updated).contains(moved.rsplit_once('@').expect("a digest").1));
    plugin(updated.again(), &["update", "zarf"]).run().exits(0).complains("zarf is as oci://");
    mirror(updated.again(), &pair).arg("--locked").run().exits(0);
}

/// Reads the artifact with the tag `1` with other clients, as far as they are installed.
#[track_caller]
fn pulled_by_others(registry: &Registry, repository: &str, digest: &str, component: &[u8]) {
    let manifest = registry.manifest(repository, "1");
    assert_eq!(manifest.digest, digest);
    registry.assert_complete(repository, "1");
    let manifest: Value = serde_json::from_slice(&manifest.bytes).expect("it is JSON");
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    if let Some(skopeo) = Skopeo::find() {
        let raw = skopeo.inspect_raw(&format!("{}/{repository}:1", registry.address()));
        let raw: Value = serde_json::from_slice(&raw).expect("it is JSON");
        assert_eq!(raw, manifest);
    }
    if let Some(regctl) = Regctl::find() {
        let blob = manifest["layers"][0]["digest"].as_str().expect("a digest");
        assert!(regctl.blob(registry.address(), repository, blob) == component, "other bytes");
    }
}

#[test]
fn a_plugin_comes_from_a_folder_of_layouts_too() {
    let author = Longshore::new().file("zarf.wasm", zarf("1.0.0"));
    let push = ["push", "zarf.wasm", "oci:usb/plugins/zarf:1"];
    let pushed = plugin(author, &push).run().exits(0);
    assert!(pushed.stdout.contains("/usb/plugins/zarf:1@sha256:"), "{}", pushed.stdout);
    let info = plugin(pushed.again(), &["info", "oci:usb/plugins/zarf:1"]).run().exits(0);
    assert!(info.stdout.contains("name         zarf\n"), "{}", info.stdout);
    let added = plugin(info.again(), &["add", "oci:usb/plugins/zarf:1", "--yes"]).run().exits(0);
    let pair = pair();
    let run = mirror(added.again(), &pair).arg("--locked").run().exits(0);
    pair.assert_arrived("team/app", "latest", &image());
    // Another tag of the folder is not there.
    let missing = plugin(run.again(), &["info", "oci:usb/plugins/zarf:2"]).run().exits(2);
    missing.complains("/usb/plugins/zarf:2");
}

#[test]
fn an_installed_plugin_gets_its_configuration_by_its_name() {
    let run = installed();
    let pair = pair();
    let settings = |text: &str| run.again().file("../home/.config/longshore.toml", text);
    let wrong = mirror(settings("[plugins.zarf]\ndepth = 'x'\n"), &pair);
    let wrong = wrong.args(["--list-format", "zarf"]).run().exits(2);
    let wrong =
        wrong.complains("longshore.toml: configure plugin `zarf`: `depth` must be an integer");
    // The list is not read without the plugin in silence.
    let detected = mirror(wrong.again(), &pair).run().exits(2);
    detected.complains("the list is read without this plugin");
    let unknown = mirror(settings("[plugins.zarf]\ndeep = 1\n"), &pair);
    let unknown = unknown.args(["--list-format", "zarf"]).run().exits(2);
    unknown.complains("longshore.toml: configure plugin `zarf`: unknown key `deep` (known: depth)");
    let right = mirror(settings("[plugins.zarf]\ndepth = 1\n"), &pair);
    let flag = right.args(["--plugin-config", "zarf.depth=many"]).run().exits(2);
    let flag = flag.complains("use --plugin-config zarf.depth: configure plugin `zarf`");
    mirror(flag.again(), &pair).args(["--plugin-config", "zarf.depth=2"]).run().exits(0);
}

#[test]
fn a_removed_plugin_is_gone() {
    let run = installed();
    let component = || {
        let folder = run.directory().join("../home/.local/share/longshore/plugins");
        std::fs::read_dir(folder).expect("there is a folder").count()
    };
    assert_eq!(component(), 1);
    // Another lock file names the same component.
    let other = ["--settings", "ci/longshore.toml"];
    let shared = run.again().file("ci/longshore.toml", "").file("ci/longshore.lock", lock(&run));
    let removed = plugin(shared, &["remove", "zarf"]).run().exits(0).complains("removed zarf");
    assert_eq!(component(), 1, "all lock files share the components");
    mirror(removed.again(), &pair()).args(other).arg("--locked").run().exits(0);
    let pair = pair();
    let gone = mirror(removed.again(), &pair).args(["--list-format", "zarf"]).run().exits(2);
    gone.complains("no list-format plugin has that name");
    for command in ["remove", "update"] {
        let missing = plugin(run.again(), &[command, "zarf"]).run().exits(2);
        missing.complains("find the installed plugin \"zarf\": the lock file ");
    }
}

#[test]
fn plugins_that_are_added_at_once_are_all_locked() {
    let names: Vec<String> = (0..4).map(|number| format!("format-{number}")).collect();
    let mut longshore = Longshore::new();
    for name in &names {
        let metadata = json!({"name": name, "version": "1.0.0", "kind": "list-format"});
        longshore = longshore.file(&format!("{name}.wasm"), with_metadata(&certain(), &metadata));
    }
    let run = plugin(longshore, &["list"]).run().exits(0);
    std::thread::scope(|scope| {
        for name in &names {
            let file = format!("{name}.wasm");
            let add = plugin(run.again(), &["add", &file, "--yes"]);
            scope.spawn(move || add.run().exits(0));
        }
    });
    let locked = lock(&run);
    let found = |name: &&String| locked.contains(&format!("name = \"{name}\""));
    assert_eq!(names.iter().filter(found).count(), names.len(), "{locked}");
}

#[test]
fn a_format_without_metadata_is_used_only_by_its_path() {
    let longshore = Longshore::new().file("bare.wasm", one_entry());
    let added = plugin(longshore, &["add", "bare.wasm", "--yes"]).run().exits(2);
    added.complains("the component has no metadata").complains("longshore plugin pack");
}
