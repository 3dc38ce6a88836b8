//! Plugins run for real: the components of `tests/plugins`, most of which misbehave, and the
//! built-in ones.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{
    HostOptions, Kind, Limits, LogLevel, Plugin, PluginError, PluginHost, PluginLog, PluginSetup,
};

/// A component's name and its text; for the modules below, which are a folder further down.
macro_rules! fixture {
    ($name:literal) => {
<<<<<<< HEAD
        ($name, include_str!(concat!("../../../tests/plugins/", $name, ".wat")))
=======
        (
            $name,
            include_str!(concat!("../../../../tests/plugins/", $name, ".wat")),
        )
>>>>>>> h/pluginroom
    };
}

mod hooks;
mod hostile;
mod loading;

struct NoLog;

impl PluginLog for NoLog {
    fn line(&self, _plugin: &str, _level: LogLevel, _message: &str) {}
}

fn setup() -> PluginSetup {
    PluginSetup {
        config: serde_json::Map::new(),
        grants: Vec::new(),
        transport: None,
        log: Arc::new(NoLog),
        dry_run: false,
    }
}

fn host(limits: Limits) -> PluginHost {
    let options = HostOptions {
        cache_dir: None,
        clock: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
    };
    PluginHost::with_limits(options, limits).expect("a host")
}

async fn load(
    host: &PluginHost,
    kind: Kind,
    (name, text): (&str, &str),
    setup: PluginSetup,
) -> Result<Plugin, PluginError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name).with_extension("wasm");
    let component = wat::parse_str(text).expect("a component");
    std::fs::write(&path, component).expect("is written");
    host.load(kind, path.to_str().expect("a path"), setup).await
}
<<<<<<< HEAD

/// How a list format fails on a list.
async fn failure_of(fixture: (&str, &str), limits: Limits) -> Failure {
    let plugin = load(&host(limits), Kind::ListFormat, fixture, setup()).await.expect("loads");
    match plugin.parse("list.txt", "a b c").await {
        Err(PluginError::Call { plugin, call: Call::Parse, failure }) => {
            assert_eq!(plugin, fixture.0, "the error names another plugin");
            failure
        }
        other => panic!("{} did not fail as a call: {other:?}", fixture.0),
    }
}

#[tokio::test]
async fn a_trap_is_reported_by_its_kind() {
    let failure = failure_of(fixture!("traps"), Limits::default()).await;
    let Failure::Trapped { reason } = failure else {
        panic!("{failure:?}");
    };
    assert!(reason.contains("unreachable"), "{reason}");
}

