//! Flags, the settings file and completions.

use longshore_content::{Content, Image};

use crate::support::{Longshore, Pair, Registry};

fn image() -> Content {
    Image::new("linux/amd64").layer(1, 100).build()
}

fn mirror() -> Longshore {
    Longshore::new().mirror().list("a b 1\n").source("127.0.0.1:9").destination("127.0.0.1:9")
}

#[test]
fn invalid_flag_values_are_named() {
    for (flag, value) in [
        ("--jobs", "0"),
        ("--jobs", "-1"),
        ("--jobs", "x"),
        ("--jobs", "1.5"),
        ("--index", "what"),
        ("--output", "xml"),
    ] {
        let run = mirror().args([flag, value]).run().exits(2);
        let run = run.complains(&format!("invalid value '{value}' for '{flag} <"));
        assert_eq!((&*run.stdout, run.file("mirror-failed.txt")), ("", None));
    }
    mirror().args(["-j", "0"]).run().exits(2).complains("it must be a number of at least 1");
    mirror().arg("--debug=maybe").run().exits(2).complains("[possible values: true, false]");
    mirror().arg("--no-such-flag").run().exits(2).complains("unexpected argument '--no-such-flag'");
    Longshore::new().arg("what").run().exits(2).complains("unrecognized subcommand 'what'");
}

#[test]
fn an_ipv6_address_without_brackets_is_told_how_to_write_it() {
    let addresses = [
        ("::1", "[::1]"),
        ("::1:5000", "[::1]:5000"),
        ("fd00::1", "[fd00::1]"),
        ("2001:db8:0:0:0:0:0:1:5000", "[2001:db8::1]:5000"),
        ("fe80::1%eth0", "[fe80::1]"),
    ];
    let run = |flag: &str, value: &str| {
        let list = Longshore::new().mirror().list("a b 1\n");
        let other = if flag == "-s" { "-d" } else { "-s" };
        list.args([other, "127.0.0.1:9", flag, value]).run().exits(2)
    };
    for (address, written) in addresses {
        for flag in ["-s", "-d"] {
            for (before, behind) in [("", ""), ("", "/"), ("", "/team"), ("https://", "/team")] {
                let run = run(flag, &format!("{before}{address}{behind}"));
                let run = run.complains("an IPv6 address needs brackets");
                run.complains(&format!("hint: write {flag} {written}"));
            }
        }
    }
    let list = "::1/a/b c/d 1\nfd00::1:5000/a/b c/d 2\n";
    let run = Longshore::new().mirror().list(list).destination("127.0.0.1:9").run().exits(1);
    assert_eq!(run.stderr.matches("an IPv6 address needs brackets").count(), 2, "{}", run.stderr);
}

#[test]
fn empty_values_are_unset() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image());
    let empty = ["--index", "", "-j", "", "--output=", "--arch=", "--repo-type", "", "--dry-run="];
    let run = pair.mirror("team/app team/app 1\n").args(empty).run().exits(0);
    run.sums_up("1 copied, 0 skipped, 0 failed");
    pair.assert_arrived("team/app", "1", &image());
}

#[test]
fn flags_of_other_tools_get_a_hint() {
    mirror().args(["--tls-verify", "false"]).run().exits(2).complains("--tls-verify=false");
    let run = Longshore::new().mirror().arg("images.txt").run().exits(2);
    run.complains("tip: name an image list with -f: -f images.txt");
}

#[test]
fn the_embedded_registry_listens_on_names_of_loopback_only() {
    let registry =
        Registry::embedded_by(Longshore::new().args(["serve", "--listen", "localhost:0"]));
    registry.push("team/app", "1", &image());
    let run = Longshore::new().args(["serve", "--listen", "localhost"]).run().exits(2);
    run.complains(
        "it must be an address and a port, such as 127.0.0.1:5000, [::1]:5000 or localhost:5000",
    );
}

#[test]
fn filters_and_plugins_that_do_not_exist_are_refused_with_a_hint() {
    for (flags, error, hint) in [
        (
            ["-a", "a b"],
            "read the platform filter: architecture \"a b\" is invalid",
            "hint: for example --arch amd64,arm64 --os linux; all is every one",
        ),
        (["--os", ","], "read the platform filter: --os is empty", "all is every one"),
        (
            ["-a", "amd46"],
            "read the platform filter: architecture \"amd46\" is unknown",
            "hint: the nearest known one is amd64; --arch-any takes any word, and so does OS/ARCH",
        ),
        (["-a", "arm64,arm/v77"], "architecture \"arm/v77\" is unknown", "is arm/v7"),
        (["--os", "Linx"], "operating system \"Linx\" is unknown", "is linux"),
        (["--os", "macos"], "operating system \"macos\" is unknown", "known are aix, android, "),
        (
            ["--list-format", "what"],
            "no list-format plugin has that name (there are: compose, ",
            "hint: give the path of a plugin in a file",
        ),
        (
            ["--rewrite", "what"],
            "no rewrite plugin has that name (there are: flatten, map, policy, prefix, regex)",
            "give the path",
        ),
        (["--repo-type", "what"], "no repo-type plugin has that name", "the path of a plugin"),
        (["--plugin-config", "prefix"], "it is not NAME.KEY=VALUE", "hint: for example"),
        (["--plugin-config", "nobody.x=1"], "this run uses no plugin of that name", "use"),
    ] {
        let run = mirror().args(flags).run().exits(2);
        run.complains("[ERRO] failed to ").complains(error).complains(hint);
    }
}

