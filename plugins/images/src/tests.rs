//! What is an image for sure, what only looks like one, and what is none.

use longshore_plugin_sdk::list::Parsed;
use longshore_plugin_sdk::testing::{entries, remarks};

use super::{add, find};

mod cluster;
mod shapes;

/// Reads a document with `body` as its `spec`. Returns the references and the texts with a warning.
fn of(body: &str) -> (Vec<String>, Vec<String>) {
    document(&format!("apiVersion: example.com/v1\nkind: App\nspec: {body}\n"))
}

fn document(text: &str) -> (Vec<String>, Vec<String>) {
    let (mut parsed, roots) = Parsed::of_yaml(text);
    assert_eq!(parsed.diagnostics, [], "{text}");
    for root in &roots {
        add(find(root), &mut parsed);
    }
    let name =
        |entry: String| entry.split_once(' ').map_or(String::new(), |(_, name)| name.to_owned());
    let named = |remark: String| remark.split('`').nth(1).unwrap_or_default().to_owned();
    let entries = entries(&parsed).into_iter().map(name).collect();
    let remarks = remarks(&parsed).into_iter().filter(|remark| !remark.contains("gets no tag"));
    (entries, remarks.map(named).collect())
}

/// Checks bodies against their images and suspects.
fn check(cases: &[(&str, &[&str], &[&str])]) {
    for (body, images, suspects) in cases {
        let (found, warned) = of(body);
        assert_eq!(found, *images, "{body}");
        assert_eq!(warned, *suspects, "{body}");
    }
}

#[test]
fn parts_are_joined() {
    check(&[
        ("{x: {repository: team, name: reaper, tag: 1}}", &["team/reaper 1"], &[]),
        (
            "{x: {registry: r.io, repository: team, name: reaper, tag: 1}}",
            &["r.io/team/reaper 1"],
            &[],
        ),
        ("{x: {repository: quay.io, name: reaper, tag: 1}}", &["quay.io/reaper 1"], &[]),
        ("{x: {repository: quay.io/team, name: reaper, tag: 1}}", &["quay.io/team/reaper 1"], &[]),
        ("{x: {repository: 'localhost:5000', name: a/b, tag: 1}}", &["localhost:5000/a/b 1"], &[]),
        ("{x: {repository: '[::1]:5000', name: a, tag: 1}}", &["[::1]:5000/a 1"], &[]),
        ("{x: {repository: team/reaper, name: reaper, tag: 1}}", &["team/reaper 1"], &[]),
        ("{x: {repository: team/app, name: web, tag: 1}}", &["team/app 1"], &["team/app/web"]),
        ("{x: {repository: redis, name: web, tag: 1, port: 2}}", &["redis 1"], &["redis/web"]),
        ("{x: {repository: redis, name: My Cache, tag: 1, port: 2}}", &["redis 1"], &[]),
        ("{image: {name: busybox, tag: 1}}", &["busybox 1"], &[]),
        ("{jobImage: {name: team/job, digest: 'sha256:aa'}}", &["team/job @sha256:aa"], &[]),
        ("{x: {hub: docker.io/istio, image: pilot, tag: 1}}", &["docker.io/istio/pilot 1"], &[]),
        ("{x: {repo: quay.io/a/b, tag: 1}}", &["quay.io/a/b 1"], &[]),
        ("{x: {repository: a/b, tag: '1@sha256:aa'}}", &["a/b 1@sha256:aa"], &[]),
        ("{x: {repository: a/b, tag: 'sha256:aa'}}", &["a/b @sha256:aa"], &[]),
        ("{image: {name: 'q.io/a/b:1'}}", &["q.io/a/b 1"], &[]),
        ("{x: {repository: q.io/a, version: v9}}", &["q.io/a v9"], &[]),
        ("{x: {repository: q.io/a, version: v9, name: chart}}", &[], &["q.io/a"]),
        ("{x: {name: master, tag: v1, url: 'https://git'}}", &[], &[]),
        ("{x: {repository: 'https://git/a', tag: v1}}", &[], &[]),
    ]);
}

