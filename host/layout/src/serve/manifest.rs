//! Endpoints of manifests.

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use bytes::{Bytes, BytesMut};

use longshore_oci::{
    Content, Digest, LARGEST_MANIFEST, Manifest, ManifestReference, MediaType, Repository,
};

use super::blob;
use super::net::RequestBody;
use super::response::{CONTENT_DIGEST, Code, Refusal, created, response, text};
use super::server::Server;
use crate::folder::{ContentCheck, DeletedManifest, Lookup, MEDIA_TYPE_LIMIT, PutError};

/// The digest of the subject of a manifest that was pushed.
const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

impl Server {
    /// `GET` and `HEAD`.
    pub(super) async fn get_manifest(
        &self,
        repository: &Repository,
        reference: &ManifestReference,
        method: &Method,
    ) -> Result<Response, Refusal> {
        let found = self.folder.find(repository, reference).await;
        let found = found.map_err(|error| Refusal::fault("read the repository", &error))?;
        let known = existing(found, repository, reference)?;
        let (length, body) = if method == Method::HEAD {
            (known.size, Body::empty())
        } else {
            let choose = |size| Some(0..size);
            let opened = self.folder.open_whole_blob(repository, &known.digest, choose).await;
            let opened = opened.map_err(|error| Refusal::fault("read the manifest", &error))?;
            let (size, pieces) = opened.ok_or_else(|| no_manifest(reference))?;
            (size, pieces.map_or_else(Body::empty, blob::body))
        };
        let headers = [
            (CONTENT_TYPE, text(&known.media_type)),
            (CONTENT_DIGEST, text(&known.digest)),
            (CONTENT_LENGTH, HeaderValue::from(length)),
        ];
        Ok(response(StatusCode::OK, headers, body))
    }

    /// `PUT`.
    pub(super) async fn put_manifest(
        &self,
        repository: &Repository,
        reference: ManifestReference,
        request: &Parts,
        body: &mut RequestBody,
    ) -> Result<Response, Refusal> {
        let length = stated_length(&request.headers)?;
        let _room = self.room_for_text(length.unwrap_or(LARGEST_MANIFEST)).await;
        let bytes = whole(length, body).await?;
        let manifest = parse(&request.headers, bytes, &reference)?;
        let digest = manifest.raw.digest.clone();
        let subject = match &manifest.content {
            Content::Index(index) => index.subject.as_ref(),
            Content::Single(single) => single.subject.as_ref(),
        };
        let subject = subject.map(|subject| subject.digest.clone());
        let tag = match reference {
            ManifestReference::Tag(tag) => Some(tag),
            ManifestReference::Digest(_) => None,
        };
        let put = self.folder.put_manifest(repository, tag, manifest, ContentCheck::Digest).await;
        put.map_err(|error| match error {
            PutError::MissingContent(missing) => {
                let message = format!("the manifest names {missing}, which is not in {repository}");
                Refusal::bad(Code::ManifestBlobUnknown, message)
            }
            PutError::Manifest(error) => Refusal::fault("write the manifest", &error),
            PutError::Index(error) => Refusal::fault("write the repository", &error),
        })?;
        let mut response = created(format!("/v2/{repository}/manifests/{digest}"), &digest);
        if let Some(subject) = subject {
            response.headers_mut().insert(SUBJECT, text(subject));
        }
        Ok(response)
    }

    /// `DELETE`: of a tag alone, or of a manifest and all its tags.
    pub(super) async fn delete_manifest(
        &self,
        repository: &Repository,
        reference: &ManifestReference,
    ) -> Result<Response, Refusal> {
        let deleted = self.folder.delete_manifest(repository, reference).await;
        let deleted = deleted.map_err(|error| Refusal::fault("delete the manifest", &error))?;
        match existing(deleted, repository, reference)? {
            DeletedManifest::Deleted => Ok(response(StatusCode::ACCEPTED, [], Body::empty())),
            DeletedManifest::InUse => {
                let message = "an index names the manifest: delete that first".to_owned();
                Err(Refusal::in_use(message))
            }
        }
    }
}

/// What was looked for, or the refusal that says that it does not exist.
fn existing<T>(
    found: Lookup<T>,
    repository: &Repository,
    reference: &ManifestReference,
) -> Result<T, Refusal> {
    match found {
        Lookup::NoRepository => Err(Refusal::no_repository(repository)),
        Lookup::NoManifest => Err(no_manifest(reference)),
        Lookup::Found(found) => Ok(found),
    }
}

fn no_manifest(reference: &ManifestReference) -> Refusal {
    let message = match reference {
        ManifestReference::Tag(tag) => format!("tag {tag} is not in this repository"),
        ManifestReference::Digest(digest) => format!("manifest {digest} is not in this repository"),
    };
    Refusal::absent(Code::ManifestUnknown, message)
}

fn too_large() -> Refusal {
    let message = format!("a manifest may have at most {LARGEST_MANIFEST} bytes");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, Code::SizeInvalid, message)
}

/// The size of a manifest in bytes, where the request says it.
fn stated_length(headers: &HeaderMap) -> Result<Option<usize>, Refusal> {
    let stated =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    match stated {
        Some(stated) if stated > LARGEST_MANIFEST => Err(too_large()),
        stated => Ok(stated),
    }
}

/// Receives a manifest.
async fn whole(stated: Option<usize>, body: &mut RequestBody) -> Result<Bytes, Refusal> {
    let mut bytes = BytesMut::with_capacity(stated.unwrap_or_default());
    while let Some(frame) = body.next().await {
        let frame = frame.map_err(|error| Refusal::body(Code::ManifestInvalid, &error))?;
        if bytes.len() + frame.len() > LARGEST_MANIFEST {
            return Err(too_large());
        }
        bytes.extend_from_slice(&frame);
    }
    Ok(bytes.freeze())
}

/// Reads a manifest that was pushed, and checks it against the request's path and headers.
fn parse(
    headers: &HeaderMap,
    bytes: Bytes,
    reference: &ManifestReference,
) -> Result<Manifest, Refusal> {
    let digest = match reference {
        ManifestReference::Tag(_) => Digest::of(&bytes),
        ManifestReference::Digest(stated) => {
            let digest = stated.same_algorithm_of(&bytes);
            if digest != *stated {
                let message = format!("the manifest has the digest {digest}");
                return Err(Refusal::bad(Code::DigestInvalid, message));
            }
            digest
        }
    };
    let stated =
        headers.get(CONTENT_TYPE).and_then(|stated| stated.to_str().ok()).map(MediaType::of_header);
    let invalid = |message| Refusal::bad(Code::ManifestInvalid, message);
    let manifest = Manifest::parse(bytes, stated.as_ref(), digest)
        .map_err(|error| invalid(error.to_string()))?;
    let found = &manifest.raw.media_type;
    if found.as_str().len() > MEDIA_TYPE_LIMIT {
        let message = format!("a media type may have at most {MEDIA_TYPE_LIMIT} bytes");
        return Err(invalid(message));
    }
    match stated {
        Some(stated) if stated.is_manifest() && stated != *found => Err(invalid(format!(
            "the manifest says that it is {found}, its Content-Type is {stated}"
        ))),
        _ => Ok(manifest),
    }
}
