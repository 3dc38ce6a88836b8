//! The table of requests in docs/repo-types.md: what each repository type does with each answer to each of its
//! requests, and the grants that cover them.

use std::any::Any;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::{Places, ecr, gitlab, json, quay};
use crate::support::harbor::{Behaviour, Harbor};
use crate::support::products::artifactory::Artifactory;
use crate::support::products::gitea::Gitea;
use crate::support::products::nexus::Nexus;
use crate::support::{Answer, FaultProxy, Longshore, Rule, Run, Seen, harbor};

/// The statuses of the columns.
const COLUMNS: [u16; 6] = [401, 403, 404, 409, 429, 503];

/// The scope of a request that no scope needs, but the push.
const ENTRY: &str = "entry";

/// One request of a repository type.
struct Step {
    /// As in the table.
    request: &'static str,
    method: &'static str,
    path: &'static str,
    /// What is prepared; empty for the description of the registry.
    scope: &'static str,
    /// Further configuration, `KEY=VALUE`.
    keys: &'static [&'static str],
    dry_run: bool,
}

const fn step(
    request: &'static str,
    method: &'static str,
    path: &'static str,
    scope: &'static str,
) -> Step {
    Step { request, method, path, scope, keys: &[], dry_run: false }
}

const fn with(keys: &'static [&'static str], step: Step) -> Step {
    Step { keys, ..step }
}

/// A run against a server, and what must live as long.
struct Stage {
    /// The API, if it is not at the destination.
    api: Option<FaultProxy>,
    longshore: Longshore,
    _server: Box<dyn Any>,
}

/// A row of the table.
struct Row {
    request: String,
    grant: String,
    cells: Vec<String>,
}

fn document(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    fs::read_to_string(path).expect("the document is readable")
}

/// Returns the rows of a type.
fn rows(repo_type: &str) -> Vec<Row> {
    let (mut rows, mut current) = (Vec::new(), String::new());
    for line in document("docs/repo-types.md").lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [first, request, grant, answers @ ..] = cells.as_slice() else { continue };
        if answers.len() != COLUMNS.len() {
            continue;
        }
        if !first.is_empty() {
            current = code(first).to_owned();
        }
        if current == repo_type {
            rows.push(Row {
                request: code(request).to_owned(),
                grant: code(grant).to_owned(),
                cells: answers.iter().map(|&cell| cell.to_owned()).collect(),
            });
        }
    }
    rows
}

/// Returns the first text between backticks.
fn code(cell: &str) -> &str {
    cell.split('`').nth(1).unwrap_or_default()
}

/// Returns what the table must say of a run with a fault in `step`.
fn outcome(run: &Run, step: &Step, asked: usize) -> &'static str {
    let lines: Vec<&str> = run.stderr.lines().collect();
    let has = |parts: &[&str]| {
        lines.iter().find(|line| parts.iter().all(|part| line.contains(part))).copied()
    };
    let scope = format!("{} on ", step.scope);
    let failed = match step.scope {
        "" => has(&["trying the push to"]),
        _ => has(&[&scope, "could not be prepared"]),
    };
    if let Some(line) = failed {
        let names_answer = line.contains("; the last answer after 3 tries was ");
        assert_eq!(names_answer, asked == 3, "{line}");
        return if asked == 3 { "retries" } else { "warns" };
    }
    if step.scope == ENTRY && has(&["] failed "]).is_some() {
        return if asked == 3 { "retries" } else { "fails" };
    }
    if has(&[&scope, "is ready"]).is_some() {
        return "ready";
    }
    match has(&[&scope, "was created"]) {
        Some(line) if line.contains("was created: ") && !line.contains("as the project") => {
            "remarks"
        }
        Some(_) => "creates",
        None if has(&[&scope, "would be created"]).is_some() => "goes on",
        None => "nothing",
    }
}