#[test]
fn many_jobs_work() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image());
    pair.mirror("team/app team/app 1\n").args(["-j", "64"]).run().exits(0);
}

#[test]
fn the_old_spelling_of_debug_still_works() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image());
    for flag in ["-debug", "--debug", "--debug=true"] {
        let run = pair.mirror("team/app team/app 1\n").arg(flag).run().exits(0);
        assert!(run.stderr.contains(" [DEBU] "), "{flag}: {}", run.stderr);
        pair.assert_arrived("team/app", "1", &image());
    }
    let run = pair.mirror("team/app team/app 1\n").arg("--debug=false").run().exits(0);
    assert!(!run.stderr.contains(" [DEBU] "), "{}", run.stderr);
}

#[test]
fn quiet_logs_only_warnings_and_errors() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image());
    pair.source.push("team/other", "1", &Image::new("linux/s390x").build());
    let list = "team/app team/app 1\nteam/other team/other 1\nteam/missing team/missing 1\n";
    let settings = ["--settings", "s.toml"];
    for (flags, command) in [
        (&["-q"][..], "mirror"),
        (&["--quiet"], "mirror-validate"),
        (&["-quiet"], "mirror validate"),
        (&["--quiet=true", "--dry-run"], "mirror"),
        (&["-q", "--quiet"], "mirror"),
        (&["-q", "-q"], "mirror-validate"),
        (&["--quiet=false", "--quiet", "--dry-run", "--dry-run=true"], "mirror"),
        (&settings, "mirror"),
    ] {
        let run = pair.run(command, list).file("s.toml", "quiet = true\n").args(flags);
        let run = run.run().exits(1);
        assert!(!run.stderr.contains(" [INFO] "), "{flags:?}:\n{}", run.stderr);
        let run = run.complains(" [ERRO] [M_ID:3] ");
        assert!(run.stdout.contains(" skipped, 1 failed, "), "{flags:?}:\n{}", run.stdout);
        // A dry run shows what is skipped on standard output.
        let warns = !flags.contains(&"--dry-run");
        assert_eq!(run.stderr.contains(" [WARN] "), warns, "{flags:?}:\n{}", run.stderr);
    }
    for (flags, level) in [(["-q", "--debug"], " [DEBU] "), (["--quiet=false", "-j1"], " [INFO] ")]
    {
        let run = pair.mirror(list).args(flags).run().exits(1);
        assert!(run.stderr.contains(level), "{flags:?}:\n{}", run.stderr);
    }
}

#[test]
fn o_json_is_a_file_and_a_warning() {
    let pair = Pair::embedded();
    let run = pair.mirror("team/app team/app 1\n").args(["-o", "json"]).run().exits(1);
    let run = run.complains(
        "[WARN] -o names the file of the failed list, here json; --output json prints the report in that format",
    );
    assert!(run.file("json").is_some_and(|text| text.ends_with("\nteam/app team/app 1\n")));
}

#[test]
fn the_settings_file_gives_values_for_missing_flags() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image());
    let settings = format!(
        "source = \"{}\"\ndestination = \"settings.invalid\"\narch = [\"s390x\"]\n\
         rewrite = [\"prefix\"]\n[mirror]\narch = \"all\"\nfailed = \"left.txt\"\n\
         [plugins.prefix]\nprefix = \"deep\"\n",
        pair.source.address()
    );
    let run =
        |file: &str| Longshore::new().mirror().list("team/app team/app 1\n").file(file, &settings);
    run("../home/.config/longshore.toml").destination(pair.destination.address()).run().exits(0);
    pair.assert_arrived("deep/team/app", "1", &image());
    let address = pair.destination.address();
    let skipped = "0 copied, 1 skipped, 0 failed";
    let by_flag = run("my.toml").args(["--settings", "my.toml"]).env("DOCKER_REGISTRY", address);
    by_flag.run().exits(0).sums_up(skipped);
    let by_variable = run("my.toml").env("LONGSHORE_CONFIG", "my.toml").destination(address);
    by_variable.run().exits(0).sums_up(skipped);
}

