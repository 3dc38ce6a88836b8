//! Which versions of a chart are wanted, and the choice among those that exist.

use std::fmt;

use longshore_oci::{VersionRange, version_of_tag};

/// One item of `versions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionWish {
    /// One version.
    Exact(String),
    /// All versions in a range such as `^0.28` or `>=1 <2`.
    Range {
        /// The range as written.
        text: String,
        /// The parsed range.
        range: VersionRange,
    },
    /// The highest versions: `latest:3`. Versions with a suffix do not count.
    Latest(usize),
}

/// A version or range cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is neither a version nor a range such as ^0.28, >=1 <2 or latest:3")]
pub struct WishError {
    text: String,
}

/// The number of versions that an error names.
const NEAREST: usize = 3;

impl VersionWish {
    /// Parses a version, a range or `latest:N`.
    ///
    /// # Errors
    /// If the text is neither.
    pub fn parse(text: &str) -> Result<Self, WishError> {
        let refused = || WishError { text: text.to_owned() };
        let trimmed = text.trim();
        if let Some(count) = trimmed.strip_prefix("latest") {
            let count = match count.strip_prefix(':') {
                None if count.is_empty() => 1,
                None => return Err(refused()),
                Some(count) => count.parse().map_err(|_| refused())?,
            };
            return if count > 0 { Ok(Self::Latest(count)) } else { Err(refused()) };
        }
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_');
        if version_of_tag(trimmed).is_some() && trimmed.chars().all(is_word) {
            return Ok(Self::Exact(trimmed.to_owned()));
        }
        let range = VersionRange::parse(trimmed).map_err(|_| refused())?;
        Ok(Self::Range { text: trimmed.to_owned(), range })
    }

    /// Chooses from the versions that exist, the highest first; an exact version is itself even if
    /// it is not among them.
    pub fn choose<'a>(&'a self, existing: &[&'a str]) -> Vec<&'a str> {
        let holds = |version: &semver::Version| match self {
            Self::Exact(_) => false,
            Self::Range { range, .. } => range.holds(version),
            Self::Latest(_) => version.pre.is_empty(),
        };
        if let Self::Exact(version) = self {
            return vec![version];
        }
        let mut chosen: Vec<(&str, semver::Version)> = existing
            .iter()
            .filter_map(|text| Some((*text, version_of_tag(text)?)))
            .filter(|(_, version)| holds(version))
            .collect();
        chosen.sort_by(|(_, one), (_, other)| other.cmp(one));
        chosen.dedup_by(|(one, _), (other, _)| one == other);
        if let Self::Latest(count) = self {
            chosen.truncate(*count);
        }
        chosen.into_iter().map(|(text, _)| text).collect()
    }
}

impl fmt::Display for VersionWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) | Self::Range { text, .. } => f.write_str(text),
            Self::Latest(count) => write!(f, "latest:{count}"),
        }
    }
}

/// The existing versions next to one that does not exist, or next to a range, the highest first.
pub(crate) fn nearest<'a>(wanted: &str, existing: &[&'a str]) -> Vec<&'a str> {
    let mut sorted: Vec<(semver::Version, &str)> =
        existing.iter().filter_map(|text| Some((version_of_tag(text)?, *text))).collect();
    sorted.sort();
    sorted.dedup();
    // Of a range, the first version that it names.
    let named = wanted.trim_start_matches(|c: char| !c.is_ascii_digit());
    let named = named.split([' ', ',', '|']).next().and_then(version_of_tag);
    let above = match named {
        Some(named) => sorted.partition_point(|(version, _)| *version < named),
        None => sorted.len(),
    };
    let first = above.saturating_sub(NEAREST / 2 + 1).min(sorted.len().saturating_sub(NEAREST));
    sorted.into_iter().skip(first).take(NEAREST).rev().map(|(_, text)| text).collect()
}

#[cfg(test)]
mod tests {
    use super::{VersionWish, nearest};

    const EXISTING: [&str; 8] =
        ["0.27.0", "0.28.1", "0.28.0", "v0.29.0", "1.0.0", "1.5.0", "2.0.0-rc.1", "other"];

    fn chosen(wish: &str) -> Vec<String> {
        let wish = VersionWish::parse(wish).unwrap();
        wish.choose(&EXISTING).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn versions_ranges_and_the_latest_are_told_apart() {
        assert_eq!(chosen("0.28.0"), ["0.28.0"]);
        assert_eq!(chosen("9.9.9"), ["9.9.9"], "whether it exists is found out later");
        assert_eq!(chosen("1.0.0+k3s1"), ["1.0.0+k3s1"]);
        assert_eq!(chosen("^0.28"), ["0.28.1", "0.28.0"]);
        assert_eq!(chosen(">=0.29 <1.1"), ["1.0.0", "v0.29.0"]);
        assert_eq!(chosen("1.x"), ["1.5.0", "1.0.0"]);
        assert_eq!(chosen("~0.27 || ^1.4"), ["1.5.0", "0.27.0"]);
        assert_eq!(chosen("latest:2"), ["1.5.0", "1.0.0"]);
        assert_eq!(chosen("latest"), ["1.5.0"]);
        assert_eq!(chosen(">=2.0.0-0"), ["2.0.0-rc.1"]);
        assert!(chosen("^7").is_empty());
        for wrong in ["", "latest:0", "latest:x", "latest3", "=>>1", "newest", "1.2.3.4"] {
            let error = VersionWish::parse(wrong).unwrap_err().to_string();
            assert!(error.contains("is neither a version nor a range"), "{error}");
        }
    }

    #[test]
    fn the_nearest_versions_are_found() {
        assert_eq!(nearest("0.28.5", &EXISTING), ["v0.29.0", "0.28.1", "0.28.0"]);
        assert_eq!(nearest("1.4.9", &EXISTING), ["1.5.0", "1.0.0", "v0.29.0"]);
        assert_eq!(nearest("^7", &EXISTING), ["2.0.0-rc.1", "1.5.0", "1.0.0"]);
        assert_eq!(nearest("0.1.0", &EXISTING), ["0.28.1", "0.28.0", "0.27.0"]);
        assert_eq!(nearest("latest:3", &["1.0.0-rc.1"]), ["1.0.0-rc.1"]);
        assert!(nearest("1", &[]).is_empty());
    }
}
