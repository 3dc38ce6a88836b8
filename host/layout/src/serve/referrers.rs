//! The endpoint of referrers (distribution-spec, "Listing Referrers").

use axum::http::header::{CONTENT_TYPE, LINK};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use longshore_oci::{Digest, LARGEST_MANIFEST, MediaType, Repository};
use serde::Serialize;
use serde_json::value::RawValue;

use super::response::{self, Refusal};
use super::route::{self, parameter};
use super::server::Server;
use crate::folder::ListedReferrer;

/// The filters that were applied to the list.
const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

impl Server {
    /// `GET /v2/<name>/referrers/<digest>`. A repository that is not known has no referrers: a 404
    /// would say that this registry has no such endpoint. Long lists come in pages.
    pub(super) async fn list_referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
        query: Option<&str>,
    ) -> Result<Response, Refusal> {
        let wanted = parameter(query, "artifactType").filter(|wanted| !wanted.is_empty());
        let last = parameter(query, "last").map(|last| route::digest(&last)).transpose()?;
        let _room = self.room_for_text(LARGEST_MANIFEST).await;
        let page = self
            .folder
            .list_referrers(repository, subject, wanted.as_deref(), last.as_ref())
            .await
            .map_err(|error| Refusal::fault("read the repository", &error))?;
        let document = Document {
            schema_version: 2,
            media_type: MediaType::OCI_INDEX,
            manifests: page.referrers.into_iter().map(Line::from).collect(),
        };
        let text = serde_json::to_string(&document)
            .map_err(|error| Refusal::fault("list the referrers", &error.into()))?;
        let content_type = (CONTENT_TYPE, response::text(MediaType::OCI_INDEX));
        let applied = (FILTERS_APPLIED, HeaderValue::from_static("artifactType"));
        let next = page.last.map(|last| {
            let mut next = url::form_urlencoded::Serializer::new(String::new());
            next.append_pair("last", &last.to_string());
            if let Some(wanted) = &wanted {
                next.append_pair("artifactType", wanted);
            }
            let path = format!("/v2/{repository}/referrers/{subject}?{}", next.finish());
            (LINK, response::text(format!("<{path}>; rel=\"next\"")))
        });
        let headers = [Some(content_type), wanted.is_some().then_some(applied), next];
        Ok(response::json(StatusCode::OK, headers.into_iter().flatten(), text))
    }
}

/// An image index of referrers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: u8,
    media_type: MediaType,
    manifests: Vec<Line>,
}

/// The descriptor of a referrer. Its annotations are repeated as they are written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    media_type: MediaType,
    digest: Digest,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Box<RawValue>>,
}

impl From<ListedReferrer> for Line {
    fn from(listed: ListedReferrer) -> Self {
        let ListedReferrer { media_type, digest, size, artifact_type, annotations } = listed;
        Self { media_type, digest, size, artifact_type, annotations }
    }
}
