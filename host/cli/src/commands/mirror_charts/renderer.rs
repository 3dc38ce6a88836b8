//! Chooses the renderer of charts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use longshore_chart::{HelmProgram, Renderer};
use longshore_engine::event::Level;
use longshore_oci::nearest;
use longshore_plugin_host::{Kind, PluginError, PluginHost};
use longshore_renderer::BUILT_IN;

use crate::error::Fatal;
use crate::report::Log;
use crate::settings::{PluginSettings, SettingsError};
use crate::setup::{load_renderer, variable};

/// What helps a longshore that was built without Go.
const NOT_BUILT: &str = "install Go 1.26 or newer, run `cargo xtask renderer` and build longshore again; or \
                         put helm on PATH; or give --charts-only";
/// What helps without helm.
const NO_HELM: &str = "install helm, leave --renderer out, or give --charts-only";
/// The words that `--renderer` takes, beside names and paths.
const WORDS: [&str; 3] = ["auto", "builtin", "helm"];
/// What `--renderer` takes.
const NO_FILE: &str = "give auto, builtin, helm, the name of an installed plugin, or the path of a program or component";

/// What loading a plugin needs.
#[derive(Clone, Copy)]
pub(in crate::commands) struct Plugins<'a> {
    pub(in crate::commands) host: &'a PluginHost,
    pub(in crate::commands) settings: &'a PluginSettings,
    pub(in crate::commands) log: &'a Arc<Log>,
}

/// Returns the renderer that `--renderer` names.
///
/// # Errors
/// Returns an error if there is none.
pub(super) async fn choose(plugins: Plugins<'_>, name: &str) -> Result<Box<dyn Renderer>, Fatal> {
    let missing = |why: &str, hint: &str| {
        let (why, hint) = (why.to_owned(), hint.to_owned());
        Fatal::from(SettingsError::Renderer { name: name.to_owned(), why, hint })
    };
    match name {
        "auto" => {
            if let Some(builtin) = built_in(plugins).await? {
                return Ok(builtin);
            }
            let Some(helm) = on_path() else {
                let why = "this longshore was built without a renderer, and helm is not on PATH";
                return Err(missing(why, NOT_BUILT));
            };
            let text = format!(
                "this longshore was built without a renderer: charts are rendered with {}",
                helm.display()
            );
            plugins.log.write(Level::Info, &text);
            Ok(Box::new(HelmProgram::new(helm)))
        }
        "builtin" => built_in(plugins)
            .await?
            .ok_or_else(|| missing("this longshore was built without a renderer", NOT_BUILT)),
        "helm" => {
            let helm = on_path().ok_or_else(|| missing("helm is not on PATH", NO_HELM))?;
            Ok(Box::new(HelmProgram::new(helm)))
        }
        installed if plugins.host.installed(installed).is_some() => load(plugins, installed).await,
        path => {
            let path = Path::new(path);
            if !path.is_file() {
                let known = plugins.host.names(Kind::ChartRender).into_iter().chain(WORDS);
                let similar = nearest(name, known);
                let meant = similar.map(|name| format!("the nearest name is {name}; or "));
                let hint = format!("{}{NO_FILE}", meant.unwrap_or_default());
                return Err(missing("there is no such file", &hint));
            }
            if is_component(path) {
                return load(plugins, name).await;
            }
            Ok(Box::new(HelmProgram::new(path.to_owned())))
        }
    }
}

/// The renderer that is embedded in this program, if there is one.
async fn built_in(plugins: Plugins<'_>) -> Result<Option<Box<dyn Renderer>>, Fatal> {
    match load(plugins, BUILT_IN).await {
        Ok(renderer) => Ok(Some(renderer)),
        Err(Fatal::Plugin(PluginError::NotBuilt { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Loads a plugin: the built-in renderer, an installed one, or a component by its path.
async fn load(plugins: Plugins<'_>, name: &str) -> Result<Box<dyn Renderer>, Fatal> {
    let Plugins { host, settings, log } = plugins;
    Ok(Box::new(load_renderer(host, name, settings, log).await?))
}

/// Whether a file is a WebAssembly component, and not a program.
fn is_component(path: &Path) -> bool {
    use std::io::Read as _;
    let mut magic = [0; 4];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && magic == *b"\0asm"
}

/// The program `helm` in the absolute directories of `PATH`.
fn on_path() -> Option<PathBuf> {
    let path = variable("PATH")?;
    let folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join("helm")).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
