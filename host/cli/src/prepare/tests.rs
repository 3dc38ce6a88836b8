//! Prepares with the built-in plugin `harbor` against fixed responses.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use super::{LONGEST_WAIT, Prepared, Purpose, RegistryEndpoints, WAIT, prepare, wait_after};
use longshore_engine::event::{Event, EventSender, Level};
use longshore_engine::job::{Job, Jobs};
use longshore_oci::{Name, PlatformFilter};
use longshore_plugin_host::{
    Call, EndpointTransport, Failure, HostOptions, IncomingResponse, Kind, LogLevel,
    OutgoingRequest, Plugin, PluginError, PluginHost, PluginLog, PluginSetup, TransportError,
};
use longshore_registry::{
    CredentialSources, Credentials, InsecureRegistries, Registries, RegistryOptions,
};

/// Responds to every request by its method and path, and records it.
struct Harbor {
    answer: fn(&str) -> u16,
    asked: Mutex<Vec<String>>,
}

impl Harbor {
    fn new(answer: fn(&str) -> u16) -> Arc<Self> {
        Arc::new(Self { answer, asked: Mutex::default() })
    }

    fn asked(&self, what: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| asked.starts_with(what)).count()
    }
}

impl EndpointTransport for Harbor {
    fn send<'a>(
        &'a self,
        request: OutgoingRequest,
    ) -> Pin<Box<dyn Future<Output = Result<IncomingResponse, TransportError>> + Send + 'a>> {
        let asked = format!("{} {}", request.method.as_str(), request.escaped_path);
        let status = (self.answer)(&asked);
        self.asked.lock().unwrap().push(asked);
        let body = if status == 200 { b"Pong".to_vec() } else { Vec::new() };
        Box::pin(async move { Ok(IncomingResponse { status, headers: Vec::new(), body }) })
    }
}

struct NoLog;

impl PluginLog for NoLog {
    fn line(&self, _plugin: &str, _level: LogLevel, _message: &str) {}
}

async fn plugin(harbor: &Arc<Harbor>) -> Plugin {
    let options = HostOptions::new(SystemTime::UNIX_EPOCH);
    let setup = PluginSetup {
        config: serde_json::Map::new(),
        grants: Vec::new(),
        origins: HashMap::new(),
        transport: Some(Arc::clone(harbor) as Arc<_>),
        log: Arc::new(NoLog),
        dry_run: false,
    };
    PluginHost::new(options).unwrap().load(Kind::RepoType, "harbor", setup).await.unwrap()
}

/// Prepares for pushes. Returns the unprepared repositories with the cause, and the notes.
async fn prepared(
    harbor: &Arc<Harbor>,
    repositories: &[&str],
) -> (Vec<(String, String)>, Vec<(Level, String)>) {
    let (prepared, notes) = prepared_for(Purpose::Push, harbor, repositories).await;
    assert!(prepared.would_create.is_empty(), "{prepared:?}");
    (sorted(prepared.unprepared), notes)
}

fn sorted(found: HashMap<Name, String>) -> Vec<(String, String)> {
    let mut found: Vec<_> = found.into_iter().map(|(name, why)| (name.to_string(), why)).collect();
    found.sort();
    found
}

async fn prepared_for(
    purpose: Purpose,
    harbor: &Arc<Harbor>,
    repositories: &[&str],
) -> (Prepared, Vec<(Level, String)>) {
    let job = |(number, repository): (u32, &&str)| Job {
        number,
        line: number,
        source: "a.io/x:1".parse().unwrap(),
        destination: format!("h.io/{repository}:1").parse().unwrap(),
        filter: PlatformFilter::default(),
    };
    let jobs: Jobs = (1..).zip(repositories).map(job).collect();
    let registries = Registries::new(RegistryOptions {
        insecure: InsecureRegistries::default(),
        plain_http: Vec::new(),
        credentials: Credentials::new(CredentialSources::default()),
        certificate_directories: Vec::new(),
        root_bundle: None,
        proxies: Arc::default(),
        max_wait: Duration::from_secs(1),
        retries: 0,
        limit_rate: None,
        large_transfers: usize::MAX,
        hints: None,
        pauses: None,
        processes: 1,
    })
    .unwrap();
    let (events, mut received) = EventSender::channel();
    let plugin = plugin(harbor).await;
    let endpoints =
        RegistryEndpoints::new(registries.clone(), "harbor".to_owned(), HashMap::new(), true);
    let reached = (&registries, &endpoints);
    let prepared = prepare(&jobs, None, &plugin, reached, &events, purpose).await.unwrap();
    drop(events);
    let mut notes = Vec::new();
    while let Some(event) = received.recv().await {
        if let Event::Note { level, text, .. } = event {
            notes.push((level, text));
        }
    }
    (prepared, notes)
}

