//! Images of charts: found, mirrored once, and reported with their provenance.

use longshore_content::Image;

use super::{config, helm, mirror_charts, pod};
use crate::support::{Longshore, Registry};

/// A run over a local chart whose pods have these images.
pub(super) fn run_over(target: &Registry, images: &[String], more: &str) -> Option<Longshore> {
    let helm = helm()?;
    let lines = format!("type: local\npath: ./demo\nchart: demo\nversions: ['1.0.0']\n{more}");
    let mut run = mirror_charts(&config(target, &lines))
        .file("demo/Chart.yaml", "apiVersion: v2\nname: demo\nversion: 1.0.0\n")
        .args(["--all", "--renderer"])
        .arg(helm);
    for (number, image) in images.iter().enumerate() {
        run = run.file(&format!("demo/templates/{number}.yaml"), pod(image));
    }
    Some(run)
}

#[test]
fn charts_and_images_arrive_and_the_second_run_copies_nothing() {
    let (source, target) = (Registry::embedded(), Registry::embedded());
    let content = Image::new("linux/amd64").layer(1, 100).build();
    source.push("team/app", "1", &content);
    let images = [format!("{}/team/app:1", source.address())];
    let Some(run) = run_over(&target, &images, "") else { return };
    let run = run.run().exits(0);
    let target_text = format!("{}/ns/charts", target.address());
    for text in [
        format!("Mirror: a (demo) → {target_text}\nVersions: 1.0.0\n"),
        "── demo:1.0.0 ──\n  Chart: pushing... OK\n  Images: 1 found\n".to_owned(),
        format!("    {} → copying...\n    {} → OK\n", images[0], images[0]),
    ] {
        assert!(run.stderr.contains(&text), "{text}: {}", run.stderr);
    }
    let summary = "  a (demo):\n    1.0.0: chart=pushed  images=1 copied, 0 skipped, 0 failed\n\n  Charts:  1 pushed, 0 skipped, 0 failed\n  Images:  1 copied, 0 skipped, 0 failed\n";
    assert!(run.stdout.contains(summary), "{}", run.stdout);
    target.assert_complete("ns/team/app", "1");
    let Some(again) = run_over(&target, &images, "") else { return };
    let again = again.args(["-o", "json"]).run().exits(0).json();
    assert_eq!((&again["chartsSkipped"], &again["imagesSkipped"]), (&1.into(), &1.into()));
    assert_eq!(again["bytes"], 0);
}

#[test]
fn a_missing_image_fails_with_its_provenance_and_stands_in_the_failed_list() {
    let (source, target) = (Registry::embedded(), Registry::embedded());
    let image = format!("{}/team/gone:1", source.address());
    let Some(run) = run_over(&target, std::slice::from_ref(&image), "") else { return };
    let run = run.run().exits(1);
    assert!(run.stderr.contains("found in demo/templates/0.yaml Pod/x"), "{}", run.stderr);
    let list = run.file("mirror-charts-failed.txt").expect("a failed list");
    let line = format!("{}/team/gone {}/ns/team/gone 1", source.address(), target.address());
    assert!(list.lines().any(|found| found == line), "{list}");
    assert!(run.stdout.contains("repeat with: longshore mirror --"), "{}", run.stdout);
}

