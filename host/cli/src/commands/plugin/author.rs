//! Makes, tests and measures plugins on their authors' machines.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use longshore_author::{AuthorError, Language, Mode, Project, Recorder, Tested, Verdict, create};
use longshore_engine::counted;
use longshore_engine::event::Level;
use longshore_engine::plan::parse_store_flag;
use longshore_plugin_host::{Kind, PluginLog};

use crate::error::{Exit, Fatal};
use crate::flags::{PluginBench, PluginKind, PluginLanguage, PluginNew, PluginTest};
use crate::prepare::RegistryEndpoints;
use crate::report::{self, Log};
use crate::settings::SettingsError;
use crate::setup::{LogOfPlugins, RegistrySettings, StoreSetup, host_of};
use longshore_registry::InsecureRegistries;

/// Makes the folder of a new plugin.
pub(super) fn new(flags: &PluginNew) -> Result<Exit, Fatal> {
    let kind = match flags.kind {
        PluginKind::ListFormat => Kind::ListFormat,
        PluginKind::Rewrite => Kind::Rewrite,
        PluginKind::RepoType => Kind::RepoType,
        PluginKind::ChartRender => Kind::ChartRender,
    };
    let language = match flags.lang {
        PluginLanguage::Rust => Language::Rust,
        PluginLanguage::Go => Language::Go,
        PluginLanguage::Js => Language::JavaScript,
        PluginLanguage::Python => Language::Python,
    };
    create(Path::new(&flags.name), kind, language, &flags.name)?;
    report::print(&format!("made {0}; {0}/README.md has the next commands\n", flags.name))?;
    Ok(Exit::Done)
}

/// Runs a plugin on its fixtures.
pub(super) async fn test(
    flags: &PluginTest,
    insecure: &InsecureRegistries,
    log: &Arc<Log>,
) -> Result<Exit, Fatal> {
    let project = Project::open(&flags.plugin, flags.fixtures.as_deref())?;
    let mode = match &flags.record {
        Some(registry) => Mode::Record(recorder(registry, flags, &project, insecure)?),
        None if flags.update => Mode::Update,
        None => Mode::Check,
    };
    let host = host_of(Vec::new(), false, log)?;
    let tested = longshore_author::test(&project, &host, &log_of(log), &mode).await?;
    let failed = tested.iter().filter(|one| matches!(one.verdict, Verdict::Failed(_))).count();
    report::print(&written(&tested))?;
    log.write(
        Level::Info,
        &format!(
            "tested {} with {}: {failed} failed",
            report::escape(&project.component.to_string_lossy()),
            counted(tested.len(), "fixture", "fixtures"),
        ),
    );
    Ok(if failed == 0 { Exit::Done } else { Exit::SomeFailed })
}

/// Opens the registry to record.
fn recorder(
    registry: &str,
    flags: &PluginTest,
    project: &Project,
    insecure: &InsecureRegistries,
) -> Result<Recorder, Fatal> {
    let store = parse_store_flag("--record", registry).map_err(SettingsError::from)?;
    let Some(parsed) = store.registry() else {
        let text = report::escape(registry).into_owned();
        return Err(AuthorError::NotRegistry { text }.into());
    };
    let settings = RegistrySettings { insecure: insecure.clone(), ..RegistrySettings::default() };
    let stores = StoreSetup::of_environment(settings, None)?.stores(Some(parsed))?;
    let name = project.metadata.name.clone();
    let transport = RegistryEndpoints::new(stores.registries, name, HashMap::new(), false);
    Ok(Recorder {
        registry: parsed.to_string(),
        grants: flags.grant.clone(),
        transport: Arc::new(transport),
    })
}

/// Writes a line for each fixture, and under it what differs.
fn written(tested: &[Tested]) -> String {
    let mut text = String::new();
    for one in tested {
        let word = match one.verdict {
            Verdict::Passed => "ok     ",
            Verdict::Written => "written",
            Verdict::Failed(_) => "FAILED ",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{word} {}", report::escape(&one.name));
        if let Verdict::Failed(lines) = &one.verdict {
            for line in lines {
                let _ = writeln!(text, "    {}", report::escape(line));
            }
        }
    }
    text
}

/// Measures the calls of a plugin.
pub(super) async fn bench(flags: &PluginBench, log: &Arc<Log>) -> Result<Exit, Fatal> {
    let project = Project::open(&flags.plugin, flags.fixtures.as_deref())?;
    let host = host_of(Vec::new(), false, log)?;
    let calls = usize::try_from(flags.calls).unwrap_or(usize::MAX);
    let figures = longshore_author::measure(&project, &host, &log_of(log), calls).await?;
    let mut text = format!(
        "{:<24} {:>6} {:>10} {:>10} {:>10} {:>10}\n",
        "FIXTURE", "CALLS", "LEAST ms", "MEDIAN ms", "MOST ms", "MEMORY KiB"
    );
    for found in &figures {
        let milliseconds = |time: std::time::Duration| format!("{:.2}", time.as_secs_f64() * 1e3);
        let _ = writeln!(
            text,
            "{:<24} {:>6} {:>10} {:>10} {:>10} {:>10}",
            report::escape(&found.name),
            found.calls,
            milliseconds(found.least),
            milliseconds(found.median),
            milliseconds(found.most),
            found.memory / 1024
        );
    }
    report::print(&text)?;
    let mut exit = Exit::Done;
    for found in &figures {
        let Some(failure) = &found.failure else { continue };
        log.failure(None, &format!("failed to measure {}: {failure}", found.name), None);
        exit = Exit::SomeFailed;
    }
    Ok(exit)
}

fn log_of(log: &Arc<Log>) -> Arc<dyn PluginLog> {
    Arc::new(LogOfPlugins(Arc::clone(log)))
}
