//! Registries that say that it is too much: 429 of each kind, and bursts of 503.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use longshore_content::Image;

use super::Ends;
use crate::support::{Answer, Longshore, Lying, Registry, Rule};

fn too_many(after: &str) -> Answer {
    Answer::error(429, "TOOMANYREQUESTS").header("retry-after", after)
}

#[test]
fn a_limit_is_sat_out_wherever_it_is_met() {
    for (at_source, method, pattern) in [
        (true, "GET", "*/manifests/*"),
        (true, "GET", "*/blobs/*"),
        (false, "HEAD", "*/manifests/*"),
        (false, "POST", "*/blobs/uploads/*"),
        (false, "PUT", "*/blobs/uploads/*"),
        (false, "PUT", "*/manifests/*"),
    ] {
        let ends = Ends::with_layer(300_000);
        let lying = if at_source { &ends.lying_source } else { &ends.lying_destination };
        lying.rule(Rule::on(method, pattern).first(1).answers(too_many("1")));
        ends.arrives();
    }
}

#[test]
fn a_limit_is_said_once_and_the_summary_counts_the_pauses() {
    let ends = Ends::with_layer(10);
    ends.lying_source.rule(Rule::on("GET", "*/manifests/*").first(2).answers(too_many("1")));
    let run = ends.mirror().exits(0);
    let said = run.stderr.matches("limits the rate of requests").count();
    assert_eq!(said, 1, "{}", run.stderr);
    assert!(run.stdout.contains("2 pauses of 2 s in all"), "{}", run.stdout);
}

#[test]
fn a_limit_that_names_no_time_or_a_date_is_sat_out_too() {
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
    for answer in [Answer::status(429), too_many(&date)] {
        let ends = Ends::with_layer(10);
        ends.lying_source.rule(Rule::on("GET", "*/manifests/*").first(1).answers(answer));
        ends.arrives();
    }
}

#[test]
fn a_limit_that_names_no_time_is_said_and_counted_too() {
    let ends = Ends::with_layer(10);
    ends.lying_source.rule(Rule::on("GET", "*/manifests/*").first(1).answers(Answer::status(429)));
    let run = ends.mirror().exits(0);
    let run = run.complains("it is asked again in pauses that grow");
    assert!(run.stdout.contains("1 pause of 1 s in all"), "{}", run.stdout);
}

#[test]
fn a_registry_is_waited_for_once_however_many_entries_there_are() {
    let ends = Ends::with_layer(10);
    let tags: Vec<String> = (1..=12).map(|tag| tag.to_string()).collect();
    tags.iter().for_each(|tag| ends.source.push("team/app", tag, &ends.image));
    ends.lying_source.rule(Rule::on("GET", "*/manifests/*").answers(too_many("1")));
    let list: String = tags.iter().map(|tag| format!("team/app team/app {tag}\n")).collect();
    Longshore::new()
        .mirror()
        .list(&list)
        .source(ends.lying_source.address())
        .destination(ends.lying_destination.address())
        .args(["--max-wait", "3s"])
        .run()
        .exits(1)
        .sums_up("0 copied, 0 skipped, 12 failed")
        .complains(
            "has answered that there are too many requests for as long as --max-wait allows",
        );
    // Twelve at once at most, and then those that the shrunken window lets in for three seconds.
    let asked = ends.lying_source.count("GET", "*/manifests/*");
    assert!((3..=30).contains(&asked), "{asked} requests");
}

#[test]
fn a_limit_beyond_max_wait_fails_what_is_left_and_names_the_time() {
    let ends = Ends::with_layer(10);
    ends.lying_source.rule(Rule::on("GET", "*/manifests/*").answers(too_many("3600")));
    let run = ends.mirror_with(&["--max-wait", "1m"]).exits(1);
    let run = run.complains("too many requests (429)").complains("longer than --max-wait allows");
    let run = run.complains("takes no more requests before ");
    assert!(run.stderr.contains(" GMT"), "the time of the reset: {}", run.stderr);
    assert!(!run.stdout.contains("pause"), "nobody waited: {}", run.stdout);
    assert_eq!(ends.lying_source.count("GET", "*/manifests/*"), 1, "it is not asked again");
}

#[test]
fn a_quota_of_pulls_stops_manifests_and_nothing_else() {
    let ends = Ends::with_layer(10);
    for tag in ["2", "3"] {
        ends.source.push("team/app", tag, &ends.image);
    }
    // The first manifest comes, and then the quota is used up for an hour.
    ends.lying_source
        .rule(Rule::on("GET", "*/manifests/*").occurring(2..=usize::MAX).answers(too_many("3600")));
    let list = "team/app team/app 1\nteam/app team/app 2\nteam/app team/app 3\n";
    let run = Longshore::new()
        .mirror()
        .list(list)
        .source(ends.lying_source.address())
        .destination(ends.lying_destination.address())
        .args(["-j", "1"])
        .run()
        .exits(1);
    assert!(run.stdout.contains("1 copied, 0 skipped, 2 failed"), "{}", run.stdout);
    ends.destination.assert_complete("team/app", "1");
    let asked = ends.lying_source.count("GET", "*/manifests/*");
    assert_eq!(asked, 2, "the third image is not even asked for");
}

