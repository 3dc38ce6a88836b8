//! The repository type `nexus`, for Nexus Repository 3. It takes pushes into its hosted repositories, and each
//! of them holds many images. The path, a subdomain, or a port or proxy leads to the repository. The plugin
//! creates hosted repositories through the REST API (version 1).

use longshore_plugin_sdk::PluginError;
use longshore_plugin_sdk::host::{Method, Request, Response};
use longshore_plugin_sdk::repo_type::answer::Product;
use longshore_plugin_sdk::repo_type::routing::Routing;
use longshore_plugin_sdk::repo_type::{Capabilities, Outcome, RepoType, Scope, State};
use serde::Deserialize;
use serde_json::{Value, json};

longshore_plugin_sdk::export_repo_type!(Nexus);

const REPOSITORY: &str = "repository";

/// The endpoint in the metadata.
const API: &str = "api";

/// The name before the codes and the keys.
const CODE: &str = "nexus";

/// The realm that anonymous pulls need.
const TOKEN_REALM: &str = "DockerToken";

const NEXUS: Product = Product { name: "Nexus", code: CODE, words };

/// The settings as the user writes them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Settings {
    /// The address of the API. The host reads it.
    #[serde(rename = "api")]
    _api: Option<String>,
    routing: Option<String>,
    repository: Option<String>,
    http_port: Option<u16>,
    https_port: Option<u16>,
    blob_store: String,
    immutable_tags: bool,
    anonymous_pull: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            _api: None,
            routing: None,
            repository: None,
            http_port: None,
            https_port: None,
            blob_store: "default".to_owned(),
            immutable_tags: false,
            anonymous_pull: false,
        }
    }
}

/// How images find their repository, and the settings for new repositories. Existing ones are not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nexus {
    routing: Routing,
    settings: Settings,
}

impl RepoType for Nexus {
    fn from_config(json: &str) -> Result<Self, String> {
        let settings: Settings = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let routing = Routing::read(settings.routing.as_deref(), settings.repository.as_deref())?;
        let has_port = settings.http_port.is_some() || settings.https_port.is_some();
        if has_port && !matches!(routing, Routing::Only(_)) {
            return Err("http-port and https-port need repository: a port leads to one".to_owned());
        }
        Ok(Self { routing, settings })
    }

    fn describe(&self, registry: &str) -> Result<Capabilities, PluginError> {
        // Docker repositories support version 1.0 of the OCI specifications, without referrers.
        Ok(Capabilities { referrers: false, ..self.routing.describe(CODE, registry)? })
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
        self.routing.prepare(CODE, &scope.name, dry_run, exists, |name| self.create(name))
    }
}

impl Nexus {
    fn create(&self, name: &str) -> Result<Outcome, PluginError> {
        let path = ["service", "rest", "v1", "repositories", "docker", "hosted"];
        let create = Request::new(Method::Post, path).json(self.new_repository(name).to_string());
        let answer = NEXUS.send(API, &create)?;
        match answer.status {
            200 | 201 => {
                let created = Outcome::new(State::Created);
                Ok(match self.settings.anonymous_pull.then(missing_realm).flatten() {
                    Some(remark) => created.because(remark),
                    None => created,
                })
            }
            409 => Ok(created_by_others(name)),
            400 if says(&answer, "already used") => Ok(created_by_others(name)),
            400 => Err(NEXUS.other(
                "refused",
                &format!("Nexus refuses to create the repository {name}"),
                &answer,
            )),
            _ => Err(NEXUS.refused(
                &create,
                &answer,
                "the privilege nx-repository-admin-docker-*-add",
            )),
        }
    }

    /// Returns the configuration of a hosted repository.
    fn new_repository(&self, name: &str) -> Value {
        let settings = &self.settings;
        let mut docker = json!({"v1Enabled": false, "forceBasicAuth": !settings.anonymous_pull});
        // Older versions know no routing by path, and refuse the key.
        match self.routing {
            Routing::Path => docker["pathEnabled"] = true.into(),
            Routing::Subdomain => docker["subdomain"] = name.into(),
            Routing::Unknown | Routing::Only(_) => {}
        }
        for (key, port) in [("httpPort", settings.http_port), ("httpsPort", settings.https_port)] {
            if let Some(port) = port {
                docker[key] = port.into();
            }
        }
        json!({
            "name": name,
            "online": true,
            "storage": {
                "blobStoreName": settings.blob_store,
                "strictContentTypeValidation": true,
                "writePolicy": if settings.immutable_tags { "allow_once" } else { "allow" },
            },
            "docker": docker,
        })
    }
}

fn created_by_others(name: &str) -> Outcome {
    let message = format!("repository {name} was created by somebody else in the meantime");
    Outcome::new(State::Ready).because(message)
}

/// Returns whether there is a repository that takes pushes of images.
fn exists(name: &str) -> Result<bool, PluginError> {
    let look = Request::new(Method::Get, ["service", "rest", "v1", "repositories", name]);
    let answer = NEXUS.send(API, &look)?;
    match answer.status {
        200 => takes_images(name, &answer).map(|()| true),
        404 => Ok(false),
        _ => {
            let right = format!("the privilege nx-repository-view-docker-{name}-browse");
            Err(NEXUS.refused(&look, &answer, &right))
        }
    }
}

/// Checks type and format of a repository.
fn takes_images(name: &str, answer: &Response) -> Result<(), PluginError> {
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if document["type"] == "proxy" {
        let message =
            format!("{name} is a proxy, which caches another registry and takes no pushes");
        return Err(PluginError::other("nexus/proxy", message));
    }
    match document["format"].as_str() {
        Some(format) if !["docker", "oci"].contains(&format) => {
            let message = format!("{name} is a repository of the format {format}");
            Err(PluginError::other("nexus/format", message))
        }
        _ => Ok(()),
    }
}

/// Returns a remark if the realm for anonymous pulls is not active, or cannot be seen.
fn missing_realm() -> Option<String> {
    let look = Request::new(Method::Get, ["service", "rest", "v1", "security", "realms", "active"]);
    let realms = match NEXUS.send(API, &look) {
        Ok(answer) if answer.status == 200 => {
            serde_json::from_slice::<Vec<String>>(&answer.body).ok()
        }
        _ => None,
    };
    let needed = "anonymous pulls need the Docker Bearer Token Realm";
    match realms {
        Some(realms) if realms.iter().any(|realm| realm == TOKEN_REALM) => None,
        Some(_) => Some(format!("{needed}, which is not active")),
        None => Some(format!("{needed}; the account does not see whether it is active")),
    }
}

/// Returns Nexus's message: those of a list of faults, or that of one error.
fn words(body: &[u8]) -> Option<String> {
    let document: Value = serde_json::from_slice(body).ok()?;
    if let Some(faults) = document.as_array() {
        let texts: Vec<&str> =
            faults.iter().filter_map(|fault| fault["message"].as_str()).collect();
        return Some(texts.join("; "));
    }
    document["message"].as_str().map(str::to_owned)
}

fn says(answer: &Response, text: &str) -> bool {
    words(&answer.body).is_some_and(|said| said.to_ascii_lowercase().contains(text))
}

#[cfg(test)]
mod tests;
