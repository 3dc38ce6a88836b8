//! `cargo xtask quickstart`: from a clone to a mirrored list in one command.
//!
//! Everything runs on loopback and below cargo's target directory. The task prints each command
//! that it runs, so that users can repeat it.

mod fleet;
mod sample;
mod server;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use longshore_content::Endpoint;

use crate::command::{command, run as run_command, shown};
use crate::workspace::Workspace;
use fleet::Fleet;
use sample::Sample;
pub(crate) use server::Server;

/// The list to mirror. A test checks that it names the samples.
const LIST: &str = "examples/quickstart/images.txt";

/// The options of the quickstart.
#[derive(Args)]
pub(crate) struct Options {
    /// Leave both registries running until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Share the run between two workers, over a nats-server that must be installed
    #[arg(long)]
    fleet: bool,
}

/// Builds, serves, seeds, mirrors, validates and prints the result.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    step("Build longshore and its plugins");
    workspace.ensure_wasm_target()?;
    let longshore = workspace.build_host()?;
    let folder = workspace.folder("quickstart")?;

    step("Start two registries");
    let serve = |name: &str| start(&workspace.root, &longshore, &folder.join(name));
    let (source, destination) = (serve("source")?, serve("destination")?);

    step("Push a few images that are made up on the spot into the first one");
    let samples = sample::samples();
    let from = Endpoint::new(source.address());
    for sample in &samples {
        from.push(sample.repository, sample.tag, &sample.content)
            .with_context(|| format!("failed to push {}", sample.repository))?;
        println!("{}/{}:{}, {}", source.address(), sample.repository, sample.tag, sample.what);
    }

    let fleet = if options.fleet {
        step("Start a NATS server and two workers");
        Some(Fleet::start(&workspace.root, &longshore, &folder.join("nats"))?)
    } else {
        None
    };

    step("Mirror the list from the first registry to the second");
    let text = fs::read_to_string(workspace.root.join(LIST))
        .with_context(|| format!("failed to read {LIST}"))?;
    print!("{text}");
    let tool = |verb: &str, failed: &str| {
        let mut tool = command(&longshore, &workspace.root);
        tool.args([verb, "-f", LIST, "-s", source.address(), "-d", destination.address(), "-o"]);
        tool.arg(folder.join(failed));
        if let Some(fleet) = &fleet {
            tool.args(["--fleet", fleet.url()]);
        }
        without_settings(tool)
    };
    let mut mirror = tool("mirror", "mirror-failed.txt");
    run_command(&mut mirror)?;

    step("Check by digest that everything has arrived");
    let mut validate = tool("mirror-validate", "mirror-validate-failed.txt");
    run_command(&mut validate)?;

    step("Look at the second registry without longshore");
    compare(&samples, &Endpoint::new(destination.address()))?;

    step("Done");
    if !options.keep {
        println!(
            "The registries end now. `cargo xtask quickstart --keep` leaves them running, so that"
        );
        println!("the commands above can be repeated by hand.");
        return Ok(ExitCode::SUCCESS);
    }
    println!("The registries run until Ctrl-C. By hand, in another terminal:");
    println!("  cd {}", workspace.root.display());
    for line in [&mirror, &validate] {
        println!("  {}", shown(line));
    }
    source.wait()?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a heading.
pub(crate) fn step(what: &str) {
    println!("\n== {what}");
}

/// Starts `longshore serve` with an empty folder.
pub(crate) fn start(root: &Path, longshore: &Path, folder: &Path) -> Result<Server> {
    start_with(root, longshore, folder, |_| {})
}

/// Starts it with more arguments.
pub(crate) fn start_with(
    root: &Path,
    longshore: &Path,
    folder: &Path,
    more: impl FnOnce(&mut Command),
) -> Result<Server> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("failed to remove {}", folder.display()))?;
    }
    let mut serve = command(longshore, root);
    serve.arg("serve").arg(folder).args(["--listen", "127.0.0.1:0"]);
    more(&mut serve);
    let server = Server::start(&mut without_settings(serve))?;
    println!("it listens on {}", server.address());
    Ok(server)
}

