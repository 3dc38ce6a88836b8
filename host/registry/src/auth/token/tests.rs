//! What tokens are fetched, kept and renewed.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{
    Grant, Held, Refused, Renewals, RepositoryScope, ShownBy, Token, TokenAnswer, TokenScope,
    Tokens, Use, usable,
};

fn token(seconds: Option<u64>, fetched: Instant) -> Token {
    let answer = TokenAnswer { token: None, access_token: Some("t".into()), expires_in: seconds };
    Token::of(answer, fetched).unwrap()
}

fn access(push: bool, mount_from: Option<&str>) -> TokenScope {
    let mount_from = mount_from.map(|from| from.parse().unwrap());
    RepositoryScope { repository: "a/b".parse().unwrap(), push, mount_from }.into()
}

fn held(token: &Token, access: &TokenScope) -> Held {
    Held { token: token.clone(), grant: Grant::of(access) }
}

#[test]
fn tokens_are_renewed_before_they_expire() {
    let (now, pull) = (Instant::now(), access(false, None));
    let usable_after = |token: &Token, refused: Option<&Token>, seconds| {
        let later = now + Duration::from_secs(seconds);
        let refused = refused.map(|token| Refused { token, by: Use::Read });
        usable(Some(&held(token, &pull)), &Grant::of(&pull), refused, later).is_some()
    };
    let good = token(Some(100), now);
    assert!(usable_after(&good, None, 79) && !usable_after(&good, None, 81));
    assert!(!usable_after(&token(None, now), None, 49));
    assert!(!usable_after(&good, Some(&good), 0), "a refused token is not used again");
}

#[test]
fn one_token_serves_everything_that_it_was_asked_for() {
    let now = Instant::now();
    let good = token(Some(100), now);
    let all = [
        access(false, None),
        access(true, None),
        access(true, Some("home")),
        access(true, Some("other")),
    ];
    let served = |by: &TokenScope| -> Vec<bool> {
        let held = held(&good, by);
        let serves = |needed| usable(Some(&held), &Grant::of(needed), None, now).is_some();
        all.iter().map(serves).collect()
    };
    assert_eq!(served(&all[0]), [true, false, false, false]);
    assert_eq!(served(&all[1]), [true, true, false, false]);
    assert_eq!(served(&all[2]), [true, true, true, false]);
    let mut joint = Grant::of(&all[2]);
    joint.join(&Grant::of(&all[3]));
    let held = Held { token: good, grant: joint };
    assert!(all.iter().all(|needed| usable(Some(&held), &Grant::of(needed), None, now).is_some()));
}