#[test]
fn a_registry_may_be_a_mapping() {
    check(&[
        ("{registry: {server: r.example}, repository: a/b, tag: 1}", &["r.example/a/b 1"], &[]),
        ("{registry: {host: 'r:5000'}, repository: a/b, tag: 1}", &["r:5000/a/b 1"], &[]),
        (
            "{registry: {server: r.io, port: 5000}, repository: a/b, tag: 1}",
            &["r.io:5000/a/b 1"],
            &[],
        ),
        ("{registry: {host: r, port: '443'}, repository: a/b, tag: 1}", &["r:443/a/b 1"], &[]),
        ("{registry: {url: 'https://r.io/x', port: 80}, name: a, tag: 1}", &["r.io:80/x/a 1"], &[]),
        (
            "{registry: {host: 'r.io:1', port: 5000}, repository: a/b, tag: 1}",
            &["r.io:1/a/b 1"],
            &[],
        ),
        ("{registry: {host: '::1', port: 5000}, repository: a, tag: 1}", &["[::1]:5000/a 1"], &[]),
        (
            "{registry: {host: '[::1]', port: 5000}, repository: a, tag: 1}",
            &["[::1]:5000/a 1"],
            &[],
        ),
        ("{registry: {host: r.io, port: x}, repository: a, tag: 1}", &["r.io/a 1"], &[]),
        ("{registry: {host: r.io, port: 0}, repository: a, tag: 1}", &["r.io/a 1"], &[]),
        ("{registry: r.io, registryPort: 5000, repository: a, tag: 1}", &["r.io:5000/a 1"], &[]),
        ("{imageRegistry: r.io, imageRegistryPort: 82, image: a, tag: 1}", &["r.io:82/a 1"], &[]),
        ("{registry: {url: 'https://r.example/'}, repository: a, tag: 1}", &["r.example/a 1"], &[]),
        ("{image: {registry: {name: r.io}, repository: a, tag: 1}}", &["r.io/a 1"], &[]),
        ("{registry: {server: r.io}, image: 'a/b:1'}", &["r.io/a/b 1"], &[]),
        ("{registry: r.io, image: 'b@sha256:aa'}", &["r.io/b @sha256:aa"], &[]),
        ("{registry: r.io, image: 'q.io/b:1'}", &["q.io/b 1"], &[]),
        ("{registry: {server: r.io}, name: a/b, tag: 1}", &["r.io/a/b 1"], &[]),
        ("{registry: {name: secret}, repository: a/b, tag: 1}", &["a/b 1"], &[]),
        ("{registry.server: r.io, repository: a/b, tag: 1}", &["r.io/a/b 1"], &[]),
        (
            "{x: {registry.host: r.io, registry.port: 5000, repository: a, tag: 1}}",
            &["r.io:5000/a 1"],
            &[],
        ),
        (
            "{image: {registry.url: 'https://r.io/x/', repository: a, digest: 'sha256:aa'}}",
            &["r.io/x/a @sha256:aa"],
            &[],
        ),
        ("{registry.server: r.io, registryPort: 82, name: a, tag: 1}", &["r.io:82/a 1"], &[]),
        ("{registry.name: secret, repository: a/b, tag: 1}", &["a/b 1"], &[]),
        ("{registry: {secret: x}, repository: a/b, tag: 1}", &["a/b 1"], &[]),
        ("{registry: '', repository: a/b, tag: 1}", &["a/b 1"], &[]),
    ]);
}

#[test]
fn names_of_fields_say_that_a_reference_is_an_image() {
    check(&[
        ("{docker_image: 'team/app:1'}", &["team/app 1"], &[]),
        ("{docker-image: 'nginx:1.27'}", &["nginx 1.27"], &[]),
        ("{dockerimage: 'a/b@sha256:aa'}", &["a/b @sha256:aa"], &[]),
        ("{workerImage: 'busybox:1'}", &["busybox 1"], &[]),
        ("{image_url: 'quay.io/a/b:1'}", &["quay.io/a/b 1"], &[]),
        ("{imageURI: 'quay.io/a/b:1'}", &["quay.io/a/b 1"], &[]),
        ("{sidecar: {container_image: 'a/b:1'}}", &["a/b 1"], &[]),
        ("{workerImage: quay.io/a/b}", &[], &["quay.io/a/b"]),
        ("{workerImage: nginx, otherImage: 'true', imageMode: fast}", &[], &["nginx"]),
        ("{imageRepository: quay.io/a/b}", &[], &["quay.io/a/b"]),
        ("{chart: 'ghcr.io/a/chart:1.0'}", &[], &["ghcr.io/a/chart:1.0"]),
        ("{image: driver}", &[], &["driver"]),
        ("{image: team/app}", &["team/app latest"], &[]),
        ("{coverImage: 'https://x.io/a:1', logoImage: a/b.png, imageTag: '1'}", &[], &[]),
        ("{address: 'db.example:5432', path: example.com/x, node: 'k8s/a:1'}", &[], &[]),
    ]);
}

