//! `cargo xtask dist`: a release archive for this machine's processor, with checksums.
//!
//! On Linux the binary is static (musl) if this machine can build that, so that it runs on any distribution
//! and alone in a container. The archive has the binary, shell completions, manual pages and documents.

mod archive;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::command::{command, installed, output, run as run_command};
use crate::renderer;
use crate::workspace::{Build, Workspace};

/// Documents of the archive, at the same paths as here, so that the links of the README lead somewhere.
const DOCUMENTS: [&str; 5] =
    ["README.md", "CHANGELOG.md", "LICENSE", "ARCHITECTURE.md", "CONTRIBUTING.md"];
/// Folders of documents. `wit` has the contract that docs/writing-plugins.md explains.
const FOLDERS: [&str; 3] = ["docs", "examples", "wit"];
/// The shells with completions, and the names that they look for.
const SHELLS: [(&str, &str); 3] =
    [("bash", "longshore.bash"), ("zsh", "_longshore"), ("fish", "longshore.fish")];
/// Where systems keep the roots that a container needs too.
const ROOTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The permissions of a folder where each user writes files and removes only its own.
const EVERYBODY: u32 = 0o1777;

/// The options of the release archive.
#[derive(Args)]
pub(crate) struct Options {
    /// Build for this target instead of the best one for this machine
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// Pack the binary of the daily builds, to try the task without a long build
    #[arg(long)]
    debug: bool,
}

/// Builds, packs and prints what to do with it.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    workspace.ensure_wasm_target()?;
    let host = host_target(&workspace)?;
    let target = match (&options.target, options.debug) {
        (Some(target), _) => Some(target.clone()),
        // The daily builds name no target.
        (None, true) => None,
        (None, false) => static_target(&workspace, &host)?,
    };
    if !renderer::ensure(&workspace)? {
        println!("the archive has no chart renderer: mirror-charts will need helm");
    }
    if let Some(target) = &target {
        workspace.ensure_target(target)?;
    }
    let build = Build { release: !options.debug, target: target.as_deref() };
    let binary = workspace.build(&build)?;
    let triple = target.as_deref().unwrap_or(&host);
    let version = env!("CARGO_PKG_VERSION");
    let name = format!("longshore-{version}-{triple}");
    let folder = workspace.folder("dist")?;
    let stage = folder.join(&name);
    fill(&workspace, &binary, &stage)?;
    let archive = folder.join(format!("{name}.tar.gz"));
    archive::pack(&stage, &name, &archive)?;
    let sums = folder.join(format!("{name}.sha256"));
    archive::write_sums(&archive, &sums)?;
    let image = folder.join("image");
    let has_image = triple.contains("musl");
    if has_image {
        fill_image(&binary, &image)?;
    }
    println!("\n{}", archive.display());
    println!("{}", sums.display());
    match has_image {
        true => println!("{}: the content of Containerfile", image.display()),
        false => println!("a container needs a static binary, for a target with musl"),
    }
    Ok(ExitCode::SUCCESS)
}

fn host_target(workspace: &Workspace) -> Result<String> {
    let text = output(command("rustc", &workspace.root).arg("-vV"))?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not name its host")?.to_owned())
}

/// Returns the target of a static binary, if this machine is Linux and can build one.
fn static_target(workspace: &Workspace, host: &str) -> Result<Option<String>> {
    let Some(processor) = host.strip_suffix("-unknown-linux-gnu") else { return Ok(None) };
    let target = format!("{processor}-unknown-linux-musl");
    let compilers = [format!("{processor}-linux-musl-gcc"), "musl-gcc".to_owned()];
    let Some(compiler) = compilers.iter().find(|compiler| installed(compiler)) else {
        println!(
            "a static binary needs a C compiler for musl (Debian: musl-tools), which is missing:"
        );
        println!("building for {host}, whose binary needs the C library of this system");
        return Ok(None);
    };
    if !installed("rustup") && !workspace.has_target(&target)? {
        println!(
            "the toolchain lacks the target {target}, and rustup is missing: building for {host}"
        );
        return Ok(None);
    }
    println!("building a static binary for {target} with {compiler}");
    Ok(Some(target))
}