#[test]
fn the_life_of_a_token_is_read_in_every_form_that_services_write() {
    let life = |expires_in: &str| {
        let json = format!(r#"{{"token":"t","expires_in":{expires_in}}}"#);
        let answer = TokenAnswer::parse(json.as_bytes()).unwrap();
        Token::of(answer, Instant::now()).unwrap().life.as_secs()
    };
    for (written, seconds) in [
        ("300", 300),
        ("\"300\"", 300),
        ("300.5", 300),
        ("3e2", 300),
        ("\" 90 \"", 90),
        ("-1", 60),
        ("0", 60),
        ("null", 60),
        ("\"soon\"", 60),
        ("true", 60),
        ("[]", 60),
        ("1e300", 86_400),
        ("99999999999999999999999", 86_400),
    ] {
        assert_eq!(life(written), seconds, "{written}");
    }
}

#[test]
fn a_token_has_one_of_two_names() {
    let token = |json: &str| {
        let answer = TokenAnswer::parse(json.as_bytes()).unwrap();
        Token::of(answer, Instant::now()).map(|token| token.value.expose().to_owned())
    };
    for (json, found) in [
        (r#"{"token":"t"}"#, Some("t")),
        (r#"{"access_token":"a"}"#, Some("a")),
        (r#"{"token":"t","access_token":"a"}"#, Some("t")),
        (r#"{"token":"","access_token":"a"}"#, Some("a")),
        (r#"{"token":null,"access_token":"a"}"#, Some("a")),
        (r#"{"token":"","access_token":""}"#, None),
        ("{}", None),
    ] {
        assert_eq!(token(json).as_deref(), found, "{json}");
    }
}

#[test]
fn a_token_is_renewed_if_it_worked_or_had_time_to_expire() {
    let (now, renewals) = (Instant::now(), Renewals::default());
    let later = now + Duration::from_secs(11);
    let hopeless = |token: &Token, by| token.is_hopeless(by, &renewals, now);
    let first = token(Some(100), now);
    assert!(hopeless(&first, Use::Read), "it never worked");
    assert!(!first.is_hopeless(Use::Read, &renewals, later));
    first.works(Use::Read);
    assert!(!hopeless(&first, Use::Read) && !hopeless(&first, Use::Write));
    let refused = Refused { token: &first, by: Use::Write };
    let second = token(Some(100), now).replacing(Some(refused));
    assert!(hopeless(&second, Use::Write), "neither of the two ever allowed it");
    assert!(!hopeless(&second, Use::Read), "the registry ended it too");
    let others = Renewals::default();
    others.end();
    assert!(!second.is_hopeless(Use::Write, &others, now), "tokens end at that registry");
    second.works(Use::Write);
    assert!(!hopeless(&second, Use::Write));
    for _ in 0..3 {
        renewals.answered(reqwest::StatusCode::FORBIDDEN, ShownBy::One);
    }
    assert!(hopeless(&second, Use::Write), "a new one never helped");
    assert!(!second.is_hopeless(Use::Write, &renewals, later));
}

#[test]
fn a_token_that_says_what_it_denies_is_not_renewed() {
    let now = Instant::now();
    let renewals = Renewals::default();
    let of = |actions: &str, access: &TokenScope| {
        let claims =
            format!(r#"{{"access":[{{"type":"repository","name":"a/b","actions":[{actions}]}}]}}"#);
        let text = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        let answer = TokenAnswer { token: Some(text), access_token: None, expires_in: None };
        let held = Held::of(Token::of(answer, now).unwrap(), Grant::of(access), access);
        held.token.works(Use::Read);
        held.token
    };
    let (pull, push) = (access(false, None), access(true, None));
    for (token, denies) in [
        (of(r#""pull""#, &push), true),
        (of("", &push), true),
        (of(r#""pull","push""#, &push), false),
        (of(r#""*""#, &push), false),
        // It was not asked for pushes.
        (of(r#""pull""#, &pull), false),
        (of(r#""pull""#, &TokenScope::Catalog), false),
    ] {
        assert_eq!(token.denies(Use::Write), denies, "{token:?}");
        assert_eq!(token.is_hopeless(Use::Write, &renewals, now), denies, "{token:?}");
        assert!(!token.denies(Use::Read) && !token.is_hopeless(Use::Read, &renewals, now));
        // The right may be given while the run goes on.
        let later = now + Duration::from_secs(11);
        assert!(!token.is_hopeless(Use::Write, &renewals, later));
    }
    let lies = of(r#""pull""#, &push);
    lies.works(Use::Write);
    assert!(!lies.denies(Use::Write) && !lies.is_hopeless(Use::Write, &renewals, now));
}

#[test]
fn scopes_are_repeated_parameters() {
    let both = access(true, Some("c"));
    let parameters = |access: &TokenScope| Grant::of(access).parameters(access);
    assert_eq!(parameters(&both), ["repository:a/b:pull,push", "repository:c:pull"]);
    assert_eq!(parameters(&access(false, None)), ["repository:a/b:pull"]);
    assert_eq!(parameters(&TokenScope::Catalog), ["registry:catalog:*"]);
    let homes = ["d".parse().unwrap(), "a/b".parse().unwrap()].to_vec();
    let joint = Grant::of(&both).mounting_from(homes);
    assert_eq!(
        joint.parameters(&both),
        ["repository:a/b:pull,push", "repository:c:pull", "repository:d:pull"]
    );
}

#[tokio::test]
async fn a_token_covers_the_homes_that_were_seen_before_it() {
    let (tokens, push) = (Tokens::default(), access(true, None));
    let [repository, home] = ["a/b", "home"].map(|name| name.parse().unwrap());
    assert!(tokens.homes_for(&home, None).is_empty());
    let homes = tokens.homes_for(&repository, None);
    assert_eq!(homes, std::slice::from_ref(&home));
    assert!(!tokens.cover_mount(&repository, &home).await, "there is no token yet");
    let joint = Grant::of(&push).mounting_from(homes);
    let fetched = Held { token: token(None, Instant::now()), grant: joint };
    *tokens.slot(&push).lock().await = Some(fetched);
    assert!(tokens.cover_mount(&repository, &home).await);
    assert!(!tokens.cover_mount(&repository, &"other".parse().unwrap()).await);
    tokens.forget();
    assert!(!tokens.cover_mount(&repository, &home).await);
    tokens.refuse_joint();
    assert!(tokens.homes_for(&repository, None).is_empty());
}

#[test]
fn a_repository_has_one_slot_for_all_of_its_scopes() {
    let tokens = Tokens::default();
    let same = |one: &TokenScope, two: &TokenScope| {
        std::sync::Arc::ptr_eq(&tokens.slot(one), &tokens.slot(two))
    };
    assert!(same(&access(true, None), &access(false, None)));
    assert!(same(&access(true, Some("c")), &access(true, Some("d"))));
    assert!(!same(&access(true, None), &TokenScope::Catalog));
}
