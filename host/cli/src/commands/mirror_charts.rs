//! Runs `longshore mirror-charts`: fetch, render, find images, plan, copy, report.

mod copying;
mod failure;
mod gather;
mod kept;
pub(super) mod listing;
mod overlays;
mod planning;
pub(super) mod renderer;
pub(super) mod stores;
pub(super) mod validating;
mod versions;
mod why;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt as _;
use longshore_chart::artifact::ChartStore;
use longshore_engine::event::Level;
use tokio::sync::Semaphore;

use self::gather::{Gathering, Wanted, renderings_at_once};
use self::overlays::Overlays;
use self::renderer::Plugins;
use self::stores::{STORE, StoresWithCharts};
use super::mirror::session::Session;
use crate::error::{Exit, Fatal};
use crate::report::{ChartReport, Log, shell_command};
use crate::settings::ChartSettings;
use crate::setup::kept_renderings;

/// Runs the command.
pub(crate) async fn run(settings: ChartSettings, log: &Arc<Log>) -> Result<Exit, Fatal> {
    let started = Instant::now();
    let ChartSettings { run, flags, target, upstreams, logins, repeat, repeat_run, repeat_images } =
        settings;
    note_theme(flags.theme.as_deref(), log);
    let session = Session::new(run, log)?;
    if let Some(folder) = &flags.values_overlay {
        overlays::create(folder)?;
    }
    let page = session.page("the configuration", false)?;
    let renderer = match flags.charts_only {
        true => None,
        // The first load compiles for some seconds.
        false => {
            let plugins = Plugins {
                host: &session.plugins,
                settings: &session.settings.plugins,
                log: &session.log,
            };
            session.unless_interrupted(renderer::choose(plugins, &flags.renderer)).await?
        }
    };
    let open = session.stores.stores(Some(&target.registry))?;
    let sources = listing::sources(open.registries.clone(), logins)?;
    let name = STORE.parse().map_err(std::io::Error::other)?;
    let charts = Arc::new(ChartStore::new(name)?);
    let gathering = Gathering {
        sources: &sources,
        renderer: renderer.as_deref(),
        kept: kept_renderings(),
        permits: Semaphore::new(renderings_at_once()),
        charts: &charts,
        wanted: Wanted {
            config: &flags.config,
            concurrency: flags.concurrency,
            charts: !flags.images_only && flags.why.is_none(),
            include_disabled: flags.include_disabled,
            renderings: flags.values_overlay.is_some(),
            artifact_folders: kept::folders(flags.artifact_dir.as_deref(), &upstreams),
        },
        log,
    };
    let found = session.unless_interrupted(async { Ok(gathering.all(&upstreams).await) }).await?;
    if let Some(image) = &flags.why {
        return found.map_or(Ok(Exit::Interrupted), |found| why::answer(image, &found, log));
    }
    // After an interrupt, the failed list has all charts.
    let found = found.unwrap_or_else(|| Gathering::interrupted(&upstreams));
    let stores = Arc::new(StoresWithCharts::new(open, charts));
    let mut planned = session.plan_charts(&found, &target, stores.as_ref()).await?;
    if let (Some(folder), Some(renderer)) = (&flags.values_overlay, renderer.as_deref()) {
        let overlays = Overlays { folder, renderer, insecure: target.insecure };
        let writing = overlays.write(&found, &mut planned.charts).map(Ok);
        session.unless_interrupted(writing).await?;
    }
    // Lines of the list are images. What else failed takes the command of this run again.
    let list = [format!("--file={}", flags.failed.display()), "--list-format=mirror".to_owned()];
    let with_list = shell_command(repeat_images.iter().cloned().chain(list));
    let of_run = shell_command(repeat_run.iter().cloned());
    let entries = planning::failed_entries(&planned, &repeat);
    let no_lines: HashSet<u32> =
        entries.iter().filter(|entry| !entry.is_line()).map(|entry| entry.number).collect();
    let opened = session.failed_list(entries, &of_run, false, "charts").await?;
    let Some(failed_list) = opened else { return Ok(Exit::Interrupted) };
    let plan = std::mem::take(&mut planned.charts);
    let mut report =
        session.copy_charts(planned, plan, stores, failed_list, &flags, started).await?;
    let command =
        if report.failed().any(|number| no_lines.contains(&number)) { of_run } else { with_list };
    let failed = report.finish_failed_list(&command);
    let place = failed.as_ref().ok().and_then(Option::as_deref);
    let printed = report.print(place, &command);
    let configuration = ("Configuration", flags.config.display().to_string());
    let asked = session.asked(configuration, place, &command);
    let paged = page.map_or(Ok(()), |page| report.write_page(page, &asked));
    let exit = exit_of(&report, &session);
    let Err(error) = failed.map(|_| ()).and(printed).and(paged) else { return Ok(exit) };
    log.failure(None, &format!("failed to {error}"), error.hint().as_deref());
    Ok(if exit == Exit::Done { Exit::SomeFailed } else { exit })
}

fn note_theme(theme: Option<&str>, log: &Log) {
    if let Some(theme) = theme {
        log.write(Level::Info, &format!("--theme {theme} has no effect: longshore has no themes"));
    }
}

fn exit_of(report: &ChartReport, session: &Session) -> Exit {
    match (session.interrupt.is_raised(), report.has_failures()) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::SomeFailed,
        (false, false) => Exit::Done,
    }
}
