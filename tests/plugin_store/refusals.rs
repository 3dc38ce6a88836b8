//! What is not as the lock file says is not used.

use super::{LIST, installed, lock, mirror, pair, plugin, zarf};
use crate::support::{Longshore, Run};

/// The lock file, relative to the working directory.
const LOCK: &str = "../home/.config/longshore.lock";

/// The hint that brings the locked component back.
const FETCH: &str = "`longshore plugin prefetch`";

/// Returns the only component of the data directory, relative to the working directory.
pub(super) fn component(run: &Run) -> String {
    let folder = "../home/.local/share/longshore/plugins";
    let mut files = std::fs::read_dir(run.directory().join(folder)).expect("there is a folder");
    let file = files.next().expect("there is a component").expect("it is listed");
    format!("{folder}/{}", file.file_name().to_string_lossy())
}

#[test]
fn a_component_that_was_exchanged_is_not_run() {
    let run = installed();
    let path = component(&run);
    let pair = pair();
    mirror(run.again(), &pair).args(["--list-format", "zarf"]).run().exits(0);
    for (content, why) in [
        (zarf("6.6.6"), "its component has the digest sha256:"),
        (b"\0asm\x0d\0\x01\0".to_vec(), "its component has the digest sha256:"),
        (b"text".to_vec(), "not a WebAssembly binary"),
        (zarf("1.0.0")[..500].to_vec(), "its component has the digest sha256:"),
        (Vec::new(), "its component has the digest sha256:"),
    ] {
        drop(run.again().file(&path, content));
        for more in [&["--list-format", "zarf"][..], &["--locked"]] {
            let refused = mirror(run.again(), &pair).args(more).run().exits(2).complains(why);
            let refused = refused.complains("and the lock file says sha256:").complains(FETCH);
            assert_eq!(refused.stdout, "", "something was done");
        }
        let detected = mirror(run.again(), &pair).run().exits(2).complains(why).complains(FETCH);
        detected.complains("the list is read without this plugin");
        let plain = run.again().file("plain", "# !!zarf\ndocker.io/a/b c/d 1\n");
        let other = plain.args(["convert-list", "-i", "plain", "-o", "-"]).run().exits(0);
        other.complains("the list is read without this plugin").complains(FETCH);
        let info = plugin(run.again(), &["info", "zarf"]).run().exits(2).complains(FETCH);
        info.complains("load plugin `zarf`: its component has the digest sha256:");
    }
    std::fs::remove_file(run.directory().join(&path)).expect("it is there");
    let missing = plugin(run.again(), &["info", "zarf"]).run().exits(2).complains(FETCH);
    missing.complains("load plugin `zarf`: its component is not on this machine: ");
    let fetched = plugin(run.again(), &["prefetch"]).run().exits(0);
    mirror(fetched.complains("zarf was fetched").again(), &pair).arg("--locked").run().exits(0);
}

#[test]
fn a_source_that_changed_is_fetched_by_update_only() {
    let run = installed();
    let before = lock(&run);
    std::fs::remove_file(run.directory().join(component(&run))).expect("it is there");
    drop(run.again().file("zarf.wasm", zarf("2.0.0")));
    let moved = plugin(run.again(), &["prefetch"]).run().exits(1);
    moved.complains("and the lock file says sha256:").complains("longshore plugin update zarf");
    assert_eq!(lock(&run), before);
    let added = plugin(run.again(), &["add", "zarf.wasm", "--yes"]).run().exits(2);
    added.complains("install zarf: it is installed from file:").complains("plugin update zarf");
    plugin(run.again(), &["update"]).run().exits(0).complains("zarf 1.0.0 → 2.0.0");
    mirror(run.again(), &pair()).arg("--locked").run().exits(0);
    // Another plugin does not take the place of this one.
    let other = serde_json::json!({"name": "other", "version": "1", "kind": "list-format"});
    let other = crate::plugin::with_metadata(&super::certain(), &other);
    drop(run.again().file("zarf.wasm", other));
    let renamed = plugin(run.again(), &["update"]).run().exits(1);
    renamed.complains("now has the list-format plugin other");
}

#[test]
fn locked_runs_use_locked_plugins_only() {
    let pair = pair();
    let none = mirror(Longshore::new(), &pair).arg("--locked").run().exits(2);
    none.complains("use --locked: there is no lock file ").complains("longshore plugin add");
    let run = installed();
    let path = ["--list-format", "./other.wasm", "--locked"];
    let other = mirror(run.again().file("other.wasm", zarf("3.0.0")), &pair).args(path).run();
    other.exits(2).complains("the lock file does not have the component sha256:");
    // The locked component by its path is the locked component.
    let same = ["--list-format", "./zarf.wasm", "--locked"];
    mirror(run.again(), &pair).args(same).run().exits(0);
    let converted = run.again().file("list", LIST).args(["convert-list", "-i", "list", "-o", "-"]);
    let converted = converted.args(["--list-format", "./other.wasm", "--locked"]).run();
    converted.exits(2).complains("--locked is given");
    let settings = run.again().file("../home/.config/longshore.toml", "locked = true\n");
    mirror(settings, &pair).args(["--list-format", "./other.wasm"]).run().exits(2);
}

#[test]
fn a_lock_file_that_lies_is_refused() {
    let run = installed();
    let good = lock(&run);
    let pair = pair();
    for (text, why) in [
        (good.replace("name = \"zarf\"", "name = \"flour\""), "gives it the name `flour`"),
        (good.replace("kind = \"list-format\"", "kind = \"rewrite\""), "is a rewrite plugin"),
        (good.replace("name = \"zarf\"", "name = \"mirror\""), "the name of a built-in plugin"),
        (good.replace("version = 1\n", "version = 9\n"), "this longshore reads version 1"),
        (format!("{good}grants = []\n"), "unknown field `grants`"),
    ] {
        let name = if text.contains("flour") { "flour" } else { "zarf" };
        let lying = run.again().file(LOCK, text);
        mirror(lying, &pair).args(["--list-format", name]).run().exits(2).complains(why);
    }
    let lying = run.again().file(LOCK, good.replace("sha256 = \"", "sha256 = \"../../"));
    mirror(lying, &pair).run().exits(2).complains("sha256 is not 64 hexadecimal digits");
}
