//! Destinations that are pull-through caches: they show everything of another registry, and store
//! nothing that is pushed.

use longshore_content::Image;

use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule, Run, Seen};

const LIST: &str = "team/app team/app 1\nteam/app team/app 2\n";
const HINT: &str = "hint: choose a project or registry that is not a pull-through cache";

fn source() -> Registry {
    let source = Registry::embedded();
    for tag in ["1", "2"] {
        let image = Image::new("linux/amd64").layer(1, 1000).label("tag", tag).build();
        source.push("team/app", tag, &image);
    }
    source
}

/// Runs a test with a cache of `source`, by distribution 2.8 and 3.
fn with_caches(test: impl Fn(&Registry, &Registry)) {
    let source = source();
    for server in [Registry::docker(), Registry::distribution()] {
        let Some(cache) = server.caching(&source).start() else { return };
        test(&source, &cache);
    }
}

#[test]
fn validation_refuses_a_cache() {
    with_caches(|source, cache| {
        let run = Longshore::new().validate().list(LIST).source(source.address());
        let run = run.destination(cache.address()).run().exits(1).complains(HINT);
        run.sums_up("0 valid, 0 skipped, 2 failed");
    });
}

/// Runs on a fresh cache, and on one that has fetched and stored everything.
fn fresh_and_warm(source: &Registry, cache: &Registry, test: impl Fn()) {
    test();
    let elsewhere = Registry::embedded();
    let run = Longshore::new().mirror().list(LIST).source(cache.address());
    run.destination(elsewhere.address()).run().exits(0).sums_up("2 copied");
    elsewhere.assert_complete("team/app", "2");
    assert_ne!(source.address(), cache.address());
    test();
}

#[test]
fn an_inspection_says_that_the_destination_is_a_cache() {
    with_caches(|source, cache| {
        let image = format!("{}/team/app:1", source.address());
        let look = |at: &Registry, output: &str| {
            let run = Longshore::new().args(["inspect", &image, "-d", at.address()]);
            run.args(["--output", output]).run().exits(0)
        };
        let (shown, name) = (look(cache, "text").stdout, cache.address());
        let told = format!(
            "{name}/team/app:1: the same digest; {name} is a pull-through cache; nothing can be mirrored into it\n"
        );
        assert!(shown.ends_with(&told), "{shown}");
        let document = look(cache, "json").json();
        let why = document["destination"]["pullThroughCache"].as_str().unwrap_or_default();
        assert!(why.contains("is a pull-through cache"), "{document:#}");
        // The source keeps what it shows.
        let shown = look(source, "text").stdout;
        assert!(shown.ends_with("/team/app:1: the same digest\n"), "{shown}");
        let document = look(source, "json").json();
        assert!(document["destination"]["pullThroughCache"].is_null(), "{document:#}");
    });
}

#[test]
fn mirror_refuses_a_cache_that_shows_the_tags() {
    with_caches(|source, cache| {
        fresh_and_warm(source, cache, || {
            for arguments in [&[][..], &["--referrers"], &["-a", "all", "--os", "all"]] {
                let run = Longshore::new().mirror().list(LIST).source(source.address());
                let run = run.destination(cache.address()).args(arguments).run().exits(1);
                let run = run.complains("is a pull-through cache; nothing can be mirrored into it");
                let run = run.complains(HINT).sums_up("0 copied, 0 skipped, 2 failed");
                let list = run.file("mirror-failed.txt").expect("there is a failed list");
                assert!(list.contains("team/app team/app 1\n"), "{list}");
            }
        });
    });
}

#[test]
fn a_dry_run_and_a_validation_of_a_warm_cache_refuse_it_and_only_read() {
    with_caches(|source, cache| {
        fresh_and_warm(source, cache, || {
            let counting = FaultProxy::before(cache);
            let run = Longshore::new().mirror().list(LIST).source(source.address());
            let run = run.destination(counting.address()).arg("--dry-run").run().exits(1);
            run.sums_up("0 to copy, 0 skipped, 2 failed").complains(HINT);
            let run = Longshore::new().validate().list(LIST).source(source.address());
            let run = run.destination(counting.address()).run().exits(1).complains(HINT);
            run.sums_up("0 valid, 0 skipped, 2 failed");
            let reads = |seen: &Seen| seen.method == "HEAD" || seen.method == "GET";
            assert!(counting.requests().iter().all(reads), "{}", counting.tally());
        });
    });
}

