//! Overlays of charts that a small renderer fills in.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use longshore_oci::Reference;

use super::{Overlay, overlay};
use crate::archive::{Chart, pack};
use crate::effective::effective;
use crate::{RenderError, RenderInput, Rendered, Renderer};

/// Replaces each `{{ a.b }}` of `templates/` by a value, `{{ or.a|b }}` by the first that is set, `{{ sum }}` by a checksum of all values, and
/// `{{ random }}` by another number each time.
#[derive(Debug)]
struct Fill {
    chart: Chart,
    count: AtomicUsize,
}

fn lookup<'v>(root: &'v serde_json::Value, path: &str) -> Option<&'v serde_json::Value> {
    path.split('.').try_fold(root, |value, key| match key.parse::<usize>() {
        Ok(at) => value.get(at),
        Err(_) => value.get(key),
    })
}

impl Renderer for Fill {
    fn render<'a>(
        &'a self,
        input: &'a RenderInput,
    ) -> BoxFuture<'a, Result<Vec<Rendered>, RenderError>> {
        let all = effective(&self.chart, &input.values);
        let root = all.last().expect("the chart itself comes last").values.clone();
        let sum = format!("{:032x}", root.to_string().bytes().map(u128::from).sum::<u128>());
        let files = self.chart.files().iter().filter(|(path, _)| path.starts_with("templates/"));
        let rendered = files.map(|(path, text)| {
            let mut out = String::new();
            let text = String::from_utf8_lossy(text);
            for (at, piece) in text.split("{{ ").enumerate() {
                let Some((path, rest)) = piece.split_once(" }}").filter(|_| at > 0) else {
                    out.push_str(piece);
                    continue;
                };
                let paths = path.strip_prefix("or.").unwrap_or(path).split('|');
                let value = paths.filter_map(|path| lookup(&root, path)).find(|value| *value != "");
                match (path, value) {
                    ("sum", _) => out.push_str(&sum),
                    ("random", _) => {
                        out.push_str(&self.count.fetch_add(1, Ordering::Relaxed).to_string());
                    }
                    (_, Some(serde_json::Value::String(text))) => out.push_str(text),
                    (_, other) => out.push_str(&other.map(ToString::to_string).unwrap_or_default()),
                }
                out.push_str(rest);
            }
            Rendered { template: format!("demo/{path}"), text: out }
        });
        let rendered: Vec<_> = rendered.collect();
        futures_util::future::ready(Ok(rendered)).boxed()
    }
}

/// Computes the overlay of a chart with one pod. A line of the pod is `IMAGE`, or another field with
/// a colon.
fn of(values: &str, lines: &[&str]) -> Overlay {
    of_mirrored(values, lines, |_| true)
}

/// Like [`of`], for a mirror that has only some images.
fn of_mirrored(
    values: &str,
    lines: &[&str],
    is_mirrored: impl Fn(&Reference) -> bool + Sync,
) -> Overlay {
    let mut pod =
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n".to_owned();
    for line in lines {
        let line = line
            .strip_prefix("+")
            .map_or(format!("  - image: {line}\n"), |line| format!("    {line}\n"));
        pod.push_str(&line);
    }
    let files = [
        ("Chart.yaml", "apiVersion: v2\nname: demo\nversion: 1.0.0\n"),
        ("values.yaml", values),
        ("templates/pod.yaml", &pod),
    ]
    .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
    let chart = Chart::of_archive(&pack("demo", &files)).expect("the chart is good");
    let renderer = Fill { chart: chart.clone(), count: AtomicUsize::new(0) };
    let mirror = |reference: &Reference| {
        let tag = reference.version.tag().expect("a tag");
        let text = format!("m.io/ns/{}:{tag}", reference.repository);
        is_mirrored(reference).then(|| text.parse().expect("a reference"))
    };
    overlay(&chart, &RenderInput::default(), &renderer, mirror)
        .now_or_never()
        .expect("nothing waits")
        .expect("the chart renders")
}

/// Checks the overlay's values as YAML in one line, what moved and what stays.
fn check(values: &str, lines: &[&str], expected: &str, moved: &[&str], stays: &[&str]) {
    let found = of(values, lines);
    let text = found.values.as_deref().unwrap_or("{}");
    let json: serde_json::Value = serde_saphyr::from_str(text).unwrap();
    assert_eq!(json.to_string(), expected, "{values}");
    let names: Vec<_> = found.moved.iter().map(ToString::to_string).collect();
    assert_eq!(names, moved, "{values}");
    let names: Vec<_> = found.stays.iter().map(|stays| stays.image.written.clone()).collect();
    assert_eq!(names, stays, "{values}");
}

