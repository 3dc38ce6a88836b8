//! The images of the charts in `examples/charts/`, and where they stand.
//!
//! Each chart has images of one class of `docs/charts.md`; `truth.json` beside the charts says what is to
//! be found. `helm` renders them, so that the test needs no renderer of longshore.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use longshore_chart::Rendered;
use longshore_chart::archive::{Chart, ChartFolder};
use longshore_chart::images::{Discovery, Image, RemarkKind, Rendering, discover};
use serde_json::Value;

use crate::support::skip::{found as program, skip};

fn charts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/charts")
}

/// Renders a chart as the release `x`, and finds its images.
fn found(helm: &Path, name: &str) -> Discovery {
    let folder = charts().join(name);
    let output =
        Command::new(helm).args(["template", "x"]).arg(&folder).output().expect("helm starts");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("manifests are text");
    let archive = ChartFolder::read(&folder).expect("the chart is readable").pack();
    let chart = Chart::of_archive(&archive).expect("the archive is a chart");
    let rendered = Rendered::of_helm(&text);
    discover(&chart, &[Rendering { name: "", values: &[], rendered: &rendered }])
}

/// Returns the entry of a chart in `truth.json`.
fn truth(name: &str) -> Value {
    let text = std::fs::read_to_string(charts().join("truth.json")).expect("truth.json exists");
    let all: Value = serde_json::from_str(&text).expect("truth.json is JSON");
    let entries = all.as_array().expect("a list").iter();
    entries
        .into_iter()
        .find(|entry| entry["chart"] == name)
        .expect("the chart has an entry")
        .clone()
}

/// Returns the references of some classes with their places.
fn expected(name: &str, classes: &str) -> BTreeSet<(String, String)> {
    let truth = truth(name);
    let images = truth["images"].as_array().expect("a list");
    let text = |image: &Value, key: &str| image[key].as_str().expect("a text").to_owned();
    images
        .iter()
        .filter(|image| classes.contains(&text(image, "class")))
        .map(|image| (text(image, "norm"), text(image, "where")))
        .collect()
}

/// Returns the references with their first places, inside the chart's folder.
fn places(name: &str, images: &[Image]) -> BTreeSet<(String, String)> {
    let place = |image: &Image| {
        let first = image.provenance.first().expect("an image has a place");
        let template = first.template.trim_start_matches(&format!("{name}/")).to_owned();
        let parts = [template, first.object.clone(), first.path.clone()];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        (image.reference.to_string(), parts.join(" "))
    };
    images.iter().map(place).collect()
}

/// Compares all that was found in a chart, and returns the remarks.
fn check(helm: &Path, name: &str) -> Vec<(RemarkKind, String)> {
    let found = found(helm, name);
    assert_eq!(places(name, &found.images), expected(name, "abcd"), "{name}: images");
    assert_eq!(places(name, &found.disabled), expected(name, "e"), "{name}: disabled");
    assert_eq!(places(name, &found.hints), expected(name, "f"), "{name}: hints");
    found.remarks.into_iter().map(|remark| (remark.kind, remark.text)).collect()
}

#[test]
fn every_class_of_images_is_found_at_its_place() {
    let Some(helm) = program("helm") else { return skip("helm is not installed") };
    let not_taken = |text: &str| vec![(RemarkKind::NotTaken, text.to_owned())];
    let operator = |text: &str| (RemarkKind::OperatorChooses, text.to_owned());
    for (name, remarks) in [
        ("images-containers", not_taken("registry.example.com/not/taken:1")),
        ("images-custom", not_taken("toolkit")),
        ("images-arguments", vec![]),
        ("images-texts", vec![]),
        ("images-disabled", vec![]),
        ("images-annotations", not_taken("registry.example.com/not/taken:1")),
        (
            "images-operator",
            [not_taken("community-server"), vec![operator("v1.150.0"), operator("9.5.0")]].concat(),
        ),
    ] {
        assert_eq!(check(&helm, name), remarks, "{name}: remarks");
    }
}
