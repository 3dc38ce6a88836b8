//! Sources that are wrong: each fails alone, with its place.

use std::process::Command;

use super::server::{Answer, Server};
use super::{archive, config, mirror_charts};
use crate::support::{Longshore, Registry, Run};

fn index(entries: &str) -> Answer {
    Answer::File(format!("entries:\n  demo:\n{entries}").into())
}

fn run(server: &Server, target: &Registry, versions: &str) -> Run {
    let lines = format!("type: repo\nrepo: {}\nchart: demo\nversions: [{versions}]", server.url);
    mirror_charts(&config(target, &lines)).args(["--all", "--charts-only"]).run()
}

#[test]
fn one_wrong_version_fails_alone_and_names_the_nearest() {
    let (server, target) = (Server::start(), Registry::embedded());
    let entries = "  - {version: 1.1.0, urls: [a.tgz]}\n  - {version: 1.2.0, urls: [b.tgz], digest: '00'}\n  - {version: 1.3.0, urls: [c.tgz]}\n";
    server.set("/index.yaml", index(entries));
    server.set("/a.tgz", Answer::File(archive("demo", "1.1.0", &[])));
    server.set("/b.tgz", Answer::File(archive("demo", "1.2.0", &[])));
    server.set("/c.tgz", Answer::File(archive("other", "1.3.0", &[])));
    let run = run(&server, &target, "1.1.0, 1.2.0, 1.3.0, 1.4.0").exits(1);
    assert!(run.stdout.contains("1.1.0: chart=pushed"), "{}", run.stdout);
    assert!(run.stdout.contains("1 pushed, 0 skipped, 3 failed"), "{}", run.stdout);
    for text in [
        "b.tgz: content has digest sha256:",
        "Chart.yaml has name \"other\", expected \"demo\"",
        "the nearest are 1.3.0, 1.2.0, 1.1.0",
    ] {
        assert!(run.stderr.contains(text), "{text}: {}", run.stderr);
    }
    let list = run.file("mirror-charts-failed.txt").expect("a failed list");
    assert!(list.contains("--chart=a") && list.contains("--version=1.4.0"), "{list}");
}

#[test]
fn an_index_that_is_huge_broken_or_missing_is_named() {
    let target = Registry::embedded();
    for (answer, text) in [
        (Some(Answer::Zeros(200 * 1024 * 1024)), "is larger than"),
        (Some(Answer::File(b"entries: [".to_vec())), "index.yaml: "),
        (
            Some(Answer::File(b"<html>log in</html>".to_vec())),
            "hint: give the URL that `helm repo add`",
        ),
        (Some(Answer::File(b" \n".to_vec())), "index.yaml: it is empty"),
        (Some(index("  - {version: 1.0.0}\n")), "is not an address of a chart"),
        (None, "404"),
    ] {
        let server = Server::start();
        if let Some(answer) = answer {
            server.set("/index.yaml", answer);
        }
        let run = run(&server, &target, "1.0.0").exits(1);
        assert!(run.stderr.contains(text), "{text}: {}", run.stderr);
    }
}

#[test]
fn an_index_does_not_lead_into_other_networks() {
    let target = Registry::embedded();
    // A server on loopback may lead to private networks, but not to the services of a cloud.
    for url in [
        "http://169.254.1.1/a.tgz",
        "http://[fe80::1]:8080/a.tgz",
        "http://0xa9fe0101/a.tgz",
        "oci://169.254.1.1:5000/charts/demo:1.0.0",
    ] {
        let server = Server::start();
        server.set("/index.yaml", index(&format!("  - {{version: 1.0.0, urls: ['{url}']}}\n")));
        let run = run(&server, &target, "1.0.0").exits(1);
        assert!(run.stderr.contains("which is at a link-local address"), "{url}: {}", run.stderr);
        assert!(run.stderr.contains("hint: ask the operator"), "{url}: {}", run.stderr);
    }
    // Another server beside it is no other network.
    let (server, other) = (Server::start(), Server::start());
    server.set(
        "/index.yaml",
        index(&format!("  - {{version: 1.0.0, urls: ['{}/a.tgz']}}\n", other.url)),
    );
    other.set("/a.tgz", Answer::File(archive("demo", "1.0.0", &[])));
    run(&server, &target, "1.0.0").exits(0);
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("content");
    std::fs::write(&path, content).expect("a file");
    Command::new("gzip").arg("-c").arg(path).output().expect("gzip runs").stdout
}

