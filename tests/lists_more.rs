//! End-to-end tests of manifests, Compose files, bills of materials and files of other tools as
//! lists.

use longshore_content::{Content, Image};

use crate::support::{Longshore, Pair, Run};

/// The examples with their formats, and the lines of `team/app`, `team/web` and `team/data`.
const EXAMPLES: [(&str, &str, &str, [u64; 3]); 7] = [
    (
        "kubernetes.yaml",
        "kubernetes",
        include_str!("../examples/lists/kubernetes.yaml"),
        [12, 17, 9],
    ),
    ("compose.yaml", "compose", include_str!("../examples/lists/compose.yaml"), [4, 6, 9]),
    ("hauler.yaml", "hauler", include_str!("../examples/lists/hauler.yaml"), [9, 10, 12]),
    ("oc-mirror.yaml", "oc-mirror", include_str!("../examples/lists/oc-mirror.yaml"), [8, 9, 10]),
    ("bom.cdx.json", "cyclonedx", include_str!("../examples/lists/bom.cdx.json"), [8, 13, 14]),
    ("app.spdx.json", "spdx", include_str!("../examples/lists/app.spdx.json"), [9, 15, 21]),
    ("app.Dockerfile", "dockerfile", include_str!("../examples/lists/app.Dockerfile"), [5, 6, 9]),
];

/// The images that all of them name.
const IMAGES: [(&str, &str, u64); 3] =
    [("team/app", "1.0", 1), ("team/web", "2.1", 2), ("team/data", "3", 3)];

fn image(seed: u64) -> Content {
    Image::new("linux/amd64").layer(seed, 1000).build()
}

/// Creates registries with all images at the source.
fn pair() -> Pair {
    let pair = Pair::embedded();
    for (repository, tag, seed) in IMAGES {
        pair.source.push(repository, tag, &image(seed));
    }
    pair
}

/// Prepares a run with the text in a file of that name.
fn mirror(pair: &Pair, name: &str, text: &str) -> Longshore {
    let run = Longshore::new().mirror().file(name, text).args(["-f", name]);
    run.source(pair.source.address()).destination(pair.destination.address())
}

/// Returns line, source, destination and outcome of each entry.
fn entries(run: &Run) -> Vec<(u64, String, String, String)> {
    let document = run.json();
    let entries = document["entries"].as_array().expect("a list of entries");
    let text = |entry: &serde_json::Value, key: &str| entry[key].as_str().unwrap_or("").to_owned();
    let entry = |entry: &serde_json::Value| {
        let line = entry["line"].as_u64().unwrap_or(0);
        (line, text(entry, "source"), text(entry, "destination"), text(entry, "status"))
    };
    entries.iter().map(entry).collect()
}

#[test]
fn every_format_is_known_and_read_with_its_lines() {
    let pair = pair();
    let (source, destination) = (pair.source.address(), pair.destination.address());
    for (name, format, text, lines) in EXAMPLES {
        let run = mirror(&pair, name, text).args(["--dry-run", "--output", "json"]);
        let run = run.run().exits(0);
        let mut expected: Vec<_> = IMAGES
            .iter()
            .zip(lines)
            .map(|((repository, tag, _), line)| {
                let place = |host: &str| format!("{host}/{repository}:{tag}");
                (line, place(source), place(destination), "dry-run".to_owned())
            })
            .collect();
        let mut found = entries(&run);
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{name}\n{}", run.stderr);
        run.complains(&format!("{name} is read as {format}"));
    }
}

#[test]
fn unsupported_parts_get_a_warning_with_their_line() {
    let pair = pair();
    for (name, remark) in [
        ("compose.yaml", "compose.yaml:4:12: the variable `APP_VERSION` is not set: its default"),
        ("compose.yaml", "compose.yaml:7:5: service `web` is mirrored whichever profiles"),
        ("hauler.yaml", "hauler.yaml:14:1: kind Charts is not mirrored (1 item)"),
        ("oc-mirror.yaml", "oc-mirror.yaml:5:3: `platform` is ignored: its content"),
    ] {
        let example = EXAMPLES.iter().find(|(example, ..)| *example == name);
        let (.., text, _) = example.expect("an example");
        mirror(&pair, name, text).arg("--dry-run").run().exits(0).complains(remark);
    }
}

