//! A plugin is installed only if the user agrees, and sends only what the user granted.

use serde_json::{Value, json};

use super::{lock, plugin};
use crate::plugin::packed;
use crate::prompt::Terminal;
use crate::support::harbor::{Behaviour, Harbor};
use crate::support::{Longshore, Registry, Run};
use longshore_content::Image;

/// The request that the repository type sends.
const GRANT: &str = "POST registry /wait/*";
/// The user's settings file, relative to the working directory.
const SETTINGS: &str = "../home/.config/longshore.toml";

/// Returns a repository type that wants these requests.
fn waiter(wants: &[&str]) -> Vec<u8> {
    let metadata: Value = json!({
        "name": "waiter", "version": "1.0.0", "kind": "repo-type", "grants": wants,
    });
    packed("waits", &metadata)
}

fn with_waiter() -> Longshore {
    Longshore::new().file("waiter.wasm", waiter(&[GRANT]))
}

/// Adds the plugin with more arguments.
fn add(longshore: Longshore, more: &[&str]) -> Run {
    plugin(longshore, &["add", "./waiter.wasm"]).args(more).run()
}

/// Creates a source with an image, and a destination before which a Harbor counts requests.
fn registries() -> (Registry, Registry, Harbor) {
    let (source, destination) = (Registry::embedded(), Registry::embedded());
    source.push("team/app", "1", &Image::new("linux/amd64").layer(1, 1000).build());
    let open = Behaviour { open: true, ..Behaviour::default() };
    let harbor = Harbor::start(destination.address(), open);
    (source, destination, harbor)
}

fn mirror(run: &Run, source: &Registry, harbor: &Harbor) -> Longshore {
    let longshore = run.again().mirror().list("team/app team/app 1\n").source(source.address());
    longshore.destination(harbor.address()).args(["--repo-type", "waiter"])
}

#[test]
fn a_user_at_a_terminal_sees_what_is_wanted_and_decides() {
    let add = || plugin(with_waiter(), &["add", "./waiter.wasm"]);
    for (keys, code) in [("\r", 2), ("n\r", 2), ("yes please\r", 2), ("y\r", 0), ("YES\r", 0)] {
        let longshore = add();
        let Some(mut terminal) = Terminal::start(&longshore) else { return };
        terminal.wait_for(&format!("  wants {GRANT} at the destination registry"));
        let question = "install waiter, and allow the requests that it wants? [y/N] ";
        terminal.answers(question, keys);
        let said = terminal.exits(code);
        let file = |path: &str| std::fs::read_to_string(longshore.directory().join(path));
        let (locked, settings) = (file("../home/.config/longshore.lock"), file(SETTINGS));
        if code == 0 {
            assert!(said.contains("installed waiter, sha256:"), "{said}");
            assert!(locked.expect("a lock file").contains("name = \"waiter\""));
            assert!(settings.expect("settings").contains(GRANT), "the grant is not kept");
        } else {
            assert!(said.contains("failed to install waiter: it was declined"), "{said}");
            assert!(locked.is_err() && settings.is_err(), "{keys:?} installed something");
        }
    }
}

#[test]
fn a_question_can_be_left_with_a_key() {
    for (keys, said) in
        [("\u{4}", "install waiter: it was declined"), ("\u{3}", "read the prompt: ")]
    {
        let longshore = plugin(with_waiter(), &["add", "./waiter.wasm"]);
        let Some(mut terminal) = Terminal::start(&longshore) else { return };
        terminal.answers("? [y/N] ", keys);
        let all = terminal.exits(2);
        assert!(all.contains(said), "{all}");
        let lock = longshore.directory().join("../home/.config/longshore.lock");
        assert!(!lock.exists(), "{keys:?} installed something");
    }
}

#[test]
fn nobody_is_asked_without_a_terminal() {
    let run = add(with_waiter(), &[]).exits(2);
    let run = run.complains("install waiter: there is no terminal to ask at");
    let run = run.complains(&format!("  wants {GRANT} at the destination registry"));
    let run = run.complains("  imports longshore:plugin/endpoints 0.1.0");
    let run = run.complains(
        "hint: to agree, run longshore plugin add ./waiter.wasm --yes --grant='POST registry /wait/*'",
    );
    assert_eq!(run.file("../home/.config/longshore.lock"), None, "it was locked");
    assert_eq!(run.file(SETTINGS), None);
    // The line does what it says.
    let agreed = add(run.again(), &["--yes", "--grant=POST registry /wait/*"]).exits(0);
    let settings = agreed.file(SETTINGS).expect("the grant is kept");
    assert_eq!(settings, format!("[plugins.waiter]\ngrants = [\"{GRANT}\"]\n"));
    assert!(!lock(&agreed).contains("grants"), "a lock file grants nothing");
}

