//! The settings file: where it is looked for, what beats what, and what is wrong with it.

use crate::support::{Longshore, Registry};

/// Runs from an empty registry: each fails at once and shows what was resolved, and nobody is ever
/// asked at the destination.
struct Empty(Registry);

impl Empty {
    fn new() -> Self {
        Self(Registry::embedded())
    }

    fn mirror(&self) -> Longshore {
        self.run(Longshore::new().mirror())
    }

    fn run(&self, command: Longshore) -> Longshore {
        command.list("app app 1\n").source(self.0.address()).arg("--output=json")
    }
}

/// The destination of the only entry.
#[track_caller]
fn destination(longshore: Longshore) -> String {
    let run = longshore.run().exits(1);
    let document: serde_json::Value = serde_json::from_str(&run.stdout).expect("this is JSON");
    let destination = &document["entries"][0]["destination"];
    destination.as_str().unwrap_or_else(|| panic!("no destination: {document}")).to_owned()
}

#[test]
fn the_file_is_named_by_flag_or_variable_or_lies_in_the_users_folder() {
    let empty = Empty::new();
    let all = || {
        empty
            .mirror()
            .file("flag.toml", "destination = '127.0.0.1:1'\n")
            .file("variable.toml", "destination = '127.0.0.1:2'\n")
            .file("../home/.config/longshore.toml", "destination = '127.0.0.1:3'\n")
    };
    assert_eq!(destination(all()), "127.0.0.1:3/library/app:1");
    let variable = || all().env("LONGSHORE_CONFIG", "variable.toml");
    assert_eq!(destination(variable()), "127.0.0.1:2/library/app:1");
    let flag = variable().args(["--settings", "flag.toml"]);
    assert_eq!(destination(flag), "127.0.0.1:1/library/app:1");
    let unset = all().env("LONGSHORE_CONFIG", "");
    assert_eq!(destination(unset), "127.0.0.1:3/library/app:1");
}

#[test]
fn the_flag_beats_the_environment_and_that_the_file() {
    let file = "destination = '127.0.0.1:1'\ndefault-project = 'file'\n";
    let empty = Empty::new();
    let file = || empty.mirror().file("s.toml", file).args(["--settings", "s.toml"]);
    assert_eq!(destination(file()), "127.0.0.1:1/file/app:1");
    let variable = || file().env("DOCKER_REGISTRY", "127.0.0.1:2");
    assert_eq!(destination(variable()), "127.0.0.1:2/file/app:1");
    let flags = variable().args(["-d", "127.0.0.1:3", "--default-project", "flag"]);
    assert_eq!(destination(flags), "127.0.0.1:3/flag/app:1");
    let unset = file().env("DOCKER_REGISTRY", "").args(["-d", ""]);
    assert_eq!(destination(unset), "127.0.0.1:1/file/app:1", "an empty value is unset");
}

#[test]
fn a_commands_table_overrides_the_top_for_that_command() {
    let file = "destination = '127.0.0.1:1'\ndefault-project = 'top'\n\
                [mirror]\ndefault-project = 'mirror'\n[mirror-validate]\ndestination = '127.0.0.1:2'\n";
    let empty = Empty::new();
    let with = |longshore: Longshore| longshore.file("longshore.toml", file);
    let named = ["--settings", "longshore.toml"];
    assert_eq!(destination(with(empty.mirror()).args(named)), "127.0.0.1:1/mirror/app:1");
    let validate = empty.run(Longshore::new().validate());
    assert_eq!(destination(with(validate).args(named)), "127.0.0.1:2/top/app:1");
}

#[test]
fn plugins_named_in_the_file_are_used() {
    let file = "rewrite = ['prefix']\ndestination = '127.0.0.1:1'\n[plugins.prefix]\nprefix = 'p'\n";
    let empty = Empty::new();
    let named = empty.mirror().file("s.toml", file).args(["--settings", "s.toml"]);
    assert_eq!(destination(named), "127.0.0.1:1/p/library/app:1");
}

#[test]
fn what_is_wrong_is_named_and_nothing_starts() {
    let empty = Empty::new();
    for (file, said) in [
        ("job = 3\n", "unknown key \"job\""),
        ("[mirror]\nx = 1\n", "unknown key \"mirror.x\""),
        ("[miror]\njobs = 1\n", "unknown key \"miror\""),
        ("jobs = 'many'\n", "jobs must be a number of at least 1"),
        ("jobs = 0\n", "jobs must be a number of at least 1"),
        ("jobs = -1\n", "jobs must be a number of at least 1"),
        ("tls-verify = 'yes'\n", "tls-verify must be true or false"),
        ("destination = 5\n", "destination must be a text"),
        ("rewrite = [1]\n", "rewrite must be a list of texts"),
        ("index = 'maybe'\n", "use \"maybe\" for index: it is none of preserve, docker, oci"),
        ("destination = 'https://r.example.com'\n", "https://r.example.com"),
        ("jobs = [\n", "line 1"),
        ("plugins = 3\n", "plugins"),
        ("[plugins]\nprefix = 'x'\n", "plugins.prefix"),
        ("mirror = 3\n", "mirror"),
        ("[jobs]\nx = 1\n", "jobs"),
        ("version = true\n", "unknown key \"version\""),
        ("help = true\n", "unknown key \"help\""),
        ("settings = 'other.toml'\n", "settings"),
    ] {
        let run = empty.mirror().file("wrong.toml", file);
        let run = run.args(["--settings", "wrong.toml"]).run();
        let context = format!("{file}{}", run.stderr);
        assert_eq!(run.exit, 2, "exit code of {context}");
        assert!(run.stderr.contains(said), "no `{said}` for {context}");
        assert_eq!(run.file("mirror-failed.txt"), None);
    }
    empty.mirror().args(["--settings", "no.toml"]).run().exits(2).complains("no.toml");
    empty.mirror().env("LONGSHORE_CONFIG", "none.toml").run().exits(2).complains("none.toml");
}
