//! One plan for charts and images.

use std::collections::HashMap;

use longshore_chart::config::Target;
use longshore_engine::job::{Jobs, Outcome};
use longshore_engine::list::{Attribute, Entry, Format, List, ListText};
use longshore_engine::plan::{self, Collision, Ended, PlanOptions, Rewrite, SourceOverride};
use longshore_oci::{Digest, Reference};
use longshore_store::Stores;

use super::super::mirror::rewrite::{ARTIFACT, CHART, PluginRewrite};
use super::super::mirror::session::Session;
use super::gather::select;
use super::stores::STORE;
use super::versions::{FoundChart, FoundVersion};
use crate::error::Fatal;
use crate::report::{ChartGroup, ChartPlan, ChartVersion, FailedEntry, ImageUse, shell_command};

/// The plan of a run: jobs for the engine, charts for the report.
pub(super) struct PlannedCharts {
    pub(super) jobs: Jobs,
    /// Outcomes of entries that are not jobs.
    pub(super) ended: Vec<(u32, Outcome)>,
    pub(super) charts: ChartPlan,
    /// The lines of the failed list for images, by number.
    lines: Vec<FailedEntry>,
    /// How to show the charts that come from no registry, by number.
    pub(super) names: HashMap<u32, String>,
    /// The number of entries.
    pub(super) count: u32,
}

/// The entries of the plan, each source and destination once. The number of an entry is its position,
/// from 1, and is its line too.
#[derive(Default)]
struct Entries {
    entries: Vec<Entry>,
    known: HashMap<Reference, u32>,
}

impl Entries {
    /// Adds an entry, and returns its number.
    fn add(
        &mut self,
        source: &Reference,
        destination: String,
        tag: Option<String>,
        chart: bool,
    ) -> u32 {
        if let Some(number) = self.known.get(source) {
            return *number;
        }
        let number = u32::try_from(self.entries.len() + 1).unwrap_or(u32::MAX);
        let attribute = Attribute { key: ARTIFACT.to_owned(), value: CHART.to_owned() };
        self.entries.push(Entry {
            source: format!("{}/{}", source.store, source.repository),
            repositories: None,
            select: select(source),
            destination: Some(destination),
            destination_tag: tag,
            platforms: Vec::new(),
            line: number,
            attributes: chart.then_some(attribute).into_iter().collect(),
        });
        self.known.insert(source.clone(), number);
        number
    }
}

impl Session {
    /// Plans charts and images, and decides about destinations that several sources have.
    pub(super) async fn plan_charts(
        &self,
        found: &[FoundChart],
        target: &Target,
        stores: &dyn Stores,
    ) -> Result<PlannedCharts, Fatal> {
        let (mut charts, entries) = entries(found, target);
        let names = names(found, &charts);
        let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let list = List {
            format: Format { name: "charts".to_owned(), ..Format::default() },
            text: ListText::new("", Vec::new()),
            entries,
            diagnostics: Vec::new(),
        };
        let options = PlanOptions {
            source: SourceOverride::default(),
            destination: Some(target.registry.clone().into()),
            filter: self.settings.filter.clone(),
            first_number: 1,
            shard: self.settings.list.shard,
            unselected: Vec::new(),
        };
        let rewrites = self.rewrites().await?;
        self.check_plugin_flags("", &rewrites).await?;
        let rewrites: Vec<Box<dyn Rewrite>> =
            rewrites.into_iter().map(|plugin| Box::new(PluginRewrite(plugin)) as Box<_>).collect();
        let mut plan = plan::build(list, &options, &rewrites).await?;
        self.tell_of_idle(&plan.idle);
        let lines = plan.entries.drain(..).map(|entry| FailedEntry {
            number: entry.number,
            text: entry.text,
            terms: entry.terms,
        });
        let lines = lines.collect();
        let sources = sources(found, &charts);
        let named = |ended: Ended| match (sources.get(&ended.number), names.get(&ended.number)) {
            (Some(source), Some(name)) => (ended.number, ended.outcome.renamed(source, name)),
            _ => (ended.number, ended.outcome),
        };
        let mut ended: Vec<(u32, Outcome)> = plan.ended.into_iter().map(named).collect();
        let mut destinations: HashMap<u32, String> =
            plan.jobs.iter().map(|job| (job.number, job.destination.to_string())).collect();
        destinations.extend(
            plan.collisions.iter().map(|collision| {
                (collision.second.number, collision.second.destination.to_string())
            }),
        );
        let (jobs, same) = settle(
            &charts,
            plan.jobs,
            plan.collisions,
            (stores, self.settings.list.images.jobs),
            &mut ended,
        )
        .await;
        show(&mut charts, &destinations, &same);
        Ok(PlannedCharts { jobs, ended, charts, lines, names, count })
    }
}

