//! Options of `mirror` that `mirror-charts` has too, and options of upstreams.

use longshore_content::Image;

use super::images::run_over;
use super::server::{Answer as Reply, Server};
use super::{archive, config, helm, mirror_charts, pod};
use crate::support::harbor::{Behaviour, Harbor, PASSWORD, USER};
use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule};

const LOCAL: &str = "type: local\npath: ./demo\nchart: demo\nversions: ['1.0.0']";

fn source() -> Registry {
    let source = Registry::embedded();
    source.push("team/app", "1", &Image::new("linux/amd64").layer(1, 100).build());
    source
}

/// A run over a chart with the image of [`source`], and its configuration for another target address.
fn run_at(source: &Registry, target: &Registry, address: &str) -> Option<Longshore> {
    let image = format!("{}/team/app:1", source.address());
    let text = config(target, LOCAL).replace(target.address(), address);
    Some(run_over(target, &[image], "")?.file("mirror.yaml", text))
}

#[test]
fn docker_s_registry_takes_charts_and_images_and_the_second_run_sends_nothing() {
    let source = source();
    let Some(target) = Registry::docker().start() else { return };
    let proxy = FaultProxy::before(&target);
    let Some(run) = run_at(&source, &target, proxy.address()) else { return };
    run.run().exits(0);
    target.assert_complete("ns/charts/demo", "1.0.0");
    target.assert_complete("ns/team/app", "1");
    proxy.forget();
    let Some(run) = run_at(&source, &target, proxy.address()) else { return };
    let again = run.args(["-o", "json"]).run().exits(0).json();
    assert_eq!((&again["chartsSkipped"], &again["imagesSkipped"]), (&1.into(), &1.into()));
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        assert_eq!(proxy.count(method, "*"), 0, "{method}: {}", proxy.tally());
    }
}

#[test]
fn rewrites_apply_to_charts_and_images() {
    let (source, target) = (source(), Registry::embedded());
    let Some(run) = run_at(&source, &target, target.address()) else { return };
    let run = run.args(["--rewrite", "prefix", "--plugin-config", "prefix.prefix=a/b"]);
    let report = run.args(["-o", "json"]).run().exits(0).json();
    let version = &report["charts"][0]["versions"][0];
    let address = target.address();
    assert_eq!(version["chartTarget"], format!("{address}/a/b/ns/charts/demo:1.0.0"));
    assert_eq!(version["images"][0]["target"], format!("{address}/a/b/ns/team/app:1"));
    target.assert_complete("a/b/ns/charts/demo", "1.0.0");
    target.assert_complete("a/b/ns/team/app", "1");
}

#[test]
fn a_dry_run_shows_where_charts_and_images_would_arrive() {
    let (source, target) = (source(), Registry::embedded());
    for (flags, path) in [
        (&["--dry-run"][..], ""),
        (&["--dry-run", "--rewrite", "prefix", "--plugin-config", "prefix.prefix=a/b"], "a/b/"),
    ] {
        let Some(run) = run_at(&source, &target, target.address()) else { return };
        let run = run.args(flags).run().exits(0);
        let address = target.address();
        for line in [
            format!("  Chart: would be pushed\n      to {address}/{path}ns/charts/demo:1.0.0\n"),
            format!("/team/app:1 → would be copied\n      to {address}/{path}ns/team/app:1\n"),
        ] {
            assert!(run.stderr.contains(&line), "{line}{}", run.stderr);
        }
    }
    let Some(run) = run_at(&source, &target, target.address()) else { return };
    let run = run.run().exits(0);
    assert!(!run.stderr.contains("      to "), "the text is that of lazyoci: {}", run.stderr);
}

