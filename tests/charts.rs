//! `mirror-charts`: sources, pushes as Helm does, images, reports.

mod again;
mod bad_sources;
mod broken;
mod failures;
mod images;
mod listing;
mod options;
mod overlay;
mod pushes;
mod server;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::skip::{found, skip};
use crate::support::{Longshore, Registry};

/// Packs a chart as a program other than longshore does.
fn archive(name: &str, version: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let chart = format!("apiVersion: v2\nname: {name}\nversion: {version}\ndescription: A test\n");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(name).join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    write("Chart.yaml", &chart);
    for (path, text) in more {
        write(path, text);
    }
    tar(folder.path(), name)
}

fn tar(folder: &Path, name: &str) -> Vec<u8> {
    let packed = Command::new("tar").args(["-czf", "-", name]).current_dir(folder).output();
    packed.expect("tar runs").stdout
}

/// A template with one container.
fn pod(image: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nspec: {{containers: [{{name: x, image: \"{image}\"}}]}}\n"
    )
}

/// A configuration with the lines of the upstream `a`.
fn config(target: &Registry, lines: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    let target = target.address();
    format!("target:\n  url: {target}/ns\n  charts-prefix: charts\nupstreams:\n  a:\n{lines}")
}

fn mirror_charts(config: &str) -> Longshore {
    Longshore::new().arg("mirror-charts").file("mirror.yaml", config)
}

/// The program `helm`; the test is skipped without it.
fn helm() -> Option<PathBuf> {
    let helm = found("helm");
    if helm.is_none() {
        skip("helm is not installed (go install helm.sh/helm/v4/cmd/helm@latest)");
    }
    helm
}