#[tokio::test]
async fn looking_creates_nothing_and_names_what_is_missing() {
    let harbor = Harbor::new(|asked| match asked.split_once(' ') {
        Some(("HEAD", _)) => 404,
        Some(("POST", _)) => 201,
        _ => 200,
    });
    for (purpose, said) in
        [(Purpose::DryRun, "would be created"), (Purpose::Validate, "does not exist")]
    {
        let repositories = ["team/a", "team/b", "my__proj/a", "single"];
        let (prepared, notes) = prepared_for(purpose, &harbor, &repositories).await;
        let missing = [("h.io/team/a", "project team"), ("h.io/team/b", "project team")];
        let missing = missing.map(|(name, what)| (name.to_owned(), what.to_owned()));
        assert_eq!(sorted(prepared.would_create), missing);
        let unprepared = sorted(prepared.unprepared);
        let names: Vec<&str> = unprepared.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["h.io/my__proj/a", "h.io/single"]);
        let mut refused: Vec<String> = prepared.refused.iter().map(ToString::to_string).collect();
        refused.sort();
        assert_eq!(refused, names, "no push creates such a project");
        assert!(notes.iter().any(|(_, note)| note.ends_with(said)), "{notes:?}");
        let pushes = notes.iter().filter(|(_, note)| note.contains("trying the push"));
        assert_eq!(pushes.count(), 0, "{notes:?}");
    }
    assert_eq!(harbor.asked("POST "), 0);
}

#[tokio::test]
async fn a_refusal_without_a_credential_says_that_none_is_known() {
    let harbor = Harbor::new(|asked| if asked.starts_with("HEAD") { 401 } else { 200 });
    let (unprepared, _) = prepared(&harbor, &["team/a"]).await;
    let why = &unprepared[0].1;
    assert!(
        why.contains("no credential is known for h.io, log in with longshore login h.io"),
        "{why}"
    );
    assert!(!why.contains("refused the credential"), "{why}");
}

#[tokio::test]
async fn each_scope_is_prepared_once() {
    let harbor = Harbor::new(|asked| match asked.split_once(' ') {
        Some(("HEAD", _)) => 404,
        Some(("POST", _)) => 201,
        _ => 200,
    });
    let (unprepared, notes) = prepared(&harbor, &["team/a", "team/b/c", "other/a"]).await;
    assert_eq!(unprepared, []);
    assert_eq!((harbor.asked("GET /api/v2.0/ping"), harbor.asked("POST ")), (1, 2));
    let created = |name: &str| {
        let start = format!("project {name} on h.io was created");
        notes.iter().any(|(level, text)| *level == Level::Info && text.starts_with(&start))
    };
    assert!(created("team") && created("other") && notes.len() == 2, "{notes:?}");
}

#[tokio::test]
async fn a_failure_is_a_warning_and_names_the_unprepared_repositories() {
    let refusing = Harbor::new(|asked| match asked.split_once(' ') {
        Some(("HEAD", _)) => 404,
        Some(("POST", _)) => 403,
        _ => 200,
    });
    let (unprepared, notes) = prepared(&refusing, &["team/a", "team/b"]).await;
    let names: Vec<&str> = unprepared.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["h.io/team/a", "h.io/team/b"]);
    let [(Level::Warning, note)] = notes.as_slice() else { panic!("{notes:?}") };
    assert!(note.starts_with("project team on h.io could not be prepared: "), "{note}");
    assert!(note.ends_with("trying the push anyway"), "{note}");

    let other = Harbor::new(|_| 404);
    let (unprepared, notes) = prepared(&other, &["team/a", "b/c"]).await;
    assert_eq!(unprepared.len(), 2);
    assert!(unprepared[0].1.contains("no Harbor"), "{unprepared:?}");
    assert_eq!(other.asked("HEAD "), 0, "a host that is no Harbor was asked on");
    assert!(matches!(notes.as_slice(), [(Level::Warning, _)]), "{notes:?}");
}

#[test]
fn waits_are_bounded_and_only_for_what_passes() {
    let failed = |failure| PluginError::Call {
        plugin: "p".to_owned(),
        call: Call::Prepare,
        place: None,
        failure,
    };
    let transient = |seconds: Option<u64>| {
        wait_after(&failed(Failure::Transient {
            retry_after: seconds.map(Duration::from_secs),
            answer: None,
        }))
    };
    assert_eq!(transient(None), Some(WAIT));
    assert_eq!(transient(Some(7)), Some(Duration::from_secs(7)));
    assert_eq!(transient(Some(86_400)), Some(LONGEST_WAIT));
    assert_eq!(wait_after(&failed(Failure::Unauthorized { message: String::new() })), None);
}
