//! Shapes of public charts: what a chart's images are, and where they stand.

use longshore_plugin_sdk::yaml::read;

use crate::{What, find};

/// Returns what a chart takes from a document, as `REFERENCE RULE PATH`.
fn taken(text: &str) -> Vec<String> {
    let documents = read(text);
    assert_eq!(documents.errors, [], "{text}");
    let findings = documents.whole().iter().flat_map(|root| find(root));
    findings
        .filter_map(|finding| match finding.what {
            What::Image(reference) | What::Likely { reference, .. } => {
                Some(format!("{reference} {} {}", finding.origin.rule, finding.origin.path))
            }
            _ => None,
        })
        .collect()
}

/// Checks the body of a custom resource.
fn resource(spec: &str, expected: &[&str]) {
    let text =
        format!("apiVersion: example.com/v1\nkind: App\nmetadata: {{name: a}}\nspec: {spec}\n");
    assert_eq!(taken(&text), expected, "{spec}");
}

/// Checks a file in a `ConfigMap`.
fn file(content: &str, expected: &[&str]) {
    let indented: String = content.lines().map(|line| format!("    {line}\n")).collect();
    let text = format!("apiVersion: v1\nkind: ConfigMap\ndata:\n  f: |\n{indented}");
    assert_eq!(taken(&text), expected, "{content}");
}

/// Checks an entry of a `ConfigMap`.
fn entry(data: &str, expected: &[&str]) {
    let text = format!("apiVersion: v1\nkind: ConfigMap\ndata: {{{data}}}\n");
    assert_eq!(taken(&text), expected, "{data}");
}

#[test]
fn a_hub_and_tag_hold_for_the_images_below() {
    file(
        "{\"global\": {\"hub\": \"r.io/mesh\", \"tag\": \"1.24\",\n\"proxy\": {\"image\": \"proxyv2\"}}, \"x\": {\"image\": \"bare\"}}",
        &["r.io/mesh/proxyv2:1.24 parts data.f//global.proxy.image"],
    );
    resource(
        "{hub: r.io/mesh, tag: 1.24, pilot: {image: pilot}, cni: {image: 'q.io/cni:1'}}",
        &["r.io/mesh/pilot:1.24 parts spec.pilot.image", "q.io/cni:1 field spec.cni.image"],
    );
}

#[test]
fn versions_stand_where_operators_look() {
    resource(
        "{repository: r.io/db, version: 5.4, agentRepository: r.io/agent, agentVersion: 3}",
        &["r.io/db:5.4 parts spec", "r.io/agent:3 pair spec.agentRepository"],
    );
    resource(
        "{version: v7, pd: {baseImage: team/pd, replicas: 3}, kv: {baseImage: team/kv}}",
        &["team/pd:v7 pair spec.pd.baseImage", "team/kv:v7 pair spec.kv.baseImage"],
    );
    resource(
        "{spec: {repository: r.io/db, versionTag: 7.4.2-54}}",
        &["r.io/db:7.4.2-54 parts spec.spec"],
    );
    resource(
        "{driver: {repository: r.io/team, image: driver, version: '550'}}",
        &["r.io/team/driver:550 parts spec.driver"],
    );
    resource(
        "{driver: {repository: r.io/team, image: driver, version: '550', enabled: true}}",
        &["r.io/team/driver:550 parts spec.driver"],
    );
    resource("{chart: {repository: r.io/charts, name: db, version: 1.0.0}}", &[]);
    resource("{source: {repository: r.io/charts, chart: db, version: 1.0.0}}", &[]);
    resource("{image: team/connect, version: 3.7.0}", &["team/connect:3.7.0 pair spec.image"]);
}

#[test]
fn json_of_model_servers_names_default_versions() {
    entry(
        "explainers: '{\"art\": {\"image\": \"team/art\", \"defaultImageVersion\": \"1.17\"}}'",
        &["team/art:1.17 parts data.explainers//art"],
    );
    entry(
        "agent: '{\"image\": \"team/agent:v0.12\", \"memory\": \"1Gi\"}'",
        &["team/agent:v0.12 field data.agent//image"],
    );
    file(
        "{\"nodejs\": [{\"kind\": \"nodejs:10\", \"image\": {\"prefix\": \"team\", \"name\": \"action\", \"tag\": \"1\"}}]}",
        &["team/action:1 parts data.f//nodejs[0].image"],
    );
}

