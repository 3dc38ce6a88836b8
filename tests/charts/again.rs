//! What a later run still fetches and renders, and what an interrupt ends.

use std::time::{Duration, Instant};

use longshore_content::Image;
use longshore_plugin_host::Limits;

use super::server::{Answer, Server};
use super::{archive, config, mirror_charts, pod};
use crate::rendering::renderer::renderer;
use crate::support::{FaultProxy, Longshore, Registry, share_compiled};

/// A chart in a repository whose index has its digest.
fn serve(server: &Server, version: &str, archive: &[u8], digest: &str) {
    let entry = format!("{{version: {version}, urls: [demo.tgz], digest: '{digest}'}}");
    server.set("/index.yaml", Answer::File(format!("entries:\n  demo:\n  - {entry}\n").into()));
    server.set("/demo.tgz", Answer::File(archive.to_vec()));
}

fn hex(bytes: &[u8]) -> String {
    longshore_oci::Digest::of(bytes).hex()
}

fn count(server: &Server, path: &str) -> usize {
    server.requests().iter().filter(|(asked, _)| asked == path).count()
}

#[test]
fn an_archive_with_a_known_digest_is_fetched_once() {
    let (server, target) = (Server::start(), Registry::embedded());
    let cache = tempfile::tempdir().expect("a folder");
    let lines = format!("type: repo\nrepo: {}\nchart: demo\nversions: ['*']", server.url);
    let run = || {
        let run = mirror_charts(&config(&target, &lines)).args(["--all", "--charts-only"]);
        run.env("LONGSHORE_CACHE_DIR", cache.path()).run()
    };
    let first = archive("demo", "1.0.0", &[]);
    serve(&server, "1.0.0", &first, &hex(&first));
    run().exits(0);
    run().exits(0);
    assert_eq!((count(&server, "/index.yaml"), count(&server, "/demo.tgz")), (2, 1));
    // Damage counts as absence.
    let kept = cache.path().join("charts").join(format!("sha256-{}", hex(&first)));
    std::fs::write(&kept, "damaged").expect("a file");
    run().exits(0);
    assert_eq!(count(&server, "/demo.tgz"), 2);
    // The index names other content.
    let second = archive("demo", "1.0.0", &[("values.yaml", "a: 1\n")]);
    serve(&server, "1.0.0", &second, &format!("sha256:{}", hex(&second).to_uppercase()));
    let replaced = run().exits(0);
    assert!(replaced.stdout.contains("1 replaced"), "{}", replaced.stdout);
    run().exits(0);
    assert_eq!(count(&server, "/demo.tgz"), 3);
    // Without a digest, nothing says that the content is the same.
    serve(&server, "1.0.0", &second, "");
    run().exits(0);
    run().exits(0);
    assert_eq!(count(&server, "/demo.tgz"), 5);
    serve(&server, "1.0.0", &second, &hex(&first));
    std::fs::remove_file(&kept).expect("it was kept again");
    run().exits(1).complains("the index has");
}

#[test]
fn a_provenance_file_is_asked_for_once() {
    let (server, target) = (Server::start(), Registry::embedded());
    let cache = tempfile::tempdir().expect("a folder");
    let lines = format!("type: repo\nrepo: {}\nchart: demo\nversions: ['*']", server.url);
    let run = |target: &Registry, flags: &[&str]| {
        let run = mirror_charts(&config(target, &lines)).args(["--all", "--charts-only"]);
        run.args(flags).env("LONGSHORE_CACHE_DIR", cache.path()).run().exits(0)
    };
    let asked = || count(&server, "/demo.tgz.prov");
    let layers = |target: &Registry| {
        let bytes = target.manifest("ns/charts/demo", "1.0.0").bytes;
        let manifest: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
        manifest["layers"].as_array().map_or(0, Vec::len)
    };
    // There is none, and the next runs know it, also those that find no digest in the index.
    let unsigned = archive("demo", "1.0.0", &[]);
    for digest in [hex(&unsigned), String::new()] {
        serve(&server, "1.0.0", &unsigned, &digest);
        run(&target, &["--dry-run"]);
        run(&target, &[]);
        assert_eq!((asked(), layers(&target)), (1, 1));
    }
    // Other content was not asked about. The file is kept for other targets.
    let signed = archive("demo", "1.0.0", &[("values.yaml", "a: 1\n")]);
    serve(&server, "1.0.0", &signed, &hex(&signed));
    let provenance = b"-----BEGIN PGP SIGNED MESSAGE-----\n".to_vec();
    server.set("/demo.tgz.prov", Answer::File(provenance));
    run(&target, &[]);
    let other = Registry::embedded();
    run(&other, &[]);
    run(&target, &[]);
    assert_eq!((asked(), layers(&target), layers(&other)), (2, 2, 2));
}

