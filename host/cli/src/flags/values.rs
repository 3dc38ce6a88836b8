//! Parsers of flag values.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::fmt::friendly::SpanParser;
use longshore_engine::IndexMode;
use longshore_oci::Repository;

/// Parses the value of `--index`.
pub(super) fn index_mode() -> impl TypedValueParser<Value = IndexMode> {
    PossibleValuesParser::new(IndexMode::ALL.map(IndexMode::name))
        .try_map(|name| IndexMode::of_name(&name).ok_or("it is not a mode"))
}

/// Parses the value of `--jobs`.
pub(super) fn jobs(text: &str) -> Result<usize, String> {
    match text.trim().parse::<u32>().map(usize::try_from) {
        Ok(Ok(number)) if number >= 1 => Ok(number),
        _ => Err(format!("it must be a number of at least 1, and at most {}", u32::MAX)),
    }
}

/// Parses a duration such as `90s`, `15m` or `2h`; a plain number is seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    SpanParser::new()
        .parse_unsigned_duration(text)
        .map_err(|_| "it must be a duration such as 90s, 15m or 2h".to_owned())
}

/// Parses a project: one component of a repository.
pub(super) fn project(text: &str) -> Result<Repository, String> {
    match text.parse::<Repository>() {
        Ok(project) if project.is_one_part() => Ok(project),
        Ok(_) => Err("a project is one component without a slash, such as library".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Parses an address with a port. A name must resolve to loopback addresses only.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let form =
        "it must be an address and a port, such as 127.0.0.1:5000, [::1]:5000 or localhost:5000";
    let is_named = text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains([':', '/']) && port.parse::<u16>().is_ok()
    });
    if !is_named {
        return Err(form.to_owned());
    }
    let found = text.to_socket_addrs().map_err(|error| format!("its host has no address: {error}"));
    let (mut loopback, others): (Vec<_>, Vec<_>) =
        found?.partition(|address| address.ip().is_loopback());
    // IPv4 sorts first: more clients lack IPv6 than IPv4.
    loopback.sort();
    match (loopback.first(), others.as_slice()) {
        (Some(address), []) => Ok(*address),
        _ => Err("a name must resolve to loopback only, as localhost does; give the address itself, or 0.0.0.0 for all of them".to_owned()),
    }
}

/// Parses the name of a host, without a port.
pub(super) fn host(text: &str) -> Result<String, String> {
    let is_name = |character: char| character.is_ascii_alphanumeric() || "-._".contains(character);
    if !text.is_empty() && text.chars().all(is_name) {
        return Ok(text.to_owned());
    }
    Err("it must be a host name without a port, such as registry.example".to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{address, duration, host, project};

    #[test]
    fn a_project_is_one_component() {
        for good in ["library", "team-1", "a_b"] {
            assert_eq!(project(good).unwrap().as_str(), good);
        }
        for bad in ["", "a/b", "/a", "a/", "Team", "reg.io:5000", "a b"] {
            assert!(project(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_host_is_a_name_without_a_port() {
        for good in ["registry.example", "build-7", "Registry.Local", "a_b"] {
            assert_eq!(host(good).unwrap(), good);
        }
        for bad in ["", "registry.example:5000", "http://registry.example", "a/b", "[::1]", "a b"] {
            assert!(host(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_have_units_and_seconds_need_none() {
        let seconds = |text| duration(text).map(|duration| duration.as_secs()).ok();
        assert_eq!(seconds("90"), Some(90));
        assert_eq!(seconds("90s"), Some(90));
        assert_eq!(seconds("15m"), Some(900));
        assert_eq!(seconds("2h"), Some(7200));
        assert_eq!(seconds("1h30m"), Some(5400));
        assert_eq!(seconds("10m0s"), Some(600), "as Hangar writes it");
        for wrong in ["", "m", "-1", "-1s", "5d", "1s ago", "99999999999999999999"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(duration("0"), Ok(Duration::ZERO));
    }

    #[test]
    fn addresses_and_names_of_loopback_are_accepted() {
        for (text, expected) in [
            ("127.0.0.1:5000", "127.0.0.1:5000"),
            ("0.0.0.0:0", "0.0.0.0:0"),
            ("[::1]:1", "[::1]:1"),
        ] {
            assert_eq!(address(text).unwrap().to_string(), expected);
        }
        assert!(address("localhost:5010").unwrap().ip().is_loopback());
        for (text, why) in [
            ("5000", "such as 127.0.0.1:5000"),
            (":5000", "such as 127.0.0.1:5000"),
            ("localhost", "localhost:5000"),
            ("localhost:x", "localhost:5000"),
            ("no.such.invalid:1", "has no address"),
        ] {
            let error = address(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
