//! From the configuration to what is to be mirrored: fetches each chart, renders it and finds its images.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use longshore_chart::archive::Chart;
use longshore_chart::artifact::{ChartArtifact, ChartStore};
use longshore_chart::config::{ImageOptions, Origin, Upstream, VersionWish};
use longshore_chart::images::{Discovery, Image, Provenance, Rendering, discover};
use longshore_chart::source::{Fetched, Sources};
use longshore_chart::{KeptRenderings, RenderError, RenderInput, Rendered, Renderer};
use longshore_engine::event::Level;
use longshore_oci::{Reference, Repository, Tag, Version};
use tokio::sync::Semaphore;

use super::failure::{GatherError, name_of};
use super::kept::keep;
use super::versions::{Artifact, FoundChart, FoundImage, FoundVersion, Renderings};
use crate::report::{ChartFailure, Log, Place, UnusedImage};

/// The most renderings at once. Each may need 100 MiB, and a run shall need less than 350 MiB.
const RENDERINGS: usize = 2;

/// Why images of components that the values switch off are not mirrored.
const OFF: &str = "its component is switched off (--include-disabled)";
/// Why images that only the values of a chart name are not mirrored.
const UNRENDERED: &str = "the values name it, but the chart was not rendered (--include-disabled)";

/// The number of charts to fetch at once: one for each core at least.
fn at_once(concurrency: usize) -> usize {
    concurrency.max(cores())
}

/// The number of renderings at once: one for each core at most.
pub(super) fn renderings_at_once() -> usize {
    cores().min(RENDERINGS)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What is needed to find out about charts.
pub(super) struct Gathering<'a> {
    pub(super) sources: &'a Sources,
    /// `None` with `--charts-only`.
    pub(super) renderer: Option<&'a dyn Renderer>,
    /// Renderings of earlier runs.
    pub(super) kept: Option<KeptRenderings>,
    /// The renderings that may begin: [`renderings_at_once`].
    pub(super) permits: Semaphore,
    pub(super) charts: &'a Arc<ChartStore>,
    pub(super) wanted: Wanted<'a>,
    pub(super) log: &'a Arc<Log>,
}

/// What is to be found out.
pub(super) struct Wanted<'a> {
    /// The configuration.
    pub(super) config: &'a Path,
    /// The number of charts at once.
    pub(super) concurrency: usize,
    /// Whether charts are mirrored, and not only their images.
    pub(super) charts: bool,
    /// Whether images of components that are switched off are needed too.
    pub(super) include_disabled: bool,
    /// Whether to keep how each chart was rendered.
    pub(super) renderings: bool,
    /// By upstream: the folder that keeps its archives. None keep them if this is empty.
    pub(super) artifact_folders: Vec<PathBuf>,
}

