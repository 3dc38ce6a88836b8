//! Charts arrive as Helm would push them.

use std::process::Command;

use serde_json::Value;

use super::server::{Answer, Server};
use super::{archive, config, helm, mirror_charts};
use crate::support::Registry;

fn manifest(registry: &Registry, repository: &str, tag: &str) -> Value {
    serde_json::from_slice(&registry.manifest(repository, tag).bytes).expect("JSON")
}

fn repo(server: &Server) -> String {
    format!("type: repo\nrepo: {}/charts\nchart: demo\nversions: ['1.0.0']", server.url)
}

#[test]
fn a_chart_of_a_repository_is_pushed_skipped_and_replaced() {
    let (server, target) = (Server::start(), Registry::embedded());
    let index = "entries:\n  demo:\n  - {version: 1.0.0, urls: [demo-1.0.0.tgz], created: '2024-01-02T03:04:05Z'}\n";
    server.set("/charts/index.yaml", Answer::File(index.into()));
    let first = archive("demo", "1.0.0", &[("values.yaml", "a: 1\n")]);
    server.set("/charts/demo-1.0.0.tgz", Answer::File(first));
    let provenance = "-----BEGIN PGP SIGNED MESSAGE-----\n";
    server.set("/charts/demo-1.0.0.tgz.prov", Answer::File(provenance.into()));
    let text = config(&target, &repo(&server));
    let arguments = ["--all", "--charts-only", "-o", "json"];
    let run = mirror_charts(&text).args(arguments).run().exits(0);
    assert_eq!(run.json()["charts"][0]["versions"][0]["chartStatus"], "pushed");
    assert_eq!(run.json()["chartsPushed"], 1);
    let pushed = manifest(&target, "ns/charts/demo", "1.0.0");
    assert_eq!(pushed["config"]["mediaType"], "application/vnd.cncf.helm.config.v1+json");
    let mut types: Vec<&str> = pushed["layers"]
        .as_array()
        .expect("layers")
        .iter()
        .filter_map(|layer| layer["mediaType"].as_str())
        .collect();
    types.sort_unstable();
    assert_eq!(
        types,
        [
            "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
            "application/vnd.cncf.helm.chart.provenance.v1.prov"
        ]
    );
    let annotations = &pushed["annotations"];
    assert_eq!(annotations["org.opencontainers.image.created"], "2024-01-02T03:04:05Z");
    assert_eq!(annotations["org.opencontainers.image.title"], "demo");

    let again = mirror_charts(&text).args(arguments).run().exits(0);
    assert_eq!(again.json()["charts"][0]["versions"][0]["chartStatus"], "skipped");

    let second = archive("demo", "1.0.0", &[("values.yaml", "a: 2\n")]);
    server.set("/charts/demo-1.0.0.tgz", Answer::File(second));
    let dry = mirror_charts(&text).args(arguments).arg("--dry-run").run().exits(0);
    assert_eq!(dry.json()["charts"][0]["versions"][0]["chartStatus"], "dry-run");
    let other = mirror_charts(&text).args(arguments).run().exits(0);
    assert_eq!(other.json()["charts"][0]["versions"][0]["chartStatus"], "replaced");
    assert_eq!(other.json()["chartsReplaced"], 1);
}

#[test]
fn the_same_archive_under_another_manifest_is_present() {
    let (server, target) = (Server::start(), Registry::embedded());
    let entry = |created: &str| {
        let entry = format!("{{version: 1.0.0, urls: [demo-1.0.0.tgz], created: '{created}'}}");
        Answer::File(format!("entries:\n  demo:\n  - {entry}\n").into())
    };
    server.set("/charts/index.yaml", entry("2024-01-02T03:04:05Z"));
    server.set("/charts/demo-1.0.0.tgz", Answer::File(archive("demo", "1.0.0", &[])));
    let text = config(&target, &repo(&server));
    let run = || mirror_charts(&text).args(["--all", "--charts-only", "-o", "json"]).run().exits(0);
    run();
    let before = manifest(&target, "ns/charts/demo", "1.0.0");
    server.set("/charts/index.yaml", entry("2025-01-02T03:04:05Z"));
    let version = run().json()["charts"][0]["versions"][0].clone();
    assert_eq!(version["chartStatus"], "skipped");
    assert!(version["chartReason"].as_str().expect("a reason").contains("same chart"));
    assert_eq!(manifest(&target, "ns/charts/demo", "1.0.0"), before, "the tag is untouched");
}

#[test]
fn helm_pulls_a_local_chart_and_longshore_mirrors_it_on_from_there() {
    let Some(helm) = helm() else { return };
    let (first, second) = (Registry::embedded(), Registry::embedded());
    let local = "type: local\npath: ./demo\nchart: demo\nversions: ['1.0.0+b']";
    mirror_charts(&config(&first, local))
        .file("demo/Chart.yaml", "apiVersion: v2\nname: demo\nversion: 1.0.0+b\n")
        .file("demo/values.yaml", "a: 1\n")
        .args(["--chart", "a", "--charts-only"])
        .run()
        .exits(0);
    let folder = tempfile::tempdir().expect("a folder");
    let address = format!("oci://{}/ns/charts/demo", first.address());
    let pulled = Command::new(&helm)
        .args(["pull", &address, "--version", "1.0.0+b", "--plain-http", "-d"])
        .arg(folder.path())
        .env("HOME", folder.path())
        .output()
        .expect("helm runs");
    assert!(pulled.status.success(), "{}", String::from_utf8_lossy(&pulled.stderr));
    assert!(folder.path().join("demo-1.0.0+b.tgz").is_file());

    let registry = format!("oci://{}/ns/charts", first.address());
    let oci = format!("type: oci\nregistry: {registry}\nchart: demo\nversions: ['^1.0.0']");
    let text = config(&second, &oci);
    mirror_charts(&text).args(["--all", "--charts-only"]).run().exits(0);
    let digest = |registry: &Registry| manifest(registry, "ns/charts/demo", "1.0.0_b");
    assert_eq!(digest(&first), digest(&second), "the manifest keeps its bytes");
}
