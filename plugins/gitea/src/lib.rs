//! The repository type `gitea`, for Gitea and Forgejo. A push creates the package, but its owner must
//! exist: the first component of the path is a user or an organization. The plugin creates organizations
//! through the API (version 1), which is at the registry's own address.

use longshore_plugin_sdk::host::{Method, Request, Response};
use longshore_plugin_sdk::repo_type::answer::Product;
use longshore_plugin_sdk::repo_type::{Capabilities, Outcome, RepoType, Scope, State};
use longshore_plugin_sdk::{Attribute, PluginError};
use serde::Deserialize;
use serde_json::{Value, json};

longshore_plugin_sdk::export_repo_type!(Gitea);

const OWNER: &str = "owner";

/// The endpoint in the metadata.
const API: &str = "api";

const GITEA: Product = Product { name: "Gitea", code: "gitea", words };

/// The settings for new organizations. Existing ones are not changed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Gitea {
    visibility: Visibility,
    create_organizations: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Visibility {
    #[default]
    Private,
    Limited,
    Public,
}

impl Visibility {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Limited => "limited",
            Self::Public => "public",
        }
    }
}

impl Default for Gitea {
    fn default() -> Self {
        Self { visibility: Visibility::default(), create_organizations: true }
    }
}

impl RepoType for Gitea {
    fn from_config(json: &str) -> Result<Self, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    fn describe(&self, _registry: &str) -> Result<Capabilities, PluginError> {
        // Neither Gitea nor Forgejo has the referrers API.
        let attributes = vec![Attribute::new("min-depth", "2")];
        Ok(Capabilities { referrers: false, attributes, ..Capabilities::default() })
    }

    fn scopes(&self, _registry: &str, repository: &str) -> Result<Vec<Scope>, PluginError> {
        let owner = repository.split_once('/').map(|(owner, _)| Scope::new(OWNER, owner));
        Ok(owner.into_iter().collect())
    }

    fn prepare(
        &self,
        _registry: &str,
        scope: &Scope,
        dry_run: bool,
    ) -> Result<Outcome, PluginError> {
        let name = scope.name.as_str();
        if is_visible("orgs", "read:organization", name, dry_run)?
            || is_visible("users", "read:user", name, dry_run)?
        {
            return Ok(Outcome::new(State::Ready));
        }
        if !self.create_organizations {
            return Err(PluginError::other(
                "gitea/no-owner",
                format!("there is no user or organization {name}, or the account does not see it"),
            ));
        }
        if dry_run {
            return Ok(Outcome::new(State::WouldCreate));
        }
        self.create(name)
    }
}

impl Gitea {
    fn create(&self, name: &str) -> Result<Outcome, PluginError> {
        let body = json!({"username": name, "visibility": self.visibility.as_str()});
        let create = Request::new(Method::Post, ["api", "v1", "orgs"]).json(body.to_string());
        let answer = GITEA.send(API, &create)?;
        match answer.status {
            201 => Ok(Outcome::new(State::Created)),
            // Users and organizations share their names, and the account may not see all of them.
            409 => Ok(exists(name)),
            422 if says(&answer, "already exists") => Ok(exists(name)),
            422 => Err(GITEA.other(
                "refused",
                &format!("Gitea refuses to create the organization {name}"),
                &answer,
            )),
            _ => Err(GITEA.refused(
                &create,
                &answer,
                "the right to create organizations, or its token the scope write:organization",
            )),
        }
    }
}

fn exists(name: &str) -> Outcome {
    let message = format!("the account does not see {name}, or somebody else has just created it");
    Outcome::new(State::Ready).because(message)
}

/// Returns whether the account sees an owner of this kind.
fn is_visible(kind: &str, scope: &str, name: &str, dry_run: bool) -> Result<bool, PluginError> {
    let look = Request::new(Method::Get, ["api", "v1", kind, name]);
    let answer = GITEA.send(API, &look)?;
    match answer.status {
        200 => Ok(true),
        404 => Ok(false),
        // A token may be allowed to write what it may not read. The creation tells.
        403 if !dry_run => Ok(false),
        _ => Err(GITEA.refused(&look, &answer, &format!("the scope {scope} of its token"))),
    }
}

/// Returns Gitea's message.
fn words(body: &[u8]) -> Option<String> {
    let document: Value = serde_json::from_slice(body).ok()?;
    document["message"].as_str().map(str::to_owned)
}

fn says(answer: &Response, text: &str) -> bool {
    words(&answer.body).is_some_and(|said| said.to_ascii_lowercase().contains(text))
}

#[cfg(test)]
mod tests;
