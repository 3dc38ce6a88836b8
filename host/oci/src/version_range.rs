//! Tags as versions, and version ranges.
//!
//! Tags may have a leading `v`, one or two numbers instead of three, and leading zeros.
//!
//! Ranges have the common syntax of npm, Masterminds/semver and blang/semver: comparisons joined by
//! blanks or commas, `||` between alternatives, `~`, `^`, `x`, and `1.2 - 1.4`. A version with a
//! suffix (`1.2.3-rc.1`, `1.2.3-alpine`) is in a range only if the alternative names one.

use semver::{BuildMetadata, Prerelease, Version};

/// Parses a tag as a version; `None` if it is not one.
pub fn version_of_tag(tag: &str) -> Option<Version> {
    let partial = Partial::of(tag)?;
    (partial.numbers > 0 && !partial.open).then_some(partial.version)
}

/// A part of `1.2.3-suffix`.
struct Partial {
    /// Missing numbers are zero.
    version: Version,
    /// How many of the three numbers are given.
    numbers: u8,
    /// Whether an `x` or `*` replaces a number.
    open: bool,
}

impl Partial {
    fn of(text: &str) -> Option<Self> {
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let (text, _build) = text.split_once('+').unwrap_or((text, ""));
        let (core, suffix) = match text.split_once('-') {
            Some((core, suffix)) => (core, Some(suffix)),
            None => (text, None),
        };
        let mut parts = [0_u64; 3];
        let mut numbers = 0;
        let mut open = false;
        for (at, part) in core.split('.').enumerate() {
            let place = parts.get_mut(at)?;
            if matches!(part, "x" | "X" | "*") {
                open = true;
                continue;
            }
            if open || part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            *place = part.parse().ok()?;
            numbers += 1;
        }
        let pre = match suffix {
            Some(suffix) => Prerelease::new(&without_leading_zeros(suffix)).ok()?,
            None => Prerelease::EMPTY,
        };
        if suffix.is_some_and(str::is_empty) || (suffix.is_some() && open) {
            return None;
        }
        let [major, minor, patch] = parts;
        let version = Version { major, minor, patch, pre, build: BuildMetadata::EMPTY };
        Some(Self { version, numbers, open })
    }

    /// The first version after all versions that this one matches; `None` if there is no such version.
    fn successor(&self) -> Option<Version> {
        let Version { major, minor, patch, .. } = self.version;
        Some(match self.numbers {
            0 => return None,
            1 => Version::new(major.checked_add(1)?, 0, 0),
            2 => Version::new(major, minor.checked_add(1)?, 0),
            _ => Version::new(major, minor, patch.checked_add(1)?),
        })
    }

    fn is_whole(&self) -> bool {
        self.numbers == 3
    }
}

/// Removes leading zeros: SemVer forbids suffixes such as `-01`, but they are common in tags.
fn without_leading_zeros(suffix: &str) -> String {
    let part = |part: &str| {
        let digits = part.bytes().all(|byte| byte.is_ascii_digit());
        let short = part.trim_start_matches('0');
        match (digits, short) {
            (true, "") if !part.is_empty() => "0".to_owned(),
            (true, _) => short.to_owned(),
            _ => part.replace('_', "-"),
        }
    };
    suffix.split('.').map(part).collect::<Vec<_>>().join(".")
}

/// A condition on a version.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Bound {
    AtLeast(Version),
    Above(Version),
    Below(Version),
    AtMost(Version),
    /// Excludes the versions from the first on that are below the second; without a second, only the first.
    Outside(Version, Option<Version>),
}

/// Conditions that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Alternative {
    bounds: Vec<Bound>,
    /// Whether it names a version with a suffix, and therefore matches such versions.
    suffixes: bool,
}

/// A version range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRange(Vec<Alternative>);

/// A text is not a valid range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{part}` is not a version condition")]
pub struct RangeError {
    part: String,
}

