//! `--dry-run` says what a run would do, and writes nothing.

use super::{LIST, index};
use crate::support::{Kind, Store, Stores};

for_each_pair!(a_dry_run_writes_nothing);

fn a_dry_run_writes_nothing(source: Kind, destination: Kind) {
    let Some(stores) = Stores::new(source, destination) else { return };
    stores.source.push("team/app", "1", &index());
    let dry = || stores.mirror(LIST).args(["--dry-run", "--referrers"]).run().exits(0);
    dry().sums_up("1 to copy, 0 skipped, 0 failed");
    stores.destination.assert_lacks("team/app", "1");
    stores.destination.assert_lacks("team/app", index().digest());
    if let Store::Folder(layouts, _) = &stores.destination {
        assert!(!layouts.root().exists(), "the folder was created");
    }
    let run = stores.validate(LIST).run().exits(1);
    run.complains("destination manifest does not exists");
    if let Store::Folder(layouts, _) = &stores.destination {
        assert!(!layouts.root().exists(), "mirror-validate created the folder");
    }

    stores.mirror(LIST).run().exits(0);
    let before = files(&stores.destination);
    let other = "team/app other/app 1\nteam/app team/app 1\n";
    let run = stores.mirror(other).arg("--dry-run").run().exits(0);
    run.sums_up("1 to copy, 1 skipped, 0 failed");
    stores.destination.assert_lacks("other/app", "1");
    assert_eq!(files(&stores.destination), before);
}

/// Lists all files of a folder, of a registry none.
fn files(store: &Store) -> Vec<std::path::PathBuf> {
    let Store::Folder(layouts, _) = store else { return Vec::new() };
    let mut files = Vec::new();
    let mut folders = vec![layouts.root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().expect("the folder is readable") {
            let path = entry.expect("the folder is readable").path();
            if path.is_dir() {
                folders.push(path.clone());
            }
            files.push(path);
        }
    }
    files.sort();
    files
}
