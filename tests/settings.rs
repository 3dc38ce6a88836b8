//! The settings file: its location, its precedence, and errors in it.

use crate::plugin::{component, recited};
use crate::support::{Longshore, Registry};
use longshore_content::Image;

/// The user's settings file, relative to the working directory.
const USERS: &str = if cfg!(target_os = "macos") {
    "../home/Library/Application Support/longshore.toml"
} else {
    "../home/.config/longshore.toml"
};

/// Prepares a run with a plugin that rejects the only entry. It shows the resolved settings and
/// sends no requests.
fn mirror() -> Longshore {
    refused(Longshore::new().mirror()).args(["--rewrite", "./recites.wasm"])
}

fn refused(command: Longshore) -> Longshore {
    let command = command.list("app app 1\n").source("127.0.0.1:9");
    command.file("recites.wasm", component("recites"))
}

/// Returns the destination of the only entry.
#[track_caller]
fn destination(longshore: Longshore) -> String {
    recited(longshore).1
}

#[test]
fn the_file_is_named_by_flag_or_variable_or_lies_in_the_users_folder() {
    let all = || {
        mirror()
            .file("flag.toml", "destination = '127.0.0.1:1'\n")
            .file("variable.toml", "destination = '127.0.0.1:2'\n")
            .file(USERS, "destination = '127.0.0.1:3'\n")
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
    let file = || mirror().file("s.toml", file).args(["--settings", "s.toml"]);
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
    let with = |longshore: Longshore| longshore.file("longshore.toml", file);
    let named = ["--settings", "longshore.toml"];
    assert_eq!(destination(with(mirror()).args(named)), "127.0.0.1:1/mirror/app:1");
    let validate = refused(Longshore::new().validate()).args(["--rewrite", "./recites.wasm"]);
    let mirrored = "127.0.0.1:2/mirror/app:1";
    assert_eq!(destination(with(validate).args(named)), mirrored, "as mirror wrote it");
}

#[test]
fn validation_looks_where_mirror_wrote() {
    let source = Registry::embedded();
    source.push("team/app", "1", &Image::new("linux/amd64").build());
    let destination = Registry::embedded();
    let file = format!(
        "destination = '{}'\nsource = '{}'\n[mirror]\nrewrite = ['prefix', 'flatten']\n\
         plugin-config = ['prefix.prefix=copies']\n",
        destination.address(),
        source.address()
    );
    let list = "team/app team/app 1\n";
    let settings =
        |run: Longshore| run.list(list).file("s.toml", &file).args(["--settings", "s.toml"]);
    let run = settings(Longshore::new().mirror()).run().exits(0);
    let written = settings(run.again().validate()).run().exits(0);
    written.sums_up("1 valid, 0 skipped, 0 failed");
    let other = settings(run.again().validate()).args(["--rewrite", "prefix"]).run().exits(1);
    other.sums_up("0 valid, 0 skipped, 1 failed");
}

#[test]
fn debug_names_the_settings_file_and_an_idle_table_is_told() {
    let run = |file: &str| {
        let run = refused(Longshore::new().mirror()).file("s.toml", file);
        run.args(["--settings", "s.toml", "-d", "127.0.0.1:9", "--debug"]).run()
    };
    let told = run("[plugins.other]\na = 1\n").complains("settings file: s.toml");
    told.complains("[plugins.other] in s.toml has no effect");
    let quiet = run("[plugins.harbor]\npublic = true\n");
    assert!(!quiet.stderr.contains("has no effect"), "{}", quiet.stderr);
    let none = refused(Longshore::new().mirror()).args(["-d", "127.0.0.1:9", "--debug"]).run();
    none.complains("settings file: none");
    let registry = Registry::embedded();
    let who = Longshore::new().file("s.toml", "jobs = 3\n");
    let who = who.args(["whoami", registry.address(), "--settings", "s.toml"]).run().exits(0);
    assert!(who.stdout.ends_with("settings file: s.toml\n"), "{}", who.stdout);
}

#[test]
fn plugins_named_in_the_file_are_used() {
    let file = "rewrite = ['prefix', './recites.wasm']\ndestination = '127.0.0.1:1'\n\
                [plugins.prefix]\nprefix = 'p'\n";
    let named =
        refused(Longshore::new().mirror()).file("s.toml", file).args(["--settings", "s.toml"]);
    assert_eq!(destination(named), "127.0.0.1:1/p/library/app:1");
}

#[test]
fn invalid_settings_are_named_and_nothing_starts() {
    for (file, said) in [
        ("job = 3\n", "unknown key \"job\""),
        ("[mirror]\nx = 1\n", "unknown key \"mirror.x\""),
        ("[miror]\njobs = 1\n", "unknown key \"miror\""),
        ("jobs = 'many'\n", "use \"many\" for jobs: it must be a number of at least 1"),
        ("jobs = 0\n", "use \"0\" for jobs: it must be a number of at least 1"),
        ("jobs = -1\n", "use \"-1\" for jobs: it must be a number of at least 1"),
        ("tls-verify = 'yes'\n", "tls-verify must be true or false"),
        ("destination = 5\n", "destination must be a text"),
        ("rewrite = [1]\n", "rewrite must be a list of texts"),
        ("index = 'maybe'\n", "use \"maybe\" for index: it must be one of preserve, docker, oci"),
        (
            "destination = 'https://r.example.com'\n",
            "wrong.toml: use destination \"https://r.example.com\"",
        ),
        ("jobs = [\n", "line 1"),
        ("a = 1\n\njob = 3\n", "wrong.toml:1: unknown key \"a\""),
        ("\n\njob = 3\n", "wrong.toml:3: unknown key \"job\""),
        ("\n\njob = 3\n", "hint: the nearest key is jobs"),
        ("[plugins.prefx]\nprefix = 'a'\n", "wrong.toml:1: unknown key \"plugins.prefx\""),
        ("[plugins.prefx]\nprefix = 'a'\n", "hint: the nearest key is plugins.prefix"),
        (
            "[plugins.harbor]\npublik = true\n",
            "wrong.toml:2: unknown key \"plugins.harbor.publik\"",
        ),
        ("[mirror]\nlisten = 'x'\n", "hint: [serve] has it"),
        ("plugins = 3\n", "unknown key \"plugins\""),
        ("[plugins]\nprefix = 'x'\n", "plugins.prefix must be a table"),
        ("mirror = 3\n", "unknown key \"mirror\""),
        ("[mirror]\nlisten = '127.0.0.1:0'\n", "unknown key \"mirror.listen\""),
        ("[jobs]\nx = 1\n", "jobs must be a number or a text"),
        ("version = true\n", "unknown key \"version\""),
        ("help = true\n", "unknown key \"help\""),
        ("settings = 'other.toml'\n", "unknown key \"settings\""),
    ] {
        // Without the flag that would override the file's key.
        let run = refused(Longshore::new().mirror()).file("wrong.toml", file);
        let run = run.args(["--settings", "wrong.toml"]).run();
        let context = format!("{file}{}", run.stderr);
        assert_eq!(run.exit, 2, "exit code of {context}");
        assert!(run.stderr.contains(said), "no `{said}` for {context}");
        assert_eq!(run.file("mirror-failed.txt"), None);
    }
    mirror().args(["--settings", "no.toml"]).run().exits(2).complains("no.toml");
    mirror().env("LONGSHORE_CONFIG", "none.toml").run().exits(2).complains("none.toml");
}

#[test]
fn the_embedded_registry_has_settings_too() {
    let file = "htpasswd = 'users'\n[serve]\nlisten = '127.0.0.1:0'\n";
    // The format is valid. The password does not matter.
    let users = "me:$2y$04$abcdefghijklmnopqrstuuJ6yk6LkPqf0/vYP1hOu3x4iCmQBlcGi\n";
    let longshore = Longshore::new().file("s.toml", file).file("users", users);
    let registry = Registry::embedded_by(longshore.args(["serve", "--settings", "s.toml"]));
    let answer = registry.endpoint().manifest("app", "1");
    assert!(
        answer.is_err_and(|error| error.to_string().contains("401")),
        "it asks for no password"
    );

    let wrong = Longshore::new().file("s.toml", "listen = 'here'\n");
    let run = wrong.args(["serve", "--settings", "s.toml"]).run().exits(2);
    run.complains("s.toml: use \"here\" for listen: it must be an address and a port");
}

#[test]
fn the_example_is_a_settings_file() {
    let example = include_str!("../examples/longshore.toml");
    let longshore = refused(Longshore::new().mirror()).file("longshore.toml", example);
    let both = ["--rewrite", "prefix", "--rewrite", "./recites.wasm"];
    let named = longshore.args(["--settings", "longshore.toml"]).args(both);
    assert_eq!(destination(named), "registry.example.com/mirror/hub/library/app:1");
}
