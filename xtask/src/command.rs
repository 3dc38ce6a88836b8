//! Running other programs, and saying which.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// A command in the workspace's root.
pub(crate) fn command(program: impl AsRef<OsStr>, root: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root);
    command
}

/// Cargo, of the toolchain that runs this.
pub(crate) fn cargo(root: &Path) -> Command {
    // What `cargo run` sets for this program must not reach the builds that it starts: it would
    // make build scripts believe that something changed.
    let mut cargo = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), root);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") {
            cargo.env_remove(name);
        }
    }
    cargo.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH");
    cargo
}

/// The command as a person would type it in the workspace's root.
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

/// Says what it runs, runs it with everything visible, and answers whether it succeeded.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool> {
    let line = shown(command);
    println!("$ {line}");
    let status = command.stdin(Stdio::null()).status();
    Ok(status.with_context(|| format!("failed to run `{line}`"))?.success())
}

/// As [`succeeds`], where anything but success is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    if !succeeds(command)? {
        bail!("`{}` failed", shown(command));
    }
    Ok(())
}

/// What a command prints to standard output, without showing it.
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
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` printed no UTF-8"))
}

/// Whether a program is on `PATH`.
pub(crate) fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{command, shown};

    #[test]
    fn a_command_is_shown_as_it_can_be_typed() {
        let root = Path::new("/somewhere/longshore");
        let mut command = command("/opt/rust/bin/cargo", root);
        command.args(["x y", "", "it's"]).arg(root.join("target/debug/longshore"));
        assert_eq!(shown(&command), r"cargo 'x y' '' 'it'\''s' target/debug/longshore");
    }
}
