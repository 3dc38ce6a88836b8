//! Answers that are as large as a registry likes: errors, tokens and headers.

use super::within_memory;
use crate::support::{Answer, FaultProxy, Longshore, Rule, Run};

const MIB: usize = 1024 * 1024;

/// Mirrors an image from a registry that answers each request so.
fn mirror(answer: Answer) -> Run {
    let registry = FaultProxy::without_upstream();
    registry.rule(Rule::on("*", "*").answers(answer));
    from(&registry)
}

fn from(registry: &FaultProxy) -> Run {
    let run = Longshore::new().mirror().list("team/app team/copy 1\n");
    within_memory(run.source(registry.address()).destination(registry.address()))
}

#[test]
fn errors_are_read_to_their_limit() {
    let text = "x".repeat(32 * MIB);
    let codes =
        format!(r#"{{"errors":[{}{{"code":"LAST"}}]}}"#, r#"{"code":"DENIED"},"#.repeat(3000));
    let message =
        format!(r#"{{"errors":[{{"code":"DENIED","message":"{}"}}]}}"#, "x".repeat(60_000));
    for body in [text, codes, message] {
        for status in [400, 403, 404] {
            let run = mirror(Answer::status(status).body(body.clone())).exits(1);
            let longest = run.stderr.lines().map(str::len).max().unwrap_or(0);
            assert!(longest < 2000, "{status}: a line of {longest} bytes");
        }
    }
}

#[test]
fn manifests_are_read_to_their_limit() {
    for size in [4 * MIB + 1, 32 * MIB] {
        let answer = Answer::status(200).body(" ".repeat(size));
        for answer in [answer.clone(), answer.chunked()] {
            mirror(answer).exits(1).complains("larger than 4194304 bytes");
        }
    }
}

#[test]
fn tokens_are_read_to_their_limit() {
    let registry = FaultProxy::without_upstream();
    let realm = format!("Bearer realm=\"http://{}/token\",service=\"s\"", registry.address());
    let token = format!(r#"{{"token":"t","x":"{}"}}"#, "x".repeat(2 * MIB));
    registry.rule(Rule::on("*", "/token*").answers(Answer::status(200).body(token)));
    let challenge = Answer::status(401).header("www-authenticate", &realm);
    registry.rule(Rule::on("*", "*").answers(challenge));
    from(&registry).exits(1).complains("larger than 1048576 bytes");
}

/// Each repository has a token of its own, and all of them are kept and hidden in logs.
#[test]
fn long_tokens_of_many_repositories_take_little_memory() {
    for (size, count, why) in [
        (MIB - 1000, 20, "its token has 1047576 bytes, at most 32768 are used"),
        (32_000, 600, "DENIED"),
    ] {
        let registry = FaultProxy::without_upstream();
        let realm = format!("Bearer realm=\"http://{}/token\",service=\"s\"", registry.address());
        registry.rule(Rule::on("*", "/token*").answers_by(move |seen| {
            let repository: String = seen.query.chars().filter(char::is_ascii_digit).collect();
            let token = format!("{repository:0>8.8}{}", "t".repeat(size - 8));
            Some(Answer::status(200).body(format!(r#"{{"token":"{token}"}}"#)))
        }));
        registry.rule(Rule::on("*", "*").answers_by(move |seen| {
            let known = seen.headers.iter().any(|(name, _)| name == "authorization");
            let challenge = Answer::status(401).header("www-authenticate", &realm);
            Some(if known { Answer::error(403, "DENIED") } else { challenge })
        }));
        let list: String =
            (0..count).map(|number| format!("a/b{number} c/d{number} 1\n")).collect();
        let run = Longshore::new().mirror().list(&list).source(registry.address());
        within_memory(run.destination(registry.address())).exits(1).complains(why);
    }
}

#[test]
fn answers_to_plugins_are_read_to_their_limit() {
    for size in [4 * MIB + 1, 64 * MIB] {
        let registry = FaultProxy::without_upstream();
        registry.rule(Rule::on("*", "/api/*").answers(Answer::status(200).body("x".repeat(size))));
        let run = Longshore::new().mirror().list("team/app team/copy 1\n");
        let run = run.source(registry.address()).destination(registry.address());
        let run = run.args(["--repo-type", "harbor", "--harbor-https=false"]);
        let run = within_memory(run).exits(1).complains("the response is too large");
        assert!(run.stderr.len() < 10_000, "{}", run.stderr.len());
    }
}

#[test]
fn headers_are_read_to_their_limit() {
    let long = Answer::status(200).header("x-long", &"x".repeat(8 * MIB));
    let mut many = Answer::status(200);
    many.headers.extend((0..20_000).map(|number| (format!("x-{number}"), "x".repeat(100))));
    for answer in [long, many] {
        mirror(answer).exits(1);
    }
}
