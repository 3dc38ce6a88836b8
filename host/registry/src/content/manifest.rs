//! Manifests: HEAD, GET and PUT (distribution-spec, "Pulling manifests", "Pushing Manifests").

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::refused_manifest::advice;
use crate::auth::token::RepositoryScope;
use crate::error::{Failed as _, PUSH_MANIFEST};
use crate::http::body::read_json_in_turn;
use crate::limits::window::Class;
use crate::request::Call;
use crate::{Cause, Client, RegistryError};
use longshore_oci::{
    Digest, LARGEST_MANIFEST, Manifest, ManifestReference, MediaType, RawManifest, Repository,
};
use longshore_store::{ManifestPushed, Operation};

/// The header by which a registry confirms that it processed a manifest's subject.
const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

/// The digest that a response says its content has.
pub(crate) fn content_digest(headers: &HeaderMap) -> Option<Digest> {
    headers.get("docker-content-digest")?.to_str().ok()?.parse().ok()
}

/// The media type in a response's headers.
pub(crate) fn content_type(headers: &HeaderMap) -> Option<MediaType> {
    headers.get(CONTENT_TYPE)?.to_str().ok().map(MediaType::of_header)
}

fn accept() -> HeaderValue {
    HeaderValue::from_static(MediaType::ACCEPT)
}

impl Client {
    pub(crate) async fn manifest_call(
        &self,
        verb: &'static str,
        method: Method,
        repository: &Repository,
        reference: &ManifestReference,
        push: bool,
    ) -> Result<Call, RegistryError> {
        let target = format!("{}/{repository}{}", self.registry, reference.suffix());
        let operation = Operation::new(verb, target);
        let url = match self.url(&format!("{repository}/manifests/{reference}")).await {
            Ok(url) => url,
            Err(cause) => return Err(operation.failed(cause)),
        };
        let scope = RepositoryScope { repository: repository.clone(), push, mount_from: None };
        let class = match method {
            Method::PUT => Class::ManifestPut,
            Method::GET => Class::ManifestGet,
            _ => Class::Lookup,
        };
        Ok(Call::new(operation, method, url, scope, class).header(ACCEPT, accept()))
    }

