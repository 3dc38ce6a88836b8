//! A name that no plugin has: the error names the plugin that was probably meant.

use super::{installed, mirror, pair, plugin};
use crate::support::Longshore;

#[test]
fn a_run_names_the_nearest_name_of_the_kind() {
    let run = installed();
    for (flag, name, nearest) in [
        ("--list-format", "zraf", Some("zarf")),
        ("--list-format", "kubernets", Some("kubernetes")),
        ("--rewrite", "prefx", Some("prefix")),
        ("--rewrite", "Flaten", Some("flatten")),
        ("--repo-type", "habror", Some("harbor")),
        ("--repo-type", "gitlabs", Some("gitlab")),
        ("--rewrite", "zzzz", None),
    ] {
        let failed = mirror(run.again(), &pair()).args([flag, name]).run().exits(2);
        let failed = failed.complains(&format!("failed to find plugin `{name}`: no "));
        let said = nearest.map(|nearest| format!("hint: the nearest name is {nearest}; or give"));
        let failed = failed.complains(said.as_deref().unwrap_or("hint: give the path of a plugin"));
        assert_eq!(failed.stdout, "", "something was done");
    }
}

#[test]
fn a_name_of_another_kind_is_named_with_its_flag() {
    let run = installed();
    for (flag, name, kind, right) in [
        ("--rewrite", "harbor", "repo-type", "--repo-type"),
        ("--repo-type", "kubernetes", "list-format", "--list-format"),
        ("--list-format", "flatten", "rewrite", "--rewrite"),
        ("--rewrite", "zarf", "list-format", "--list-format"),
    ] {
        let failed = mirror(run.again(), &pair()).args([flag, name]).run().exits(2);
        let said =
            format!("load plugin `{name}`: the plugin of this name is a {kind} plugin, not a ");
        failed.complains(&said).complains(&format!("hint: name it with {right}"));
    }
}

#[test]
fn commands_about_plugins_name_the_nearest_one() {
    let run = installed();
    for (command, name, said) in [
        ("info", "zraf", "the nearest name is zarf; longshore plugin list"),
        ("info", "harbr", "the nearest name is harbor; longshore plugin list"),
        ("info", "zzzz", "hint: longshore plugin list shows all names"),
        ("remove", "zar", "the nearest name is zarf; longshore plugin list"),
        ("remove", "zzzz", "hint: longshore plugin list shows all names"),
        ("remove", "harbor", "change the installed plugin \"harbor\": it is built in"),
        ("update", "zarff", "the nearest name is zarf; longshore plugin list"),
        ("update", "helm-render", "change the installed plugin \"helm-render\": it is built in"),
        ("add", "harbor", "change the installed plugin \"harbor\": it is built in"),
        ("add", "zraf", "zraf: No such file"),
        ("update", "mirror", "hint: it is part of longshore, and changes with it"),
    ] {
        plugin(run.again(), &[command, name]).run().exits(2).complains(said);
    }
    // What looks like a path is one.
    plugin(run.again(), &["info", "./zraf"]).run().exits(2).complains("No such file");
    plugin(run.again(), &["info", "zraf.wasm"]).run().exits(2).complains("No such file");
}

#[test]
fn a_renderer_and_a_configuration_name_the_nearest_one() {
    let charts = "target: {url: 127.0.0.1:9/ns}\nupstreams:\n  a: {type: local, path: ., chart: a, versions: ['1']}\n";
    for (name, nearest) in [("buildin", "builtin"), ("hlm", "helm"), ("autoo", "auto")] {
        let run = Longshore::new().file("mirror.yaml", charts).arg("mirror-charts");
        let run = run.args(["--all", "--renderer", name]).run().exits(2);
        let run = run.complains("there is no such file");
        run.complains(&format!("hint: the nearest name is {nearest}; or give auto, builtin"));
    }
    let run = installed();
    for (key, nearest) in [("zraf.depth=1", "zarf"), ("zarff.depth=1", "zarf")] {
        let config = ["--list-format", "zarf", "--plugin-config", key];
        let failed = mirror(run.again(), &pair()).args(config).run().exits(2);
        failed
            .complains(&format!("hint: the plugin of this run with the nearest name is {nearest}"));
    }
}