#[test]
fn the_report_has_charts_and_images_with_their_figures() {
    let (source, target) = (Registry::embedded(), Registry::embedded());
    source.push("team/app", "1", &Image::new("linux/amd64").layer(1, 5000).build());
    let image = |name: &str| format!("{}/team/{name}:1", source.address());
    let images = [image("app"), image("gone")];
    for path in ["mirror.yaml", "mirror-charts-failed.txt", "no/page.html"] {
        let Some(run) = run_over(&target, &images, "") else { return };
        run.args(["--report", path]).run().exits(2).complains("failed to write the report");
    }
    let Some(run) = run_over(&target, &images, "") else { return };
    let run = run.args(["-o", "json", "--report", "page.html"]).run().exits(1);
    let document = run.json();
    let version = &document["charts"][0]["versions"][0];
    let number = |of: &serde_json::Value, field: &str| of[field].as_u64().expect("a number");
    assert!(number(&version["images"][0], "bytes") > 5000, "{version:#}");
    assert!(version["images"][0]["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0));
    assert!(version["images"][1]["hint"].is_string(), "{version:#}");
    assert!(number(version, "bytes") > 0, "the chart moved too: {version:#}");
    assert_eq!(document["timeline"]["pauses"], serde_json::json!([]));
    let page = run.file("page.html").expect("a page");
    for text in [
        "<h1>longshore mirror-charts: 1 of 1 chart and 1 of 2 images arrived, 1 failed</h1>",
        "chart a 1.0.0",
        images[0].as_str(),
        images[1].as_str(),
        "<dt>Configuration</dt><dd><code>mirror.yaml</code>",
        "<dt>Failed list</dt><dd><code>mirror-charts-failed.txt</code>",
        "<dt>Repeat with</dt>",
    ] {
        assert!(page.contains(text), "no `{text}` in\n{page}");
    }
}

#[test]
fn images_are_added_ignored_and_explained() {
    let (source, target) = (Registry::embedded(), Registry::embedded());
    let content = Image::new("linux/amd64").layer(1, 100).build();
    source.push("team/added", "1", &content);
    let address = source.address();
    let images = [format!("{address}/team/dropped:1")];
    let more = format!("images: ['{address}/team/added:1']\nignore: ['*/dropped:*']");
    let Some(run) = run_over(&target, &images, &more) else { return };
    let run = run.args(["-o", "json"]).run().exits(0);
    let version = &run.json()["charts"][0]["versions"][0];
    assert_eq!(version["images"].as_array().map(Vec::len), Some(1));
    assert_eq!(version["images"][0]["provenance"][0]["rule"], "added");
    assert_eq!(version["notMirrored"][0]["reason"], "it is ignored");
    let Some(why) = run_over(&target, &images, &more) else { return };
    let why = why.args(["--why", &images[0]]).run().exits(0);
    assert!(why.stdout.contains("in a 1.0.0, not mirrored: it is ignored"), "{}", why.stdout);
    for asked in ["team/dropped", "quay.io/other/droped", &format!("{address}/team/dropped:2")] {
        let Some(near) = run_over(&target, &images, &more) else { return };
        let near = near.args(["--why", asked]).run().exits(1);
        let said = format!("no chart needs {asked}; the nearest image is {}\n", images[0]);
        assert_eq!(near.stdout, said);
    }
}

#[test]
fn two_sources_on_one_destination_fail_only_if_they_differ() {
    let (one, other, target) = (Registry::embedded(), Registry::embedded(), Registry::embedded());
    let content = |seed| Image::new("linux/amd64").layer(seed, 100).build();
    one.push("team/app", "1", &content(1));
    other.push("team/app", "1", &content(1));
    let images = [&one, &other].map(|registry| format!("{}/team/app:1", registry.address()));
    let Some(run) = run_over(&target, &images, "") else { return };
    let run = run.args(["-o", "json"]).run().exits(0);
    assert_eq!((&run.json()["imagesCopied"], &run.json()["imagesSkipped"]), (&1.into(), &1.into()));
    other.push("team/app", "1", &content(2));
    let Some(run) = run_over(&target, &images, "") else { return };
    let run = run.args(["-o", "json"]).run().exits(1);
    assert_eq!(run.json()["imagesFailed"], 2);
    assert!(run.stderr.contains("would both go there"), "{}", run.stderr);
}

#[test]
fn a_chart_without_images_fails_unless_that_is_allowed() {
    let target = Registry::embedded();
    let Some(run) = run_over(&target, &[], "") else { return };
    let run = run.run().exits(1);
    assert!(run.stderr.contains("allow-empty: true"), "{}", run.stderr);
    let Some(run) = run_over(&target, &[], "allow-empty: true") else { return };
    run.run().exits(0);
}
