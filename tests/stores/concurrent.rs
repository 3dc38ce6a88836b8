//! Several processes write to one store at the same time, and nothing is lost.

use longshore_content::{Content, Image};

use crate::support::{Kind, Longshore, Registry, Store, Stores};

for_each_kind!(two_runs_into_one_store_lose_nothing);

/// The number of tags that each process writes to one repository.
const TAGS: u64 = 15;

/// Creates an image with a layer that all images share.
fn image(seed: u64) -> Content {
    Image::new("linux/amd64").layer(0, 5000).layer(seed, 100).build()
}

/// Pushes images `tag-0` to `tag-14`, and creates a list of them.
fn pushed(source: &Store, tag: &str, first_seed: u64) -> String {
    let mut list = String::new();
    for number in 0..TAGS {
        source.push("team/app", &format!("{tag}-{number}"), &image(first_seed + number));
        list += &format!("team/app team/app {tag}-{number}\n");
    }
    list
}

#[track_caller]
fn assert_arrived(store: &Store, tag: &str, first_seed: u64) {
    for number in 0..TAGS {
        store.assert_has("team/app", &format!("{tag}-{number}"), &image(first_seed + number));
    }
}

fn two_runs_into_one_store_lose_nothing(kind: Kind) {
    let Some(stores) = Stores::new(Kind::Serve, kind) else { return };
    let mut lists =
        ["a", "b"].map(|tag| pushed(&stores.source, tag, if tag == "a" { 100 } else { 200 }));
    // Both write this tag, and each writes a repository of its own.
    stores.source.push("team/app", "both", &image(1));
    for (list, own) in lists.iter_mut().zip(["own/a", "own/b"]) {
        *list += &format!("team/app team/app both\nteam/app {own} both\n");
    }
    let running = lists.each_ref().map(|list| stores.mirror(list).start());
    for run in running {
        run.finish().exits(0);
    }
    assert_arrived(&stores.destination, "a", 100);
    assert_arrived(&stores.destination, "b", 200);
    for repository in ["team/app", "own/a", "own/b"] {
        stores.destination.assert_has(repository, "both", &image(1));
    }
    let tags = usize::try_from(2 * TAGS).expect("it is small") + 1;
    assert_eq!(stores.destination.tags("team/app").len(), tags);
    for list in &lists {
        stores.validate(list).arg("--deep").run().exits(0);
    }
}

#[test]
fn a_served_folder_shows_what_a_run_writes_into_it() {
    let Some(source) = Store::new(Kind::Serve) else { return };
    let list = pushed(&source, "run", 100);
    let served = Registry::embedded();
    served.push("team/app", "before", &image(1));
    let folder = format!("oci:{}", served.directory().display());
    let run = Longshore::new().mirror().list(&list).source(&source.name()).destination(&folder);
    let run = run.start();
    // A client pushes to the same repository in the meantime.
    for number in 0..TAGS {
        served.push("team/app", &format!("client-{number}"), &image(200 + number));
    }
    run.finish().exits(0).sums_up("15 copied, 0 skipped, 0 failed");
    served.push("team/app", "after", &image(2));
    let served = Store::from(served);
    assert_arrived(&served, "run", 100);
    assert_arrived(&served, "client", 200);
    served.assert_has("team/app", "before", &image(1));
    served.assert_has("team/app", "after", &image(2));
    let expected = usize::try_from(2 * TAGS).expect("it is small") + 2;
    assert_eq!(served.tags("team/app").len(), expected);

    // The folder as a source has what clients pushed.
    let Some(copy) = Store::new(Kind::Folder) else { return };
    let run = Longshore::new().mirror().list("team/app team/app client-3\n").source(&folder);
    run.destination(&copy.name()).run().exits(0);
    copy.assert_has("team/app", "client-3", &image(203));
}
