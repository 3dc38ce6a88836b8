//! Runs other programs and prints their command lines.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Creates a command in the workspace root.
pub(crate) fn command(program: impl AsRef<OsStr>, root: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root);
    command
}

/// Creates a command for the cargo that runs this program.
pub(crate) fn cargo(root: &Path) -> Command {
    // Removes variables that `cargo run` sets for this program. They would make build scripts
    // believe that something changed.
    let mut cargo = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), root);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") {
            cargo.env_remove(name);
        }
    }
    cargo.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH");
    cargo
}

/// Returns the command line as a user would type it in the workspace root.
pub(crate) fn shown(command: &Command) -> String {
    let root = command.get_current_dir().unwrap_or_else(|| Path::new(""));
    let mut line = String::new();
    for (index, word) in
        std::iter::once(command.get_program()).chain(command.get_args()).enumerate()
    {
        let path = Path::new(word);
        let word = if index == 0 && path.file_stem().is_some_and(|stem| stem == "cargo") {
            "cargo".into()
        } else {
            path.strip_prefix(root).unwrap_or(path).to_string_lossy()
        };
        let separator = if index == 0 { "" } else { " " };
        // Writing into a string cannot fail.
        let _ = if word.is_empty() || word.contains([' ', '\'', '"', '$', '*']) {
            write!(line, "{separator}'{}'", word.replace('\'', r"'\''"))
        } else {
            write!(line, "{separator}{word}")
        };
    }
    line
}

/// Prints and runs the command with visible output. Returns whether it succeeded.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool> {
    let line = shown(command);
    println!("$ {line}");
    let status = command.stdin(Stdio::null()).status();
    Ok(status.with_context(|| format!("failed to run `{line}`"))?.success())
}

/// Runs the command like [`succeeds`]. Returns an error unless it succeeded.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    if !succeeds(command)? {
        bail!("`{}` failed", shown(command));
    }
    Ok(())
}

/// Returns the standard output of a command without showing it.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = shown(command);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("failed to run `{line}`"))?;
    if !output.status.success() {
        bail!("`{line}` failed");
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` did not print UTF-8"))
}

/// Reports whether a program is on `PATH`.
pub(crate) fn installed(program: &str) -> bool {
    found(program).is_some()
}

/// Finds a program on `PATH`.
pub(crate) fn found(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(program));
    places.find(|place| place.is_file())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{command, shown};

    #[test]
    fn a_command_is_shown_as_typed() {
        let root = Path::new("/somewhere/longshore");
        let mut command = command("/opt/rust/bin/cargo", root);
        command.args(["x y", "", "it's"]).arg(root.join("target/debug/longshore"));
        assert_eq!(shown(&command), r"cargo 'x y' '' 'it'\''s' target/debug/longshore");
    }
}
