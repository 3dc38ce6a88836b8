//! Manifests: HEAD, GET and PUT (distribution-spec, "Pulling manifests", "Pushing Manifests").

use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::request::{Call, read_bounded};
use super::retry::Waits;
use super::token::Scope;
use super::{Cause, Client, Operation, RegistryError};
use crate::oci::{Digest, Manifest, MediaType, RawManifest, Repository, Tag, Version};

/// The largest manifest that is read (distribution-spec, "Pushing Manifests": at least 4 MiB).
pub(super) const MANIFEST_LIMIT: u64 = 4 * 1024 * 1024;

/// A manifest of a repository, by tag or by digest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ManifestReference {
    /// By tag.
    Tag(Tag),
    /// By digest.
    Digest(Digest),
}

impl ManifestReference {
    /// How `version` is fetched: by its digest, where it has one.
    pub fn to_fetch(version: &Version) -> Self {
        match version {
            Version::Tag(tag) => Self::Tag(tag.clone()),
            Version::Digest(digest) | Version::Pinned(_, digest) => Self::Digest(digest.clone()),
        }
    }

    /// How `version` is pushed: under its tag, where it has one.
    pub fn to_push(version: &Version) -> Self {
        match version {
            Version::Tag(tag) | Version::Pinned(tag, _) => Self::Tag(tag.clone()),
            Version::Digest(digest) => Self::Digest(digest.clone()),
        }
    }

    /// How it stands behind a repository in a reference, with its separator.
    fn suffix(&self) -> String {
        match self {
            Self::Tag(tag) => format!(":{tag}"),
            Self::Digest(digest) => format!("@{digest}"),
        }
    }

    fn path(&self, repository: &Repository) -> String {
        match self {
            Self::Tag(tag) => format!("{repository}/manifests/{tag}"),
            Self::Digest(digest) => format!("{repository}/manifests/{digest}"),
        }
    }
}

/// What a HEAD says of a manifest. It only ever saves work: what counts is our own hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestHead {
    /// `Docker-Content-Digest`, where it is there and of a known algorithm.
    pub digest: Option<Digest>,
}

/// What a registry said to a manifest that it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManifestPushed {
    /// The registry lists it by its API under the subject that it names (`OCI-Subject`).
    pub is_listed: bool,
}

/// The header by which a registry says that it has taken note of a subject.
const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

fn content_digest(headers: &HeaderMap) -> Option<Digest> {
    headers.get("docker-content-digest")?.to_str().ok()?.parse().ok()
}

/// The type that an answer gives its body.
pub(super) fn content_type(headers: &HeaderMap) -> Option<MediaType> {
    headers.get(CONTENT_TYPE)?.to_str().ok().map(MediaType::of_header)
}

fn accept() -> HeaderValue {
    HeaderValue::from_static(MediaType::ACCEPT)
}

impl Client {
    pub(super) async fn manifest_call(
        &self,
        verb: &'static str,
        method: Method,
        repository: &Repository,
        reference: &ManifestReference,
        push: bool,
    ) -> Result<Call, RegistryError> {
        let target = format!("{}/{repository}{}", self.registry, reference.suffix());
        let operation = Operation::new(verb, target);
        let url = match self.url(&reference.path(repository)).await {
            Ok(url) => url,
            Err(cause) => return Err(operation.failed(cause)),
        };
        let scope = Scope { repository: repository.clone(), push, mount_from: None };
        Ok(Call::new(operation, method, url, scope).header(ACCEPT, accept()))
    }

    /// Asks for a manifest without its body; `None` where the registry says that there is none.
    /// `push` asks for a token with which it can be pushed afterwards.
    ///
    /// # Errors
    /// Any other refusal, or no answer.
    pub async fn manifest_head(
        &self,
        repository: &Repository,
        reference: &ManifestReference,
        push: bool,
    ) -> Result<Option<ManifestHead>, RegistryError> {
        let call = self
            .manifest_call("look up manifest", Method::HEAD, repository, reference, push)
            .await?;
        match self.send(&call).await {
            Ok(response) => Ok(Some(ManifestHead { digest: content_digest(response.headers()) })),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Fetches a manifest and hashes it; by digest, what arrives must have that digest.
    ///
    /// # Errors
    /// A refusal, no answer, a body over 4 MiB, another digest, or content that is no manifest.
    pub async fn manifest(
        &self,
        repository: &Repository,
        reference: &ManifestReference,
    ) -> Result<Manifest, RegistryError> {
        let call =
            self.manifest_call("fetch manifest", Method::GET, repository, reference, false).await?;
        let mut waits = Waits::new();
        // A body that breaks off or is not what was asked for is asked for again too.
        loop {
            match self.read_manifest(&call, reference).await {
                Ok(manifest) => return Ok(manifest),
                Err(cause) => waits.sit_out(call.operation.clone().failed(cause)).await?,
            }
        }
    }

    async fn read_manifest(
        &self,
        call: &Call,
        reference: &ManifestReference,
    ) -> Result<Manifest, Cause> {
        let response = self.send_once(call).await?;
        let header = content_type(response.headers());
        let bytes = read_bounded(response, MANIFEST_LIMIT).await?;
        let digest = match reference {
            ManifestReference::Tag(_) => Digest::of(&bytes),
            ManifestReference::Digest(expected) => {
                let found = expected.same_algorithm_of(&bytes);
                if found != *expected {
                    return Err(Cause::Digest { expected: expected.clone(), found });
                }
                found
            }
        };
        Ok(Manifest::parse(bytes, header.as_ref(), digest)?)
    }

    /// Pushes the exact bytes of `manifest`.
    ///
    /// # Errors
    /// A refusal, no answer, or an answer that names another digest of the same algorithm.
    pub async fn push_manifest(
        &self,
        repository: &Repository,
        reference: &ManifestReference,
        manifest: &RawManifest,
    ) -> Result<ManifestPushed, RegistryError> {
        self.put_manifest(repository, reference, manifest, None).await
    }

    /// As [`Self::push_manifest`], under a condition.
    pub(super) async fn put_manifest(
        &self,
        repository: &Repository,
        reference: &ManifestReference,
        manifest: &RawManifest,
        condition: Option<(HeaderName, HeaderValue)>,
    ) -> Result<ManifestPushed, RegistryError> {
        let mut call =
            self.manifest_call("push manifest", Method::PUT, repository, reference, true).await?;
        let failed = |cause: Cause| call.operation.clone().failed(cause);
        let media_type = HeaderValue::try_from(manifest.media_type.as_str()).map_err(|_| {
            failed(crate::oci::ManifestError::Unknown(manifest.media_type.to_string()).into())
        })?;
        call.headers.remove(ACCEPT);
        call.headers.insert(CONTENT_TYPE, media_type);
        call.headers.insert(CONTENT_LENGTH, HeaderValue::from(manifest.bytes.len()));
        call.headers.extend(condition);
        call.body = Some(manifest.bytes.clone());
        let response = self.send(&call).await?;
        match content_digest(response.headers()) {
            Some(found)
                if found.algorithm() == manifest.digest.algorithm() && found != manifest.digest =>
            {
                let expected = manifest.digest.clone();
                Err(call.operation.failed(Cause::Digest { expected, found }))
            }
            _ => Ok(ManifestPushed { is_listed: response.headers().contains_key(SUBJECT) }),
        }
    }
}
