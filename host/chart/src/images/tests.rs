//! What a chart needs, what it may need, and what is said about the rest.

use super::{Confidence, Discovery, RemarkKind, Rendering, discover};
use crate::Rendered;
use crate::archive::{Chart, pack};

const CHART: &str = "apiVersion: v2\nname: demo\nversion: 1.0.0\nappVersion: 3.2.1\n";

/// Makes a chart of `Chart.yaml` and other files.
fn chart(metadata: &str, files: &[(&str, &str)]) -> Chart {
    let mut all = vec![("Chart.yaml".to_owned(), format!("{CHART}{metadata}").into_bytes())];
    all.extend(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())));
    Chart::of_archive(&pack("demo", &all)).expect("the chart is good")
}

fn rendered(text: &str) -> Vec<Rendered> {
    vec![Rendered { template: "demo/templates/a.yaml".to_owned(), text: text.to_owned() }]
}

fn found(chart: &Chart, text: &str) -> Discovery {
    discover(chart, &[Rendering { name: "", values: &[], rendered: &rendered(text) }])
}

fn pod(image: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{{image: '{image}'}}]}}\n"
    )
}

fn references(images: &[super::Image]) -> Vec<String> {
    images.iter().map(|image| image.reference.to_string()).collect()
}

#[test]
fn an_image_has_all_its_places_and_the_surest_first() {
    let text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata: {{x: 'quay.io/a/b:1'}}\n---\n{}",
        pod("quay.io/a/b:1")
    );
    let found = found(&chart("", &[]), &text);
    let [image] = &found.images[..] else { panic!("{found:?}") };
    assert_eq!((image.confidence, image.written.as_str()), (Confidence::Sure, "quay.io/a/b:1"));
    let places: Vec<_> = image.provenance.iter().map(ToString::to_string).collect();
    assert_eq!(
        places,
        [
            "demo/templates/a.yaml Pod/p spec.containers[0].image (rule container)",
            "demo/templates/a.yaml ConfigMap/c data.x (rule entry)",
        ]
    );
}

#[test]
fn renderings_are_united_and_name_their_values() {
    let chart = chart("", &[]);
    let (first, second) = (rendered(&pod("nginx")), rendered(&pod("docker.io/nginx:latest")));
    let renderings = [("", &first), ("big.yaml", &second)].map(|(name, rendered)| Rendering {
        name,
        values: &[],
        rendered,
    });
    let found = discover(&chart, &renderings);
    assert_eq!(references(&found.images), ["docker.io/library/nginx:latest"]);
    let values: Vec<_> =
        found.images[0].provenance.iter().map(|place| place.values.as_str()).collect();
    assert_eq!(values, ["", "big.yaml"]);
    assert!(
        found.images[0].provenance[1].to_string().ends_with("(rule container, values big.yaml)")
    );
}

#[test]
fn what_is_not_taken_is_said_once() {
    let text = "apiVersion: a.b/v1\nkind: A\nmetadata: {name: x, annotations: {i.j/image: 'q.io/a:1'}}\n\
                spec: {version: 9.5.0}\n---\n\
                apiVersion: v1\nkind: A\nmetadata: {annotations: {i.j/image: 'q.io/a:1'}}\n\
                spec: {template: {spec: {containers: [{image: 'Bad/Image'}, {image: 'Bad/Image'}]}}}\n---\n\
                suite: a test\n---\nkind: [\n";
    let found = found(&chart("", &[]), text);
    assert_eq!(references(&found.images), [""; 0]);
    let remarks: Vec<_> =
        found.remarks.iter().map(|remark| (remark.kind, remark.text.as_str())).collect();
    assert_eq!(
        remarks,
        [
            (RemarkKind::NotTaken, "q.io/a:1"),
            (RemarkKind::OperatorChooses, "9.5.0"),
            (RemarkKind::NotTaken, "Bad/Image"),
            (RemarkKind::NotRead, ""),
        ]
    );
    assert_eq!(
        found.remarks[1].to_string(),
        "the operator chooses: 9.5.0 without a name: demo/templates/a.yaml A/x spec.version (rule version)"
    );
    assert!(found.remarks[3].message.contains("line 11: the document is not a Kubernetes object"));
    let broken: Vec<String> = found.broken.iter().map(ToString::to_string).collect();
    assert_eq!(broken.len(), 1, "{broken:?}");
    let expected = "demo/templates/a.yaml: rendered text is not valid YAML: line 1";
    assert!(broken[0].starts_with(expected), "{broken:?}");
}

