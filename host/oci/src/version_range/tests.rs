//! The meaning of tags and ranges.

use super::{VersionRange, version_of_tag};

fn holds(range: &str, tag: &str) -> bool {
    let range = VersionRange::parse(range).unwrap_or_else(|error| panic!("{range}: {error}"));
    range.holds(&version_of_tag(tag).unwrap_or_else(|| panic!("{tag} is a version")))
}

#[test]
fn tags_are_read_forgivingly() {
    for (tag, version) in [
        ("1.2.3", "1.2.3"),
        ("v1.2", "1.2.0"),
        ("3", "3.0.0"),
        ("2024.04.01", "2024.4.1"),
        ("1.2.3-rc.01", "1.2.3-rc.1"),
        ("1.2-alpine3.19", "1.2.0-alpine3.19"),
        ("v1.2.3-build_7", "1.2.3-build-7"),
    ] {
        assert_eq!(version_of_tag(tag).map(|found| found.to_string()).as_deref(), Some(version));
    }
    for tag in [
        "latest",
        "",
        "v",
        "1.2.3.4",
        "1..2",
        "1.x",
        "*",
        "1.2-",
        "1a",
        "sha256-00.sig",
        "99999999999999999999.0.0",
    ] {
        assert_eq!(version_of_tag(tag), None, "{tag:?}");
    }
}

#[test]
fn ranges_hold_what_their_words_say() {
    for (range, inside, outside) in [
        (
            ">=1.2 <2 || ^3",
            &["1.2.0", "1.99.9", "3.0.0", "3.9.9"][..],
            &["1.1.9", "2.0.0", "4.0.0"][..],
        ),
        (">= 3.12.0", &["3.12.0", "v4"], &["3.11.9", "3.12.0-rc.1"]),
        (">=1.31.0,<1.31.9", &["1.31.0", "1.31.8"], &["1.31.9", "1.30.0"]),
        ("1.2", &["1.2.0", "1.2.9"], &["1.3.0", "1.1.0"]),
        ("=1.2.3", &["1.2.3", "v1.2.3"], &["1.2.4"]),
        ("1.x || 3.2.*", &["1.0.0", "1.9.9", "3.2.7"], &["2.0.0", "3.3.0"]),
        ("*", &["0.0.1", "99.0.0"], &["1.0.0-rc.1"]),
        (">1.2", &["1.3.0"], &["1.2.9", "1.2.0"]),
        (">1.2.0", &["1.2.1"], &["1.2.0"]),
        ("<=1.2", &["1.2.9", "0.1.0"], &["1.3.0"]),
        ("<1.2", &["1.1.9"], &["1.2.0"]),
        ("!=1.2.3 >=1", &["1.2.2", "1.2.4"], &["1.2.3", "0.9.0"]),
        ("!1.2 1.x", &["1.1.9", "1.3.0"], &["1.2.0", "1.2.9"]),
        ("~1.2.3", &["1.2.3", "1.2.9"], &["1.3.0", "1.2.2"]),
        ("~1.2", &["1.2.0"], &["1.3.0"]),
        ("~>1", &["1.9.9"], &["2.0.0"]),
        ("^1.2.3", &["1.2.3", "1.9.0"], &["2.0.0", "1.2.2"]),
        ("^0.2.3", &["0.2.3", "0.2.9"], &["0.3.0"]),
        ("^0.0.3", &["0.0.3"], &["0.0.4"]),
        ("^0.0", &["0.0.9"], &["0.1.0"]),
        ("^0", &["0.9.0"], &["1.0.0"]),
        ("1.2 - 1.4", &["1.2.0", "1.4.9"], &["1.1.9", "1.5.0"]),
        ("1.2.3 - 1.4.5", &["1.4.5"], &["1.4.6", "1.2.2"]),
        ("v1.2.3", &["1.2.3"], &["1.2.4"]),
    ] {
        for tag in inside {
            assert!(holds(range, tag), "{tag} must lie in {range}");
        }
        for tag in outside {
            assert!(!holds(range, tag), "{tag} must not lie in {range}");
        }
    }
}

#[test]
fn suffixes_are_meant_only_where_one_is_named() {
    assert!(!holds(">=1.2", "1.3.0-alpine"));
    assert!(holds(">=1.2.0-0", "1.3.0-alpine"));
    assert!(holds(">=1.2.0-0 <2", "1.2.0-alpine"));
    assert!(!holds("^1 || >=5.0.0-rc.1", "1.5.0-rc.1"), "each alternative for itself");
    assert!(holds("1.2.3-rc.1", "v1.2.3-rc.1"));
}

#[test]
fn what_is_no_range_is_refused() {
    for range in [
        "",
        " ",
        "||",
        ">=",
        "latest",
        ">=1.2 <",
        "=>>1",
        "1.2 -",
        "1.2 - x.y",
        "a || 1",
        ">=1 || ",
        "!=*",
        ">*",
        "<>1",
    ] {
        assert!(VersionRange::parse(range).is_err(), "{range:?}");
    }
}