/// The charts of the run's own store, by number.
fn from_no_registry<'a>(
    found: &'a [FoundChart],
    charts: &'a ChartPlan,
) -> impl Iterator<Item = (u32, &'a FoundChart, &'a FoundVersion, &'a Reference)> {
    let versions = |(chart, group): (&'a FoundChart, &'a ChartGroup)| {
        let versions = chart.versions.iter().zip(&group.versions);
        versions.map(move |(version, planned)| (chart, version, planned.job))
    };
    found.iter().zip(&charts.groups).flat_map(versions).filter_map(|(chart, version, job)| {
        let source = &version.artifact.as_ref()?.source;
        Some((job?, chart, version, source)).filter(|_| source.store.as_str() == STORE)
    })
}

/// How to show them: the name of their source is the run's own.
fn names(found: &[FoundChart], charts: &ChartPlan) -> HashMap<u32, String> {
    let name = |(job, chart, version, _): (u32, &FoundChart, &FoundVersion, &Reference)| {
        (job, format!("{} {} ({})", chart.chart, version.version, version.place))
    };
    from_no_registry(found, charts).map(name).collect()
}

fn sources<'a>(found: &'a [FoundChart], charts: &'a ChartPlan) -> HashMap<u32, &'a Reference> {
    from_no_registry(found, charts).map(|(job, _, _, source)| (job, source)).collect()
}

/// The charts of the report, and the entries of the plan.
pub(super) fn entries(found: &[FoundChart], target: &Target) -> (ChartPlan, Vec<Entry>) {
    let base = match &target.path {
        Some(path) => format!("{}/{path}", target.registry),
        None => target.registry.to_string(),
    };
    let for_charts = match &target.charts_prefix {
        Some(prefix) => format!("{base}/{prefix}"),
        None => base.clone(),
    };
    let mut entries = Entries::default();
    let mut groups = Vec::new();
    for chart in found {
        let versions = chart.versions.iter();
        let versions = versions.map(|found| version(found, &base, &for_charts, &mut entries));
        let (key, name) = (chart.key.clone(), chart.chart.clone());
        groups.push(ChartGroup { key, chart: name, versions: versions.collect() });
    }
    // Jobs may end as those of other charts, so only the plan knows which numbers are free.
    let numbers = (1..).skip(entries.entries.len());
    let versions = groups.iter_mut().flat_map(|group| &mut group.versions);
    versions.zip(numbers).for_each(|(version, number)| version.number = number);
    (ChartPlan { target: for_charts, base, groups, charts_only: false }, entries.entries)
}

/// The entries of a version, as the report shows it. Destinations are those before the rewrites.
fn version(
    found: &FoundVersion,
    base: &str,
    for_charts: &str,
    entries: &mut Entries,
) -> ChartVersion {
    let mut version = ChartVersion {
        version: found.version.clone(),
        source: found.place.clone(),
        failure: found.failure.clone(),
        images_failure: found.images_failure.clone(),
        remarks: found.remarks.clone(),
        ..ChartVersion::default()
    };
    if let Some(artifact) = &found.artifact {
        let destination = format!("{for_charts}/{}", artifact.name);
        let tag = Some(artifact.tag.clone());
        version.job = Some(entries.add(&artifact.source, destination, tag, true));
    }
    version.images = found
        .images
        .iter()
        .map(|image| {
            let destination = format!("{base}/{}", image.reference.repository);
            ImageUse {
                job: entries.add(&image.reference, destination, None, false),
                source: image.reference.to_string(),
                target: String::new(),
                places: image.places.clone(),
            }
        })
        .collect();
    version.unused = found
        .unused
        .iter()
        .map(|unused| crate::report::UnusedImage {
            source: unused.source.clone(),
            reason: unused.reason,
            provenance: unused.provenance.clone(),
        })
        .collect();
    version
}

/// Fills in the destinations. A source whose content is that of another one has its job.
fn show(charts: &mut ChartPlan, destinations: &HashMap<u32, String>, same: &HashMap<u32, u32>) {
    let destination = |job: &u32| destinations.get(job).cloned().unwrap_or_default();
    for version in charts.groups.iter_mut().flat_map(|group| &mut group.versions) {
        if let Some(job) = &mut version.job {
            version.target = destination(job);
            *job = same.get(job).copied().unwrap_or(*job);
        }
        for image in &mut version.images {
            image.target = destination(&image.job);
            image.job = same.get(&image.job).copied().unwrap_or(image.job);
        }
    }
}

