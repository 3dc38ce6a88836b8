//! Entries of manifests, and diagnostics about the rest.

use longshore_plugin_sdk::list::Confidence;
use longshore_plugin_sdk::testing::{entries, knows_its_own, remarks, survives_mutations};

use super::{parse, probe};

const WORKLOADS: &str = include_str!("../fixtures/workloads.yaml");
const CUSTOM: &str = include_str!("../fixtures/custom.yaml");
const LIST: &str = include_str!("../fixtures/list.json");

#[test]
fn every_container_of_every_workload_is_an_entry() {
    let parsed = parse("workloads.yaml", WORKLOADS);
    assert_eq!(
        entries(&parsed),
        [
            "9 docker.io/library/busybox 1.36",
            "12 registry.example.com:5000/team/web v2",
            "14 quay.io/prometheus/node-exporter v1.8.2@sha256:aaaa",
            "18 ghcr.io/team/data 3",
            "23 nginx latest",
            "38 fluent/fluent-bit 3.1",
            "51 postgres 16",
            "54 team/backup 1",
            "67 example.com/job @sha256:bbbb",
            "85 example.com/cron 1.0",
        ]
    );
    assert_eq!(
        remarks(&parsed),
        [
            "6:24 `not/this:1` may be an image, but `image` is an annotation, so it is skipped",
            "67:18 the destination gets no tag, as only a digest is given",
            "84:15 `not/this:1` may be an image, but it is a part of `args`, so it is skipped",
            "92:10 `not/this:1` may be an image, but `image` of a text may mean something else, so it \
             is skipped",
        ]
    );
}

#[test]
fn custom_resources_are_read_by_the_usual_fields() {
    let parsed = parse("custom.yaml", CUSTOM);
    assert_eq!(
        entries(&parsed),
        [
            "5 quay.io/prometheus/prometheus v2.54.1",
            "7 quay.io/team/config-reloader v0.76.0",
            "14 registry.example.com/team/app 1.10",
            "17 quay.io/team/sidecar @sha256:cccc",
            "25 nvcr.io/nvidia/driver 550.90.07",
            "28 nvcr.io/nvidia/toolkit @sha256:dddd",
            "34 ghcr.io/cloudnative-pg/postgresql 16.4",
            "51 quay.io/operator/operand 2.0",
            "53 quay.io/operator/other 2.0",
            "54 quay.io/operator/operator 2.0",
            "60 nginx 1.27",
            "77 quay.io/team/early 1",
            "78 nginx 1.27",
            "80 ghcr.io/team/late @sha256:eeee",
            "88 ghcr.io/stefanprodan/podinfo 6.7.0",
        ]
    );
    assert_eq!(
        remarks(&parsed),
        [
            "17:25 the destination gets no tag, as only a digest is given",
            "20:12 `image` has no repository, so it is skipped",
            "22:17 `quay.io/team/no-tag` has no tag and no digest, so it is skipped",
            "28:27 the destination gets no tag, as only a digest is given",
            "36:12 `mysql` may be an image, but `image` outside a container has no tag and no digest, \
             so it is skipped",
            "37:20 `image` is not an image reference, so it is skipped",
            "57:1 kustomize is not run: the files that it names are not read",
            "60:3 `nginx:1.27` is read as an image on Docker Hub",
            "70:42 `not/this:1` may be an image, but it is the default of `image` in a schema, so it is \
             skipped",
            "79:5 `not-certain` of `images` may not be an image, so it is skipped",
            "80:17 the destination gets no tag, as only a digest is given",
            "81:13 `quay.io/not/this:1` may be an image, but `mirrors` may mean something else, so it \
             is skipped",
            "83:1 the chart is not rendered: only images named here are found",
        ]
    );
}

#[test]
fn lists_in_json_are_read_with_their_lines() {
    let parsed = parse("list.json", LIST);
    assert_eq!(
        entries(&parsed),
        ["15 registry.k8s.io/pause 3.10", "33 quay.io/team/app 1.2.3", "34 alpine latest"]
    );
    assert_eq!(
        remarks(&parsed),
        [
            "24:26 `not/this:1` may be an image, but `image` of a text may mean something else, so it \
          is skipped"
        ]
    );
}

