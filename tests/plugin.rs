//! Plugins by path: hostile ones are stopped and named, and good ones work like built-in ones.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use longshore_content::Image;

use crate::support::harbor::{Behaviour, Harbor};
use crate::support::{Longshore, Registry, Run};

/// A registry that refuses connections: nothing listens on the port.
const NOBODY: &str = "127.0.0.1:9";

/// What helps if a list is too much for a plugin.
const SPLIT: &str = "hint: split the list into several files";

/// Returns a component of `tests/plugins`.
pub(crate) fn component(name: &str) -> Vec<u8> {
    edited(name, |text| text)
}

/// Returns a component of `tests/plugins` with an edited source.
pub(crate) fn edited(name: &str, edit: impl Fn(String) -> String) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/plugins");
    let text = std::fs::read_to_string(folder.join(name).with_extension("wat"));
    let text = edit(text.unwrap_or_else(|error| panic!("failed to read {name}.wat: {error}")));
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{name}.wat is not a component: {error}"))
}

/// Returns the component of the contract 0.1.0 of a kind, without metadata.
pub(crate) fn of_contract(kind: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/contract/0.1.0");
    let text = std::fs::read_to_string(folder.join(kind).with_extension("wat")).expect("a text");
    wat::parse_str(&text).expect("a component")
}

/// Returns a component with a metadata section.
pub(crate) fn packed(name: &str, metadata: &serde_json::Value) -> Vec<u8> {
    with_metadata(&component(name), metadata)
}

/// Appends metadata to a component.
pub(crate) fn with_metadata(component: &[u8], metadata: &serde_json::Value) -> Vec<u8> {
    let metadata = serde_json::from_value(metadata.clone()).expect("these are metadata");
    longshore_plugin_pack::append(component, &metadata).expect("it can be packed")
}

