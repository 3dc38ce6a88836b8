//! Prepares a project: checks whether it exists and creates it if it does not.
//!
//! The check comes first, although creating an existing project only returns a harmless 409. Where
//! only administrators may create projects, Harbor would return 403 for existing projects too. The
//! check uses HEAD: a GET returns 403 to other users for private and for missing projects alike.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::answer::{failed, is_read_only, refused, with_words};
use crate::api::{
    ACCOUNT, IMMUTABLE, Method, PROJECTS, Request, Response, SUMMARY, SYSTEM, SendError, Transport,
};
use crate::{Failure, Settings};

const MAX_NAME: usize = 255;
const NAME_RULE: &str = "at most 255 lower-case letters and digits, with single `.`, `_` or `-` \
                         between them";

/// The state of a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The project existed.
    Ready,
    /// The project was created.
    Created,
    /// A real run would create the project.
    WouldCreate,
    /// Harbor is in read-only mode.
    ReadOnly,
}

/// The state of a project, with an optional note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The state of the project.
    pub state: State,
    /// A lower-case fragment.
    pub message: Option<String>,
}

#[derive(Serialize)]
struct NewProject<'a> {
    project_name: &'a str,
    metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_limit: Option<i64>,
}

/// Harbor's metadata values are strings, even for booleans.
#[derive(Serialize)]
struct Metadata {
    public: &'static str,
}

/// Prepares the project `name`, or in a dry run says what would be done.
///
/// # Errors
///
/// Fails if the project cannot be prepared.
pub fn prepare(
    name: &str,
    dry_run: bool,
    settings: &Settings,
    mut send: impl Transport,
) -> Result<Outcome, Failure> {
    let question = Request {
        method: Method::Head,
        path: PROJECTS,
        project: None,
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
        // A real run leaves this check to Harbor, whose rule may become less strict.
        if !is_project_name(name) {
            return Err(bad_name(name, None));
        }
        check_rights(&mut send)?;
        return Ok(outcome(State::WouldCreate, None));
    }
    let body = NewProject {
        project_name: name,
        metadata: Metadata { public: if settings.public { "true" } else { "false" } },
        storage_limit: settings.storage_limit,
    };
    let creation = Request {
        method: Method::Post,
        path: PROJECTS,
        project: None,
        query: None,
        body: Some(serde_json::to_vec(&body).map_err(|error| Failure::Other {
            code: "harbor/request-failed",
            message: format!("the request could not be written: {error}"),
        })?),
    };
    let mut outcome = created(name, &send(&creation).map_err(failed)?)?;
    if outcome.state == State::Created {
        let limit = settings.storage_limit.and_then(|limit| dropped_limit(name, limit, &mut send));
        let tags = settings.immutable_tags.then(|| immutable_tags(name, &mut send)).flatten();
        let notes: Vec<String> = limit.into_iter().chain(tags).collect();
        outcome.message = (!notes.is_empty()).then(|| notes.join("; "));
    }
    Ok(outcome)
}

/// Says if Harbor dropped the storage limit of a new project, which it does without an error for accounts
/// that are no administrators.
fn dropped_limit(name: &str, limit: i64, send: &mut impl Transport) -> Option<String> {
    #[derive(Deserialize)]
    struct Summary {
        quota: Quota,
    }
    #[derive(Deserialize)]
    struct Quota {
        hard: Hard,
    }
    #[derive(Deserialize)]
    struct Hard {
        storage: i64,
    }
    let project = Some(name.to_owned());
    let request = Request { method: Method::Get, path: SUMMARY, project, query: None, body: None };
    let answer = match send(&request) {
        Ok(answer) => answer,
        Err(error) => {
            let why = reason(error);
            return Some(format!("whether it has storage-limit {limit} is not known: {why}"));
        }
    };
    match serde_json::from_slice(&answer.body).ok().filter(|_| answer.status == 200) {
        Some(Summary { quota }) if quota.hard.storage == limit => None,
        Some(Summary { quota }) => Some(format!(
            "Harbor dropped storage-limit {limit}, because only administrators and robots with the right \
             quota:update may set it; the project has {}",
            quota.hard.storage
        )),
        None => Some(format!(
            "whether it has storage-limit {limit} is not known: Harbor answered {} to GET \
             /api/v2.0/projects/{name}/summary",
            answer.status
        )),
    }
}

/// Makes the tags of a new project immutable. Says if that failed: the project itself is ready.
fn immutable_tags(name: &str, send: &mut impl Transport) -> Option<String> {
    let rule = serde_json::json!({
        "action": "immutable",
        "template": "immutable_template",
        "scope_selectors": {"repository": [
            {"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"},
        ]},
        "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": "**"}],
    });
    let request = Request {
        method: Method::Post,
        path: IMMUTABLE,
        project: Some(name.to_owned()),
        query: None,
        body: Some(rule.to_string().into_bytes()),
    };
    let why = match send(&request) {
        Ok(answer) if answer.status == 201 => return None,
        Ok(answer) if answer.status == 403 => {
            with_words("the account lacks the right immutable-tag:create".to_owned(), &answer)
        }
        Ok(answer) => with_words(format!("Harbor answered {}", answer.status), &answer),
        Err(error) => reason(error),
    };
    Some(format!("its tags are not immutable: {why}"))
}

/// Fails if a real run could not create projects: only administrators may, and the account is a user
/// who is none. Whether a robot may cannot be seen.
fn check_rights(send: &mut impl Transport) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct System {
        project_creation_restriction: String,
    }
    #[derive(Deserialize)]
    struct Account {
        sysadmin_flag: bool,
    }
    let system: Option<System> = read(SYSTEM, send)?;
    if system.is_none_or(|system| system.project_creation_restriction != "adminonly") {
        return Ok(());
    }
    match read(ACCOUNT, send)? {
        Some(Account { sysadmin_flag: false }) => Err(Failure::Unauthorized(
            "projects may be created by administrators only (project creation is `adminonly`): the account \
             lacks the right project:create"
                .into(),
        )),
        _ => Ok(()),
    }
}

/// Reads a document, if Harbor shows it to this account.
fn read<T: DeserializeOwned>(
    path: &'static [&'static str],
    send: &mut impl Transport,
) -> Result<Option<T>, Failure> {
    let request = Request { method: Method::Get, path, project: None, query: None, body: None };
    let answer = send(&request).map_err(failed)?;
    Ok(serde_json::from_slice(&answer.body).ok().filter(|_| answer.status == 200))
}

/// Converts the response to the create request.
fn created(name: &str, answer: &Response) -> Result<Outcome, Failure> {
    match answer.status {
        201 => Ok(outcome(State::Created, None)),
        409 => Ok(outcome(
            State::Ready,
            Some(format!("project {name} was created by somebody else in the meantime")),
        )),
        400 => Err(bad_name(name, Some(answer))),
        403 if is_read_only(answer) => Ok(outcome(
            State::ReadOnly,
            Some(format!("Harbor is in read-only mode, project {name} cannot be created")),
        )),
        _ => Err(refused("POST /api/v2.0/projects", answer)),
    }
}

/// Returns why there is no answer.
fn reason(error: SendError) -> String {
    match error {
        SendError::Denied(why)
        | SendError::Exhausted(why)
        | SendError::Unreachable(why)
        | SendError::Other(why) => why,
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

/// Checks Harbor's rule: `^[a-z0-9]+(?:[._-][a-z0-9]+)*$`, at most 255 characters.
fn is_project_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.split(['.', '_', '-']).all(|word| {
            !word.is_empty()
                && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests;
