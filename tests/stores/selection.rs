//! Tags selected by pattern out of a store of each kind.

use super::image;
use crate::support::{Kind, Longshore, Store, Stores};

for_each_kind!(tags_are_selected_by_pattern, all_repositories_are_found);

/// A list for skopeo-sync. `-s` replaces its registry.
const SKOPEO: &str = "registry.example.com:\n  images:\n    tools/jq: ['1.7']\n  \
                      images-by-semver:\n    team/app: '1.x'\n  \
                      images-by-tag-regex:\n    team/old: '^v[0-9]$'\n";

fn filled(kind: Kind) -> Option<Stores> {
    let stores = Stores::new(kind, Kind::Serve)?;
    for (seed, tag) in (1..).zip(["1.0", "1.1", "2.0", "latest"]) {
        stores.source.push("team/app", tag, &image("linux/amd64", seed));
    }
    for (seed, tag) in (5..).zip(["v1", "v10", "v2"]) {
        stores.source.push("team/old", tag, &image("linux/amd64", seed));
    }
    stores.source.push("tools/jq", "1.7", &image("linux/amd64", 8));
    Some(stores)
}

fn tags_are_selected_by_pattern(kind: Kind) {
    let Some(stores) = filled(kind) else { return };
    let run = stores.mirror(SKOPEO).run().exits(0).complains("is read as skopeo-sync");
    let run = run.sums_up("5 copied, 0 skipped, 0 failed");
    run.complains("2 of 4 tags of").complains("2 of 3 tags of");
    assert_eq!(stores.destination.tags("team/app"), ["1.0", "1.1"]);
    assert_eq!(stores.destination.tags("team/old"), ["v1", "v2"]);
    stores.destination.assert_has("team/old", "v2", &image("linux/amd64", 7));
    stores.validate(SKOPEO).run().exits(0).sums_up("5 valid, 0 skipped, 0 failed");
}

/// A list for dregsy that takes repositories by pattern.
fn all_repositories_are_found(kind: Kind) {
    let Some(stores) = filled(kind) else { return };
    let list = "tasks:\n- source: {registry: 'registry.example.com'}\n  \
                target: {registry: 'other.example.com'}\n  mappings:\n  \
                - {from: 'regex:team/.*', tags: ['regex: .*']}\n";
    let run = stores.mirror(list).run().exits(0).complains("is read as dregsy");
    run.sums_up("7 copied, 0 skipped, 0 failed");
    assert_eq!(stores.destination.tags("team/app"), ["1.0", "1.1", "2.0", "latest"]);
    assert_eq!(stores.destination.tags("team/old"), ["v1", "v10", "v2"]);
    stores.destination.assert_lacks("tools/jq", "1.7");
}

/// A folder of the system, such as `lost+found`, or one that another user closed.
#[test]
fn a_folder_that_may_not_be_read_hides_no_others() {
    let Some(stores) = filled(Kind::Folder) else { return };
    let Store::Folder(layouts, _) = &stores.source else { unreachable!("it is a folder") };
    let closed = layouts.root().join("closed");
    let list = "tasks:\n- source: {registry: 'registry.example.com'}\n  \
                target: {registry: 'other.example.com'}\n  mappings:\n  \
                - {from: 'regex:.*', tags: ['regex: .*']}\n";
    let script = format!("mkdir '{0}'; chmod 0 '{0}'", closed.display());
    let Some(run) = stores.mirror(list).unprivileged(&script) else { return };
    let run = run.run().exits(0).sums_up("8 copied, 0 skipped, 0 failed");
    run.complains(&format!("left out {}: Permission denied", closed.display()));
}

#[test]
fn a_repository_that_a_folder_lacks_is_named() {
    let Some(Store::Folder(layouts, scratch)) = Store::new(Kind::Folder) else { return };
    std::fs::create_dir(layouts.root()).expect("the folder can be made");
    let source = Store::Folder(layouts, scratch);
    let run = Longshore::new().mirror().list(SKOPEO).source(&source.name());
    let run =
        run.destination("127.0.0.1:9").run().exits(1).sums_up("0 copied, 0 skipped, 3 failed");
    run.complains(&format!("list the tags of {}/team/app: not found", source.name()));
}
