//! Shares the jobs of a run among the workers of a fleet (`--fleet`).

use std::collections::HashMap;

use longshore_engine::event::EventSender;
use longshore_engine::job::Jobs;
use longshore_fleet::{Run, RunOptions, RunSetup, Task as FleetTask};
use longshore_oci::{Name, Registry};

use super::session::Session;
use crate::error::Fatal;
use crate::prepare::{Prepared, Purpose};
use crate::settings::Task;
use crate::setup::{OpenStores, connect, machine};

/// The most bytes of a preparation's results that are sent with a run. Workers find out the rest
/// themselves.
const PREPARED: usize = 256 * 1024;

impl Session {
    /// Prepares the destinations here, and lets the workers of the fleet at `url` do the jobs.
    pub(super) async fn share(
        &self,
        url: &str,
        jobs: &Jobs,
        named: Option<&Registry>,
        stores: &OpenStores,
        events: EventSender,
    ) -> Result<(), Fatal> {
        let list = &self.settings.list;
        // Before the destinations are prepared, which changes them.
        let connecting = connect(url, list.fleet.fleet_creds.clone(), "coordinator");
        let Some(connection) = self.unless_interrupted(connecting).await? else { return Ok(()) };
        let purpose = match &self.settings.task {
            Task::Mirror(_) => Purpose::Push,
            Task::Validate(_) => Purpose::Validate,
        };
        let mut prepared = self.prepare(purpose, jobs, stores, &events).await?;
        let options = RunOptions {
            tls_verify: !self.settings.insecure.all,
            insecure: self.settings.insecure.named.clone(),
            max_wait: list.images.limits.max_wait,
            retries: list.images.limits.retries,
            limit_rate: list.images.limits.limit_rate,
            timeout: list.images.limits.timeout(),
            named: self.stores.bound(named),
            index: list.images.index,
            no_platform_fails: list.images.no_arch_os_fail,
            referrers: self.settings.referrers(),
            described: std::mem::take(&mut prepared.described),
            task: self.fleet_task(prepared),
        };
        let setup = RunSetup { name: list.fleet.run.clone(), options, machine: machine() };
        let mut interrupt = self.interrupt.clone();
        let Some(run) = Run::begin(&connection, setup, jobs, &mut interrupt).await? else {
            return Ok(());
        };
        run.follow(jobs, list.images.limits.max_wait, events.clone(), interrupt).await;
        self.tell_of_referrers(&events);
        Ok(())
    }

    fn fleet_task(&self, prepared: Prepared) -> FleetTask {
        match &self.settings.task {
            Task::Mirror(flags) => FleetTask::Copy {
                force_recursive: flags.force_recursive || flags.deep,
                deep: flags.deep,
                unprepared: bounded(prepared.unprepared),
            },
            Task::Validate(flags) => {
                FleetTask::Compare { deep: flags.deep, missing: bounded(prepared.would_create) }
            }
        }
    }
}

/// Keeps as many of the texts as fit into a message.
fn bounded(texts: HashMap<Name, String>) -> std::collections::BTreeMap<String, String> {
    let mut left = PREPARED;
    let texts = texts.into_iter().map(|(name, text)| (name.to_string(), text));
    texts
        .take_while(|(name, text)| {
            let size = name.len() + text.len() + 8;
            let fits = size <= left;
            left = left.saturating_sub(size);
            fits
        })
        .collect()
}