#[test]
fn what_helm_refuses_is_broken_and_hides_nothing_else() {
    for (text, why) in [
        ("a: b: c\n", "line 1: "),
        ("- a\n", "line 1: the document is not a mapping"),
        ("# Title\n\nwords\n", "line 3: the document is not a mapping"),
        ("kind: A\nmetadata: words\n", "line 1: `metadata` is not a mapping"),
    ] {
        let pod = pod("q.io/a:1");
        let rendered = [&rendered(&pod)[..], &rendered(text)[..]].concat();
        let rendering = Rendering { name: "v", values: &[], rendered: &rendered };
        let found = discover(&chart("", &[]), &[rendering]);
        assert_eq!(references(&found.images), ["q.io/a:1"], "{text}");
        let [broken] = &found.broken[..] else { panic!("{text}: {found:?}") };
        assert!(broken.message.starts_with(why) && broken.values == "v", "{text}: {broken}");
        assert_eq!(found.remarks, [], "{text}");
    }
    for right in ["", "---\n", "# nothing\n", "kind: A\nmetadata:\n", "suite: a\n"] {
        assert_eq!(found(&chart("", &[]), right).broken, [], "{right}");
    }
}

#[test]
fn the_last_of_duplicate_keys_counts_as_in_kubernetes() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n";
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  a.yaml: |\n";
    for text in [
        format!("{pod}  - image: q.io/a:1\n    name: x\n    image: q.io/a:2\n"),
        format!("{pod}  - image: q.io/a:1\n  containers:\n  - image: q.io/a:2\n"),
        format!("{map}    image: q.io/a:1\n    image: q.io/a:2\n"),
        format!("{map}    {{\"image\": \"q.io/a:1\", \"image\": \"q.io/a:2\"}}\n"),
    ] {
        assert_eq!(references(&found(&chart("", &[]), &text).images), ["q.io/a:2"], "{text}");
    }
    let values =
        "on: {enabled: false, image: 'q.io/a:1'}\non: {enabled: false, image: 'q.io/a:2'}\n";
    let off = found(&chart("", &[("values.yaml", values)]), "---\n").disabled;
    assert_eq!(references(&off), ["q.io/a:2"]);
}

#[test]
fn a_chart_that_does_not_render_still_has_the_images_of_its_values() {
    let values = "image: {repository: q.io/a/b, tag: ''}\njob: {image: q.io/job:2}\n";
    let chart = chart("", &[("values.yaml", values)]);
    let found = discover(&chart, &[]);
    assert_eq!(references(&found.disabled), ["q.io/a/b:3.2.1", "q.io/job:2"]);
    assert!(found.images.is_empty() && found.broken.is_empty());
}

#[test]
fn an_image_of_the_values_is_off_only_if_no_rendering_has_it() {
    let disabled = |values: &str, image: &str| {
        let chart = chart("", &[("values.yaml", values)]);
        references(&found(&chart, &pod(image)).disabled)
    };
    let default = "i: {repository: a/cli, tag: ''}\n";
    assert_eq!(disabled(default, "reg.a.io/a/cli:v3"), [""; 0], "a template sets both");
    assert_eq!(disabled(default, "reg.a.io/mya/cli:v3"), ["docker.io/a/cli:3.2.1"]);
    assert_eq!(
        disabled("i: {repository: a/cli, tag: '2'}\n", "q.io/a/cli:3"),
        ["docker.io/a/cli:2"]
    );
    let own = "i: {repository: q.io/a/cli, tag: ''}\n";
    assert_eq!(disabled(own, "q.io/a/cli:9"), [""; 0]);
    assert_eq!(disabled(own, "r.io/a/cli:9"), ["q.io/a/cli:3.2.1"]);
}

#[test]
fn only_an_image_without_a_tag_has_the_default_tag() {
    for (values, expected) in [
        ("x: {image: {repository: q.io/a/b, tag: ''}}\n", &["q.io/a/b:3.2.1"][..]),
        ("x: {image: {repository: q.io/a/b, pullPolicy: Always}}\n", &["q.io/a/b:3.2.1"]),
        ("x: {image: {repository: 'q.io/a/b:7', tag: ''}}\n", &["q.io/a/b:7"]),
        ("x: {image: {repository: 'q.io/a/b:7', pullPolicy: Always}}\n", &["q.io/a/b:7"]),
        ("x: {image: {repository: 'q.io:5000/a', tag: ''}}\n", &["q.io:5000/a:3.2.1"]),
        ("x: {image: {repository: '', tag: ''}}\n", &[]),
        // The values of a subchart may be here in part.
        ("x: {image: {repository: q.io/a/b}}\n", &[]),
    ] {
        let chart = chart("", &[("values.yaml", values)]);
        let found = found(&chart, &pod("q.io/other:1"));
        assert_eq!(references(&found.disabled), expected, "{values}");
    }
}

