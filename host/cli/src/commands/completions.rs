//! Runs `longshore completions`.

use clap_complete::Shell;

use crate::error::{Exit, Fatal};
use crate::flags::{self, Completions};
use crate::report;

/// The function of bash for files with one of some endings, and for folders.
const BASH_FILES: &str = r#"_longshore_files() {
    compgen -d -- "$2"
    compgen -f -- "$2" | grep -E "\.($1)\$"
}

"#;

/// Prints the completion script of a shell.
pub(crate) fn print(flags: &Completions) -> Result<Exit, Fatal> {
    report::print(&script(flags.shell))?;
    Ok(Exit::Done)
}

fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut flags::command(), "longshore", &mut script);
    let script = String::from_utf8_lossy(&script);
    match shell {
        Shell::Bash => format!("{BASH_FILES}{}", with_endings(&script, Bash::default())),
        Shell::Zsh => with_endings(&script, Zsh),
        Shell::Fish => with_endings(&script, Fish),
        // These offer no files at all.
        _ => script.into_owned(),
    }
}

/// A shell whose script offers files of the right ending. `clap_complete` offers any file.
trait Script {
    fn line(&mut self, line: &str) -> String;
}

fn with_endings(script: &str, mut shell: impl Script) -> String {
    let lines = script.lines().map(|line| shell.line(line) + "\n");
    lines.collect()
}

/// In bash, the files stand in a later line than their flag.
#[derive(Default)]
struct Bash {
    endings: Option<&'static [&'static str]>,
}

impl Script for Bash {
    fn line(&mut self, line: &str) -> String {
        // The arm of a short flag follows that of its long one.
        if let Some(long) = line.trim().strip_prefix("--").and_then(|arm| arm.strip_suffix(')')) {
            self.endings = flags::endings(long);
        }
        match self.endings {
            Some(endings) => {
                let files = format!("_longshore_files \"{}\" \"${{cur}}\"", endings.join("|"));
                line.replace("compgen -f \"${cur}\"", &files)
            }
            None => line.to_owned(),
        }
    }
}

struct Zsh;

impl Script for Zsh {
    fn line(&mut self, line: &str) -> String {
        // '-f+[help]:FILE:_files' or '--file=[help]:FILE:_files'; the short form has the text of the long one.
        let Some((before, after)) = line.split_once(":_files'") else { return line.to_owned() };
        match endings_in_zsh(before) {
            Some(endings) => format!("{before}:_files -g \"*.({})\"'{after}", endings.join("|")),
            None => line.to_owned(),
        }
    }
}

/// The endings for a line of zsh. A short flag is known by the long one with the same help.
fn endings_in_zsh(line: &str) -> Option<&'static [&'static str]> {
    let flag = line.trim_start().trim_start_matches("*'").trim_start_matches('\'');
    if let Some(long) = flag.strip_prefix("--") {
        return flags::endings(long.split(['=', '[']).next()?);
    }
    let (_, help) = flag.split_once('[')?;
    let start = help.split(['[', '\\', ']', '\'']).next()?;
    flags::command().get_subcommands().find_map(|command| {
        let mut flags = command.get_arguments();
        let same = flags.find(|flag| {
            let text = flag.get_help().map(ToString::to_string).unwrap_or_default();
            flag.get_short().is_some() && text.starts_with(start)
        });
        flags::endings(same?.get_long()?)
    })
}

struct Fish;

