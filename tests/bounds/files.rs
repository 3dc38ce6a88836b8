//! Files that users name: what is no file, or too large, is refused in little memory.

use super::within_memory;
use crate::support::Longshore;

/// A run that ends before it sends a request.
fn run() -> Longshore {
    Longshore::new().mirror().args(["-s", "127.0.0.1:9", "-d", "127.0.0.1:9"])
}

#[test]
fn a_list_without_end_is_refused() {
    let run = within_memory(run().args(["-f", "/dev/zero"])).exits(2);
    run.complains("it has more than 33554432 bytes");
    let folder = Longshore::new().mirror().args(["-f", ".", "-d", "127.0.0.1:9"]);
    within_memory(folder).exits(2).complains("it is a folder");
    let large = "team/app team/copy 1\n".repeat(1_700_000);
    within_memory(Longshore::new().mirror().list(&large).args(["-d", "127.0.0.1:9"])).exits(2);
}

/// A list of 28 MB in no known format. In quadratic time, this would take minutes.
#[test]
fn a_large_list_in_no_format_is_refused_soon() {
    let lines = |line: &str| line.repeat(28_000_000 / line.len());
    for (text, why) in [
        (lines("The quick brown fox jumps over it.\n"), "not mirror: line 1, column 17"),
        (format!("[{}1]", lines("{\"password\":\"a\",\"x\":[1]},")), "not mirror: line 1"),
    ] {
        let started = std::time::Instant::now();
        let run = Longshore::new().mirror().list(&text).args(["-d", "127.0.0.1:9"]);
        within_memory(run).exits(2).complains("no known format").complains(why);
        let took = started.elapsed();
        assert!(took < std::time::Duration::from_secs(60), "it took {took:?}");
    }
}

#[test]
fn settings_without_end_are_refused() {
    let list = || Longshore::new().mirror().list("team/app team/copy 1\n");
    for (file, why) in [("/dev/zero", "it has more than 1048576 bytes"), (".", "Is a directory")] {
        within_memory(list().args(["--settings", file])).exits(2).complains(why);
    }
    let large = list().file("large.toml", format!("# {}\n", "x".repeat(1 << 20)));
    let large = large.args(["--settings", "large.toml"]);
    within_memory(large).exits(2).complains("it has more than 1048576 bytes");
}

#[test]
fn values_of_plugins_without_end_are_refused() {
    let map = |file: &str| {
        let run = run().list("team/app team/copy 1\n").args(["--rewrite", "map"]);
        run.args(["--plugin-config", &format!("map.table=@{file}")])
    };
    for (file, why) in [
        ("/dev/zero", "it has more than 16777216 bytes"),
        ("/dev/urandom", "it has more than 16777216 bytes"),
        (".", "Is a directory"),
    ] {
        within_memory(map(file)).exits(2).complains(why);
    }
    let large = map("large").file("large", "a: b\n".repeat(4 << 20));
    within_memory(large).exits(2).complains("it has more than 16777216 bytes");
}

#[test]
fn files_of_a_server_without_end_are_refused() {
    for flags in [
        &["--htpasswd", "/dev/zero"][..],
        &["--tls-cert", "/dev/zero", "--tls-key", "/dev/zero"],
        &["--tls-cert", "/dev/urandom", "--tls-key", "/dev/null"],
    ] {
        let serve = Longshore::new().args(["serve", "folder", "--listen", "127.0.0.1:0"]);
        within_memory(serve.args(flags)).exits(2).complains("it has more than 4194304 bytes");
    }
}

/// A run with this configuration of charts, of which nothing is fetched.
fn charts(config: &str) -> Longshore {
    Longshore::new().args(["mirror-charts", "--all", "--dry-run"]).file("mirror.yaml", config)
}

#[test]
fn configurations_and_values_of_charts_without_end_are_refused() {
    let config = |values: &str| {
        format!(
            "target: {{url: 127.0.0.1:9/ns}}\nupstreams:\n  a:\n    type: local\n    path: .\n    \
             chart: a\n    versions: ['1']\n    values: [{values}]\n"
        )
    };
    let comment = format!("# {}\n", "x".repeat(16 << 20));
    let large = format!("# {}\n{}", "x".repeat(4 << 20), config(""));
    within_memory(charts(&large)).exits(2).complains("it has more than 4194304 bytes");
    for (file, why) in [("/dev/zero", "it has more than 4194304 bytes"), (".", "is a directory")] {
        let run = Longshore::new().args(["mirror-charts", "--all", "--config", file]);
        let run = within_memory(run).exits(2);
        assert!(run.stderr.to_lowercase().contains(why), "{file}: {}", run.stderr);
    }
    for (file, why) in [
        ("large.yaml", "read large.yaml: it has more than 16777216 bytes"),
        ("/dev/zero", "it is not a regular file"),
        ("pipe", "it is not a regular file"),
    ] {
        let run = charts(&config(file)).file("large.yaml", &comment);
        let made = std::process::Command::new("mkfifo").arg(run.directory().join("pipe")).status();
        assert!(made.expect("mkfifo runs").success());
        within_memory(run).exits(2).complains(why);
    }
    let half = format!("# {}\n", "x".repeat(12 << 20));
    let run = charts(&config("[a.yaml, b.yaml], c.yaml"));
    let run = ["a.yaml", "b.yaml", "c.yaml"].iter().fold(run, |run, name| run.file(name, &half));
    within_memory(run).exits(2).complains("read c.yaml: all files of values have more than");
    // Many small values need far more memory than their text.
    let many = format!("x: [{}]\n", "1,".repeat((2 << 20) - 10));
    within_memory(charts(&many)).exits(2);
}

#[test]
fn lock_files_without_end_are_refused() {
    let list =
        || Longshore::new().args(["plugin", "list", "--settings", "s.toml"]).file("s.toml", "");
    let large = format!("# {}\n", "x".repeat(4 << 20));
    let run = within_memory(list().file("longshore.lock", &large)).exits(2);
    run.complains("longshore.lock").complains("it has more than 4194304 bytes");
    let zero = list();
    std::os::unix::fs::symlink("/dev/zero", zero.directory().join("longshore.lock"))
        .expect("a link can be made");
    within_memory(zero).exits(2).complains("it is not a regular file");
    let folder = list();
    std::fs::create_dir(folder.directory().join("longshore.lock")).expect("a folder can be made");
    within_memory(folder).exits(2).complains("it is not a regular file");
}

#[test]
fn plugins_certificates_and_passwords_without_end_are_refused() {
    let list = || run().list("team/app team/copy 1\n");
    for file in ["/dev/zero", "/tmp"] {
        let plugin = within_memory(list().args(["--rewrite", file])).exits(2);
        plugin.complains("it is not a regular file");
        let certificate = within_memory(list().env("SSL_CERT_FILE", file)).exits(2);
        certificate.complains("it is not a regular file");
    }
    let nats = ["--fleet", "nats://127.0.0.1:1", "--fleet-creds", "/dev/zero"];
    for run in [Longshore::new().arg("worker"), list()] {
        let run = within_memory(run.args(nats)).exits(2);
        run.complains("read the NATS credentials /dev/zero: it has more than 65536 bytes");
    }
    let passwords = Longshore::new().args(["serve", "--listen", "127.0.0.1:0"]);
    let passwords = passwords.args(["--htpasswd", "/dev/zero", "."]);
    within_memory(passwords).exits(2).complains("it has more than");
}
