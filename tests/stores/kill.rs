//! SIGKILL at any point leaves complete tags and readable indexes, and the next run completes the
//! rest.

use std::time::{Duration, Instant};

use longshore_content::{Image, Layouts};

use crate::kill::{LIST, REPOSITORIES, content, points, slow};
use crate::support::{FaultProxy, Kind, Longshore, Store, Stores};

for_each_kind!(a_killed_run_leaves_complete_tags);

/// Creates the destination as longshore sees it: a registry is slowed down.
fn slowed(store: &Store) -> (String, Option<FaultProxy>) {
    match store {
        Store::Folder(..) => (store.name(), None),
        Store::Registry(registry) => {
            let proxy = slow(registry);
            (proxy.address().to_owned(), Some(proxy))
        }
    }
}

/// Checks that all indexes are JSON, and that all tags are complete. Returns the number of tags.
#[track_caller]
fn assert_whole(store: &Store) -> usize {
    if let Store::Folder(layouts, _) = store {
        assert_readable(layouts);
    }
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match store.whole(&REPOSITORIES) {
            Ok(count) => return count,
            // The registry may still work on a request of the killed client: distribution lists a tag
            // before it can be fetched.
            Err(_) if matches!(store, Store::Registry(_)) && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(broken) => panic!("{broken}"),
        }
    }
}

#[track_caller]
fn assert_readable(layouts: &Layouts) {
    if !layouts.root().exists() {
        return;
    }
    for repository in layouts.repositories().expect("the folder is readable") {
        let index = layouts.index(&repository).expect("the index is JSON");
        assert!(index.is_some_and(|index| index["manifests"].is_array()), "{repository}");
    }
}

fn a_killed_run_leaves_complete_tags(kind: Kind) {
    let Some(stores) = Stores::new(Kind::Serve, kind) else { return };
    for (seed, repository) in (1..).zip(REPOSITORIES) {
        stores.source.push(repository, "1", &content(seed));
    }
    let (source, _source_proxy) = slowed(&stores.source);
    let (destination, _destination_proxy) = slowed(&stores.destination);
    let mut seen = Vec::new();
    for point in points(8, 23) {
        let run = Longshore::new().mirror().list(LIST).source(&source).destination(&destination);
        let run = run.arg("--debug").start();
        run.line(|line| line.contains("[M_ID:1]").then_some(()));
        std::thread::sleep(Duration::from_millis(point));
        drop(run.kill());
        seen.push(assert_whole(&stores.destination));
    }
    assert!(seen[0] < REPOSITORIES.len(), "the first was killed too late: {seen:?}");
    stores.mirror(LIST).run().exits(0);
    assert_eq!(assert_whole(&stores.destination), 3);
    stores.validate(LIST).arg("--deep").run().exits(0);
    if let Store::Folder(layouts, _) = &stores.destination {
        let incoming = layouts.root().join(".longshore/incoming");
        let left = incoming.read_dir().expect("the folder is readable").count();
        assert_eq!(left, 0, "killed runs have left incomplete files");
    }
}

/// Between two folders nothing can be slowed down, so there are many tags, and kills at short times.
#[test]
fn a_killed_run_from_folder_to_folder_leaves_complete_tags() {
    const TAGS: u64 = 60;
    let Some(stores) = Stores::new(Kind::Folder, Kind::Folder) else { return };
    let mut list = String::new();
    for seed in 0..TAGS {
        let repository = REPOSITORIES[usize::try_from(seed % 3).expect("it is small")];
        let image = Image::new("linux/amd64").layer(seed, 20_000).layer(1000 + seed, 5_000).build();
        stores.source.push(repository, &seed.to_string(), &image);
        list += &format!("{repository} {repository} {seed}\n");
    }
    let mut seen = Vec::new();
    for point in points(10, 29) {
        let run = stores.mirror(&list).arg("--debug").start();
        run.line(|line| line.contains("[M_ID:1]").then_some(()));
        std::thread::sleep(Duration::from_millis(point / 4));
        drop(run.kill());
        seen.push(assert_whole(&stores.destination));
    }
    assert!(seen[0] < 60, "the first was killed too late: {seen:?}");
    stores.mirror(&list).run().exits(0);
    assert_eq!(assert_whole(&stores.destination), 60);
    stores.validate(&list).arg("--deep").run().exits(0);
}

/// A run that is killed neither stops another run into the same folder nor takes its tags along.
#[test]
fn a_run_into_the_same_folder_survives_the_kill_of_another() {
    let Some(stores) = Stores::new(Kind::Serve, Kind::Folder) else { return };
    let mut list = String::new();
    for seed in 0..30 {
        let image = Image::new("linux/amd64").layer(seed, 20_000).build();
        stores.source.push("team/one", &seed.to_string(), &image);
        list += &format!("team/one team/one {seed}\nteam/one team/two {seed}\n");
    }
    for point in points(6, 31) {
        let Some(destination) = Store::new(Kind::Folder) else { return };
        let run = || {
            let run = Longshore::new().mirror().list(&list).source(&stores.source.name());
            run.destination(&destination.name()).arg("--debug").start()
        };
        let (killed, other) = (run(), run());
        killed.line(|line| line.contains("[M_ID:1]").then_some(()));
        std::thread::sleep(Duration::from_millis(point / 5));
        drop(killed.kill());
        other.finish().exits(0);
        assert_eq!(assert_whole(&destination), 60, "killed after {} ms", point / 5);
    }
}