#[test]
fn fields_side_by_side_are_one_image() {
    check(&[
        ("{proxyImage: quay.io/a/b, proxyTag: '1'}", &["quay.io/a/b 1"], &[]),
        ("{imageRepository: a/b, imageTag: '1'}", &["a/b 1"], &[]),
        (
            "{job_image_repo: a/b, job_image_registry: r.io, job_image_tag: '1'}",
            &["r.io/a/b 1"],
            &[],
        ),
        ("{web.repository: r.io/a, web.digest: 'sha256:aa'}", &["r.io/a @sha256:aa"], &[]),
        ("{proxyImage: quay.io/a/b, otherTag: '1'}", &[], &["quay.io/a/b"]),
    ]);
}

#[test]
fn lists_of_images_hold_references() {
    check(&[
        ("{images: ['a/b:1', 'q.io/old=q.io/new:2']}", &["a/b 1", "q.io/new 2"], &[]),
        ("{images: [{name: 'q.io/a/b:1'}]}", &["q.io/a/b 1"], &[]),
        ("{images: [{name: label, image: 'q.io/a:1'}]}", &["q.io/a 1"], &[]),
        ("{warm_images: ['a/b:1', q.io/c]}", &["a/b 1"], &["q.io/c"]),
        ("{mirrors: ['q.io/a/b:1', 'a:1']}", &[], &["q.io/a/b:1"]),
    ]);
}

#[test]
fn docker_images_of_openshift_are_images() {
    check(&[
        ("{from: {kind: DockerImage, name: q.io/a/b}}", &["q.io/a/b latest"], &[]),
        ("{tags: [{from: {kind: DockerImage, name: 'a:1'}}]}", &["a 1"], &[]),
        ("{strategy: {from: {name: 'q.io/c:1', kind: DockerImage}}}", &["q.io/c 1"], &[]),
        (
            "{output: {to: {kind: DockerImage, name: 'q.io/d@sha256:aa'}}}",
            &["q.io/d @sha256:aa"],
            &[],
        ),
        ("{from: {kind: ImageStreamTag, name: 'app:1'}}", &[], &[]),
        ("{dockerImageRepository: q.io/a/b}", &[], &["q.io/a/b"]),
    ]);
}

#[test]
fn kustomize_sets_images() {
    let of = |images: &str| {
        document(&format!(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nimages: [{images}]\n"
        ))
    };
    for (images, expected, suspects) in [
        ("{name: q.io/a, newTag: '2'}", &["q.io/a 2"][..], &[""][..]),
        ("{name: a, newName: q.io/b, newTag: '2'}", &["q.io/b 2"], &[""]),
        ("{name: a, newName: q.io/b, digest: 'sha256:aa'}", &["q.io/b @sha256:aa"], &[""]),
        ("{name: q.io/a, digest: 'sha256:aa'}", &["q.io/a @sha256:aa"], &[""]),
        ("{name: a, newName: 'q.io/b:3'}", &["q.io/b 3"], &[""]),
        ("{name: nginx, newTag: '2'}", &["nginx 2"], &["", "nginx:2"]),
        ("{name: a, newName: q.io/b}", &[], &["", "q.io/b"]),
        ("{name: q.io/a, tagSuffix: -x}", &[], &["", "q.io/a"]),
        ("", &[], &[""]),
    ] {
        let (found, warned) = of(images);
        assert_eq!(found, expected, "{images}");
        // The first remark says that kustomize is not run.
        assert_eq!(warned, suspects, "{images}");
    }
}

