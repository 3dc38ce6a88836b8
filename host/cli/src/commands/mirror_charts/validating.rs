//! `mirror-validate` of a configuration of charts: charts and images, as `mirror-charts` writes them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use longshore_chart::artifact::ChartStore;
use longshore_engine::job::Outcome;
use longshore_engine::list::{Format, ListText, STANDARD_FORMAT};
use longshore_engine::plan::{Ended, Plan};

use super::super::mirror::planning::{OfCharts, Planned};
use super::super::mirror::session::Session;
use super::listing::{Listed, Reading, config_of};
use super::planning::{PlannedCharts, failed_entries};
use super::renderer::Plugins;
use super::stores::StoresWithCharts;
use crate::error::Fatal;
use crate::report::{ChartPlan, FailedEntry, MendCommands, shell_command};
use crate::settings::{SettingsError, Task, mirror_charts_words};

/// Fetches the charts of the configuration in `text`, and plans them and their images. Also returns the
/// failed list. Returns `None` if the run is interrupted.
pub(in crate::commands) async fn plan(
    session: &mut Session,
    text: ListText,
) -> Result<Option<(Planned, Vec<FailedEntry>)>, Fatal> {
    let Task::Validate(flags) = &session.settings.task else {
        return Err(SettingsError::ChartsAsList(text.name).into());
    };
    let flags = flags.charts.clone();
    if let Some(flag) = session.settings.overrides {
        return Err(SettingsError::NamedByCharts(flag).into());
    }
    let config = config_of(&text)?;
    let target = config.target.registry.clone();
    session.settings.destination = Some(target.clone().into());
    if session.settings.default_project_is_default {
        session.settings.list.default_project.clear();
    }
    if config.target.insecure {
        session.stores.allow_plain_http(target.clone());
    }
    let logins = match &session.settings.logins {
        // With --every, the next run needs them too.
        Ok(logins) => logins.clone(),
        Err(_) => std::mem::replace(&mut session.settings.logins, Ok(Vec::new()))?,
    };
    let (session, started) = (&*session, Instant::now());
    let open = session.stores.stores(Some(&target))?;
    let reading = Reading {
        flags: &flags,
        plugins: Plugins {
            host: &session.plugins,
            settings: &session.settings.plugins,
            log: &session.log,
        },
        logins,
    };
    let reading = reading.read(config, &text.name, open.registries.clone());
    let Some(listed) = session.unless_interrupted(reading).await? else { return Ok(None) };
    let Listed { found, target, charts } = listed;
    let stores = StoresWithCharts::new(open, Arc::clone(&charts));
    let planning = session.plan_charts(&found, &target, &stores);
    let Some(planned) = session.unless_interrupted(planning).await? else { return Ok(None) };
    let words = mirror_charts_words(&session.settings.repeat, &text.name);
    let entries = failed_entries(&planned, &words);
    let planned = planned_list(text.name, planned, charts, &words);
    Ok(Some((Planned { started, ..planned }, entries)))
}

fn planned_list(
    name: String,
    planned: PlannedCharts,
    store: Arc<ChartStore>,
    words: &[String],
) -> Planned {
    let PlannedCharts { jobs, ended, charts, names, count, .. } = planned;
    let ends = ends(&charts);
    let of_entry = |(number, outcome): (u32, Outcome)| {
        let (source, destination) = ends.get(&number).cloned().unwrap_or_default();
        let source = names.get(&number).cloned().unwrap_or(source);
        Ended { number, line: 0, column: None, source, destination, outcome }
    };
    let mut ended: Vec<Ended> = ended.into_iter().map(of_entry).collect();
    for group in &charts.groups {
        for version in &group.versions {
            // One entry of the failed list stands for all.
            if let Some(failure) = version.failures().next() {
                let number = version.number;
                let (error, hint) = (failure.error.clone(), failure.hint.clone());
                let outcome = Outcome { hint, ..Outcome::failed(error) };
                let source = format!("{} {}", group.key, version.version);
                let destination = version.target.clone();
                ended.push(Ended { number, line: 0, column: None, source, destination, outcome });
            }
        }
    }
    let command = |more: &[&str]| {
        let more = more.iter().map(|word| (*word).to_owned());
        shell_command(words.iter().cloned().chain(["--all".to_owned()]).chain(more))
    };
    let thoroughly = command(&["--force-recursive"]);
    let mend = MendCommands { again: command(&[]), deeply: thoroughly.clone(), thoroughly };
    Planned {
        name,
        format: Format {
            name: "charts".to_owned(),
            flag: STANDARD_FORMAT.to_owned(),
            ..Format::default()
        },
        plan: Plan { jobs, ended, count, ..Plan::default() },
        started: Instant::now(),
        charts: Some(OfCharts { store, mend, names }),
    }
}

/// The source and the destination of each entry.
fn ends(charts: &ChartPlan) -> HashMap<u32, (String, String)> {
    let mut ends = HashMap::new();
    for version in charts.versions() {
        if let Some(job) = version.job {
            ends.entry(job).or_insert_with(|| (version.source.clone(), version.target.clone()));
        }
        for image in &version.images {
            let name = || (image.source.clone(), image.target.clone());
            ends.entry(image.job).or_insert_with(name);
        }
    }
    ends
}
