//! `--values-overlay`: the values that make a chart pull from the mirror.

use std::path::Path;
use std::process::Command;

use super::{config, helm, mirror_charts};
use crate::support::{Longshore, Registry, Run};

/// The files of an example chart, with registries that answer on this machine.
fn example(name: &str, address: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/charts").join(name);
    let mut files = Vec::new();
    let mut folders = vec![folder.clone()];
    while let Some(inside) = folders.pop() {
        for entry in std::fs::read_dir(&inside).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a text");
            let text = ["registry.example.com", "quay.io"]
                .iter()
                .fold(text, |text, registry| text.replace(registry, address));
            let path = path.strip_prefix(&folder).expect("below").display().to_string();
            files.push((path, text));
        }
    }
    files
}

fn with_files(mut run: Longshore, files: &[(String, String)]) -> Longshore {
    for (path, text) in files {
        run = run.file(&format!("demo/{path}"), text);
    }
    run
}

/// A run that writes overlays for a chart in `demo`.
fn overlays(target: &Registry, name: &str, version: &str, more: &str) -> Option<Longshore> {
    let helm = helm()?;
    let lines =
        format!("type: local\npath: ./demo\nchart: {name}\nversions: ['{version}']\n{more}");
    let run = mirror_charts(&config(target, &lines)).args(["--all", "-o", "json"]);
    Some(run.args(["--values-overlay", "out", "--renderer"]).arg(helm))
}

