//! Looks for the signs of a pull-through cache.

use longshore_oci::{Digest, Repository};
use longshore_store::{Intent, Operation};
use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, HeaderValue};
use serde::Deserialize;

use super::known::{Project, cell, namespace};
use crate::auth::challenge::Challenge;
use crate::auth::token::RepositoryScope;
use crate::endpoint::{EndpointAuth, EndpointRequest, EndpointScheme};
use crate::error::Failed as _;
use crate::limits::window::Class;
use crate::request::Call;
use crate::{Cause, Client, RegistryError};

/// The most bytes read of a list of projects.
const PROJECTS_LIMIT: u64 = 1024 * 1024;
/// Projects per page; Harbor sends at most this many.
const PAGE: usize = 100;
/// The most pages that are searched for a project whose name is part of other names.
const PAGES: usize = 20;

/// A project in Harbor's list.
#[derive(Deserialize)]
struct Listed {
    name: String,
    /// The registry behind a proxy cache.
    #[serde(default)]
    registry_id: Option<i64>,
}

impl Client {
    /// Checks that the registry stores what it shows of `repository`. `held` is the digest of a
    /// manifest that it showed. With [`Intent::Push`], the right to push may be used for it.
    ///
    /// # Errors
    /// If `repository` is in a pull-through cache.
    pub(crate) async fn check_storage(
        &self,
        repository: &Repository,
        held: Option<&Digest>,
        intent: Intent,
    ) -> Result<(), RegistryError> {
        let Some(why) = self.cache_sign(repository, held, intent).await else { return Ok(()) };
        let operation = Operation::new("push to", format!("{}/{repository}", self.registry));
        Err(operation.failed(Cause::PullThrough(why)))
    }

    /// Says why `repository` is in a cache, if something tells.
    async fn cache_sign(
        &self,
        repository: &Repository,
        held: Option<&Digest>,
        intent: Intent,
    ) -> Option<String> {
        self.find_challenge(repository, intent).await;
        let (project, is_harbor) = (namespace(repository), self.is_harbor());
        if is_harbor {
            let known = cell(&self.pull_through.projects, project.clone());
            match known.get_or_init(|| self.harbor_project(&project)).await {
                Project::Stores => return None,
                Project::Cache => {
                    return Some(format!("Harbor's project {project} is a proxy cache"));
                }
                Project::Unseen => {}
            }
            if self.pull_through.is_foreign(repository) {
                return Some(format!("Harbor's project {project} answers like a proxy cache"));
            }
        } else {
            return self.distribution_sign(repository);
        }
        let digest = held.filter(|_| intent == Intent::Push)?;
        let known = cell(&self.pull_through.uploads, project);
        known.get_or_init(|| self.refuses_uploads(repository, digest)).await.clone()
    }

    /// Says that a registry with distribution's code is a cache, if a blob gives it away.
    ///
    /// Its manifests look like those of other registries. So do the blobs that it has fetched: it
    /// stores them.
    fn distribution_sign(&self, repository: &Repository) -> Option<String> {
        if !self.pull_through.is_distribution() || self.capabilities().is_service {
            return None;
        }
        let is_foreign = self.pull_through.is_foreign(repository);
        is_foreign.then(|| format!("{} is a pull-through cache", self.registry))
    }

    /// Finds out how the registry authenticates, if nothing was asked of it yet.
    async fn find_challenge(&self, repository: &Repository, intent: Intent) {
        let push = intent == Intent::Push;
        let scope = RepositoryScope { repository: repository.clone(), push, mount_from: None };
        if self.challenge_is_known(&scope.clone().into()) {
            return;
        }
        let Ok(url) = self.url("").await else { return };
        let operation = Operation::new("look up registry", &self.registry);
        // The next request reports what is wrong.
        let _answer =
            self.send_once(&Call::new(operation, Method::GET, url, scope, Class::Lookup)).await;
    }

    /// Whether the registry is a Harbor, by its token service.
    fn is_harbor(&self) -> bool {
        match self.registry_challenge() {
            Some(Challenge::Bearer(realm)) => {
                realm.url.path().ends_with("/service/token")
                    || realm.service.as_deref() == Some("harbor-registry")
            }
            _ => false,
        }
    }

    /// Looks a project up in Harbor's API, which names the registry behind a proxy cache.
    async fn harbor_project(&self, project: &str) -> Project {
        for page in 1..=PAGES {
            let query = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("name", project)
                .append_pair("page", &page.to_string())
                .append_pair("page_size", &PAGE.to_string())
                .finish();
            let request = EndpointRequest {
                scheme: EndpointScheme::Registry,
                method: "GET",
                path_and_query: format!("/api/v2.0/projects?{query}"),
                headers: Vec::new(),
                body: None,
                body_limit: PROJECTS_LIMIT,
                auth: EndpointAuth::Registry,
                brings_credential: false,
            };
            let response = match self.send_endpoint(request).await {
                Ok(response) if response.status == 200 => response,
                Ok(response) => {
                    tracing::debug!("list projects of {}: {}", self.registry, response.status);
                    return Project::Unseen;
                }
                Err(error) => {
                    tracing::debug!("{error}");
                    return Project::Unseen;
                }
            };
            let Ok(listed) = serde_json::from_slice::<Vec<Listed>>(&response.body) else {
                return Project::Unseen;
            };
            if let Some(found) = listed.iter().find(|listed| listed.name == project) {
                return match found.registry_id {
                    Some(id) if id > 0 => Project::Cache,
                    _ => Project::Stores,
                };
            }
            if listed.len() < PAGE {
                break;
            }
        }
        Project::Unseen
    }

    /// Begins an upload, as a cache refuses all of them, and cancels it. Returns the refusal.
    ///
    /// The upload asks for a mount of `digest` from the repository itself, so that a registry that has
    /// it opens no session.
    async fn refuses_uploads(&self, repository: &Repository, digest: &Digest) -> Option<String> {
        let mut url = self.url(&format!("{repository}/blobs/uploads/")).await.ok()?;
        url.query_pairs_mut()
            .append_pair("mount", &digest.to_string())
            .append_pair("from", repository.as_str());
        let operation = self.upload_operation("begin upload", repository, "nothing");
        let scope =
            RepositoryScope { repository: repository.clone(), push: true, mount_from: None };
        let mut call = Call::new(operation, Method::POST, url.clone(), scope, Class::UploadStart)
            .header(CONTENT_LENGTH, HeaderValue::from(0));
        call.renews = false;
        match self.send_once(&call).await {
            Ok(response) => {
                if response.status() != 201
                    && let Ok(session) = self.session_of(&response, &url).await
                {
                    self.cancel_upload(session, repository).await;
                }
                None
            }
            Err(cause) => cause.answer().filter(|answer| answer.is_of_cache()).map(|answer| {
                format!("{} refuses uploads as a pull-through cache does: {answer}", self.registry)
            }),
        }
    }
}
