//! Exports the repository type `harbor` as a component. The other modules hold the logic.

#[expect(
    unsafe_code,
    reason = "the canonical ABI passes pointers; wit-bindgen writes that code, none of it is ours"
)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "repo-type-plugin",
    });
    export!(Component);

    use super::Component;
}

use bindings::exports::longshore::plugin::repo_type::{self, Capabilities, Guest, Scope};
use bindings::longshore::plugin::types::{Attribute, Coded, PluginError};
use bindings::longshore::plugin::{config, endpoints, log};

use crate::api::{self, Method, Request, Response, SendError};
use crate::{Failure, PROJECT, Settings, State};

struct Component;

impl Guest for Component {
    fn describe(registry: String) -> Result<Capabilities, PluginError> {
        crate::describe(&registry, send)?;
        Ok(Capabilities {
            max_depth: None,
            chunked_upload: true,
            cross_mount: true,
            referrers: true,
            // Harbor answers 400 for a repository outside a project.
            attributes: vec![attribute("min-depth", "2")],
        })
    }

    fn scopes(
        _registry: String,
        repositories: Vec<String>,
    ) -> Result<Vec<Vec<Scope>>, PluginError> {
        // An invalid configuration must end the run here, before anything is copied.
        Settings::from_config(&config::get())?;
        Ok(repositories.iter().map(|name| scopes(name)).collect())
    }

    fn prepare(
        _registry: String,
        scope: Scope,
        dry_run: bool,
    ) -> Result<repo_type::Outcome, PluginError> {
        if scope.kind != PROJECT {
            return Err(PluginError::Other(Coded {
                code: "harbor/unknown-scope".into(),
                message: format!("a Harbor has no scope of kind {:?}", scope.kind),
            }));
        }
        let settings = Settings::from_config(&config::get())?;
        let outcome = crate::prepare(&scope.name, dry_run, &settings, send)?;
        Ok(repo_type::Outcome {
            state: match outcome.state {
                State::Ready => repo_type::State::Ready,
                State::Created => repo_type::State::Created,
                State::WouldCreate => repo_type::State::WouldCreate,
                State::ReadOnly => repo_type::State::ReadOnly,
            },
            message: outcome.message,
            attributes: Vec::new(),
        })
    }
}

fn scopes(repository: &str) -> Vec<Scope> {
    let Some(project) = crate::project_of(repository) else {
        let message = format!("{repository} is in no project, Harbor will refuse the push");
        log::emit(log::Level::Warning, &message);
        return Vec::new();
    };
    vec![Scope { kind: PROJECT.into(), name: project.into() }]
}

fn send(request: &Request) -> Result<Response, SendError> {
    let query = request.query.iter();
    let sent = endpoints::send(
        request.endpoint(),
        &endpoints::Request {
            method: match request.method {
                Method::Get => endpoints::Method::Get,
                Method::Head => endpoints::Method::Head,
                Method::Post => endpoints::Method::Post,
            },
            path: request.path.iter().map(|&segment| segment.into()).collect(),
            query: query.map(|(key, value)| attribute(key, value)).collect(),
            headers: match request.body {
                Some(_) => vec![attribute("content-type", "application/json")],
                None => Vec::new(),
            },
            body: request.body.clone(),
        },
    );
    match sent {
        Ok(response) => Ok(Response {
            status: response.status,
            retry_after: response
                .headers
                .iter()
                .find(|header| header.key == "retry-after")
                .and_then(|header| api::retry_after(&header.value)),
            body: response.body,
        }),
        Err(endpoints::RequestError::Denied(why)) => Err(SendError::Denied(why)),
        Err(endpoints::RequestError::Exhausted(why)) => Err(SendError::Exhausted(why)),
        Err(endpoints::RequestError::Unreachable(why)) => Err(SendError::Unreachable(why)),
        Err(endpoints::RequestError::Other(coded)) => Err(SendError::Other(coded.message)),
    }
}

fn attribute(key: &str, value: &str) -> Attribute {
    Attribute { key: key.into(), value: value.into() }
}

impl From<Failure> for PluginError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::InvalidConfig(message) => Self::InvalidConfig(message),
            Failure::Unauthorized(message) => Self::Unauthorized(message),
            Failure::Transient(wait) => Self::Transient(wait),
            Failure::Other { code, message } => Self::Other(Coded { code: code.into(), message }),
        }
    }
}