/// Fills the folder that becomes the archive.
fn fill(workspace: &Workspace, binary: &Path, stage: &Path) -> Result<()> {
    empty(stage)?;
    copy(binary, &stage.join("longshore"))?;
    for document in DOCUMENTS {
        copy(&workspace.root.join(document), &stage.join(document))?;
    }
    for tracked in tracked(workspace)? {
        let to = stage.join(&tracked);
        fs::create_dir_all(to.parent().context("a document lies in a folder")?)?;
        copy(&workspace.root.join(&tracked), &to)?;
    }
    let completions = stage.join("completions");
    fs::create_dir(&completions).context("failed to create the folder of completions")?;
    for (shell, name) in SHELLS {
        let script = output(command(binary, &workspace.root).args(["completions", shell]))?;
        let path = completions.join(name);
        fs::write(&path, script).with_context(|| format!("failed to write {}", path.display()))?;
    }
    run_command(command(binary, &workspace.root).arg("man").arg(stage.join("man/man1")))
}

/// Returns the files of the folders of documents that belong to the sources: a build may leave others there.
fn tracked(workspace: &Workspace) -> Result<Vec<String>> {
    let mut git = command("git", &workspace.root);
    git.args(["ls-files", "-z", "--"]).args(FOLDERS);
    let files = output(&mut git).context("the archive has the documents that git knows")?;
    Ok(files.split('\0').filter(|file| !file.is_empty()).map(str::to_owned).collect())
}

/// Fills the folder that a container is made of: the binary, the roots of this machine, and a folder for
/// temporary files. `mirror-charts` keeps archives there, and `serve` without a folder its content.
fn fill_image(binary: &Path, image: &Path) -> Result<()> {
    empty(image)?;
    copy(binary, &image.join("longshore"))?;
    let temporary = image.join("tmp");
    fs::create_dir(&temporary)
        .and_then(|()| fs::set_permissions(&temporary, Permissions::from_mode(EVERYBODY)))
        .with_context(|| format!("failed to create {}", temporary.display()))?;
    let Some(roots) = ROOTS.map(Path::new).into_iter().find(|path| path.is_file()) else {
        println!("no bundle of roots was found: mount one at {} into the container", ROOTS[0]);
        return Ok(());
    };
    let place = image.join(ROOTS[0].trim_start_matches('/'));
    fs::create_dir_all(place.parent().context("the bundle lies in a folder")?)?;
    copy(roots, &place)
}

/// Makes an empty folder.
fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("failed to remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("failed to create {}", folder.display()))
}

fn copy(from: &Path, to: &PathBuf) -> Result<()> {
    match fs::copy(from, to) {
        Ok(_) => Ok(()),
        Err(error) => bail!("failed to copy {} to {}: {error}", from.display(), to.display()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::{DOCUMENTS, FOLDERS, fill_image};

    #[test]
    fn an_image_has_the_program_and_a_folder_for_temporary_files() {
        let folder = std::env::temp_dir().join(format!("longshore-image-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let binary = folder.join("built");
        fs::write(&binary, "binary").expect("a file");
        fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).expect("its mode");
        let image = folder.join("image");
        // What an earlier build left is removed.
        for _ in 0..2 {
            fill_image(&binary, &image).expect("it is filled");
            let mode = |name| {
                let found = fs::metadata(image.join(name)).expect("it is there");
                found.permissions().mode() & 0o7777
            };
            assert_eq!((mode("longshore"), mode("tmp")), (0o755, 0o1777));
            fs::write(image.join("tmp/left"), "").expect("a file");
        }
        fs::remove_dir_all(folder).expect("it is removed");
    }

    #[test]
    fn the_links_of_the_readme_lead_into_the_archive() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let readme = fs::read_to_string(root.join("README.md")).expect("the README");
        let links = readme.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        let mut count = 0;
        for link in links.filter(|link| !link.is_empty() && !link.starts_with("http")) {
            let has = DOCUMENTS.contains(&link)
                || FOLDERS.iter().any(|folder| Path::new(link).starts_with(folder));
            assert!(has && root.join(link).exists(), "{link}");
            count += 1;
        }
        assert!(count > 10, "{count}");
    }

    #[test]
    fn the_links_about_plugins_lead_into_the_archive() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let page = fs::read_to_string(root.join("docs/writing-plugins.md")).expect("the page");
        let links: Vec<&str> =
            page.split("](../").skip(1).filter_map(|rest| rest.split([')', '#']).next()).collect();
        assert!(links.contains(&"wit/plugin.wit"), "{links:?}");
        for link in links {
            let has = FOLDERS.iter().any(|folder| Path::new(link).starts_with(folder));
            assert!(has && root.join(link).exists(), "{link}");
        }
    }
}