#[test]
fn compose_variables_come_from_an_env_file() {
    let pair = pair();
    let (name, _, text, _) = EXAMPLES[1];
    let text = text.replace(":-1.0}", "}");
    mirror(&pair, name, &text)
        .run()
        .exits(1)
        .complains("compose.yaml:4:12: the variable `APP_VERSION` is not set and has no default; ")
        .complains("--plugin-config compose.variables=@FILE sets it");
    mirror(&pair, name, &text)
        .file(".env", "APP_VERSION='1.0' # the release\n")
        .args(["--plugin-config", "compose.variables=@.env"])
        .run()
        .exits(0)
        .sums_up("1 copied, 2 skipped, 0 failed");
}

#[test]
fn the_images_of_manifests_are_copied() {
    let pair = pair();
    let (name, _, text, _) = EXAMPLES[0];
    mirror(&pair, name, text).run().exits(0).sums_up("3 copied, 0 skipped, 0 failed");
    for (repository, tag, seed) in IMAGES {
        pair.assert_arrived(repository, tag, &image(seed));
    }
}

#[test]
fn what_only_looks_like_an_image_gets_a_warning() {
    let pair = pair();
    let text = "apiVersion: v1\nkind: Pod\nmetadata:\n  annotations:\n    text: \"one\n    two\"\n\
                spec:\n  containers:\n  - image: team/app:1.0\n\
                \x20   args: [--job-image=team/web:2.1, --other=team/data:v3]\n";
    let run = mirror(&pair, "pod.yaml", text).run().exits(0);
    let run = run.sums_up("2 copied, 0 skipped, 0 failed");
    run.complains("pod.yaml:10:38: `team/data:v3` may be an image, but `--other` of `args` may");
    pair.assert_arrived("team/app", "1.0", &image(1));
    pair.assert_arrived("team/web", "2.1", &image(2));
}

#[test]
fn an_empty_platform_is_not_written() {
    let text = "services:\n  a:\n    image: team/app:1.0\n    platform: ${P:-}\n";
    let run = Longshore::new().file("compose.yaml", text);
    let run = run.args(["convert-list", "-i", "compose.yaml", "-o", "-"]).run().exits(0);
    assert_eq!(run.stdout, "# longshore: platforms=all\nteam/app team/app 1.0\n");
}

#[test]
fn what_people_paste_and_join_is_read() {
    for (format, text, expected) in [
        ("default", "team/app:1.0\n\u{feff}team/web:2.1\n", "team/app 1.0, team/web 2.1"),
        (
            "default",
            "  image: team/app:1.0\n- image: 'team/web:2.1'\n",
            "team/app 1.0, team/web 2.1",
        ),
        ("mirror", "team/app a 1.0\n\u{feff}team/web b 2.1\n", "team/app 1.0, team/web 2.1"),
        (
            "kubernetes",
            "apiVersion: v1\nkind: Pod\nspec: {image: 'team/app:1.0'}\n---\n\u{feff}apiVersion: v1\n\
             kind: Pod\nspec: {\n\t\"image\": \"team/web:2.1\"\n}\n",
            "team/app 1.0, team/web 2.1",
        ),
        (
            "kubernetes",
            "resources: [a.yaml]\nimages:\n- {name: team/app, newTag: '1.0'}\n",
            "team/app 1.0",
        ),
        (
            "compose",
            "services: {a: {image: 'team/app:1.0'}}\n---\nservices: {b: {image: 'team/web:2.1'}}\n",
            "team/app 1.0, team/web 2.1",
        ),
        (
            "cyclonedx",
            "{\"bomFormat\": \"CycloneDX\", \"components\": [{\"purl\": \"PKG:Docker/team/app@1.0\"}]}",
            "docker.io/team/app 1.0",
        ),
    ] {
        let run =
            Longshore::new().file("list", text).args(["convert-list", "-i", "list", "-o", "-"]);
        let run = run.run().exits(0).complains(&format!("list is read as {format}"));
        let lines = run.stdout.lines().filter(|line| !line.starts_with('#'));
        let found: Vec<String> = lines
            .map(|line| {
                let columns: Vec<&str> = line.split(' ').collect();
                format!("{} {}", columns[0], columns[2])
            })
            .collect();
        assert_eq!(found.join(", "), expected, "{text}");
    }
}

