//! The way of a plugin from its author to other machines, with what an author has built.

use serde_json::json;

use super::{certain, lock, plugin, pulled_by_others};
use crate::plugin::with_metadata;
use crate::support::{Longshore, Pair, Registry, Run};
use longshore_content::Image;

/// A list in the format of the templates.
const LIST: &str = "mirror:\n  - image: team/app:1\n";

/// Packs and pushes the list format that was built in the folder `name` of `author`. Another machine installs it
/// and mirrors with it. Then its tag is moved, and a third machine has the lock file only.
pub(crate) fn travels(author: &Run, name: &str, built: &str) {
    let Some(registry) = Registry::docker().start() else { return };
    let files = [format!("{name}/{built}"), format!("{name}/plugin.json")];
    plugin(author.again(), &["pack"]).args(&files).args(["-o", "packed.wasm"]).run().exits(0);
    let reference = format!("oci://{}/plugins/{name}:1", registry.address());
    let push = |file: &str| {
        let pushed = plugin(author.again(), &["push", file, &reference]).run().exits(0);
        let (place, digest) = pushed.stdout.trim().split_once('@').expect("a digest is printed");
        assert_eq!(place, reference);
        digest.to_owned()
    };
    let digest = push("packed.wasm");
    let packed = std::fs::read(author.directory().join("packed.wasm")).expect("it was packed");
    pulled_by_others(&registry, &format!("plugins/{name}"), &digest, &packed);

    let (pair, image) = (Pair::embedded(), Image::new("linux/amd64").layer(1, 1000).build());
    pair.source.push("team/app", "1", &image);
    let mirror = |run: Longshore| {
        let run = run.mirror().list(LIST).source(pair.source.address());
        run.destination(pair.destination.address())
    };
    mirror(Longshore::new()).run().exits(2).complains("no known format");
    let user = plugin(Longshore::new(), &["add", &reference, "--yes"]).run().exits(0);
    let user = mirror(user.again()).run().exits(0);
    let user = user.complains(&format!("images.txt is read as {name}"));
    pair.assert_arrived("team/app", "1", &image);

    let other = json!({"name": name, "version": "9.0.0", "kind": "list-format"});
    drop(author.again().file("other.wasm", with_metadata(&certain(), &other)));
    let moved = push("other.wasm");
    assert_ne!(moved, digest);
    mirror(user.again()).arg("--locked").run().exits(0);
    let third = Longshore::new().file("../home/.config/longshore.lock", lock(&user));
    let third = mirror(third).arg("--locked").run().exits(2);
    let both = format!("now has the manifest {moved}, and the lock file says {digest}");
    let third = third.complains(&both).complains("longshore plugin prefetch");
    assert_eq!(third.stdout, "", "something was done");
    // A run that has to find the format says the same.
    let third = mirror(third.again()).run().exits(2).complains(&both);
    let third = third.complains("the list is read without this plugin");
    let third = plugin(third.again(), &["prefetch"]).run().exits(0);
    let third = mirror(third.again()).arg("--locked").run().exits(0);
    third.sums_up("0 copied, 1 skipped, 0 failed");
}
