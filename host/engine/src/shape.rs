//! The shape: what is written under the destination's tag.
//!
//! It is the source's manifest as it is, an index of the selected children, or a wrapper around a
//! single image. `mirror` writes a shape, and `mirror-validate` expects it.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use longshore_oci::{
    Content, Descriptor, Digest, Index, Manifest, MediaType, PlatformFilter, RawManifest,
    Selection, Single, wrap,
};

use crate::error::JobError;
use crate::event::{EventSender, Level};
use crate::job::{Job, Outcome};
use crate::source_reader::SourceReader;

/// How indexes are written at the destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IndexMode {
    /// As at the source. The digest stays the same if everything is selected.
    #[default]
    Preserve,
    /// Always as a Docker manifest list, even around a single image, as Hangar 1.6 writes.
    Docker,
    /// Always as an OCI index, even around a single image.
    Oci,
}

impl IndexMode {
    /// All modes.
    pub const ALL: [Self; 3] = [Self::Preserve, Self::Docker, Self::Oci];

    /// The mode's name in flags and settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Preserve => "preserve",
            Self::Docker => "docker",
            Self::Oci => "oci",
        }
    }

    /// Returns the mode with this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }

    const fn media_type(self) -> Option<MediaType> {
        match self {
            Self::Preserve => None,
            Self::Docker => Some(MediaType::DOCKER_LIST),
            Self::Oci => Some(MediaType::OCI_INDEX),
        }
    }
}

/// What is pushed under the tag, and what must be there before.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// The digest of the source's manifest.
    pub(crate) source: Digest,
    /// The manifest that the tag will name.
    pub(crate) root: RawManifest,
    /// Manifests that must be at the destination first.
    pub(crate) children: Vec<Descriptor>,
    /// The image itself, if the root wraps it.
    pub(crate) wrapped: Option<Manifest>,
    /// The image whose blobs are needed: the root if it is a single manifest, else the wrapped
    /// image.
    pub(crate) single: Option<Box<Single>>,
    /// The configuration, if it was read for the platform.
    pub(crate) config: Option<Arc<Bytes>>,
    /// Why the root differs from the source's manifest.
    pub(crate) changed: Option<String>,
    /// Whether the platform filter left children out.
    pub(crate) is_cut: bool,
    /// Whether the image was taken out of the source's index.
    pub(crate) is_taken_out: bool,
}

impl Shape {
    /// The shape of an unchanged `manifest`.
    pub(crate) fn verbatim(manifest: Manifest) -> Self {
        let (children, single) = match manifest.content {
            Content::Index(index) => (index.manifests, None),
            Content::Single(single) => (Vec::new(), Some(single)),
        };
        Self {
            source: manifest.raw.digest.clone(),
            root: manifest.raw,
            children,
            wrapped: None,
            single,
            config: None,
            changed: None,
            is_cut: false,
            is_taken_out: false,
        }
    }

    /// Returns the manifest of the source that arrives with its digest and is no child: the root, or the image that
    /// it wraps.
    pub(crate) fn unchanged(&self) -> Option<Descriptor> {
        let is_own = self.root.digest == self.source || self.is_taken_out;
        let wrapped = self.wrapped.as_ref().map(|wrapped| wrapped.raw.descriptor());
        wrapped.or_else(|| is_own.then(|| self.root.descriptor()))
    }

    /// Whether the source's root does not arrive, so that its referrers have no subject.
    pub(crate) fn leaves_root(&self) -> bool {
        self.unchanged().is_none_or(|unchanged| unchanged.digest != self.source)
    }

    /// Returns the root with its content; `None` if what was built cannot be parsed.
    pub(crate) fn parsed_root(&self) -> Option<Manifest> {
        let RawManifest { bytes, media_type, digest } = &self.root;
        Manifest::parse(bytes.clone(), Some(media_type), digest.clone()).ok()
    }
}

/// The result of applying a filter and an index mode to a manifest.
#[derive(Clone, Debug)]
pub(crate) enum Shaped {
    /// Write this shape.
    Write(Box<Shape>),
    /// Nothing matches the filter.
    Nothing,
}

/// Computes the shape of `manifest`, which was read from `source`.
///
/// # Errors
/// If an image's configuration is needed and cannot be read, or an index cannot be rebuilt.
pub(crate) async fn shape(
    manifest: Manifest,
    filter: &PlatformFilter,
    mode: IndexMode,
    source: &SourceReader<'_>,
) -> Result<Shaped, JobError> {
    match &manifest.content {
        Content::Index(index) if filter.takes_one_manifest() => {
            shape_one(&manifest.raw, index, filter, mode, source).await
        }
        Content::Index(index) => shape_index(&manifest.raw, index, filter, mode),
        Content::Single(single) => {
            let single = single.clone();
            shape_single(manifest, single, filter, mode, source).await
        }
    }
}