#[test]
fn a_cache_whose_upstream_is_away_is_not_called_up_to_date() {
    let source = source();
    for server in [Registry::docker(), Registry::distribution()] {
        let upstream = FaultProxy::before(&source);
        let Some(cache) = server.caching_address(upstream.address()).start() else { return };
        let mirror = || {
            let run = Longshore::new().mirror().list(LIST).source(source.address());
            run.destination(cache.address()).run().exits(1)
        };
        mirror().complains(HINT);
        // The manifests are in the cache now.
        upstream.rule(Rule::on("GET", "*/manifests/sha256:*").answers(Answer::status(503)));
        mirror();
    }
}

#[test]
fn a_tag_that_a_cache_does_not_show_fails_with_the_same_advice() {
    with_caches(|source, cache| {
        let run = Longshore::new().mirror().list("team/app team/new 1\n");
        let run = run.source(source.address()).destination(cache.address()).run().exits(1);
        run.complains("The operation is unsupported").complains(HINT);
    });
}

#[test]
fn ordinary_registries_are_only_read_and_once() {
    let source = source();
    for server in [Registry::docker(), Registry::distribution()] {
        let Some(registry) = server.start() else { return };
        let counting = FaultProxy::before(&registry);
        let mirror = || {
            let run = Longshore::new().mirror().list(LIST).source(source.address());
            run.destination(counting.address()).run().exits(0)
        };
        mirror().sums_up("2 copied");
        counting.forget();
        mirror().sums_up("0 copied, 2 skipped");
        assert!(counting.requests().len() <= 4, "{}", counting.tally());
        let reads = |seen: &Seen| seen.method == "HEAD" || seen.method == "GET";
        assert!(counting.requests().iter().all(reads), "{}", counting.tally());
        counting.forget();
        let run = Longshore::new().mirror().list(LIST).source(source.address());
        run.destination(counting.address()).arg("--dry-run").run().exits(0);
        assert!(counting.requests().iter().all(reads), "{}", counting.tally());
    }
}

/// Makes the noted time of the last push that many seconds older.
fn age_the_push(run: &Run, seconds: u64) {
    let hints = run.directory().join("../cache/hints");
    let mut files =
        std::fs::read_dir(hints).expect("there are hints").map(|file| file.unwrap().path());
    let file = files.find(|file| file.to_string_lossy().ends_with("-pushed"));
    let file = file.expect("the push was noted");
    let pushed: u64 = std::fs::read_to_string(&file).unwrap().parse().expect("it is a number");
    std::fs::write(file, (pushed - seconds).to_string()).unwrap();
}

#[test]
fn a_registry_that_has_just_taken_a_push_is_not_asked() {
    let source = source();
    for server in [Registry::docker(), Registry::distribution()] {
        let Some(registry) = server.start() else { return };
        let counting = FaultProxy::before(&registry);
        let mirror = |run: Longshore| {
            let run = run.with_caches().mirror().list(LIST).source(source.address());
            run.destination(counting.address()).run().exits(0)
        };
        let first = mirror(Longshore::new()).sums_up("2 copied");
        let asked = || {
            counting.forget();
            mirror(first.again()).sums_up("0 copied, 2 skipped");
            counting.requests().len() > 2
        };
        assert!(!asked(), "two tags were looked up: {}", counting.tally());
        age_the_push(&first, 500);
        assert!(!asked(), "within ten minutes: {}", counting.tally());
        age_the_push(&first, 200);
        assert!(asked() && asked(), "a run without a push shows nothing: {}", counting.tally());
        counting.forget();
        mirror(Longshore::new());
        assert!(counting.requests().len() > 2, "other hints: {}", counting.tally());
    }
}

#[test]
fn a_read_only_registry_that_has_everything_is_up_to_date() {
    let source = source();
    let Some(registry) = Registry::docker().start() else { return };
    let proxy = FaultProxy::before(&registry);
    let mirror = || {
        let run = Longshore::new().mirror().list(LIST).source(source.address());
        run.destination(proxy.address()).run()
    };
    mirror().exits(0).sums_up("2 copied");
    for refusal in [
        Answer::status(405).body("Method Not Allowed\n"),
        Answer::error(403, "DENIED"),
        Answer::error(401, "UNAUTHORIZED"),
        Answer::status(503),
    ] {
        proxy.clear_rules();
        proxy.rule(Rule::on("POST", "*").answers(refusal));
        mirror().exits(0).sums_up("0 copied, 2 skipped");
    }
}
