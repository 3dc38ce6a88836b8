//! The servers and clients that black-box tests need.

use std::fs;

use anyhow::Result;

use crate::command::{command, installed, output, succeeds};
use crate::workspace::Workspace;

/// The programs. Debian's packages have the same names.
const NEEDED: &[&str] = &["docker-registry", "skopeo", "chromium", "tmux", "fish", "zsh"];

/// Programs that Debian does not package, and their import paths.
const OF_GO: &[(&str, &str)] = &[
    ("helm", "helm.sh/helm/v4/cmd/helm"),
    ("nats-server", "github.com/nats-io/nats-server/v2"),
    ("regctl", "github.com/regclient/regclient/cmd/regctl"),
    ("registry", "github.com/distribution/distribution/v3/cmd/registry"),
];

/// Prints a hint for each missing program that only Go can install.
pub(crate) fn name_missing_of_go() {
    for (program, import_path) in OF_GO {
        let of_go = std::env::home_dir().map(|home| home.join("go/bin").join(program));
        if !installed(program) && !of_go.is_some_and(|path| path.is_file()) {
            println!(
                "{program} is neither on PATH nor in ~/go/bin: the tests that need it are skipped"
            );
            println!("install with: go install {import_path}@latest");
        }
    }
}

/// Installs missing programs if that works without a prompt. Otherwise prints which are missing.
pub(crate) fn ensure_servers(workspace: &Workspace) -> Result<()> {
    if missing().is_empty() {
        return Ok(());
    }
    if is_debian() && is_root(workspace)? {
        let mut update = command("apt-get", &workspace.root);
        // An outdated package list may still work.
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

/// Reports whether the system is Debian or derived from it.
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
    fn debian_and_its_derivatives_are_recognized() {
        assert!(names_debian("NAME=\"Debian\"\nID=debian\n"));
        assert!(names_debian("ID=mint\nID_LIKE=\"ubuntu debian\"\n"));
        assert!(!names_debian("ID=fedora\nPRETTY_NAME=\"not debian\"\n"));
    }
}
