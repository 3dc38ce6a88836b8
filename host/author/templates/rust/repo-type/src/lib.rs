//! A repository type. This example creates a team with `PUT /api/teams/NAME` before the first push into
//! `NAME/…`.

use longshore_plugin_sdk::PluginError;
use longshore_plugin_sdk::host::{Method, Request, send};
use longshore_plugin_sdk::repo_type::{Capabilities, Outcome, RepoType, Scope, State};
use serde_json::{Value, json};

longshore_plugin_sdk::export_repo_type!(Teams);

/// The endpoint of `plugin.json`.
const API: &str = "api";

/// The configuration.
pub struct Teams {
    public: bool,
}

impl RepoType for Teams {
    fn from_config(json: &str) -> Result<Self, String> {
        let config: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
        Ok(Self { public: config["public"] == true })
    }

    fn describe(&self, _registry: &str) -> Result<Capabilities, PluginError> {
        Ok(Capabilities { referrers: false, ..Capabilities::default() })
    }

    fn scopes(&self, _registry: &str, repository: &str) -> Result<Vec<Scope>, PluginError> {
        let team = repository.split_once('/').map(|(team, _)| Scope::new("team", team));
        Ok(team.into_iter().collect())
    }

    fn prepare(
        &self,
        _registry: &str,
        scope: &Scope,
        dry_run: bool,
    ) -> Result<Outcome, PluginError> {
        let path = ["api", "teams", &scope.name];
        let found = send(API, &Request::new(Method::Get, path))?;
        match found.status {
            200 => return Ok(Outcome::new(State::Ready)),
            404 if dry_run => return Ok(Outcome::new(State::WouldCreate)),
            404 => {}
            _ => return Err(refused(found.status, &found.text())),
        }
        let body = json!({ "public": self.public }).to_string();
        let created = send(API, &Request::new(Method::Put, path).json(body))?;
        match created.status {
            201 => Ok(Outcome::new(State::Created)),
            409 => Ok(Outcome::new(State::Ready).because("somebody else created it meanwhile")),
            _ => Err(refused(created.status, &created.text())),
        }
    }
}

fn refused(status: u16, answer: &str) -> PluginError {
    match status {
        401 | 403 => PluginError::Unauthorized(format!("the server answered {status}: {answer}")),
        429 | 500.. => PluginError::Transient(None),
        _ => PluginError::other("unexpected-answer", format!("the server answered {status}")),
    }
}

#[cfg(test)]
mod tests {
    use longshore_plugin_sdk::PluginError;
    use longshore_plugin_sdk::mock::{MockHost, answer};
    use longshore_plugin_sdk::repo_type::{Outcome, RepoType as _, Scope, State};

    use super::Teams;

    fn prepared(host: MockHost, dry_run: bool) -> Result<Outcome, PluginError> {
        let teams = Teams::from_config(r#"{"public":true}"#).expect("a configuration");
        let scope = Scope::new("team", "web");
        host.run(|| teams.prepare("registry.example.com", &scope, dry_run)).0
    }

    #[test]
    fn a_missing_team_is_created() {
        let host = MockHost::new()
            .exchange("GET api /api/teams/web", answer(404))
            .exchange("PUT api /api/teams/web", answer(201));
        assert_eq!(prepared(host, false), Ok(Outcome::new(State::Created)));
        let host = MockHost::new().exchange("GET api /api/teams/web", answer(404));
        assert_eq!(prepared(host, true), Ok(Outcome::new(State::WouldCreate)));
    }

    #[test]
    fn refusals_say_what_the_server_said() {
        let host = MockHost::new().exchange("GET api /api/teams/web", answer(403).body("no right"));
        let said = "the server answered 403: no right".to_owned();
        assert_eq!(prepared(host, false), Err(PluginError::Unauthorized(said)));
    }
}
