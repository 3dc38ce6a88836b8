//! Charts that are wrong or hostile: each gives one message, which says where the fault is.

use std::time::Duration;

use longshore_plugin_host::Limits;

use super::renderer::{Chart, renderer};

/// The one template of most charts here.
const TEMPLATE: &str = "templates/a.yaml";

#[tokio::test]
async fn a_template_that_fails_is_named_with_its_line() {
    let Some(renderer) = renderer(Limits::default()).await else { return };
    for (template, message) in [
        ("{{ fail \"boom\" }}", "c/templates/a.yaml:1:3: boom"),
        ("a: 1\n\n{{ fail \"boom\" }}", "c/templates/a.yaml:3:3: boom"),
        ("a: {{ required \"set it\" .Values.it }}", "c/templates/a.yaml:1:6: set it"),
        ("a: 1\nb: {{ .Values.a.b.c }}", "c/templates/a.yaml:2:13: "),
        ("a: 1\nb: {{ if }}", "c/templates/a.yaml:2: missing value for if"),
        ("a: 1\n{{ nope }}", "c/templates/a.yaml:2: function \"nope\" not defined"),
        ("{{ include \"nope\" . }}", "c/templates/a.yaml:1:3: executing"),
        ("a: 1\n{{ tpl \"{{ fail `boom` }}\" . }}", "c/templates/a.yaml:2:3: "),
    ] {
        let failure = Chart::new(&[(TEMPLATE, template)]).failure(&renderer).await;
        let message = format!("render the chart with plugin `helm-render`: {message}");
        assert!(failure.starts_with(&message), "{template}: {failure}");
        assert!(!failure.contains('\n'), "{template}: {failure}");
    }
}

#[tokio::test]
async fn a_text_that_is_not_yaml_costs_no_other_text() {
    let Some(renderer) = renderer(Limits::default()).await else { return };
    for broken in ["a: b: c", "a: \"b\n- c", "- a", "some words", "kind: A\nmetadata: text"] {
        let chart = Chart::new(&[
            (TEMPLATE, broken),
            ("templates/b.yaml", "kind: Pod\n---\nkind: Job"),
            ("templates/README.md", "# Title\n\nwords: and: more\n"),
            ("templates/z.yaml", "kind: Service"),
        ]);
        let rendered = chart.render(&renderer).await.expect(broken);
        let found: Vec<_> =
            rendered.iter().map(|one| (one.path.as_str(), one.text.trim())).collect();
        let expected = [
            ("c/templates/z.yaml", "kind: Service"),
            ("c/templates/b.yaml", "kind: Pod"),
            ("c/templates/b.yaml", "kind: Job"),
            ("c/templates/README.md", "# Title\n\nwords: and: more"),
            ("c/templates/a.yaml", broken),
        ];
        assert_eq!(found, expected, "{broken}");
    }
}

#[tokio::test]
async fn the_place_of_an_included_template_is_there_too() {
    let Some(renderer) = renderer(Limits::default()).await else { return };
    let helpers = "{{ define \"x\" }}\n{{ fail \"boom\" }}{{ end }}";
    let chart = Chart::new(&[
        ("templates/_helpers.tpl", helpers),
        ("charts/sub/Chart.yaml", "apiVersion: v2\nname: sub\nversion: 1.0.0\n"),
        ("charts/sub/templates/b.yaml", "b: 1\nc: {{ include \"x\" . }}"),
    ]);
    let failure = chart.failure(&renderer).await;
    assert!(failure.contains("c/charts/sub/templates/b.yaml:2:6: "), "{failure}");
    assert!(failure.ends_with("boom (template)"), "{failure}");
}

