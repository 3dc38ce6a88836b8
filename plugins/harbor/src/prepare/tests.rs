//! Every response observed from a Harbor, and the expected outcome.

use serde_json::{Value, json};

use super::{Outcome, State, is_project_name, prepare};
use crate::api::{Method, PROJECTS, Request, SendError};
use crate::fake::{Answer, Fake, answer, harbor_error};
use crate::{Failure, Settings};

/// Prepares `team` against prepared responses. Returns the outcome and the requests.
fn run<const N: usize>(
    answers: [Answer; N],
    dry_run: bool,
    settings: &Settings,
) -> (Result<Outcome, Failure>, Vec<Request>) {
    let mut harbor = Fake::new(answers);
    let result = prepare("team", dry_run, settings, harbor.send());
    (result, harbor.asked())
}

/// Runs against a Harbor without the project that returns this response to the create request.
fn creating(status: u16, body: &str) -> Result<Outcome, Failure> {
    run([answer(404, ""), answer(status, body)], false, &Settings::default()).0
}

fn state(result: Result<Outcome, Failure>) -> State {
    result.expect("an outcome").state
}

#[test]
fn an_existing_project_is_only_checked() {
    let (result, asked) = run([answer(200, "")], false, &Settings::default());
    assert_eq!(state(result), State::Ready);
    assert_eq!(
        asked,
        [Request {
            method: Method::Head,
            path: PROJECTS,
            project: None,
            query: Some(("project_name", "team".into())),
            body: None,
        }]
    );
}

#[test]
fn a_missing_project_is_created_private() {
    let (result, asked) = run([answer(404, ""), answer(201, "")], false, &Settings::default());
    assert_eq!(state(result), State::Created);
    let post = &asked[1];
    assert_eq!((post.method, post.path), (Method::Post, PROJECTS));
    let body: Value = serde_json::from_slice(post.body.as_ref().expect("a body")).expect("JSON");
    assert_eq!(body, json!({"project_name": "team", "metadata": {"public": "false"}}));
}

#[test]
fn the_settings_reach_the_new_project() {
    let settings = Settings { public: true, storage_limit: Some(1 << 40), ..Settings::default() };
    let summary = json!({"quota": {"hard": {"storage": 1_u64 << 40}}}).to_string();
    let answers = [answer(404, ""), answer(201, ""), answer(200, &summary)];
    let (result, asked) = run(answers, false, &settings);
    assert_eq!(result.expect("created").message, None);
    assert_eq!(asked[2].segments().join("/"), "api/v2.0/projects/team/summary");
    let body: Value =
        serde_json::from_slice(asked[1].body.as_ref().expect("a body")).expect("JSON");
    assert_eq!(
        body,
        json!({
            "project_name": "team",
            "metadata": {"public": "true"},
            "storage_limit": 1_u64 << 40,
        })
    );
}

#[test]
fn a_dry_run_only_asks() {
    let open = r#"{"project_creation_restriction":"everyone"}"#;
    let (result, asked) = run([answer(404, ""), answer(200, open)], true, &Settings::default());
    assert_eq!(state(result), State::WouldCreate);
    assert!(asked.iter().all(|asked| asked.method != Method::Post));
    let (result, _) = run([answer(200, "")], true, &Settings::default());
    assert_eq!(state(result), State::Ready);
}

