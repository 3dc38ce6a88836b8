//! Gives each flag its value: from the command line, else the environment, else the settings file, else
//! its default.
//!
//! Clap parses the arguments twice if a settings file sets any of them. The first time shows which flags the
//! command line and the environment leave open; the settings file becomes the defaults of those, and clap
//! parses again. So every value goes through the parser of its flag.

use std::collections::HashMap;
use std::error::Error as _;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, FromArgMatches as _};

use super::{SettingsError, SettingsFile};
use crate::flags::{self, Cli};

/// A command with a value for each flag.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) cli: Cli,
    pub(crate) origins: Origins,
    pub(crate) file: SettingsFile,
}

/// The command line or the settings file is wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvocationError {
    /// Clap rejects the command line, or prints help.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// The settings file is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// Where the value of a flag comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    CommandLine,
    /// The environment variable with this name.
    Variable(String),
    SettingsFile,
    Default,
}

/// Where the values of a command's flags come from, in the order of their definition.
#[derive(Debug, Default)]
pub(crate) struct Origins(Vec<FlagOrigin>);

#[derive(Debug)]
struct FlagOrigin {
    /// The long flag without its dashes.
    key: String,
    origin: Origin,
    /// The values as they were written.
    values: Vec<String>,
}

impl Origins {
    /// Returns the origin of the flag `--key`.
    pub(crate) fn of(&self, key: &str) -> Origin {
        let found = self.0.iter().find(|flag| flag.key == key);
        found.map_or(Origin::Default, |flag| flag.origin.clone())
    }

    /// Returns the flags of the command line except `except`, as words `--key=value`.
    pub(crate) fn words(&self, except: &[&str]) -> Vec<String> {
        let given = self.0.iter().filter(|flag| {
            flag.origin == Origin::CommandLine && !except.contains(&flag.key.as_str())
        });
        let words = |flag: &FlagOrigin| {
            let words = flag.values.iter().map(|value| format!("--{}={value}", flag.key));
            words.collect::<Vec<_>>()
        };
        given.flat_map(words).collect()
    }
}

/// Resolves the flags of the command that `arguments` name.
///
/// # Errors
/// Returns clap's error for a wrong command line, and a [`SettingsError`] for a wrong settings file.
pub(crate) fn resolve(arguments: &[OsString]) -> Result<Invocation, InvocationError> {
    let mut command = flags::command_for(arguments);
    let given = command.try_get_matches_from_mut(arguments)?;
    let path = path(&given);
    refuse_without_effect(&given, &path)?;
    // These print what is compiled in. A broken settings file must not stop them.
    let file = match path.first().map(String::as_str) {
        Some("completions" | "man") => SettingsFile::default(),
        _ => {
            let named = given.get_one::<PathBuf>("settings").map(PathBuf::as_path);
            SettingsFile::find(named, arguments)?
        }
    };
    let values = open_values(arguments, &given, &path, &file)?;
    // Defining all commands again costs as much as the rest of the start.
    let matches = if values.is_empty() {
        given
    } else {
        command = with_defaults(flags::command_for(arguments), &path, &values);
        command.try_get_matches_from_mut(arguments)?
    };
    let origins = origins(&command, &matches, &path, &values);
    Ok(Invocation { cli: Cli::from_arg_matches(&matches)?, origins, file })
}

/// Refuses a global flag of the command line that has no effect on the command.
fn refuse_without_effect(given: &ArgMatches, path: &[String]) -> Result<(), SettingsError> {
    let flag_of = |matches| flags::without_effect(path, matches);
    match flag_of(given).or_else(|| flag_of(innermost(given))) {
        Some(flag) => Err(SettingsError::NoEffect { flag, command: path.join(" ") }),
        None => Ok(()),
    }
}

/// Returns the subcommands that lead to the command to run.
fn path(mut matches: &ArgMatches) -> Vec<String> {
    let mut path = Vec::new();
    while let Some((name, inner)) = matches.subcommand() {
        path.push(name.to_owned());
        matches = inner;
    }
    path
}