impl Gathering<'_> {
    /// Finds out about all versions of all upstreams, some at once. The result is in their order.
    pub(super) async fn all(&self, upstreams: &[Upstream]) -> Vec<FoundChart> {
        let at_once = at_once(self.wanted.concurrency);
        let choices: Vec<_> = stream::iter(upstreams.iter())
            .map(|upstream| {
                self.sources.choose(&upstream.origin, &upstream.chart, &upstream.versions)
            })
            .buffered(at_once)
            .collect()
            .await;
        let mut wanted = Vec::new();
        for (at, (upstream, choices)) in upstreams.iter().zip(choices).enumerate() {
            wanted.extend(choices.into_iter().map(|choice| (at, upstream, choice)));
        }
        let found: Vec<(usize, FoundVersion)> = stream::iter(wanted)
            .map(|(at, upstream, choice)| async move {
                let found = match choice {
                    Ok(version) => self.version(at, upstream, version).await,
                    Err(unfulfilled) => FoundVersion {
                        version: unfulfilled.wish,
                        failure: Some(ChartFailure {
                            error: unfulfilled.error.to_string(),
                            hint: unfulfilled.error.hint(),
                        }),
                        ..FoundVersion::default()
                    },
                };
                (at, found)
            })
            .buffered(at_once)
            .collect()
            .await;
        let mut charts: Vec<FoundChart> = upstreams
            .iter()
            .map(|upstream| FoundChart {
                key: upstream.key.clone(),
                chart: upstream.chart.clone(),
                versions: Vec::new(),
            })
            .collect();
        for (at, version) in found {
            charts[at].versions.push(version);
        }
        self.log_remarks(&charts);
        charts
    }

    /// Says once what was not taken, for each chart.
    fn log_remarks(&self, charts: &[FoundChart]) {
        for chart in charts {
            let mut said = HashSet::new();
            for version in &chart.versions {
                for remark in version.remarks.iter().filter(|remark| said.insert(*remark)) {
                    let text = format!("{} {}: {remark}", chart.key, version.version);
                    self.log.write(Level::Warning, &text);
                }
            }
        }
    }

    /// The versions of all upstreams as the configuration names them, after an interrupt before any was
    /// looked at.
    pub(super) fn interrupted(upstreams: &[Upstream]) -> Vec<FoundChart> {
        let version = |wish: &VersionWish| FoundVersion {
            version: wish.to_string(),
            failure: Some(ChartFailure {
                error: "the run was interrupted before this was fetched".to_owned(),
                hint: None,
            }),
            ..FoundVersion::default()
        };
        let chart = |upstream: &Upstream| FoundChart {
            key: upstream.key.clone(),
            chart: upstream.chart.clone(),
            versions: upstream.versions.iter().map(version).collect(),
        };
        upstreams.iter().map(chart).collect()
    }

    async fn version(&self, at: usize, upstream: &Upstream, version: String) -> FoundVersion {
        let mut found = FoundVersion { version, ..FoundVersion::default() };
        if let Err(error) = self.fill(at, upstream, &mut found).await {
            found.failure = Some(error.failure());
            found.artifact = None;
        }
        found
    }

    async fn fill(
        &self,
        at: usize,
        upstream: &Upstream,
        found: &mut FoundVersion,
    ) -> Result<(), GatherError> {
        let pushes = self.wanted.charts;
        let needs_content = self.renderer.is_some() || !self.wanted.artifact_folders.is_empty();
        if let (Origin::Oci { registry, path }, false) = (&upstream.origin, needs_content) {
            let (chart, version) = (&upstream.chart, &found.version);
            let located = self.sources.find_oci(registry, path.as_ref(), chart, version).await?;
            let (source, place) = located;
            let tag = source.version.tag().map(ToString::to_string).unwrap_or_default();
            found.place = place;
            found.artifact = Some(Artifact { source, name: chart.clone(), tag });
            return Ok(());
        }
        // A dry run shows the digest too, and so needs the provenance file.
        let fetched =
            self.sources.fetch(&upstream.origin, &upstream.chart, &found.version, pushes).await?;
        if !matches!(upstream.origin, Origin::Oci { .. }) {
            found.version.clone_from(&fetched.chart.metadata.version);
        }
        found.place.clone_from(&fetched.place);
        if let Some(folder) = self.wanted.artifact_folders.get(at) {
            keep(folder, &fetched).await?;
        }
        if pushes {
            found.artifact = Some(self.artifact(at, &fetched).await?);
        }
        if let Some(renderer) = self.renderer {
            let (renditions, mut errors) = self.renditions(renderer, upstream, &fetched).await;
            let off = if renditions.is_empty() { UNRENDERED } else { OFF };
            let discovery = discovered(&fetched, renditions).await?;
            if errors.is_empty() && self.wanted.renderings {
                found.renderings = Some(renderings(&upstream.images, &fetched.chart));
            }
            errors.extend(GatherError::broken(upstream, &fetched.place, &discovery.broken));
            found.images_failure = GatherError::failure_of(&errors);
            self.take_images(&upstream.images, discovery, off, found);
            let is_empty = found.images.is_empty() && found.images_failure.is_none();
            let may_be_empty = upstream.images.allow_empty || fetched.chart.metadata.is_library();
            if is_empty && !may_be_empty {
                let error = GatherError::NoImages(fetched.place.clone());
                found.images_failure = Some(error.failure());
            }
        }
        Ok(())
    }

    /// Renders a chart with each set of values. A set that fails does not affect the others.
    async fn renditions(
        &self,
        renderer: &dyn Renderer,
        upstream: &Upstream,
        fetched: &Fetched,
    ) -> (Vec<Rendition>, Vec<GatherError>) {
        let options = &upstream.images;
        let (mut renditions, mut errors) = (Vec::new(), Vec::new());
        for layers in &options.values {
            let values: Vec<String> = layers.iter().map(|file| file.text.clone()).collect();
            let rendered = if fetched.chart.metadata.is_library() {
                Ok(Vec::new())
            } else {
                let input = input(options, &fetched.chart, values.clone());
                self.rendered(renderer, &input).await
            };
            match rendered {
                Ok(rendered) => {
                    renditions.push(Rendition { name: name_of(layers), values, rendered });
                }
                Err(error) => {
                    errors.push(GatherError::render(upstream, &fetched.place, layers, error));
                }
            }
        }
        (renditions, errors)
    }

    /// Renders a chart, unless an earlier run did.
    async fn rendered(
        &self,
        renderer: &dyn Renderer,
        input: &RenderInput,
    ) -> Result<Vec<Rendered>, RenderError> {
        if let Some(kept) = &self.kept
            && let Some(rendered) = kept.get(renderer, input).await
        {
            return Ok(rendered);
        }
        let permit = self.permits.acquire().await;
        let rendered = renderer.render(input).await?;
        drop(permit);
        if let Some(kept) = &self.kept {
            kept.keep(renderer, input, &rendered).await;
        }
        Ok(rendered)
    }

    /// The source from which the engine copies the chart.
    async fn artifact(&self, at: usize, fetched: &Fetched) -> Result<Artifact, GatherError> {
        let metadata = &fetched.chart.metadata;
        let name = metadata.name.clone();
        if let Some(source) = &fetched.reference {
            let tag = source.version.tag().map(ToString::to_string);
            let tag = tag.unwrap_or_else(|| metadata.tag());
            return Ok(Artifact { source: source.clone(), name, tag });
        }
        let wrong = |what, text: &str| {
            let text = text.to_owned();
            move |error| GatherError::Name { what, text, error }
        };
        // Two upstreams may have charts with the same name and version.
        let repository: Repository =
            format!("u{at}/{name}").parse().map_err(wrong("chart name", &name))?;
        let tag = metadata.tag();
        let parsed: Tag = tag.parse().map_err(wrong("version", &tag))?;
        let (archive, provenance) = (fetched.archive.clone(), fetched.provenance.clone());
        let artifact =
            ChartArtifact::new(metadata, archive, provenance, fetched.created.as_deref());
        let store = Arc::clone(self.charts);
        let added =
            tokio::task::spawn_blocking(move || store.add(repository, parsed, artifact)).await;
        let added = added.map_err(std::io::Error::other).and_then(|added| added);
        let source = added.map_err(|error| GatherError::Keep { name: name.clone(), error })?;
        Ok(Artifact { source, name, tag })
    }

    /// Takes over what discovery found: without what is ignored, with what is added.
    /// `off` says why disabled images are not mirrored.
    fn take_images(
        &self,
        options: &ImageOptions,
        discovery: Discovery,
        off: &'static str,
        found: &mut FoundVersion,
    ) {
        let ignored = |reference: &str| {
            options.ignore.iter().find(|pattern| pattern.matches(reference)).is_some()
        };
        let mut taken = HashSet::new();
        let mut take = |image: Image, unused: Option<&'static str>| {
            let source = image.reference.to_string();
            let places: Vec<Place> = image.provenance.iter().map(place).collect();
            let unused = if ignored(&source) { Some("it is ignored") } else { unused };
            if let Some(reason) = unused {
                found.unused.push(UnusedImage { source, reason, provenance: places });
            } else if taken.insert(image.reference.clone()) {
                found.images.push(FoundImage { reference: image.reference, places });
            }
        };
        let disabled = if self.wanted.include_disabled { None } else { Some(off) };
        discovery.images.into_iter().for_each(|image| take(image, None));
        discovery.disabled.into_iter().for_each(|image| take(image, disabled));
        let hint = "only an annotation of the chart names it";
        discovery.hints.into_iter().for_each(|image| take(image, Some(hint)));
        for added in &options.add {
            if taken.insert(added.image.clone()) {
                let place = Place {
                    values: String::new(),
                    template: format!("{}:{}", self.wanted.config.display(), added.line),
                    object: String::new(),
                    path: "images".to_owned(),
                    rule: "added".to_owned(),
                };
                let (reference, places) = (added.image.clone(), vec![place]);
                found.images.push(FoundImage { reference, places });
            }
        }
        found.remarks = discovery.remarks.iter().map(ToString::to_string).collect();
    }
}

