//! The endpoint that lists repositories.

use axum::http::StatusCode;
use axum::response::Response;

use super::page::Page;
use super::response::{Refusal, json};
use super::server::Server;

impl Server {
    /// `GET /v2/_catalog`.
    pub(super) async fn list_repositories(&self, query: Option<&str>) -> Result<Response, Refusal> {
        let page = Page::of_query(query)?;
        let all = self
            .folder
            .repositories()
            .await
            .map_err(|error| Refusal::fault("list the repositories", &error))?;
        let behind = all.iter().map(ToString::to_string);
        let behind = behind.filter(|name| page.last.as_ref().is_none_or(|last| name > last));
        let (repositories, link) = page.cut("/v2/_catalog", behind);
        let document = serde_json::json!({ "repositories": repositories });
        Ok(json(StatusCode::OK, link, document.to_string()))
    }
}