#[test]
fn manifests_without_images_keep_their_warnings() {
    for (text, expected) in [
        (
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n",
            &["1:1 kustomize is not run: the files that it names are not read"][..],
        ),
        (
            "kind: Kustomization\nresources: [a.yaml]\n",
            &["1:1 kustomize is not run: the files that it names are not read"],
        ),
        (
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec: {path: a}\n",
            &["1:1 kustomize is not run: the files that it names are not read"],
        ),
        (
            "apiVersion: helm.cattle.io/v1\nkind: HelmChart\nspec: {chart: a}\n",
            &["1:1 the chart is not rendered: only images named here are found"],
        ),
        ("apiVersion: v1\nkind: Service\n", &[]),
    ] {
        let parsed = parse("list", text);
        assert_eq!(entries(&parsed), [""; 0], "{text}");
        assert_eq!(remarks(&parsed), expected, "{text}");
    }
}

#[test]
fn a_broken_document_does_not_hide_the_next_one() {
    const POD: &str = "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: 'a/b:1'}]}\n";
    for (broken, errors) in [
        ("metadata: {annotations: {a: b", 1),
        ("a: 'x", 1),
        ("a: b: c", 1),
        ("{{- if .Values.x }}", 1),
        ("apiVersion: v1\nkind: Pod\nx: \"one\ntwo\"\nspec: {containers: [{image: 'c:1'}]}", 0),
    ] {
        let parsed = parse("list", &format!("{POD}---\n{broken}\n---\n{POD}"));
        assert_eq!(parsed.entries.len(), 3 - errors, "{broken}");
        assert_eq!(remarks(&parsed).len(), errors, "{broken}: {:?}", remarks(&parsed));
    }
}

#[test]
fn malformed_manifests_have_exact_diagnostics() {
    for (text, expected) in [
        (
            "kind: Pod\napiVersion: v1\nspec:\n  containers:\n  - image: ''\n  - image: '{{ x }}'\n",
            &["5:12! `` is not an image reference", "6:12! `{{ x }}` is not an image reference"][..],
        ),
        (
            "apiVersion: v1\nkind: Pod\nspec:\n  containers: [{image: 'a:'}, {image: auto}]\n",
            &[
                "4:24! there is no tag after the colon",
                "4:39 `auto` is not an image: a service mesh replaces it at injection",
            ],
        ),
        (
            "apiVersion: v1\nkind: Pod\n\tspec: {}\n",
            &["2:7! this is not valid YAML or JSON: while scanning a plain scalar, found a tab"],
        ),
        (
            "apiVersion: v1\nkind: Pod\nimage: [a\n",
            &["3:8! this is not valid YAML or JSON: unclosed bracket '['"],
        ),
        ("- image: a/b:1\n", &["1:1! a manifest must be a mapping, found a list"]),
        ("image: a/b:1\n", &["1:1 the document has no apiVersion and kind"]),
        (
            "apiVersion: content.hauler.cattle.io/v1\nkind: Images\nspec: {images: [{name: a}]}\n",
            &["1:1 objects of content.hauler.cattle.io/v1 are not read: they are not manifests"],
        ),
        (
            "apiVersion: v1\nkind: Pod\nspec:\n  image: a/b:1\n  image: a/b:2\n",
            &["5:3! duplicate key `image`, first at line 4"],
        ),
    ] {
        assert_eq!(remarks(&parse("list", text)), expected, "{text}");
    }
}

