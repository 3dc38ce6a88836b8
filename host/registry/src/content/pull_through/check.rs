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
use crate::error_response::ErrorResponse;
use crate::limits::window::Class;
use crate::request::Call;
use crate::{Cause, Client, RegistryError};

/// The most bytes read of a list of projects.
const PROJECTS_LIMIT: u64 = 1024 * 1024;
/// Projects per page; Harbor sends at most this many.
const PAGE: usize = 100;
/// The most pages that are searched for a project whose name is part of other names.
const PAGES: usize = 20;
/// The name of an upload that no registry opens.
const NO_UPLOAD: &str = "longshore-looks-for-a-cache";

/// Nothing shows whether a registry is a cache.
struct Undecided;

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

    /// Says why `repository` is in a cache, if something shows it.
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
            return self.distribution_sign(repository, held, intent).await;
        }
        let digest = held.filter(|_| intent == Intent::Push)?;
        let known = cell(&self.pull_through.uploads, project);
        known.get_or_init(|| self.refuses_uploads(repository, digest)).await.clone()
    }

    /// Says that a registry with distribution's code is a cache, if a blob shows it or it says so itself.
    /// It is only asked once per run, and only if it shows a manifest.
    ///
    /// Its manifests look like those of other registries. So do the blobs that it has fetched: it
    /// stores them.
    async fn distribution_sign(
        &self,
        repository: &Repository,
        held: Option<&Digest>,
        intent: Intent,
    ) -> Option<String> {
        let known = &self.pull_through;
        if !known.is_distribution() || self.capabilities().is_service {
            return None;
        }
        let named = || format!("{} is a pull-through cache", self.registry);
        if known.is_foreign(repository) {
            return Some(named());
        }
        let held = held?;
        match known.distribution.get_or_try_init(|| self.asks_upstream(repository, intent)).await {
            Ok(is_cache) => is_cache.then(named),
            Err(Undecided) if intent == Intent::Push => {
                let known = cell(&known.uploads, namespace(repository));
                known.get_or_init(|| self.refuses_uploads(repository, held)).await.clone()
            }
            Err(Undecided) => None,
        }
    }

    /// Asks a registry with distribution's code for what cannot exist: a cache answers in its own way.
    /// Both requests only read. If the registry has just accepted a push, none is needed.
    ///
    /// Version 3 looks an upload up, and a cache has none. Version 2 refuses the upload's name first;
    /// its caches repeat the error of their upstream for an unknown manifest.
    ///
    /// # Errors
    /// If an answer shows nothing, so that asking again may help.
    async fn asks_upstream(
        &self,
        repository: &Repository,
        intent: Intent,
    ) -> Result<bool, Undecided> {
        if self.was_pushed_to(repository).await {
            return Ok(false);
        }
        let upload = format!("{repository}/blobs/uploads/{NO_UPLOAD}");
        let refusal = self.read_refusal(repository, &upload, intent).await?;
        if refusal.status == 500 && refusal.detail.contains("operation unsupported") {
            return Ok(true);
        }
        if refusal.has_code("BLOB_UPLOAD_UNKNOWN") {
            return Ok(false);
        }
        let manifest = format!("{repository}/manifests/{}", Digest::of(NO_UPLOAD.as_bytes()));
        let refusal = self.read_refusal(repository, &manifest, intent).await?;
        match refusal.status {
            500 if refusal.relays => Ok(true),
            200 | 400 | 404 => Ok(false),
            // The upstream of a cache may be away, and so may the storage of another registry.
            _ => Err(Undecided),
        }
    }

    /// Reads `path`, which does not exist.
    async fn read_refusal(
        &self,
        repository: &Repository,
        path: &str,
        intent: Intent,
    ) -> Result<ErrorResponse, Undecided> {
        let url = self.url(path).await.map_err(|_| Undecided)?;
        let push = intent == Intent::Push;
        let scope = RepositoryScope { repository: repository.clone(), push, mount_from: None };
        let operation = Operation::new("look for a cache at", &self.registry);
        let mut call = Call::new(operation, Method::GET, url, scope, Class::Lookup);
        call.renews = false;
        match self.send_once(&call).await {
            Err(Cause::Answered(refusal)) if !matches!(refusal.status, 429 | 502..=504) => {
                Ok(refusal)
            }
            Ok(_) => Ok(ErrorResponse { status: 200, ..ErrorResponse::default() }),
            Err(cause) => {
                tracing::debug!("{}: {cause}", call.operation);
                Err(Undecided)
            }
        }
    }

    /// Finds out how the registry authenticates, if nothing was asked of it yet.
    pub(crate) async fn find_challenge(&self, repository: &Repository, intent: Intent) {
        let push = intent == Intent::Push;
        let scope = RepositoryScope { repository: repository.clone(), push, mount_from: None };
        if self.challenge_is_known(&scope.clone().into()) {
            return;
        }
        let Ok(url) = self.url("").await else { return };
        let operation = Operation::new("look up registry", &self.registry);
        let mut call = Call::new(operation, Method::GET, url, scope, Class::Lookup);
        // The challenge is all that is wanted, and a token would cost another request.
        call.renews = false;
        // The next request reports what is wrong.
        let _answer = self.send_once(&call).await;
    }

    /// Whether the registry is a Harbor, by its token service.
    pub(crate) fn is_harbor(&self) -> bool {
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