#[test]
fn a_file_that_a_proxy_compresses_is_named() {
    let target = Registry::embedded();
    let chart = archive("demo", "1.0.0", &[]);
    let digest = longshore_content::digest(&chart);
    let plain = "entries: {demo: [{version: 1.0.0, urls: [a.tgz]}]}".to_owned();
    let pinned = plain.replace("urls", &format!("digest: {digest}, urls"));
    let (packed, twice) = (gzip(plain.as_bytes()), gzip(&chart));
    let bytes = |text: &String| text.clone().into_bytes();
    for (index, chart, encoding) in [
        (Answer::Encoded("gzip", packed.clone()), &chart, "index.yaml: it is compressed (gzip)"),
        (Answer::File(packed), &chart, "index.yaml: it is compressed (gzip)"),
        (
            Answer::Encoded("br", vec![0x0b, 2, 0x80, 0xff]),
            &chart,
            "index.yaml: it is compressed (br)",
        ),
        (Answer::File(bytes(&plain)), &twice, "a.tgz: it is compressed (x-gzip)"),
        (Answer::File(bytes(&pinned)), &twice, "a.tgz: it is compressed (x-gzip)"),
    ] {
        let server = Server::start();
        server.set("/index.yaml", index);
        server.set("/a.tgz", Answer::Encoded("x-gzip", chart.clone()));
        let run = run(&server, &target, "1.0.0").exits(1);
        assert!(run.stderr.contains(encoding), "{encoding}: {}", run.stderr);
        assert!(run.stderr.contains("send the file unchanged"), "{}", run.stderr);
    }
    // Servers name the encoding of the archive itself, and call plain text encoded.
    let server = Server::start();
    server.set("/index.yaml", Answer::Encoded("identity", bytes(&pinned)));
    server.set("/a.tgz", Answer::Encoded("x-gzip", chart));
    run(&server, &target, "1.0.0").exits(0);
}

#[test]
fn a_broken_part_of_an_index_fails_alone() {
    let (server, target) = (Server::start(), Registry::embedded());
    let archive = Answer::File(archive("demo", "1.0.0", &[]));
    server.set("/a.tgz", archive);
    for broken in [
        "  other: a text\n",
        "  other: [{version: [1]}]\n",
        "  other: [{version: 1.0.0, urls: [[a.tgz]]}]\n",
        "  other: {a: b}\n",
    ] {
        let entries = format!(
            "  - null\n  - text\n  - {{version: 0.9.0, urls: a.tgz}}\n  \
             - {{version: 1.0.0, urls: [a.tgz], created: yesterday}}\n{broken}"
        );
        server.set("/index.yaml", index(&entries));
        run(&server, &target, "1.0.0").exits(0);
        let missing = run(&server, &target, "0.9.0").exits(1);
        assert!(missing.stderr.contains("the nearest are 1.0.0"), "{}", missing.stderr);
        let lines = format!("type: repo\nrepo: {}\nchart: other\nversions: [1.0.0]", server.url);
        let other = mirror_charts(&config(&target, &lines)).args(["--all", "--charts-only"]);
        let other = other.run().exits(1);
        assert!(other.stderr.contains("index.yaml: chart other: "), "{}", other.stderr);
        assert!(other.stderr.contains(": line 7, column "), "{}", other.stderr);
    }
    // What is not a time is not written where readers expect one.
    let manifest = target.manifest("ns/charts/demo", "1.0.0").bytes;
    assert!(!String::from_utf8_lossy(&manifest).contains("yesterday"));
}