#[test]
fn a_mapping_of_images_names_each() {
    file(
        "images:\n  logger: team/logger:v1\n  client: {name: team/client, tag: v2}\n  x: word\n",
        &[
            "team/logger:v1 list data.f//images.logger",
            "team/client:v2 parts data.f//images.client",
        ],
    );
    resource(
        "{extraImages: {a: 'q.io/a:1', b: {repository: b, tag: 2}}}",
        &["q.io/a:1 list spec.extraImages.a", "b:2 parts spec.extraImages.b"],
    );
}

#[test]
fn files_of_every_language_have_settings() {
    file(
        "[kubernetes]\nworker_container_repository = team/worker\nworker_container_tag = 2.9\n",
        &["team/worker:2.9 pair data.f//"],
    );
    file(
        "[[runners]]\n  [runners.kubernetes]\n    image = \"ubuntu:22.04\"\n# image = \"old:1\"\n",
        &["ubuntu:22.04 text data.f//"],
    );
    file(
        "import json\nc.Spawner.image = 'team/lab:1'\nx = json.loads('''{\"image\": {\"name\": \"q.io/gate\", \"tag\": \"7\"}}''')\n",
        &["q.io/gate:7 parts data.f//image", "team/lab:1 text data.f//"],
    );
    file(
        "set -e\nkubectl run x --image=team/kubectl:1.30 \\\n  --other\ndocker pull q.io/a/b:1\n",
        &["team/kubectl:1.30 text data.f//", "q.io/a/b:1 text data.f//"],
    );
    file(
        "{{- if .x }}\nimage: {{ .image }}\nimage: \"q.io/{{ .y }}/a:1\"\nimage: q.io/b:1\n{{- end }}\n",
        &["q.io/b:1 text data.f//"],
    );
    file(
        "labels:\n- \"ubuntu:docker://team/runner:22.04\"\n",
        &["team/runner:22.04 text data.f//labels[0]"],
    );
    file("<slave>\n<image>team/agent:1</image>\n</slave>\n", &["team/agent:1 text data.f//"]);
    file("see https://q.io/a/b:1 and k8s.io/docs and kubernetes.io/os:linux\n", &[]);
}

#[test]
fn documents_in_texts_are_documents() {
    entry(
        "image: 'team/helper:v1', other: 'a/b:v1', db: 'db:5432'",
        &["team/helper:v1 entry data.image"],
    );
    file(
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: nginx:1.27\n  - image: bare\n",
        &["nginx:1.27 container data.f//spec.containers[0].image"],
    );
    file(
        "a: |\n  b: |\n    jobImage: q.io/deep:1\n",
        &["q.io/deep:1 field data.f//a//b//jobImage"],
    );
    let secret = "apiVersion: v1\nkind: Secret\ndata: {v.yaml: aW1hZ2U6IHtuYW1lOiBxLmlvL2EsIHRhZzogMX0K, \
                  JOB_IMAGE: cS5pby9qb2I6MQ==, bad: '%%', bytes: /w==}\n";
    assert_eq!(
        taken(secret),
        ["q.io/job:1 entry data.JOB_IMAGE", "q.io/a:1 parts data[\"v.yaml\"]//image",]
    );
    let variable = "{env: [{name: CONFIG, value: '{\"image\": \"nginx:1\"}'}]}";
    resource(variable, &["nginx:1 field spec.env[0].value//image"]);
}

#[test]
fn containers_of_pipelines_are_containers() {
    resource(
        "{steps: [{name: a, image: alpine}], sidecars: [{image: docker}]}",
        &["alpine container spec.steps[0].image", "docker container spec.sidecars[0].image"],
    );
    resource(
        "{templates: [{container: {image: alpine}}, {script: {image: 'python:3'}}]}",
        &[
            "alpine container spec.templates[0].container.image",
            "python:3 container spec.templates[1].script.image",
        ],
    );
    resource(
        "{args: ['--config={\"image\": \"team/app:1\"}', '{\"jobImage\": \"nginx:1\"}']}",
        &["team/app:1 field spec.args[0]//image", "nginx:1 field spec.args[1]//jobImage"],
    );
}