/// Checks every cell of a type, and that the table has its requests and grants.
fn check(
    repo_type: &str,
    steps: &[Step],
    stage: impl Fn(&Step, &Places) -> Stage,
    answer: impl Fn(&Step, u16) -> Answer,
) {
    let rows = rows(repo_type);
    let known: Vec<&str> = rows.iter().map(|row| row.request.as_str()).collect();
    let expected: Vec<&str> = steps.iter().map(|step| step.request).collect();
    assert_eq!(known, expected, "the requests of {repo_type} in docs/repo-types.md");

    let metadata = document(&format!("plugins/{repo_type}/plugin.json"));
    let metadata: serde_json::Value = serde_json::from_str(&metadata).expect("it is JSON");
    let wanted = metadata["grants"].as_array().expect("it has grants").iter();
    let wanted: BTreeSet<&str> = wanted.filter_map(serde_json::Value::as_str).collect();
    let full = |grant: &str| grant.replace('…', "AmazonEC2ContainerRegistry_V20150921");
    let grants: BTreeSet<String> = rows.iter().map(|row| full(&row.grant)).collect();
    let grants: BTreeSet<&str> = grants.iter().map(String::as_str).collect();
    assert_eq!(grants, wanted, "the grants of {repo_type} in docs/repo-types.md");

    let mut wrong = Vec::new();
    let mut places = Places::new();
    for (step, row) in steps.iter().zip(&rows) {
        for (&status, cell) in COLUMNS.iter().zip(&row.cells) {
            // The images stay, and the server is a new one.
            places.destination = FaultProxy::before(&places.behind);
            let Stage { api, longshore, _server } = stage(step, &places);
            let api = api.as_ref().unwrap_or(&places.destination);
            let refused = answer(step, status).header("retry-after", "0");
            let (request, operation) = (step.request, step.path == "/");
            let is_asked = move |seen: &Seen| {
                let target = seen.header("x-amz-target").unwrap_or_default();
                !operation || target.ends_with(request)
            };
            let fault = move |seen: &Seen| is_asked(seen).then(|| refused.clone());
            api.first_rule(Rule::on(step.method, step.path).answers_by(fault));
            let flags = step.keys.iter().flat_map(|key| ["--plugin-config", key]);
            let run = longshore.args(flags).args(step.dry_run.then_some("--dry-run")).run();
            let asked = api.matching(step.method, step.path);
            let asked = asked.iter().filter(|seen| is_asked(seen)).count();
            let found = outcome(&run, step, asked);
            if found != cell {
                wrong.push(format!("{request}: {status}: {found}, and the table says {cell:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "docs/repo-types.md on {repo_type}:\n{}", wrong.join("\n"));
}

fn said(status: u16, message: &str) -> Answer {
    json(status, &serde_json::json!({"message": message, "errors": [{"message": message}]}))
}

#[test]
fn harbor_does_what_the_table_says() {
    const PROJECT: &str = "/api/v2.0/projects";
    let in_dry_run =
        |request, path| Step { dry_run: true, ..step(request, "GET", path, "project hub") };
    let steps = [
        step("GET /api/v2.0/ping", "GET", "/api/v2.0/ping", ""),
        step("HEAD /api/v2.0/projects?project_name=NAME", "HEAD", PROJECT, "project hub"),
        step("POST /api/v2.0/projects", "POST", PROJECT, "project hub"),
        with(
            &["harbor.storage-limit=-1"],
            step(
                "GET /api/v2.0/projects/NAME/summary",
                "GET",
                "/api/v2.0/projects/*/summary",
                "project hub",
            ),
        ),
        with(
            &["harbor.immutable-tags=true"],
            step(
                "POST /api/v2.0/projects/NAME/immutabletagrules",
                "POST",
                "/api/v2.0/projects/*/immutabletagrules",
                "project hub",
            ),
        ),
        in_dry_run("GET /api/v2.0/systeminfo", "/api/v2.0/systeminfo"),
        in_dry_run("GET /api/v2.0/users/current", "/api/v2.0/users/current"),
    ];
    let stage = |step: &Step, places: &Places| {
        // Only where administrators create projects does the account matter.
        let admin_only = step.request.ends_with("/users/current");
        let behaviour = Behaviour { admin_only, ..Behaviour::default() };
        let server = Harbor::start(places.behind.address(), behaviour);
        let api = FaultProxy::before_address(server.address());
        let longshore = Longshore::new()
            .mirror()
            .list("team/app hub/app 1\n")
            .source(places.source.address())
            .destination(api.address())
            .args(["--repo-type", "harbor", "--harbor-https=false", "--debug"])
            .env("DOCKER_USERNAME", harbor::USER)
            .env("DOCKER_PASSWORD", harbor::PASSWORD);
        Stage { api: Some(api), longshore, _server: Box::new(server) }
    };
    check("harbor", &steps, stage, |_, status| said(status, "a reason"));
}

#[test]
fn ecr_does_what_the_table_says() {
    let scope = "repository hub/app";
    let steps = [
        step("DescribeRepositories", "POST", "/", scope),
        step("CreateRepository", "POST", "/", scope),
        step("GetAuthorizationToken", "POST", "/", ENTRY),
    ];
    let stage = |_: &Step, places: &Places| {
        ecr::wants_password(&places.destination, "pa55word-of-ecr");
        let api = FaultProxy::without_upstream();
        ecr::ecr(&api, "pa55word-of-ecr", json(200, &serde_json::json!({})));
        let longshore = places
            .mirror("hub/app", "ecr")
            .args(["--plugin-config", &format!("ecr.api=http://{}", api.address())])
            .env("AWS_ACCESS_KEY_ID", "AKIA")
            .env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
            .env("AWS_REGION", "eu-west-1");
        Stage { api: Some(api), longshore, _server: Box::new(()) }
    };
    check("ecr", &steps, stage, |_, status| {
        let (status, kind) = match status {
            401 => (400, "UnrecognizedClientException"),
            403 => (400, "AccessDeniedException"),
            404 => (400, "RepositoryNotFoundException"),
            409 => (400, "RepositoryAlreadyExistsException"),
            429 => (400, "ThrottlingException"),
            _ => (500, "ServerException"),
        };
        json(status, &serde_json::json!({"__type": kind, "message": "a reason"}))
    });
}

#[test]
fn quay_does_what_the_table_says() {
    let told: &[&str] = &["quay.create-organizations=true"];
    let organization = "organization hub";
    let steps = [
        step(
            "GET /api/v1/repository/NAMESPACE/NAME",
            "GET",
            "/api/v1/repository/*",
            "repository hub/app",
        ),
        step("POST /api/v1/repository", "POST", "/api/v1/repository", "repository hub/app"),
        with(
            told,
            step("GET /api/v1/organization/NAME", "GET", "/api/v1/organization/*", organization),
        ),
        with(
            told,
            step("POST /api/v1/organization/", "POST", "/api/v1/organization/", organization),
        ),
    ];
    let stage = |step: &Step, places: &Places| {
        let organizations: &[&str] = if step.keys.is_empty() { &["hub"] } else { &[] };
        let server = quay::quay(places, organizations);
        let longshore = quay::run(places, "hub/app");
        Stage { api: None, longshore, _server: Box::new(server) }
    };
    check("quay", &steps, stage, |_, status| {
        json(status, &serde_json::json!({"error_message": "a reason"}))
    });
}

#[test]
fn gitlab_does_what_the_table_says() {
    let scope = "project team/app";
    let steps = [
        step("GET /api/v4/projects/PATH", "GET", "/api/v4/projects/*", scope),
        step("GET /api/v4/namespaces/GROUP", "GET", "/api/v4/namespaces/*", scope),
        step("POST /api/v4/projects", "POST", "/api/v4/projects", scope),
    ];
    let stage = |_: &Step, places: &Places| {
        let (api, server) = gitlab::gitlab(places);
        let longshore = gitlab::run(places, &api, "team/app");
        Stage { api: Some(api), longshore, _server: Box::new(server) }
    };
    check("gitlab", &steps, stage, |_, status| {
        json(status, &serde_json::json!({"message": {"path": ["a reason"]}}))
    });
}

#[test]
fn gitea_does_what_the_table_says() {
    let steps = [
        step("GET /api/v1/orgs/OWNER", "GET", "/api/v1/orgs/*", "owner hub"),
        step("GET /api/v1/users/OWNER", "GET", "/api/v1/users/*", "owner hub"),
        step("POST /api/v1/orgs", "POST", "/api/v1/orgs", "owner hub"),
    ];
    let stage = |_: &Step, places: &Places| {
        let server = Gitea::on(&places.destination, &[]);
        let longshore = places.mirror_as_user("hub/app", "gitea");
        Stage { api: None, longshore, _server: Box::new(server) }
    };
    check("gitea", &steps, stage, |_, status| said(status, "a reason"));
}

#[test]
fn artifactory_does_what_the_table_says() {
    const REPOSITORY: &str = "/artifactory/api/repositories/*";
    let by_path: &[&str] = &["artifactory.routing=path"];
    let steps = ["GET", "PUT"].map(|method| {
        let request = match method {
            "GET" => "GET /artifactory/api/repositories/NAME",
            _ => "PUT /artifactory/api/repositories/NAME",
        };
        with(by_path, step(request, method, REPOSITORY, "repository hub"))
    });
    let stage = |_: &Step, places: &Places| {
        let server = Artifactory::on(&places.destination, None);
        let longshore = places.mirror_as_user("hub/app", "artifactory");
        Stage { api: None, longshore, _server: Box::new(server) }
    };
    check("artifactory", &steps, stage, |_, status| said(status, "a reason"));
}

#[test]
fn nexus_does_what_the_table_says() {
    let by_path: &[&str] = &["nexus.routing=path"];
    let anonymous: &[&str] = &["nexus.routing=path", "nexus.anonymous-pull=true"];
    let scope = "repository hub";
    let hosted = "/service/rest/v1/repositories/docker/hosted";
    let realms = "/service/rest/v1/security/realms/active";
    let steps = [
        with(
            by_path,
            step(
                "GET /service/rest/v1/repositories/NAME",
                "GET",
                "/service/rest/v1/repositories/*",
                scope,
            ),
        ),
        with(
            by_path,
            step("POST /service/rest/v1/repositories/docker/hosted", "POST", hosted, scope),
        ),
        with(anonymous, step("GET /service/rest/v1/security/realms/active", "GET", realms, scope)),
    ];
    let stage = |_: &Step, places: &Places| {
        let server = Nexus::on(&places.destination, &places.destination, None);
        let longshore = places.mirror_as_user("hub/app", "nexus");
        Stage { api: None, longshore, _server: Box::new(server) }
    };
    check("nexus", &steps, stage, |_, status| said(status, "a reason"));
}