/// Removes the user's settings for real registries from the environment.
pub(crate) fn without_settings(mut command: Command) -> Command {
    for name in [
        "DOCKER_REGISTRY",
        "DOCKER_USERNAME",
        "DOCKER_PASSWORD",
        "LONGSHORE_CONFIG",
        "LONGSHORE_FLEET",
    ] {
        command.env_remove(name);
    }
    command
}

/// Compares the destination with the samples, byte by byte, including all layers.
fn compare(samples: &[Sample], destination: &Endpoint) -> Result<()> {
    let mut wrong = Vec::new();
    for sample in samples {
        let name = format!("{}:{}", sample.destination, sample.tag);
        let arrived = destination.manifest(sample.destination, sample.tag)?;
        match arrived {
            Some(manifest) if manifest.bytes == sample.content.bytes() => {
                let broken = destination.broken(sample.destination, sample.tag)?;
                println!("{name} is {}", manifest.digest);
                wrong.extend(broken);
            }
            Some(manifest) => wrong.push(format!(
                "{name} is {}, not {}",
                manifest.digest,
                sample.content.digest()
            )),
            None => wrong.push(format!("{name} is missing")),
        }
    }
    if !wrong.is_empty() {
        bail!("the copy differs from the original: {}", wrong.join(", "));
    }
    println!("{} of {} tags are the same, byte by byte", samples.len(), samples.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    /// Programs for the script `dev`, each a shell script of its own.
    struct Programs(PathBuf);

    impl Programs {
        fn new(name: &str, programs: &[(&str, &str)]) -> Self {
            let id = std::process::id();
            let folder = std::env::temp_dir().join(format!("longshore-dev-{name}-{id}"));
            fs::create_dir_all(&folder).expect("a folder");
            let programs = programs.iter().copied().chain([("dirname", "/usr/bin/dirname \"$@\"")]);
            for (program, text) in programs {
                let path = folder.join(program);
                fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("a program");
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it runs");
            }
            Self(folder)
        }

        /// Runs `./dev quickstart` with these programs only. Returns whether it succeeded, and its output.
        fn dev(&self) -> (bool, String) {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
            let mut dev = Command::new("/bin/sh");
            dev.arg(root.join("dev")).arg("quickstart").env_clear();
            dev.env("PATH", &self.0).env("HOME", &self.0).env("FOLDER", &self.0);
            let output = dev.output().expect("the shell runs");
            let text = [output.stdout, output.stderr].concat();
            (output.status.success(), String::from_utf8(text).expect("it is text"))
        }
    }

    impl Drop for Programs {
        fn drop(&mut self) {
            // A leftover does no harm.
            let _ignored = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let all = [("cc", ""), ("make", ""), ("cargo", "echo cargo \"$@\"")];
        let names = ["a C compiler", "make (", "rustup, which installs Rust"];
        for (without, name) in names.iter().enumerate() {
            let mut programs = all.to_vec();
            programs.remove(without);
            let (done, said) = Programs::new(&format!("without-{without}"), &programs).dev();
            assert!(!done && said.contains(name), "{said}");
            assert!(!said.contains(names[(without + 1) % 3]), "{said}");
        }
        let (done, said) = Programs::new("all", &all).dev();
        assert!(done && said.contains("cargo xtask quickstart"), "{said}");
    }

    #[test]
    fn a_missing_toolchain_is_installed() {
        let programs = Programs::new(
            "toolchain",
            &[
                ("cc", ""),
                ("make", ""),
                ("cargo", "[ -e \"$FOLDER/installed\" ] || exit 1; echo cargo \"$@\""),
                ("rustup", "echo rustup \"$@\"; : > \"$FOLDER/installed\""),
            ],
        );
        let (done, said) = programs.dev();
        assert!(done && said.contains("rustup toolchain install"), "{said}");
        assert!(said.contains("cargo xtask quickstart"), "{said}");
    }
}