#[test]
fn each_way_to_write_an_image_is_moved() {
    check(
        "image: {registry: q.io, repository: a/b, tag: '1'}",
        &["{{ image.registry }}/{{ image.repository }}:{{ image.tag }}"],
        r#"{"image":{"registry":"m.io/ns"}}"#,
        &["m.io/ns/a/b:1"],
        &[],
    );
    check(
        "image: {repository: q.io/a/b, tag: '1'}",
        &["{{ image.repository }}:{{ image.tag }}"],
        r#"{"image":{"repository":"m.io/ns/a/b"}}"#,
        &["m.io/ns/a/b:1"],
        &[],
    );
    check(
        "jobImage: nginx:1",
        &["{{ jobImage }}"],
        r#"{"jobImage":"m.io/ns/library/nginx:1"}"#,
        &["m.io/ns/library/nginx:1"],
        &[],
    );
    check(
        "global: {imageRegistry: ''}\nname: a/b",
        &["\"{{ global.imageRegistry }}/a/b:1\""],
        r"{}",
        &[],
        &[],
    );
    check(
        "hub: q.io/mesh",
        &["{{ hub }}/pilot:1", "{{ hub }}/proxy:2"],
        r#"{"hub":"m.io/ns/mesh"}"#,
        &["m.io/ns/mesh/pilot:1", "m.io/ns/mesh/proxy:2"],
        &[],
    );
    check(
        "jobs: [{name: x, 'on': true, image: 'q.io/a:1'}]",
        &["{{ jobs.0.image }}", "+on: {{ jobs.0.on }}"],
        r#"{"jobs":[{"name":"x","on":true,"image":"m.io/ns/a:1"}]}"#,
        &["m.io/ns/a:1"],
        &[],
    );
    check(
        "jobs: [{name: x, on: true, 0x1F: 1, image: 'q.io/a:1'}]",
        &["{{ jobs.0.image }}", "+on: {{ jobs.0.true }}"],
        r#"{"jobs":[{"name":"x","true":true,"31":1,"image":"m.io/ns/a:1"}]}"#,
        &["m.io/ns/a:1"],
        &[],
    );
}

#[test]
fn registries_with_ports_are_moved() {
    check(
        "image: {registry: 'q.io:5000', repository: a/b, tag: '1'}",
        &["{{ image.registry }}/{{ image.repository }}:{{ image.tag }}"],
        r#"{"image":{"registry":"m.io/ns"}}"#,
        &["m.io/ns/a/b:1"],
        &[],
    );
    check(
        "hub: 127.0.0.1:5000/mesh/",
        &["{{ hub }}pilot:1", "{{ hub }}proxy:2"],
        r#"{"hub":"m.io/ns/mesh/"}"#,
        &["m.io/ns/mesh/pilot:1", "m.io/ns/mesh/proxy:2"],
        &[],
    );
    check(
        "global: {registry: 'localhost:5000'}\nother: 'db:5000'",
        &["{{ global.registry }}/a:1", "{{ global.registry }}/b/c:2", "+host: {{ other }}"],
        r#"{"global":{"registry":"m.io/ns"}}"#,
        &["m.io/ns/a:1", "m.io/ns/b/c:2"],
        &[],
    );
    check(
        "image: q.io:5000/a/b",
        &["{{ image }}:1"],
        r#"{"image":"m.io/ns/a/b"}"#,
        &["m.io/ns/a/b:1"],
        &[],
    );
}

#[test]
fn only_values_that_are_read_are_set() {
    check(
        "image: {repository: q.io/a/b}\nother: {repository: q.io/a/b}\ndocs: q.io",
        &["{{ image.repository }}:1"],
        r#"{"image":{"repository":"m.io/ns/a/b"}}"#,
        &["m.io/ns/a/b:1"],
        &[],
    );
}

#[test]
fn what_no_value_moves_is_listed() {
    let found = of("image: q.io/a:1", &["{{ image }}", "q.io/fixed/b:2"]);
    let [stays] = &found.stays[..] else { panic!("{found:?}") };
    assert_eq!(stays.destination.to_string(), "m.io/ns/fixed/b:2");
    assert_eq!(found.moved.len(), 1);
    check("x: 1", &["q.io/a:1"], "{}", &[], &["q.io/a:1"]);
}