#[tokio::test]
async fn a_template_that_uses_up_a_limit_is_named() {
    let hurried = Limits { chart_cpu: Duration::from_secs(1), ..Limits::default() };
    let small = Limits { chart_memory: 192 << 20, ..Limits::default() };
    let Some(hurried) = renderer(hurried).await else { return };
    let Some(small) = renderer(small).await else { return };
    let Some(usual) = renderer(Limits::default()).await else { return };
    let range = |body: &str| format!("{{{{ range until 100000 }}}}{body}{{{{ end }}}}");
    let loops = range(&range(""));
    let bomb = range(&"x".repeat(10_000));
    for (renderer, template, message) in [
        (&hurried, loops.as_str(), "ran out of CPU time (1 s)"),
        (&small, "{{ repeat 1000000000 \"x\" }}", "ran out of memory"),
        (
            &small,
            "{{ $x := list 1 }}{{ range until 100 }}{{ $x = concat $x $x }}{{ end }}",
            "ran out of memory",
        ),
        (&small, bomb.as_str(), "ran out of memory"),
        (
            &usual,
            "a: {{ range until 7 }}{{ repeat 10000000 \"x\" }}{{ end }}",
            ", at most 62914560 are allowed",
        ),
    ] {
        let chart = Chart::new(&[
            ("templates/_partial.tpl", "{{ define \"x\" }}x{{ end }}"),
            ("templates/before.yaml", "a: 1"),
            ("templates/a.yaml", template),
            ("templates/z.yaml", "a: {{ include (print $.Template.BasePath \"/before.yaml\") . }}"),
        ]);
        let failure = chart.failure(renderer).await;
        let place = "render the chart with plugin `helm-render`: c/templates/a.yaml: ";
        let shown: String = failure.chars().take(300).collect();
        assert!(failure.starts_with(place), "{shown}");
        assert!(failure.contains(message), "{shown}");
    }
}

#[tokio::test]
async fn recursion_ends_with_a_message() {
    let Some(renderer) = renderer(Limits::default()).await else { return };
    for call in ["include", "template"] {
        let template = format!(
            "{{{{ define \"r\" }}}}{{{{ {call} \"r\" . }}}}{{{{ end }}}}{{{{ {call} \"r\" . }}}}"
        );
        let failure = Chart::new(&[(TEMPLATE, &template)]).failure(&renderer).await;
        let shown: String = failure.chars().take(300).collect();
        assert!(failure.contains("plugin `helm-render`: c/templates/a.yaml:1:"), "{call}: {shown}");
        assert!(failure.len() < 3000, "{call}: the message has {} bytes", failure.len());
    }
}

#[tokio::test]
async fn a_chart_that_helm_would_not_install_is_refused() {
    let Some(renderer) = renderer(Limits::default()).await else { return };
    let chart = |yaml: &str| format!("apiVersion: v2\nname: c\nversion: 1.0.0\n{yaml}");
    for (yaml, message) in [
        (chart("type: library"), "library charts are not installable (chart)"),
        (chart("kubeVersion: '>=1.99'"), "requires kubeVersion >=1.99, and Kubernetes is v1."),
        (chart("dependencies: [{name: db, version: 1.0.0}]"), "missing in charts/ directory: db"),
        ("name: c".to_owned(), "validation: "),
        (
            "apiVersion: v9\nname: c\nversion: 1.0.0".to_owned(),
            "apiVersion \"v9\" of Chart.yaml is neither v1 nor v2 (chart)",
        ),
        ("a: b: c".to_owned(), "cannot load Chart.yaml"),
    ] {
        let failure = Chart::new(&[("Chart.yaml", &yaml)]).failure(&renderer).await;
        assert!(failure.contains(message), "{yaml}: {failure}");
    }
    let mut chart = Chart::new(&[]);
    chart.release.kube_version = Some("soon".to_owned());
    let failure = chart.failure(&renderer).await;
    assert!(failure.contains("Kubernetes version \"soon\""), "{failure}");
    chart.release.kube_version = None;
    chart.release.name = "No Name".to_owned();
    let failure = chart.failure(&renderer).await;
    assert!(failure.contains("release name \"No Name\""), "{failure}");
}