#[test]
fn transformers_of_kustomize_set_images() {
    let of = |set: &str| {
        let head = "apiVersion: builtin\nkind: ImageTagTransformer\nmetadata: {name: a}\n";
        document(&format!("{head}imageTag: {{{set}}}\n"))
    };
    for (set, expected, suspects) in [
        ("name: q.io/a, newTag: '2'", &["q.io/a 2"][..], &[][..]),
        ("name: a, newName: q.io/b, digest: 'sha256:aa'", &["q.io/b @sha256:aa"], &[]),
        ("name: q.io/a, digest: 'sha256:aa'", &["q.io/a @sha256:aa"], &[]),
        ("name: nginx, newTag: '2'", &["nginx 2"], &["nginx:2"]),
        ("name: a, newName: q.io/b", &[], &["q.io/b"]),
    ] {
        let (found, warned) = of(set);
        assert_eq!(
            (found, warned),
            (
                expected.iter().map(|&text| text.to_owned()).collect(),
                suspects.iter().map(|&text| text.to_owned()).collect()
            ),
            "{set}"
        );
    }
    let old = "kind: Kustomization\nimageTags: [{name: q.io/a, newTag: '2'}]\n";
    assert_eq!(document(old).0, ["q.io/a 2"]);
}

#[test]
fn dependencies_of_crossplane_are_named() {
    for (item, suspect) in [
        ("{provider: xpkg.upbound.io/a/b, version: '>=v1'}", &["xpkg.upbound.io/a/b"][..]),
        ("{configuration: q.io/a/b, version: v2}", &["q.io/a/b"]),
        ("{function: a/b}", &["a/b"]),
        ("{apiVersion: x/v1, kind: Function, package: q.io/f, version: '*'}", &["q.io/f"]),
        ("{version: v1}", &[]),
    ] {
        let head = "apiVersion: meta.pkg.crossplane.io/v1\nkind: Configuration\n";
        let (found, warned) = document(&format!("{head}spec: {{dependsOn: [{item}]}}\n"));
        assert_eq!(found, [""; 0], "{item}");
        assert_eq!(warned, suspect, "{item}");
    }
}

#[test]
fn packages_of_crossplane_are_images() {
    let of = |kind: &str, package: &str| {
        document(&format!(
            "apiVersion: pkg.crossplane.io/v1\nkind: {kind}\nspec: {{package: '{package}'}}\n"
        ))
    };
    for kind in ["Provider", "Configuration", "Function"] {
        let (found, warned) = of(kind, "xpkg.upbound.io/a/b:v1");
        assert_eq!((found, warned.len()), (vec!["xpkg.upbound.io/a/b v1".to_owned()], 0));
        let (found, warned) = of(kind, "a/b:v1");
        assert_eq!((found.len(), warned), (0, vec!["a/b:v1".to_owned()]));
    }
    check(&[("{package: 'xpkg.upbound.io/a/b:v1'}", &[], &["xpkg.upbound.io/a/b:v1"])]);
}

#[test]
fn arguments_name_images() {
    check(&[
        ("{args: ['--job-image=a/b:1']}", &["a/b 1"], &[]),
        ("{args: [--job-image, 'a/b:1']}", &["a/b 1"], &[]),
        ("{command: [/bin/x, '-image=busybox:1', '--v=2']}", &["busybox 1"], &[]),
        ("{args: ['--reloader=q.io/a/b:1']}", &["q.io/a/b 1"], &[]),
        ("{args: ['q.io/a/b@sha256:aa']}", &["q.io/a/b @sha256:aa"], &[]),
        ("{args: ['--images=a=q.io/a:1,b=q.io/b:2']}", &["q.io/a 1", "q.io/b 2"], &[]),
        ("{args: ['--x-image-repository=q.io/a', '--x-image-tag=1']}", &["q.io/a 1"], &[]),
        ("{args: ['--x-image=q.io/a']}", &[], &["q.io/a"]),
        ("{args: ['--x=team/app:v1']}", &[], &["team/app:v1"]),
        ("{command: [sh, -c, 'docker pull q.io/a/b:1 && run']}", &[], &["q.io/a/b:1"]),
        ("{command: 'run q.io/a/b:1'}", &[], &["q.io/a/b:1"]),
        ("{args: ['--listen=host:80', '--class=k8s.io/nginx', '--image=$(IMAGE)']}", &[], &[]),
        ("{args: ['--listen=tcp/h:80', '--url=http://a.io/b:1', '-v', '5']}", &[], &[]),
    ]);
}