#[test]
fn artifacts_travel_too() {
    resource("{module: 'registry://q.io/policies/x:v1'}", &["q.io/policies/x:v1 text spec.module"]);
    resource("{url: 'oci://q.io/wasm/filter:1.0'}", &["q.io/wasm/filter:1.0 text spec.url"]);
    resource(
        "{refs: ['rules:5', 'q.io/plugins/k8s:0.7.1']}",
        &["q.io/plugins/k8s:0.7.1 text spec.refs[1]"],
    );
    resource(
        "{env: [{name: X_JAVA_DB_REPOSITORY, value: 'm.io/db,q.io/db'}, {name: GIT_REPOSITORY, value: g.io/a/b}]}",
        &["m.io/db variable spec.env[0].value", "q.io/db variable spec.env[0].value"],
    );
}

#[test]
fn a_version_without_a_name_is_the_operators() {
    let unnamed = |text: &str| -> Vec<String> {
        let documents = read(text);
        let findings = documents.whole().iter().flat_map(|root| find(root));
        findings
            .filter_map(|finding| match finding.what {
                What::Unnamed { version, .. } => Some(format!("{version} {}", finding.origin.path)),
                _ => None,
            })
            .collect()
    };
    for (text, expected) in [
        ("apiVersion: a.b/v1\nkind: A\nspec: {version: 9.5.0}", &["9.5.0 spec.version"][..]),
        ("apiVersion: a.b/v1\nkind: A\nspec: {db: {version: v1.2}}", &["v1.2 spec.db.version"]),
        ("apiVersion: a.b/v1\nkind: A\nspec: {image: {tag: v1.2}}", &["v1.2 spec.image"]),
        ("apiVersion: a.b/v1\nkind: A\nspec: {version: 9.5.0, image: 'a:1'}", &[]),
        ("apiVersion: a.b/v1\nkind: A\nspec: {version: latest, x: {version: 7}}", &[]),
        ("apiVersion: apps/v1\nkind: A\nspec: {version: 9.5.0}", &[]),
        ("apiVersion: a.k8s.io/v1\nkind: A\nspec: {version: 9.5.0}", &[]),
    ] {
        assert_eq!(unnamed(text), expected, "{text}");
    }
}

#[test]
fn labels_and_annotations_name_no_images() {
    resource("{podAnnotations: {a.b/proxyImage: 'q.io/a:1'}, extraLabels: {x: 'q.io/b:1'}}", &[]);
    resource(
        "{nodeSelector: {image: 'q.io/a:1'}, template: {metadata: {labels: {image: 'a:1'}}}}",
        &[],
    );
}

#[test]
fn objects_in_a_list_have_their_own_names() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: a.b/v1\n  kind: A\n  metadata: {name: x}\n  \
                spec: {image: 'a/b:1'}\n- apiVersion: a.b/v1\n  kind: B\n  spec: {image: 'a/b:1'}\n";
    let found: Vec<_> = read(text).whole().iter().flat_map(|root| find(root)).collect();
    let origins: Vec<_> = found
        .iter()
        .map(|finding| format!("{} {}", finding.origin.object, finding.origin.path))
        .collect();
    assert_eq!(origins, ["A/x items[0].spec.image", "B items[1].spec.image"]);
}

/// Checks a pod with annotations.
fn annotations(annotations: &str, expected: &[&str]) {
    let text = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{annotations: {{{annotations}}}}}\n\
         spec: {{containers: [{{image: 'q.io/x:1'}}]}}\n"
    );
    let found = taken(&text);
    let (pod, sidecars) = found.split_last().expect("the pod's own image");
    assert_eq!(pod, "q.io/x:1 container spec.containers[0].image");
    assert_eq!(sidecars, expected, "{annotations}");
}

