//! The servers and clients that black-box tests run against.

use std::fs;

use anyhow::Result;

use crate::command::{command, installed, output, succeeds};
use crate::workspace::Workspace;

/// Programs, which are also the names of Debian's packages.
const NEEDED: &[&str] = &["docker-registry", "skopeo"];

/// A client that Debian does not have, and where it comes from.
const REGCTL: &str = "github.com/regclient/regclient/cmd/regctl";

/// Says where clients were looked for that only Go can install, if they are not there.
pub(crate) fn name_missing_clients() {
    let of_go = std::env::home_dir().map(|home| home.join("go/bin/regctl"));
    if !installed("regctl") && !of_go.is_some_and(|path| path.is_file()) {
        println!("regctl is neither on PATH nor in ~/go/bin: the tests that need it are skipped");
        println!("install with: go install {REGCTL}@latest");
    }
}

/// Installs what is missing where that can be done without asking, and says what is missing elsewhere.
pub(crate) fn ensure_servers(workspace: &Workspace) -> Result<()> {
    if missing().is_empty() {
        return Ok(());
    }
    if is_debian() && is_root(workspace)? {
        let mut update = command("apt-get", &workspace.root);
        // An old list of packages may still do.
        succeeds(update.args(["update", "--quiet=2"]))?;
        let mut install = command("apt-get", &workspace.root);
        install.env("DEBIAN_FRONTEND", "noninteractive");
        install.args(["install", "--yes", "--no-install-recommends", "--quiet=2"]);
        succeeds(install.args(missing()))?;
    }
    for program in missing() {
        println!("{program} is missing: the tests that need it are skipped");
    }
    if !missing().is_empty() && is_debian() {
        println!(
            "install with: sudo apt-get install --no-install-recommends {}",
            missing().join(" ")
        );
    }
    Ok(())
}

fn missing() -> Vec<&'static str> {
    NEEDED.iter().copied().filter(|program| !installed(program)).collect()
}

/// Debian, and what says that it is like Debian.
fn is_debian() -> bool {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    installed("apt-get") && names_debian(&release)
}

fn names_debian(release: &str) -> bool {
    let values = release.lines().filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        matches!(key, "ID" | "ID_LIKE").then(|| value.trim_matches(['"', '\'']))
    });
    values.flat_map(str::split_whitespace).any(|name| name == "debian")
}

fn is_root(workspace: &Workspace) -> Result<bool> {
    Ok(output(command("id", &workspace.root).arg("-u"))?.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::names_debian;

    #[test]
    fn debian_and_its_children_are_known() {
        assert!(names_debian("NAME=\"Debian\"\nID=debian\n"));
        assert!(names_debian("ID=mint\nID_LIKE=\"ubuntu debian\"\n"));
        assert!(!names_debian("ID=fedora\nPRETTY_NAME=\"not debian\"\n"));
    }
}
