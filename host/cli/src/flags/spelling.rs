//! Rewrites arguments before clap parses them, and adds tips to its errors.

use std::ffi::{OsStr, OsString};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, ValueHint};

use self::other_tools::{of_other_tools, with_other_command};

mod other_tools;

/// Returns the arguments with two dashes before long flags, and without flags whose value is empty: those
/// are unset. `command` defines the flags.
///
/// Old versions of Hangar, and image-tools, spell long flags with one dash. Clap would read `-debug` as
/// `-d ebug`, and `-harbor-https` as `-h`.
pub(crate) fn normalised(
    arguments: impl IntoIterator<Item = OsString>,
    command: impl FnOnce() -> Command,
) -> Vec<OsString> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let is_odd = |argument: &OsString| {
        argument.is_empty() || ends_in_equals_sign(argument) || has_one_dash(argument)
    };
    if !arguments.iter().any(is_odd) {
        return arguments;
    }
    let flags = Flags::of(&command());
    let mut kept: Vec<OsString> = Vec::with_capacity(arguments.len());
    let mut arguments = arguments.into_iter();
    for argument in arguments.by_ref() {
        let of_flag = kept.last().is_some_and(|before| flags.takes_next(before));
        if argument == "--" && !of_flag {
            kept.push(argument);
            break;
        }
        let argument = if of_flag { argument } else { flags.with_two_dashes(argument) };
        if argument.is_empty() && of_flag {
            kept.pop();
        } else if of_flag || !flags.is_emptied_by(&argument) {
            kept.push(argument);
        }
    }
    kept.extend(arguments);
    kept
}

/// Says whether the argument may be a long flag with one dash.
fn has_one_dash(argument: &OsStr) -> bool {
    let bytes = argument.as_encoded_bytes();
    bytes.len() > 2 && bytes[0] == b'-' && bytes[1].is_ascii_lowercase()
}

fn ends_in_equals_sign(argument: &OsStr) -> bool {
    argument.as_encoded_bytes().ends_with(b"=")
}

/// Looks up the flags of all commands.
struct Flags(Vec<Arg>);

impl Flags {
    fn of(command: &Command) -> Self {
        let commands = std::iter::once(command).chain(command.get_subcommands());
        Self(commands.flat_map(Command::get_arguments).cloned().collect())
    }

    /// Finds the flag that is written like this, such as `--jobs` or `-j`.
    fn find(&self, written: &str) -> Option<&Arg> {
        let is_meant = |flag: &&Arg| match written.strip_prefix("--") {
            Some(long) => flag.get_long() == Some(long),
            None => written.strip_prefix('-').is_some_and(|short| {
                let mut letters = short.chars();
                letters.next() == flag.get_short() && !short.is_empty() && letters.next().is_none()
            }),
        };
        self.0.iter().find(is_meant)
    }

    /// Returns the argument with two dashes if it is a long flag with one.
    fn with_two_dashes(&self, argument: OsString) -> OsString {
        let Some(text) = argument.to_str().filter(|_| has_one_dash(&argument)) else {
            return argument;
        };
        let flag = text[1..].split_once('=').map_or(&text[1..], |(flag, _)| flag);
        if self.0.iter().any(|known| known.get_long() == Some(flag)) {
            return format!("-{text}").into();
        }
        argument
    }

    /// Says whether the next argument is the value of this one.
    fn takes_next(&self, argument: &OsStr) -> bool {
        let flag = argument.to_str().and_then(|written| self.find(written));
        flag.is_some_and(|flag| flag.get_action().takes_values() && !flag.is_require_equals_set())
    }

    /// Says whether the argument is a flag with an empty value: `--flag=`.
    fn is_emptied_by(&self, argument: &OsStr) -> bool {
        let written = argument.to_str().and_then(|text| text.strip_suffix('='));
        let flag = written.and_then(|written| self.find(written));
        flag.is_some_and(|flag| flag.get_action().takes_values())
    }
}

