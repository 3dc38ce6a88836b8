//! The configuration file.

use std::path::Path;

use super::parse::{TARGET, TOP, UPSTREAM};
use super::{Config, Origin, SCHEMA, VersionWish};

const HEAD: &str = "target:\n  url: r.example/ns\nupstreams:\n";

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(Path::new("conf/mirror.yaml"), text).map_err(|error| error.to_string())
}

/// The faults of a file whose upstream `a` has these lines.
fn wrong(lines: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    parse(&format!("{HEAD}  a:\n{lines}")).unwrap_err()
}

#[test]
fn the_documents_example_is_read() {
    let text = "\
target:
  url: registry.example.com/ns
  insecure: false
  charts-prefix: charts

upstreams:
  vault:
    type: repo
    repo: https://helm.releases.hashicorp.com
    chart: vault
    versions:
      - \"0.28.0\"
      - \"0.29.0\"

  keycloak:
    type: oci
    registry: oci://registry-1.docker.io/bitnamicharts
    chart: keycloak
    versions:
      - \"24.0.1\"

  demo-app:
    type: local
    path: ./charts/demo-app
    chart: demo-app
    versions:
      - \"1.0.0\"
";
    let config = parse(text).unwrap();
    let target = &config.target;
    assert_eq!(target.registry.as_str(), "registry.example.com");
    assert_eq!(target.path.as_ref().unwrap().as_str(), "ns");
    assert_eq!(target.charts_prefix.as_ref().unwrap().as_str(), "charts");
    assert!(!target.insecure);
    let keys: Vec<_> = config.upstreams.iter().map(|upstream| upstream.key.as_str()).collect();
    assert_eq!(keys, ["vault", "keycloak", "demo-app"], "in the order of the file");
    let [vault, keycloak, demo] = &*config.upstreams else { panic!("three upstreams") };
    assert_eq!(vault.versions.len(), 2);
    assert_eq!(vault.images.values, [Vec::new()], "one rendering with the chart's own values");
    assert_eq!(vault.images.namespace, "default");
    let Origin::Oci { registry, path } = &keycloak.origin else { panic!("it is oci") };
    assert_eq!(
        (registry.as_str(), path.as_ref().unwrap().as_str()),
        ("docker.io", "bitnamicharts")
    );
    assert_eq!(demo.origin, Origin::Local("conf/./charts/demo-app".into()));
}

#[test]
fn further_keys_are_read() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.yaml", "b.yaml"] {
        std::fs::write(folder.path().join(name), "x: 1\n").unwrap();
    }
    let text = format!(
        "{HEAD}  a:\n    type: local\n    path: /x\n    chart: a\n    versions: [0.28, ^1, latest:2]\n    \
         values: [a.yaml, [a.yaml, b.yaml], []]\n    kube-version: 1.31\n    api-versions: [x/v1]\n    \
         namespace: n\n    release: r\n    skip-tests: true\n    images: [redis:7, quay.io/a/b]\n    \
         ignore: ['*/busybox:*', 'docker.io/library/r?dis:7']\n    allow-empty: true\n"
    );
    let config = Config::parse(&folder.path().join("m.yaml"), &text).unwrap();
    let upstream = &config.upstreams[0];
    assert_eq!(upstream.versions[0], VersionWish::Exact("0.28".to_owned()), "as it is written");
    assert_eq!(upstream.versions[2], VersionWish::Latest(2));
    let images = &upstream.images;
    let layers: Vec<usize> = images.values.iter().map(Vec::len).collect();
    assert_eq!(layers, [1, 2, 0]);
    assert_eq!(images.kube_version.as_deref(), Some("1.31"));
    assert_eq!((images.release.as_deref(), images.namespace.as_str()), (Some("r"), "n"));
    let added: Vec<_> = images.add.iter().map(|added| added.image.to_string()).collect();
    assert_eq!(added, ["docker.io/library/redis:7", "quay.io/a/b:latest"]);
    assert!(images.skip_tests && images.allow_empty);
    let ignores = |reference: &str| images.ignore.iter().any(|pattern| pattern.matches(reference));
    assert!(ignores("docker.io/library/busybox:1") && ignores("docker.io/library/redis:7"));
    assert!(!ignores("docker.io/library/redis:71") && !ignores("docker.io/x/mybusybox:1"));
}

#[test]
fn unknown_keys_are_errors_with_their_place() {
    assert!(
        wrong("type: repo\nrepos: x\nrepo: https://x.example\nchart: a")
            .starts_with("read the configuration conf/mirror.yaml:6:5: unknown key \"repos\"")
    );
    let found = parse("target:\n  url: r.example\n  insecur: true\nupstreams: {}\nx: 1\n");
    let found = found.unwrap_err();
    assert!(found.contains(":3:3: unknown key \"insecur\"; the keys are url, insecure"), "{found}");
    assert!(found.contains("; conf/mirror.yaml:5:1: unknown key \"x\""), "all are named: {found}");
}

#[test]
fn faults_of_the_text_have_their_place() {
    for (text, place) in [
        ("", "the file is empty"),
        ("# only a comment\n", "the file is empty"),
        ("- target\n", ":1:1: the configuration must be a mapping, found a list"),
        ("target: x\nupstreams: {}\n", ":1:9: target must be a mapping"),
        ("target:\n\turl: r.example\n", ":2:"),
        ("target:\n  url: r.example\n  url: s.example\nupstreams: {}\n", ":3:3: "),
        ("target:\n  url: r.example\nupstreams:\n  a: {}\n  a: {}\n", ":5:3: "),
        ("target:\n  url: r.example\n", "the key `upstreams` is missing"),
        ("target: {url: [\n", ":"),
        (
            "target:\n  url: r.example\nupstreams: {}\n---\na: b\n",
            ":5:1: there must be one document",
        ),
        ("target:\n  url: r.example\nupstreams:\n- a\n", ":4:3: upstreams must be a mapping"),
        (
            "target:\n  url: r.example\nupstreams:\n  a: b\n",
            ":4:6: upstream \"a\" must be a mapping",
        ),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(place), "{text:?}: {error}");
    }
}

