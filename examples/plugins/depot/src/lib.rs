//! A repository type for the Depot, a made-up registry: it takes pushes only into shelves that were booked
//! at its desk. `server.py` is such a registry.
//!
//! A shelf is the first two components of a repository. `GET /desk/shelves/A/B` tells whether it is
//! booked, and `POST` books it.

use longshore_plugin_sdk::PluginError;
use longshore_plugin_sdk::host::{self, Level, Method, Request, Response};
use longshore_plugin_sdk::repo_type::{Capabilities, Outcome, RepoType, Scope, State};
use serde_json::{Value, json};

longshore_plugin_sdk::export_repo_type!(Depot);

/// The endpoint in `plugin.json`.
const DESK: &str = "desk";
/// The only kind of scope.
const SHELF: &str = "shelf";

/// The configuration.
pub struct Depot {
    days: u64,
}

impl RepoType for Depot {
    fn from_config(json: &str) -> Result<Self, String> {
        let config: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
        Ok(Self { days: config["days"].as_u64().unwrap_or(30) })
    }

    fn describe(&self, _registry: &str) -> Result<Capabilities, PluginError> {
        // A Depot has shelves of exactly two components, and the name of the image below them.
        Ok(Capabilities { max_depth: Some(3), referrers: false, ..Capabilities::default() })
    }

    fn scopes(&self, _registry: &str, repository: &str) -> Result<Vec<Scope>, PluginError> {
        match repository.split('/').collect::<Vec<_>>()[..] {
            [hall, shelf, _] => Ok(vec![Scope::new(SHELF, format!("{hall}/{shelf}"))]),
            _ => {
                let message =
                    format!("{repository} is on no shelf, a Depot takes HALL/SHELF/IMAGE");
                host::log(Level::Warning, &message);
                Ok(Vec::new())
            }
        }
    }

    fn prepare(
        &self,
        _registry: &str,
        scope: &Scope,
        dry_run: bool,
    ) -> Result<Outcome, PluginError> {
        let path = || ["desk", "shelves"].into_iter().chain(scope.name.split('/'));
        let found = host::send(DESK, &Request::new(Method::Get, path()))?;
        match found.status {
            200 => return Ok(Outcome::new(State::Ready)),
            404 if dry_run => return Ok(Outcome::new(State::WouldCreate)),
            404 => {}
            _ => return Err(refused(&found)),
        }
        let body = json!({ "days": self.days }).to_string();
        let booked = host::send(DESK, &Request::new(Method::Post, path()).json(body))?;
        match booked.status {
            201 => Ok(Outcome::new(State::Created)
                .because(format!("as a booking for {} days", self.days))),
            503 => Ok(Outcome::new(State::ReadOnly).because("the desk is closed")),
            _ => Err(refused(&booked)),
        }
    }
}

/// Explains an answer of the desk.
fn refused(answer: &Response) -> PluginError {
    match answer.status {
        401 | 403 => PluginError::Unauthorized(format!("the desk says: {}", answer.text())),
        429 => PluginError::Transient(answer.retry_after()),
        500.. => PluginError::Transient(None),
        status => PluginError::other("depot/unexpected", format!("the desk answered {status}")),
    }
}

#[cfg(test)]
mod tests {
    use longshore_plugin_sdk::PluginError;
    use longshore_plugin_sdk::host::Response;
    use longshore_plugin_sdk::mock::{MockHost, answer};
    use longshore_plugin_sdk::repo_type::{Outcome, RepoType as _, Scope, State};

    use super::Depot;

    /// Books a shelf at a desk with these answers.
    fn booked(answers: &[(&str, Response)], dry_run: bool) -> Result<Outcome, PluginError> {
        let host = answers.iter().fold(MockHost::new(), |host, (method, answer)| {
            host.exchange(&format!("{method} desk /desk/shelves/a/b"), answer.clone())
        });
        let depot = Depot::from_config(r#"{"days":7}"#).expect("a configuration");
        host.run(|| depot.prepare("r.io", &Scope::new("shelf", "a/b"), dry_run)).0
    }

    #[test]
    fn a_shelf_is_booked_once() {
        assert_eq!(booked(&[("GET", answer(200))], false), Ok(Outcome::new(State::Ready)));
        let free = || ("GET", answer(404));
        let created = Outcome::new(State::Created).because("as a booking for 7 days");
        assert_eq!(booked(&[free(), ("POST", answer(201))], false), Ok(created));
        assert_eq!(booked(&[free()], true), Ok(Outcome::new(State::WouldCreate)));
        let closed = booked(&[free(), ("POST", answer(503))], false).expect("an outcome");
        assert_eq!(closed.state, State::ReadOnly);
    }

    #[test]
    fn answers_are_explained() {
        let no = answer(403).body("no key");
        let said = PluginError::Unauthorized("the desk says: no key".into());
        assert_eq!(booked(&[("GET", no)], false), Err(said));
        let busy = answer(429).with_header("retry-after", "9");
        assert_eq!(booked(&[("GET", busy)], false), Err(PluginError::Transient(Some(9))));
    }

    #[test]
    fn only_images_on_shelves_have_a_scope() {
        let depot = Depot::from_config("{}").expect("a configuration");
        let (scopes, seen) = MockHost::new()
            .run(|| ["a/b/c", "a/b"].map(|name| depot.scopes("r.io", name).expect("scopes")));
        assert_eq!(scopes, [vec![Scope::new("shelf", "a/b")], Vec::new()]);
        assert_eq!(seen.log.len(), 1);
    }
}
