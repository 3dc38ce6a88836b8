//! Puts the built-in plugins into the binary: takes or builds their components, appends their
//! metadata, and writes the table that `src/load/embedded.rs` includes.
//!
//! Components come from the first of these that exists:
//!
//! - the directory in `LONGSHORE_COMPONENTS`; xtask builds the components once and sets it
//! - `components/` beside this file, in a packaged crate
//! - a nested cargo, which builds `plugins/` of the workspace
//!
//! A plugin in Go is built by `cargo xtask renderer`, which needs Go. It is embedded compressed if that
//! folder is there, and left out otherwise.
//!
//! The nested cargo has its own target directory, because this build locks the other one. It sees none of
//! this build's flags, wrappers and paths, so the same sources give the same bytes everywhere.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use longshore_plugin_pack::{ListFacts, Metadata};
use sha2::{Digest as _, Sha256};

const TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "component";

/// Variables of the outer build that would reach into the nested one.
const HIDDEN: [&str; 6] = [
    "CARGO_INCREMENTAL",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
    "CARGO_PROFILE_*",
    "CARGO_BUILD_*",
    "CARGO_TARGET_*",
];

/// Components by plugin name.
type Components = BTreeMap<String, Vec<u8>>;

fn main() -> ExitCode {
    match embed() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in format!("failed to embed the built-in plugins: {error:#}").lines() {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn embed() -> Result<()> {
    let host = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    let workspace = Workspace::around(&host);
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=LONGSHORE_COMPONENTS");

    let packaged = host.join("components");
    let components = if let Some(given) = env::var_os("LONGSHORE_COMPONENTS")
        && !given.is_empty()
    {
        let given = PathBuf::from(given);
        ensure!(given.is_absolute(), "LONGSHORE_COMPONENTS must be an absolute path");
        read_components(&given)?
    } else if packaged.is_dir() {
        read_components(&packaged)?
    } else if let Some(workspace) = &workspace {
        workspace.build(&out)?
    } else {
        bail!("there are neither components nor the sources of the plugins");
    };

    if let Some(workspace) = &workspace {
        for name in workspace.plugins()? {
            ensure!(components.contains_key(&name), "no component of {name}");
        }
    }
    let mut table = String::from(
        "/// The built-in plugins, in the order of their names.\n\
         pub(super) static EMBEDDED: &[Embedded] = &[\n",
    );
    for (name, component) in &components {
        let packed = packed(name, component, workspace.as_ref())
            .with_context(|| format!("cannot pack {name}"))?;
        write_plugin(name, &packed, &out, &mut table)?;
    }
    let mut left_out = Vec::new();
    for name in workspace.iter().map(Workspace::in_go).collect::<Result<Vec<_>>>()?.concat() {
        if !components.contains_key(&name) && !write_compressed(&name, &out, &mut table)? {
            left_out.push(name);
        }
    }
    table.push_str("];\n");
    println!("cargo::rustc-check-cfg=cfg(without_renderer)");
    if !left_out.is_empty() {
        println!("cargo::rustc-cfg=without_renderer");
        println!(
            "cargo::warning=longshore gets no renderer of charts: to build one, install Go 1.26 or newer and run `cargo xtask renderer`"
        );
    }
    writeln!(table, "/// The plugins that were not built.")?;
    writeln!(table, "pub(super) static LEFT_OUT: &[(&str, Kind)] = &[")?;
    for name in left_out {
        writeln!(table, "    ({name:?}, Kind::ChartRender),")?;
    }
    table.push_str("];\n");
    fs::write(out.join("embedded.rs"), table).context("cannot write the table")
}

/// The component with metadata: its own, or what the sources say.
fn packed(name: &str, component: &[u8], workspace: Option<&Workspace>) -> Result<Vec<u8>> {
    if longshore_plugin_pack::read(component)?.is_some() {
        return Ok(component.to_vec());
    }
    let workspace = workspace.context("it has no metadata")?;
    let path = workspace.plugin(name).join("plugin.json");
    let json = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let metadata: Metadata =
        serde_json::from_slice(&json).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(longshore_plugin_pack::append(component, &metadata)?)
}

/// Writes one component and its line of the table.
fn write_plugin(name: &str, packed: &[u8], out: &Path, table: &mut String) -> Result<()> {
    let metadata = longshore_plugin_pack::read(packed)?.context("it has no metadata")?;
    let mut sha256 = String::new();
    for byte in Sha256::digest(packed) {
        write!(sha256, "{byte:02x}")?;
    }
    fs::write(out.join(format!("{name}.wasm")), packed).context("cannot write a component")?;
    let content =
        format!("Content::Plain(include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.wasm\")))");
    let renders = names_interface(packed, "list-render");
    write_row(name, metadata, renders, &content, &sha256, table)
}

/// Writes the line of the table for a component that xtask has built and compressed. Returns whether there
/// is one.
fn write_compressed(name: &str, out: &Path, table: &mut String) -> Result<bool> {
    let folder = renderer_dir(out);
    // A folder that is not there would count as changed every time.
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let facts = folder.join(format!("{name}.json"));
    if !facts.is_file() {
        return Ok(false);
    }
    let facts: serde_json::Value = serde_json::from_slice(&fs::read(&facts)?)
        .with_context(|| format!("cannot read {}", facts.display()))?;
    let sha256 = facts["sha256"].as_str().context("no digest of the component")?;
    let size = facts["size"].as_u64().context("no size of the component")?;
    let json = facts["metadata"].to_string();
    let metadata: Metadata = serde_json::from_str(&json).context("no metadata of the component")?;
    let path = folder.join(format!("{name}.wasm.gz"));
    let content = format!(
        "Content::Gzip {{ bytes: include_bytes!({path:?}), size: {size}, metadata: {json:?} }}"
    );
    write_row(name, metadata, false, &content, sha256, table)?;
    Ok(true)
}

/// Writes the line of a component.
fn write_row(
    name: &str,
    metadata: Metadata,
    renders: bool,
    content: &str,
    sha256: &str,
    table: &mut String,
) -> Result<()> {
    ensure!(metadata.name == name, "the metadata of {name} says it is {}", metadata.name);
    writeln!(
        table,
        "    Embedded {{\n        name: {name:?},\n        kind: Kind::{:?},\n        list: {},\n        \
         renders: {renders},\n        probe_words: &{:?},\n        probe_names: &{:?},\n        \
         content: {content},\n        sha256: {sha256:?},\n    }},",
        metadata.kind,
        list_facts(metadata.list.unwrap_or_default()),
        metadata.probe_words,
        metadata.probe_names
    )?;
    Ok(())
}

/// Writes the facts as an expression for a static.
fn list_facts(facts: ListFacts) -> String {
    let ListFacts { lines, directives, default_arch, default_os, line_hint } = facts;
    let text = |text: Option<std::borrow::Cow<'_, str>>| {
        text.map_or("None".to_owned(), |text| format!("Some(Cow::Borrowed({text:?}))"))
    };
    format!(
        "ListFacts {{ lines: {lines:?}, directives: {directives:?}, default_arch: {}, default_os: \
         {}, line_hint: {} }}",
        text(default_arch),
        text(default_os),
        text(line_hint)
    )
}

/// Returns whether the component names the interface, which is then an export: plugins import none
/// of this kind. A unit test compares the result with the exports.
fn names_interface(component: &[u8], interface: &str) -> bool {
    let name = format!("longshore:plugin/{interface}@");
    component.windows(name.len()).any(|window| window == name.as_bytes())
}

/// Reads every `NAME.wasm` of a directory.
fn read_components(directory: &Path) -> Result<Components> {
    println!("cargo::rerun-if-changed={}", directory.display());
    let mut components = Components::new();
    let entries = fs::read_dir(directory)
        .with_context(|| format!("cannot read the directory {}", directory.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "wasm") {
            continue;
        }
        let name = path.file_stem().and_then(|stem| stem.to_str());
        let name = name.with_context(|| format!("odd name {}", path.display()))?;
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        components.insert(name.to_owned(), bytes);
    }
    ensure!(!components.is_empty(), "no components in {}", directory.display());
    Ok(components)
}

/// The workspace that this package lies in, with the plugins' sources.
struct Workspace {
    root: PathBuf,
}

impl Workspace {
    fn around(host: &Path) -> Option<Self> {
        let root = host.parent()?.parent()?.to_owned();
        (root.join("plugins").is_dir() && root.join("wit").is_dir()).then_some(Self { root })
    }

    fn plugin(&self, name: &str) -> PathBuf {
        self.root.join("plugins").join(name)
    }

    /// The crates that say what plugin they are, in order; the others are libraries.
    fn plugins(&self) -> Result<Vec<String>> {
        self.folders(false)
    }

    /// The plugins in Go, in order.
    fn in_go(&self) -> Result<Vec<String>> {
        self.folders(true)
    }

    fn folders(&self, in_go: bool) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.root.join("plugins")).context("cannot read plugins/")? {
            let entry = entry?;
            let is_in_go = entry.path().join("go.mod").is_file();
            if entry.path().join("plugin.json").is_file() && is_in_go == in_go {
                let name = entry.file_name().into_string();
                names.push(name.ok().context("odd name in plugins/")?);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Names what the components are made of, so that cargo runs this again only if that changed.
    fn watch(&self) -> Result<()> {
        for file in ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "wit"] {
            println!("cargo::rerun-if-changed={}", self.root.join(file).display());
        }
        for entry in fs::read_dir(self.root.join("plugins")).context("cannot read plugins/")? {
            for file in ["Cargo.toml", "plugin.json", "src"] {
                let path = entry.as_ref().map(|entry| entry.path().join(file));
                // A path that is not there would count as changed every time.
                if let Ok(path) = path
                    && path.exists()
                {
                    println!("cargo::rerun-if-changed={}", path.display());
                }
            }
        }
        Ok(())
    }

    /// Builds the components of all plugins.
    fn build(&self, out: &Path) -> Result<Components> {
        self.watch()?;
        let rustc = Rustc::ask()?;
        let target_dir = target_dir(out);
        let plugins = self.plugins()?;
        let mut cargo = Command::new(variable("CARGO")?);
        cargo
            .current_dir(&self.root)
            .args(["build", "--locked", "--profile", PROFILE, "--target", TARGET])
            .arg("--target-dir")
            .arg(&target_dir)
            .stdout(Stdio::null());
        for name in &plugins {
            cargo.args(["-p", &format!("longshore-plugin-{name}")]);
        }
        for (key, _) in env::vars_os() {
            if is_hidden(&key) {
                cargo.env_remove(key);
            }
        }
        // Empty overrides what a configuration file says, too.
        cargo.env("RUSTC_WRAPPER", "");
        cargo.env("RUSTC_WORKSPACE_WRAPPER", "");
        cargo.env("CARGO_ENCODED_RUSTFLAGS", rustc.remapped(&self.root, &target_dir)?);
        let status = cargo.status().context("cannot run cargo")?;
        ensure!(
            status.success(),
            "cargo could not build the components ({status}); see what it printed"
        );

        let built = target_dir.join(TARGET).join(PROFILE);
        let mut components = Components::new();
        for name in plugins {
            let file = format!("longshore_plugin_{}.wasm", name.replace('-', "_"));
            let path = built.join(file);
            let bytes =
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            components.insert(name, bytes);
        }
        Ok(components)
    }
}

/// The compiler of the outer build, which is that of the nested one too.
struct Rustc {
    sysroot: PathBuf,
    commit: Option<String>,
}

impl Rustc {
    /// Asks for its place, and checks that it can build for the target.
    fn ask() -> Result<Self> {
        let libraries = run_rustc(&["--print", "target-libdir", "--target", TARGET])?;
        ensure!(
            Path::new(libraries.trim()).is_dir(),
            "the compiler cannot build for {TARGET}; run: rustup target add {TARGET}"
        );
        let version = run_rustc(&["-vV"])?;
        Ok(Self {
            sysroot: PathBuf::from(run_rustc(&["--print", "sysroot"])?.trim()),
            commit: version
                .lines()
                .find_map(|line| line.strip_prefix("commit-hash: "))
                .map(str::to_owned),
        })
    }

    /// Compiler flags under which no path of this machine gets into a component. Of two that match,
    /// rustc takes the later one.
    fn remapped(&self, root: &Path, target_dir: &Path) -> Result<OsString> {
        let cargo_home = match env::var_os("CARGO_HOME") {
            Some(home) => PathBuf::from(home),
            None => env::home_dir().context("no home directory")?.join(".cargo"),
        };
        let library = self.sysroot.join("lib/rustlib/src/rust");
        let virtual_library = match &self.commit {
            Some(commit) => format!("/rustc/{commit}"),
            None => "/rustc".into(),
        };
        let mut flags = OsString::new();
        for (path, name) in [
            (cargo_home.as_path(), "/cargo"),
            (library.as_path(), virtual_library.as_str()),
            (root, "/longshore"),
            (target_dir, "/longshore/target"),
        ] {
            if !flags.is_empty() {
                flags.push("\u{1f}");
            }
            flags.push("--remap-path-prefix=");
            flags.push(path);
            flags.push("=");
            flags.push(name);
        }
        Ok(flags)
    }
}

fn run_rustc(arguments: &[&str]) -> Result<String> {
    let output =
        Command::new(variable("RUSTC")?).args(arguments).output().context("cannot run rustc")?;
    ensure!(
        output.status.success(),
        "rustc {} failed: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).context("rustc printed odd bytes")
}

/// `components` in the outer target directory, found above `…/PROFILE/build/…/out`: the same for
/// every command (build, check, clippy), so that each finds what another one built.
fn target_dir(out: &Path) -> PathBuf {
    out.ancestors()
        .find(|above| above.file_name().is_some_and(|name| name == "build"))
        .and_then(|build| build.ancestors().nth(2))
        .unwrap_or(out)
        .join("components")
}

/// The folder where xtask puts components in Go: below the outer target directory, which is one further up
/// if cargo builds for a target that it was told.
fn renderer_dir(out: &Path) -> PathBuf {
    let components = target_dir(out);
    let above = components.ancestors().skip(1).take(2).map(|folder| folder.join("renderer"));
    let found = above.filter(|folder| folder.is_dir()).last();
    found.unwrap_or_else(|| components.with_file_name("renderer"))
}

fn is_hidden(key: &OsString) -> bool {
    let Some(key) = key.to_str() else {
        return false;
    };
    HIDDEN.iter().any(|hidden| match hidden.strip_suffix('*') {
        Some(prefix) => key.starts_with(prefix),
        None => key == *hidden,
    })
}

fn variable(name: &str) -> Result<OsString> {
    env::var_os(name).with_context(|| format!("cargo did not set {name}"))
}
