//! The endpoint of referrers (distribution-spec, "Listing Referrers").

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use longshore_oci::{Digest, MediaType, Repository};

use super::response::{self, Refusal};
use super::route::parameter;
use super::server::Server;
use crate::folder::Contents;

/// The filters that were applied to the list.
const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

impl Server {
    /// `GET /v2/<name>/referrers/<digest>`. A repository that is not known has no referrers: a 404
    /// would say that this registry has no such endpoint.
    pub(super) async fn list_referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
        query: Option<&str>,
    ) -> Result<Response, Refusal> {
        let wanted = parameter(query, "artifactType").filter(|wanted| !wanted.is_empty());
        let look = |contents: &Contents| {
            let all = contents.referrers_of(subject);
            let fitting =
                all.filter(|(_, referrer)| wanted.is_none() || referrer.artifact_type == wanted);
            let descriptors = fitting.map(|(known, referrer)| {
                referrer.descriptor(&known.media_type, &known.digest, known.size)
            });
            descriptors.collect::<Vec<Value>>()
        };
        let manifests = self
            .folder
            .look_up(repository, look)
            .await
            .map_err(|error| Refusal::fault("read the repository", &error))?
            .unwrap_or_default();
        let document = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_INDEX,
            "manifests": manifests,
        });
        let content_type = (CONTENT_TYPE, response::text(MediaType::OCI_INDEX));
        let applied = (FILTERS_APPLIED, HeaderValue::from_static("artifactType"));
        let headers = [Some(content_type), wanted.is_some().then_some(applied)];
        Ok(response::json(StatusCode::OK, headers.into_iter().flatten(), document.to_string()))
    }
}