#[tokio::test]
async fn an_endless_loop_ends_at_the_cpu_limit() {
    let limits = Limits { cpu: Duration::from_millis(50), ..Limits::default() };
    let started = Instant::now();
    let failure = failure_of(fixture!("loops"), limits).await;
    assert!(matches!(failure, Failure::CpuTime { .. }), "{failure:?}");
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_computing_guest_lets_the_timer_run() {
    let limits = Limits { wall: Duration::from_millis(100), ..Limits::default() };
    let failure = failure_of(fixture!("loops"), limits).await;
    assert!(matches!(failure, Failure::WallTime { .. }), "{failure:?}");
}

#[tokio::test]
async fn endless_allocation_ends_at_the_memory_limit() {
    let failure = failure_of(fixture!("allocates"), Limits::default()).await;
    assert!(matches!(failure, Failure::OutOfMemory { .. }), "{failure:?}");
}

#[tokio::test]
async fn ten_million_entries_are_too_much() {
    let failure = failure_of(fixture!("many-entries"), Limits::default()).await;
    assert!(matches!(failure, Failure::AnsweredTooMuch { .. }), "{failure:?}");
    let few = Limits {
        memory: 64 * 1024 * 1024,
        answer_of_lists: usize::MAX,
        entries: 1000,
        ..Limits::default()
    };
    let failure = failure_of(fixture!("many-entries"), few).await;
    assert!(failure.to_string().contains("at most 1000"), "{failure}");
}

#[tokio::test]
async fn gigabytes_of_one_megabyte_are_never_lifted() {
    let started = Instant::now();
    let failure = failure_of(fixture!("lifts-gigabytes"), Limits::default()).await;
    assert!(matches!(failure, Failure::AnsweredTooMuch { .. }), "{failure:?}");
    assert!(started.elapsed() < Duration::from_secs(20), "it was lifted before it was refused");
}

#[tokio::test]
async fn exit_is_a_failure() {
    let failure = failure_of(fixture!("exits"), Limits::default()).await;
    assert_eq!(failure, Failure::Exited { status: 1 });
}

#[tokio::test]
async fn a_newline_in_a_reference_is_the_plugins_error() {
    let failure = failure_of(fixture!("newline"), Limits::default()).await;
    let Failure::BadAnswer { reason } = failure else {
        panic!("{failure:?}");
    };
    assert_eq!(
        reason,
        "the source of the entry at line 7 holds a control character: \
         `registry.example.com/evil\\nfatal: all lost`"
    );
}

#[tokio::test]
async fn there_is_nothing_behind_wasi() {
    let plugin = load(&host(Limits::default()), Kind::ListFormat, fixture!("pries"), setup())
        .await
        .expect("loads");
    let mut runs = Vec::new();
    for _ in 0..2 {
        let parsed = plugin.parse("list.txt", "").await.expect("answers");
        let found: Vec<_> = parsed.diagnostics.iter().map(|found| found.column).collect();
        runs.push(found);
    }
    let [environment, arguments, folders, socket, lookup, seconds, _random] = runs[0][..] else {
        panic!("{runs:?}");
    };
    assert_eq!(environment, 0, "a guest sees environment variables");
    assert_eq!(arguments, 1, "a guest gets other arguments than its name");
    assert_eq!(folders, 0, "a guest sees folders");
    assert_ne!(socket, 0, "a guest made a socket");
    // Looking up is refused when the stream is read at the latest; wasmtime refuses at once.
    assert_ne!(lookup, 0, "a guest looked up a name");
    assert_eq!(seconds, 1_700_000_000, "the wall clock is not the run's start");
    assert_eq!(runs[0], runs[1], "a second run drew other random numbers");
}

#[tokio::test]
async fn an_answer_of_another_length_is_the_plugins_error() {
    let plugin = load(&host(Limits::default()), Kind::Rewrite, fixture!("swallows"), setup())
        .await
        .expect("loads");
    let item = Item {
        artifact: Artifact::Image,
        source: "docker.io/library/mysql:8".to_owned(),
        destination: "registry.example.com/library/mysql:8".to_owned(),
        attributes: Vec::new(),
    };
    let error = plugin.rewrite(vec![item]).await.expect_err("it was believed");
    assert_eq!(
        error.to_string(),
        "rewrite destinations with plugin `swallows`: the plugin gave a bad answer: \
         0 verdicts for 1 items"
    );
    assert_eq!(plugin.rewrite(Vec::new()).await.expect("nothing to ask"), []);
}

#[tokio::test]
async fn a_plugin_of_another_kind_is_refused() {
    let error = load(&host(Limits::default()), Kind::Rewrite, fixture!("traps"), setup())
        .await
        .expect_err("a list format was taken for a rewrite");
    assert_eq!(
        error.to_string().rsplit_once(": ").map(|(_, problem)| problem),
        Some("it exports `longshore:plugin/list-format@0.1.0-draft`"),
        "{error}"
    );
}

#[tokio::test]
async fn names_that_are_none_are_refused_without_looking_further() {
    let host = host(Limits::default());
    for name in ["no-such-plugin", "oci://registry.example.com/plugin:1", "./no-such.wasm"] {
        let error =
            host.load(Kind::ListFormat, name, setup()).await.expect_err("something was loaded");
        assert!(error.to_string().contains(name), "{error} does not name {name}");
    }
}

#[tokio::test]
async fn unknown_imports_are_refused_by_name() {
    let fixture = ("http", r#"(component (import "wasi:http/outgoing-handler@0.2.0" (instance)))"#);
    let error = load(&host(Limits::default()), Kind::RepoType, fixture, setup())
        .await
        .expect_err("it was linked");
    assert!(error.to_string().contains("wasi:http/outgoing-handler"), "{error}");
    assert!(error.hint().is_some(), "no hint");
}

#[tokio::test]
async fn a_component_that_is_too_large_or_none_is_refused() {
    let limits = Limits { component: 100, ..Limits::default() };
    let error = load(&host(limits), Kind::ListFormat, fixture!("traps"), setup())
        .await
        .expect_err("it was loaded");
    assert!(
        matches!(&error, PluginError::Load { problem: LoadProblem::TooLarge { .. }, .. }),
        "{error}"
    );
    let module = ("module", "(module)");
    let error = load(&host(Limits::default()), Kind::ListFormat, module, setup())
        .await
        .expect_err("a module was loaded");
    assert!(error.hint().is_some_and(|hint| hint.contains("wasm32-wasip2")), "{error}");
}

#[tokio::test]
async fn compiled_code_is_kept_and_used() {
    let folder = tempfile::tempdir().expect("a folder");
    for run in ["cold", "warm"] {
        let options = HostOptions {
            cache_dir: Some(folder.path().to_owned()),
            clock: SystemTime::UNIX_EPOCH,
        };
        let host = PluginHost::new(options).expect("a host");
        let plugin =
            load(&host, Kind::ListFormat, fixture!("newline"), setup()).await.expect("loads");
        assert_eq!(plugin.name(), "newline");
        let files = std::fs::read_dir(folder.path().join("compiled")).expect("a cache");
        assert_eq!(files.count(), 2, "after the {run} run");
    }
}

/// Answers after a while.
struct Slow {
    wait: Duration,
    status: u16,
    body: usize,
    seen: Mutex<Vec<OutgoingRequest>>,
}

impl Slow {
    fn new(wait: Duration, status: u16) -> Arc<Self> {
        Arc::new(Self { wait, status, body: 0, seen: Mutex::default() })
    }
}

impl EndpointTransport for Slow {
    fn send<'a>(
        &'a self,
        request: OutgoingRequest,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<IncomingResponse, TransportError>> + Send + 'a>>
    {
        Box::pin(async move {
            tokio::time::sleep(self.wait).await;
            self.seen.lock().expect("seen").push(request);
            Ok(IncomingResponse {
                status: self.status,
                headers: Vec::new(),
                body: vec![0; self.body],
            })
        })
    }
}

async fn hook(limits: Limits, grants: &[&str], transport: &Arc<Slow>) -> Plugin {
    let setup = PluginSetup {
        grants: grants.iter().map(|&grant| grant.to_owned()).collect(),
        transport: Some(Arc::<Slow>::clone(transport)),
        ..setup()
    };
    load(&host(limits), Kind::RepoType, fixture!("waits"), setup).await.expect("loads")
}

fn scope(name: &str) -> Scope {
    Scope { kind: "project".to_owned(), name: name.to_owned() }
}

#[tokio::test]
async fn waiting_for_the_network_is_not_charged() {
    let limits = Limits { cpu: Duration::from_millis(150), ..Limits::default() };
    let slow = Slow::new(Duration::from_millis(200), 200);
    let plugin = hook(limits, &["POST registry /wait/*"], &slow).await;
    let prepared = plugin
        .prepare("registry.example.com", &scope("ab"), false)
        .await
        .expect("waiting was charged");
    assert_eq!(prepared.state, State::Created);
    let seen = slow.seen.lock().expect("seen");
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].escaped_path, "/wait/ab");
    assert_eq!(seen[0].escaped_query, "n=1");
    assert_eq!(seen[0].registry, "registry.example.com");
    assert_eq!(seen[0].body.as_deref(), Some(&b"go"[..]));
}