#[test]
fn an_image_that_is_not_mirrored_stays_where_it_is() {
    let kept = |reference: &Reference| reference.repository.as_str() != "kept/b";
    let of = |values: &str, lines: &[&str]| {
        let found = of_mirrored(values, lines, kept);
        assert!(
            found.stays.iter().all(|stays| stays.image.written != "q.io/kept/b:1"),
            "{found:?}"
        );
        (found.values.unwrap_or_default(), found.moved.len())
    };
    // The registry of both cannot be set, the repository of the mirrored one can.
    let (values, moved) = of(
        "registry: q.io\na: {repository: a, registry: q.io}",
        &["{{ registry }}/kept/b:1", "{{ a.registry }}/{{ a.repository }}:1"],
    );
    assert_eq!((values.as_str(), moved), ("a:\n  registry: \"m.io/ns\"\n", 1));
    let (values, moved) = of("registry: q.io", &["{{ registry }}/kept/b:1", "{{ registry }}/a:1"]);
    assert_eq!((values.as_str(), moved), ("", 0));
    let (values, moved) = of("image: q.io/kept/b:1", &["{{ image }}"]);
    assert_eq!((values.as_str(), moved), ("", 0));
}

#[test]
fn an_edit_that_changes_something_else_is_not_made() {
    // The registry is also the host of a service.
    check(
        "host: q.io",
        &["{{ host }}/a:1", "+name: {{ host }}.internal"],
        "{}",
        &[],
        &["q.io/a:1"],
    );
    // A checksum of what was moved may change.
    check(
        "image: q.io/a:1",
        &["{{ image }}", "+checksum: {{ sum }}"],
        r#"{"image":"m.io/ns/a:1"}"#,
        &["m.io/ns/a:1"],
        &[],
    );
}

#[test]
fn empty_images_and_endings_of_templates_are_moved() {
    check(
        "operator: {image: q.io/a/operator}",
        &["{{ operator.image }}-generic:1"],
        r#"{"operator":{"image":"m.io/ns/a/operator"}}"#,
        &["m.io/ns/a/operator-generic:1"],
        &[],
    );
    check(
        "imageName: ''\nother: {override: ''}\ndefaults: [q.io/db:16]",
        &["{{ or.imageName|defaults.0 }}", "q.io/fixed:1"],
        r#"{"defaults":["m.io/ns/db:16"]}"#,
        &["m.io/ns/db:16"],
        &["q.io/fixed:1"],
    );
    check(
        "imageName: ''\ndb: '16'",
        &["{{ or.imageName|fixed }}q.io/db:{{ db }}"],
        "{}",
        &[],
        &["q.io/db:16"],
    );
}

#[test]
fn one_registry_is_enough_for_all() {
    // `or` takes the first value that is set.
    check(
        "all: ''\nglobal: {imageRegistry: ''}\na: {registry: q.io}\nb: {registry: q.io}",
        &[
            "{{ or.global.imageRegistry|a.registry }}/a:1",
            "{{ or.global.imageRegistry|b.registry }}/b:1",
        ],
        r#"{"global":{"imageRegistry":"m.io/ns"}}"#,
        &["m.io/ns/a:1", "m.io/ns/b:1"],
        &[],
    );
}

#[test]
fn a_chart_that_refuses_other_registries_is_told_to_take_them() {
    check(
        "global: {security: {allowInsecureImages: false}}\nimage: q.io/a:1",
        &["{{ image }}"],
        r#"{"image":"m.io/ns/a:1","global":{"security":{"allowInsecureImages":true}}}"#,
        &["m.io/ns/a:1"],
        &[],
    );
}

#[test]
fn random_words_say_nothing() {
    check(
        "image: q.io/a:1\nother: q.io/a",
        &["{{ image }}", "+name: x-{{ random }}", "+hash: {{ random }} {{ image }}"],
        r#"{"image":"m.io/ns/a:1"}"#,
        &["m.io/ns/a:1"],
        &[],
    );
}

#[test]
fn many_values_take_few_renderings() {
    let unread: String = (0..500).map(|at| format!("x{at}: q.io/a\n")).collect();
    check(
        &format!("{unread}image: q.io/a\n"),
        &["{{ image }}:1"],
        r#"{"image":"m.io/ns/a"}"#,
        &["m.io/ns/a:1"],
        &[],
    );
}
