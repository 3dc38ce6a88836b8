//! Locates programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folders to search: `PATH`, the folder of `go install`, and the benchmark's own.
#[derive(Debug)]
pub(crate) struct Tools {
    folders: Vec<PathBuf>,
}

impl Tools {
    /// Creates the search path with `bin` as the benchmark's own folder.
    pub(crate) fn new(bin: &Path) -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        folders.extend(std::env::home_dir().map(|home| home.join("go/bin")));
        folders.push(bin.to_owned());
        Self { folders }
    }

    /// Finds the program of this name.
    pub(crate) fn find(&self, program: &str) -> Option<PathBuf> {
        self.folders.iter().map(|folder| folder.join(program)).find(|path| path.is_file())
    }
}

/// Returns the first line that a program prints for its version, or `of unknown version`.
pub(crate) fn version(program: &Path, arguments: &[&str]) -> String {
    let asked = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let Ok(output) = asked else {
        return "of unknown version".to_owned();
    };
    let said = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    let said = String::from_utf8_lossy(&said);
    let named = said.lines().find_map(|line| line.strip_prefix("VCSTag:"));
    let line = named.or_else(|| said.lines().find(|line| !line.trim().is_empty()));
    line.map_or_else(
        || "of unknown version".to_owned(),
        // Some programs start the line with their own path, which readers do not need.
        |line| line.replace(&program.display().to_string(), "").trim().to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::{Tools, version};

    #[test]
    fn a_program_is_found_and_its_version_omits_its_path() {
        let folder = tempfile::tempdir().expect("a scratch directory can be made");
        let program = folder.path().join("longshore-bench-peer");
        fs::write(&program, "#!/bin/sh\necho\necho \"$0 v1.2 (x)\"\n").expect("it can be written");
        fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("it can be changed");
        let tools = Tools::new(folder.path());
        assert_eq!(tools.find("longshore-bench-peer"), Some(program.clone()));
        assert_eq!(tools.find("longshore-bench-nobody"), None);
        assert_eq!(version(&program, &["--version"]), "v1.2 (x)");
    }
}
