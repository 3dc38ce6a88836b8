//! Users of NATS and what they may do.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::{KeyPair, KeyPairType};
use serde_json::{Value, json};

use super::{assert_arrived, end, filled, list, started};
use crate::support::{Longshore, Nats, Pair};

/// The permissions of docs/fleet.md, with users that have them.
fn users() -> String {
    let documented = include_str!("../../docs/fleet.md");
    let (_, rest) =
        documented.split_once("```text\nauthorization {").expect("the users are documented");
    let (users, _) = rest.split_once("\n```").expect("the block ends");
    format!("authorization {{{users}")
}

fn worker(nats: &Nats) -> Longshore {
    let url = format!("nats://worker:worker-password@127.0.0.1:{}", nats.port());
    Longshore::new().args(["worker", "--name=w", "--fleet", &url])
}

fn mirror(nats: &Nats, pair: &Pair, count: u64) -> Longshore {
    let url = format!("nats://coordinator:coordinator-password@127.0.0.1:{}", nats.port());
    pair.mirror(&list(count)).args(["--fleet", &url])
}

#[test]
fn the_documented_permissions_suffice() {
    let Some(nats) = Nats::configured(&users()) else { return };
    let pair = filled(9);
    let worker = started(worker(&nats));
    let run = mirror(&nats, &pair, 9).run().exits(0).sums_up("9 copied, 0 skipped, 0 failed");
    assert!(!run.stderr.contains("ermission"), "{}", run.stderr);
    assert_arrived(&pair, 9);
    // Giving back needs a permission too.
    worker.signal("TERM");
    let ended = worker.finish().exits(0);
    assert!(!ended.stderr.contains("ermission"), "{}", ended.stderr);
}

#[test]
fn a_missing_permission_is_named() {
    let pair = Pair::embedded();
    for permission in ["$JS.API.STREAM.CREATE.*", "$KV.longshore.>", "$JS.API.DIRECT.GET.>"] {
        let users = users().replacen(&format!("\"{permission}\""), "\"nothing\"", 1);
        let Some(nats) = Nats::configured(&users) else { return };
        let run = mirror(&nats, &pair, 1).run().exits(2);
        let run = run.complains("the NATS user lacks a permission: ");
        run.complains("give the NATS user the permissions of docs/fleet.md");
    }
}

#[test]
fn a_worker_without_permission_ends_and_says_why() {
    let users = users().replace("\"$JS.API.DIRECT.GET.>\"", "\"nothing\"");
    let Some(nats) = Nats::configured(&users) else { return };
    worker(&nats).run().exits(2).complains("the NATS user lacks a permission: ");
}

#[test]
fn a_user_whom_the_server_does_not_know_is_refused() {
    let Some(nats) = Nats::configured(&users()) else { return };
    let pair = Pair::embedded();
    for user in ["", "coordinator:wrong-secret@"] {
        let url = format!("nats://{user}127.0.0.1:{}", nats.port());
        let run = pair.mirror(&list(1)).args(["--fleet", &url]).run().exits(2);
        let run = run.complains("the server refuses the user");
        assert!(!run.stderr.contains("wrong-secret"), "{}", run.stderr);
        Longshore::new()
            .args(["worker", "--fleet", &url])
            .run()
            .exits(2)
            .complains("refuses the user");
    }
}

#[test]
fn a_server_without_tls_is_named_as_such() {
    let Some(nats) = Nats::start() else { return };
    let url = format!("tls://127.0.0.1:{}", nats.port());
    let run = Pair::embedded().mirror(&list(1)).args(["--fleet", &url]).run().exits(2);
    run.complains("hint: the server speaks no TLS at this address: write nats://");
}

