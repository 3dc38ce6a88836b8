//! `--limit-rate` and `--retries`.

use std::time::{Duration, Instant};

use longshore_content::{Image, Layouts};

use crate::support::{Answer, FaultProxy, Longshore, Pair, Registry, Rule};

/// The bytes of a layer that 100 kB/s need 2.5 s for.
const LAYER: usize = 250_000;
/// The least time for them.
const ENOUGH: Duration = Duration::from_millis(2_400);

#[test]
fn a_limited_run_takes_the_time_of_its_bytes() {
    let pair = Pair::embedded();
    // Two images share the limit.
    for (seed, tag) in [(1, "1"), (2, "2")] {
        pair.source.push(
            "team/app",
            tag,
            &Image::new("linux/amd64").layer(seed, LAYER / 2).build(),
        );
    }
    let began = Instant::now();
    let run = pair.mirror("team/app team/app 1\nteam/app team/app 2\n");
    run.args(["--limit-rate", "100kB/s"]).run().exits(0).sums_up("2 copied, 0 skipped, 0 failed");
    assert!(began.elapsed() > ENOUGH, "{:?}", began.elapsed());
    for tag in ["1", "2"] {
        pair.destination.assert_complete("team/app", tag);
    }
}

#[test]
fn reads_into_a_folder_and_pushes_from_one_are_limited_too() {
    let registry = Registry::embedded();
    let image = Image::new("linux/amd64").layer(1, LAYER).build();
    registry.push("team/app", "1", &image);
    let folder = tempfile::tempdir().expect("a scratch directory can be made");
    let name = format!("oci:{}", folder.path().join("images").display());
    let copy = |from: &str, to: &str| {
        let began = Instant::now();
        let run = Longshore::new().args(["copy", from, to, "--limit-rate=100kB/s"]);
        run.run().exits(0).sums_up("1 copied, 0 skipped, 0 failed");
        began.elapsed()
    };
    let read = copy(&format!("{}/team/app:1", registry.address()), &name);
    assert!(read > ENOUGH, "{read:?}");
    let pushed = copy(&format!("{name}/team/app:1"), &format!("{}/back:1", registry.address()));
    assert!(pushed > ENOUGH, "{pushed:?}");
    registry.assert_complete("back", "1");
    let layouts = Layouts::new(&folder.path().join("images"));
    assert!(layouts.manifest("team/app", "1").expect("it is readable").is_some());
}

#[test]
fn a_rate_that_is_none_is_refused() {
    for (rate, why) in [
        ("fast", "such as 50MB/s"),
        ("50Mb/s", "a small b is a bit"),
        ("10kB/s", "at least 100kB/s"),
        ("-1MB/s", "such as 50MB/s"),
    ] {
        let run = Longshore::new().mirror().list("a b 1\n").arg(format!("--limit-rate={rate}"));
        run.destination("127.0.0.1:9").run().exits(2).complains(why);
    }
}

#[test]
fn a_failed_request_is_sent_again_as_often_as_asked() {
    for (retries, expected) in [("0", 1), ("1", 2), ("2", 3)] {
        let registry = Registry::embedded();
        let proxy = FaultProxy::before(&registry);
        proxy.rule(Rule::on("GET", "*/tags/list").answers(Answer::error(503, "UNAVAILABLE")));
        let list = "# longshore: tags=x\nteam/app team/app *\n";
        let run = Longshore::new().mirror().list(list).source(proxy.address());
        let run = run.destination(registry.address()).args(["--retries", retries]).run();
        run.exits(1).complains("(503)");
        assert_eq!(proxy.count("GET", "*/tags/list"), expected, "--retries {retries}");
    }
}