#[test]
fn malformed_parts_fail_and_the_rest_is_copied() {
    let pair = pair();
    let text = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n\
                \x20 - image: team/app:1.0\n  - image: '{{ .Values.image }}'\n\
                ---\nkind: Pod\napiVersion: v1\nspec: [\n\
                ---\nkind: Pod\napiVersion: v1\nspec: {image: team/web:2.1}\n";
    let run = mirror(&pair, "pods.yaml", text).run().exits(1);
    let run = run.sums_up("2 copied, 0 skipped, 2 failed");
    let run = run.complains("pods.yaml:6:12: `{{ .Values.image }}` is not an image reference");
    run.complains("pods.yaml:10:7: this is not valid YAML or JSON: ");
    pair.assert_arrived("team/app", "1.0", &image(1));
    pair.assert_arrived("team/web", "2.1", &image(2));
}

#[test]
fn the_failed_list_of_manifests_is_a_mirror_list() {
    let pair = pair();
    let text = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: team/late:1\n";
    let run = mirror(&pair, "pod.yaml", text).run().exits(1);
    let failed = run.file("mirror-failed.txt").expect("a failed list");
    assert!(failed.contains("--list-format=mirror"), "{failed}");
    pair.source.push("team/late", "1", &image(4));
    run.repeated("mirror-failed.txt").exits(0);
    pair.assert_arrived("team/late", "1", &image(4));
}

#[test]
fn a_format_whose_words_come_late_is_recognised() {
    let long = "x".repeat(100_000);
    let pod = format!(
        r#"{{"apiVersion":"v1","metadata":{{"annotations":{{"a":"{long}"}}}},"kind":"Pod",
        "spec":{{"containers":[{{"name":"c","image":"team/app:1"}}]}}}}"#
    )
    .replace('\n', "");
    let quoted = format!(
        "apiVersion: v1\nmetadata: {{annotations: {{a: '{long}'}}}}\nkind: Pod\nspec:\n  \
         containers: [{{name: c, image: 'team/app:1'}}]\n"
    );
    let compose = format!("x-shared: '{long}'\nservices:\n  a: {{image: 'team/app:1'}}\n");
    let items: String =
        (0..4000).map(|number| format!("- {{registry: r{number}.test}}\n")).collect();
    let regsync = format!(
        "version: 1\ncreds:\n{items}sync:\n- {{source: 'team/app:1', target: 'r.test/app:1', type: \
         image}}\n"
    );
    let sbom = format!(
        r#"{{"packages":[{{"name":"n","comment":"{long}","externalRefs":[{{"referenceType":"purl",
        "referenceLocator":"pkg:docker/team/app@1"}}]}}],"spdxVersion":"SPDX-2.3"}}"#
    );
    for (format, list) in [
        ("kubernetes", pod),
        ("kubernetes", quoted),
        ("compose", compose),
        ("regsync", regsync),
        ("spdx", sbom),
    ] {
        let run = Longshore::new().args(["convert-list", "-i", "list", "-o", "-"]);
        let run = run.file("list", &list).run().exits(0);
        let run = run.complains(&format!("list is read as {format}"));
        assert!(run.stdout.contains("team/app"), "{format}: {}", run.stdout);
    }
}