#[test]
fn a_variable_has_the_login_of_a_repository() {
    let (server, other, target) = (Server::start(), Server::start(), Registry::embedded());
    let basic = "Basic bWU6aHVudGVyMg==".to_owned();
    let entries =
        format!("entries:\n  demo:\n  - {{version: 1.0.0, urls: [{}/a.tgz]}}\n", other.url);
    server.set("/index.yaml", Answer::Private(basic, entries.into()));
    other.set("/a.tgz", Answer::File(archive("demo", "1.0.0", &[])));
    let lines = format!("type: repo\nrepo: {}\nchart: demo\nversions: ['1.0.0']", server.url);
    let text = config(&target, &lines);
    let host = server.url.trim_start_matches("http://").replace(['.', ':'], "_");
    let run = |value: &str| {
        let longshore = mirror_charts(&text).env(&format!("LONGSHORE_AUTH_{host}"), value);
        longshore.args(["--all", "--charts-only"]).run()
    };
    run("me:hunter2").exits(0);
    assert!(other.requests().iter().all(|(_, sent)| sent.is_none()), "{:?}", other.requests());
    for (value, text) in [
        ("me:wrong", "the user was \"me\""),
        ("me:wrong", "hint: correct the login"),
        ("a-token", "hint: give user name and password"),
    ] {
        let refused = run(value).exits(1);
        assert!(refused.stderr.contains(text), "{text}: {}", refused.stderr);
        assert!(!refused.stderr.contains("wrong"), "{}", refused.stderr);
    }
    // No other server gets the login, so none of them can refuse it.
    other.set("/a.tgz", Answer::Private("Basic eDp5".to_owned(), Vec::new()));
    let refused = run("me:hunter2").exits(1);
    assert!(refused.stderr.contains("unauthorized (401)"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("the user was"), "{}", refused.stderr);
}

#[test]
fn an_index_of_50_000_versions_is_read() {
    let (server, target) = (Server::start(), Registry::embedded());
    let entries: String = (0..50_000)
        .map(|number| format!("  - {{version: 1.0.{number}, urls: [a.tgz]}}\n"))
        .collect();
    server.set("/index.yaml", index(&entries));
    server.set("/a.tgz", Answer::File(archive("demo", "1.0.49999", &[])));
    run(&server, &target, "latest").exits(0);
}

#[test]
fn a_credential_of_the_settings_stays_at_its_origin() {
    let (server, other, target) = (Server::start(), Server::start(), Registry::embedded());
    let basic = "Basic bWU6aHVudGVyMg==".to_owned();
    let entries = b"entries:\n  demo:\n  - {version: 1.0.0, urls: [a.tgz]}\n".to_vec();
    server.set("/index.yaml", Answer::Private(basic, entries));
    server.set("/a.tgz", Answer::Redirect(format!("{}/moved.tgz", other.url)));
    other.set("/moved.tgz", Answer::File(archive("demo", "1.0.0", &[])));
    let lines = format!("type: repo\nrepo: {}\nchart: demo\nversions: ['1.0.0']", server.url);
    let text = config(&target, &lines);
    let settings = format!(
        "[repositories.\"{}\"]\nusername = 'me'\npassword-env = 'CHARTS_PASSWORD'\n",
        server.url
    );
    let run = |longshore: Longshore| longshore.args(["--all", "--charts-only"]).run();
    let refused = run(mirror_charts(&text)).exits(1);
    assert!(refused.stderr.contains("[repositories.\"URL\"]"), "{}", refused.stderr);
    let run = run(mirror_charts(&text)
        .file("s.toml", settings)
        .args(["--settings", "s.toml"])
        .env("CHARTS_PASSWORD", "hunter2"));
    let run = run.exits(0);
    assert!(!run.stderr.contains("hunter2"));
    assert!(server.requests().iter().any(|(_, sent)| sent.is_some()));
    assert!(other.requests().iter().all(|(_, sent)| sent.is_none()), "{:?}", other.requests());
}

#[test]
fn wrong_usage_is_exit_2_and_copies_nothing() {
    let target = Registry::embedded();
    let text = config(&target, "type: local\npath: ./gone\nchart: demo\nversions: ['1.0.0']");
    for (arguments, message) in [
        (&["--charts-only"][..], "neither --chart nor --all"),
        (&["--all", "--chart", "a"], "cannot be used with"),
        (&["--all", "--version", "1"], "use --version with --all"),
        (&["--chart", "b"], "no such key"),
        (&["--all", "--charts-only", "--images-only"], "cannot be used with"),
        (&["--chart", "a", "--version", "newest"], "neither a version nor a range"),
        (&["--all", "-c", "gone.yaml"], "gone.yaml"),
        (&["--all", "--renderer", "gone"], "there is no such file"),
    ] {
        let run = mirror_charts(&text).args(arguments).run().exits(2);
        assert!(run.stderr.contains(message), "{arguments:?}: {}", run.stderr);
    }
    let run = mirror_charts("- a\n").args(["--all", "--charts-only"]).run().exits(2);
    assert!(run.stderr.contains("mirror.yaml:1:1: "), "{}", run.stderr);
    let schema = mirror_charts("").arg("--schema").run().exits(0);
    assert!(schema.json()["properties"]["upstreams"].is_object());
}