#[test]
fn variables_name_images() {
    let cases = [
        ("RELATED_IMAGE_A", "a/b:1", &["a/b 1"][..], &[][..]),
        ("WORKER_IMAGE", "a/b:1", &["a/b 1"], &[]),
        ("IMAGE_OF_JOB", "busybox:1", &["busybox 1"], &[]),
        ("workerImage", "q.io/a@sha256:aa", &["q.io/a @sha256:aa"], &[]),
        ("OTHER", "q.io/a/b:1", &["q.io/a/b 1"], &[]),
        ("OTHER", "4.2=q.io/a:1\n4.3=q.io/a:2\n", &["q.io/a 1", "q.io/a 2"], &[]),
        ("OTHER", "4.2=q.io/a:1\nand=other\n", &[], &["q.io/a:1"]),
        ("WORKER_IMAGE", "q.io/a/b", &[], &["q.io/a/b"]),
        ("OTHER", "team/app:v1", &[], &["team/app:v1"]),
        ("JOB_IMAGE", "nginx", &[], &["nginx"]),
        ("BUILD_IMAGE", "true", &[], &[]),
        ("DB", "redis:6379", &[], &[]),
        ("IMAGE_PULL_POLICY", "Always", &[], &[]),
        ("URL", "https://q.io/a:1", &[], &[]),
    ];
    for (name, value, images, suspects) in cases {
        let (found, warned) = of(&format!("{{env: [{{name: {name}, value: {value:?}}}]}}"));
        assert_eq!(found, images, "{name}={value}");
        assert_eq!(warned, suspects, "{name}={value}");
    }
    check(&[(
        "{env: [{name: X_IMAGE_REPOSITORY, value: q.io/a}, {name: X_VERSION, value: v1}]}",
        &["q.io/a v1"],
        &[],
    )]);
    check(&[("{env: {JOB_IMAGE: 'a/b:1'}}", &["a/b 1"], &[])]);
}

#[test]
fn texts_are_read_for_images() {
    let of = |data: &str| document(&format!("apiVersion: v1\nkind: ConfigMap\ndata:\n  {data}\n"));
    for (data, images, suspects) in [
        ("image: q.io/a:1", &["q.io/a 1"][..], &[][..]),
        ("image: a/b:1", &[], &["a/b:1"]),
        ("trivy.repository: q.io/a\n  trivy.tag: '1'", &["q.io/a 1"], &[]),
        ("f: |\n    job: {image: 'q.io/a:1'}", &["q.io/a 1"], &[]),
        ("f: |\n    {\"repository\": \"q.io/a\", \"tag\": \"1\"}", &["q.io/a 1"], &[]),
        ("f: |\n    containers:\n    - image: bare", &[], &["bare"]),
        ("f: |\n    pull q.io/a:1, or q.io/b:1.\n", &[], &["q.io/a:1", "q.io/b:1"]),
        ("f: 'pull q.io/a:1'", &[], &["q.io/a:1"]),
        ("f: see k8s.io/docs and a:1", &[], &[]),
    ] {
        let (found, warned) = of(data);
        assert_eq!(found, images, "{data}");
        assert_eq!(warned, suspects, "{data}");
    }
    let schema = "apiVersion: x/v1\nkind: CustomResourceDefinition\nspec: {image: 'q.io/a:1'}\n";
    assert_eq!(document(schema), (vec![], vec![]));
}

#[test]
fn files_with_one_line_are_documents() {
    // `image: q.io/a:1` in base64.
    let encoded = "aW1hZ2U6IHEuaW8vYTox";
    for (kind, data, images, suspects) in [
        ("Secret", format!("data: {{cfg.yaml: {encoded}}}"), &["q.io/a 1"][..], &[][..]),
        ("Secret", "stringData: {cfg.yml: 'image: q.io/a:1'}".to_owned(), &["q.io/a 1"], &[]),
        ("ConfigMap", "data: {cfg.YAML: 'image: a/b:1'}".to_owned(), &["a/b 1"], &[]),
        ("ConfigMap", format!("binaryData: {{x.json: {encoded}}}"), &["q.io/a 1"], &[]),
        ("ConfigMap", "data: {x.yaml: 'see: q.io/a/b:1'}".to_owned(), &[], &["q.io/a/b:1"]),
        ("ConfigMap", "data: {x.txt: 'image: q.io/a:1'}".to_owned(), &[], &["q.io/a:1"]),
    ] {
        let (found, warned) = document(&format!("apiVersion: v1\nkind: {kind}\n{data}\n"));
        assert_eq!(found, images, "{data}");
        assert_eq!(warned, suspects, "{data}");
    }
}

