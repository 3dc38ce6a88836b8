//! The definition of the one command that runs.

use std::ffi::OsString;

use clap::{Args, Command};

use super::{
    Completions, Convert, Copy, Global, Inspect, Login, Logout, Man, Mirror, MirrorCharts, Plugin,
    Serve, Tags, Validate, WhoAmI, Worker,
};

/// Adds the flags of a command to its definition.
type Define = fn(Command) -> Command;

/// The commands of the program, with their names.
const COMMANDS: [(&str, Define); 15] = [
    ("mirror", Mirror::augment_args),
    ("mirror-validate", Validate::augment_args),
    ("copy", Copy::augment_args),
    ("mirror-charts", MirrorCharts::augment_args),
    ("convert-list", Convert::augment_args),
    ("tags", Tags::augment_args),
    ("inspect", Inspect::augment_args),
    ("login", Login::augment_args),
    ("logout", Logout::augment_args),
    ("whoami", WhoAmI::augment_args),
    ("plugin", Plugin::augment_args),
    ("serve", Serve::augment_args),
    ("worker", Worker::augment_args),
    ("completions", Completions::augment_args),
    ("man", Man::augment_args),
];

/// Returns the definition of the command line with only the command that `arguments` begin with; `None` if
/// they do not begin with one. The definitions of the others would take time at each start.
pub(super) fn alone(arguments: &[OsString]) -> Option<Command> {
    let given = arguments.get(1)?;
    let (name, define) = COMMANDS.iter().find(|(name, _)| given == name)?;
    let program = Command::new("longshore").version(env!("CARGO_PKG_VERSION")).max_term_width(100);
    Some(Global::augment_args(program).subcommand(define(Command::new(*name))))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::ffi::OsString;

    use clap::{Command, CommandFactory as _};

    use super::COMMANDS;
    use crate::flags::{Cli, command, command_for, defined};

    /// Returns the help of a command and of those below it.
    fn helps(command: &mut Command, found: &mut Vec<String>) {
        found.push(command.render_long_help().to_string());
        for inner in command.get_subcommands_mut() {
            helps(inner, found);
        }
    }

    #[test]
    fn a_command_alone_is_defined_as_among_the_others() {
        let known = || COMMANDS.iter().map(|(name, _)| *name);
        let all: BTreeSet<String> =
            command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
        assert_eq!(all, known().map(str::to_owned).collect());
        for name in known() {
            let arguments: Vec<OsString> = ["longshore", name].map(Into::into).into();
            let among = defined(Cli::command(), &|needed| needed == name);
            let [expected, found] = [among, command_for(&arguments)].map(|mut program| {
                program.build();
                let mut found = Vec::new();
                helps(program.find_subcommand_mut(name).expect("it is there"), &mut found);
                found
            });
            assert!(found == expected, "{name}");
            assert_eq!(command_for(&arguments).get_subcommands().count(), 1, "{name}");
        }
    }

    #[test]
    fn arguments_that_begin_otherwise_define_all_commands() {
        for words in
            [&["longshore"][..], &["l", "-q", "mirror"], &["l", "help", "mirror"], &["l", "x"]]
        {
            let arguments: Vec<OsString> = words.iter().map(Into::into).collect();
            assert!(command_for(&arguments).get_subcommands().count() > 10, "{words:?}");
        }
    }
}
