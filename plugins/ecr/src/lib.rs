//! The repository type `ecr`. Amazon ECR rejects pushes into repositories that do not exist, so the plugin
//! creates them through its API (version 2015-09-21).
//!
//! The host signs the requests, and fetches the password for pushes (`exchange` in `plugin.json`). The
//! plugin sees neither. All requests are `POST /`, and a header names the operation.

mod answer;
mod settings;

use longshore_plugin_sdk::host::{Method, Request, Response, send};
use longshore_plugin_sdk::repo_type::{Capabilities, Outcome, RepoType, Scope, State};
use longshore_plugin_sdk::{Attribute, PluginError};
use serde_json::json;

use answer::{Trouble, trouble};
pub use settings::Ecr;

longshore_plugin_sdk::export_repo_type!(Ecr);

/// The only kind of scope.
const REPOSITORY: &str = "repository";

/// The API and its version, in the header that names the operation.
const SERVICE: &str = "AmazonEC2ContainerRegistry_V20150921";

impl RepoType for Ecr {
    fn from_config(json: &str) -> Result<Self, String> {
        Self::parse(json)
    }

    fn describe(&self, _registry: &str) -> Result<Capabilities, PluginError> {
        let attributes = [
            // ECR finds a blob of another repository only once a manifest there names it.
            ("mount-after-manifest", "true"),
            ("mount-from-self", "false"),
            // Every part of a layer except the last has at least 5 MiB.
            ("chunk-min-size", "5242880"),
        ];
        let attributes = attributes.map(|(key, value)| Attribute::new(key, value));
        Ok(Capabilities { attributes: attributes.into(), ..Capabilities::default() })
    }

    fn scopes(&self, _registry: &str, repository: &str) -> Result<Vec<Scope>, PluginError> {
        Ok(vec![Scope::new(REPOSITORY, repository)])
    }

    fn prepare(
        &self,
        registry: &str,
        scope: &Scope,
        dry_run: bool,
    ) -> Result<Outcome, PluginError> {
        let account = self.account(registry);
        match self.exists(account, &scope.name) {
            Ok(true) => return Ok(Outcome::new(State::Ready)),
            Ok(false) if dry_run => return Ok(Outcome::new(State::WouldCreate)),
            Ok(false) => {}
            // An account that may not look may still create, and creating twice does no harm.
            Err(Trouble::Rights(_)) if !dry_run => {}
            Err(trouble) => return Err(trouble.into()),
        }
        self.create(account, &scope.name)
    }
}

impl Ecr {
    /// Returns whether a repository exists.
    fn exists(&self, account: Option<&str>, name: &str) -> Result<bool, Trouble> {
        let mut body = json!({"repositoryNames": [name]});
        if let Some(account) = account {
            body["registryId"] = account.into();
        }
        let answer = call("DescribeRepositories", &body)?;
        if answer.status == 200 {
            return Ok(true);
        }
        match trouble("DescribeRepositories", &answer) {
            Trouble::Named(kind, _) if kind == "RepositoryNotFoundException" => Ok(false),
            trouble => Err(trouble),
        }
    }

    /// Creates a repository with the settings for new ones.
    fn create(&self, account: Option<&str>, name: &str) -> Result<Outcome, PluginError> {
        let mut body = json!({
            "repositoryName": name,
            "imageTagMutability": if self.is_immutable() { "IMMUTABLE" } else { "MUTABLE" },
            "imageScanningConfiguration": {"scanOnPush": self.scan_on_push},
            "encryptionConfiguration": {"encryptionType": self.encryption.as_str()},
        });
        if let Some(key) = &self.kms_key {
            body["encryptionConfiguration"]["kmsKey"] = key.as_str().into();
        }
        if let Some(account) = account {
            body["registryId"] = account.into();
        }
        let answer = call("CreateRepository", &body)?;
        if answer.status == 200 {
            return Ok(Outcome::new(State::Created));
        }
        match trouble("CreateRepository", &answer) {
            Trouble::Named(kind, _) if kind == "RepositoryAlreadyExistsException" => {
                let message =
                    format!("repository {name} was created by somebody else in the meantime");
                Ok(Outcome::new(State::Ready).because(message))
            }
            trouble => Err(trouble.into()),
        }
    }
}

/// Calls an operation of the API.
fn call(operation: &str, body: &serde_json::Value) -> Result<Response, Trouble> {
    let request = Request::new(Method::Post, [""])
        .header("x-amz-target", format!("{SERVICE}.{operation}"))
        .body("application/x-amz-json-1.1", body.to_string());
    send("api", &request).map_err(|error| answer::unanswered(operation, error))
}

#[cfg(test)]
mod tests;
