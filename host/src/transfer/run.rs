//! Copies all jobs.

use std::collections::HashMap;
use std::sync::Arc;

use super::configuration::Configurations;
use super::hint::Hints;
use super::placement::{BadContent, Placement};
use super::pool::{GRACE, each};
use super::referrals::Referrals;
use super::seat::Seats;
use super::{Event, EventSender, HintCache, IndexMode, Interrupt, ManifestCache, copy, dry_run};
use crate::oci::Name;
use crate::plan::Jobs;
use crate::registry::Registries;

/// What holds for every job of a run.
#[derive(Clone, Debug)]
pub struct TransferOptions {
    /// Images at once, at least 1.
    pub jobs: usize,
    /// How indexes are written.
    pub index: IndexMode,
    /// Is it a failure where nothing satisfies the platform filter?
    pub no_platform_fails: bool,
    /// Are signatures and whatever else refers to an image copied too?
    pub referrers: bool,
    /// What earlier runs have fetched, if it can be had.
    pub cache: Option<ManifestCache>,
    /// Where earlier runs have put blobs, if that can be had.
    pub hints: Option<HintCache>,
    /// Only say what would happen.
    pub dry_run: bool,
    /// Believe nothing of the destination: look at each selected child and blob there.
    pub force_recursive: bool,
    /// Repositories whose preparation failed, and how.
    pub unprepared: HashMap<Name, String>,
}

/// What the jobs of a run share.
pub(super) struct Run {
    pub(super) registries: Registries,
    pub(super) options: TransferOptions,
    pub(super) events: EventSender,
    pub(super) interrupt: Interrupt,
    pub(super) placement: Placement,
    pub(super) hints: Hints,
    pub(super) bad_content: BadContent,
    pub(super) referrals: Referrals,
    pub(super) configurations: Configurations,
}

/// Copies `jobs` and ends when each has its outcome.
pub async fn run(
    jobs: &Jobs,
    registries: Registries,
    options: TransferOptions,
    events: EventSender,
    interrupt: Interrupt,
) {
    let seats = Seats::new(options.jobs);
    let run = Arc::new(Run {
        registries,
        hints: Hints::new(options.hints.clone()),
        options,
        events: events.clone(),
        interrupt: interrupt.clone(),
        placement: Placement::default(),
        bad_content: BadContent::default(),
        referrals: Referrals::default(),
        configurations: Configurations::default(),
    });
    let seat = || seats.seat();
    let of_jobs = Arc::clone(&run);
    each(jobs, seat, GRACE, events.clone(), interrupt, move |job, seat| {
        let run = Arc::clone(&of_jobs);
        async move {
            if run.options.dry_run {
                dry_run::look(&run, &job, &seat).await
            } else {
                copy::copy(&run, &job, &seat).await
            }
        }
    })
    .await;
    run.hints.flush().await;
    let effort = run.registries.effort();
    let (retries, pauses, paused) = (effort.retries(), effort.pauses(), effort.paused());
    events.send(Event::Effort { retries, pauses, paused });
}