#[test]
fn faults_of_the_target_say_what_to_write() {
    for (url, why) in [
        ("https://r.example/ns", "write url: r.example/ns"),
        ("http://r.example", "and insecure: true"),
        ("oci://r.example/x", "write url: r.example/x"),
        ("ns/app", "is not a registry"),
        ("oci:./cdir", "longshore serve ./cdir --listen 127.0.0.1:5000"),
        ("oci:/mnt/usb", "is a folder of image layouts"),
        ("oci:reg.io:5000", "is a folder of image layouts"),
        ("r.example/NS", "upper-case"),
        ("''", "`url` is missing or empty"),
        ("[a]", "`url` must be a string"),
    ] {
        let error = parse(&format!("target:\n  url: {url}\nupstreams: {{}}\n")).unwrap_err();
        assert!(error.contains(why), "{url}: {error}");
    }
    let config = parse("target:\n  url: r.example:5000/\n  charts-prefix: ''\nupstreams: {}\n");
    let target = config.unwrap().target;
    assert_eq!((target.path, target.charts_prefix), (None, None));
    let error = parse("target: {url: r.example, insecure: yes please}\nupstreams: {}\n");
    assert!(error.unwrap_err().contains("`insecure` must be true or false"));
}

#[test]
fn faults_of_an_upstream_say_what_is_wrong() {
    for (lines, why) in [
        ("chart: a", "the key `type` is missing"),
        ("type: git\nchart: a", "is none of repo, oci and local"),
        ("type: repo\nchart: a", "the key `repo` is missing"),
        ("type: repo\nrepo: https://x.example", "the key `chart` is missing"),
        ("type: repo\nrepo: x.example\nchart: a", "is not an http or https URL"),
        ("type: repo\nrepo: oci://x.example\nchart: a", "has type oci"),
        ("type: repo\nrepo: https://u:p@x.example\nchart: a", "has a password"),
        ("type: repo\nrepo: https://x.example\npath: y\nchart: a", "`path` belongs to type local"),
        ("type: oci\nregistry: https://x.example\nchart: a", "is not oci://"),
        ("type: oci\nregistry: oci://charts\nchart: a", "is not a registry"),
        ("type: oci\nregistry: oci:./charts\nchart: a", "is a folder of image layouts"),
        ("type: local\npath: x\nchart: a/b", "has a slash"),
        ("type: local\npath: x\nchart: a\nversions: [newest]", "neither a version nor a range"),
        ("type: local\npath: x\nchart: a\nversions: {a: b}", "`versions` must be a list"),
        ("type: local\npath: x\nchart: a\nvalues: [gone.yaml]", "read gone.yaml: No such file"),
        ("type: local\npath: x\nchart: a\nimages: [Redis]", "upper-case"),
        ("type: local\npath: x\nchart: a\nkube-version: new", "is not a version"),
        ("type: local\npath: x\nchart: a\nskip-tests: 1", "must be true or false"),
    ] {
        let error = wrong(lines);
        assert!(error.contains(why), "{lines}: {error}");
        assert!(error.contains("conf/mirror.yaml:"), "{error}");
    }
    assert!(!wrong("type: repo\nrepo: https://u:hunter2@x.example\nchart: a").contains("hunter2"));
}

#[test]
fn the_schema_has_the_keys_that_are_read() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value["properties"].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(keys(&schema), TOP);
    assert_eq!(keys(&schema["properties"]["target"]), TARGET);
    assert_eq!(keys(&schema["$defs"]["upstream"]), UPSTREAM);
}

#[test]
fn the_schema_accepts_what_is_read() {
    // YAML reads `1.31` as a number, and one text may stand for a list of texts.
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    assert_eq!(schema["$defs"]["text"]["type"], serde_json::json!(["string", "number"]));
    let upstream = &schema["$defs"]["upstream"]["properties"];
    assert_eq!(upstream["kube-version"]["$ref"], "#/$defs/text");
    for key in ["versions", "api-versions", "images", "ignore"] {
        assert_eq!(upstream[key]["$ref"], "#/$defs/texts", "{key}");
    }
    for lines in ["versions: 1.0", "versions: [1.0, 2.5.0]", "kube-version: 1.31", "ignore: '*'"] {
        let text = format!("{HEAD}  a: {{type: local, path: ., chart: a, {lines}}}\n");
        assert_eq!(parse(&text).err(), None, "{lines}");
    }
    assert_eq!(schema["properties"]["upstreams"]["minProperties"], 1);
}

#[test]
fn a_configuration_is_told_from_lists_in_yaml() {
    for text in [
        "target: {url: r.io}\nupstreams: {}\n",
        "# x\nupstreams:\n  a: {type: local}\ntarget:\n  url: r.io/ns\nother: 1\n",
        "{\"target\": {\"url\": \"r.io\"}, \"upstreams\": {\"a\": {}}}",
        "target:\nupstreams:\n",
    ] {
        assert!(super::is_config(text), "{text}");
    }
    for text in [
        "target: r.io\n",
        "sync:\n- {source: target, target: upstreams}\n",
        "a: {target: 1, upstreams: 2}\n",
        "target upstreams 1\n",
        "- target: 1\n  upstreams: 2\n",
        "",
    ] {
        assert!(!super::is_config(text), "{text}");
    }
}
