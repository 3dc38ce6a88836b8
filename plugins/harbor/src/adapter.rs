//! Exports the repository type `harbor` as a component. The other modules hold the logic.

use longshore_plugin_sdk::host::{self, Level};
use longshore_plugin_sdk::repo_type::{self, Capabilities, RepoType, Scope};
use longshore_plugin_sdk::{Attribute, PluginError};

use crate::api::{self, Method, Request, Response, SendError};
use crate::{Failure, PROJECT, Settings, State};

longshore_plugin_sdk::export_repo_type!(Harbor);

/// The repository type with its settings.
#[derive(Clone, Debug)]
pub struct Harbor(Settings);

impl RepoType for Harbor {
    fn from_config(json: &str) -> Result<Self, String> {
        Settings::from_config(json).map(Self).map_err(|failure| match failure {
            Failure::InvalidConfig(message)
            | Failure::Unauthorized(message)
            | Failure::Other { message, .. } => message,
            Failure::Transient(_) => "the configuration cannot be read".to_owned(),
        })
    }

    fn describe(&self, registry: &str) -> Result<Capabilities, PluginError> {
        crate::describe(registry, send)?;
        Ok(Capabilities {
            // Harbor answers 400 for a repository outside a project.
            attributes: vec![Attribute::new("min-depth", "2")],
            ..Capabilities::default()
        })
    }

    fn scopes(&self, _registry: &str, repository: &str) -> Result<Vec<Scope>, PluginError> {
        let Some(project) = crate::project_of(repository) else {
            let message = format!("{repository} is in no project, Harbor will refuse the push");
            host::log(Level::Warning, &message);
            return Ok(Vec::new());
        };
        Ok(vec![Scope::new(PROJECT, project)])
    }

    fn prepare(
        &self,
        _registry: &str,
        scope: &Scope,
        dry_run: bool,
    ) -> Result<repo_type::Outcome, PluginError> {
        if scope.kind != PROJECT {
            let message = format!("a Harbor has no scope of kind {:?}", scope.kind);
            return Err(PluginError::other("harbor/unknown-scope", message));
        }
        let outcome = crate::prepare(&scope.name, dry_run, &self.0, send)?;
        let state = match outcome.state {
            State::Ready => repo_type::State::Ready,
            State::Created => repo_type::State::Created,
            State::WouldCreate => repo_type::State::WouldCreate,
            State::ReadOnly => repo_type::State::ReadOnly,
        };
        Ok(repo_type::Outcome { message: outcome.message, ..repo_type::Outcome::new(state) })
    }
}

fn send(request: &Request) -> Result<Response, SendError> {
    let method = match request.method {
        Method::Get => host::Method::Get,
        Method::Head => host::Method::Head,
        Method::Post => host::Method::Post,
    };
    let mut sent = host::Request::new(method, request.segments());
    if let Some((key, value)) = &request.query {
        sent = sent.query(*key, value);
    }
    if let Some(body) = &request.body {
        sent = sent.json(body.clone());
    }
    // Otherwise a name of digits would count as the number of a project.
    if request.path == api::IMMUTABLE {
        sent = sent.header("x-is-resource-name", "true");
    }
    match host::send(request.endpoint(), &sent) {
        Ok(response) => Ok(Response {
            status: response.status,
            retry_after: response.retry_after(),
            body: response.body,
        }),
        Err(host::RequestError::Denied(why)) => Err(SendError::Denied(why)),
        Err(host::RequestError::Exhausted(why)) => Err(SendError::Exhausted(why)),
        Err(host::RequestError::Unreachable(why)) => Err(SendError::Unreachable(why)),
        Err(host::RequestError::Other(coded)) => Err(SendError::Other(coded.message)),
    }
}

impl From<Failure> for PluginError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::InvalidConfig(message) => Self::InvalidConfig(message),
            Failure::Unauthorized(message) => Self::Unauthorized(message),
            Failure::Transient(wait) => Self::Transient(wait),
            Failure::Other { code, message } => Self::other(code, message),
        }
    }
}

#[cfg(test)]
mod tests {
    use longshore_plugin_sdk::host::Level;
    use longshore_plugin_sdk::mock::{MockHost, answer};
    use longshore_plugin_sdk::repo_type::{Outcome, RepoType as _, Scope, State};

    use super::Harbor;

    fn harbor(json: &str) -> Harbor {
        Harbor::from_config(json).expect("valid settings")
    }

    #[test]
    fn a_project_is_created_through_the_host() {
        let host = MockHost::new()
            .exchange("HEAD api /api/v2.0/projects?project_name=team", answer(404))
            .exchange("POST api /api/v2.0/projects", answer(201));
        let (outcome, seen) = host.run(|| {
            harbor(r#"{"public":true}"#).prepare("r.io", &Scope::new("project", "team"), false)
        });
        assert_eq!(outcome, Ok(Outcome::new(State::Created)));
        let (_, created) = &seen.requests[1];
        assert_eq!(created.headers[0].value, "application/json");
        assert!(
            created.body.as_ref().is_some_and(|body| body.windows(6).any(|at| at == b"public"))
        );
    }

    #[test]
    fn the_name_of_a_project_is_a_segment() {
        let host = MockHost::new()
            .exchange("HEAD api /api/v2.0/projects?project_name=123", answer(404))
            .exchange("POST api /api/v2.0/projects", answer(201))
            .exchange("GET api /api/v2.0/projects/123/summary", answer(404))
            .exchange("POST api /api/v2.0/projects/123/immutabletagrules", answer(201));
        let config = r#"{"storage-limit":1000,"immutable-tags":true}"#;
        let (outcome, seen) =
            host.run(|| harbor(config).prepare("r.io", &Scope::new("project", "123"), false));
        assert!(outcome.is_ok_and(|outcome| outcome.message.is_some()));
        let named = |key: &str| seen.requests[3].1.headers.iter().any(|header| header.key == key);
        assert!(named("x-is-resource-name") && named("content-type"));
    }

    #[test]
    fn a_repository_outside_of_projects_is_warned_about() {
        let (scopes, seen) = MockHost::new().run(|| {
            ["a/b/c", "mysql"].map(|name| harbor("{}").scopes("r.io", name).expect("scopes"))
        });
        assert_eq!(scopes, [vec![Scope::new("project", "a")], Vec::new()]);
        assert_eq!(seen.log.len(), 1);
        assert_eq!(seen.log[0].0, Level::Warning);
    }

    #[test]
    fn other_scopes_and_settings_are_refused() {
        let wrong = harbor("{}").prepare("r.io", &Scope::new("team", "a"), false);
        assert!(wrong.is_err(), "{wrong:?}");
        assert!(Harbor::from_config(r#"{"pubic":true}"#).is_err_and(|why| why.contains("pubic")));
    }
}