#[test]
fn a_pod_names_its_sidecars_in_annotations() {
    annotations(
        "mesh.io/proxyImage: 'q.io/proxy:1'",
        &["q.io/proxy:1 annotation metadata.annotations[\"mesh.io/proxyImage\"]"],
    );
    annotations(
        "v.io/agent-image: team/agent:2",
        &["team/agent:2 annotation metadata.annotations[\"v.io/agent-image\"]"],
    );
    annotations(
        "l.io/proxy-image: q.io/proxy, l.io/proxy-version: edge-1",
        &["q.io/proxy:edge-1 annotation metadata.annotations[\"l.io/proxy-image\"]"],
    );
    for none in [
        "checksum/image: 'abc:1'",
        "l.io/proxy-image: q.io/proxy",
        "x.io/image-pull-policy: 'q.io/a:1'",
        "note: 'q.io/a:1'",
    ] {
        annotations(none, &[]);
    }
    let elsewhere =
        "apiVersion: a.io/v1\nkind: A\nmetadata: {annotations: {b/image: 'q.io/a:1'}}\n";
    assert_eq!(taken(elsewhere), [""; 0]);
}

#[test]
fn where_builders_push_is_not_pulled() {
    resource("{build: {output: {type: docker, image: 'q.io/push:1'}}}", &[]);
    resource(
        "{strategy: {from: {kind: DockerImage, name: 'q.io/base:1'}}, output: {to: {kind: DockerImage, name: 'q.io/p:1'}}}",
        &["q.io/base:1 kind spec.strategy.from.name", "q.io/base:1 text spec.strategy.from.name"],
    );
    resource("{output: {image: 'q.io/a:1'}}", &["q.io/a:1 field spec.output.image"]);
    resource(
        "{containers: [{image: 'q.io/k:1', args: ['--destination=q.io/p:1', --cache-repo, 'q.io/c/d:1', '--x=q.io/a/b:1']}]}",
        &[
            "q.io/k:1 container spec.containers[0].image",
            "q.io/a/b:1 argument spec.containers[0].args[3]",
        ],
    );
}

#[test]
fn parts_may_have_other_names() {
    resource(
        "{image: {registry: q.io, organization: team, name: a, tag: 1}}",
        &["q.io/team/a:1 parts spec.image"],
    );
    resource(
        "{image: {registry: q.io, project: team, name: a, version: 1}}",
        &["q.io/team/a:1 parts spec.image"],
    );
    resource(
        "{image: {registry: q.io, namespace: team, repository: own/a, tag: 1}}",
        &["q.io/own/a:1 parts spec.image"],
    );
    for key in ["url", "uri", "path", "base", "fullName", "repositoryURI"] {
        resource(
            &format!("{{sidecarImage: {{{key}: q.io/team/a, tag: 1}}}}"),
            &["q.io/team/a:1 parts spec.sidecarImage"],
        );
    }
    for none in [
        "{image: {url: 'https://a.io/b.png', tag: 1}}",
        "{image: {path: /a/b, tag: 1}}",
        "{chart: {url: q.io/team/a, tag: 1}}",
        "{image: {name: q.io/team/a, version: ''}}",
    ] {
        resource(none, &[]);
    }
    resource(
        "{images: [{name: q.io/a, tag: 1}, {name: app, newName: q.io/b, newTag: 2}, {name: q.io/c, other: x}]}",
        &["q.io/b:2 kind spec.images[1]", "q.io/a:1 parts spec.images[0]"],
    );
}

#[test]
fn parameters_have_defaults() {
    resource(
        "{params: [{name: BUILDER_IMAGE, default: 'q.io/a:1'}, {name: image, type: string, default: 'x/b:1'}, \
         {name: text, default: 'x/c:1'}, {name: image, default: [a]}]}",
        &["q.io/a:1 variable spec.params[0].default", "x/b:1 variable spec.params[1].default"],
    );
}

