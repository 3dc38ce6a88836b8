//! The endpoint of tag lists.

use axum::http::StatusCode;
use axum::response::Response;
use longshore_oci::Repository;

use super::page::Page;
use super::response::{Refusal, json};
use super::server::Server;

impl Server {
    /// `GET /v2/<name>/tags/list`.
    pub(super) async fn list_tags(
        &self,
        repository: &Repository,
        query: Option<&str>,
    ) -> Result<Response, Refusal> {
        let page = Page::of_query(query)?;
        let path = format!("/v2/{repository}/tags/list");
        let cut = self.folder.look_up(repository, |contents| {
            let behind = contents.tags_after(page.last.as_deref());
            page.cut(&path, behind.map(ToString::to_string))
        });
        let (tags, link) = cut
            .await
            .map_err(|error| Refusal::fault("read the repository", &error))?
            .ok_or_else(|| Refusal::no_repository(repository))?;
        let document = serde_json::json!({"name": repository, "tags": tags});
        Ok(json(StatusCode::OK, link, document.to_string()))
    }
}
