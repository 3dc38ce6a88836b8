//! A disk that gets full fails the entries that do not fit, and no more.

use longshore_content::{Image, Layouts};

use crate::support::{Longshore, Registry, Store};

const LIST: &str = "team/small team/small 1\nteam/large team/large 1\nteam/late team/late 1\n";

/// Fills a small disk, runs longshore, frees space and runs it again. Keeps a copy of the folder after
/// each run, because the disk ends with its name space.
const SCRIPT: &str = "\
mkdir disk
mount -t tmpfs -o size=2m tmpfs disk
head -c 1000000 /dev/zero > disk/filler
code=0
\"$@\" -o first.txt > first.log 2>&1 || code=$?
test $code = 1
cp -a disk/images first
rm disk/filler
set -- sh -c '\"$@\"; code=$?; cp -a disk/images second; exit $code' sh \"$@\"
";

#[test]
fn a_full_disk_is_named_and_a_later_run_completes() {
    let source = Registry::embedded();
    let image = |seed, size| Image::new("linux/amd64").layer(seed, size).build();
    let contents = [
        ("team/small", image(1, 20_000)),
        ("team/large", image(2, 1_500_000)),
        ("team/late", image(3, 20_000)),
    ];
    for (repository, content) in &contents {
        source.push(repository, "1", content);
    }
    let run = Longshore::new().mirror().list(LIST).args(["-j", "1"]);
    let run = run.source(source.address()).destination("oci:disk/images");
    let Some(run) = run.mounting(SCRIPT) else { return };
    let run = run.run().exits(0);
    let log = run.file("first.log").expect("there is a log");
    assert!(log.contains("2 copied, 0 skipped, 1 failed"), "{log}");
    assert!(log.contains("the disk that holds disk/images is full"), "{log}");
    assert!(log.contains("hint: free space there"), "{log}");
    let failed = run.file("first.txt").expect("there is a failed list");
    assert!(failed.ends_with("team/large team/large 1\n"), "{failed}");

    let first = Layouts::new(&run.directory().join("first"));
    assert_eq!(first.tags("team/large").expect("it is readable"), [""; 0]);
    for repository in ["team/small", "team/late"] {
        assert_eq!(first.broken(repository, "1").expect("it is readable"), [""; 0]);
    }
    let run = run.sums_up("1 copied, 2 skipped, 0 failed");
    let second = Layouts::new(&run.directory().join("second"));
    for (repository, content) in &contents {
        let found = second.manifest(repository, "1").expect("it is readable");
        assert_eq!(found.map(|found| found.digest).as_deref(), Some(content.digest()));
        assert_eq!(second.broken(repository, "1").expect("it is readable"), [""; 0]);
    }
}

#[test]
fn a_registry_with_a_full_disk_keeps_complete_tags() {
    let source = Registry::embedded();
    let image = |seed, size| Image::new("linux/amd64").layer(seed, size).build();
    source.push("team/small", "1", &image(1, 20_000));
    source.push("team/large", "1", &image(2, 1_500_000));
    source.push("team/late", "1", &image(3, 20_000));
    let serve = Longshore::new().args(["serve", "registry", "--listen", "127.0.0.1:0"]);
    let script = "mkdir registry; mount -t tmpfs -o size=1m tmpfs registry";
    let Some(serve) = serve.mounting(script) else { return };
    let destination = Registry::embedded_by(serve);
    let run = Longshore::new().mirror().list(LIST).args(["-j", "1"]);
    let run = run.source(source.address()).destination(destination.address()).run();
    run.exits(1).sums_up("2 copied, 0 skipped, 1 failed").complains("No space left on device");
    let destination = Store::from(destination);
    assert_eq!(destination.tags("team/large"), [""; 0]);
    assert_eq!(destination.assert_whole(&["team/small", "team/late"]), 2);
}