#[tokio::test]
async fn wrong_values_are_named() {
    let Some(renderer) = renderer(Limits::default()).await else { return };
    let schema = r#"{"properties": {"replicas": {"type": "integer"}}}"#;
    let chart = || {
        Chart::new(&[
            ("values.schema.json", schema),
            ("charts/sub/Chart.yaml", "apiVersion: v2\nname: sub\nversion: 1.0.0\n"),
            ("charts/sub/values.schema.json", schema),
        ])
    };
    for (values, message) in [
        ("replicas: many", "schema of c: - at '/replicas': got string, want integer"),
        ("sub: {replicas: many}", "schema of sub: - at '/replicas': got string, want integer"),
        ("a: b: c", "values file 1 of 1: "),
        ("- a\n- b", "values file 1 of 1: "),
    ] {
        let failure = chart().values(values).failure(&renderer).await;
        assert!(failure.contains(message), "{values}: {failure}");
    }
    let failure = Chart::new(&[("values.yaml", "a: b: c")]).failure(&renderer).await;
    assert!(failure.contains("cannot load values.yaml"), "{failure}");
    let failure = Chart::new(&[("values.yaml", "- a")]).failure(&renderer).await;
    assert!(failure.contains("values.yaml: found array, expected a mapping"), "{failure}");
    for (schema, message) in [
        ("{", "cannot read values.schema.json"),
        (r#"{"type": 5}"#, "cannot compile values.schema.json"),
    ] {
        let failure = Chart::new(&[("values.schema.json", schema)]).failure(&renderer).await;
        assert!(failure.contains(message), "{schema}: {failure}");
    }
}

#[tokio::test]
async fn a_schema_elsewhere_is_neither_fetched_nor_missed() {
    let Some(renderer) = renderer(Limits::default()).await else { return };
    for schema in [
        r#"{"properties": {"a": {"$ref": "https://example.com/a.json"}}}"#,
        r#"{"$ref": "http://127.0.0.1:1/all.json#/definitions/x"}"#,
        r#"{"$id": "https://example.com/b.json", "$ref": "beside.json"}"#,
        r#"{"$ref": "file:///etc/passwd"}"#,
        r#"{"$ref": "other.json#/definitions/x"}"#,
        r#"{"$id": "https://example.com/c.json", "$defs": {"x": {"$id": "d.json"}},
            "properties": {"a": {"$ref": "d.json"}, "b": {"$ref": "e.json#/x"}}}"#,
        r#"{"$ref": "urn:example:schema"}"#,
        r#"{"$schema": "https://example.com/meta.json"}"#,
    ] {
        let chart = Chart::new(&[("values.schema.json", schema), (TEMPLATE, "a: 1")]);
        let rendered = chart.values("a: 1").render(&renderer).await;
        assert_eq!(rendered.expect(schema).len(), 1, "{schema}");
    }
    // What the schema says itself still holds.
    let schema = r#"{"allOf": [{"$ref": "https://example.com/a.json"}], "required": ["b"]}"#;
    let failure = Chart::new(&[("values.schema.json", schema)]).failure(&renderer).await;
    assert!(failure.contains("missing property 'b'"), "{failure}");
}

#[tokio::test]
async fn notes_are_not_rendered_and_their_templates_are_known() {
    let Some(renderer) = renderer(Limits::default()).await else { return };
    let chart = Chart::new(&[
        ("templates/NOTES.txt", "{{ define \"n\" }}5{{ end }}{{ fail \"boom\" }}"),
        ("templates/a.yaml", "a: {{ include \"n\" . }}"),
        ("charts/sub/Chart.yaml", "apiVersion: v2\nname: sub\nversion: 1.0.0\n"),
        ("charts/sub/templates/NOTES.txt", "{{ nope }}"),
    ]);
    let rendered = chart.render(&renderer).await.expect("it renders");
    let texts: Vec<_> = rendered.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(texts, ["a: 5"]);
}

#[tokio::test]
async fn keys_and_random_texts_are_the_same_in_every_run() {
    let Some(renderer) = renderer(Limits::default()).await else { return };
    let template = "a: {{ randAlphaNum 20 }}\nb: {{ uuidv4 }}\nc: {{ now | date \"2006\" }}\n\
                    d: {{ (genCA \"ca\" 5).Cert | sha256sum }}\ne: {{ genPrivateKey \"ecdsa\" | quote }}";
    let chart = Chart::new(&[(TEMPLATE, template)]);
    let first = chart.render(&renderer).await.expect("it renders");
    assert_eq!(first, chart.render(&renderer).await.expect("it renders again"));
    assert!(first[0].text.contains("c: 2023"), "{first:?}");
}