/// Decides about destinations that two sources have: with the same content one is copied, else both fail.
///
/// Returns the jobs that remain, and the job of each entry that another one stands for.
async fn settle(
    charts: &ChartPlan,
    jobs: Jobs,
    collisions: Vec<Collision>,
    (stores, at_once): (&dyn Stores, usize),
    ended: &mut Vec<(u32, Outcome)>,
) -> (Jobs, HashMap<u32, u32>) {
    let mut same = HashMap::new();
    let mut failed = Vec::new();
    let digests = plan::digests(&collisions, stores, at_once).await;
    let digest = |source: &Reference| {
        digests.get(source).cloned().unwrap_or_else(|| Err("its platforms differ".to_owned()))
    };
    for Collision { first, second } in collisions {
        let number = first.number;
        let digests = (digest(&first.source), digest(&second.source));
        if let (Ok(one), Ok(other)) = &digests
            && one == other
        {
            same.insert(second.number, number);
            continue;
        }
        let shown = |digest: Result<Digest, String>| {
            digest.map_or_else(|error| error, |digest| digest.to_string())
        };
        let (chart, other) = (chart_of(charts, number), chart_of(charts, second.number));
        let error = format!(
            "plan {}: {} ({}) and {} ({}) would both go there, and their content differs",
            first.destination,
            chart.clone().unwrap_or_else(|| first.source.to_string()),
            shown(digests.0),
            other.clone().unwrap_or_else(|| second.source.to_string()),
            shown(digests.1),
        );
        let hint = match chart.or(other) {
            Some(_) => {
                "keep the paths apart with --rewrite, or put one of the charts into a configuration with another `charts-prefix`"
            }
            None => "keep the paths apart with --rewrite, or add one of the images to `ignore`",
        };
        let outcome = Outcome { hint: Some(hint.to_owned()), ..Outcome::failed(error) };
        ended.push((number, outcome.clone()));
        ended.push((second.number, outcome));
        failed.push(number);
    }
    if failed.is_empty() {
        return (jobs, same);
    }
    // What stood for a failed job fails like it.
    for (second, first) in &same {
        if failed.contains(first)
            && let Some(outcome) = ended.iter().find(|(number, _)| number == first)
        {
            let outcome = outcome.1.clone();
            ended.push((*second, outcome));
        }
    }
    same.retain(|_, first| !failed.contains(first));
    (jobs.iter().filter(|job| !failed.contains(&job.number)).collect(), same)
}

/// The chart that a job copies, as the user knows it.
fn chart_of(charts: &ChartPlan, job: u32) -> Option<String> {
    charts.groups.iter().find_map(|group| {
        let version = group.versions.iter().find(|version| version.job == Some(job))?;
        Some(format!("{} {} of {}", group.chart, version.version, group.key))
    })
}

/// The entries of the failed list: `mirror` lines for images, comments with a command for charts and for
/// images that `mirror` would send elsewhere.
pub(super) fn failed_entries(planned: &PlannedCharts, repeat: &[String]) -> Vec<FailedEntry> {
    let command = |key: &str, version: &str| {
        let words = repeat.iter().cloned();
        let words = words.chain([format!("--chart={key}"), format!("--version={version}")]);
        bytes::Bytes::from(format!("# {}", shell_command(words)))
    };
    let mut of_charts: HashMap<u32, Vec<bytes::Bytes>> = HashMap::new();
    let mut without_job = Vec::new();
    for group in &planned.charts.groups {
        for version in &group.versions {
            let text = command(&group.key, &version.version);
            if version.failures().next().is_some() {
                let (number, text) = (version.number, text.clone());
                without_job.push(FailedEntry { number, text, terms: None });
            }
            // `mirror` would put an image into its default project.
            let images = version.images.iter().filter(|image| is_one_part(&image.target));
            for job in images.map(|image| image.job) {
                of_charts.entry(job).or_insert_with(|| vec![text.clone()]);
            }
            // Charts with the same content share a job, and all of them fail with it.
            if let Some(job) = version.job {
                of_charts.entry(job).or_default().push(text);
            }
        }
    }
    let lines = planned.lines.iter().flat_map(|line| {
        let FailedEntry { number, .. } = *line;
        let of_chart =
            |text: &bytes::Bytes| FailedEntry { number, text: text.clone(), terms: None };
        let texts = of_charts.get(&number);
        texts.map_or_else(|| vec![line.clone()], |texts| texts.iter().map(of_chart).collect())
    });
    lines.chain(without_job).collect()
}

fn is_one_part(destination: &str) -> bool {
    destination.parse::<Reference>().is_ok_and(|parsed| parsed.repository.is_one_part())
}