/// Returns the matches of the command to run; clap puts global flags there too.
fn innermost(mut matches: &ArgMatches) -> &ArgMatches {
    while let Some((_, inner)) = matches.subcommand() {
        matches = inner;
    }
    matches
}

fn at<'a>(command: &'a Command, path: &[String]) -> &'a Command {
    path.iter().fold(command, |command, name| command.find_subcommand(name).unwrap_or(command))
}

/// Returns the values that the settings file has for flags that `given` leaves open, by long flag.
fn open_values(
    arguments: &[OsString],
    given: &ArgMatches,
    path: &[String],
    file: &SettingsFile,
) -> Result<HashMap<String, Vec<String>>, SettingsError> {
    let mut values = HashMap::new();
    if file.path().is_none() {
        return Ok(values);
    }
    let root = flags::command_for(arguments);
    let (table, given) = (path.join("-"), innermost(given));
    for flag in at(&root, path).get_arguments().chain(root.get_arguments()) {
        let is_given = matches!(
            given.value_source(flag.get_id().as_str()),
            Some(ValueSource::CommandLine | ValueSource::EnvVariable)
        );
        let Some(key) = flag.get_long().filter(|_| !is_given && flags::is_setting(&table, flag))
        else {
            continue;
        };
        let texts = file.values(&table, flag)?;
        if texts.is_empty() {
            continue;
        }
        check(&root, path, key, &texts).map_err(|(value, expected)| SettingsError::Value {
            path: file.path().map(Path::to_owned).unwrap_or_default(),
            key: key.to_owned(),
            value,
            expected,
        })?;
        values.insert(key.to_owned(), texts);
    }
    Ok(values)
}

/// Checks `values` with the value parser of the flag `--key`; the error is a value and its problem.
fn check(
    root: &Command,
    path: &[String],
    key: &str,
    values: &[String],
) -> Result<(), (String, String)> {
    for value in values {
        let words = std::iter::once("longshore".to_owned()).chain(path.iter().cloned());
        let words = words.chain([format!("--{key}={value}")]);
        let Err(error) = root.clone().try_get_matches_from(words) else { continue };
        let problem = match (error.kind(), error.get(ContextKind::ValidValue)) {
            (ErrorKind::InvalidValue, Some(ContextValue::Strings(valid))) => {
                format!("it must be one of {}", valid.join(", "))
            }
            (ErrorKind::InvalidValue | ErrorKind::ValueValidation, _) => {
                error.source().map_or_else(|| "it is invalid".to_owned(), ToString::to_string)
            }
            // The whole command line has its own errors, such as a missing file name.
            _ => continue,
        };
        return Err((value.clone(), problem));
    }
    Ok(())
}

/// Makes `values` the defaults of their flags, in the command at `path` and all around it.
fn with_defaults(
    command: Command,
    path: &[String],
    values: &HashMap<String, Vec<String>>,
) -> Command {
    let command = command.mut_args(|flag| match flag.get_long().and_then(|key| values.get(key)) {
        Some(texts) => flag.default_values(texts.clone()),
        None => flag,
    });
    match path.split_first() {
        Some((name, path)) => {
            command.mut_subcommand(name, |inner| with_defaults(inner, path, values))
        }
        None => command,
    }
}

fn origins(
    command: &Command,
    matches: &ArgMatches,
    path: &[String],
    values: &HashMap<String, Vec<String>>,
) -> Origins {
    let matches = innermost(matches);
    let origin = |flag: &Arg| {
        let key = flag.get_long()?;
        let id = flag.get_id().as_str();
        let origin = match matches.try_contains_id(id).ok().and_then(|_| matches.value_source(id)) {
            Some(ValueSource::CommandLine) => Origin::CommandLine,
            Some(ValueSource::EnvVariable) => {
                let variable = flag.get_env().map(|name| name.to_string_lossy().into_owned());
                Origin::Variable(variable.unwrap_or_default())
            }
            _ if values.contains_key(key) => Origin::SettingsFile,
            _ => Origin::Default,
        };
        let raw = matches.try_get_raw(id).ok().flatten().into_iter().flatten();
        let values = raw.map(|value| value.to_string_lossy().into_owned()).collect();
        Some(FlagOrigin { key: key.to_owned(), origin, values })
    };
    // Hidden flags are those of another tool, which nothing repeats.
    let flags = at(command, path).get_arguments().filter(|flag| !flag.is_hide_set());
    Origins(flags.filter_map(origin).collect())
}

