//! Referrers: the API that lists them, and the fallback index of registries without it
//! (distribution-spec, "Listing Referrers", "Referrers Tag Schema").

use std::collections::HashSet;
use std::time::{Duration, Instant};

use backon::BackoffBuilder;
use bytes::Bytes;
use reqwest::header::{ETAG, HeaderValue, IF_MATCH};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::auth::token::RepositoryScope;
use crate::content::manifest::content_type;
use crate::error::Failed as _;
use crate::http::body::read_json_in_turn;
use crate::limits::window::Class;
use crate::request::Call;
use crate::{Cause, Client, RegistryError};
use longshore_oci::{
    Content, Descriptor, Digest, LARGEST_MANIFEST, Manifest, ManifestReference, MediaType,
    RawManifest, Referrer, Repository, Tag, referrers_tag,
};
use longshore_store::Operation;

/// The most referrers of one manifest. Each takes some 500 bytes.
const MOST: usize = 20_000;
/// How often a fallback index is written until the additions stay in it.
const TRIES: usize = 5;
/// The shortest wait before a fallback index is read back.
const SETTLES: Duration = Duration::from_millis(200);
/// The wait as a multiple of the time that reading and writing took.
const SETTLES_TIMES: u32 = 4;

/// The content of a fallback tag.
enum Tagged {
    Nothing,
    /// The subject itself: some registries read `sha256-HEX` as the digest `sha256:HEX`.
    Subject,
    /// A manifest, and the `ETag` of the response, for conditional requests.
    Manifest(Manifest, Option<HeaderValue>),
}

