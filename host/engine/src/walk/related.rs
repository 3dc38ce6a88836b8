//! Walks to the referrers of an image: manifests with it as their subject, cosign's tags for its
//! digest, and their referrers in turn.

use std::collections::HashSet;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use longshore_oci::{Descriptor, Digest, Tag, cosign_tags};

use super::bounds::{AT_ONCE, DEPTH, OutOfBounds, REFERRERS};

/// The visitor of referrers.
///
/// Its methods are called in a fixed order; the returned futures run concurrently.
pub(crate) trait Relations: Sync {
    /// The error that ends a walk.
    type Error: From<OutOfBounds> + Send;

    /// Visits the manifests with the subject `subject`, and returns those whose own referrers are
    /// to be visited.
    fn referrers<'a>(
        &'a self,
        subject: &'a Descriptor,
    ) -> BoxFuture<'a, Result<Vec<Descriptor>, Self::Error>>;

    /// Visits cosign's `tag` for `image`, if the source has it, and returns its digest.
    fn cosign_tag<'a>(
        &'a self,
        tag: Tag,
        image: &'a Descriptor,
    ) -> BoxFuture<'a, Result<Option<Digest>, Self::Error>>;
}

/// Visits all referrers of `manifests`, cosign's tags before the others.
///
/// # Errors
/// Those of the visitor, and [`OutOfBounds`].
pub(crate) async fn walk_related<R: Relations>(
    visitor: &R,
    manifests: Vec<Descriptor>,
) -> Result<(), R::Error> {
    let mut level = manifests;
    let (mut seen, mut named) = (HashSet::new(), HashSet::new());
    let mut referrers = 0;
    for _ in 0..=DEPTH {
        level.extend(under_cosign_tags(visitor, &level, &mut named).await?);
        level.retain(|subject| seen.insert(subject.digest.clone()));
        if level.is_empty() {
            return Ok(());
        }
        let visits = level.iter().map(|subject| visitor.referrers(subject)).collect::<Vec<_>>();
        let found: Vec<Vec<Descriptor>> =
            stream::iter(visits).buffered(AT_ONCE).try_collect().await?;
        level = found.into_iter().flatten().collect();
        referrers += level.len();
        if referrers > REFERRERS {
            return Err(OutOfBounds::Referrers.into());
        }
    }
    Err(OutOfBounds::Depth.into())
}

/// Visits cosign's tags for `images`, and the tags for their content in turn, such as those of a
/// signed SBOM.
///
/// Returns what the tags name, each with the descriptor of its image.
async fn under_cosign_tags<R: Relations>(
    visitor: &R,
    images: &[Descriptor],
    named: &mut HashSet<Digest>,
) -> Result<Vec<Descriptor>, R::Error> {
    let mut all = Vec::new();
    let mut level = images.to_vec();
    for _ in 0..DEPTH {
        level.retain(|image| named.insert(image.digest.clone()));
        let mut visits = Vec::new();
        for image in &level {
            for tag in cosign_tags(&image.digest) {
                let visit = visitor.cosign_tag(tag, image);
                visits.push(async move {
                    let under = visit.await?;
                    Ok::<_, R::Error>(under.map(|digest| Descriptor { digest, ..image.clone() }))
                });
            }
        }
        let found: Vec<Option<Descriptor>> =
            stream::iter(visits).buffered(AT_ONCE).try_collect().await?;
        level = found.into_iter().flatten().collect();
        if level.is_empty() {
            return Ok(all);
        }
        all.extend(level.iter().cloned());
    }
    Err(OutOfBounds::Depth.into())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;

    use futures_util::future::{BoxFuture, FutureExt as _};
    use longshore_oci::{Descriptor, Digest, MediaType, RawManifest, Tag, cosign_tags};

    use super::{Relations, walk_related};
    use crate::walk::OutOfBounds;
    use crate::walk::bounds::{DEPTH, REFERRERS};

    /// The referrers of each manifest, and a log of the visited subjects.
    #[derive(Default)]
    struct Source {
        referrers: HashMap<Digest, Vec<Descriptor>>,
        tags: HashMap<Tag, Digest>,
        visited: Mutex<Vec<Digest>>,
    }

    fn manifest(name: &str) -> Descriptor {
        RawManifest::built(name.as_bytes().to_vec(), MediaType::OCI_MANIFEST).descriptor()
    }

    fn signature_tag(of: &Descriptor) -> Tag {
        cosign_tags(&of.digest).next().unwrap()
    }

    impl Relations for Source {
        type Error = OutOfBounds;

        fn referrers<'a>(
            &'a self,
            subject: &'a Descriptor,
        ) -> BoxFuture<'a, Result<Vec<Descriptor>, OutOfBounds>> {
            self.visited.lock().unwrap().push(subject.digest.clone());
            let found = self.referrers.get(&subject.digest).cloned().unwrap_or_default();
            std::future::ready(Ok(found)).boxed()
        }

        fn cosign_tag<'a>(
            &'a self,
            tag: Tag,
            _image: &'a Descriptor,
        ) -> BoxFuture<'a, Result<Option<Digest>, OutOfBounds>> {
            std::future::ready(Ok(self.tags.get(&tag).cloned())).boxed()
        }
    }

    #[tokio::test]
    async fn referrers_and_tags_of_each_other_are_followed_once() {
        let [image, sbom, signature, tagged] =
            ["image", "sbom", "signature", "tagged"].map(manifest);
        let mut source = Source::default();
        source.referrers.insert(image.digest.clone(), vec![sbom.clone()]);
        // An SBOM signed by a tag, and a cycle back to the image.
        source.tags.insert(signature_tag(&sbom), signature.digest.clone());
        source.tags.insert(signature_tag(&signature), tagged.digest.clone());
        source.referrers.insert(tagged.digest.clone(), vec![image.clone(), sbom.clone()]);
        walk_related(&source, vec![image.clone()]).await.unwrap();
        let expected = [&image, &sbom, &signature, &tagged].map(|found| found.digest.clone());
        assert_eq!(*source.visited.lock().unwrap(), expected);
    }

    #[tokio::test]
    async fn depth_and_number_are_bounded() {
        let image = manifest("image");
        let mut chain = Source::default();
        let mut subject = image.clone();
        for level in 0..=DEPTH {
            let next = manifest(&level.to_string());
            chain.referrers.insert(subject.digest, vec![next.clone()]);
            subject = next;
        }
        let walked = walk_related(&chain, vec![image.clone()]).await;
        assert_eq!(walked.unwrap_err(), OutOfBounds::Depth);
        let mut many = Source::default();
        let all = (0..=REFERRERS).map(|number| manifest(&number.to_string())).collect();
        many.referrers.insert(image.digest.clone(), all);
        let walked = walk_related(&many, vec![image]).await;
        assert_eq!(walked.unwrap_err(), OutOfBounds::Referrers);
    }
}