#[test]
fn where_credentials_are_fetched_is_shown() {
    let metadata: Value = json!({
        "name": "waiter", "version": "1.0.0", "kind": "repo-type", "grants": ["GET api /teams"],
        "endpoints": [{
            "name": "api", "origin": "config:api-url", "auth": "registry",
            "templates": [{"registry": "{team}.registry.example", "origin": "https://{team}.api.example"}],
        }],
        "exchange": {
            "endpoint": "api", "method": "POST", "path": "/login", "pointer": "/token", "encoding": "bearer",
        },
    });
    let longshore = Longshore::new().file("waiter.wasm", packed("waits", &metadata));
    let run = add(longshore, &[]).exits(2);
    let origin = "the destination registry, or https://{team}.api.example for {team}.registry.example \
                  (or what waiter.api-url names)";
    let run = run.complains(&format!("wants GET api /teams at {origin}"));
    run.complains(&format!(
        "lets longshore fetch the registry's credential with POST /login at {origin}"
    ));
}

#[test]
fn yes_alone_grants_nothing() {
    let run = add(with_waiter(), &["--yes"]).exits(0).complains("which is not granted");
    assert_eq!(run.file(SETTINGS), None);
    let (source, destination, harbor) = registries();
    let denied = mirror(&run, &source, &harbor).run().exits(0);
    denied.complains("with plugin `waiter`: ").complains("trying the push anyway");
    assert_eq!(harbor.count("POST", "/wait/ab"), 0, "a request went out without a grant");
    let granted = mirror(&run, &source, &harbor).args(["--grant", GRANT]).run().exits(0);
    assert_eq!(harbor.count("POST", "/wait/ab"), 2);
    let file = granted.again().file(SETTINGS, format!("[plugins.waiter]\ngrants = ['{GRANT}']\n"));
    drop(file);
    mirror(&granted, &source, &harbor).run().exits(0);
    assert_eq!(harbor.count("POST", "/wait/ab"), 4, "the settings file did not grant it");
    destination.assert_complete("team/app", "1");
}

#[test]
fn a_lock_file_of_somebody_else_grants_nothing() {
    let run = add(with_waiter(), &["--yes", "--grant", GRANT]).exits(0);
    let (source, _destination, harbor) = registries();
    let stolen = run.again().file("theirs/longshore.lock", lock(&run)).file("theirs/s.toml", "");
    drop(stolen);
    let theirs = mirror(&run, &source, &harbor).args(["--settings", "theirs/s.toml"]);
    theirs.run().exits(0).complains("trying the push anyway");
    assert_eq!(harbor.count("POST", "/wait/ab"), 0);
}

#[test]
fn an_update_that_wants_more_needs_consent() {
    let run = add(with_waiter(), &["--yes", "--grant", GRANT]).exits(0);
    let before = lock(&run);
    let replaced = |wants: &[&str]| run.again().file("waiter.wasm", waiter(wants));
    let update =
        |longshore: Longshore, more: &[&str]| plugin(longshore, &["update"]).args(more).run();
    let wider = update(replaced(&[GRANT, "GET registry /who"]), &[]).exits(1);
    let wider = wider.complains("now wants GET registry /who");
    let wider = wider.complains("update waiter: there is no terminal to ask at");
    wider.complains("run longshore plugin update waiter --yes --grant='GET registry /who'");
    assert_eq!(lock(&run), before, "it was updated");
    // What the user wrote is not rewritten.
    let own = format!("[plugins.waiter]\ngrants = ['{GRANT}']\n");
    let table = update(run.again().file(SETTINGS, own), &["--yes", "--grant", "GET registry /who"]);
    table.exits(1).complains("it has [plugins.waiter], which longshore does not change").complains(
        "give [plugins.waiter] the line grants = [\"POST registry /wait/*\", \"GET registry /who\"]",
    );
    assert_eq!(lock(&run), before, "it was updated");
    let accepted = update(run.again(), &["--yes"]).exits(0).complains("which is not granted");
    assert_ne!(lock(&accepted), before);
    // Fewer requests need no consent.
    update(replaced(&[]), &[]).exits(0).complains("updated waiter");
    assert!(!lock(&run).contains("wants"));
}

#[test]
fn the_command_that_agrees_adds_to_the_grants_that_longshore_wrote() {
    let run = add(with_waiter(), &["--yes", "--grant", GRANT]).exits(0);
    let written = run.file(SETTINGS).expect("the grant was written");
    let wider = run.again().file("waiter.wasm", waiter(&[GRANT, "GET registry /who"]));
    let agreed = plugin(wider, &["update", "waiter", "--yes", "--grant=GET registry /who"]).run();
    let agreed = agreed.exits(0).complains("updated waiter");
    let settings = agreed.file(SETTINGS).expect("there are settings");
    assert_eq!(settings, written.replace("*\"]", "*\", \"GET registry /who\"]"));
}

#[test]
fn wrong_grants_are_refused() {
    for (grant, why) in [
        ("POST registry", "it must read `METHODS ENDPOINT /path"),
        ("POST registry /v2/**", "a plugin may not use the registry API under /v2/"),
        ("POST api /wait/*", "waiter has no endpoint of that name"),
    ] {
        let run = add(with_waiter(), &["--yes", "--grant", grant]).exits(2).complains(why);
        assert_eq!(run.file("../home/.config/longshore.lock"), None, "it was locked");
    }
    let built_in = Longshore::new().file(SETTINGS, "[plugins.harbor]\ngrants = []\n");
    plugin(built_in, &["list"]).run().exits(2).complains("harbor is built in");
}
