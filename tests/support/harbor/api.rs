//! The API of the fake Harbor: projects, and the account's rights.

use super::Server;
use super::wire::{Answer, Asked};

impl Server {
    /// Answers a request to the API. `is_user` tells that it logged in.
    pub(super) fn api(&self, asked: &Asked, is_user: bool) -> Answer {
        if asked.has_cookie() && asked.scheme() == Some("Basic") {
            return Answer::error(403, "FORBIDDEN", "CSRF token invalid");
        }
        match (asked.method.as_str(), asked.path.as_str()) {
            ("GET", "/api/v2.0/ping") => Answer::new(200, "Pong"),
            ("GET", "/api/v2.0/projects") => self.projects(asked, is_user),
            _ if !is_user => Answer::error(401, "UNAUTHORIZED", "unauthorized"),
            ("HEAD", "/api/v2.0/projects") if self.behaviour.hides_head => {
                Answer::error(403, "FORBIDDEN", "forbidden")
            }
            ("HEAD", "/api/v2.0/projects") => {
                let name = asked.parameters("project_name").next().unwrap_or_default();
                let mut state = self.state();
                if state.projects.contains(&name) {
                    return Answer::new(200, "");
                }
                if self.behaviour.raced {
                    state.projects.insert(name);
                }
                Answer::new(404, "")
            }
            ("POST", "/api/v2.0/projects") => self.create(asked),
            ("GET", "/api/v2.0/systeminfo") => {
                let who = if self.behaviour.admin_only { "adminonly" } else { "everyone" };
                json(&serde_json::json!({"project_creation_restriction": who}))
            }
            ("GET", "/api/v2.0/users/current") if self.behaviour.robot => {
                let message = "get current user not available for security context: robot";
                Answer::error(412, "PRECONDITION", message)
            }
            ("GET", "/api/v2.0/users/current") => {
                json(&serde_json::json!({"username": super::USER, "sysadmin_flag": false}))
            }
            // Like Harbor for an account that is no administrator, whose limits it drops.
            ("GET", path) if path.ends_with("/summary") => {
                json(&serde_json::json!({"quota": {"hard": {"storage": -1}}}))
            }
            ("POST", path) if path.ends_with("/immutabletagrules") && !self.behaviour.no_rules => {
                match asked.headers.get("x-is-resource-name").map(String::as_str) {
                    Some("true") => Answer::new(201, ""),
                    _ => Answer::error(404, "NOT_FOUND", "the number of a project is expected"),
                }
            }
            _ => Answer::error(404, "NOT_FOUND", "not found"),
        }
    }

    /// Lists the projects whose names contain `name`, page by page.
    fn projects(&self, asked: &Asked, is_user: bool) -> Answer {
        let number = |key: &str, default: usize| {
            asked.parameters(key).next().and_then(|text| text.parse().ok()).unwrap_or(default)
        };
        let (page, size) = (number("page", 1), number("page_size", 10).clamp(1, 100));
        let name = asked.parameters("name").next().unwrap_or_default();
        let state = self.state();
        let seen = is_user && !self.behaviour.hides_projects;
        let found = state.projects.iter().filter(|project| seen && project.contains(&name));
        let shown = found.skip((page - 1) * size).take(size).map(|project| {
            let mut shown = serde_json::json!({"name": project, "metadata": {"public": "false"}});
            if state.proxies.contains_key(project) {
                shown["registry_id"] = 1.into();
            }
            shown
        });
        json(&shown.collect())
    }

    fn create(&self, asked: &Asked) -> Answer {
        if self.behaviour.read_only {
            return super::read_only();
        }
        if self.behaviour.robot {
            let message = "Only system level robot can create project";
            return Answer::error(403, "FORBIDDEN", message);
        }
        if self.behaviour.admin_only {
            return Answer::error(403, "FORBIDDEN", "Only system admin can create project");
        }
        let body: serde_json::Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let name = text(&body["project_name"]);
        let good = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        if !name.split(['.', '_', '-']).all(good) {
            return Answer::error(
                400,
                "BAD_REQUEST",
                &format!("bad request: {name} is not a valid name"),
            );
        }
        let mut state = self.state();
        if !state.projects.insert(name.clone()) {
            return Answer::error(409, "CONFLICT", &format!("The project named {name} exists"));
        }
        state.created.push((name, text(&body["metadata"]["public"])));
        Answer::new(201, "")
    }
}

fn json(value: &serde_json::Value) -> Answer {
    Answer::new(200, value.to_string()).with("content-type", "application/json")
}
