//! Completions in the shells themselves: each is asked what it offers.

use std::process::Command;

use crate::support::Longshore;
use crate::support::skip::{installed, skip};

/// A folder with files to offer, and the script of a shell.
struct Offers {
    shell: &'static str,
    folder: tempfile::TempDir,
}

impl Offers {
    /// Returns `None` and skips the test if the shell is missing.
    fn of(shell: &'static str) -> Option<Self> {
        if !installed(shell) {
            skip(&format!("{shell} is missing"));
            return None;
        }
        let folder = tempfile::tempdir().expect("a scratch directory can be made");
        for name in ["images.txt", "photo.png", "list.yaml", "s.toml", "mirror.json", "page.html"] {
            std::fs::write(folder.path().join(name), "").expect("a file can be written");
        }
        std::fs::create_dir(folder.path().join("below")).expect("a folder can be made");
        std::fs::write(folder.path().join("below/deep.json"), "").expect("a file can be written");
        let script = Longshore::new().args(["completions", shell]).run().exits(0).stdout;
        std::fs::write(folder.path().join("script"), script).expect("a file can be written");
        Some(Self { shell, folder })
    }

    /// Runs a command in the shell, and returns what it prints, sorted.
    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Vec<String> {
        let mut shell = Command::new(self.shell);
        shell.args(arguments).current_dir(&self.folder).env("HOME", self.folder.path());
        let output = shell.output().unwrap_or_else(|error| panic!("{}: {error}", self.shell));
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(complaints.is_empty(), "{} complains:\n{complaints}", self.shell);
        let text = String::from_utf8(output.stdout).expect("it prints UTF-8");
        // fish puts the description after a tab.
        let words = text.lines().filter_map(|line| Some(line.split('\t').next()?.to_owned()));
        let mut words: Vec<String> = words.collect();
        words.sort();
        words
    }
}

#[test]
fn bash_offers_values_and_files_of_the_right_ending() {
    let Some(bash) = Offers::of("bash") else { return };
    let of = |words: &[&str]| {
        let (last, before) = (words[words.len() - 1], words[words.len() - 2]);
        let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let asked = format!(
            "compopt() {{ :; }}; source ./script; COMP_WORDS=(longshore {}); COMP_CWORD={}; \
             _longshore longshore '{last}' '{before}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            quoted.join(" "),
            words.len(),
        );
        bash.run(&["--norc", "-c", &asked])
    };
    let lists = ["below", "images.txt", "list.yaml", "mirror.json"];
    assert_eq!(of(&["mirror", "--file", ""]), lists);
    assert_eq!(of(&["mirror", "-f", ""]), lists);
    assert_eq!(of(&["mirror-validate", "-f", "i"]), ["images.txt"]);
    assert_eq!(of(&["convert-list", "-i", "l"]), ["list.yaml"]);
    assert_eq!(of(&["mirror", "--settings", "s."]), ["s.toml"]);
    assert_eq!(of(&["mirror-charts", "-c", ""]), ["below", "list.yaml"]);
    let formats = of(&["mirror", "--list-format", ""]);
    assert!(formats.contains(&"regsync".to_owned()), "{formats:?}");
    assert_eq!(of(&["mirror", "--rewrite", "pre"]), ["prefix"]);
    assert!(!of(&["mirror", "--rewrite", ""]).contains(&"registry".to_owned()));
    assert_eq!(of(&["mirror-validate", "--repo-type", "harb"]), ["harbor"]);
    assert_eq!(of(&["convert-list", "--to", "mirr"]), ["mirror"]);
    assert_eq!(of(&["mirror-charts", "--renderer", "he"]), ["helm"]);
    assert_eq!(of(&["mirror", "--index", "doc"]), ["docker"]);
    assert_eq!(of(&["plugin", "info", "flat"]), ["flatten"]);
    assert_eq!(of(&["mirror", "--repo-type", "aut"]), ["auto"]);
    assert_eq!(of(&["mirror", "-a", "arm"]), ["arm", "arm64"]);
    assert_eq!(of(&["copy", "--os", "win"]), ["windows"]);
    assert_eq!(of(&["mirror", "-d", "oci:"]), ["oci:"], "neither files nor flags");
    assert_eq!(of(&["copy", "--platform", "im"]), ["im"], "no file");
    for flag in ["-j", "--max-wait", "--limit-rate", "--default-project", "--shard", "--listen"] {
        assert_eq!(of(&["mirror", flag, "im"]), ["im"], "{flag} names no file");
    }
    assert_eq!(of(&["mirror", "--failed", "im"]), ["images.txt"]);
    assert_eq!(of(&["serve", "--htpasswd", "im"]), ["images.txt"]);
    assert_eq!(of(&["mirror", "--skip"]), [""], "the help hides --skip-login");
    assert_eq!(of(&["mirror", "--sou"]), ["--source", "--source-project"]);
}