#[test]
fn a_repository_type_prepares_the_project_of_charts_and_images() {
    let (source, behind) = (source(), Registry::embedded());
    let harbor = Harbor::start(behind.address(), Behaviour::default());
    let with_harbor = |run: Longshore| {
        run.args(["--repo-type", "harbor", "--harbor-https=false"])
            .env("DOCKER_USERNAME", USER)
            .env("DOCKER_PASSWORD", PASSWORD)
    };
    let Some(run) = run_at(&source, &behind, harbor.address()) else { return };
    with_harbor(run).arg("--dry-run").run();
    assert_eq!(harbor.created(), [], "a dry run creates nothing");
    let Some(run) = run_at(&source, &behind, harbor.address()) else { return };
    with_harbor(run).run().exits(0);
    assert_eq!(harbor.created(), [("ns".to_owned(), "false".to_owned())]);
    behind.assert_complete("ns/charts/demo", "1.0.0");
}

#[test]
fn referrers_of_images_travel_on_request() {
    let (source, target) = (Registry::embedded(), Registry::embedded());
    let image = Image::new("linux/amd64").layer(1, 100).build();
    source.push("team/app", "1", &image);
    let signature = Image::artifact("application/vnd.example.signature").layer(2, 10);
    let signature = signature.subject(&image).build();
    source.push("team/app", "signature", &signature);
    let listed = || {
        let found = target.endpoint().referrers("ns/team/app", image.digest());
        found.expect("it answers").expect("it has the API")
    };
    let Some(run) = run_at(&source, &target, target.address()) else { return };
    run.run().exits(0);
    assert!(listed().is_empty());
    let Some(run) = run_at(&source, &target, target.address()) else { return };
    run.arg("--referrers").run().exits(0);
    assert_eq!(listed().len(), 1);
    target.assert_complete("ns/team/app", signature.digest());
}

#[test]
fn an_immutable_tag_fails_only_if_its_chart_differs() {
    let (server, target) = (Server::start(), Registry::embedded());
    let entry = |created: &str| {
        let entry = format!("{{version: 1.0.0, urls: [demo.tgz], created: '{created}'}}");
        Reply::File(format!("entries:\n  demo:\n  - {entry}\n").into())
    };
    server.set("/index.yaml", entry("2024-01-02T03:04:05Z"));
    server.set("/demo.tgz", Reply::File(archive("demo", "1.0.0", &[("values.yaml", "a: 1\n")])));
    let proxy = FaultProxy::before(&target);
    let lines = format!("type: repo\nrepo: {}\nchart: demo\nversions: ['1.0.0']", server.url);
    let text = config(&target, &lines).replace(target.address(), proxy.address());
    let run = || mirror_charts(&text).args(["--all", "--charts-only", "-o", "json"]).run();
    run().exits(0);
    proxy.rule(
        Rule::on("PUT", "*/manifests/1.0.0").answers(Answer::error(412, "PRECONDITION_FAILED")),
    );
    // Another time in the index makes another manifest.
    server.set("/index.yaml", entry("2025-01-02T03:04:05Z"));
    assert_eq!(run().exits(0).json()["chartsSkipped"], 1);
    server.set("/demo.tgz", Reply::File(archive("demo", "1.0.0", &[("values.yaml", "a: 2\n")])));
    let failed = run().exits(1);
    assert_eq!(failed.json()["chartsFailed"], 1);
    assert!(failed.stderr.contains("tag is immutable"), "{}", failed.stderr);
}

