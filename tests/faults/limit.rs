//! Rate limits: 429 in all forms, and bursts of 503.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use longshore_content::Image;

use super::Ends;
use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule};

fn too_many(after: &str) -> Answer {
    Answer::error(429, "TOOMANYREQUESTS").header("retry-after", after)
}

#[test]
fn a_rate_limit_is_waited_out_for_every_request_type() {
    for (at_source, method, pattern) in [
        (true, "GET", "*/manifests/*"),
        (true, "GET", "*/blobs/*"),
        (false, "HEAD", "*/manifests/*"),
        (false, "POST", "*/blobs/uploads/*"),
        (false, "PUT", "*/blobs/uploads/*"),
        (false, "PUT", "*/manifests/*"),
    ] {
        let ends = Ends::with_layer(300_000);
        let proxy = if at_source { &ends.source_proxy } else { &ends.destination_proxy };
        proxy.rule(Rule::on(method, pattern).first(1).answers(too_many("1")));
        ends.arrives();
    }
}

#[test]
fn a_rate_limit_is_reported_once_and_the_summary_counts_the_pauses() {
    let ends = Ends::with_layer(10);
    ends.source_proxy.rule(Rule::on("GET", "*/manifests/*").first(2).answers(too_many("1")));
    let run = ends.mirror().exits(0);
    let said = run.stderr.matches("limits the rate of requests").count();
    assert_eq!(said, 1, "{}", run.stderr);
    assert!(run.stdout.contains("2 pauses of 2 s in all"), "{}", run.stdout);
}

#[test]
fn a_rate_limit_without_a_time_or_with_a_date_is_waited_out() {
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
    for answer in [Answer::status(429), too_many(&date)] {
        let ends = Ends::with_layer(10);
        ends.source_proxy.rule(Rule::on("GET", "*/manifests/*").first(1).answers(answer));
        ends.arrives();
    }
}

#[test]
fn a_rate_limit_without_a_time_is_reported_and_counted() {
    let ends = Ends::with_layer(10);
    ends.source_proxy.rule(Rule::on("GET", "*/manifests/*").first(1).answers(Answer::status(429)));
    let run = ends.mirror().exits(0);
    let run = run.complains("it is asked again in pauses that grow");
    assert!(run.stdout.contains("1 pause of 1 s in all"), "{}", run.stdout);
}

#[test]
fn many_entries_share_one_wait_for_a_rate_limited_registry() {
    let ends = Ends::with_layer(10);
    let tags: Vec<String> = (1..=12).map(|tag| tag.to_string()).collect();
    tags.iter().for_each(|tag| ends.source.push("team/app", tag, &ends.image));
    ends.source_proxy.rule(Rule::on("GET", "*/manifests/*").answers(too_many("1")));
    let list: String = tags.iter().map(|tag| format!("team/app team/app {tag}\n")).collect();
    Longshore::new()
        .mirror()
        .list(&list)
        .source(ends.source_proxy.address())
        .destination(ends.destination_proxy.address())
        .args(["--max-wait", "3s"])
        .run()
        .exits(1)
        .sums_up("0 copied, 0 skipped, 12 failed")
        .complains(
            "has answered that there are too many requests for as long as --max-wait allows",
        );
    // At most twelve requests at once, then those that the reduced window admits in three seconds.
    let asked = ends.source_proxy.count("GET", "*/manifests/*");
    assert!((3..=30).contains(&asked), "{asked} requests");
}

#[test]
fn a_rate_limit_beyond_max_wait_fails_the_remaining_entries_and_names_the_time() {
    let ends = Ends::with_layer(10);
    ends.source_proxy.rule(Rule::on("GET", "*/manifests/*").answers(too_many("3600")));
    let run = ends.mirror_with(&["--max-wait", "1m"]).exits(1);
    let run = run.complains("too many requests (429)").complains("longer than --max-wait allows");
    let run = run.complains("takes no more requests before ");
    assert!(run.stderr.contains(" GMT"), "the time of the reset: {}", run.stderr);
    assert!(!run.stdout.contains("pause"), "no pause: {}", run.stdout);
    assert_eq!(ends.source_proxy.count("GET", "*/manifests/*"), 1, "it is not requested again");
}

#[test]
fn a_pull_quota_pauses_only_manifests() {
    let ends = Ends::with_layer(10);
    for tag in ["2", "3"] {
        ends.source.push("team/app", tag, &ends.image);
    }
    // The first manifest arrives, and then the quota is exhausted for an hour.
    ends.source_proxy
        .rule(Rule::on("GET", "*/manifests/*").occurring(2..=usize::MAX).answers(too_many("3600")));
    let list = "team/app team/app 1\nteam/app team/app 2\nteam/app team/app 3\n";
    let run = Longshore::new()
        .mirror()
        .list(list)
        .source(ends.source_proxy.address())
        .destination(ends.destination_proxy.address())
        .args(["-j", "1"])
        .run()
        .exits(1);
    assert!(run.stdout.contains("1 copied, 0 skipped, 2 failed"), "{}", run.stdout);
    ends.destination.assert_complete("team/app", "1");
    let asked = ends.source_proxy.count("GET", "*/manifests/*");
    assert_eq!(asked, 2, "the third image is not requested");
}