/// What longshore derives is what the clusters pull.
#[test]
fn images_that_follow_from_a_version_are_copied() {
    let kubeadm = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nimageRepository: a.example/k8s\n\
                   kubernetesVersion: v1.31.2\ndns: {imageRepository: a.example/dns, imageTag: v1.11.1}\n";
    let plan = "apiVersion: upgrade.cattle.io/v1\nkind: Plan\nspec:\n  version: v1.30.2+k3s1\n  upgrade: {image: \
                a.example/k3s-upgrade}\n";
    let disk = "apiVersion: cdi.kubevirt.io/v1beta1\nkind: DataVolume\nspec: {source: {registry: {url: \
                'docker://a.example/disks/fedora:40'}}}\n";
    let task = "apiVersion: tekton.dev/v1\nkind: Task\nspec: {steps: [{image: $(params.image)}, {image: \
                'a.example/step:1'}]}\n";
    let pair = Pair::embedded();
    let app = image(1);
    let copied = [
        ("k8s/kube-apiserver", "v1.31.2"),
        ("k8s/kube-controller-manager", "v1.31.2"),
        ("k8s/kube-scheduler", "v1.31.2"),
        ("k8s/kube-proxy", "v1.31.2"),
        ("dns/coredns", "v1.11.1"),
        ("k3s-upgrade", "v1.30.2-k3s1"),
        ("disks/fedora", "40"),
        ("step", "1"),
    ];
    for (repository, tag) in copied {
        pair.source.push(repository, tag, &app);
    }
    let text = [kubeadm, plan, disk, task].join("---\n");
    let run = mirror(&pair, "all.yaml", &text).args(["--default-project", ""]).run().exits(0);
    let run = run.complains("a.example/k8s/etcd, a.example/k8s/pause itself");
    let run = run.complains("`$(params.image)` is known only when it runs");
    run.sums_up("8 copied, 0 skipped, 0 failed");
}

#[test]
fn the_id_of_an_image_is_named_as_such() {
    let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for id in [hex.to_owned(), format!("sha256:{hex}")] {
        let compose =
            format!("services:\n  a: {{image: \"{id}\"}}\n  b: {{image: 'team/app:1.0'}}\n");
        let pod = format!(
            "apiVersion: v1\nkind: Pod\nspec: {{containers: [{{image: '{id}'}}, {{image: 'team/app:1.0'}}]}}\n"
        );
        let lines = format!("{id}\nteam/app:1.0\nteam/web:2.1\nteam/data:3\n");
        for (name, text, more) in
            [("compose.yaml", compose, 1), ("pod.yaml", pod, 1), ("images.txt", lines, 3)]
        {
            let run = mirror(&pair(), name, &text).run().exits(1);
            let run = run.complains(&format!("`{id}` is an image ID, which no registry knows"));
            run.sums_up(&format!("{more} copied, 0 skipped, 1 failed"));
        }
        let copy = Longshore::new().args(["copy", &id, "127.0.0.1:9/a"]).run().exits(2);
        copy.complains("is an image ID").complains("hint: name the image by its tag");
    }
}

#[test]
fn a_bill_of_materials_may_be_wrapped() {
    let spdx = r#"{"spdxVersion": "SPDX-2.3", "packages": [{"name": "app", "externalRefs": [{"referenceCategory":
        "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator":
        "pkg:docker/team/app@1.0?repository_url=a.example"}]}]}"#;
    let cyclonedx = r#"{"bomFormat": "CycloneDX", "components": [{"type": "container", "purl":
        "pkg:docker/team/app@1.0?repository_url=a.example"}]}"#;
    for (text, format) in [
        (format!("{{\"sbom\": {spdx}}}"), "spdx"),
        (
            format!("{{\"predicateType\": \"https://spdx.dev/Document\", \"predicate\": {spdx}}}"),
            "spdx",
        ),
        (format!("{{\"predicate\": {cyclonedx}}}"), "cyclonedx"),
    ] {
        let run = mirror(&pair(), "sbom.json", &text).run().exits(0);
        run.complains(&format!("is read as {format}")).sums_up("1 copied, 0 skipped, 0 failed");
    }
}