#[test]
fn tests_are_left_out_and_components_that_are_off_are_taken_on_request() {
    let target = Registry::embedded();
    let Some(helm) = helm() else { return };
    let hook = pod("127.0.0.1:9/team/test:1")
        .replace("metadata: {name: x}", "metadata: {name: x, annotations: {helm.sh/hook: test}}");
    let off = "{{ if .Values.extra.enabled }}\n".to_owned()
        + &pod("{{ .Values.extra.image.repository }}:{{ .Values.extra.image.tag }}")
        + "{{ end }}\n";
    let images = |more: &str, flags: &[&str]| -> Vec<String> {
        let run = mirror_charts(&config(&target, &format!("{LOCAL}\n{more}")))
            .file("demo/Chart.yaml", "apiVersion: v2\nname: demo\nversion: 1.0.0\n")
            .file(
                "demo/values.yaml",
                "extra: {enabled: false, image: {repository: r.invalid/team/off, tag: '2'}}\n",
            )
            .file("demo/templates/a.yaml", pod("127.0.0.1:9/team/app:1"))
            .file("demo/templates/off.yaml", &off)
            .file("demo/templates/tests/t.yaml", &hook);
        let run = run.args(["--all", "--dry-run", "-o", "json", "--renderer"]).arg(&helm);
        let report = run.args(flags).run().exits(1).json();
        let images = report["charts"][0]["versions"][0]["images"].as_array().expect("a list");
        let name = |image: &serde_json::Value| {
            let source = image["source"].as_str().expect("a text");
            source.rsplit('/').next().unwrap_or_default().to_owned()
        };
        images.iter().map(name).collect()
    };
    assert_eq!(images("", &[]), ["app:1", "test:1"]);
    assert_eq!(images("skip-tests: true", &[]), ["app:1"]);
    assert_eq!(images("skip-tests: true", &["--include-disabled"]), ["app:1", "off:2"]);
    assert_eq!(images("", &["--include-disabled"]), ["app:1", "test:1", "off:2"]);
}

#[test]
fn a_chart_that_wants_another_kubernetes_names_the_key_and_is_pushed() {
    let (source, target) = (source(), Registry::embedded());
    for (more, code) in [("", 1), ("kube-version: '1.99'", 0)] {
        let image = format!("{}/team/app:1", source.address());
        let Some(run) = run_over(&target, &[image], more) else { return };
        let metadata = "apiVersion: v2\nname: demo\nversion: 1.0.0\nkubeVersion: '>=1.99'\n";
        let run = run.file("demo/Chart.yaml", metadata).run().exits(code);
        let hint = "set `kube-version` of upstream \"a\" in the configuration";
        assert_eq!(run.stderr.contains(hint), code == 1, "{}", run.stderr);
        target.assert_complete("ns/charts/demo", "1.0.0");
    }
}

#[test]
fn archives_of_upstreams_with_one_chart_name_are_kept_apart() {
    let Some(helm) = helm() else { return };
    let target = Registry::embedded();
    let local = |key: &str, name: &str, path: &str| {
        let origin = format!("type: local, path: ./{path}, chart: {name}, versions: ['1.0.0']");
        format!("  {key:?}: {{{origin}, allow-empty: true}}\n")
    };
    for (upstreams, kept) in [
        (&[("one", "demo", "a")][..], &["demo-1.0.0.tgz"][..]),
        (
            &[("one", "demo", "a"), ("b/../..", "demo", "b")],
            &["one/demo-1.0.0.tgz", "b%2F%2E%2E%2F%2E%2E/demo-1.0.0.tgz"],
        ),
        (
            &[("one", "demo", "a"), ("..", "demo", "b"), ("third", "other", "c")],
            &["one/demo-1.0.0.tgz", "%2E%2E/demo-1.0.0.tgz", "other-1.0.0.tgz"],
        ),
    ] {
        let lines: String =
            upstreams.iter().map(|(key, name, path)| local(key, name, path)).collect();
        let text = format!("target:\n  url: {}/ns\nupstreams:\n{lines}", target.address());
        let flags = ["--all", "--images-only", "--artifact-dir", "kept", "--renderer"];
        let mut run = mirror_charts(&text).args(flags).arg(&helm);
        for (_, name, path) in upstreams {
            let chart =
                format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\ndescription: {path}\n");
            run = run.file(&format!("{path}/Chart.yaml"), chart);
        }
        let run = run.run().exits(0);
        let archive = |file: &&str| std::fs::read(run.directory().join("kept").join(file));
        let archives: Vec<Vec<u8>> =
            kept.iter().map(archive).collect::<Result<_, _>>().expect("all are there");
        assert!(archives.windows(2).all(|pair| pair[0] != pair[1]), "{kept:?}");
    }
}