/// Adds a tip to the error if the arguments follow the habits of another tool.
pub(crate) fn with_tip(
    error: clap::Error,
    arguments: &[OsString],
    command: &Command,
) -> clap::Error {
    let mut error = with_other_command(without_subcommand(error, arguments, command));
    if let Some(tip) = of_failed_list(&error, arguments, command) {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
        return error;
    }
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let before = arguments.iter().position(|argument| *argument == **unknown);
    let before = before.and_then(|at| {
        // The flag of a value that comes after another value.
        let mut words = arguments.get(..at)?.iter().rev().filter_map(|word| word.to_str());
        let last = words.next()?;
        if last.starts_with('-') {
            Some(last)
        } else {
            words.next().filter(|word| takes_commas(word))
        }
    });
    let tip = match (before, unknown.as_str()) {
        (Some(flag), "true" | "false") if flag.starts_with("--") => {
            format!("write the value of {flag} behind an equals sign: {flag}={unknown}")
        }
        (Some(flag), file) if !file.starts_with('-') && takes_file_behind_equals(flag, command) => {
            format!("write the value of {flag} behind an equals sign: {flag}={file}")
        }
        (Some(flag), word) if !word.starts_with('-') && takes_commas(flag) => {
            format!("separate the values of {flag} with commas")
        }
        (_, word) if !word.starts_with('-') => match positional(word, arguments, command) {
            Some(tip) => tip,
            None => return error,
        },
        (_, flag) => match of_other_tools(flag, arguments, command) {
            Some(tip) => tip,
            None => return without_dashes(error),
        },
    };
    // The usage of a similar flag, which is not meant.
    if error.remove(ContextKind::SuggestedArg).is_some() {
        error.remove(ContextKind::Usage);
    }
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    error
}

/// Removes clap's tip to write the flag behind `--`: no registry, image or file is named like a flag.
fn without_dashes(mut error: clap::Error) -> clap::Error {
    if let Some(ContextValue::StyledStrs(tips)) = error.get(ContextKind::Suggested)
        && tips.iter().any(|tip| tip.to_string().starts_with("to pass '"))
    {
        error.remove(ContextKind::Suggested);
    }
    error
}

/// Says whether a flag takes values that are separated with commas.
fn takes_commas(flag: &str) -> bool {
    ["-a", "--arch", "--os"].contains(&flag)
}

/// Returns the tip for a word that is not a flag: a list, or a registry after one.
fn positional(word: &str, arguments: &[OsString], command: &Command) -> Option<String> {
    let given = |flags: [&str; 2]| {
        arguments.iter().any(|argument| flags.iter().any(|flag| *argument == **flag))
    };
    let of = arguments.iter().skip(1).find_map(|argument| command.find_subcommand(argument))?;
    let has = |flag: &str| of.get_arguments().any(|known| known.get_long() == Some(flag));
    if has("input") {
        return Some(format!("name the list with -i: -i {word}"));
    }
    match (has("file"), has("destination")) {
        (true, true) if given(["-f", "--file"]) => {
            Some(format!("name the destination registry with -d: -d {word}"))
        }
        (true, _) => Some(format!("name an image list with -f: -f {word}")),
        _ => None,
    }
}

/// Returns the tip for a file after `-o` of a command where `-o` is the format of the report.
fn of_failed_list(
    error: &clap::Error,
    arguments: &[OsString],
    command: &Command,
) -> Option<String> {
    let (Some(ContextValue::String(flag)), Some(ContextValue::String(value))) =
        (error.get(ContextKind::InvalidArg), error.get(ContextKind::InvalidValue))
    else {
        return None;
    };
    let of = arguments.iter().skip(1).find_map(|argument| command.find_subcommand(argument))?;
    let names_list = of.get_arguments().any(|flag| flag.get_long() == Some("failed"));
    let is_file = value.contains(['.', '/']) && flag.starts_with("--output ");
    (names_list && is_file && error.kind() == ErrorKind::InvalidValue)
        .then(|| format!("--output is the format of the report; name the failed list with --failed: --failed {value}"))
}

/// Says whether a flag may name a file, which must come after an equals sign.
fn takes_file_behind_equals(written: &str, command: &Command) -> bool {
    let flags = Flags::of(command);
    let flag = flags.find(written);
    flag.is_some_and(|flag| {
        flag.is_require_equals_set() && flag.get_value_hint() == ValueHint::FilePath
    })
}

