//! A configuration of charts as the list of other commands.

use longshore_content::Image;

use super::{config, helm, mirror_charts, pod};
use crate::support::{Longshore, Registry, Run};

const LOCAL: &str = "type: local\npath: ./demo\nchart: demo\nversions: ['1.0.0']";

/// A registry with the image of the chart.
fn source() -> Registry {
    let source = Registry::embedded();
    source.push("team/app", "1", &Image::new("linux/amd64").layer(1, 100).build());
    source
}

fn with_chart(run: Longshore, image: &str) -> Longshore {
    run.file("demo/Chart.yaml", "apiVersion: v2\nname: demo\nversion: 1.0.0\n")
        .file("demo/templates/pod.yaml", pod(image))
}

/// Mirrors the local chart and its image to `target`.
fn mirrored(source: &Registry, target: &Registry) -> Option<Run> {
    let image = format!("{}/team/app:1", source.address());
    let run = with_chart(mirror_charts(&config(target, LOCAL)), &image);
    Some(run.args(["--all", "--renderer"]).arg(helm()?).run().exits(0))
}

/// The entries of a list.
fn entries(list: &str) -> Vec<&str> {
    list.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect()
}

#[test]
fn charts_of_registries_and_their_images_become_a_list_that_mirrors_them() {
    let (source, first, second) = (source(), Registry::embedded(), Registry::embedded());
    let Some((_, helm)) = mirrored(&source, &first).zip(helm()) else { return };
    let lines = format!(
        "type: oci\nregistry: oci://{}/ns/charts\nchart: demo\nversions: ['^1']",
        first.address()
    );
    let run = Longshore::new().file("mirror.yaml", config(&second, &lines));
    let run = run.args(["convert-list", "-i", "mirror.yaml", "-o", "list.txt", "--renderer"]);
    let run = run.arg(&helm).run().exits(0);
    let list = run.file("list.txt").expect("a list");
    let digest = first.manifest("ns/charts/demo", "1.0.0").digest;
    let (a, b) = (first.address(), second.address());
    let expected = [
        format!("{a}/ns/charts/demo {b}/ns/charts/demo 1.0.0@{digest}"),
        format!("{}/team/app {b}/ns/team/app 1", source.address()),
    ];
    assert_eq!(entries(&list), expected, "{list}");
    // Nothing is filtered: charts and images are copied whole.
    assert!(list.contains("platforms=all"), "{list}");
    run.again().args(["mirror", "-f", "list.txt"]).run().exits(0);
    second.assert_complete("ns/charts/demo", "1.0.0");
    second.assert_complete("ns/team/app", "1");
    let validate = |file: &str| run.again().args(["mirror-validate", "-f", file]);
    validate("list.txt").run().exits(0);
    validate("mirror.yaml").arg("--renderer").arg(&helm).run().exits(0);
}

#[test]
fn a_chart_that_no_registry_has_is_read_at_the_target() {
    let (source, target) = (source(), Registry::embedded());
    let Some((run, helm)) = mirrored(&source, &target).zip(helm()) else { return };
    let convert = run.again().args(["convert-list", "-i", "mirror.yaml", "-o", "list.txt"]);
    let converted = convert.arg("--renderer").arg(helm).run().exits(0);
    assert!(converted.stderr.contains("1 chart comes from no registry"), "{}", converted.stderr);
    let list = converted.file("list.txt").expect("a list");
    let chart = format!("{}/ns/charts/demo", target.address());
    assert_eq!(entries(&list)[0], format!("{chart} {chart} 1.0.0"), "{list}");
    let saved = |command: &str| run.again().args([command, "-f", "list.txt", "-d", "oci:saved"]);
    saved("mirror").run().exits(0);
    saved("mirror-validate").run().exits(0);
    assert!(run.directory().join("saved/ns/charts/demo/index.json").is_file());
    assert!(run.directory().join("saved/ns/team/app/index.json").is_file());
}

#[test]
fn charts_that_cannot_be_fetched_are_left_out_of_a_list() {
    let (source, target) = (source(), Registry::embedded());
    let Some(helm) = helm() else { return };
    let image = format!("{}/team/app:1", source.address());
    let text = config(&target, LOCAL);
    let text =
        format!("{text}  gone: {{type: local, path: ./gone, chart: gone, versions: [latest]}}\n");
    let run = with_chart(Longshore::new().file("mirror.yaml", text), &image);
    let run = run.args(["convert-list", "-i", "mirror.yaml", "-o", "-", "--renderer"]).arg(helm);
    let run = run.run().exits(1);
    assert_eq!(entries(&run.stdout).len(), 2, "{}", run.stdout);
    assert!(run.stderr.contains("failed gone latest:1: "), "{}", run.stderr);
}

/// Checks that a chart of no registry is shown by its own name and place, and not by that of the run's store.
fn shows_chart(run: &Run, expected: &str) {
    let all = format!("{}{}", run.stdout, run.stderr);
    assert!(all.contains(expected) && !all.contains("longshore.invalid"), "{all}");
}

#[test]
fn a_rewrite_that_refuses_a_chart_names_it_as_the_user_does() {
    let (source, target) = (source(), Registry::embedded());
    let Some(helm) = helm() else { return };
    let image = format!("{}/team/app:1", source.address());
    let run = |command: &[&str], expected: &str| {
        let run = Longshore::new().file("mirror.yaml", config(&target, LOCAL));
        let run = with_chart(run, &image).args(command).arg("--renderer").arg(&helm);
        let refused = run.args(["--rewrite=policy", "--plugin-config=policy.allow=quay.io"]).run();
        shows_chart(&refused.exits(1), expected);
    };
    let why = "refused by policy: the policy does not allow demo 1.0.0 (./demo)";
    run(&["mirror-charts", "--all", "-c", "mirror.yaml"], &format!("FAILED: {why}"));
    let validated = format!("mirror.yaml: failed demo 1.0.0 (./demo): {why}");
    run(&["mirror-validate", "-f", "mirror.yaml"], &validated);
}