#[test]
fn a_chart_of_a_registry_is_not_fetched_only_to_be_copied() {
    let (source, target) = (Registry::embedded(), Registry::embedded());
    let local = "type: local\npath: ./demo\nchart: demo\nversions: ['1.0.0']";
    let text = config(&source, local);
    let chart = |run: Longshore| {
        run.file("demo/Chart.yaml", "apiVersion: v2\nname: demo\nversion: 1.0.0\n")
            .file("demo/values.yaml", "a: 1\n")
    };
    chart(mirror_charts(&text)).args(["--all", "--charts-only"]).run().exits(0);
    let proxy = FaultProxy::before(&source);
    let registry = format!("oci://{}/ns/charts", proxy.address());
    for versions in ["'1.0.0'", "'^1'", "latest"] {
        let oci = format!("type: oci\nregistry: {registry}\nchart: demo\nversions: [{versions}]");
        let run = mirror_charts(&config(&target, &oci)).args(["--all", "--charts-only"]);
        run.run().exits(0);
    }
    let blobs = proxy.count("GET", "*/blobs/*");
    assert_eq!(blobs, 2, "configuration and archive: {}", proxy.tally());
    target.assert_complete("ns/charts/demo", "1.0.0");
    source.push("ns/charts/image", "1.0.0", &Image::new("linux/amd64").layer(1, 10).build());
    for (chart, version, message) in [
        ("demo", "2.0.0", "the nearest are 1.0.0"),
        ("image", "1.0.0", "its configuration has the type"),
    ] {
        let oci = format!("type: oci\nregistry: {registry}\nchart: {chart}\nversions: [{version}]");
        let run = mirror_charts(&config(&target, &oci)).args(["--all", "--charts-only"]);
        run.run().exits(1).complains(message);
    }
}

#[tokio::test]
async fn a_chart_is_rendered_once_for_the_same_input() {
    // This compiles the renderer into the shared cache, if no other test did.
    if renderer(Limits::default()).await.is_none() {
        return;
    }
    let target = Registry::embedded();
    let cache = tempfile::tempdir().expect("a folder");
    share_compiled(cache.path());
    let renderings = || {
        let files = std::fs::read_dir(cache.path().join("renderings"));
        files.map_or(0, |files| files.filter_map(Result::ok).count())
    };
    let run = |more: &str, template: &str| {
        let lines = format!("type: local\npath: ./demo\nchart: demo\nversions: ['1.0.0']\n{more}");
        mirror_charts(&config(&target, &lines))
            .file("demo/Chart.yaml", "apiVersion: v2\nname: demo\nversion: 1.0.0\n")
            .file("demo/templates/a.yaml", template)
            .file("v.yaml", "a: 2\n")
            .env("LONGSHORE_CACHE_DIR", cache.path())
            .args(["--all", "--renderer", "builtin", "--why", "127.0.0.1:9/team/app"])
            .run()
    };
    let template = pod("127.0.0.1:9/team/app:{{ .Values.a | default 1 }}");
    let first = run("", &template).exits(0);
    assert!(first.stdout.contains("team/app:1 in a 1.0.0"), "{}", first.stdout);
    assert_eq!(renderings(), 1);
    assert_eq!(run("", &template).exits(0).stdout, first.stdout);
    assert_eq!(renderings(), 1, "the second run rendered again");
    let other = run("values: [v.yaml]", &template).exits(0);
    assert!(other.stdout.contains("team/app:2 in a 1.0.0"), "{}", other.stdout);
    assert_eq!(renderings(), 2);
    run("namespace: other", &template).exits(0);
    assert_eq!(renderings(), 3);
    run("", &format!("{template}\n{{{{ fail \"boom\" }}}}")).exits(1);
    assert_eq!(renderings(), 3, "a failure is not kept");
}

#[tokio::test]
async fn the_first_interrupt_ends_the_compilation_of_the_renderer() {
    if renderer(Limits::default()).await.is_none() {
        return;
    }
    let target = Registry::embedded();
    let cache = tempfile::tempdir().expect("a folder");
    let lines = "type: local\npath: ./demo\nchart: demo\nversions: ['1.0.0']";
    let running = mirror_charts(&config(&target, lines))
        .file("demo/Chart.yaml", "apiVersion: v2\nname: demo\nversion: 1.0.0\n")
        .env("LONGSHORE_CACHE_DIR", cache.path())
        .args(["--all", "--renderer", "builtin"])
        .start();
    running.line(|line| line.contains("compiling the plugin helm-render").then_some(()));
    running.interrupt();
    let asked = Instant::now();
    let run = running.finish().exits(130);
    // The compilation takes many times as long, and is not waited for.
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}: {}", asked.elapsed(), run.stderr);
    let compiled = std::fs::read_dir(cache.path().join("compiled"));
    let sizes = compiled.into_iter().flatten().flatten().filter_map(|file| file.metadata().ok());
    let largest = sizes.map(|file| file.len()).max().unwrap_or_default();
    assert!(largest < 20 << 20, "it ran to its end: {largest} bytes");
}