#[test]
fn lists_of_images_in_texts_are_named() {
    let of = |data: &str| document(&format!("apiVersion: v1\nkind: ConfigMap\ndata:\n  {data}\n"));
    for (data, suspects) in [
        (
            "images.txt: |\n    nginx:1.25\n    # redis:6\n    redis:7\n",
            &["nginx:1.25", "redis:7"][..],
        ),
        ("rancher-images: |\n    - a/b:1\n    - \"c/d:2\",\n", &["a/b:1", "c/d:2"]),
        ("IMAGE_LIST: |\n    docker pull nginx:1\n    q.io/a/b:1\n", &["nginx:1", "q.io/a/b:1"]),
        ("hosts.txt: |\n    nginx:1.25\n    db:5432\n", &[]),
        ("images.md: |\n    see port:80 of them\n    nginx\n", &[]),
    ] {
        assert_eq!(
            of(data),
            (vec![], suspects.iter().map(|&name| name.to_owned()).collect()),
            "{data}"
        );
    }
}

#[test]
fn defaults_of_schemas_only_look_like_images() {
    let of = |schema: &str| {
        let head = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n";
        document(&format!(
            "{head}spec: {{versions: [{{schema: {{openAPIV3Schema: {schema}}}}}]}}\n"
        ))
    };
    for (schema, suspects) in [
        ("{properties: {image: {type: string, default: 'q.io/a/b:1'}}}", &["q.io/a/b:1"][..]),
        ("{properties: {image: {default: 'a/b:1'}, other: {default: 'c/d:1'}}}", &["a/b:1"]),
        ("{properties: {jobImage: {type: string, default: 'nginx:1'}}}", &["nginx:1"]),
        (
            "{properties: {x: {default: {image: 'q.io/a/b:1', port: 80}}, y: {items: {properties: {z: {default: ['q.io/c/d:1']}}}}}}",
            &["q.io/a/b:1", "q.io/c/d:1"],
        ),
        ("{properties: {image: {description: 'as q.io/a/b:1', example: 'q.io/a/b:1'}}}", &[]),
        ("{properties: {host: {default: 'db:5432'}, image: {default: ''}}}", &[]),
    ] {
        assert_eq!(
            of(schema),
            (vec![], suspects.iter().map(|&name| name.to_owned()).collect()),
            "{schema}"
        );
    }
}

#[test]
fn annotations_only_look_like_images() {
    let of = |annotation: &str| document(&format!("metadata: {{annotations: {{{annotation}}}}}\n"));
    assert_eq!(of("containerImage: 'a/b:1'").1, ["a/b:1"]);
    assert_eq!(of("x.io/proxyImage: 'q.io/a/b:1'").1, ["q.io/a/b:1"]);
    assert_eq!(of("examples: '[{\"image\": \"q.io/a/b:1\"}]'").1, ["q.io/a/b:1"]);
    assert_eq!(of("kubectl.kubernetes.io/last-applied-configuration: 'q.io/a/b:1'").1, [""; 0]);
    assert_eq!(of("x: 'nginx:1'").1, [""; 0]);
}

#[test]
fn a_suspect_is_named_once_and_not_at_all_if_it_is_taken() {
    check(&[
        ("{a: 'q.io/a:1', b: 'q.io/a:1'}", &[], &["q.io/a:1"]),
        ("{a: 'q.io/a:1', image: 'q.io/a:1'}", &["q.io/a 1"], &[]),
    ]);
}

#[test]
fn many_settings_take_time_in_proportion() {
    let fields: String = (0..20_000).map(|number| format!("x{number}Image: a/b, ")).collect();
    assert_eq!(of(&format!("{{{fields}}}")).0.len(), 0);
}
