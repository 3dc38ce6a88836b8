//! The repository type `artifactory`. An Artifactory takes pushes into its local repositories, and each of
//! them holds many images. The path, a subdomain or a port leads to the repository. The plugin creates local
//! repositories through the API, which wants an administrator.

use longshore_plugin_sdk::PluginError;
use longshore_plugin_sdk::host::{Method, Request, Response};
use longshore_plugin_sdk::repo_type::answer::Product;
use longshore_plugin_sdk::repo_type::routing::Routing;
use longshore_plugin_sdk::repo_type::{Capabilities, Outcome, RepoType, Scope, State};
use serde::Deserialize;
use serde_json::{Value, json};

longshore_plugin_sdk::export_repo_type!(Artifactory);

const REPOSITORY: &str = "repository";

/// The endpoint in the metadata.
const API: &str = "api";

/// The name before the codes and the keys.
const CODE: &str = "artifactory";

const ARTIFACTORY: Product = Product { name: "Artifactory", code: CODE, words };

/// A part of the answer of the free editions, which have no API for repositories.
const PRO: &str = "only in artifactory pro";

/// The settings as the user writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Settings {
    /// The address of the API. The host reads it.
    #[serde(rename = "api")]
    _api: Option<String>,
    routing: Option<String>,
    repository: Option<String>,
    package_type: PackageType,
    project_key: Option<String>,
    max_unique_tags: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PackageType {
    #[default]
    Docker,
    Oci,
}

impl PackageType {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Oci => "oci",
        }
    }
}

/// How images find their repository, and the settings for new repositories. Existing ones are not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifactory {
    routing: Routing,
    settings: Settings,
}

impl RepoType for Artifactory {
    fn from_config(json: &str) -> Result<Self, String> {
        let settings: Settings = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let routing = Routing::read(settings.routing.as_deref(), settings.repository.as_deref())?;
        Ok(Self { routing, settings })
    }

    fn describe(&self, registry: &str) -> Result<Capabilities, PluginError> {
        self.routing.describe(CODE, registry)
    }

    fn scopes(&self, registry: &str, repository: &str) -> Result<Vec<Scope>, PluginError> {
        Ok(self.routing.scope(REPOSITORY, registry, repository).into_iter().collect())
    }

    fn prepare(
        &self,
        _registry: &str,
        scope: &Scope,
        dry_run: bool,
    ) -> Result<Outcome, PluginError> {
        self.routing.prepare(CODE, &scope.name, dry_run, exists, |key| self.create(key))
    }
}

impl Artifactory {
    fn create(&self, key: &str) -> Result<Outcome, PluginError> {
        let mut body = json!({
            "key": key,
            "rclass": "local",
            "packageType": self.settings.package_type.as_str(),
            "dockerApiVersion": "V2",
            "maxUniqueTags": self.settings.max_unique_tags,
        });
        if let Some(project) = &self.settings.project_key {
            body["projectKey"] = project.as_str().into();
        }
        let create = request(Method::Put, key).json(body.to_string());
        let answer = ARTIFACTORY.send(API, &create)?;
        match answer.status {
            200 | 201 => Ok(Outcome::new(State::Created)),
            409 => Ok(created_by_others(key)),
            400 if says(&answer, "already exists") => Ok(created_by_others(key)),
            400 if says(&answer, PRO) => Err(no_api(&answer)),
            400 => Err(ARTIFACTORY.other(
                "refused",
                &format!("Artifactory refuses to create the repository {key}"),
                &answer,
            )),
            _ => Err(ARTIFACTORY.refused(&create, &answer, "the rights of an administrator")),
        }
    }
}

fn created_by_others(key: &str) -> Outcome {
    let message = format!("repository {key} was created by somebody else in the meantime");
    Outcome::new(State::Ready).because(message)
}

fn request(method: Method, key: &str) -> Request {
    Request::new(method, ["artifactory", "api", "repositories", key])
}

/// Returns whether there is a repository that takes pushes of images.
fn exists(key: &str) -> Result<bool, PluginError> {
    let look = request(Method::Get, key);
    let answer = ARTIFACTORY.send(API, &look)?;
    match answer.status {
        200 => takes_images(key, &answer).map(|()| true),
        400 if says(&answer, PRO) => Err(no_api(&answer)),
        // Artifactory answers 400 for a repository that does not exist.
        400 | 404 => Ok(false),
        _ => Err(ARTIFACTORY.refused(&look, &answer, "the right to see repositories")),
    }
}

/// Checks class and package type of a repository. An account without rights sees not all of them.
fn takes_images(key: &str, answer: &Response) -> Result<(), PluginError> {
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let class = document["rclass"].as_str().or_else(|| document["type"].as_str());
    if class.is_some_and(|class| class.eq_ignore_ascii_case("remote")) {
        let message = format!(
            "{key} is a remote repository, which caches another registry and takes no pushes"
        );
        return Err(PluginError::other("artifactory/remote", message));
    }
    match document["packageType"].as_str() {
        Some(kind) if !["docker", "oci"].contains(&kind.to_ascii_lowercase().as_str()) => {
            let message = format!("{key} is a repository for the package type {kind}");
            Err(PluginError::other("artifactory/package-type", message))
        }
        _ => Ok(()),
    }
}

fn no_api(answer: &Response) -> PluginError {
    let message = "this edition of Artifactory has no API for repositories; create them by hand";
    ARTIFACTORY.other("edition", message, answer)
}

/// Returns Artifactory's message: that of the first error, or a plain text.
fn words(body: &[u8]) -> Option<String> {
    let Ok(document) = serde_json::from_slice::<Value>(body) else {
        let text = std::str::from_utf8(body).ok()?.trim();
        return (!text.starts_with('<')).then(|| text.to_owned());
    };
    document["errors"][0]["message"].as_str().map(str::to_owned)
}

fn says(answer: &Response, text: &str) -> bool {
    words(&answer.body).is_some_and(|said| said.to_ascii_lowercase().contains(text))
}

#[cfg(test)]
mod tests;