impl Script for Fish {
    fn line(&mut self, line: &str) -> String {
        let long = line.split(" -l ").nth(1).and_then(|rest| rest.split(' ').next());
        match (line.strip_suffix(" -r -F"), long.and_then(flags::endings)) {
            (Some(before), Some(endings)) => {
                // `__fish_complete_suffix` takes one ending only.
                let endings = endings.join("|");
                let word = r"commandline -ct | string replace -r '^--[^=]*=' ''";
                let fits = format!(r"string match -r '^[^\t]*(?:/|\.(?:{endings}))(?:\t.*)?\$'");
                format!("{before} -r -f -a \"(__fish_complete_path ({word}) | {fits})\"")
            }
            _ => line.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use clap_complete::Shell;

    use super::script;

    #[test]
    fn each_shell_offers_files_of_the_right_ending() {
        let zsh = script(Shell::Zsh);
        assert!(zsh.contains(":FILE:_files -g \"*.(txt|yaml|yml|json)\"'"), "lists");
        assert!(zsh.contains(":FILE:_files -g \"*.(toml)\"'"), "settings");
        let lists = zsh.lines().filter(|line| line.contains("*.(txt|yaml|yml|json)"));
        let lists: Vec<&str> = lists.collect();
        assert!(lists.iter().any(|line| line.contains("'-f+[")), "the short flag: {lists:?}");
        assert!(lists.iter().any(|line| line.contains("'-i+[")), "that of convert-list: {lists:?}");
        let fish = script(Shell::Fish);
        assert!(fish.contains(r"(?:/|\.(?:txt|yaml|yml|json))"), "lists");
        assert!(
            fish.contains("-s c -l config") && fish.contains(r"(?:/|\.(?:yaml|yml))"),
            "charts"
        );
    }

    /// What bash offers after these words.
    fn offered(words: &[&str]) -> Option<Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        for name in ["images.txt", "photo.png", "list.yaml", "s.toml", "mirror.json"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("below")).unwrap();
        let path = folder.path().join("script.bash");
        std::fs::write(&path, script(Shell::Bash)).unwrap();
        let last = words.len() - 1;
        let before = words[last - 1];
        let asked = format!(
            "compopt() {{ :; }}; source script.bash; COMP_WORDS=({}); COMP_CWORD={last}; _longshore longshore '{}' '{before}'; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
            words[last],
        );
        let output =
            Command::new("bash").args(["-c", &asked]).current_dir(&folder).output().ok()?;
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let mut offered: Vec<String> = text.lines().map(str::to_owned).collect();
        offered.sort();
        Some(offered)
    }

    #[test]
    fn bash_offers_values() {
        if offered(&["longshore", "mir"]).is_none() {
            return;
        }
        let of = |words: &[&str]| offered(&[&["longshore"], words].concat()).unwrap();
        let lists = ["below", "images.txt", "list.yaml", "mirror.json"];
        assert_eq!(of(&["mirror", "--file", ""]), lists);
        assert_eq!(of(&["mirror", "-f", ""]), lists);
        assert_eq!(of(&["mirror-validate", "-f", "i"]), ["images.txt"]);
        assert_eq!(of(&["convert-list", "-i", "l"]), ["list.yaml"]);
        assert_eq!(of(&["mirror", "--settings", "s"]), ["s.toml"]);
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
    }

    /// Shells that not every machine has: each asks its own script.
    #[test]
    fn fish_offers_files_of_the_right_ending() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["images.txt", "photo.png", "list.yaml", "s.toml", "page.html"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("below")).unwrap();
        std::fs::write(folder.path().join("below/deep.json"), "").unwrap();
        std::fs::write(folder.path().join("script.fish"), script(Shell::Fish)).unwrap();
        let offered = |line: &str| {
            let asked = format!("source script.fish; complete -C 'longshore {line}'");
            let mut fish = Command::new("fish");
            fish.args(["--no-config", "-c", &asked])
                .current_dir(&folder)
                .env("HOME", folder.path());
            let output = fish.output().ok()?;
            assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
            let text = String::from_utf8(output.stdout).unwrap();
            let names = text.lines().filter_map(|line| Some(line.split('\t').next()?.to_owned()));
            let mut names: Vec<String> = names.collect();
            names.sort();
            Some(names)
        };
        for (line, expected) in [
            ("mirror -f ", &["below/", "images.txt", "list.yaml"][..]),
            ("mirror --file i", &["images.txt"]),
            ("mirror-validate -f below/", &["below/deep.json"]),
            ("convert-list -i l", &["list.yaml"]),
            ("mirror --settings s", &["s.toml"]),
            ("mirror --report pa", &["page.html"]),
        ] {
            // Without fish, the text of the script above is all that is checked.
            let Some(found) = offered(line) else { return };
            assert_eq!(found, expected, "{line}");
        }
    }
}
