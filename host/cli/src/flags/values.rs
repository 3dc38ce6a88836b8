//! Parsers of flag values.

use std::convert::Infallible;
use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroU64;
use std::path::PathBuf;
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

/// Whose credentials `--list-credentials` uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ListCredentials {
    /// None.
    Ignored,
    /// Those of the list itself.
    OfList,
    /// Those of the list in this file.
    OfFile(PathBuf),
}

/// Parses the value of `--list-credentials`.
pub(super) fn list_credentials(text: &str) -> Result<ListCredentials, Infallible> {
    Ok(match text {
        "false" => ListCredentials::Ignored,
        "true" => ListCredentials::OfList,
        path => ListCredentials::OfFile(path.into()),
    })
}

/// Parses the value of `--jobs`.
pub(super) fn jobs(text: &str) -> Result<usize, String> {
    match text.trim().parse::<u32>().map(usize::try_from) {
        Ok(Ok(number)) if number >= 1 => Ok(number),
        _ => Err(format!("it must be a number of at least 1, and at most {}", u32::MAX)),
    }
}

/// Parses the value of `--retries`.
pub(super) fn retries(text: &str) -> Result<usize, String> {
    text.trim().parse().map_err(|_| "it must be a number of at least 0".to_owned())
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

/// Parses the time between runs.
///
/// A bare number is refused: it would be seconds, and who writes `6` may mean hours.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        time if !time.is_zero() && text.trim().bytes().all(|byte| byte.is_ascii_digit()) => {
            let bare = text.trim();
            Err(format!("it needs a unit: {bare}s, {bare}m or {bare}h"))
        }
        time if time < Duration::from_secs(1) => Err("it must be at least 1s".to_owned()),
        time => Ok(time),
    }
}

/// The lowest `--limit-rate`, in bytes per second. Registries give slower uploads up, and so does longshore.
const LOWEST_RATE: u64 = 100_000;

/// Parses bytes per second, such as `50MB/s`. Units are powers of 1000, and of 1024 with an `i`.
pub(super) fn rate(text: &str) -> Result<NonZeroU64, String> {
    let form = || "it must be bytes per second, such as 50MB/s, 800kB/s or 10MiB/s".to_owned();
    let text = text.trim();
    let bare = text.strip_suffix("/s").unwrap_or(text).trim_end();
    let end = bare.find(|letter: char| !letter.is_ascii_digit() && letter != '.');
    let (number, unit) = bare.split_at(end.unwrap_or(bare.len()));
    let number: f64 = number.parse().map_err(|_| form())?;
    let unit = unit.trim_start();
    if unit.ends_with('b') || unit.to_ascii_lowercase().contains("bit") {
        return Err("a small b is a bit: write bytes per second, such as 50MB/s".to_owned());
    }
    let factor = match unit.strip_suffix('B').unwrap_or(unit) {
        "" => 1.0,
        "k" | "K" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        _ => return Err(form()),
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and the number has no sign"
    )]
    let bytes = (number * factor).round() as u64;
    match NonZeroU64::new(bytes).filter(|bytes| bytes.get() >= LOWEST_RATE) {
        Some(rate) => Ok(rate),
        None => {
            Err("it must be at least 100kB/s, because registries give slower uploads up".to_owned())
        }
    }
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

    use super::{address, duration, host, project, rate};

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
    fn rates_are_bytes_per_second() {
        for (text, expected) in [
            ("50MB/s", 50_000_000),
            ("50M", 50_000_000),
            ("1.5 MB/s", 1_500_000),
            ("800kB/s", 800_000),
            ("800K", 800_000),
            ("10MiB/s", 10_485_760),
            ("1GB/s", 1_000_000_000),
            ("2GiB", 2_147_483_648),
            ("100000", 100_000),
            ("100000B/s", 100_000),
        ] {
            assert_eq!(rate(text).map(u64::from), Ok(expected), "{text}");
        }
        for (text, why) in [
            ("", "such as 50MB/s"),
            ("fast", "such as 50MB/s"),
            ("-5MB/s", "such as 50MB/s"),
            ("5 apples", "such as 50MB/s"),
            ("5MB/m", "such as 50MB/s"),
            ("1..5MB", "such as 50MB/s"),
            ("50Mb/s", "a small b is a bit"),
            ("50Mbit/s", "a small b is a bit"),
            ("0", "at least 100kB/s"),
            ("99kB/s", "at least 100kB/s"),
            ("50", "at least 100kB/s"),
        ] {
            let error = rate(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
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
