//! Copies the content of a manifest, children before parents, as a visitor of the graph walk.

use futures_util::future::{BoxFuture, FutureExt as _};
use longshore_oci::{Descriptor, Manifest, ManifestReference};
use longshore_store::Trust;

use super::work::Work;
use super::{blob, push};
use crate::error::JobError;
use crate::event::Level;
use crate::shape::Shape;
use crate::walk::{Entered, Visitor, walk_blobs, walk_children, walk_content};

/// Copies all content that the root of `shape` names.
pub(super) async fn place(work: &Work<'_>, shape: &Shape) -> Result<(), JobError> {
    let visitor = CopyVisitor { work, shape: Some(shape) };
    if let Some(single) = &shape.single {
        walk_blobs(&visitor, single).await?;
    }
    if let Some(wrapped) = &shape.wrapped {
        push::by_digest(work, &wrapped.raw).await?;
    }
    walk_children(&visitor, shape.children.iter()).await
}

/// Copies all content that `manifest` names.
pub(super) async fn place_content(work: &Work<'_>, manifest: &Manifest) -> Result<(), JobError> {
    walk_content(&CopyVisitor { work, shape: None }, &manifest.content).await
}

/// Copies each blob and manifest that the walk visits.
struct CopyVisitor<'a> {
    work: &'a Work<'a>,
    /// The shape of the image, whose configuration may be in memory.
    shape: Option<&'a Shape>,
}

impl Visitor for CopyVisitor<'_> {
    type Error = JobError;

    fn once<'a>(
        &'a self,
        child: &'a Descriptor,
        visit: BoxFuture<'a, Result<(), JobError>>,
    ) -> BoxFuture<'a, Result<(), JobError>> {
        let (store, repository) = (self.work.destination.name(), self.work.repository());
        let placed = self.work.known.manifest(store, repository, &child.digest);
        async move { placed.get_or_compute(self.work.admitted, visit).await }.boxed()
    }

    fn enter<'a>(&'a self, child: &'a Descriptor) -> BoxFuture<'a, Result<Entered, JobError>> {
        let work = self.work;
        async move {
            // Some registries answer 500 to a probe for a blob, so this comes before the probe.
            let mut read = None;
            if child.is_unclear() {
                match work.unless_interrupted(work.child(child)).await?? {
                    None => return Ok(Entered::Blob),
                    manifest => read = manifest,
                }
            }
            let reference = ManifestReference::Digest(child.digest.clone());
            let may_be_there = work.tag_existed && work.trust == Trust::Probe;
            if may_be_there && work.unless_interrupted(work.probe(&reference)).await??.is_some() {
                return Ok(Entered::Done);
            }
            let manifest = match read {
                Some(manifest) => manifest,
                None => work.unless_interrupted(work.named(&child.digest)).await??,
            };
            let size = manifest.raw.bytes.len() as u64;
            if size != child.size {
                work.note(Level::Warning, blob::wrong_size(child, size));
            }
            Ok(Entered::Manifest(manifest))
        }
        .boxed()
    }

    fn blob<'a>(
        &'a self,
        blob: &'a Descriptor,
        _of: Option<&'a Descriptor>,
    ) -> BoxFuture<'a, Result<(), JobError>> {
        let bytes = self.shape.and_then(|shape| {
            let config = shape.single.as_ref()?.config.as_ref()?;
            shape.config.as_deref().filter(|_| config.digest == blob.digest)
        });
        blob::place(self.work, blob, bytes).boxed()
    }

    fn leave<'a>(
        &'a self,
        child: &'a Descriptor,
        manifest: &'a Manifest,
        position: u32,
    ) -> BoxFuture<'a, Result<(), JobError>> {
        let work = self.work;
        async move {
            push::by_digest(work, &manifest.raw).await?;
            let platform = child.platform.as_ref();
            let platform = platform.map_or_else(String::new, |platform| format!(" ({platform})"));
            let text = format!("{}{platform} is at the destination", child.digest);
            work.run.events.note(work.job.number, Some(position), Level::Debug, text);
            Ok(())
        }
        .boxed()
    }
}
