//! The list of a repository's tags (distribution-spec, "Listing Tags").

use reqwest::Method;
use serde::Deserialize;

use super::request::Call;
use super::token::Scope;
use super::{Cause, Client, Operation, RegistryError};
use crate::oci::{Repository, Tag};

/// Tags that are asked for at once: the most that some registries grant.
const PAGE: &str = "1000";

/// A page of the list.
#[derive(Deserialize)]
struct Page {
    /// Go writes an empty list as `null`.
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl Client {
    /// The tags of `repository`, in the registry's order. Names that are no tags are left out.
    ///
    /// # Errors
    /// A refusal, of which 404 may only mean that there is nothing; no answer; an answer that is no
    /// list; or pages without end.
    pub async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>, RegistryError> {
        let operation = Operation::new("list tags", format!("of {}/{repository}", self.registry));
        let mut url = match self.url(&format!("{repository}/tags/list")).await {
            Ok(url) => url,
            Err(cause) => return Err(operation.failed(cause)),
        };
        url.query_pairs_mut().append_pair("n", PAGE);
        let scope = Scope { repository: repository.clone(), push: false, mount_from: None };
        let mut tags = Vec::new();
        self.each_page(Call::new(operation, Method::GET, url, scope), |page| {
            let page: Page =
                serde_json::from_slice(page).map_err(|_| Cause::Unreadable("list of tags"))?;
            tags.extend(page.tags.into_iter().flatten().filter_map(|tag| tag.parse::<Tag>().ok()));
            Ok(())
        })
        .await?;
        Ok(tags)
    }
}