impl VersionRange {
    /// Parses a range such as `>=1.2 <2 || ^3`.
    ///
    /// # Errors
    /// If a part is not a condition.
    pub fn parse(text: &str) -> Result<Self, RangeError> {
        text.split("||").map(Alternative::parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether `version` is in the range.
    pub fn holds(&self, version: &Version) -> bool {
        self.0.iter().any(|alternative| {
            (version.pre.is_empty() || alternative.suffixes)
                && alternative.bounds.iter().all(|bound| bound.holds(version))
        })
    }
}

impl Bound {
    fn holds(&self, version: &Version) -> bool {
        match self {
            Self::AtLeast(bound) => version >= bound,
            Self::Above(bound) => version > bound,
            Self::Below(bound) => version < bound,
            Self::AtMost(bound) => version <= bound,
            Self::Outside(first, Some(end)) => version < first || version >= end,
            Self::Outside(only, None) => version != only,
        }
    }
}

impl Alternative {
    fn parse(text: &str) -> Result<Self, RangeError> {
        let mut alternative = Self::default();
        let words: Vec<&str> =
            text.split([' ', '\t', ',']).filter(|word| !word.is_empty()).collect();
        let mut words = words.iter().copied().peekable();
        let refused = |part: &str| RangeError { part: part.to_owned() };
        if words.peek().is_none() {
            return Err(refused(text));
        }
        while let Some(word) = words.next() {
            let end = word.find(|c: char| !"<>=!~^".contains(c)).unwrap_or(word.len());
            let (operator, rest) = word.split_at(end);
            // Blanks may follow the operator, as in `>= 1.2`.
            let operand = match rest {
                "" => words.next().ok_or_else(|| refused(word))?,
                rest => rest,
            };
            let partial = Partial::of(operand).ok_or_else(|| refused(word))?;
            if operator.is_empty() && words.next_if_eq(&"-").is_some() {
                let last = words.next().ok_or_else(|| refused("-"))?;
                let last = Partial::of(last).ok_or_else(|| refused(last))?;
                alternative.add(">=", partial).ok_or_else(|| refused(word))?;
                alternative.add("<=", last).ok_or_else(|| refused(word))?;
                continue;
            }
            alternative.add(operator, partial).ok_or_else(|| refused(word))?;
        }
        Ok(alternative)
    }

    /// Adds the conditions of `operator` with `partial`; `None` if there is no such operator.
    fn add(&mut self, operator: &str, partial: Partial) -> Option<()> {
        self.suffixes |= !partial.version.pre.is_empty();
        let (behind, whole) = (partial.successor(), partial.is_whole());
        let version = partial.version;
        let mut until = |end: Option<Version>| self.bounds.extend(end.map(Bound::Below));
        match operator {
            "" | "=" | "==" if whole => {
                self.bounds.extend([Bound::AtLeast(version.clone()), Bound::AtMost(version)]);
            }
            "" | "=" | "==" => {
                until(behind);
                self.bounds.push(Bound::AtLeast(version));
            }
            "!=" | "!" => {
                let end = if whole { None } else { Some(behind?) };
                self.bounds.push(Bound::Outside(version, end));
            }
            ">=" | "=>" => self.bounds.push(Bound::AtLeast(version)),
            "<" => self.bounds.push(Bound::Below(version)),
            ">" if whole => self.bounds.push(Bound::Above(version)),
            ">" => self.bounds.push(Bound::AtLeast(behind?)),
            "<=" | "=<" if whole => self.bounds.push(Bound::AtMost(version)),
            "<=" | "=<" => until(behind),
            "~" | "~>" => {
                let end = match partial.numbers {
                    3 => Some(Version::new(version.major, version.minor.checked_add(1)?, 0)),
                    _ => behind,
                };
                until(end);
                self.bounds.push(Bound::AtLeast(version));
            }
            "^" => {
                let end = match (version.major, version.minor, partial.numbers) {
                    (_, _, 0) => None,
                    (0, 0, 2 | 3) => behind,
                    (0, minor, 2..) => Some(Version::new(0, minor.checked_add(1)?, 0)),
                    (major, ..) => Some(Version::new(major.checked_add(1)?, 0, 0)),
                };
                until(end);
                self.bounds.push(Bound::AtLeast(version));
            }
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
