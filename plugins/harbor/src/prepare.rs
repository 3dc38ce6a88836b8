//! Makes one project ready: ask whether it is there, and create it if it is not.
//!
//! The question comes first although creating an existing project is a harmless 409: where only
//! administrators create projects, the answer would be 403 for existing ones too. It is a HEAD,
//! because a GET of the project says 403 to others than administrators for private and missing alike.

use serde::Serialize;

use crate::answer::{failed, is_read_only, refused, with_words};
use crate::api::{Method, PROJECTS, Request, Response, Transport};
use crate::{Failure, Settings};

const MAX_NAME: usize = 255;
const NAME_RULE: &str = "at most 255 lower-case letters and digits, with single `.`, `_` or `-` \
                         between them";

/// How a project stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It was there.
    Ready,
    /// It was made.
    Created,
    /// A real run would make it.
    WouldCreate,
    /// Harbor takes no changes at all now.
    ReadOnly,
}

/// How a project stands, and a remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it stands.
    pub state: State,
    /// One lower-case fragment.
    pub message: Option<String>,
}

#[derive(Serialize)]
struct NewProject<'a> {
    project_name: &'a str,
    metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_limit: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registry_id: Option<i64>,
}

/// Harbor's metadata values are strings, booleans too.
#[derive(Serialize)]
struct Metadata {
    public: &'static str,
}

/// Makes the project `name` ready, or says what would be done.
///
/// # Errors
///
/// Why it is not ready.
pub fn prepare(
    name: &str,
    dry_run: bool,
    settings: &Settings,
    mut send: impl Transport,
) -> Result<Outcome, Failure> {
    let question = Request {
        method: Method::Head,
        path: PROJECTS,
        query: Some(("project_name", name.to_owned())),
        body: None,
    };
    let answer = send(&question).map_err(failed)?;
    match answer.status {
        200 => return Ok(outcome(State::Ready, None)),
        404 => {}
        _ => return Err(refused("HEAD /api/v2.0/projects", &answer)),
    }
    if dry_run {
        // The real run leaves this to Harbor, whose rule may grow.
        if !is_project_name(name) {
            return Err(bad_name(name, None));
        }
        return Ok(outcome(State::WouldCreate, None));
    }
    let body = NewProject {
        project_name: name,
        metadata: Metadata { public: if settings.public { "true" } else { "false" } },
        storage_limit: settings.storage_limit,
        registry_id: settings.registry_id,
    };
    let creation = Request {
        method: Method::Post,
        path: PROJECTS,
        query: None,
        body: Some(serde_json::to_vec(&body).map_err(|error| Failure::Other {
            code: "harbor/request-failed",
            message: format!("the request could not be written: {error}"),
        })?),
    };
    created(name, settings, &send(&creation).map_err(failed)?)
}

/// What the answer to the creation means.
fn created(name: &str, settings: &Settings, answer: &Response) -> Result<Outcome, Failure> {
    const REQUEST: &str = "POST /api/v2.0/projects";
    match (answer.status, settings.registry_id) {
        (201, _) => Ok(outcome(State::Created, None)),
        (409, _) => Ok(outcome(
            State::Ready,
            Some(format!("project {name} was created by somebody else meanwhile")),
        )),
        (400, _) => Err(bad_name(name, Some(answer))),
        (403, _) if is_read_only(answer) => Ok(outcome(
            State::ReadOnly,
            Some(format!("Harbor is in read-only mode, project {name} cannot be created")),
        )),
        // Observed: an unknown id is no 4xx, and trying it again will not help.
        (500, Some(id)) => Err(Failure::Other {
            code: "harbor/unknown-registry-id",
            message: with_words(
                format!("Harbor answered 500 to {REQUEST}; registry-id {id} may not exist there"),
                answer,
            ),
        }),
        _ => Err(refused(REQUEST, answer)),
    }
}

fn outcome(state: State, message: Option<String>) -> Outcome {
    Outcome { state, message }
}

fn bad_name(name: &str, answer: Option<&Response>) -> Failure {
    let message = if is_project_name(name) {
        format!("Harbor refuses to create project {name:?}")
    } else {
        format!("Harbor allows no project {name:?}: a name is {NAME_RULE}")
    };
    Failure::Other {
        code: "harbor/bad-project-name",
        message: match answer {
            Some(answer) => with_words(message, answer),
            None => message,
        },
    }
}

/// Harbor's `^[a-z0-9]+(?:[._-][a-z0-9]+)*$`, at most 255.
fn is_project_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.split(['.', '_', '-']).all(|word| {
            !word.is_empty()
                && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests;
