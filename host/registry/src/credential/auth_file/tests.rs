//! The file format: spellings of keys, kinds of entries, errors.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use tempfile::TempDir;

use super::{AuthFile, AuthFilePath, Credential, CredentialError, Found, Secret};

fn parse(text: &str) -> Result<AuthFile, CredentialError> {
    let path = AuthFilePath { path: "/etc/auth.json".into(), named: false };
    AuthFile::parse(&path, text.as_bytes())
}

fn find<'a>(file: &'a AuthFile, registry: &str, repository: Option<&str>) -> Found<'a> {
    let repository = repository.map(|text| text.parse().unwrap());
    file.find(&registry.parse().unwrap(), repository.as_ref())
        .map(without_key)
        .unwrap_or_else(|error| panic!("{registry}: {error}"))
}

fn without_key(found: Found<'_>) -> Found<'_> {
    match found {
        Found::Credential(credential, _) => Found::Credential(credential, String::new()),
        other => other,
    }
}

/// An entry for the user name `user`.
fn entry(user: &str) -> String {
    format!(r#"{{"auth": "{}"}}"#, BASE64_STANDARD.encode(format!("{user}:p")))
}

fn basic(username: &str, password: &str) -> Found<'static> {
    let password = Secret::new(password);
    let credential = Credential::Basic { username: username.to_owned(), password };
    Found::Credential(credential, String::new())
}

#[test]
fn every_spelling_of_a_registry_finds_it() {
    for (spelling, registry) in [
        ("https://index.docker.io/v1/", "docker.io"),
        ("index.docker.io/v1/", "docker.io"),
        ("index.docker.io", "registry-1.docker.io"),
        ("docker.io", "index.docker.io"),
        ("registry-1.docker.io", "docker.io"),
        ("https://registry-1.docker.io/v2/", "docker.io"),
        ("r.example", "r.example"),
        ("R.Example", "r.example"),
        ("r.example/", "r.example"),
        ("r.example/v2/", "r.example"),
        ("https://r.example", "r.example"),
        ("http://r.example:5000", "r.example:5000"),
        ("https://r.example/v1/", "r.example"),
        ("https://r.example/some/path", "r.example"),
        ("localhost:5000", "localhost:5000"),
        ("[::1]:5000", "[::1]:5000"),
    ] {
        let file = parse(&format!(r#"{{"auths": {{"{spelling}": {}}}}}"#, entry("u"))).unwrap();
        assert_eq!(find(&file, registry, Some("a/b")), basic("u", "p"), "{spelling}");
        assert_eq!(find(&file, "other.example", None), Found::Nothing, "{spelling}");
    }
}

#[test]
fn another_port_is_another_registry() {
    let file = parse(&format!(r#"{{"auths": {{"r.example:5000": {}}}}}"#, entry("u"))).unwrap();
    for registry in ["r.example", "r.example:5001", "5000.r.example"] {
        assert_eq!(find(&file, registry, None), Found::Nothing, "{registry}");
    }
}

#[test]
fn the_longest_path_wins() {
    let file = parse(&format!(
        r#"{{"auths": {{"r.example": {}, "r.example/a": {}, "r.example/a/b/c": {},
            "index.docker.io/library/redis": {}, "r.example/empty/in": {{}}}}}}"#,
        entry("all"),
        entry("a"),
        entry("abc"),
        entry("redis"),
    ))
    .unwrap();
    for (repository, user) in [
        (None, "all"),
        (Some("x"), "all"),
        (Some("a"), "a"),
        (Some("a/b"), "a"),
        (Some("a/b/c"), "abc"),
        (Some("a/b/c/d"), "abc"),
        // A prefix of a name is not a prefix of its path.
        (Some("ab"), "all"),
        (Some("a/b/cd"), "a"),
        // An empty entry does not hide other entries.
        (Some("empty/in/here"), "all"),
    ] {
        assert_eq!(find(&file, "r.example", repository), basic(user, "p"), "{repository:?}");
    }
    assert_eq!(find(&file, "docker.io", Some("library/redis")), basic("redis", "p"));
    assert_eq!(find(&file, "docker.io", Some("library/mysql")), Found::Nothing);
    assert_eq!(find(&file, "docker.io", None), Found::Nothing);
}

#[test]
fn the_exact_spelling_comes_before_the_others() {
    let both = |first: &str, second: &str| {
        let text = format!(
            r#"{{"auths": {{"{first}": {}, "{second}": {}}}}}"#,
            entry("first"),
            entry("second")
        );
        parse(&text).unwrap()
    };
    let file = both("docker.io", "https://index.docker.io/v1/");
    assert_eq!(find(&file, "docker.io", None), basic("first", "p"));
    let file = both("https://index.docker.io/v1/", "docker.io");
    assert_eq!(find(&file, "docker.io", None), basic("second", "p"));
    let file = both("http://r.example", "https://r.example");
    assert_eq!(find(&file, "r.example", None), basic("second", "p"));
    // A non-empty entry wins over an empty one.
    let text = format!(r#"{{"auths": {{"docker.io": {{}}, "index.docker.io": {}}}}}"#, entry("u"));
    let file = parse(&text).unwrap();
    assert_eq!(find(&file, "docker.io", None), basic("u", "p"));
}

#[test]
fn an_entry_holds_one_of_four_kinds() {
    let encoded = |text: &str| BASE64_STANDARD.encode(text);
    let identity = Found::Credential(Credential::IdentityToken(Secret::new("i")), String::new());
    let bearer = Found::Credential(Credential::RegistryToken(Secret::new("r")), String::new());
    for (text, expected) in [
        (format!(r#"{{"auth": "{}"}}"#, encoded("u:p:q")), basic("u", "p:q")),
        (format!(r#"{{"auth": "{}"}}"#, BASE64_STANDARD_NO_PAD.encode("u:pp")), basic("u", "pp")),
        (format!(r#"{{"auth": " {}\n"}}"#, encoded("u:p")), basic("u", "p")),
        (format!(r#"{{"auth": "{}"}}"#, encoded("u:p\0\0")), basic("u", "p")),
        (format!(r#"{{"auth": "{}"}}"#, encoded("u:")), basic("u", "")),
        (format!(r#"{{"auth": "{}"}}"#, encoded(":p")), basic("", "p")),
        (format!(r#"{{"auth": "{}"}}"#, encoded(":")), Found::Nothing),
        (r#"{"username": "u", "password": "p", "email": "e"}"#.to_owned(), basic("u", "p")),
        (
            format!(r#"{{"auth": "{}", "username": "x", "password": "y"}}"#, encoded("u:p")),
            basic("u", "p"),
        ),
        (format!(r#"{{"auth": "{}", "identitytoken": "i"}}"#, encoded("00000000:")), identity),
        (r#"{"identitytoken": "i", "registrytoken": "r"}"#.to_owned(), bearer),
        (r#"{"auth": "", "identitytoken": ""}"#.to_owned(), Found::Nothing),
        (r#"{"auth": null}"#.to_owned(), Found::Nothing),
        ("null".to_owned(), Found::Nothing),
        ("{}".to_owned(), Found::Nothing),
    ] {
        let file = parse(&format!(r#"{{"auths": {{"r.example": {text}}}}}"#)).unwrap();
        assert_eq!(find(&file, "r.example", None), expected, "{text}");
    }
}

#[test]
fn helpers_and_the_store_have_their_registries() {
    let file = parse(&format!(
        r#"{{"auths": {{"own.example": {0}, "plain.example": {0}, "empty.example": {{}},
                "none.example": {{}}}},
            "credHelpers": {{"own.example": "own", "https://index.docker.io/v1/": "hub",
                "none.example": ""}},
            "credsStore": "store"}}"#,
        entry("u")
    ))
    .unwrap();
    for (registry, expected) in [
        // The registry's own helper wins over an entry in the file.
        ("own.example", Found::Program("own")),
        ("docker.io", Found::Program("hub")),
        // An entry in the file wins over the store.
        ("plain.example", basic("u", "p")),
        ("empty.example", Found::Program("store")),
        ("unheard-of.example", Found::Program("store")),
        ("none.example", Found::Nothing),
    ] {
        assert_eq!(find(&file, registry, Some("a/b")), expected, "{registry}");
    }
    let file = parse(r#"{"credsStore": ""}"#).unwrap();
    assert_eq!(find(&file, "r.example", None), Found::Nothing);
}

#[test]
fn unknown_entries_are_skipped() {
    for text in ["", " \n", "{}", r#"{"auths": null, "credHelpers": null, "credsStore": null}"#] {
        let file = parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(find(&file, "r.example", None), Found::Nothing, "{text:?}");
    }
    let text = format!(
        r#"{{"proxies": {{"default": {{}}}}, "HttpHeaders": {{"a": "b"}},
            "auths": {{"": {{"auth": "%"}}, "a b": {{"auth": "%"}}, "r.example": {}}}}}"#,
        entry("u")
    );
    let file = parse(&text).unwrap();
    assert_eq!(find(&file, "r.example", None), basic("u", "p"));
}

#[test]
fn a_malformed_file_is_named_with_its_place_and_never_quoted() {
    for (text, line) in [
        ("{\n\"auths\": {\"r.example\": \"hunter2\"}}", 2),
        ("{\"auths\":\n\n{\"r.example\": {\"auth\": {\"hunter2\": 1}}}}", 3),
        ("{\"credsStore\": [\"hunter2\"]}", 1),
        ("[\"hunter2\"]", 1),
        ("\"hunter2\"", 1),
        ("hunter2", 1),
        ("{\"auths\": {\"hunter2\": ", 1),
        ("{\"a\": 1}\nhunter2", 2),
    ] {
        let error = parse(text).unwrap_err();
        let shown = error.to_string();
        assert!(!format!("{shown} {error:?}").contains("hunter2"), "{shown}");
        assert!(shown.starts_with("read authentication file /etc/auth.json: "), "{shown}");
        assert!(shown.contains(&format!("at line {line}, column ")), "{text:?}: {shown}");
    }
}

#[test]
fn a_broken_entry_fails_its_own_registry_only() {
    let encoded = BASE64_STANDARD.encode("hunter2");
    for auth in ["hunter2%", &encoded, &BASE64_STANDARD.encode(b"\xff:hunter2")] {
        let text = format!(
            r#"{{"auths": {{"https://r.example/v1/": {{"auth": "{auth}"}}, "o.example": {}}}}}"#,
            entry("u")
        );
        let file = parse(&text).unwrap();
        assert_eq!(find(&file, "o.example", None), basic("u", "p"));
        let error = file.find(&"r.example".parse().unwrap(), None).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("the entry of https://r.example/v1/ has an \"auth\""), "{shown}");
        assert!(!shown.contains("hunter2") && !shown.contains(&encoded), "{shown}");
    }
}

#[tokio::test]
async fn only_a_file_that_was_named_must_exist() {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("file"), "{}").unwrap();
    for (name, named, is_read) in [
        ("missing", false, true),
        ("missing", true, false),
        ("file/missing", false, true),
        // A directory exists but is not a file.
        ("", false, false),
        ("file", true, true),
    ] {
        let path = directory.path().join(name);
        let read = AuthFile::read(&AuthFilePath { path, named }).await;
        assert_eq!(read.is_ok(), is_read, "{name:?}, named: {named}: {read:?}");
        if let Err(error) = read {
            let place = directory.path().join(name).display().to_string();
            assert!(error.to_string().contains(&place), "{error}");
        }
    }
}

#[tokio::test]
async fn an_endless_file_is_not_read_to_its_end() {
    let path = AuthFilePath { path: "/dev/zero".into(), named: true };
    let error = AuthFile::read(&path).await.unwrap_err();
    assert!(matches!(error, CredentialError::TooLarge { .. }), "{error}");
}