#[test]
fn a_configuration_is_validated_and_mended() {
    let (source, target) = (source(), Registry::embedded());
    let Some(helm) = helm() else { return };
    let image = format!("{}/team/app:1", source.address());
    let run = with_chart(Longshore::new().file("mirror.yaml", config(&target, LOCAL)), &image);
    let run = run.args(["mirror-validate", "-f", "mirror.yaml", "--renderer"]).arg(&helm);
    let missing = run.run().exits(1);
    assert!(missing.stdout.contains("0 valid, 0 skipped, 2 failed"), "{}", missing.stdout);
    shows_chart(&missing, "failed demo 1.0.0 (./demo) → ");
    assert!(missing.mend_command().starts_with("longshore mirror-charts "), "{}", missing.stdout);
    missing.repaired().exits(0);
    let validate =
        || missing.again().args(["mirror-validate", "-f", "mirror.yaml", "--renderer"]).arg(&helm);
    shows_chart(&validate().run().exits(0), "valid demo 1.0.0 (./demo) → ");
    let json = validate().args(["--output", "json"]).run().exits(0);
    assert_eq!(json.json()["entries"][0]["source"], "demo 1.0.0 (./demo)");
    shows_chart(&json, "demo 1.0.0 (./demo)");
    // The archive decides about a chart: Helm writes the time of a push into its manifest.
    let other = "apiVersion: v2\nname: demo\nversion: 1.0.0\ndescription: other\n";
    let moved = validate().file("demo/Chart.yaml", other).run().exits(1);
    assert!(moved.stdout.contains("1 valid, 0 skipped, 1 failed"), "{}", moved.stdout);
    shows_chart(&moved, "failed demo 1.0.0 (./demo) → ");
    moved.repaired().exits(0);
    validate().run().exits(0);
    let held: serde_json::Value =
        serde_json::from_slice(&target.manifest("ns/team/app", "1").bytes).expect("JSON");
    target.lose("ns/team/app", held["layers"][0]["digest"].as_str().expect("a digest"));
    let broken = validate().run().exits(1);
    assert!(broken.mend_command().contains("--force-recursive"), "{}", broken.stdout);
    broken.repaired().exits(0);
    validate().run().exits(0);
}

#[test]
fn values_and_ranges_of_a_configuration_are_validated() {
    let (source, target) = (source(), Registry::embedded());
    source.push("team/more", "2", &Image::new("linux/amd64").layer(2, 100).build());
    let Some(helm) = helm() else { return };
    let lines = format!("{}\nvalues: [[], more.yaml]", LOCAL.replace("'1.0.0'", "'>=1 <2'"));
    let run = Longshore::new().file("mirror.yaml", config(&target, &lines));
    let run = with_chart(run, "{{ .Values.image }}")
        .file("demo/values.yaml", format!("image: {}/team/app:1\n", source.address()))
        .file("more.yaml", format!("image: {}/team/more:2\n", source.address()));
    let all = ["mirror-charts", "--all", "--renderer"];
    let run = run.args(all).arg(&helm).run().exits(0);
    let valid = run.again().args(["mirror-validate", "-f", "mirror.yaml", "--output", "json"]);
    let valid = valid.arg("--renderer").arg(&helm).run().exits(0).json();
    assert_eq!(valid["entries"].as_array().map(Vec::len), Some(3), "{valid}");
}

#[test]
fn a_configuration_names_its_registries_itself() {
    let target = Registry::embedded();
    let run = || Longshore::new().file("mirror.yaml", config(&target, LOCAL));
    for (flag, value) in [("-d", "r.io"), ("-s", "r.io"), ("--destination-project", "p")] {
        let refused = run().args(["mirror-validate", "-f", "mirror.yaml", flag, value]).run();
        let refused = refused.exits(2);
        assert!(refused.stderr.contains("it names the sources and the target itself"), "{flag}");
    }
    let mirror = run().args(["mirror", "-f", "mirror.yaml", "-d", "r.io"]).run().exits(2);
    mirror
        .complains("it is a configuration of charts")
        .complains("mirror-charts --config mirror.yaml");
    let empty = Longshore::new().file("mirror.yaml", "target: {url: r.io}\nupstreams: {}\n");
    let empty = empty.args(["convert-list", "-i", "mirror.yaml", "-o", "-"]).run().exits(2);
    empty.complains("there is nothing under upstreams");
}

#[test]
fn flags_for_charts_change_nothing_about_a_list_of_images() {
    let source = source();
    for (flags, is_told) in [
        (&["--renderer", "helm"][..], true),
        (&["--include-disabled"], true),
        (&["--renderer", "auto"], false),
        (&[], false),
    ] {
        let target = Registry::embedded();
        let list = format!("{}/team/app {}/team/app 1\n", source.address(), target.address());
        let run = Longshore::new().validate().list(&list).args(flags).run().exits(1);
        assert_eq!(run.stderr.contains("change nothing"), is_told, "{flags:?}: {}", run.stderr);
        // `mirror` does not have the flags.
        run.repaired().exits(0);
    }
}
