//! The repository type `quay`. A Quay may create repositories at the first push, but then all of them are
//! private, and only in namespaces that exist. The plugin creates repositories, and if it is told to,
//! organizations, through Quay's API (version 1), which wants an OAuth token.

use longshore_plugin_sdk::PluginError;
use longshore_plugin_sdk::host::{Method, Request, Response};
use longshore_plugin_sdk::repo_type::answer::Product;
use longshore_plugin_sdk::repo_type::{Capabilities, Outcome, RepoType, Scope, State};
use serde::Deserialize;
use serde_json::{Value, json};

longshore_plugin_sdk::export_repo_type!(Quay);

const ORGANIZATION: &str = "organization";
const REPOSITORY: &str = "repository";

/// The endpoint in the metadata.
const API: &str = "api";

const QUAY: Product = Product { name: "Quay", code: "quay", words };

/// The settings for new repositories. Existing ones are not changed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Quay {
    /// Whether the API uses HTTPS. The host reads it.
    https: Option<bool>,
    public: bool,
    create_organizations: bool,
    nested: bool,
}

impl Default for Quay {
    fn default() -> Self {
        Self { https: None, public: false, create_organizations: false, nested: true }
    }
}

impl RepoType for Quay {
    fn from_config(json: &str) -> Result<Self, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    fn describe(&self, _registry: &str) -> Result<Capabilities, PluginError> {
        let max_depth = (!self.nested).then_some(2);
        Ok(Capabilities { max_depth, ..Capabilities::default() })
    }

    /// A repository with one component lies in the library namespace, which Quay maps itself.
    fn scopes(&self, _registry: &str, repository: &str) -> Result<Vec<Scope>, PluginError> {
        let Some((organization, _)) = repository.split_once('/') else { return Ok(Vec::new()) };
        let organization =
            self.create_organizations.then(|| Scope::new(ORGANIZATION, organization));
        Ok(organization.into_iter().chain([Scope::new(REPOSITORY, repository)]).collect())
    }

    fn prepare(
        &self,
        _registry: &str,
        scope: &Scope,
        dry_run: bool,
    ) -> Result<Outcome, PluginError> {
        if scope.kind == ORGANIZATION {
            return organization(&scope.name, dry_run);
        }
        self.repository(&scope.name, dry_run)
    }
}

impl Quay {
    fn repository(&self, path: &str, dry_run: bool) -> Result<Outcome, PluginError> {
        let segments = ["api", "v1", "repository"].into_iter().chain(path.split('/'));
        let look = Request::new(Method::Get, segments);
        let answer = QUAY.send(API, &look)?;
        match answer.status {
            200 => return Ok(Outcome::new(State::Ready)),
            404 => {}
            // Quay does not tell others whether a private repository exists. The creation tells.
            403 if !dry_run && kind(&answer) != Some("invalid_token") => {}
            _ => return Err(QUAY.refused(&look, &answer, "repo:read")),
        }
        if dry_run {
            return Ok(Outcome::new(State::WouldCreate));
        }
        let (namespace, name) = path.split_once('/').unwrap_or(("", path));
        let body = json!({
            "namespace": namespace,
            "repository": name,
            "visibility": if self.public { "public" } else { "private" },
            "description": "",
            "repo_kind": "image",
        });
        let create = Request::new(Method::Post, ["api", "v1", "repository"]).json(body.to_string());
        let answer = QUAY.send(API, &create)?;
        match answer.status {
            200 | 201 => Ok(Outcome::new(State::Created)),
            409 => Ok(created_by_others(path)),
            400 if says(&answer, "already exists") => Ok(created_by_others(path)),
            402 => Err(QUAY.other(
                "plan",
                &format!("Quay's plan of {namespace} allows no more private repositories"),
                &answer,
            )),
            403 if !self.create_organizations => Err(QUAY.refused(
                &create,
                &answer,
                "repo:create, or the organization does not exist (create-organizations creates it)",
            )),
            _ => Err(QUAY.refused(&create, &answer, "repo:create")),
        }
    }
}

fn organization(name: &str, dry_run: bool) -> Result<Outcome, PluginError> {
    let look = Request::new(Method::Get, ["api", "v1", "organization", name]);
    let answer = QUAY.send(API, &look)?;
    match answer.status {
        200 => return Ok(Outcome::new(State::Ready)),
        404 if dry_run => return Ok(Outcome::new(State::WouldCreate)),
        404 => {}
        _ => return Err(QUAY.refused(&look, &answer, "org:admin")),
    }
    let create = Request::new(Method::Post, ["api", "v1", "organization", ""])
        .json(json!({"name": name}).to_string());
    let answer = QUAY.send(API, &create)?;
    match answer.status {
        200 | 201 => Ok(Outcome::new(State::Created)),
        409 => Ok(is_taken(name)),
        400 if says(&answer, "already exists") || says(&answer, "already taken") => {
            Ok(is_taken(name))
        }
        _ => {
            Err(QUAY.refused(&create, &answer, "org:admin of a user who may create organizations"))
        }
    }
}

fn created_by_others(path: &str) -> Outcome {
    let message = format!("repository {path} was created by somebody else in the meantime");
    Outcome::new(State::Ready).because(message)
}

/// Describes a name that is in use. It may be a user, whose name is a namespace too.
fn is_taken(name: &str) -> Outcome {
    let message = format!("{name} is a user, or was created by somebody else in the meantime");
    Outcome::new(State::Ready).because(message)
}

/// Returns Quay's message.
fn words(body: &[u8]) -> Option<String> {
    let document: Value = serde_json::from_slice(body).ok()?;
    let keys = ["error_message", "detail", "message", "title"];
    keys.iter().find_map(|key| document[key].as_str()).map(str::to_owned)
}

/// Returns the kind of an error.
fn kind(answer: &Response) -> Option<&'static str> {
    let document: Value = serde_json::from_slice(&answer.body).ok()?;
    (document["error_type"] == "invalid_token").then_some("invalid_token")
}

fn says(answer: &Response, text: &str) -> bool {
    words(&answer.body).is_some_and(|said| said.to_ascii_lowercase().contains(text))
}

#[cfg(test)]
mod tests;
