//! Endpoints of manifests.

use std::io::{self, Read as _};

use axum::body::{Body, BodyDataStream};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

use crate::oci::{Content, Digest, Manifest, MediaType, Repository};

use super::answer::{CONTENT_DIGEST, Code, Refusal, answer, created, text};
use super::contents::{Change, Contents, Known};
use super::exchange::Server;
use super::layout::blocking;
use super::route::Which;

/// The largest manifest that is taken, 4 MiB: what the specification asks of every registry
/// (distribution-spec, "Pushing Manifests").
pub(super) const MANIFEST_LIMIT: usize = 4 * 1024 * 1024;

/// The digest of the subject of a manifest that was pushed.
const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

impl Server {
    /// `GET` and `HEAD`.
    pub(super) async fn get_manifest(
        &self,
        repository: &Repository,
        which: &Which,
        method: &Method,
    ) -> Result<Response, Refusal> {
        let layout = self.store.layout(repository);
        let found = layout.read(|contents| find(contents, which).cloned()).await;
        let known = found
            .map_err(|error| Refusal::fault("read the repository", &error))?
            .ok_or_else(|| Refusal::no_repository(repository))?
            .ok_or_else(|| no_manifest(which))?;
        let body = if method == Method::HEAD {
            Body::empty()
        } else {
            let (disk, at) = (self.store.disk.clone(), repository.clone());
            let digest = known.digest.clone();
            let read = blocking(move || {
                let Some((mut file, size)) = disk.open_blob(&at, &digest)? else {
                    return Ok(None);
                };
                let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
                file.read_to_end(&mut bytes)?;
                Ok(Some(bytes))
            });
            let bytes = read.await.map_err(|error| Refusal::fault("read the manifest", &error))?;
            Body::from(bytes.ok_or_else(|| no_manifest(which))?)
        };
        let headers = [
            (CONTENT_TYPE, text(&known.media_type)),
            (CONTENT_DIGEST, text(&known.digest)),
            (CONTENT_LENGTH, HeaderValue::from(known.size)),
        ];
        Ok(answer(StatusCode::OK, headers, body))
    }

    /// `PUT`.
    pub(super) async fn put_manifest(
        &self,
        repository: &Repository,
        which: Which,
        request: &Parts,
        body: &mut BodyDataStream,
    ) -> Result<Response, Refusal> {
        let bytes = whole(&request.headers, body).await?;
        let manifest = parse(&request.headers, bytes, &which)?;
        let known = Known::of(&manifest);
        let digest = known.digest.clone();
        let layout = self.store.layout(repository);
        let named = children_and_blobs(&manifest);
        let unknown = layout.read(|contents| {
            let unknown = named.iter().filter(|named| contents.known(named).is_none());
            unknown.cloned().collect::<Vec<Digest>>()
        });
        let unknown = unknown
            .await
            .map_err(|error| Refusal::fault("read the repository", &error))?
            .unwrap_or(named);
        let (disk, at) = (self.store.disk.clone(), repository.clone());
        let missing = blocking(move || {
            for named in &unknown {
                if super::disk::size_of(&disk.blob_path(&at, named))?.is_none() {
                    return Ok(Some(named.clone()));
                }
            }
            disk.write_blob(&at, &manifest.raw.digest, &manifest.raw.bytes)?;
            Ok(None)
        });
        let missing =
            missing.await.map_err(|error| Refusal::fault("write the manifest", &error))?;
        if let Some(missing) = missing {
            let message = format!("the manifest names {missing}, which is not in {repository}");
            return Err(Refusal::bad(Code::ManifestBlobUnknown, message));
        }
        let subject = known.referrer().map(|referrer| referrer.subject.clone());
        let tag = match which {
            Which::Tag(tag) => Some(tag),
            Which::Digest(_) => None,
        };
        let layout = self.store.layout_to_change(repository);
        layout
            .change(Change::Put(tag, known))
            .await
            .map_err(|error| Refusal::fault("write the repository", &error))?;
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
        which: &Which,
    ) -> Result<Response, Refusal> {
        let layout = self.store.layout(repository);
        let change = match which {
            Which::Tag(tag) => Change::Untag(tag.clone()),
            Which::Digest(digest) => Change::Delete(digest.clone()),
        };
        let exists = layout.read(|contents| match which {
            Which::Tag(_) => true,
            Which::Digest(digest) => contents.known(digest).is_some(),
        });
        exists
            .await
            .map_err(|error| Refusal::fault("read the repository", &error))?
            .ok_or_else(|| Refusal::no_repository(repository))?;
        let done = layout
            .change(change)
            .await
            .map_err(|error| Refusal::fault("write the repository", &error))?;
        if !done.found {
            return Err(no_manifest(which));
        }
        if let Which::Digest(digest) = which {
            let path = self.store.disk.blob_path(repository, digest);
            match blocking(move || std::fs::remove_file(path)).await {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Refusal::fault("delete the manifest", &error));
                }
                _ => {}
            }
        }
        Ok(answer(StatusCode::ACCEPTED, [], Body::empty()))
    }
}

fn find<'a>(contents: &'a Contents, which: &Which) -> Option<&'a Known> {
    match which {
        Which::Tag(tag) => contents.tagged(tag),
        Which::Digest(digest) => contents.known(digest),
    }
}

fn no_manifest(which: &Which) -> Refusal {
    let message = match which {
        Which::Tag(tag) => format!("tag {tag} is not in this repository"),
        Which::Digest(digest) => format!("manifest {digest} is not in this repository"),
    };
    Refusal::absent(Code::ManifestUnknown, message)
}

/// Receives a manifest.
async fn whole(headers: &HeaderMap, body: &mut BodyDataStream) -> Result<Bytes, Refusal> {
    let too_large = || {
        let message = format!("a manifest may have {MANIFEST_LIMIT} bytes");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, Code::SizeInvalid, message)
    };
    let stated =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if stated.is_some_and(|stated| stated > MANIFEST_LIMIT) {
        return Err(too_large());
    }
    let mut bytes = BytesMut::with_capacity(stated.unwrap_or_default());
    while let Some(frame) = body.next().await {
        let frame = frame.map_err(|error| {
            Refusal::bad(Code::ManifestInvalid, format!("the body ended early: {error}"))
        })?;
        if bytes.len() + frame.len() > MANIFEST_LIMIT {
            return Err(too_large());
        }
        bytes.extend_from_slice(&frame);
    }
    Ok(bytes.freeze())
}

/// Reads a manifest that was pushed, and checks it against the request's path and headers.
fn parse(headers: &HeaderMap, bytes: Bytes, which: &Which) -> Result<Manifest, Refusal> {
    let digest = match which {
        Which::Tag(_) => Digest::of(&bytes),
        Which::Digest(stated) => {
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
    match stated {
        Some(stated) if stated.is_manifest() && stated != *found => Err(invalid(format!(
            "the manifest says that it is {found}, its Content-Type is {stated}"
        ))),
        _ => Ok(manifest),
    }
}

/// The digests that must be in the repository before the manifest: blobs, and children of an index.
/// A subject may come later.
fn children_and_blobs(manifest: &Manifest) -> Vec<Digest> {
    match &manifest.content {
        Content::Index(index) => {
            let children = index.manifests.iter().map(|child| child.digest.clone());
            children.collect()
        }
        Content::Single(single) => {
            let blobs = single.blobs().into_iter().map(|blob| blob.digest.clone());
            blobs.collect()
        }
    }
}