pub(super) fn place(provenance: &Provenance) -> Place {
    Place {
        values: provenance.values.clone(),
        template: provenance.template.clone(),
        object: provenance.object.clone(),
        path: provenance.path.clone(),
        rule: provenance.rule.to_string(),
    }
}

/// One rendering of a chart.
struct Rendition {
    name: String,
    values: Vec<String>,
    rendered: Vec<Rendered>,
}

/// Finds the images in the renderings of a chart, on a thread that may block.
async fn discovered(
    fetched: &Fetched,
    renditions: Vec<Rendition>,
) -> Result<Discovery, GatherError> {
    let chart = fetched.chart.clone();
    let found = tokio::task::spawn_blocking(move || {
        let renderings: Vec<Rendering<'_>> = renditions
            .iter()
            .map(|rendition| Rendering {
                name: &rendition.name,
                values: &rendition.values,
                rendered: &rendition.rendered,
            })
            .collect();
        discover(&chart, &renderings)
    });
    found.await.map_err(|error| GatherError::Keep {
        name: fetched.place.clone(),
        error: std::io::Error::other(error),
    })
}

fn input(options: &ImageOptions, chart: &Chart, values: Vec<String>) -> RenderInput {
    RenderInput {
        files: Arc::clone(chart.files()),
        values,
        release: options.release.clone().unwrap_or_else(|| chart.metadata.name.clone()),
        namespace: options.namespace.clone(),
        kube_version: options.kube_version.clone(),
        api_versions: options.api_versions.clone(),
        skip_tests: options.skip_tests,
    }
}

/// The inputs of all renderings of a chart; a library has none.
fn renderings(options: &ImageOptions, chart: &Chart) -> Renderings {
    let layers = options.values.iter().filter(|_| !chart.metadata.is_library());
    let inputs = layers.map(|layers| {
        let values = layers.iter().map(|file| file.text.clone()).collect();
        (name_of(layers), input(options, chart, values))
    });
    Renderings { chart: chart.clone(), inputs: inputs.collect() }
}

/// The version of a reference as the plan selects it.
pub(super) fn select(reference: &Reference) -> longshore_engine::list::Selection {
    use longshore_engine::list::{Pinned, Selection};
    match &reference.version {
        Version::Tag(tag) => Selection::ByTag(tag.to_string()),
        Version::Digest(digest) => {
            Selection::ByDigest(Pinned { digest: digest.to_string(), tag: None })
        }
        Version::Pinned(tag, digest) => {
            Selection::ByDigest(Pinned { digest: digest.to_string(), tag: Some(tag.to_string()) })
        }
    }
}