    /// Resolves a manifest's digest without fetching the body; `None` if it does not exist.
    ///
    /// `push` asks for a token that also allows a push later.
    ///
    /// # Errors
    /// Any other refusal, or no answer.
    pub(crate) async fn manifest_head(
        &self,
        repository: &Repository,
        reference: &ManifestReference,
        push: bool,
    ) -> Result<Option<Digest>, RegistryError> {
        let verb = "look up manifest";
        let call = self.manifest_call(verb, Method::HEAD, repository, reference, push).await?;
        let mut backoff = self.backoff();
        loop {
            let cause = match self.send_once(&call).await {
                Ok(response) => match content_digest(response.headers()) {
                    Some(digest) if digest.algorithm() == reference.algorithm() => {
                        self.pull_through.saw_manifest(repository, &digest, response.headers());
                        return Ok(Some(digest));
                    }
                    _ => break,
                },
                Err(cause) => cause,
            };
            match cause.status() {
                Some(404) => return Ok(None),
                Some(405 | 500..=599) => break,
                _ => backoff.wait_or_fail(call.operation.clone().failed(cause)).await?,
            }
        }
        // Registries that cannot answer a HEAD can answer a GET.
        let call = self.manifest_call(verb, Method::GET, repository, reference, push).await?;
        match self.read_with_retries(&call, reference).await {
            Ok((bytes, _)) => Ok(Some(reference.digest_of(&bytes))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Fetches a manifest and hashes it; a manifest requested by digest must match that digest.
    ///
    /// # Errors
    /// A refusal, no answer, a body above 4 MiB, another digest, or content that is not a manifest.
    pub(crate) async fn fetch_manifest(
        &self,
        repository: &Repository,
        reference: &ManifestReference,
    ) -> Result<Manifest, RegistryError> {
        let call =
            self.manifest_call("fetch manifest", Method::GET, repository, reference, false).await?;
        let (bytes, media_type) = self.read_with_retries(&call, reference).await?;
        let digest = reference.digest_of(&bytes);
        Manifest::parse(bytes, media_type.as_ref(), digest)
            .map_err(|error| call.operation.failed(error))
    }

    /// Reads a manifest's bytes and the media type of its header.
    ///
    /// A body that breaks off or is wrong is fetched again.
    async fn read_with_retries(
        &self,
        call: &Call,
        reference: &ManifestReference,
    ) -> Result<(Bytes, Option<MediaType>), RegistryError> {
        let (mut call, mut backoff) = (call.clone(), self.backoff());
        loop {
            let cause = match self.read(&call, reference).await {
                Ok(read) => return Ok(read),
                Err(cause) => cause,
            };
            call.avoid_connection_after(&cause);
            backoff.wait_or_fail(call.operation.clone().failed(cause)).await?;
        }
    }

    async fn read(
        &self,
        call: &Call,
        reference: &ManifestReference,
    ) -> Result<(Bytes, Option<MediaType>), Cause> {
        let response = self.send_once(call).await?;
        let media_type = content_type(response.headers());
        let bytes =
            read_json_in_turn(response, LARGEST_MANIFEST as u64, &self.large_manifests).await?;
        if let ManifestReference::Digest(expected) = reference {
            let found = reference.digest_of(&bytes);
            if found != *expected {
                return Err(Cause::Digest { expected: expected.clone(), found });
            }
        }
        Ok((bytes, media_type))
    }

    /// Pushes the exact bytes of `manifest`, with an optional condition header.
    ///
    /// # Errors
    /// A refusal, no answer, or an answer with another digest of the same algorithm.
    pub(crate) async fn put_manifest(
        &self,
        repository: &Repository,
        reference: &ManifestReference,
        manifest: &RawManifest,
        condition: Option<(HeaderName, HeaderValue)>,
    ) -> Result<ManifestPushed, RegistryError> {
        let mut call =
            self.manifest_call(PUSH_MANIFEST, Method::PUT, repository, reference, true).await?;
        let failed = |cause: Cause| call.operation.clone().failed(cause);
        let media_type = HeaderValue::try_from(manifest.media_type.as_str()).map_err(|_| {
            failed(longshore_oci::ManifestError::Unknown(manifest.media_type.to_string()).into())
        })?;
        let (size, limit) = (manifest.bytes.len() as u64, self.capabilities().manifest_max_size);
        if size > limit {
            return Err(failed(Cause::ManifestTooLarge { size, limit }));
        }
        call.headers.remove(ACCEPT);
        call.headers.insert(CONTENT_TYPE, media_type);
        call.headers.insert(CONTENT_LENGTH, HeaderValue::from(manifest.bytes.len()));
        call.headers.extend(condition);
        call.body = Some(manifest.bytes.clone());
        let Some(answered) = self.put_with_retries(&call, reference, repository, manifest).await?
        else {
            // The answer was lost, so callers have to list the referrers themselves.
            return Ok(ManifestPushed { is_listed: false });
        };
        match content_digest(&answered) {
            Some(found)
                if found.algorithm() == manifest.digest.algorithm() && found != manifest.digest =>
            {
                let expected = manifest.digest.clone();
                Err(call.operation.failed(Cause::Digest { expected, found }))
            }
            _ => Ok(ManifestPushed { is_listed: answered.contains_key(SUBJECT) }),
        }
    }

    /// Sends the PUT until it is answered; `None` if a HEAD shows that an unanswered PUT worked.
    async fn put_with_retries(
        &self,
        call: &Call,
        reference: &ManifestReference,
        repository: &Repository,
        manifest: &RawManifest,
    ) -> Result<Option<HeaderMap>, RegistryError> {
        let mut backoff = self.backoff();
        loop {
            let mut error = match self.send_once(call).await {
                Ok(response) => return Ok(Some(response.headers().clone())),
                Err(cause) => call.operation.clone().failed(cause),
            };
            error.advice = error.cause.answer().and_then(|answer| advice(answer, manifest));
            if error.is_unanswered() {
                let held = self.manifest_head(repository, reference, true).await.ok().flatten();
                if held.as_ref() == Some(&manifest.digest) {
                    return Ok(None);
                }
            }
            backoff.wait_or_fail(error).await?;
        }
    }
}