#[cfg(test)]
mod tests {
    use super::{Invocation, Origin, resolve};
    use crate::flags::Command;

    fn run(line: &str, file: &str) -> Result<Invocation, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.toml");
        std::fs::write(&path, file).unwrap();
        let words = line.split(' ').map(Into::into);
        let words: Vec<_> =
            words.chain([format!("--settings={}", path.display()).into()]).collect();
        resolve(&words).map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_beats_the_file_and_the_file_beats_the_default() {
        let file = "jobs = 3\nreferrers = true\narch = ['a', 'b']\nrewrite = ['x', 'y']\n\
                    [mirror]\nmax-wait = 60\n";
        let found = run("longshore mirror --jobs 5 --rewrite=z --debug", file).unwrap();
        let Command::Mirror(mirror) = found.cli.command else { panic!("it is mirror") };
        assert_eq!(
            (mirror.list.images.jobs, mirror.list.images.limits.max_wait.as_secs()),
            (5, 60)
        );
        assert_eq!(mirror.list.rewrite, ["z"]);
        assert_eq!(mirror.list.images.arch, ["a", "b"]);
        assert!(mirror.copy.referrers && !mirror.copy.dry_run && found.cli.global.debug);
        let origins = ["jobs", "arch", "os"].map(|key| found.origins.of(key));
        assert_eq!(origins, [Origin::CommandLine, Origin::SettingsFile, Origin::Default]);
        assert_eq!(
            found.origins.words(&["settings"]),
            ["--jobs=5", "--rewrite=z", "--debug=true"],
            "only the command line is repeated"
        );
    }

    #[test]
    fn each_command_has_its_table_under_both_of_its_names() {
        let file = "jobs = 3\n[mirror]\njobs = 4\n[mirror-validate]\njobs = 5\ndeep = true\n";
        let jobs = |line| match run(line, file).unwrap().cli.command {
            Command::Mirror(mirror) => match mirror.alias {
                Some(crate::flags::Alias::Validate(validate)) => validate.list.images.jobs,
                None => mirror.list.images.jobs,
            },
            Command::MirrorValidate(validate) => validate.list.images.jobs,
            other => panic!("{other:?}"),
        };
        assert_eq!(jobs("longshore mirror"), 4);
        assert_eq!(jobs("longshore mirror-validate"), 5);
        assert_eq!(jobs("longshore mirror validate"), 5);
        assert_eq!(jobs("longshore mirror validate -j 6"), 6);
    }

    #[test]
    fn a_wrong_value_is_named_with_its_place_unless_the_command_line_overrides_it() {
        let error = |file| run("longshore mirror", file).unwrap_err();
        let said = error("jobs = 0\n");
        assert!(said.contains("s.toml: use \"0\" for jobs: it must be a number of at"), "{said}");
        assert!(error("index = 'x'\n").contains("it must be one of preserve, docker, oci"));
        assert!(error("debug = 'yes'\n").contains("debug must be true or false"));
        assert!(error("max-wait = 'soon'\n").contains("such as 90s, 15m or 2h"));
        assert!(run("longshore mirror -j 1", "jobs = 0\n").is_ok());
        assert!(run("longshore completions bash", "what = 0\n").is_ok(), "it reads no settings");
        let convert = run("longshore convert-list -i x", "output = 'json'\n").unwrap();
        let Command::ConvertList(convert) = convert.cli.command else { panic!("it converts") };
        assert_eq!(convert.output, None, "it names the file of one run");
    }
}