/// Reports an unexpected word after `mirror` as an unexpected argument. Clap reports an unknown subcommand,
/// because `mirror` has a hidden one.
fn without_subcommand(
    error: clap::Error,
    arguments: &[OsString],
    command: &Command,
) -> clap::Error {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    let Some(of) = arguments.get(1..).and_then(|arguments| {
        let mut before = arguments.iter().take_while(|argument| **argument != **word);
        before.find_map(|argument| command.find_subcommand(argument))
    }) else {
        return error;
    };
    if of.find_subcommand(word).is_some() || error.get(ContextKind::SuggestedSubcommand).is_some() {
        return error;
    }
    let mut unexpected = clap::Error::new(ErrorKind::UnknownArgument).with_cmd(command);
    unexpected.insert(ContextKind::InvalidArg, ContextValue::String(word.clone()));
    if let Some(usage) = error.get(ContextKind::Usage) {
        unexpected.insert(ContextKind::Usage, usage.clone());
    }
    unexpected
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::super::command;
    use super::{normalised, with_tip};

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(|word| word.replace("''", "").into()).collect()
    }

    fn read(line: &str) -> Vec<OsString> {
        normalised(words(line), command)
    }

    #[test]
    fn long_flags_behind_one_dash_are_understood() {
        for (given, expected) in [
            ("l mirror -debug", "l mirror --debug"),
            ("l -debug=false", "l --debug=false"),
            ("l mirror -harbor-https=false -f x", "l mirror --harbor-https=false -f x"),
            ("l mirror -repo-type harbor -os linux", "l mirror --repo-type harbor --os linux"),
            (
                "l mirror -default-project=a -no-arch-os-fail",
                "l mirror --default-project=a --no-arch-os-fail",
            ),
            ("l mirror -skip-login -j '' -source a", "l mirror --skip-login --source a"),
            // These are short flags with a value, values, or no flags.
            ("l mirror -d ebug", "l mirror -d ebug"),
            ("l mirror -debugs", "l mirror -debugs"),
            ("l mirror -f -debug -j8", "l mirror -f -debug -j8"),
            ("l mirror -dsource.io", "l mirror -dsource.io"),
            ("l serve -- -debug", "l serve -- -debug"),
        ] {
            assert_eq!(read(given), words(expected), "{given}");
        }
    }

    #[test]
    fn flags_with_an_empty_value_are_not_there() {
        for (given, expected) in [
            ("l mirror -j '' --index= -o x", "l mirror -o x"),
            ("l mirror --output '' --dry-run= --debug=", "l mirror"),
            ("l serve --listen '' --settings=", "l serve"),
            // These have a value, or are not flags of longshore.
            ("l mirror --plugin-config=a.b= -f x", "l mirror --plugin-config=a.b= -f x"),
            ("l mirror --plugin-config a.b= -f --x=", "l mirror --plugin-config a.b= -f --x="),
            ("l mirror --dry-run ''", "l mirror --dry-run ''"),
            ("l mirror --nothing= ''", "l mirror --nothing= ''"),
        ] {
            assert_eq!(read(given), words(expected), "{given}");
        }
    }

    fn said(line: &str) -> String {
        let error = command().try_get_matches_from(words(line)).unwrap_err();
        with_tip(error, &words(line), &command()).to_string()
    }

    #[test]
    fn flags_of_other_tools_get_a_tip() {
        for (line, tip) in [
            ("l copy a r.io --src-creds me:x", "tip: longshore login REGISTRY stores"),
            ("l mirror -f x --dest-creds=me:x", "tip: longshore login REGISTRY stores"),
            ("l mirror -f x --authfile a", "tip: name the file in the variable REGISTRY_AUTH_FILE"),
            ("l copy a r.io --insecure", "tip: --insecure-registry HOST skips"),
            ("l tags a --dest-tls-verify=false", "tip: --insecure-registry HOST skips"),
            ("l copy a -d r.io", "tip: the destination comes behind the source"),
            ("l copy a r.io --all", "tip: longshore copies all platforms, unless"),
            ("l mirror -f x --all", "tip: --arch all --os all selects every platform"),
            ("l copy a r.io -r", "tip: --referrers copies signatures"),
            ("l copy a r.io --format oci", "tip: manifests keep their media types"),
            ("l inspect a --raw", "tip: --output json prints a document; --config"),
            ("l tags a --full-ref", "tip: --output json prints a document"),
            ("l mirror -c regsync.yml", "tip: name the list with -f: -f FILE"),
            ("l mirror --list x", "tip: name the list with -f: -f FILE"),
            ("l mirror --image-list x", "tip: name the list with -f: -f FILE"),
            ("l mirror-validate -i x", "tip: name the list with -f: -f FILE"),
            ("l convert-list -f x", "tip: name the list with -i: -i FILE"),
            ("l mirror -f x --platform linux/amd64", "tip: -a takes platforms too: -a linux/amd64"),
            ("l copy a b -v", "tip: --debug logs in detail"),
            ("l mirror -f x --registry r.io", "tip: name the destination registry with -d"),
            ("l mirror -f x --workers 4", "tip: -j N works on N images at once"),
            ("l mirror-validate -f x --dry-run", "tip: mirror-validate only reads"),
        ] {
            let said = said(line);
            assert!(said.contains(tip), "{line}: {said}");
            assert!(!said.contains("similar argument") && !said.contains("to pass"), "{said}");
        }
        for line in ["l copy a b --nothing", "l tags a -z", "l serve d --nothing"] {
            let said = said(line);
            assert!(said.starts_with("error: unexpected argument '-"), "{said}");
            assert!(!said.contains("to pass"), "{said}");
        }
        assert!(said("l mirror -f x --destinaton r").contains("exists: '--destination'"));
    }

    #[test]
    fn other_ways_of_writing_get_a_tip() {
        for (line, tip) in [
            (
                "l mirror --tls-verify false -f x",
                "tip: write the value of --tls-verify behind an equals sign: --tls-verify=false",
            ),
            ("l mirror list.txt -d r.io", "tip: name an image list with -f: -f list.txt"),
            ("l mirror -f x r.io", "tip: name the destination registry with -d: -d r.io"),
            ("l convert-list list.txt", "tip: name the list with -i: -i list.txt"),
            ("l mirror -f x -a amd64 arm64", "tip: separate the values of -a with commas"),
            ("l login r.io -u me -p x", "tip: longshore asks for the password"),
            ("l mirror -f x --project p", "tip: --destination-project replaces the project"),
            ("l mirror-validate --project=p", "tip: --destination-project replaces the project"),
            ("l convert-list -i x --project p", "tip: --destination-project replaces the project"),
            ("l mirror-charts -f m.yaml --all", "tip: name the configuration with -c"),
            ("l mirror-charts --file=m.yaml --all", "tip: name the configuration with -c"),
            ("l mirror-charts --all -d r.io", "tip: the configuration names registries"),
            ("l mirror-charts --all -j 2", "tip: --concurrency N"),
            (
                "l mirror-validate -f x --force-recursive",
                "tip: mirror-validate always checks each manifest and blob; --deep hashes them too",
            ),
            (
                "l mirror -f x --list-credentials auth.yaml",
                "tip: write the value of --list-credentials behind an equals sign: --list-credentials=auth.yaml",
            ),
        ] {
            let said = said(line);
            assert!(said.starts_with("error: unexpected argument '"), "{said}");
            assert!(said.contains(tip), "{said}");
            assert!(!said.contains("a similar argument"), "{said}");
        }
        let other = said("l mirror-validate --force-recursive");
        assert!(
            other.contains("tip: mirror-validate always") && !other.contains("--source-project")
        );
        assert!(!said("l mirror --nothing").contains("-f"));
        for line in ["l mirror-charts --all -o f.txt", "l mirror-charts --all --output=out/list"] {
            assert!(
                said(line).contains(
                    "tip: --output is the format of the report; name the failed list with --failed"
                ),
                "{}",
                said(line)
            );
        }
        for line in ["l mirror-charts --all -o jsn", "l mirror -f x --output f.txt"] {
            assert!(said(line).contains("[possible values: text, json, yaml]"), "{}", said(line));
        }
        for (line, tip) in [
            ("l save -f x", "longshore mirror -f LIST -d oci:DIR"),
            ("l load", "longshore mirror -f LIST -s oci:DIR"),
            ("l sync", "longshore mirror -f LIST"),
            ("l ls r.io/x", "longshore tags REPOSITORY"),
            ("l digest r.io/x:1", "longshore inspect REFERENCE"),
            ("l config r.io/x:1", "longshore inspect REFERENCE --config"),
            ("l catalog r.io", "no command lists the repositories of a registry"),
            ("l image copy a b", "longshore copy SOURCE DESTINATION"),
            ("l tag ls a", "longshore tags REPOSITORY"),
            ("l once -c x", "longshore mirror -f LIST copies"),
            ("l version", "longshore --version prints"),
            ("l scan a", "no command scans images"),
            ("l compress -f x", "longshore mirror -f LIST -d oci:DIR"),
            ("l auth login r.io", "longshore login REGISTRY"),
        ] {
            assert!(said(line).contains(tip), "{}", said(line));
        }
        assert!(said("l list.txt").contains("unrecognized subcommand 'list.txt'"));
        assert!(
            said("l mirror -f x validate").contains("the subcommand 'validate' cannot be used")
        );
    }
}
