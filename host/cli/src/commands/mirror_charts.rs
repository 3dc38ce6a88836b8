//! Runs `longshore mirror-charts`: fetch, render, find images, plan, copy, report.

mod copying;
mod gather;
mod planning;
mod renderer;
mod stores;
mod versions;
mod why;

use std::sync::Arc;
use std::time::Instant;

use longshore_chart::artifact::ChartStore;
use longshore_chart::source::{HelmRepositories, Sources};
use longshore_engine::event::Level;

use self::gather::Gathering;
use self::stores::{STORE, StoresWithCharts};
use super::mirror::session::Session;
use crate::error::{Exit, Fatal};
use crate::report::{ChartReport, Log, shell_command};
use crate::settings::ChartSettings;
use crate::setup::variable;

/// Runs the command.
pub(crate) async fn run(settings: ChartSettings, log: &Arc<Log>) -> Result<Exit, Fatal> {
    let started = Instant::now();
    let ChartSettings { run, flags, target, upstreams, logins, repeat, repeat_images } = settings;
    if let Some(theme) = &flags.theme {
        log.write(Level::Info, &format!("--theme {theme} has no effect: longshore has no themes"));
    }
    let session = Session::new(run, log)?;
    let page = session.page("the configuration", false)?;
    let renderer = match flags.charts_only {
        true => None,
        false => Some(renderer::choose(&session, &flags.renderer).await?),
    };
    let open = session.stores.stores(Some(&target.registry))?;
    let home = directories::BaseDirs::new().map(|folders| folders.home_dir().to_owned());
    let helm = HelmRepositories::of_environment(variable, home.as_deref(), logins)?;
    let sources = Sources::new(open.registries.clone(), helm);
    let name = STORE.parse().map_err(std::io::Error::other)?;
    let charts = Arc::new(ChartStore::new(name)?);
    let gathering = Gathering {
        sources: &sources,
        renderer: renderer.as_deref(),
        charts: &charts,
        flags: &flags,
        log,
    };
    let mut interrupt = session.interrupt.clone();
    let found = tokio::select! {
        found = gathering.all(&upstreams) => found,
        () = interrupt.raised() => return Ok(Exit::Interrupted),
    };
    if let Some(image) = &flags.why {
        return why::answer(image, &found);
    }
    let stores = Arc::new(StoresWithCharts::new(open, charts));
    let mut planned = session.plan_charts(&found, &target, stores.as_ref()).await?;
    let command =
        shell_command(repeat_images.iter().cloned().chain([
            format!("--file={}", flags.failed.display()),
            "--list-format=mirror".to_owned(),
        ]));
    let entries = planning::failed_entries(&planned, &repeat);
    let opened = session.failed_list(entries, &command, false).await?;
    let Some(failed_list) = opened else { return Ok(Exit::Interrupted) };
    let images_only = flags.images_only;
    let plan = std::mem::take(&mut planned.charts);
    let mut report =
        session.copy_charts(planned, plan, stores, failed_list, images_only, started).await?;
    let failed = report.finish_failed_list();
    let place = failed.as_ref().ok().and_then(Option::as_deref);
    let printed = report.print(place, &command);
    let asked = session.asked(("Configuration", flags.config.display().to_string()));
    let paged = page.map_or(Ok(()), |page| report.write_page(page, &asked));
    let exit = exit_of(&report, &session);
    let Err(error) = failed.map(|_| ()).and(printed).and(paged) else { return Ok(exit) };
    log.failure(None, &format!("failed to {error}"), error.hint().as_deref());
    Ok(if exit == Exit::Done { Exit::SomeFailed } else { exit })
}

fn exit_of(report: &ChartReport, session: &Session) -> Exit {
    match (session.interrupt.is_raised(), report.has_failures()) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::SomeFailed,
        (false, false) => Exit::Done,
    }
}