#[test]
fn a_login_that_is_limited_is_not_tried_again() {
    let ends = Ends::with_layer(10);
    let realm =
        format!("Bearer realm=\"http://{}/token\",service=\"reg\"", ends.lying_source.address());
    ends.lying_source.rule(Rule::on("GET", "/token").answers(too_many("1"))).rule(
        Rule::on("*", "/v2/*").answers(Answer::status(401).header("www-authenticate", &realm)),
    );
    let auth = format!(r#"{{"auths":{{"{}":{{"auth":"dTpw"}}}}}}"#, ends.lying_source.address());
    Longshore::new()
        .file("auth.json", &auth)
        .env("REGISTRY_AUTH_FILE", "auth.json")
        .mirror()
        .list("team/app team/app 1\nteam/app team/app 2\n")
        .source(ends.lying_source.address())
        .destination(ends.lying_destination.address())
        .run()
        .exits(1)
        .complains("logins with the credential for ");
    assert_eq!(ends.lying_source.count("GET", "/token"), 1, "more tries lock accounts");
}

#[test]
fn a_quota_that_nears_its_end_is_said_once() {
    let ends = Ends::with_layer(10);
    ends.source.push("team/app", "2", &ends.image);
    ends.lying_source.rule(Rule::on("GET", "*/manifests/*").alters(|answer| {
        answer.header("ratelimit-limit", "100;w=21600").header("ratelimit-remaining", "9;w=21600")
    }));
    let run = Longshore::new()
        .mirror()
        .list("team/app team/app 1\nteam/app team/app 2\n")
        .source(ends.lying_source.address())
        .destination(ends.lying_destination.address())
        .run()
        .exits(0);
    assert_eq!(run.stderr.matches("9 of 100 pulls in 6 h left").count(), 1, "{}", run.stderr);
}

#[test]
fn a_limit_of_where_looks_are_redirected_to_is_sat_out() {
    let ends = Ends::with_layer(10);
    let tags: Vec<String> = (1..=8).map(|tag| tag.to_string()).collect();
    tags.iter().for_each(|tag| ends.source.push("team/app", tag, &ends.image));
    let list: String = tags.iter().map(|tag| format!("team/app team/app {tag}\n")).collect();
    let mirror = || {
        let run = Longshore::new().mirror().list(&list).source(ends.lying_source.address());
        run.destination(ends.lying_destination.address()).run().exits(0)
    };
    mirror();
    let elsewhere = Lying::before(&ends.source);
    let to = elsewhere.address().to_owned();
    ends.lying_source.rule(
        Rule::on("HEAD", "*/manifests/*")
            .answers_by(move |seen| Some(Answer::redirect(&format!("http://{to}{}", seen.path)))),
    );
    let limited = Rule::on("HEAD", "*/manifests/*").first(5).answers(Answer::status(429));
    elsewhere.rule(limited);
    mirror().sums_up("0 copied, 8 skipped, 0 failed").complains(elsewhere.address());
}

#[test]
fn a_503_that_names_its_time_is_said_and_waited_for() {
    let ends = Ends::with_layer(10);
    let busy = Answer::status(503).header("retry-after", "1");
    ends.lying_source.rule(Rule::on("GET", "*/manifests/*").first(1).answers(busy));
    let run = ends.mirror().exits(0).complains("cannot take requests at the moment");
    assert!(run.stdout.contains("1 pause of 1 s in all"), "{}", run.stdout);
}

#[test]
fn a_burst_of_503_is_sat_out() {
    let ends = Ends::with_layer(300_000);
    for (lying, method) in [(&ends.lying_source, "GET"), (&ends.lying_destination, "*")] {
        lying.rule(Rule::on(method, "*").first(2).answers(Answer::status(503)));
    }
    ends.arrives();
}

#[test]
fn a_limit_met_by_mounts_does_not_end_mounting() {
    let (source, destination) = (Registry::embedded(), Registry::embedded());
    let mut list = String::new();
    for number in 1..=8 {
        let label = number.to_string();
        let image = Image::new("linux/amd64").layer(1, 1000).label("number", &label).build();
        source.push(&format!("team/app{number}"), "1", &image);
        list.push_str(&format!("team/app{number} team/app{number} 1\n"));
    }
    let lying = Lying::before(&destination);
    let from_another = "*/blobs/uploads/?*from=team%2Fapp1";
    let limited = AtomicUsize::new(0);
    lying.rule(Rule::on("POST", from_another).answers_by(move |seen| {
        let is_probe = seen.path.contains("/v2/team/app1/");
        (!is_probe && limited.fetch_add(1, Ordering::Relaxed) < 4).then(|| Answer::status(429))
    }));
    Longshore::new()
        .mirror()
        .list(&list)
        .source(source.address())
        .destination(lying.address())
        .args(["-j", "1"])
        .run()
        .exits(0);
    // The probe of the first image's own repository matches too, and so does the calibration.
    let mounts = lying.matching("POST", from_another);
    let of_others = mounts.iter().filter(|seen| !seen.path.contains("/v2/team/app1/")).count();
    assert_eq!(of_others, 7, "each of the others asks for a mount");
    destination.assert_complete("team/app8", "1");
}