#[test]
fn fish_offers_values_and_files_of_the_right_ending() {
    let Some(fish) = Offers::of("fish") else { return };
    for (line, expected) in [
        ("mirror -f ", &["below/", "images.txt", "list.yaml", "mirror.json"][..]),
        ("mirror --file i", &["images.txt"]),
        ("mirror-validate -f below/", &["below/deep.json"]),
        ("convert-list -i l", &["list.yaml"]),
        ("mirror --settings s.", &["s.toml"]),
        ("mirror --report pa", &["page.html"]),
        ("mirror --rewrite pre", &["prefix"]),
        ("mirror-validate --repo-type harb", &["harbor"]),
        ("mirror --index doc", &["docker"]),
        ("mirror --repo-type aut", &["auto"]),
        ("mirror --sigstore", &[]),
        ("mirror --overwr", &[]),
        ("mirror --skip-l", &[]),
        ("mirror --source-", &["--source-project"]),
    ] {
        let asked = format!("source script; complete -C 'longshore {line}'");
        assert_eq!(fish.run(&["--no-config", "-c", &asked]), expected, "{line}");
    }
}

#[test]
fn zsh_offers_values_and_files_of_the_right_ending() {
    let Some(zsh) = Offers::of("zsh") else { return };
    // The first call chooses the command, and the second one gets its flags. Both are those of zsh's completion
    // system, which needs a terminal.
    let specs = |command: &str| {
        let asked = format!(
            "compdef() {{ : }}; calls=0; _arguments() {{ \
               (( calls++ )) && {{ print -rl -- \"$@\"; return 0 }}; state=longshore; line=({command}) }}; \
             words=(longshore {command} ''); CURRENT=3; source ./script; _longshore"
        );
        zsh.run(&["-f", "-c", &asked])
    };
    for (command, flag, expected) in [
        ("mirror", "-f+[", ":FILE:_files -g \"*.(txt|yaml|yml|json)\""),
        ("mirror", "--file=[", ":FILE:_files -g \"*.(txt|yaml|yml|json)\""),
        ("mirror", "--settings=[", ":FILE:_files -g \"*.toml\""),
        ("mirror", "--report=[", ":FILE.html:_files -g \"*.html\""),
        ("convert-list", "-i+[", ":FILE:_files -g \"*.(txt|yaml|yml|json)\""),
        ("mirror-charts", "-c+[", ":FILE:_files -g \"*.(yaml|yml)\""),
        ("mirror", "--index=[", ":MODE:(preserve docker oci)"),
        ("mirror-validate", "--repo-type=[", ":PLUGIN:("),
    ] {
        let specs = specs(command);
        let found = specs.iter().find(|spec| spec.trim_start_matches('*').starts_with(flag));
        let found = found.unwrap_or_else(|| panic!("no {flag} in {command}: {specs:#?}"));
        assert!(found.contains(expected), "{command} {flag}: {found}");
    }
    let script = std::fs::read_to_string(zsh.folder.path().join("script")).expect("a script");
    for rest in script.split("_files -g \"").skip(1) {
        let pattern = rest.split('"').next().expect("the pattern ends");
        // zsh complains if the pattern has qualifiers that do not exist.
        zsh.run(&["-f", "-o", "nullglob", "-c", &format!("print -rl -- {pattern}")]);
    }
    for hidden in ["--skip-login", "--overwrite", "--sigstore-private-key", "--hide-log-time"] {
        let offered = specs("mirror").into_iter().find(|spec| spec.contains(hidden));
        assert_eq!(offered, None, "the help hides it");
    }
}
