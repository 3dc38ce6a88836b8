//! The example charts, rendered by longshore and by the program `helm`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use longshore_plugin_host::Limits;

use super::renderer::{Chart, renderer};
use crate::support::skip::{found, skip};

/// How a chart is rendered, beside its defaults.
#[derive(Default)]
struct Options<'a> {
    /// Texts of values files.
    values: &'a [&'a str],
    /// A values file of the chart.
    values_file: Option<&'a str>,
    namespace: Option<&'a str>,
    kube_version: Option<&'a str>,
    api_versions: &'a [&'a str],
    skip_tests: bool,
}

fn charts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/charts")
}

/// Finds a `helm` with the engine of the renderer. Skips the test without one.
fn helm() -> Option<PathBuf> {
    /// The minor version that `plugins/helm-render/go.mod` names. Another one knows other API versions.
    const VERSION: &str = "v4.3";
    let install = "install helm with: go install helm.sh/helm/v4/cmd/helm@v4.3.2";
    let Some(helm) = found("helm") else {
        skip(&format!("helm is neither on PATH nor in ~/go/bin; {install}"));
        return None;
    };
    let output = Command::new(&helm).args(["version", "--template", "{{.Version}}"]).output();
    let version = String::from_utf8(output.expect("helm runs").stdout).expect("a version");
    if !version.starts_with(VERSION) {
        skip(&format!("helm is {version} and not {VERSION}; {install}"));
        return None;
    }
    Some(helm)
}

/// Renders a chart with both, and returns the common result.
async fn same(name: &str, options: Options<'_>) -> Option<String> {
    let helm = helm()?;
    let renderer = renderer(Limits::default()).await?;
    let folder = charts().join(name);
    let scratch = tempfile::tempdir().expect("a scratch directory");

    let mut chart = Chart::in_folder(&folder);
    let mut command = Command::new(helm);
    command.args(["template", "release"]).arg(&folder);
    let file = options.values_file.map(|file| {
        std::fs::read_to_string(folder.join(file)).expect("a values file of the chart")
    });
    for (index, values) in options.values.iter().copied().chain(file.as_deref()).enumerate() {
        let path = scratch.path().join(format!("{index}.yaml"));
        std::fs::write(&path, values).expect("a values file");
        command.arg("--values").arg(path);
        chart = chart.values(values);
    }
    if let Some(namespace) = options.namespace {
        command.args(["--namespace", namespace]);
        chart.release.namespace = namespace.to_owned();
    }
    if let Some(version) = options.kube_version {
        command.args(["--kube-version", version]);
        chart.release.kube_version = Some(version.to_owned());
    }
    for version in options.api_versions {
        command.args(["--api-versions", version]);
        chart.release.api_versions.push((*version).to_owned());
    }
    if options.skip_tests {
        command.arg("--skip-tests");
        chart.release.skip_tests = true;
    }
    let output = command.env_clear().env("HOME", scratch.path()).output().expect("helm runs");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let expected = String::from_utf8(output.stdout).expect("helm prints UTF-8");

    let mut joined = String::new();
    for manifest in chart.render(&renderer).await.expect("it renders") {
        writeln!(joined, "---\n# Source: {}\n{}", manifest.path, manifest.text).expect("grows");
    }
    assert!(joined == expected, "{name}: longshore\n{joined}\nhelm\n{expected}");
    Some(expected)
}

#[tokio::test]
async fn every_chart_renders_as_with_helm() {
    for entry in charts().read_dir().expect("the example charts") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name");
        if !path.is_dir() || name == "required" {
            continue;
        }
        if same(name, Options::default()).await.is_none() {
            return;
        }
    }
}

#[tokio::test]
async fn conditions_tags_and_aliases_are_helms() {
    let values = ["cache: {enabled: false}\nsessions: {enabled: true, tag: '8'}", "tags: {}"];
    let Some(text) = same("subcharts", Options { values: &values, ..Options::default() }).await
    else {
        return;
    };
    assert!(text.contains("registry.example.com/cache:8"), "{text}");
    assert!(!text.contains("registry.example.com/cache:7.2"), "{text}");
}

#[tokio::test]
async fn of_several_values_the_last_one_wins() {
    let values = ["version: '4'\nextra: ''", "version: '5'"];
    let Some(text) =
        same("templated-values", Options { values: &values, ..Options::default() }).await
    else {
        return;
    };
    assert!(text.contains("registry.example.com/worker:5"), "{text}");
    assert!(text.contains("14:00 CEST"), "time zones are missing: {text}");
}

#[tokio::test]
async fn the_cluster_is_what_the_release_says() {
    for kube_version in ["1.28", "v1.33.4-gke.1245000", "1.31.0"] {
        let options = Options {
            kube_version: Some(kube_version),
            api_versions: &["monitoring.coreos.com/v1", "example.com/v1/Thing"],
            namespace: Some("monitoring"),
            ..Options::default()
        };
        let Some(text) = same("capabilities", options).await else { return };
        assert!(text.contains("registry.example.com/prometheus:3.1"), "{text}");
        assert_eq!(text.contains("registry.example.com/new:1"), kube_version != "1.28", "{text}");
    }
}

#[tokio::test]
async fn tests_are_left_out_on_request() {
    let Some(text) = same("hooks", Options { skip_tests: true, ..Options::default() }).await else {
        return;
    };
    assert!(!text.contains("registry.example.com/test:1"), "{text}");
    assert!(text.contains("registry.example.com/migrate:1"), "{text}");
}

#[tokio::test]
async fn values_of_the_chart_complete_it() {
    let options = Options { values_file: Some("values/complete.yaml"), ..Options::default() };
    same("required", options).await;
}