/// The outcome of `job` if nothing at its source matches the filter: a warning and a skip.
///
/// # Errors
/// If `fails` asks for a failure instead.
pub(crate) fn nothing_selected(
    job: &Job,
    fails: bool,
    events: &EventSender,
) -> Result<Outcome, JobError> {
    let filter = job.filter.to_string();
    if fails {
        return Err(JobError::NoPlatform(filter));
    }
    let text = format!("no platform of {} satisfies the filter ({filter})", job.source);
    events.note(job.number, None, Level::Debug, text);
    Ok(Outcome::skipped(format!("no platform satisfies the filter ({filter})")))
}

/// Fails if `manifest` is an index of which the filter selects nothing, unless `fails` is false. This is for
/// an index that the destination holds whole: its content is right whatever the filter selects.
///
/// # Errors
/// If nothing is selected.
pub(crate) fn check_selection(
    manifest: &Manifest,
    filter: &PlatformFilter,
    fails: bool,
) -> Result<(), JobError> {
    match &manifest.content {
        Content::Index(index) if fails && matches!(index.select(filter), Selection::Nothing) => {
            Err(JobError::NoPlatform(filter.to_string()))
        }
        _ => Ok(()),
    }
}

fn shape_index(
    raw: &RawManifest,
    index: &Index,
    filter: &PlatformFilter,
    mode: IndexMode,
) -> Result<Shaped, JobError> {
    let selection = index.select(filter);
    let positions: Vec<usize> = match &selection {
        Selection::All => (0..index.manifests.len()).collect(),
        Selection::Part(positions) => positions.clone(),
        Selection::Nothing => return Ok(Shaped::Nothing),
    };
    let media_type = other_type(raw, index, mode);
    let rebuild = |media_type: &MediaType| {
        raw.with_children(&positions, media_type)
            .map_err(|error| JobError::Rebuild(error.to_string()))
    };
    let part = (!matches!(selection, Selection::All)).then(|| {
        let (kept, all) = (positions.len(), index.manifests.len());
        format!("the platform filter keeps {kept} of {all} manifests ({filter})")
    });
    let is_cut = part.is_some();
    let kind = media_type.as_ref().map(|wanted| format!("the index is written as {wanted}"));
    let reasons: Vec<String> = part.into_iter().chain(kind).collect();
    let changed = (!reasons.is_empty()).then(|| reasons.join("; "));
    let root = match changed {
        None => raw.clone(),
        Some(_) => rebuild(media_type.as_ref().unwrap_or(&raw.media_type))?,
    };
    let children = positions.iter().map(|&at| index.manifests[at].clone()).collect();
    Ok(Shaped::Write(Box::new(Shape {
        source: raw.digest.clone(),
        root,
        children,
        wrapped: None,
        single: None,
        config: None,
        changed,
        is_cut,
        is_taken_out: false,
    })))
}

/// The shape of the one manifest that the filter takes out of the index `raw`.
async fn shape_one(
    raw: &RawManifest,
    index: &Index,
    filter: &PlatformFilter,
    mode: IndexMode,
    source: &SourceReader<'_>,
) -> Result<Shaped, JobError> {
    let Some(child) = index.first_of(filter) else { return Ok(Shaped::Nothing) };
    let manifest = source.by_digest(&child.digest).await.map_err(JobError::Source)?;
    let shaped = match &manifest.content {
        Content::Index(_) => Shaped::Write(Box::new(Shape::verbatim(manifest))),
        Content::Single(single) => {
            let (single, any) = (single.clone(), PlatformFilter::default());
            shape_single(manifest, single, &any, mode, source).await?
        }
    };
    let Shaped::Write(mut shape) = shaped else { return Ok(shaped) };
    let one = format!("one manifest takes the place of its index ({filter})");
    let reasons: Vec<String> = [one].into_iter().chain(shape.changed).collect();
    shape.changed = Some(reasons.join("; "));
    shape.source = raw.digest.clone();
    shape.is_taken_out = true;
    Ok(Shaped::Write(shape))
}

/// The media type that replaces the index's own.
///
/// Only an index of images is converted; an index of artifacts stays as it is.
fn other_type(raw: &RawManifest, index: &Index, mode: IndexMode) -> Option<MediaType> {
    let of_images = index
        .manifests
        .iter()
        .filter_map(|child| child.platform.as_ref())
        .any(|platform| !platform.is_unspecified());
    mode.media_type().filter(|wanted| of_images && *wanted != raw.media_type)
}

