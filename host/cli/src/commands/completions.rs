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
    let script = without_hidden(&String::from_utf8_lossy(&script), shell, &flags::hidden());
    match shell {
        Shell::Bash => format!("{BASH_FILES}{}", with_endings(&script, Bash::default())),
        Shell::Zsh => with_endings(&script, Zsh),
        Shell::Fish => with_endings(&script, Fish),
        // These offer no files at all.
        _ => script,
    }
}

/// Leaves out the flags that the help does not show, such as those of Hangar that change nothing. `clap_complete`
/// offers them all.
fn without_hidden(script: &str, shell: Shell, hidden: &[String]) -> String {
    let offers = |line: &str, flag: &str| match shell {
        Shell::Zsh => {
            let line = line.trim_start_matches(['*', '\'', ' ']);
            line.strip_prefix(flag).is_some_and(|rest| rest.starts_with(['=', '[']))
        }
        Shell::Fish => {
            line.split(' ').skip_while(|word| *word != "-l").nth(1) == flag.strip_prefix("--")
        }
        Shell::Elvish => line.trim_start().starts_with(&format!("cand {flag} ")),
        Shell::PowerShell => line.contains(&format!("::new('{flag}',")),
        // In bash, all flags of a command are in one line.
        _ => false,
    };
    let mut text = String::with_capacity(script.len());
    let mut lines = script.lines();
    while let Some(line) = lines.next() {
        if hidden.iter().any(|flag| offers(line, flag)) {
            // fish has each value of a flag in a line of its own.
            if shell == Shell::Fish && line.matches('"').count() % 2 == 1 {
                lines.by_ref().find(|line| line.ends_with('"'));
            }
            continue;
        }
        if shell == Shell::Bash && line.trim_start().starts_with("opts=") {
            let words = line.split(' ').filter(|word| !hidden.iter().any(|flag| flag == word));
            text.push_str(&words.collect::<Vec<_>>().join(" "));
        } else {
            text.push_str(line);
        }
        text.push('\n');
    }
    text
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
            // zsh takes `(toml)` at the end of a pattern for qualifiers: only several endings may be in parentheses.
            Some([ending]) => format!("{before}:_files -g \"*.{ending}\"'{after}"),
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
    use clap_complete::Shell;

    use super::script;

    #[test]
    fn no_shell_offers_flags_that_the_help_hides() {
        use clap::ValueEnum as _;
        let hidden = crate::flags::hidden();
        for flag in ["--sigstore-private-key", "--skip-login", "--overwrite", "--hide-log-time"] {
            assert!(hidden.iter().any(|known| known == flag), "{flag}: {hidden:?}");
        }
        for flag in ["--tls-verify", "--arch", "--quiet"] {
            assert!(!hidden.iter().any(|known| known == flag), "the help shows {flag}");
        }
        for shell in Shell::value_variants() {
            let script = script(*shell);
            let offers = |line: &&str| {
                !line.trim().ends_with("=)")
                    && !line.trim().ends_with(')')
                    && (line.contains("sigstore-private-key") || line.contains("skip-login"))
            };
            assert_eq!(script.lines().find(offers), None, "{shell}");
            assert!(script.contains("default-project"), "{shell}");
        }
    }

    #[test]
    fn each_shell_offers_files_of_the_right_ending() {
        let zsh = script(Shell::Zsh);
        assert!(zsh.contains(":FILE:_files -g \"*.(txt|yaml|yml|json)\"'"), "lists");
        assert!(zsh.contains(":FILE:_files -g \"*.toml\"'"), "settings");
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
}