#[test]
fn a_rate_limited_login_is_not_retried() {
    let ends = Ends::with_layer(10);
    let realm =
        format!("Bearer realm=\"http://{}/token\",service=\"reg\"", ends.source_proxy.address());
    ends.source_proxy.rule(Rule::on("GET", "/token").answers(too_many("1"))).rule(
        Rule::on("*", "/v2/*").answers(Answer::status(401).header("www-authenticate", &realm)),
    );
    let auth = format!(r#"{{"auths":{{"{}":{{"auth":"dTpw"}}}}}}"#, ends.source_proxy.address());
    Longshore::new()
        .file("auth.json", &auth)
        .env("REGISTRY_AUTH_FILE", "auth.json")
        .mirror()
        .list("team/app team/app 1\nteam/app team/app 2\n")
        .source(ends.source_proxy.address())
        .destination(ends.destination_proxy.address())
        .run()
        .exits(1)
        .complains("logins with the credential for ");
    assert_eq!(ends.source_proxy.count("GET", "/token"), 1, "more tries lock accounts");
}

#[test]
fn a_low_pull_quota_is_reported_once() {
    let ends = Ends::with_layer(10);
    ends.source.push("team/app", "2", &ends.image);
    ends.source_proxy.rule(Rule::on("GET", "*/manifests/*").alters(|answer| {
        answer.header("ratelimit-limit", "100;w=21600").header("ratelimit-remaining", "9;w=21600")
    }));
    let run = Longshore::new()
        .mirror()
        .list("team/app team/app 1\nteam/app team/app 2\n")
        .source(ends.source_proxy.address())
        .destination(ends.destination_proxy.address())
        .run()
        .exits(0);
    assert_eq!(run.stderr.matches("9 of 100 pulls in 6 h left").count(), 1, "{}", run.stderr);
}

#[test]
fn a_rate_limit_of_a_redirect_target_is_waited_out() {
    let ends = Ends::with_layer(10);
    let tags: Vec<String> = (1..=8).map(|tag| tag.to_string()).collect();
    tags.iter().for_each(|tag| ends.source.push("team/app", tag, &ends.image));
    let list: String = tags.iter().map(|tag| format!("team/app team/app {tag}\n")).collect();
    let mirror = || {
        let run = Longshore::new().mirror().list(&list).source(ends.source_proxy.address());
        run.destination(ends.destination_proxy.address()).run().exits(0)
    };
    mirror();
    let elsewhere = FaultProxy::before(&ends.source);
    let to = elsewhere.address().to_owned();
    ends.source_proxy.rule(
        Rule::on("HEAD", "*/manifests/*")
            .answers_by(move |seen| Some(Answer::redirect(&format!("http://{to}{}", seen.path)))),
    );
    let limited = Rule::on("HEAD", "*/manifests/*").first(5).answers(Answer::status(429));
    elsewhere.rule(limited);
    mirror().sums_up("0 copied, 8 skipped, 0 failed").complains(elsewhere.address());
}

#[test]
fn a_503_with_retry_after_is_reported_and_waited_for() {
    let ends = Ends::with_layer(10);
    let busy = Answer::status(503).header("retry-after", "1");
    ends.source_proxy.rule(Rule::on("GET", "*/manifests/*").first(1).answers(busy));
    let run = ends.mirror().exits(0).complains("cannot take requests at the moment");
    assert!(run.stdout.contains("1 pause of 1 s in all"), "{}", run.stdout);
}

#[test]
fn a_burst_of_503_is_waited_out() {
    let ends = Ends::with_layer(300_000);
    for (proxy, method) in [(&ends.source_proxy, "GET"), (&ends.destination_proxy, "*")] {
        proxy.rule(Rule::on(method, "*").first(2).answers(Answer::status(503)));
    }
    ends.arrives();
}

#[test]
fn a_rate_limited_mount_does_not_disable_mounts() {
    let (source, destination) = (Registry::embedded(), Registry::embedded());
    let mut list = String::new();
    for number in 1..=8 {
        let label = number.to_string();
        let image = Image::new("linux/amd64").layer(1, 1000).label("number", &label).build();
        source.push(&format!("team/app{number}"), "1", &image);
        list.push_str(&format!("team/app{number} team/app{number} 1\n"));
    }
    let proxy = FaultProxy::before(&destination);
    let from_another = "*/blobs/uploads/?*from=team%2Fapp1";
    let limited = AtomicUsize::new(0);
    proxy.rule(Rule::on("POST", from_another).answers_by(move |seen| {
        let is_probe = seen.path.contains("/v2/team/app1/");
        (!is_probe && limited.fetch_add(1, Ordering::Relaxed) < 4).then(|| Answer::status(429))
    }));
    Longshore::new()
        .mirror()
        .list(&list)
        .source(source.address())
        .destination(proxy.address())
        .args(["-j", "1"])
        .run()
        .exits(0);
    // The probe of the first image's own repository matches too, and so does the calibration.
    let mounts = proxy.matching("POST", from_another);
    let of_others = mounts.iter().filter(|seen| !seen.path.contains("/v2/team/app1/")).count();
    assert_eq!(of_others, 7, "each of the others asks for a mount");
    destination.assert_complete("team/app8", "1");
}
