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
fn plugins_certificates_and_passwords_without_end_are_refused() {
    let list = || run().list("team/app team/copy 1\n");
    for file in ["/dev/zero", "/tmp"] {
        let plugin = within_memory(list().args(["--rewrite", file])).exits(2);
        plugin.complains("it is not a regular file");
        let certificate = within_memory(list().env("SSL_CERT_FILE", file)).exits(2);
        certificate.complains("it is not a regular file");
    }
    let passwords = Longshore::new().args(["serve", "--listen", "127.0.0.1:0"]);
    let passwords = passwords.args(["--htpasswd", "/dev/zero", "."]);
    within_memory(passwords).exits(2).complains("it has more than");
}