#[test]
fn a_global_registry_holds_for_images_that_are_off() {
    let parts =
        "a: {registry: docker.io, repository: x/a, tag: 1}\nb: {repository: q.io/b, tag: 2}\n";
    for (global, registry) in [
        ("{imageRegistry: m.io}", "m.io"),
        ("{imageRegistry: ' m.io '}", "m.io"),
        ("{imageRegistry: ''}", "docker.io"),
        ("{imageRegistry: null}", "docker.io"),
        ("{image: {registry: m.io}}", "docker.io"),
    ] {
        let chart = chart("", &[("values.yaml", &format!("global: {global}\n{parts}"))]);
        let expected = [format!("{registry}/x/a:1"), "q.io/b:2".to_owned()];
        assert_eq!(references(&discover(&chart, &[]).disabled), expected, "{global}");
    }
}

#[test]
fn a_text_that_is_taken_elsewhere_needs_no_remark() {
    let text = format!(
        "apiVersion: a.b/v1\nkind: A\nmetadata: {{annotations: {{x/image: 'q.io/a:1'}}}}\n---\n{}",
        pod("q.io/a:1")
    );
    let found = found(&chart("", &[]), &text);
    assert_eq!(references(&found.images), ["q.io/a:1"]);
    assert_eq!(found.remarks, []);
}

#[test]
fn values_name_the_images_of_components_that_are_off() {
    let values = "image: {registry: q.io, repository: a/app, tag: ''}\n\
                  metrics: {enabled: false, image: {repository: q.io/a/exporter, tag: 1.2}}\n\
                  backup: {image: {repository: q.io/a/backup, pullPolicy: Always}}\n\
                  side: {image: 'q.io/a/side:2', other: 'q.io/a/text:3'}\n\
                  web: {image: {repository: a/web, tag: 4}}\n";
    let sub =
        "image: {registry: q.io, repository: sub/db, tag: 1}\nextra: {image: 'q.io/sub/extra:1'}\n";
    let chart = chart(
        "dependencies: [{name: sub, alias: db}]\n",
        &[
            (
                "values.yaml",
                &format!("{values}db: {{image: {{tag: 9}}, extra: {{image: null}}}}\n"),
            ),
            ("charts/sub/Chart.yaml", "apiVersion: v2\nname: sub\nversion: 1.0.0\n"),
            ("charts/sub/values.yaml", sub),
        ],
    );
    let text = format!("{}---\n{}", pod("q.io/a/app:v3.2.1"), pod("mirror.io/a/web:4"));
    let found = found(&chart, &text);
    let places: Vec<_> = found
        .disabled
        .iter()
        .map(|image| format!("{} {}", image.reference, image.provenance[0].template))
        .collect();
    assert_eq!(
        places,
        [
            "q.io/sub/db:9 charts/sub/values.yaml",
            "q.io/a/exporter:1.2 values.yaml",
            "q.io/a/backup:3.2.1 values.yaml",
            "q.io/a/side:2 values.yaml",
            "q.io/a/text:3 values.yaml",
        ]
    );
    assert_eq!(found.disabled[2].written, "q.io/a/backup:3.2.1");
}

#[test]
fn values_of_a_rendering_count() {
    let chart = chart("", &[("values.yaml", "job: {image: {repository: q.io/job, tag: 1}}\n")]);
    let over = ["job: {image: {tag: 2}}\n".to_owned()];
    let rendering = Rendering { name: "b.yaml", values: &over, rendered: &[] };
    let found = discover(&chart, &[rendering]);
    assert_eq!(references(&found.disabled), ["q.io/job:2"]);
    assert_eq!(found.disabled[0].provenance[0].values, "b.yaml");
}

#[test]
fn annotations_are_hints_only() {
    let list = "\n    - name: a\n      image: q.io/a:1\n    - {name: b, image: 'q.io/b:1'}\n";
    for key in ["artifacthub.io/images", "helm.sh/images", "images"] {
        let chart = chart(&format!("annotations:\n  {key}: |{list}"), &[]);
        let found = found(&chart, &pod("q.io/a:1"));
        assert_eq!(references(&found.images), ["q.io/a:1"], "{key}");
        assert_eq!(references(&found.hints), ["q.io/b:1"], "{key}");
        let place = found.hints[0].provenance[0].to_string();
        assert_eq!(place, format!("Chart.yaml annotations[{key:?}]//[1].image (rule annotation)"));
    }
}

#[test]
fn an_image_is_found_by_what_a_user_writes() {
    let text = format!(
        "{}---\n{}",
        pod("nginx:1.27"),
        pod(
            "quay.io/a/b:1@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        )
    );
    let found = found(&chart("", &[]), &text);
    for (asked, expected) in [
        ("nginx", 1),
        ("docker.io/library/nginx", 1),
        ("nginx:1.27", 1),
        ("nginx:1.28", 0),
        ("quay.io/a/b", 1),
        ("quay.io/a/b:1", 1),
        ("quay.io/a/b@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 1),
        ("quay.io/a/c", 0),
    ] {
        assert_eq!(found.named(asked).unwrap().len(), expected, "{asked}");
    }
    found.named("No/Reference").unwrap_err();
}
