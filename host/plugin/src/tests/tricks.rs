//! Plugins that recurse, log without end, keep state, lead requests elsewhere and lie about themselves.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::hooks::{hook_of, scope, slow};
use super::{host, load, setup};
use crate::{Failure, Kind, Limits, LoadProblem, LogLevel, PluginError, PluginLog, PluginSetup};

#[tokio::test]
async fn endless_recursion_is_a_trap() {
    let plugin = load(&host(Limits::default()), Kind::ListFormat, fixture!("recurses"), setup())
        .await
        .expect("loads");
    let errors = [
        plugin.probe("list", "a").await.expect_err("it returned"),
        plugin.parse("list", "a").await.expect_err("it returned"),
    ];
    for error in errors {
        assert!(
            matches!(
                &error,
                PluginError::Call { plugin, failure: Failure::Trapped { reason }, .. }
                    if plugin == "recurses" && reason.contains("stack")
            ),
            "{error}"
        );
    }
    // The next call has a stack of its own.
    assert!(plugin.parse("list", "a").await.is_err());
}

/// Counts the lines and the bytes that a plugin logs.
#[derive(Default)]
struct Counted(Mutex<(usize, usize)>);

impl PluginLog for Counted {
    fn line(&self, _plugin: &str, _level: LogLevel, message: &str) {
        let mut counted = self.0.lock().expect("the counts");
        counted.0 += 1;
        counted.1 += message.len();
    }
}

#[tokio::test]
async fn a_log_without_end_is_cut_and_ends_with_the_call() {
    let limits = Limits { cpu: Duration::from_millis(200), log_lines: 50, ..Limits::default() };
    let counted = Arc::new(Counted::default());
    let log: Arc<dyn PluginLog> = Arc::<Counted>::clone(&counted);
    let setup = PluginSetup { log, ..setup() };
    let plugin =
        load(&host(limits), Kind::ListFormat, fixture!("chatters"), setup).await.expect("loads");
    let error = plugin.parse("list", "a").await.expect_err("it returned");
    assert!(
        matches!(&error, PluginError::Call { failure: Failure::CpuTime { .. }, .. }),
        "{error}"
    );
    let (lines, bytes) = *counted.0.lock().expect("the counts");
    assert!((50..=51).contains(&lines), "{lines} lines");
    // Control characters are escaped, here to six characters each.
    assert!(bytes < 51 * 8 * 1024, "{bytes} bytes");
}

#[tokio::test]
async fn nothing_is_kept_between_calls() {
    let plugin = load(&host(Limits::default()), Kind::ListFormat, fixture!("remembers"), setup())
        .await
        .expect("loads");
    for _ in 0..3 {
        plugin.probe("list", "").await.expect("a result");
        let parsed = plugin.parse("list", "").await.expect("a list");
        let found = &parsed.diagnostics[0];
        assert_eq!((found.line, found.column), (1, 1), "a call saw what another one left");
    }
}

#[tokio::test]
async fn a_probe_that_traps_is_the_plugins_error() {
    let (name, text) = fixture!("traps");
    let probe =
        "(func (export \"probe\") (param i32 i32 i32 i32) (result i32)\n      (i32.const 1))";
    let traps = text.replace(probe, &probe.replace("(i32.const 1)", "unreachable"));
    assert_ne!(traps, text);
    let plugin = load(&host(Limits::default()), Kind::ListFormat, (name, &traps), setup())
        .await
        .expect("loads");
    let error = plugin.probe("list", "a").await.expect_err("it returned");
    assert_eq!(
        error.to_string(),
        "recognise the list with plugin `traps`: the plugin trapped: wasm `unreachable` \
         instruction executed"
    );
}

#[tokio::test]
async fn a_header_does_not_choose_the_host() {
    let slow = slow();
    let plugin = hook_of(fixture!("redirects"), &["POST registry /wait/*"], &slow).await;
    let result = plugin.prepare("r.example.com", &scope("a"), false).await;
    assert!(
        matches!(
            &result,
            Err(PluginError::Call { failure: Failure::Coded { code, .. }, .. }) if code == "denied"
        ),
        "{result:?}"
    );
    assert_eq!(slow.requests(), 0, "it was sent");
}

/// Appends a metadata section without checking it, as a liar does.
fn lying(fixture: (&str, &str), json: &str) -> Vec<u8> {
    let mut component = wat::parse_str(fixture.1).expect("a component");
    let name = longshore_plugin_pack::SECTION;
    let leb = |mut size: usize| {
        let mut bytes = Vec::new();
        loop {
            let low = u8::try_from(size & 0x7f).expect("seven bits");
            size >>= 7;
            bytes.push(if size == 0 { low } else { low | 0x80 });
            if size == 0 {
                return bytes;
            }
        }
    };
    let mut content = leb(name.len());
    content.extend(name.bytes());
    content.extend(json.bytes());
    component.push(0);
    component.extend(leb(content.len()));
    component.extend(content);
    component
}

async fn refused(kind: Kind, component: Vec<u8>, file: &str) -> PluginError {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(file);
    std::fs::write(&path, component).expect("is written");
    let loaded = host(Limits::default()).load(kind, path.to_str().expect("a path"), setup()).await;
    loaded.expect_err("it was loaded")
}

#[tokio::test]
async fn lies_in_the_metadata_are_found() {
    let loops = fixture!("loops");
    for (json, said) in [
        (r#"{"name":"x","version":"1","kind":"rewrite"}"#, "the kind in its metadata is rewrite"),
        (
            r#"{"name":"mirror","version":"1","kind":"list-format"}"#,
            "the name of a built-in plugin",
        ),
        (
            r#"{"name":"harbor","version":"1","kind":"list-format"}"#,
            "the name of a built-in plugin",
        ),
        (r#"{"name":"x","version":"1","kind":"wizard"}"#, "read plugin metadata: unknown variant"),
        (r#"{"name":"x","kind":"list-format"}"#, "missing field `version`"),
        (
            r#"{"name":"x","version":"1","kind":"list-format","least-host-version":"99.0.0"}"#,
            "it needs longshore 99.0.0",
        ),
        ("{", "read plugin metadata: EOF"),
    ] {
        let error = refused(Kind::ListFormat, lying(loops, json), "x.wasm").await;
        assert!(error.to_string().contains(said), "{json}: {error}");
    }
    // The kind is what it exports. A rewrite that calls itself a list format is not one.
    let json = r#"{"name":"x","version":"1","kind":"list-format"}"#;
    let error = refused(Kind::ListFormat, lying(fixture!("keeps"), json), "x.wasm").await;
    assert!(
        matches!(&error, PluginError::Load { problem: LoadProblem::Contradiction { .. }, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn escapes_in_names_reach_no_terminal() {
    let loops = fixture!("loops");
    for name in ["\\u001b[2J", "a\\u202eb", "a\\nb", "a\\u0007"] {
        let json = format!(r#"{{"name":"{name}","version":"1","kind":"list-format"}}"#);
        let error = refused(Kind::ListFormat, lying(loops, &json), "x.wasm").await.to_string();
        assert!(error.contains("must be lower-case words"), "{error:?}");
        let shown = |at: char| at.is_control() || at == '\u{202e}';
        assert!(!error.contains(shown), "{error:?}");
    }
    let file = "a\u{1b}[31m\u{202e}.wasm";
    let error = refused(Kind::Rewrite, wat::parse_str(loops.1).expect("a component"), file).await;
    let shown = error.to_string();
    assert!(shown.contains("\\u{1b}") && !shown.contains('\u{1b}'), "{shown:?}");
    assert!(!shown.contains('\u{202e}'), "{shown:?}");
}
