//! The repository type `gitlab`. The container registry of GitLab takes pushes into existing projects
//! only: `GROUP/PROJECT` and up to two components below it. The plugin looks for the project that a
//! repository lies in, and creates one if there is none, through GitLab's API (version 4).
//!
//! The API is at another host than the registry, which the user names (`api`). It takes personal, group
//! and project access tokens with the scope `api`.

use longshore_plugin_sdk::PluginError;
use longshore_plugin_sdk::host::{Method, Request, Response};
use longshore_plugin_sdk::repo_type::answer::Product;
use longshore_plugin_sdk::repo_type::{Capabilities, Outcome, RepoType, Scope, State};
use serde::Deserialize;
use serde_json::{Value, json};

longshore_plugin_sdk::export_repo_type!(GitLab);

const PROJECT: &str = "project";

/// The endpoint in the metadata.
const API: &str = "api";

/// How many components a repository may have below its project.
const BELOW: usize = 2;

const GITLAB: Product = Product { name: "GitLab", code: "gitlab", words };

/// The settings for new projects. Existing ones are not changed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct GitLab {
    /// The address of the API. The host reads it.
    api: Option<String>,
    visibility: Visibility,
    project_depth: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Visibility {
    #[default]
    Private,
    Internal,
    Public,
}

impl Visibility {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Internal => "internal",
            Self::Public => "public",
        }
    }
}

impl Default for GitLab {
    fn default() -> Self {
        Self { api: None, visibility: Visibility::default(), project_depth: 2 }
    }
}

impl RepoType for GitLab {
    fn from_config(json: &str) -> Result<Self, String> {
        let settings: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        match settings.project_depth {
            2.. => Ok(settings),
            _ => Err("project-depth must be at least 2: a group and a project".to_owned()),
        }
    }

    fn describe(&self, _registry: &str) -> Result<Capabilities, PluginError> {
        let attributes = vec![longshore_plugin_sdk::Attribute::new("min-depth", "2")];
        // Subgroups may be nested, so only GitLab knows which path is too deep.
        Ok(Capabilities { attributes, ..Capabilities::default() })
    }

    fn scopes(&self, _registry: &str, repository: &str) -> Result<Vec<Scope>, PluginError> {
        if !repository.contains('/') {
            return Ok(Vec::new());
        }
        Ok(vec![Scope::new(PROJECT, repository)])
    }

    fn prepare(
        &self,
        _registry: &str,
        scope: &Scope,
        dry_run: bool,
    ) -> Result<Outcome, PluginError> {
        let components: Vec<&str> = scope.name.split('/').collect();
        let least = components.len().saturating_sub(BELOW).max(2);
        for depth in (least..=components.len()).rev() {
            if self.exists(&components[..depth].join("/"))? {
                return Ok(Outcome::new(State::Ready));
            }
        }
        let depth = self.project_depth.min(components.len());
        if depth < least {
            return Err(PluginError::other(
                "gitlab/too-deep",
                format!(
                    "{} has more than {BELOW} components below its project; set project-depth to at \
                     least {least}",
                    scope.name
                ),
            ));
        }
        self.create(&components[..depth], dry_run)
    }
}

impl GitLab {
    /// Returns whether the account sees a project.
    fn exists(&self, path: &str) -> Result<bool, PluginError> {
        let look = Request::new(Method::Get, ["api", "v4", "projects", path]);
        let answer = GITLAB.send(API, &look)?;
        match answer.status {
            200 => {
                let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                if document["container_registry_access_level"] == "disabled" {
                    return Err(GITLAB.other(
                        "registry-disabled",
                        &format!("the container registry of the project {path} is disabled"),
                        &answer,
                    ));
                }
                Ok(true)
            }
            404 => Ok(false),
            _ => Err(GITLAB.refused(&look, &answer, "the scope `api` or `read_api`")),
        }
    }

    fn create(&self, components: &[&str], dry_run: bool) -> Result<Outcome, PluginError> {
        let Some((name, group)) = components.split_last() else {
            return Err(PluginError::other("gitlab/no-project", "the path names no project"));
        };
        let group = group.join("/");
        let look = Request::new(Method::Get, ["api", "v4", "namespaces", &group]);
        let answer = GITLAB.send(API, &look)?;
        let namespace = match answer.status {
            200 => serde_json::from_slice::<Value>(&answer.body).unwrap_or_default()["id"].as_u64(),
            404 => {
                let message = format!("there is no group {group}, or the account does not see it");
                return Err(GITLAB.other("no-group", &message, &answer));
            }
            _ => return Err(GITLAB.refused(&look, &answer, "the scope `api` or `read_api`")),
        };
        let Some(namespace) = namespace else {
            return Err(GITLAB.other("unexpected-answer", "the group has no number", &answer));
        };
        let path = components.join("/");
        if dry_run {
            return Ok(Outcome::new(State::WouldCreate).because(format!("as the project {path}")));
        }
        let body = json!({
            "name": name,
            "path": name,
            "namespace_id": namespace,
            "visibility": self.visibility.as_str(),
            "container_registry_access_level": "enabled",
        });
        let create = Request::new(Method::Post, ["api", "v4", "projects"]).json(body.to_string());
        let answer = GITLAB.send(API, &create)?;
        match answer.status {
            201 => Ok(Outcome::new(State::Created).because(format!("as the project {path}"))),
            409 => Ok(created_by_others(&path)),
            400 if says(&answer, "already been taken") => Ok(created_by_others(&path)),
            400 => Err(GITLAB.other(
                "refused",
                &format!("GitLab refuses to create the project {path}"),
                &answer,
            )),
            _ => {
                let right = format!("the scope `api`, and the right to create projects in {group}");
                Err(GITLAB.refused(&create, &answer, &right))
            }
        }
    }
}

fn created_by_others(path: &str) -> Outcome {
    let message = format!("project {path} was created by somebody else in the meantime");
    Outcome::new(State::Ready).because(message)
}

/// Returns GitLab's message: a text, or texts by field.
fn words(body: &[u8]) -> Option<String> {
    let document: Value = serde_json::from_slice(body).ok()?;
    let said = ["message", "error_description", "error"]
        .iter()
        .map(|key| &document[key])
        .find(|said| !said.is_null())?;
    Some(said.as_str().map_or_else(|| said.to_string(), str::to_owned))
}

fn says(answer: &Response, text: &str) -> bool {
    words(&answer.body).is_some_and(|said| said.contains(text))
}

#[cfg(test)]
mod tests;