#[test]
fn a_dry_run_knows_who_may_create() {
    let only = r#"{"project_creation_restriction":"adminonly","harbor_version":"v2.15.0"}"#;
    let creates = |account: Answer| {
        let answers = [answer(404, ""), answer(200, only), account];
        run(answers, true, &Settings::default()).0
    };
    let user = creates(answer(200, r#"{"username":"jo","sysadmin_flag":false}"#));
    assert!(
        matches!(&user, Err(Failure::Unauthorized(why)) if why.contains("administrators only")),
        "{user:?}"
    );
    let admin = creates(answer(200, r#"{"username":"jo","sysadmin_flag":true}"#));
    assert_eq!(state(admin), State::WouldCreate);
    let robot = harbor_error("PRECONDITION", "not available for security context: robot");
    assert_eq!(state(creates(answer(412, &robot))), State::WouldCreate, "it may have the right");
    for unseen in [answer(401, ""), answer(404, "no"), answer(200, "{}"), answer(200, "<html>")] {
        let answers = [answer(404, ""), unseen];
        let (result, _) = run(answers, true, &Settings::default());
        assert_eq!(state(result), State::WouldCreate, "what is not shown refuses nothing");
    }
}

#[test]
fn a_dry_run_knows_names_that_harbor_refuses() {
    let mut harbor = Fake::new([answer(404, "")]);
    let failure = prepare("a__b", true, &Settings::default(), harbor.send());
    assert!(
        matches!(
            &failure,
            Err(Failure::Other { code: "harbor/bad-project-name", message })
                if message.contains("a__b") && message.contains("single `.`")
        ),
        "{failure:?}"
    );
}

#[test]
fn a_concurrent_creation_is_not_an_error() {
    let body = harbor_error("CONFLICT", "The project named team already exists");
    let result = creating(409, &body).expect("ready");
    assert_eq!(result.state, State::Ready);
    assert!(result.message.expect("a remark").contains("somebody else"));
}

#[test]
fn a_bad_name_is_explained_with_the_rule() {
    let body = harbor_error("BAD_REQUEST", "project name is not valid");
    let mut harbor = Fake::new([answer(404, ""), answer(400, &body)]);
    let failure = prepare("a__b", false, &Settings::default(), harbor.send());
    let Err(Failure::Other { code, message }) = failure else {
        panic!("{failure:?}");
    };
    assert_eq!(code, "harbor/bad-project-name");
    assert!(message.contains("lower-case letters and digits"), "{message}");
    assert!(message.contains("project name is not valid"), "{message}");
    // Only Harbor knows why it rejects a name that matches the rule.
    let Err(Failure::Other { message, .. }) = creating(400, &body) else {
        panic!("400 passed");
    };
    assert!(!message.contains("lower-case letters"), "{message}");
}

#[test]
fn a_403_is_explained_by_its_cause() {
    for (said, part) in [
        ("Only system admin can create project", "adminonly"),
        ("Only system level robot can create project", "robot account"),
        ("CSRF token invalid", "cookie"),
        ("", "administrators only"),
    ] {
        let failure = creating(403, &harbor_error("FORBIDDEN", said));
        assert!(
            matches!(&failure, Err(Failure::Unauthorized(message)) if message.contains(part)),
            "{said:?}: {failure:?}"
        );
    }
}

#[test]
fn a_read_only_harbor_is_a_state_and_not_a_failure() {
    let said = "The system is in read only mode. Any modification is prohibited.";
    let result = creating(403, &harbor_error("DENIED", said)).expect("a state");
    assert_eq!(result.state, State::ReadOnly);
}

#[test]
fn a_credential_that_is_refused_is_named_at_both_steps() {
    let body = harbor_error("UNAUTHORIZED", "unauthorized");
    let (result, asked) = run([answer(401, &body)], false, &Settings::default());
    assert!(matches!(result, Err(Failure::Unauthorized(_))), "{result:?}");
    assert_eq!(asked.len(), 1, "nothing is created without a credential");
    let result = creating(401, &body);
    assert!(matches!(result, Err(Failure::Unauthorized(_))), "{result:?}");
}

#[test]
fn transient_responses_are_retried_after_harbors_delay() {
    let mut limited = answer(429, "");
    if let Ok(response) = &mut limited {
        response.retry_after = Some(17);
    }
    let (result, _) = run([limited.clone()], false, &Settings::default());
    assert_eq!(result, Err(Failure::Transient(Some(17))));
    let (result, _) = run([answer(404, ""), limited], false, &Settings::default());
    assert_eq!(result, Err(Failure::Transient(Some(17))));
    for status in [408, 500, 502, 503, 504] {
        assert_eq!(creating(status, ""), Err(Failure::Transient(None)), "{status}");
    }
}

#[test]
fn a_limit_that_harbor_drops_is_told() {
    let settings = Settings { storage_limit: Some(1000), ..Settings::default() };
    let told = |summary: Answer| {
        let (result, _) = run([answer(404, ""), answer(201, ""), summary], false, &settings);
        let outcome = result.expect("created");
        assert_eq!(outcome.state, State::Created);
        outcome.message.unwrap_or_default()
    };
    let limit =
        |storage: i64| answer(200, &json!({"quota": {"hard": {"storage": storage}}}).to_string());
    assert_eq!(told(limit(1000)), "");
    let dropped = told(limit(-1));
    assert!(
        dropped.contains("dropped storage-limit 1000") && dropped.contains("has -1"),
        "{dropped}"
    );
    for unseen in [answer(403, ""), answer(404, ""), answer(200, "{}"), answer(500, "")] {
        let message = told(unseen);
        assert!(message.contains("is not known: Harbor answered"), "{message}");
    }
    let gone = told(Err(SendError::Unreachable("refused".into())));
    assert!(gone.contains("is not known: refused"), "{gone}");
}

#[test]
fn a_new_project_gets_a_rule_for_its_tags() {
    let settings = Settings { immutable_tags: true, ..Settings::default() };
    let answers = [answer(404, ""), answer(201, ""), answer(201, "")];
    let (result, asked) = run(answers, false, &settings);
    assert_eq!(result.expect("created").message, None);
    assert_eq!(asked[2].segments().join("/"), "api/v2.0/projects/team/immutabletagrules");
    let body: Value =
        serde_json::from_slice(asked[2].body.as_ref().expect("a body")).expect("JSON");
    assert_eq!(body["template"], "immutable_template");
    let refused = answer(403, &harbor_error("FORBIDDEN", "forbidden"));
    let (result, _) = run([answer(404, ""), answer(201, ""), refused], false, &settings);
    let outcome = result.expect("the project is there");
    let message = outcome.message.expect("a remark");
    assert!(
        message.contains("not immutable") && message.contains("immutable-tag:create"),
        "{message}"
    );
    let (result, asked) = run([answer(200, "")], false, &settings);
    assert_eq!(
        (state(result), asked.len()),
        (State::Ready, 1),
        "existing projects are not changed"
    );
}

#[test]
fn other_answers_and_no_answer_are_failures() {
    let result = creating(302, "");
    assert!(
        matches!(&result, Err(Failure::Other { code: "harbor/unexpected-answer", message }) if message.contains("302")),
        "{result:?}"
    );
    let denied = Err(SendError::Denied("no grant covers it".into()));
    let (result, _) = run([denied], false, &Settings::default());
    assert!(
        matches!(&result, Err(Failure::Other { code: "harbor/denied", message }) if message.contains("no grant")),
        "{result:?}"
    );
}

#[test]
fn names_follow_harbors_rule() {
    for good in ["a", "a.b", "a_b-c.d", "0", &"a".repeat(255)] {
        assert!(is_project_name(good), "{good:?}");
    }
    for bad in ["", "A", "a__b", "-a", "a.", "a b", "ä", &"a".repeat(256)] {
        assert!(!is_project_name(bad), "{bad:?}");
    }
}