/// What `helm template` makes of the chart with these files of values.
fn template(helm: &Path, folder: &Path, values: &[&str]) -> String {
    let mut command = Command::new(helm);
    command.current_dir(folder).args(["template", "demo", "demo"]);
    for file in values {
        command.args(["-f", file]);
    }
    let output = command.output().expect("helm starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Asserts that the chart pulls from the target with the overlay, but for what contains one of `stay`,
/// and that nothing else changes.
fn assert_moves(run: &Run, helm: &Path, source: &str, target: &str, file: &str, stay: &[&str]) {
    let before = template(helm, &run.directory(), &[]);
    let after = template(helm, &run.directory(), &[file]);
    let expected: Vec<String> = before
        .lines()
        .map(|line| match stay.iter().any(|stay| line.contains(stay)) {
            true => line.to_owned(),
            false => line.replace(&format!("{source}/"), &format!("{target}/ns/")),
        })
        .collect();
    assert_ne!(before, after);
    assert_eq!(after.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn example_charts_pull_from_the_mirror_with_their_overlays() {
    for (name, version, stay) in [
        // The hook has its image in the template; the annotation is no image.
        ("images-containers", "0.1.0", &["/team/migrate:", "/not/taken:"][..]),
        // Where any text may stand, an address of this machine is no registry.
        (
            "images-arguments",
            "0.1.0",
            &["/operator:", "/reloader:", "/broker:", "/init-database", "/proxy@", "/scanner/db"],
        ),
        ("subcharts", "1.0.0", &[]),
    ] {
        let (source, target) = (Registry::embedded(), Registry::embedded());
        let ignore = "ignore: ['docker.io/*']";
        let Some((run, helm)) = overlays(&target, name, version, ignore).zip(helm()) else {
            return;
        };
        // The images do not exist, so the dry run has failures.
        let run = with_files(run, &example(name, source.address()));
        let run = run.arg("--dry-run").run().exits(1);
        let file = format!("out/a-{version}.yaml");
        assert_moves(&run, &helm, source.address(), target.address(), &file, stay);
        let report = run.json();
        let overlay = &report["charts"][0]["versions"][0]["valuesOverlays"][0];
        assert_eq!(overlay["file"], *file, "{name}");
        let fixed = overlay["notMoved"].as_array().expect("a list");
        assert_eq!(fixed.is_empty(), stay.is_empty(), "{name}: {fixed:?}");
        let conf = run.file("out/registries.conf");
        assert_eq!(conf.is_some(), !stay.is_empty(), "{name}");
        for image in fixed {
            let source = image["source"].as_str().expect("a text");
            let name = source.rsplit_once([':', '@']).expect("a version").0;
            let name = name.strip_suffix("@sha256").unwrap_or(name);
            assert!(
                conf.as_ref().is_some_and(|conf| conf.contains(&format!("\"{name}\""))),
                "{name}"
            );
        }
    }
}

#[test]
fn images_that_stay_are_told_with_the_lines_that_move_them() {
    let (source, target) = (Registry::embedded(), Registry::embedded());
    let Some(run) = overlays(&target, "images-containers", "0.1.0", "ignore: ['docker.io/*']")
    else {
        return;
    };
    let (source, target) = (source.address(), target.address());
    let run =
        with_files(run, &example("images-containers", source)).arg("--dry-run").run().exits(1);
    let values = run.file("out/a-0.1.0.yaml").expect("values");
    let fixed = format!("#   {source}/team/migrate:1.4.0 → {target}/ns/team/migrate:1.4.0\n");
    assert!(values.contains(&fixed) && !values.contains("docker.io"), "{values}");
    assert_eq!(
        run.file("out/registries.conf").expect("a file"),
        format!(
            "[[registry]]\nprefix = \"{source}/team/migrate\"\nlocation = \"{target}/ns/team/migrate\"\n"
        )
    );
    let hosts = run.file(&format!("out/certs.d/{source}/hosts.toml")).expect("a file");
    assert!(hosts.contains(&format!("[host.\"https://{target}/v2/ns\"]")), "{hosts}");
    let image = &run.json()["charts"][0]["versions"][0]["valuesOverlays"][0]["notMoved"][0];
    assert_eq!(image["provenance"][0]["template"], "images-containers/templates/hook.yaml");
}

/// A chart that reads one value or another.
fn two_ways(address: &str) -> Vec<(String, String)> {
    [
        ("Chart.yaml", "apiVersion: v2\nname: demo\nversion: 1.0.0\n".to_owned()),
        ("values.yaml", format!("pro: false\nimage: {address}/a:1\nproImage: {address}/b:1\n")),
        (
            "templates/pod.yaml",
            super::pod(
                "{{ if .Values.pro }}{{ .Values.proImage }}{{ else }}{{ .Values.image }}{{ end }}",
            ),
        ),
    ]
    .map(|(path, text)| (path.to_owned(), text))
    .to_vec()
}

#[test]
fn each_set_of_values_has_its_overlay_unless_they_are_the_same() {
    let (source, target) = (Registry::embedded(), Registry::embedded());
    for (sets, expected) in [
        (
            "values: [plain.yaml, pro.yaml]",
            &[("out/a-1.0.0.1.yaml", "image"), ("out/a-1.0.0.2.yaml", "proImage")][..],
        ),
        ("values: [plain.yaml, more.yaml]", &[("out/a-1.0.0.yaml", "image")]),
    ] {
        let Some(run) = overlays(&target, "demo", "1.0.0", sets) else { return };
        let run = with_files(run, &two_ways(source.address()))
            .file("plain.yaml", "{}\n")
            .file("more.yaml", "more: 1\n")
            .file("pro.yaml", "pro: true\n");
        let run = run.arg("--dry-run").run().exits(1);
        let written = &run.json()["charts"][0]["versions"][0]["valuesOverlays"];
        assert_eq!(written.as_array().map(Vec::len), Some(expected.len()), "{written}");
        for (file, key) in expected {
            let text = run.file(file).expect("a file");
            assert!(text.lines().any(|line| line.starts_with(&format!("{key}: "))), "{text}");
        }
        let second = run.file("out/a-1.0.0.2.yaml");
        assert!(second.is_none_or(|text| text.contains("They go over pro.yaml.")));
    }
}

#[test]
fn a_folder_that_cannot_be_written_ends_the_run_before_it_starts() {
    let target = Registry::embedded();
    let lines = "type: local\npath: ./demo\nchart: demo\nversions: ['1.0.0']";
    let run = |arguments: &[&str]| {
        let run = mirror_charts(&config(&target, lines)).file("taken", "").args(["--all"]);
        run.args(arguments).run().exits(2).stderr
    };
    let error = run(&["--values-overlay", "taken/out"]);
    assert!(error.contains("use --values-overlay taken/out: "), "{error}");
    assert!(run(&["--values-overlay", "x", "--charts-only"]).contains("cannot be used with"));
    assert!(run(&["--values-overlay", "x", "--why", "a"]).contains("cannot be used with"));
}

/// The overlay is for a chart that arrives: it is pulled, and rendered with the overlay.
#[test]
fn a_mirrored_chart_is_rendered_with_its_overlay() {
    let (source, target) = (Registry::embedded(), Registry::embedded());
    let content = longshore_content::Image::new("linux/amd64").layer(1, 100).build();
    source.push("a", "1", &content);
    let Some((run, helm)) = overlays(&target, "demo", "1.0.0", "").zip(helm()) else { return };
    let run = with_files(run, &two_ways(source.address())).run().exits(0);
    let pulled = Command::new(&helm)
        .current_dir(run.directory())
        .args(["template", "x", "--plain-http", "-f", "out/a-1.0.0.yaml"])
        .arg(format!("oci://{}/ns/charts/demo", target.address()))
        .output()
        .expect("helm starts");
    let text = String::from_utf8_lossy(&pulled.stdout).into_owned();
    assert!(text.contains(&format!("{}/ns/a:1", target.address())), "{pulled:?}");
    target.assert_complete("ns/a", "1");
}