/// Whether `manifest` is an index that is written unchanged in this mode.
///
/// If the destination holds it already, nothing is to be done, whatever platforms the filter selects.
pub(crate) fn stays_unchanged(
    manifest: &Manifest,
    filter: &PlatformFilter,
    mode: IndexMode,
) -> bool {
    match &manifest.content {
        Content::Index(_) if filter.takes_one_manifest() => false,
        Content::Index(index) => other_type(&manifest.raw, index, mode).is_none(),
        Content::Single(_) => false,
    }
}

async fn shape_single(
    manifest: Manifest,
    single: Box<Single>,
    filter: &PlatformFilter,
    mode: IndexMode,
    source: &SourceReader<'_>,
) -> Result<Shaped, JobError> {
    let digest = manifest.raw.digest.clone();
    let wrapper = mode.media_type();
    let reads_platform = manifest.is_image() && (!filter.is_everything() || wrapper.is_some());
    let mut config = None;
    let mut platform = None;
    if let Some(descriptor) = single.config.as_ref().filter(|_| reads_platform) {
        let read = source.configuration(descriptor).await.map_err(JobError::Source)?;
        (platform, config) = (read.platform, read.bytes);
    }
    if platform.as_ref().is_some_and(|platform| !filter.selects(platform)) {
        return Ok(Shaped::Nothing);
    }
    let shape = match wrapper.filter(|_| manifest.is_image()) {
        Some(media_type) => Shape {
            source: digest,
            root: wrap(&manifest, platform.as_ref(), &media_type)
                .map_err(|error| JobError::Rebuild(error.to_string()))?,
            children: Vec::new(),
            changed: Some(format!("the image is wrapped in a list of the type {media_type}")),
            wrapped: Some(manifest),
            single: Some(single),
            config,
            is_cut: false,
            is_taken_out: false,
        },
        None => Shape {
            source: digest,
            root: manifest.raw,
            children: Vec::new(),
            wrapped: None,
            single: Some(single),
            config,
            changed: None,
            is_cut: false,
            is_taken_out: false,
        },
    };
    Ok(Shaped::Write(Box::new(shape)))
}

/// Whether equal digests alone prove that the destination is up to date.
///
/// With `--index docker|oci`, and if one manifest takes the place of its index, they do not: the manifest's type
/// must be known too.
pub(crate) const fn digest_decides(filter: &PlatformFilter, mode: IndexMode) -> bool {
    matches!(mode, IndexMode::Preserve) && !filter.takes_one_manifest()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{IndexMode, Shape, Shaped, shape_index};
    use longshore_oci::{Content, Digest, Manifest, MediaType, PlatformFilter};

    fn shape_of(children: &str, arch: &str, mode: IndexMode) -> Option<Box<Shape>> {
        let text = format!(r#"{{"schemaVersion":2,"manifests":[{children}]}}"#);
        let digest = Digest::of(text.as_bytes());
        let manifest = Manifest::parse(Bytes::from(text), None, digest).unwrap();
        let Content::Index(index) = &manifest.content else { panic!("no index") };
        let filter = PlatformFilter::of_flags(Some(arch), None).unwrap();
        match shape_index(&manifest.raw, index, &filter, mode).unwrap() {
            Shaped::Write(shape) => Some(shape),
            Shaped::Nothing => None,
        }
    }

    fn child(arch: &str) -> String {
        let digest = Digest::of(arch.as_bytes());
        format!(
            r#"{{"digest":"{digest}","size":1,"platform":{{"os":"linux","architecture":"{arch}"}}}}"#
        )
    }

    #[test]
    fn the_digest_survives_where_everything_is_selected() {
        let both = format!("{},{}", child("amd64"), child("arm64"));
        let all = shape_of(&both, "amd64,arm64", IndexMode::Preserve).unwrap();
        assert!(all.changed.is_none() && all.children.len() == 2);
        let part = shape_of(&both, "arm64", IndexMode::Preserve).unwrap();
        assert!(part.changed.unwrap().contains("1 of 2"));
        assert!(shape_of(&both, "s390x", IndexMode::Preserve).is_none());
    }

    #[test]
    fn only_indexes_of_images_change_their_type() {
        let docker = shape_of(&child("amd64"), "all", IndexMode::Docker).unwrap();
        assert_eq!(docker.root.media_type, MediaType::DOCKER_LIST);
        let artifact = format!(r#"{{"digest":"{}","size":1}}"#, Digest::of(b"x"));
        let kept = shape_of(&artifact, "all", IndexMode::Docker).unwrap();
        assert_eq!(kept.root.media_type, MediaType::OCI_INDEX);
        let oci = shape_of(&child("amd64"), "all", IndexMode::Oci).unwrap();
        assert!(oci.changed.is_none(), "it is an OCI index already");
    }
}