impl Client {
    /// Lists the referrers of `subject` by the referrers API, all pages; `None` without that API.
    ///
    /// `push` asks for a token that also allows pushing referrers later.
    ///
    /// # Errors
    /// Any refusal but 404, no answer, or an answer that is not a list of referrers.
    pub(crate) async fn list_referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
        push: bool,
    ) -> Result<Option<Vec<Descriptor>>, RegistryError> {
        if !self.capabilities().referrers {
            return Ok(None);
        }
        let target = format!("of {}/{repository}@{subject}", self.registry);
        let operation = Operation::new("list referrers", target);
        let url = match self.url(&format!("{repository}/referrers/{subject}")).await {
            Ok(url) => url,
            Err(cause) => return Err(operation.failed(cause)),
        };
        let scope = RepositoryScope { repository: repository.clone(), push, mount_from: None };
        let mut referrers = Vec::new();
        let listed =
            self.each_page(Call::new(operation, Method::GET, url, scope, Class::Lookup), |page| {
                referrers.extend(listed(parse(page.body, Some(&MediaType::OCI_INDEX))?)?);
                if referrers.len() > MOST {
                    return Err(Cause::List("it has more than 20,000 referrers"));
                }
                Ok(page.next)
            });
        match listed.await {
            Ok(()) => Ok(Some(referrers)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lists the referrers of `subject` by its fallback tag; empty if there is no such tag, or if it holds an image,
    /// which a warning names.
    ///
    /// # Errors
    /// Any refusal but 404, no answer, or no manifest under the tag.
    pub(crate) async fn list_tagged_referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
        push: bool,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        let Some(tag) = referrers_tag(subject) else { return Ok(Vec::new()) };
        let reference = ManifestReference::Tag(tag);
        let call = self.index_call(repository, &reference, push).await?;
        match self.tagged(&call, subject).await? {
            Tagged::Manifest(Manifest { content: Content::Index(index), .. }, _) => {
                Ok(index.manifests)
            }
            Tagged::Manifest(..) => {
                tracing::warn!(
                    "{}/{repository}:{reference} holds an image in the place of a list of referrers: \
                     referrers of {subject} are not known",
                    self.registry
                );
                Ok(Vec::new())
            }
            Tagged::Nothing => Ok(Vec::new()),
            Tagged::Subject => {
                self.fallback_lists.show_subject();
                Ok(Vec::new())
            }
        }
    }

    /// Whether the registry showed a subject in the place of its list, so that it may hold referrers that it does not
    /// list.
    pub(crate) fn may_hide_referrers(&self) -> bool {
        self.fallback_lists.shows_subjects()
    }

    /// Adds `referrers`, which `repository` holds, to the index under the fallback tag of
    /// `subject`.
    ///
    /// Most registries overwrite a tag unconditionally, so a concurrent writer may undo this
    /// change. The index is therefore read back after any concurrent writer must have finished, and
    /// written again if the change is gone.
    ///
    /// Within a run, calls for one subject must not overlap.
    ///
    /// # Errors
    /// A refusal, no answer, anything but an index under the tag, or writers that keep changing it.
    pub(crate) async fn add_tagged_referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
        referrers: &[Manifest],
    ) -> Result<(), RegistryError> {
        let Some(tag) = referrers_tag(subject) else { return Ok(()) };
        let reference = ManifestReference::Tag(tag.clone());
        let mut written = false;
        let call = self.index_call(repository, &reference, true).await?;
        let failed = |cause: Cause| call.operation.clone().failed(cause);
        let mut pauses = backon::ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(50))
            .with_max_times(TRIES)
            .with_jitter()
            .build();
        loop {
            let started = Instant::now();
            let (held, etag) = match self.tagged(&call, subject).await? {
                Tagged::Manifest(index, etag) => (Some(index), etag),
                Tagged::Subject => {
                    // The list may have been written, now or by an earlier run, and not be what the registry shows.
                    if written || self.hides_list(repository, referrers, true).await? {
                        self.warn_of_lost_list(&tag);
                        return Ok(());
                    }
                    (None, None)
                }
                Tagged::Nothing => (None, None),
            };
            let Some(Merged { index, lacks_annotations }) =
                merged(held, referrers).map_err(failed)?
            else {
                return Ok(());
            };
            if lacks_annotations && self.fallback_lists.leave_annotations_out() {
                tracing::warn!(
                    "lists of referrers at {} that would be larger than {LARGEST_MANIFEST} bytes go without the \
                     annotations of new entries; the first is the tag {tag} of {repository}",
                    self.registry
                );
            }
            let Some(pause) = pauses.next() else { return Err(failed(Cause::Contended)) };
            let condition = etag.map(|etag| (IF_MATCH, etag));
            let is_conditional = condition.is_some();
            match self.put_manifest(repository, &reference, &index, condition).await {
                Ok(_) => {
                    written = true;
                    tokio::time::sleep(SETTLES.max(started.elapsed() * SETTLES_TIMES)).await;
                }
                Err(error)
                    if is_conditional && error.cause.status() == Some(PRECONDITION_FAILED) =>
                {
                    tokio::time::sleep(pause).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether a list of `referrers` would not be shown: the repository holds it already. `push` asks for a token
    /// that also allows writing it.
    pub(crate) async fn hides_list(
        &self,
        repository: &Repository,
        referrers: &[Manifest],
        push: bool,
    ) -> Result<bool, RegistryError> {
        if self.fallback_lists.keeps_none() {
            return Ok(true);
        }
        let Ok(Some(list)) = merged(None, referrers) else { return Ok(false) };
        let list = ManifestReference::Digest(list.index.digest);
        Ok(self.manifest_head(repository, &list, push).await?.is_some())
    }

    fn warn_of_lost_list(&self, tag: &Tag) {
        if self.fallback_lists.keep_none() {
            tracing::warn!(
                "{} keeps no lists of referrers: the tag {tag} always shows the image itself; referrers are copied, \
                 but clients find only those that have a tag",
                self.registry
            );
        }
    }

    async fn index_call(
        &self,
        repository: &Repository,
        reference: &ManifestReference,
        push: bool,
    ) -> Result<Call, RegistryError> {
        self.manifest_call("fetch referrers", Method::GET, repository, reference, push).await
    }

    /// Reads the fallback tag of `subject`, which `call` requests.
    async fn tagged(&self, call: &Call, subject: &Digest) -> Result<Tagged, RegistryError> {
        let mut backoff = self.backoff();
        loop {
            match self.read_tagged(call, subject).await {
                Ok(tagged) => return Ok(tagged),
                Err(cause) if cause.status() == Some(StatusCode::NOT_FOUND.as_u16()) => {
                    return Ok(Tagged::Nothing);
                }
                Err(cause) => backoff.wait_or_fail(call.operation.clone().failed(cause)).await?,
            }
        }
    }

    async fn read_tagged(&self, call: &Call, subject: &Digest) -> Result<Tagged, Cause> {
        let response = self.send_once(call).await?;
        let etag = response.headers().get(ETAG).cloned();
        let media_type = content_type(response.headers());
        let bytes =
            read_json_in_turn(response, LARGEST_MANIFEST as u64, &self.large_manifests).await?;
        if subject.same_algorithm_of(&bytes) == *subject {
            return Ok(Tagged::Subject);
        }
        Ok(Tagged::Manifest(parse(bytes, media_type.as_ref())?, etag))
    }
}

/// The status of a failed precondition (RFC 9110).
const PRECONDITION_FAILED: u16 = StatusCode::PRECONDITION_FAILED.as_u16();

fn parse(bytes: Bytes, media_type: Option<&MediaType>) -> Result<Manifest, Cause> {
    let digest = Digest::of(&bytes);
    Ok(Manifest::parse(bytes, media_type, digest)?)
}

/// The referrers that an index lists.
fn listed(manifest: Manifest) -> Result<Vec<Descriptor>, Cause> {
    match manifest.content {
        Content::Index(index) => Ok(index.manifests),
        Content::Single(_) => Err(Cause::NotReferrers),
    }
}

/// A list of referrers with new entries.
#[derive(Debug)]
struct Merged {
    index: RawManifest,
    /// Whether the new entries lack their annotations, which would have made the list too large.
    lacks_annotations: bool,
}

/// Adds those of `referrers` that the fallback index `held` lacks; `None` if it lists all of them.
fn merged(held: Option<Manifest>, referrers: &[Manifest]) -> Result<Option<Merged>, Cause> {
    let empty = || {
        let text = format!(
            r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[]}}"#,
            MediaType::OCI_INDEX
        );
        parse(Bytes::from(text), None)
    };
    let held = held.map_or_else(empty, Ok)?;
    let raw = held.raw.clone();
    let mut known: HashSet<Digest> =
        listed(held)?.into_iter().map(|referrer| referrer.digest).collect();
    let mut more: Vec<Value> = referrers
        .iter()
        .filter(|manifest| known.insert(manifest.raw.digest.clone()))
        .filter_map(|manifest| {
            let size = manifest.raw.bytes.len() as u64;
            let referrer = Referrer::of(manifest)?;
            Some(referrer.descriptor(&manifest.raw.media_type, &manifest.raw.digest, size))
        })
        .collect();
    if more.is_empty() {
        return Ok(None);
    }
    let with = |more: &[Value]| raw.with_more_children(more).map_err(|_| Cause::NotReferrers);
    let index = with(&more)?;
    // Registries refuse larger manifests, and no run would read the list again.
    let fits = |index: &RawManifest| index.bytes.len() <= LARGEST_MANIFEST;
    if fits(&index) {
        return Ok(Some(Merged { index, lacks_annotations: false }));
    }
    for referrer in more.iter_mut().filter_map(Value::as_object_mut) {
        referrer.remove("annotations");
    }
    let index = with(&more)?;
    if fits(&index) {
        return Ok(Some(Merged { index, lacks_annotations: true }));
    }
    let (size, limit) = (index.bytes.len() as u64, LARGEST_MANIFEST as u64);
    Err(Cause::ManifestTooLarge { size, limit })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use longshore_oci::{Digest, LARGEST_MANIFEST, Manifest};

    use super::{listed, merged, parse};
    use crate::Cause;

    fn referrer(name: &str) -> Manifest {
        let subject = Digest::of(b"image");
        let text = format!(
            r#"{{"schemaVersion":2,"artifactType":"{name}","layers":[],"subject":{{"digest":"{subject}","size":1}}}}"#
        );
        parse(Bytes::from(text), None).unwrap()
    }

    #[test]
    fn what_is_merged_is_added_once_and_nothing_is_lost() {
        let (one, two) = (referrer("one"), referrer("two"));
        let first = merged(None, std::slice::from_ref(&one)).unwrap().unwrap();
        let first = parse(first.index.bytes, None).unwrap();
        assert!(merged(Some(first.clone()), std::slice::from_ref(&one)).unwrap().is_none());
        let both = merged(Some(first), &[one.clone(), two.clone()]).unwrap().unwrap();
        let both = listed(parse(both.index.bytes, None).unwrap()).unwrap();
        let digests: Vec<Digest> = both.into_iter().map(|referrer| referrer.digest).collect();
        assert_eq!(digests, [one.raw.digest, two.raw.digest]);
    }

    #[test]
    fn an_image_under_the_tag_is_not_overwritten() {
        assert!(merged(Some(referrer("an image")), &[referrer("one")]).is_err());
    }

    fn annotated(name: &str, length: usize) -> Manifest {
        let (subject, value) = (Digest::of(b"image"), "x".repeat(length));
        let text = format!(
            r#"{{"schemaVersion":2,"artifactType":"{name}","layers":[],"subject":{{"digest":"{subject}","size":1}},"annotations":{{"a":"{value}"}}}}"#
        );
        parse(Bytes::from(text), None).unwrap()
    }

    #[test]
    fn a_list_that_grows_too_large_goes_without_annotations() {
        let most = LARGEST_MANIFEST - 1000;
        for (lengths, lacks_annotations) in [
            (vec![10, 1000], false),
            (vec![most], false),
            (vec![most, 10], false),
            (vec![most, 1000], true),
            (vec![LARGEST_MANIFEST], true),
        ] {
            let all: Vec<Manifest> =
                lengths.iter().map(|length| annotated("sbom", *length)).collect();
            let found = merged(None, &all).unwrap().unwrap();
            assert_eq!(found.lacks_annotations, lacks_annotations, "{lengths:?}");
            assert!(found.index.bytes.len() <= LARGEST_MANIFEST);
            let text = String::from_utf8(found.index.bytes.to_vec()).unwrap();
            assert_eq!(text.matches(r#""artifactType":"sbom""#).count(), lengths.len());
            assert_eq!(text.contains(r#""annotations""#), !lacks_annotations, "{lengths:?}");
            let held = parse(found.index.bytes, None).unwrap();
            assert!(merged(Some(held), &all).unwrap().is_none(), "a second run adds nothing");
        }
    }

    #[test]
    fn a_list_without_room_for_one_more_is_an_error() {
        let full = merged(None, &[annotated("sbom", LARGEST_MANIFEST - 400)]).unwrap().unwrap();
        let held = parse(full.index.bytes, None).unwrap();
        let long = "t".repeat(1000);
        let error = merged(Some(held), &[referrer(&long)]).unwrap_err();
        assert!(matches!(error, Cause::ManifestTooLarge { .. }), "{error}");
    }
}