#[test]
fn a_wrong_settings_file_is_named_with_the_place() {
    let hint = "use a long flag without its dashes as key; tables are the commands, such as [mirror], \
                and [plugins.NAME]";
    for (text, error, hint) in [
        ("job = 3\n", "1: unknown key \"job\"", "the nearest key is jobs"),
        ("[mirror]\nqqqq = 1\n", "2: unknown key \"mirror.qqqq\"", hint),
        ("\n[charts]\nfoo = 1\n", "2: unknown key \"charts\"", hint),
        (
            "[mirror-chart]\nfoo = 1\n",
            "1: unknown key \"mirror-chart\"",
            "the nearest key is mirror-charts",
        ),
    ] {
        let run = mirror().file("s.toml", text).args(["--settings", "s.toml"]).run().exits(2);
        let error = format!("[ERRO] failed to read the settings file s.toml:{error}");
        assert_eq!(run.complaints(), [error, format!("[ERRO] hint: {hint}")]);
    }
    for (text, error) in [
        ("jobs = 0\n", "use \"0\" for jobs: it must be a number of at least 1"),
        ("debug = \"yes\"\n", "debug must be true or false"),
        ("index = \"what\"\n", "use \"what\" for index: it must be one of preserve, docker, oci"),
        ("a = [\n", "line 1"),
    ] {
        let run = mirror().file("s.toml", text).args(["--settings", "s.toml"]).run().exits(2);
        run.complains(error);
    }
    let missing = mirror().args(["--settings", "none.toml"]).run().exits(2);
    missing
        .complains("none.toml")
        .complains("hint: check its path and its rights; --settings or LONGSHORE_CONFIG names");
}

#[test]
fn completions_name_the_subcommands() {
    for shell in ["bash", "zsh", "fish"] {
        let run = Longshore::new().args(["completions", shell]).run().exits(0);
        for word in ["mirror", "mirror-validate", "serve", "completions", "no-arch-os-fail"] {
            assert!(run.stdout.contains(word), "{shell} does not know {word}");
        }
        assert_eq!(run.stderr, "");
    }
    Longshore::new().args(["completions", "what"]).run().exits(2).complains("'what'");
}

#[test]
fn manual_pages_are_written() {
    let main = Longshore::new().arg("man").run().exits(0);
    assert!(main.stdout.contains(".TH longshore 1"), "{}", main.stdout);
    let all = Longshore::new().args(["man", "pages/man1"]).run().exits(0);
    assert_eq!((&*all.stdout, &*all.stderr), ("", ""));
    for (page, text) in [
        ("longshore", "longshore\\-mirror\\-validate(1)"),
        ("longshore-mirror", "no\\-arch\\-os\\-fail"),
        ("longshore-mirror-validate", "\\-\\-deep"),
        ("longshore-convert-list", "\\-\\-auto\\-yes"),
        ("longshore-serve", "htpasswd"),
        ("longshore-man", "manual pages"),
    ] {
        let page = all.file(&format!("pages/man1/{page}.1")).expect(page);
        assert!(page.contains(text), "no {text} in\n{page}");
    }
    Longshore::new().file("file", "").args(["man", "file/x"]).run().exits(2).complains("file/x");
}

#[test]
fn a_flag_without_effect_is_hidden_and_refused() {
    let plugins = ["plugin", "list"];
    for command in
        [&["serve"][..], &["completions", "bash"], &["man"], &["logout", "r.io"], &plugins]
    {
        let help = Longshore::new().args(command).arg("--help").run().exits(0);
        assert!(!help.stdout.contains("--tls-verify"), "{}", help.stdout);
        assert!(help.stdout.contains("--debug"), "{}", help.stdout);
        let named = if command[0] == "plugin" { "plugin list" } else { command[0] };
        let error = format!("use --tls-verify: it has no effect on {named}");
        for flag in ["--tls-verify=false", "--tls-verify"] {
            let behind = Longshore::new().args(command).arg(flag).run().exits(2);
            behind.complains(&error).complains("hint: leave it out");
            let before = Longshore::new().arg(flag).args(command).run().exits(2);
            before.complains(&error);
        }
    }
    for command in ["mirror", "mirror-validate", "convert-list"] {
        let help = Longshore::new().args([command, "--help"]).run().exits(0);
        assert!(help.stdout.contains("--tls-verify"), "{}", help.stdout);
    }
    let settings = Longshore::new().file("../home/.config/longshore.toml", "tls-verify = false\n");
    settings.args(["serve", "--listen", "300.0.0.1:1"]).run().exits(2).complains("--listen");
}

#[test]
fn help_names_folders_and_no_flag_of_hangar() {
    for command in ["mirror", "mirror-validate"] {
        let help = Longshore::new().args([command, "-h"]).run().exits(0);
        for flag in ["--source <REGISTRY|oci:DIR>", "--destination <REGISTRY|oci:DIR>"] {
            assert!(help.stdout.contains(flag), "{}", help.stdout);
        }
        for flag in ["skip-login", "overwrite", "sigstore", "insecure-policy", "provenance"] {
            assert!(!help.stdout.contains(flag), "{flag}");
        }
    }
}

#[test]
fn help_is_no_error() {
    for arguments in [&["--help"][..], &["mirror", "--help"], &["mirror-validate", "-h"]] {
        let run = Longshore::new().args(arguments).run().exits(0);
        assert!(run.stdout.contains("Usage: longshore") && run.stderr.is_empty());
    }
}