#[tokio::test]
async fn a_hook_that_waits_for_ever_ends_at_the_wall() {
    let limits = Limits { wall_of_hooks: Duration::from_millis(50), ..Limits::default() };
    let slow = Slow::new(Duration::from_secs(600), 200);
    let plugin = hook(limits, &["POST registry /wait/*"], &slow).await;
    let error =
        plugin.prepare("registry.example.com", &scope("a"), false).await.expect_err("it waited");
    assert!(
        matches!(&error, PluginError::Call { failure: Failure::WallTime { .. }, .. }),
        "{error}"
    );
}

/// The code of `other(coded)`, which `waits` answers with when a request was refused.
async fn refusal(limits: Limits, grants: &[&str], name: &str) -> String {
    let slow = Slow::new(Duration::ZERO, 200);
    let plugin = hook(limits, grants, &slow).await;
    let answer = plugin.prepare("r.example.com", &scope(name), false).await;
    match answer {
        Err(PluginError::Call { failure: Failure::Coded { code, .. }, .. }) => code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn requests_need_grants_and_end_at_the_limits() {
    let grants = &["POST registry /wait/*"][..];
    assert_eq!(refusal(Limits::default(), &[], "a").await, "denied");
    assert_eq!(refusal(Limits::default(), grants, "..").await, "denied");
    assert_eq!(refusal(Limits::default(), grants, &"a".repeat(65)).await, "exhausted");
    let no_body = Limits { request_body: 1, ..Limits::default() };
    assert_eq!(refusal(no_body, grants, "a").await, "exhausted");
    let little = Limits { traffic: 5, ..Limits::default() };
    assert_eq!(refusal(little, grants, "abc").await, "exhausted");
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let slow = Slow::new(Duration::ZERO, 200);
    let plugin = hook(Limits::default(), &["HEAD,POST registry /wait/*"], &slow).await;
    let prepared =
        plugin.prepare("r.example.com", &scope("a"), true).await.expect("HEAD goes through");
    assert_eq!(prepared.state, State::WouldCreate);
    let methods: Vec<_> = slow.seen.lock().expect("seen").iter().map(|seen| seen.method).collect();
    assert_eq!(methods, [super::Method::Head]);
}

#[tokio::test]
async fn what_the_plugin_says_comes_through() {
    let busy = Slow::new(Duration::ZERO, 503);
    let plugin = hook(Limits::default(), &["POST registry /wait/*"], &busy).await;
    let error = plugin.prepare("r.example.com", &scope("a"), false).await.expect_err("503");
    assert!(
        matches!(
            &error,
            PluginError::Call { failure: Failure::Transient { retry_after: None }, .. }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn grants_under_the_registry_api_are_refused_at_once() {
    let setup = PluginSetup { grants: vec!["GET registry /v2/**".to_owned()], ..setup() };
    let error = load(&host(Limits::default()), Kind::RepoType, fixture!("waits"), setup)
        .await
        .expect_err("it was granted");
    assert!(error.to_string().contains("/v2/"), "{error}");
}
=======
>>>>>>> h/pluginroom
