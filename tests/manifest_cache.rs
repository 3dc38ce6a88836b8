//! The manifest cache of earlier runs saves requests (see `requests.rs`). Runs also work without
//! it.

use longshore_content::{Content, Image, Index};

use crate::support::{Longshore, Pair, Run};

const LIST: &str = "team/app team/app 1\n";

/// Creates an index. The runs copy a part of it.
fn index(pair: &Pair) -> Content {
    let amd = Image::new("linux/amd64").layer(1, 1000).build();
    let arm = Image::new("linux/arm64").layer(2, 1000).build();
    let index = Index::oci().child(&amd).child(&arm).build();
    pair.source.push("team/app", "1", &index);
    index
}

fn filtered(pair: &Pair, longshore: Longshore) -> Longshore {
    let run = longshore.mirror().list(LIST).args(["--arch", "amd64", "--debug"]);
    run.source(pair.source.address()).destination(pair.destination.address())
}

#[test]
fn a_damaged_cache_is_ignored() {
    let pair = Pair::embedded();
    let index = index(&pair);
    let cold = filtered(&pair, Longshore::new().with_caches()).run().exits(0);
    let folder = cold.directory().join("../cache/manifests");
    let mut damaged = 0;
    for entry in folder.read_dir().expect("manifests are remembered").flatten() {
        let mut bytes = std::fs::read(entry.path()).expect("it can be read");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(entry.path(), bytes).expect("it can be written");
        damaged += 1;
    }
    assert_eq!(damaged, 2, "the index and one child");
    let fetches = |run: &Run| {
        let by_tag = format!("GET http://{}/v2/team/app/manifests/1", pair.source.address());
        run.stderr.matches(&by_tag).count()
    };
    let warm = filtered(&pair, cold.again().with_caches()).run().exits(0);
    assert_eq!(fetches(&warm), 1, "{}", warm.stderr);
    let warm = filtered(&pair, warm.again().with_caches()).run().exits(0);
    assert_eq!(fetches(&warm), 0, "it was put right: {}", warm.stderr);
    let name = index.digest().replace(':', "-");
    assert!(folder.join(name).exists());
}

#[test]
fn a_full_or_locked_cache_is_not_an_error() {
    for state in
        ["head -c 1M /dev/zero >../cache/full || true", "mount -o remount,ro none ../cache"]
    {
        let pair = Pair::embedded();
        index(&pair);
        let mount =
            "mkdir -p -m 0700 ../cache && mount -t tmpfs -o size=64k,mode=0700 none ../cache";
        let script = format!("{mount}\n{state}");
        let run = filtered(&pair, Longshore::new()).env("LONGSHORE_CACHE_DIR", "../cache");
        let Some(run) = run.mounting(&script) else { return };
        let run = run.run().exits(0).sums_up("1 copied, 0 skipped, 0 failed");
        assert_eq!(run.complaints(), Vec::<&str>::new());
        assert!(run.stderr.contains("manifests are not remembered"), "{}", run.stderr);
    }
}
