//! From the plan to the report: copies the jobs, and follows their events.

use std::sync::Arc;
use std::time::Instant;

use longshore_engine::copy::{self, CopyOptions};
use longshore_engine::event::{EventSender, Level};

use super::super::mirror::session::Session;
use super::planning::PlannedCharts;
use super::stores::StoresWithCharts;
use crate::error::Fatal;
use crate::flags::MirrorCharts;
use crate::prepare::Purpose;
use crate::report::{
    ChartPlan, ChartReport, ChartReporter, FailedList, ReportOptions, has_terminal,
};
use crate::settings::Task;

impl Session {
    /// Copies charts and images. Hands the failed list to the report, unfinished.
    pub(super) async fn copy_charts(
        &self,
        planned: PlannedCharts,
        mut plan: ChartPlan,
        stores: Arc<StoresWithCharts>,
        failed_list: Option<FailedList>,
        given: &MirrorCharts,
        started: Instant,
    ) -> Result<ChartReport, Fatal> {
        let Task::Mirror(flags) = &self.settings.task else {
            return Err(std::io::Error::other("charts are mirrored only").into());
        };
        self.tell_of_digests(&planned.jobs);
        plan.charts_only = given.charts_only;
        let jobs = Arc::new(planned.jobs);
        let (events, received) = EventSender::channel();
        let options = ReportOptions {
            started,
            output: self.settings.list.images.output,
            verb: self.settings.verb(),
            dry_run: flags.dry_run,
            page: self.settings.list.images.report.is_some(),
            referrers: flags.referrers,
            terminal: has_terminal() && self.log.shows(Level::Info),
            list: String::new(),
            shard: None,
            mend: None,
        };
        let mut reporter = ChartReporter::new(
            plan,
            options,
            Arc::clone(&self.log),
            started,
            given.images_only,
            jobs.len(),
        )
        .with_failed_list(failed_list);
        for (number, outcome) in planned.ended {
            reporter.end(number, outcome);
        }
        let rewrite = reporter.rewrite_trigger();
        let mut interrupt = self.interrupt.clone();
        tokio::spawn(async move {
            interrupt.raised().await;
            rewrite.notify_one();
        });
        let reporting = tokio::spawn(reporter.run(received));
        let purpose = if flags.dry_run { Purpose::DryRun } else { Purpose::Push };
        let prepared = match self.prepare(purpose, &jobs, &stores.open, &events).await {
            Ok(prepared) => prepared,
            Err(error) => {
                reporting.abort();
                return Err(error);
            }
        };
        let list = &self.settings.list;
        let options = CopyOptions {
            referrers: flags.referrers,
            cache: self.caches.manifests.clone(),
            jobs: list.images.jobs,
            index: list.images.index,
            no_platform_fails: list.images.no_arch_os_fail,
            dry_run: flags.dry_run,
            force_recursive: flags.force_recursive,
            deep: false,
            charts_by_content: true,
            unprepared: prepared.unprepared,
            refused: prepared.refused,
            would_create: prepared.would_create,
            homes: None,
            timeout: list.images.limits.timeout(),
        };
        copy::run(&jobs, stores, options, events, self.interrupt.clone()).await;
        Ok(reporting.await.map_err(std::io::Error::other)?)
    }
}