#[test]
fn a_fleet_speaks_tls() {
    let Some((nats, authority)) = Nats::secure() else { return };
    let pair = filled(3);
    let url = format!("tls://127.0.0.1:{}", nats.port());
    let trusting = |run: Longshore| run.env("SSL_CERT_FILE", &authority).args(["--fleet", &url]);
    let worker = started(trusting(Longshore::new().arg("worker")));
    trusting(pair.mirror(&list(3))).run().exits(0).sums_up("3 copied, 0 skipped, 0 failed");
    end(worker);
    let distrusting = Longshore::new().args(["worker", "--fleet", &url]).start();
    distrusting.line(|line| line.contains("hint: name a file with the CA").then_some(()));
    end(distrusting);
    let run = pair.mirror(&list(3)).args(["--fleet", &url]).run().exits(2);
    run.complains("connect to NATS at tls://127.0.0.1:")
        .complains("certificate")
        .complains("hint: name a file with the CA of the NATS server in SSL_CERT_FILE");
}

/// A JWT of NATS: claims of an issuer, signed by it.
fn token(issuer: &KeyPair, subject: &str, claims: &Value) -> String {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let head = encode(br#"{"typ":"JWT","alg":"ed25519-nkey"}"#);
    let body = json!({
        "jti": "test", "iat": 1_700_000_000, "iss": issuer.public_key(), "name": "test", "sub": subject,
        "nats": claims,
    });
    let text = format!("{head}.{}", encode(body.to_string().as_bytes()));
    let signature = issuer.sign(text.as_bytes()).expect("the key has a seed");
    format!("{text}.{}", encode(&signature))
}

#[test]
fn a_file_of_credentials_admits_a_user() {
    let key = |kind: KeyPairType, seed: u8| {
        KeyPair::new_from_raw(kind, [seed; 32]).expect("any 32 bytes are a key")
    };
    let operator = key(KeyPairType::Operator, 1);
    let (account, user) = (key(KeyPairType::Account, 2), key(KeyPairType::User, 3));
    let operator_claims = json!({"type": "operator", "version": 2});
    let account_claims = json!({
        "type": "account", "version": 2,
        "limits": {
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
            "conn": -1, "leaf": -1, "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
        },
    });
    let user_claims = json!({
        "type": "user", "version": 2, "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1,
    });
    let system = key(KeyPairType::Account, 4);
    let system_claims = json!({"type": "account", "version": 2});
    let configuration = format!(
        "operator: {}\nsystem_account: {system}\nresolver: MEMORY\nresolver_preload: {{ {system}: {}, {}: {} }}",
        token(&operator, &operator.public_key(), &operator_claims),
        token(&operator, &system.public_key(), &system_claims),
        account.public_key(),
        token(&operator, &account.public_key(), &account_claims),
        system = system.public_key(),
    );
    let Some(nats) = Nats::configured(&configuration) else { return };
    let line = |what: &str| (format!("-----BEGIN {what}-----"), format!("------END {what}------"));
    let ((jwt, jwt_end), (seed, seed_end)) = (line("NATS USER JWT"), line("USER NKEY SEED"));
    let credentials = format!(
        "{jwt}\n{}\n{jwt_end}\n\n{seed}\n{}\n{seed_end}\n",
        token(&account, &user.public_key(), &user_claims),
        user.seed().expect("it has a seed"),
    );
    let pair = filled(3);
    let with = |run: Longshore, credentials: &str| {
        let fleet = ["--fleet", &nats.url(), "--fleet-creds", "user.creds"];
        run.file("user.creds", credentials).args(fleet)
    };
    let worker = started(with(Longshore::new().arg("worker"), &credentials));
    with(pair.mirror(&list(3)), &credentials)
        .run()
        .exits(0)
        .sums_up("3 copied, 0 skipped, 0 failed");
    end(worker);
    with(pair.mirror(&list(3)), "nothing")
        .run()
        .exits(2)
        .complains("read the NATS credentials user.creds");
    let run = pair.mirror(&list(3)).args(["--fleet", &nats.url()]).run().exits(2);
    run.complains("the server refuses the user");
}

/// The documented permissions of a user: each with the configuration that lacks it.
fn each_missing(user: &str) -> Vec<(String, String)> {
    let users = users();
    let (before, of_user) = users.split_once(&format!("user: {user}")).expect("it is there");
    let end = of_user.find("} }").expect("the user ends");
    let (of_user, after) = of_user.split_at(end);
    let parts: Vec<&str> = of_user.split('"').collect();
    let missing = |index: usize| {
        let mut parts = parts.clone();
        let permission = std::mem::replace(&mut parts[index], "nothing");
        let text = format!("{before}user: {user}{}{after}", parts.join("\""));
        (permission.to_owned(), text)
    };
    // The first text in quotes is the password; a denial is no permission.
    let denied = of_user.find("deny").unwrap_or(usize::MAX);
    let is_allowed = |index: &usize| {
        let at: usize = parts[..*index].iter().map(|part| part.len() + 1).sum();
        at < denied || of_user[denied..at].contains("allow")
    };
    (3..parts.len()).step_by(2).filter(is_allowed).map(missing).collect()
}

/// Runs each case, a few at once.
fn each_at_once(cases: &[(String, String)], case: impl Fn(&str, &str) + Sync) {
    for some in cases.chunks(8) {
        std::thread::scope(|scope| {
            let running: Vec<_> = some
                .iter()
                .map(|(permission, users)| scope.spawn(|| case(permission, users)))
                .collect();
            for (running, (permission, _)) in running.into_iter().zip(some) {
                assert!(running.join().is_ok(), "without {permission}");
            }
        });
    }
}

#[test]
fn a_coordinator_that_lacks_any_permission_says_so_or_goes_on() {
    let cases = each_missing("coordinator");
    assert!(cases.len() > 10, "{cases:?}");
    each_at_once(&cases, |_, users| {
        let Some(nats) = Nats::configured(users) else { return };
        let pair = filled(3);
        let worker = worker(&nats).start();
        let run = mirror(&nats, &pair, 3).run();
        if run.exit == 0 {
            assert_arrived(&pair, 3);
        } else {
            let run = run.complains("the NATS user lacks a permission: ");
            run.complains("give the NATS user the permissions of docs/fleet.md");
        }
        drop(worker.kill());
    });
}

#[test]
fn a_worker_that_lacks_any_permission_says_so_or_goes_on() {
    let cases = each_missing("worker");
    assert!(cases.len() > 10, "{cases:?}");
    each_at_once(&cases, |permission, users| {
        // Another worker ends what this one cannot.
        let whole = self::users();
        let (_, whole) = whole.split_once("{ user: worker,").expect("it is there");
        let (whole, _) = whole.split_once("} }").expect("the user ends");
        let users =
            users.replacen("users = [", &format!("users = [ {{ user: whole, {whole}}} }}"), 1);
        let Some(nats) = Nats::configured(&users) else { return };
        let pair = filled(6);
        let poor = worker(&nats).start();
        let url = format!("nats://whole:worker-password@127.0.0.1:{}", nats.port());
        let whole = started(Longshore::new().args(["worker", "--name=whole", "--fleet", &url]));
        let run = mirror(&nats, &pair, 6).run().exits(0);
        assert!(run.stdout.contains(" 0 failed"), "{}", run.stdout);
        assert_arrived(&pair, 6);
        poor.signal("TERM");
        let poor = poor.finish();
        let is_used = poor.stderr.contains("the NATS user lacks a permission: ");
        if poor.exit != 0 {
            assert!(is_used, "without {permission}: {}", poor.stderr);
        }
        if is_used {
            let subject = permission.trim_end_matches(['*', '>', '.']);
            let subject = subject.split('*').next().unwrap_or_default();
            assert!(poor.stderr.contains(subject), "without {permission}: {}", poor.stderr);
        }
        end(whole);
    });
}
