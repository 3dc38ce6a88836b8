//! The shortest path through each command. If one of these tests fails, look here first.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use longshore_content::{Image, Index};

use crate::support::{Longshore, Registry, Skopeo};

#[test]
fn an_index_arrives_byte_by_byte() {
    let (Some(destination), Some(skopeo)) = (Registry::docker().start(), Skopeo::find()) else {
        return;
    };
    let source = Registry::embedded();
    let amd = Image::new("linux/amd64").layer(1, 100_000).layer(2, 10).build();
    let arm = Image::new("linux/arm64").layer(1, 100_000).layer(3, 10).build();
    let index = Index::oci().child(&amd).child(&arm).odd_white_space().build();
    source.push("team/app", "1.0", &index);

    let run = Longshore::new()
        .mirror()
        .list("team/app team/app 1.0\n")
        .source(source.address())
        .destination(destination.address())
        .run()
        .exits(0);

    let reference = format!("{}/team/app:1.0", destination.address());
    assert!(skopeo.inspect_raw(&reference) == index.bytes(), "another manifest arrived");
    destination.assert_complete("team/app", "1.0");
    assert_eq!(run.file("mirror-failed.txt"), None, "nothing failed");
}

#[test]
fn validate_tells_a_good_copy_from_another_image() {
    let source = Registry::embedded();
    let destination = Registry::embedded();
    let image = Image::new("linux/amd64").layer(1, 1000).build();
    source.push("team/app", "1.0", &image);
    destination.push("team/app", "1.0", &image);
    let validate = || {
        Longshore::new()
            .validate()
            .list("team/app team/app 1.0\n")
            .source(source.address())
            .destination(destination.address())
    };
    validate().run().exits(0);

    let other = Image::new("linux/amd64").layer(2, 1000).build();
    destination.push("team/app", "1.0", &other);
    validate().run().exits(1).complains("team/app");
}

#[test]
fn content_pushed_before_a_kill_survives_it() {
    let serve = ["serve", "registry", "--listen", "127.0.0.1:0"];
    let first = Registry::embedded_by(Longshore::new().args(serve));
    let image = Image::new("linux/amd64").layer(1, 1000).build();
    first.push("app", "1", &image);

    let second = Registry::embedded_by(first.killed().args(serve));
    assert_eq!(second.manifest("app", "1").bytes, image.bytes());
    second.assert_complete("app", "1");
}

#[test]
fn the_layout_of_the_embedded_registry_is_read_by_skopeo() {
    let Some(skopeo) = Skopeo::find() else { return };
    let source = Registry::embedded();
    let target = Registry::embedded();
    let image = Image::new("linux/amd64").layer(1, 1000).build();
    source.push("team/app", "1.0", &image);

    let layout = source.directory().join("team/app");
    let from = format!("oci:{}:1.0", layout.display());
    let to = format!("docker://{}/copy:1.0", target.address());
    skopeo.copy_all(&from, &to);
    assert_eq!(target.manifest("copy", "1.0").bytes, image.bytes());
}

#[test]
fn an_interrupted_run_names_unfinished_entries() {
    // It accepts connections and never responds.
    let silent = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = silent.local_addr().expect("a listener has an address").to_string();
    let running = Longshore::new()
        .mirror()
        .list("team/app team/copy 1.0\n")
        .source(&address)
        .destination(&address)
        .start();
    let connection = accept(&silent);
    running.interrupt();
    let run = running.finish().exits(130);
    drop(connection);
    let failed = run.file("mirror-failed.txt").expect("a failed list is written");
    assert!(failed.lines().any(|line| line == "team/app team/copy 1.0"), "{failed}");
}

#[test]
fn a_list_may_come_from_standard_input() {
    let source = Registry::embedded();
    let destination = Registry::embedded();
    source.push("app", "1", &Image::new("linux/amd64").build());
    Longshore::new()
        .mirror()
        .args(["-f", "-", "-o"])
        .arg("left.txt")
        .env("DOCKER_REGISTRY", destination.address())
        .source(source.address())
        .stdin("app app 1\napp missing-column\n")
        .run()
        .exits(1)
        .complains("2");
    destination.manifest("library/app", "1");
}

/// Accepts the first connection. If longshore never connects, the test fails instead of hanging.
fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).expect("a listener can poll");
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match listener.accept() {
            Ok((connection, _)) => return connection,
            Err(error) => assert!(Instant::now() < deadline, "no connection: {error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_server_logs_requests_if_that_is_asked_for_and_its_end() {
    let ask = |address: &str, path: &str| {
        let mut stream = TcpStream::connect(address).expect("it listens");
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it reads");
        stream.read_to_end(&mut Vec::new()).expect("it answers");
    };
    for (flags, logged) in [(&["--access-log"][..], 2), (&["--access-log=false"], 0), (&[], 0)] {
        let serve = Longshore::new().args(["serve", "registry", "--listen", "127.0.0.1:0"]);
        let running = serve.args(flags).start();
        let address = running.line(|line| Some(line.split_once("http://")?.1.trim().to_owned()));
        ask(&address, "/v2/");
        ask(&address, "/v2/team/app/tags/list?n=5");
        running.interrupt();
        let run = running.finish().exits(0).complains("[INFO] ending, as a signal asks for it");
        let lines = ["GET /v2/ 200", "GET /v2/team/app/tags/list?n=5 404"];
        let found =
            lines.iter().filter(|line| run.stderr.contains(&format!("[INFO] 127.0.0.1 {line}")));
        assert_eq!(found.count(), logged, "{flags:?}\n{}", run.stderr);
    }
}