/// Returns a list format whose only entry is `team/app`, at the first line.
pub(crate) fn one_entry() -> Vec<u8> {
    // The hostile component, with a good reference instead of the bad one.
    let good = format!("team/app{}", " ".repeat(33));
    edited("newline", |text| {
        text.replace("registry.example.com/evil\\0afatal: all lost", &good)
            .replace(r#""\00\01\00\00\29\00\00\00""#, r#""\00\01\00\00\08\00\00\00""#)
            .replace(r#""\07""#, r#""\01""#)
    })
}

/// Adds the component to the run as `./NAME.wasm`.
fn with(longshore: Longshore, name: &str) -> Longshore {
    longshore.file(&format!("{name}.wasm"), component(name))
}

/// Prepares a run that ends before it sends a request.
fn nowhere() -> Longshore {
    Longshore::new().mirror().list("team/app team/app 1\n").source(NOBODY).destination(NOBODY)
}

/// Creates a source with `team/app:1`, and an empty destination.
fn registries() -> (Registry, Registry) {
    let (source, destination) = (Registry::embedded(), Registry::embedded());
    source.push("team/app", "1", &Image::new("linux/amd64").layer(1, 1000).build());
    (source, destination)
}

fn mirror(source: &Registry, destination: &str) -> Longshore {
    let list = "team/app team/app 1\n";
    Longshore::new().mirror().list(list).source(source.address()).destination(destination)
}

/// Runs a list in the format of the plugin `name`. Also returns the most memory that was seen, in KiB; 0 if the
/// process ended before anybody looked.
#[track_caller]
fn measured(name: &str) -> (Run, u64) {
    let plugin = format!("./{name}.wasm");
    let mut running = with(nowhere(), name).args(["--list-format", &plugin]).start();
    let mut peak = 0;
    // Samples until the process ends. Misses the last moments, but the process holds its memory
    // longer.
    while let Some(now) = running.peak_memory() {
        peak = now.max(peak);
        std::thread::sleep(Duration::from_millis(1));
    }
    (running.finish().exits(2), peak)
}

#[track_caller]
fn stopped(name: &str, why: &str) -> Run {
    let (mut run, mut peak) = measured(name);
    // A busy machine may look too late at a run of milliseconds.
    for _again in 0..3 {
        if peak > 0 {
            break;
        }
        (run, peak) = measured(name);
    }
    let run = run.complains(&format!("with plugin `{name}`: ")).complains(why);
    assert!(!run.stderr.contains("panicked"), "the host panicked:\n{}", run.stderr);
    assert_eq!(run.file("mirror-failed.txt"), None, "nothing was started");
    assert_eq!(run.stdout, "", "nothing was done");
    assert!(peak > 0 || !cfg!(target_os = "linux"), "no memory sample");
    // 256 MiB for the guest, 64 MiB for its result, and the program itself.
    assert!(peak < 500 * 1024, "{name} made the host hold {peak} KiB");
    run
}

#[test]
fn a_format_that_traps_is_stopped() {
    stopped("traps", "the plugin trapped");
}

#[test]
fn a_format_that_loops_is_stopped() {
    stopped("loops", "the plugin ran out of CPU time (10 s)").complains(SPLIT);
}

#[test]
fn a_format_that_allocates_without_end_is_stopped() {
    stopped("allocates", "the plugin ran out of memory").complains(SPLIT);
}

#[test]
fn a_format_with_ten_million_entries_is_stopped() {
    stopped("many-entries", "the plugin returned too much").complains(SPLIT);
}

#[test]
fn a_format_that_returns_gigabytes_is_stopped() {
    stopped("lifts-gigabytes", "the plugin returned too much").complains(SPLIT);
}

#[test]
fn a_format_that_exits_is_stopped() {
    stopped("exits", "the plugin exited with status 1");
}

#[test]
fn a_newline_in_a_reference_is_shown_escaped() {
    stopped("newline", r"evil\nfatal: all lost");
}

#[test]
fn a_format_cannot_escape_its_sandbox() {
    let run = with(nowhere(), "pries").args(["--list-format", "./pries.wasm"]).run().exits(2);
    run.complains("it has no entries");
}

#[test]
fn a_format_that_is_not_selected_is_never_called() {
    let (source, destination) = registries();
    // It would trap on the first call.
    with(mirror(&source, destination.address()), "traps").run().exits(0);
    destination.assert_complete("team/app", "1");
}

#[test]
fn a_rewrite_that_swallows_entries_stops_the_run() {
    let (source, destination) = registries();
    let swallows = ["--rewrite", "./swallows.wasm"];
    let run = with(mirror(&source, destination.address()), "swallows").args(swallows).run();
    let run = run.exits(2).complains("with plugin `swallows`: ");
    run.complains("0 verdicts for 1 items");
    let arrived = destination.endpoint().manifest("team/app", "1").expect("it answers");
    assert_eq!(arrived, None, "an image was copied");
}

#[test]
fn waiting_for_the_network_does_not_count_as_cpu_time() {
    let (source, destination) = registries();
    // Two requests, so that the hook waits longer than its CPU limit.
    let wait = Duration::from_millis(5_500);
    let slow = Behaviour { open: true, wait, ..Behaviour::default() };
    let registry = Harbor::start(destination.address(), slow);
    let grant = ["--grant", "POST registry /wait/*"];
    let hook = ["--repo-type", "./waits.wasm"];
    let longshore = with(mirror(&source, registry.address()), "waits");
    let run = longshore.args(hook).args(grant).run().exits(0);
    run.complains("project ab on ").complains("was created");
    assert_eq!(registry.count("POST", "/wait/ab"), 2);
    destination.assert_complete("team/app", "1");
}

#[test]
fn a_hook_without_a_grant_is_denied_and_the_push_tried() {
    let (source, destination) = registries();
    let open = Behaviour { open: true, ..Behaviour::default() };
    let registry = Harbor::start(destination.address(), open);
    for grant in [&[][..], &["--grant", "GET registry /wait/*"], &["--grant", "POST registry /w"]] {
        let longshore = with(mirror(&source, registry.address()), "waits").args(grant);
        let run = longshore.args(["--repo-type", "./waits.wasm"]).run().exits(0);
        run.complains("with plugin `waits`: ").complains("trying the push anyway");
    }
    assert_eq!(registry.count("POST", "/wait/ab"), 0, "a request went out without a grant");
    destination.assert_complete("team/app", "1");
    let grant = ["--grant", "GET registry /v2/**", "--repo-type", "./waits.wasm"];
    with(mirror(&source, registry.address()), "waits").args(grant).run().exits(2).complains("/v2/");
}

/// Adds a repository type to the run whose endpoint `api` is like this.
fn with_endpoint(longshore: Longshore, endpoint: &serde_json::Value) -> Longshore {
    let metadata = serde_json::json!({
        "name": "mine", "version": "1.0.0", "kind": "repo-type", "endpoints": [endpoint],
        "config-schema": {"type": "object", "properties": {"tls": {"type": "boolean"}}},
    });
    let longshore = longshore.file("mine.wasm", packed("waits", &metadata));
    longshore.args(["--repo-type", "./mine.wasm"])
}

#[test]
fn a_hook_uses_plain_http_only_if_configured_and_safe() {
    let endpoint = serde_json::json!({
        "name": "api", "origin": "https://{registry}", "auth": "registry", "https-key": "tls",
    });
    let plain = ["--plugin-config", "mine.tls=false"];
    let remote = Longshore::new().mirror().list("team/app team/app 1\n").source(NOBODY);
    let remote = with_endpoint(remote.destination("r.invalid"), &endpoint);
    let refused = remote.args(plain).run().exits(2);
    let refused = refused.complains("use --plugin-config mine.tls=false for r.invalid: plain HTTP");
    refused.complains("hint: give --tls-verify=false too");
    // Nothing listens there, which fails the entry and not the start.
    with_endpoint(nowhere(), &endpoint).args(plain).run().exits(1);
}

#[test]
fn a_format_by_its_path_reads_lists() {
    let (source, destination) = registries();
    let longshore = mirror(&source, destination.address()).file("my-format.wasm", one_entry());
    let run = longshore.args(["--list-format", "./my-format.wasm", "--output=json"]).run();
    // Its only entry has no tag.
    let run = run.exits(1);
    assert!(run.stdout.contains("team/app:latest"), "{}", run.stdout);
    let failed = run.file("mirror-failed.txt").expect("there is a failed list");
    assert!(failed.contains("--list-format=mirror"), "the failed list is a mirror list:\n{failed}");
}

/// Adds a list format to the run whose metadata has these list facts.
fn with_list_facts(longshore: Longshore, facts: &serde_json::Value) -> Longshore {
    let metadata = serde_json::json!({
        "name": "mine", "version": "1.0.0", "kind": "list-format", "list": facts,
    });
    let longshore = longshore.file("my-format.wasm", with_metadata(&one_entry(), &metadata));
    longshore.args(["--list-format", "./my-format.wasm"])
}

#[test]
fn a_format_by_its_path_that_has_lines_repeats_them_as_they_were() {
    let (source, destination) = registries();
    let list = Longshore::new().mirror().list("  the app :: newest  \n");
    let longshore = list.source(source.address()).destination(destination.address());
    let longshore = with_list_facts(longshore, &serde_json::json!({"lines": true}));
    let run = longshore.args(["--plugin-config", "mine.key=value"]).run().exits(1);
    let failed = run.file("mirror-failed.txt").expect("there is a failed list");
    let lines: Vec<&str> = failed.lines().collect();
    assert!(lines[0].contains("--list-format=./my-format.wasm"), "not by its path:\n{failed}");
    assert!(lines[0].contains("--plugin-config='mine.key=value'"), "not configured:\n{failed}");
    assert_eq!(lines[2..], ["the app :: newest"], "not as it was:\n{failed}");

    source.push("team/app", "latest", &Image::new("linux/amd64").layer(1, 1000).build());
    run.repeated("mirror-failed.txt").exits(0);
    destination.assert_complete("team/app", "latest");
}

#[test]
fn a_format_by_its_path_has_its_default_platforms() {
    let (source, destination) = registries();
    let facts = serde_json::json!({"default-arch": "arm64", "default-os": "linux"});
    source.push("team/app", "latest", &Image::new("linux/amd64").layer(1, 1000).build());
    let longshore = || with_list_facts(mirror(&source, destination.address()), &facts);
    let run = longshore().arg("--no-arch-os-fail").run().exits(1);
    let failed = run.file("mirror-failed.txt").expect("there is a failed list");
    assert!(failed.contains("--arch=arm64 --os=linux"), "the filter is lost:\n{failed}");
    let lines: Vec<&str> = failed.lines().skip(2).collect();
    assert_eq!(lines, ["team/app team/app latest"], "the command has the filter:\n{failed}");
    run.repeated("mirror-failed.txt").exits(1);

    longshore().args(["--arch", "amd64"]).run().exits(0);
    destination.assert_complete("team/app", "latest");

    let facts = serde_json::json!({"default-arch": "no arch"});
    let run = with_list_facts(mirror(&source, destination.address()), &facts).run().exits(2);
    run.complains("default platform filter of the list format mine");
}

#[test]
fn a_rewrite_by_its_path_is_like_a_built_in() {
    let (source, destination) = registries();
    let prefix = ["--rewrite", "prefix", "--plugin-config", "prefix.prefix=team/a"];
    let longshore = with(mirror(&source, destination.address()), "keeps").args(prefix);
    longshore.args(["--rewrite", "./keeps.wasm"]).run().exits(0);
    destination.assert_complete("team/a/team/app", "1");
}

/// Returns the configuration and the destination that `recites` got. It rejects the entry, so that
/// no request is sent.
#[track_caller]
pub(crate) fn recited(longshore: Longshore) -> (serde_json::Value, String) {
    let run = longshore.arg("--output=json").run().exits(1);
    let document: serde_json::Value = serde_json::from_str(&run.stdout).expect("this is JSON");
    let error = document["entries"][0]["error"].as_str().expect("it is refused").to_owned();
    let start = error.find('{').unwrap_or_else(|| panic!("no configuration: {error}"));
    let end = error.rfind("} ").unwrap_or_else(|| panic!("no destination: {error}")) + 1;
    let config = serde_json::from_str(&error[start..end]).expect("a configuration is JSON");
    (config, error[end..].trim().to_owned())
}

#[test]
fn rewrites_run_in_the_order_given() {
    let prefix = ["--plugin-config", "prefix.prefix=team/a"];
    let (before, after) = (["--rewrite", "prefix"], ["--rewrite", "./recites.wasm"]);
    let longshore = || with(nowhere(), "recites").args(prefix);
    let (_, seen) = recited(longshore().args(before).args(after));
    assert_eq!(seen, format!("{NOBODY}/team/a/team/app:1"));
    let (_, seen) = recited(longshore().args(after).args(before));
    assert_eq!(seen, format!("{NOBODY}/team/app:1"));
}

#[test]
fn a_plugin_gets_its_configuration_from_the_settings_and_the_command_line() {
    let settings = "[plugins.recites]\na = 1\nb = 'file'\n\
                    [plugins.other]\nc = 1\n";
    let longshore = with(nowhere(), "recites")
        .file("longshore.toml", settings)
        .file("table.txt", "x: y\n")
        .args(["--settings", "longshore.toml", "--rewrite", "./recites.wasm"])
        .args(["--plugin-config", "recites.b=line", "--plugin-config", "recites.c=@table.txt"]);
    let (config, _) = recited(longshore);
    assert_eq!(config, serde_json::json!({"a": 1, "b": "line", "c": "x: y\n"}));
}

#[test]
fn a_plugin_is_configured_by_the_name_in_its_metadata() {
    let metadata = serde_json::json!({
        "name": "poet", "version": "1.0.0", "kind": "rewrite",
        "config-schema": {"type": "object", "properties": {
            "verses": {"type": "integer"}, "rhymes": {"type": "boolean"},
        }},
    });
    let longshore = || {
        let longshore = nowhere().file("mine.wasm", packed("recites", &metadata));
        longshore.args(["--rewrite", "./mine.wasm"])
    };
    let settings = longshore().file("longshore.toml", "[plugins.poet]\nverses = 3\n");
    let settings = settings.args(["--settings", "longshore.toml"]);
    let (config, _) = recited(settings.args(["--plugin-config", "poet.rhymes=false"]));
    assert_eq!(config, serde_json::json!({"verses": 3, "rhymes": false}));

    let run = longshore().args(["--plugin-config", "poet.verses=many"]).run().exits(2);
    run.complains("configure plugin `poet`: `verses` must be an integer, not `many`");
    let run = longshore().args(["--plugin-config", "mine.verses=3"]).run().exits(2);
    run.complains("use --plugin-config mine: this run uses no plugin of that name");
}

#[test]
fn unusable_values_are_named() {
    let run = |arguments: &[&str]| {
        let longshore = with(with(nowhere(), "traps"), "keeps").file("text.wasm", "no component");
        longshore.args(arguments).run().exits(2)
    };
    run(&["--rewrite", "perfix"]).complains("`perfix`").complains("(there are: flatten, map, ");
    run(&["--list-format", "x"]).complains("(there are: compose, ").complains(" mirror, ");
    run(&["--repo-type", "quai"])
        .complains("(there are: artifactory, ecr, gitea, gitlab, harbor, nexus, quay)");
    run(&["--rewrite", "./traps.wasm"]).complains("./traps.wasm").complains("not a rewrite plugin");
    run(&["--repo-type", "keeps.wasm"]).complains("keeps.wasm").complains("not a repo-type plugin");
    run(&["--rewrite", "./no.wasm"]).complains("./no.wasm");
    run(&["--rewrite", "./text.wasm"]).complains("./text.wasm");
    run(&["--rewrite", "oci://r.example.com/x:1"]).complains("oci://r.example.com/x:1");
    run(&["--plugin-config", "perfix.prefix=a"]).complains("--plugin-config perfix");
    run(&["--plugin-config", "prefix.prefix=a"]).complains("--plugin-config prefix");
    run(&["--plugin-config", "prefix"]).complains("NAME.KEY=VALUE");
    run(&["--rewrite=prefix", "--plugin-config", "prefix.prefix=@no"]).complains("prefix.prefix");
    run(&["--rewrite=prefix"]).complains("configure plugin `prefix`").complains("`prefix`");
    let bad = run(&["--rewrite=prefix", "--plugin-config", "prefix.prefix=A/"]);
    bad.complains("with plugin `prefix`").complains("prefix \"A/\"");
    let unknown = run(&["--rewrite=prefix", "--plugin-config", "prefix.perfix=a"]);
    unknown.complains("configure plugin `prefix`").complains("unknown key `perfix`");
}

/// Lists the files of a compiled-code cache: name, inode and modification time.
fn cached(folder: &Path) -> BTreeMap<String, (u64, i64)> {
    let files = std::fs::read_dir(folder.join("compiled")).expect("there is a cache");
    let files = files.map(|file| {
        let file = file.expect("it can be listed");
        let metadata = file.metadata().expect("it is there");
        let name = file.file_name().to_string_lossy().into_owned();
        (name, (metadata.ino(), metadata.mtime_nsec()))
    });
    files.collect()
}

#[test]
fn a_component_is_compiled_once_unless_the_cache_is_damaged() {
    let cache = tempfile::tempdir().expect("a scratch directory can be made");
    let run = || {
        let longshore = with(nowhere(), "recites").env("LONGSHORE_CACHE_DIR", cache.path());
        let arguments = ["--rewrite", "./recites.wasm", "--list-format", "mirror"];
        recited(longshore.args(arguments))
    };
    run();
    let cold = cached(cache.path());
    // Code and hash of a format, a built-in rewrite and the component.
    assert_eq!(cold.len(), 6, "{cold:?}");
    run();
    assert_eq!(cached(cache.path()), cold, "the warm run compiled again");

    for name in cold.keys().filter(|name| name.ends_with(".cwasm")) {
        let path = cache.path().join("compiled").join(name);
        let mut code = std::fs::read(&path).expect("it can be read");
        let middle = code.len() / 2;
        code[middle] ^= 1;
        std::fs::write(&path, code).expect("it can be written");
    }
    run();
    let again = cached(cache.path());
    assert_eq!(again.len(), cold.len());
    let kept: Vec<_> = again.iter().filter(|(name, file)| cold.get(*name) == Some(file)).collect();
    assert!(kept.is_empty(), "harmed code was kept: {kept:?}");
}

#[test]
fn a_cache_that_others_can_write_into_is_not_used() {
    let cache = tempfile::tempdir().expect("a scratch directory can be made");
    let compiled = cache.path().join("compiled");
    std::fs::create_dir(&compiled).expect("it is empty");
    let everybody = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(&compiled, everybody).expect("it is ours");
    let longshore = with(nowhere(), "recites").env("LONGSHORE_CACHE_DIR", cache.path());
    recited(longshore.args(["--rewrite", "./recites.wasm"]));
    assert_eq!(cached(cache.path()), BTreeMap::new(), "code was put where anybody can change it");
}