#[test]
fn an_oci_repository_has_its_tag_beside_it() {
    let of = |spec: &str| {
        taken(&format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nspec: {spec}\n"
        ))
    };
    assert_eq!(of("{url: 'oci://q.io/a', ref: {tag: 1}}"), ["q.io/a:1 kind spec.url"]);
    assert_eq!(
        of("{url: 'oci://q.io/a', ref: {tag: 1, digest: 'sha256:aa'}}"),
        ["q.io/a@sha256:aa kind spec.url"]
    );
    assert_eq!(of("{url: 'oci://q.io/a'}"), ["q.io/a:latest kind spec.url"]);
    assert_eq!(of("{url: 'oci://q.io/a', ref: {semver: 1.x}}"), [""; 0]);
    assert_eq!(of("{url: 'https://q.io/a', ref: {tag: 1}}"), [""; 0]);
    let argo = "apiVersion: argoproj.io/v1alpha1\nkind: Application\n\
                spec: {source: {chart: a, repoURL: q.io/b, targetRevision: 1}, sources: [{chart: c}]}\n";
    let remarks = |text: &str| {
        let documents = read(text);
        let findings = documents.whole().iter().flat_map(|root| find(root));
        findings.filter(|finding| matches!(finding.what, What::Remark(_))).count()
    };
    assert_eq!((taken(argo), remarks(argo)), (Vec::new(), 2));
}

#[test]
fn sentences_for_people_hold_no_images() {
    resource(
        "{message: 'use registry.example.com/approved:1.0 only', image: 'q.io/a:1'}",
        &["q.io/a:1 field spec.image"],
    );
    resource(
        "{rules: [{longDescription: 'such as q.io/a/b:1', x: 'q.io/a/c:1'}]}",
        &["q.io/a/c:1 text spec.rules[0].x"],
    );
    resource("{summary: 'q.io/a/b:1', help: 'q.io/a/b:2', documentation: 'q.io/a/b:3'}", &[]);
    file(
        "{\"description\": \"q.io/a/b:1\", \"jobImage\": \"a/b:2\"}",
        &["a/b:2 field data.f//jobImage"],
    );
    // A mapping of this name is not a sentence.
    resource("{message: {image: 'q.io/a:1'}}", &["q.io/a:1 field spec.message.image"]);
    let found = super::of("{message: 'use q.io/a/b:1 only'}");
    assert_eq!(found, (vec![], vec!["q.io/a/b:1".to_owned()]), "a remark names it");
}

#[test]
fn a_path_that_docker_hub_cannot_have_needs_a_version() {
    resource("{image: projects/debian-cloud/global/images/debian-12}", &[]);
    resource("{disk: {image: a/b/c}, job: {image: a/b}}", &["a/b field spec.job.image"]);
    resource("{image: a/b/c, version: 1.0}", &["a/b/c:1.0 pair spec.image"]);
    resource("{image: 'a/b/c:1'}", &["a/b/c:1 field spec.image"]);
    resource(
        "{template: {spec: {containers: [{image: a/b/c}]}}}",
        &["a/b/c container spec.template.spec.containers[0].image"],
    );
}

#[test]
fn a_repository_whose_tags_flux_lists_is_not_pulled() {
    let scan = |image: &str| {
        format!(
            "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {{name: r}}\n\
             spec: {{image: {image}, interval: 1h}}\n"
        )
    };
    for image in ["ghcr.io/acme/app", "acme/app", "ghcr.io/acme/app:1"] {
        assert_eq!(taken(&scan(image)), [""; 0], "{image}");
        assert_eq!(super::document(&scan(image)).1, [image]);
    }
    let other = scan("ghcr.io/acme/app:1").replace("image.toolkit.fluxcd.io", "example.com");
    assert_eq!(taken(&other), ["ghcr.io/acme/app:1 field spec.image"]);
}

#[test]
fn tables_in_one_line_name_images_too() {
    let image = ["a/b:1 text data.f//"];
    file("x = { image = \"a/b:1\", pull = true }", &image);
    file("docker { image = \"a/b:1\" }", &image);
    file("jobs { build { runnerImage = a/b:1 } }", &image);
    file("task = { repo = \"a/b\", size = 1 }\nname { path = x/y }", &[]);
    file("x = { image = \"{{ .Image }}\" }", &[]);
}

#[test]
fn containers_in_a_text_are_read() {
    for key in ["extraContainers", "initContainers", "sidecars"] {
        resource(
            &format!("{{{key}: \"- name: x\\n  image: q.io/a:1\\n\"}}"),
            &[&format!("q.io/a:1 field spec.{key}//[0].image")],
        );
    }
    resource("{containers: '{\"image\": \"a/b:1\"}'}", &["a/b:1 field spec.containers//image"]);
    resource("{extraContainers: 'a word', steps: 3}", &[]);
}