#[test]
fn the_probe_accepts_only_manifests() {
    knows_its_own("kubernetes", probe);
    for (head, expected) in [
        (WORKLOADS, Confidence::Certain),
        (CUSTOM, Confidence::Certain),
        (LIST, Confidence::Certain),
        ("apiVersion: v1\nkind: Pod\n---\nother: 1\n", Confidence::Maybe),
        ("apiVersion: v1\nitems:\n- apiVersion: v1\n", Confidence::Certain),
        ("", Confidence::No),
        ("nginx\n", Confidence::No),
        ("a b 1\nc d 2\n", Confidence::No),
        ("services:\n  web:\n    image: nginx\n", Confidence::No),
        ("apiVersion: content.hauler.cattle.io/v1\nkind: Images\n", Confidence::No),
        ("kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/v2alpha1\n", Confidence::No),
        ("{\"bomFormat\": \"CycloneDX\"}", Confidence::No),
        ("version: 1\nsync: []\n", Confidence::No),
    ] {
        assert_eq!(probe("list", head), expected, "{head:?}");
    }
}

#[test]
fn mutated_manifests_never_panic() {
    survives_mutations(&[WORKLOADS, CUSTOM, LIST], probe, parse);
}

#[test]
fn the_kind_may_come_after_the_head() {
    let data: String = (0..4000).map(|number| format!("  k{number}: value{number}\n")).collect();
    for (text, expected) in [
        (format!("apiVersion: v1\ndata:\n{data}"), Confidence::Maybe),
        (format!("apiVersion: example.com/v1beta2\nspec:\n{data}"), Confidence::Maybe),
        (
            format!("kind: Pod\napiVersion: v1\n---\napiVersion: v1\ndata:\n{data}"),
            Confidence::Maybe,
        ),
        (format!("apiVersion: two\ndata:\n{data}"), Confidence::No),
        (format!("version: v1\ndata:\n{data}"), Confidence::No),
        // A chart's own file has no kind.
        ("apiVersion: v2\nname: chart\nversion: 1.0.0\n".to_owned(), Confidence::No),
    ] {
        assert_eq!(probe("list", &text), expected, "{}", &text[..40]);
    }
}

#[test]
fn the_file_of_kustomize_needs_no_kind() {
    let not_run = "1:1 kustomize is not run: the files that it names are not read";
    for (text, found) in [
        (
            "resources:\n- a.yaml\nimages:\n- name: nginx\n  newName: q.io/m/nginx\n  newTag: v1\n",
            &["5 q.io/m/nginx v1"][..],
        ),
        ("images:\n- {name: q.io/a/b, newTag: 2}\n", &["2 q.io/a/b 2"]),
        (
            "namespace: x\nimages:\n- {name: q.io/a/b, digest: 'sha256:aa', newName: c.io/d}\n- name: other\n",
            &["3 c.io/d @sha256:aa"],
        ),
        ("kind: Kustomization\nimages: [{name: q.io/a, newTag: '1'}]\n", &["2 q.io/a 1"]),
        ("{\"images\": [{\"name\": \"q.io/a\", \"newTag\": \"1\"}]}\n", &["1 q.io/a 1"]),
        ("imageTags:\n- {name: q.io/a, newTag: '1'}\n", &["2 q.io/a 1"]),
        ("kind: Kustomization\nresources: [a.yaml]\n", &[]),
        (
            "kind: Kustomization\ntransformers:\n- |\n  apiVersion: builtin\n  kind: ImageTagTransformer\n  \
             metadata: {name: a}\n  imageTag: {name: q.io/a, newTag: '1'}\n",
            &["4 q.io/a 1"],
        ),
    ] {
        assert_ne!(probe("kustomization.yaml", text), Confidence::No, "{text}");
        let parsed = parse("kustomization.yaml", text);
        assert_eq!(entries(&parsed), found, "{text}");
        assert_eq!(remarks(&parsed).first().map(String::as_str), Some(not_run), "{text}");
    }
    for other in [
        "images:\n- {name: a/b, tag: 1}\n",
        "images:\n- name: a/b\n",
        "images:\n- {name: a/b, newTag: 1}\nspec: {}\n",
        "images: {a: {newTag: 1}}\n",
        "resources: [a.yaml]\n",
        "images:\n- a/b:1\n",
    ] {
        assert_eq!(probe("list", other), Confidence::No, "{other}");
    }
}
