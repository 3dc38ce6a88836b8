//! Platforms, and the filter that selects children of an index by platform.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::parts::first_texts_if_any;

/// The longest word of a configuration's platform, in bytes.
const WORD: usize = 255;

/// The platform of an image (image-spec, image-index.md, "platform").
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// The CPU architecture, in Go's terms.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub architecture: String,
    /// The operating system, in Go's terms.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub os: String,
    /// The CPU variant, such as `v7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The version of the operating system; Windows images need it.
    #[serde(default, rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// Required features of the operating system.
    #[serde(
        default,
        rename = "os.features",
        deserialize_with = "first_texts_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub os_features: Option<Vec<String>>,
}

/// A text is not a valid platform, architecture or operating system.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// A platform is written `os/architecture[/variant]`.
    #[error("platform {0:?} is invalid: write os/architecture or os/architecture/variant")]
    Platform(String),
    /// An architecture is written `architecture[/variant]`.
    #[error("architecture {0:?} is invalid: write a word such as amd64 or arm/v7, or all")]
    Architecture(String),
    /// An operating system is one word.
    #[error("operating system {0:?} is invalid: write a word such as linux, or all")]
    Os(String),
    /// The list is empty.
    #[error("{0} is empty; all selects every one")]
    Empty(&'static str),
}

impl Platform {
    /// Whether it is `unknown/unknown`, BuildKit's mark of an attestation.
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown" && self.architecture == "unknown"
    }

    /// Whether the operating system or the architecture is missing.
    pub fn is_unspecified(&self) -> bool {
        self.os.is_empty() || self.architecture.is_empty()
    }

    /// The platform that the configuration of an image names, if any (image-spec, config.md).
    pub fn of_configuration(bytes: &[u8]) -> Option<Self> {
        Self::stated(bytes).filter(|platform| !platform.is_unspecified() && !platform.is_unknown())
    }

    /// What the configuration of an image says about its platform. Words that are too long to be true are
    /// not believed, as platforms are kept in memory.
    pub fn stated(bytes: &[u8]) -> Option<Self> {
        let platform: Self = serde_json::from_slice(bytes).ok()?;
        let words = [Some(&platform.architecture), Some(&platform.os)].into_iter();
        let words =
            words.chain([platform.variant.as_ref(), platform.os_version.as_ref()]).flatten();
        let mut words = words.chain(platform.os_features.iter().flatten());
        let is_short = words.all(|word| word.len() <= WORD);
        drop(words);
        is_short.then_some(platform)
    }

    fn cpu(&self) -> Cpu {
        Cpu::of(&self.architecture, self.variant.as_deref())
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) if !variant.is_empty() => write!(f, "/{variant}"),
            _ => Ok(()),
        }
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let parts: Vec<&str> = text.split('/').collect();
        if !(2..=3).contains(&parts.len()) || !parts.iter().all(|part| is_word(part)) {
            return Err(PlatformError::Platform(text.to_owned()));
        }
        Ok(Self {
            os: parts[0].to_ascii_lowercase(),
            architecture: parts[1].to_owned(),
            variant: parts.get(2).map(|&variant| variant.to_owned()),
            os_version: None,
            os_features: None,
        })
    }
}

/// An architecture and its variant, normalized as in containerd: `arm64` equals `arm64/v8`, and
/// `x86_64` equals `amd64`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Cpu {
    architecture: String,
    variant: Option<String>,
}

impl Cpu {
    fn of(architecture: &str, variant: Option<&str>) -> Self {
        let architecture = match architecture.to_ascii_lowercase().as_str() {
            "x86_64" | "x86-64" => "amd64".to_owned(),
            "aarch64" => "arm64".to_owned(),
            "i386" => "386".to_owned(),
            "armhf" => "arm".to_owned(),
            other => other.to_owned(),
        };
        let variant = variant.filter(|variant| !variant.is_empty()).map(|variant| {
            let lower = variant.to_ascii_lowercase();
            if lower.starts_with('v') { lower } else { format!("v{lower}") }
        });
        Self { architecture, variant }
    }

    fn parse(text: &str) -> Option<Self> {
        let (architecture, variant) = match text.split_once('/') {
            Some((architecture, variant)) => (architecture, Some(variant)),
            None => (text, None),
        };
        // `linux/amd64` is a platform, not an architecture with a variant.
        let is_variant = |text: &str| {
            let digits = text.strip_prefix(['v', 'V']).unwrap_or(text);
            digits.starts_with(|c: char| c.is_ascii_digit()) && is_word(digits)
        };
        (is_word(architecture) && variant.is_none_or(is_variant))
            .then(|| Self::of(architecture, variant))
    }

    /// The variant, or the default of its architecture.
    fn implied_variant(&self) -> Option<&str> {
        self.variant.as_deref().or(match self.architecture.as_str() {
            "arm64" => Some("v8"),
            "arm" => Some("v7"),
            "amd64" => Some("v1"),
            _ => None,
        })
    }

    /// Whether `wanted` selects `self`; without a variant, it selects all variants.
    fn is_selected_by(&self, wanted: &Self) -> bool {
        self.architecture == wanted.architecture
            && (wanted.variant.is_none() || self.implied_variant() == wanted.implied_variant())
    }
}

/// A filter for platforms. Parts that are `None` select everything.
///
/// Clones share memory, as most entries of a list have the same filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlatformFilter {
    architectures: Option<Arc<[Cpu]>>,
    systems: Option<Arc<[String]>>,
    platforms: Option<Arc<[Platform]>>,
}

impl PlatformFilter {
    /// Parses the values of `--arch` and `--os`.
    ///
    /// They are comma-separated, blanks are ignored, and `all` selects everything. `None` stands
    /// for a flag that does not apply.
    ///
    /// # Errors
    /// If a list is empty, or a word is not valid.
    pub fn of_flags(arch: Option<&str>, os: Option<&str>) -> Result<Self, PlatformError> {
        let architectures = parse_list(arch, "--arch", |word| {
            Cpu::parse(word).ok_or_else(|| PlatformError::Architecture(word.to_owned()))
        })?;
        let systems = parse_list(os, "--os", |word| {
            let good = is_word(word).then(|| word.to_ascii_lowercase());
            good.ok_or_else(|| PlatformError::Os(word.to_owned()))
        })?;
        Ok(Self { architectures, systems, platforms: None })
    }

    /// Adds the condition that the platform is one of `platforms`.
    pub fn and_platforms(mut self, platforms: Vec<Platform>) -> Self {
        self.platforms = Some(platforms.into());
        self
    }

    /// Whether it selects everything.
    pub const fn is_everything(&self) -> bool {
        self.architectures.is_none() && self.systems.is_none() && self.platforms.is_none()
    }

    /// Whether it selects `platform`.
    pub fn selects(&self, platform: &Platform) -> bool {
        let cpu = platform.cpu();
        let listed = |wanted: &Platform| {
            wanted.os.eq_ignore_ascii_case(&platform.os) && cpu.is_selected_by(&wanted.cpu())
        };
        self.architectures
            .as_ref()
            .is_none_or(|wanted| wanted.iter().any(|wanted| cpu.is_selected_by(wanted)))
            && self
                .systems
                .as_ref()
                .is_none_or(|wanted| wanted.iter().any(|os| os.eq_ignore_ascii_case(&platform.os)))
            && self.platforms.as_ref().is_none_or(|wanted| wanted.iter().any(listed))
    }
}

fn parse_list<T>(
    value: Option<&str>,
    flag: &'static str,
    parse: impl Fn(&str) -> Result<T, PlatformError>,
) -> Result<Option<Arc<[T]>>, PlatformError> {
    let Some(value) = value else { return Ok(None) };
    let words: Vec<&str> =
        value.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        return Err(PlatformError::Empty(flag));
    }
    if words.iter().any(|word| word.eq_ignore_ascii_case("all")) {
        return Ok(None);
    }
    words.into_iter().map(parse).collect::<Result<_, _>>().map(Some)
}

impl fmt::Display for PlatformFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(architectures) = &self.architectures {
            let words: Vec<String> = architectures
                .iter()
                .map(|cpu| match &cpu.variant {
                    Some(variant) => format!("{}/{variant}", cpu.architecture),
                    None => cpu.architecture.clone(),
                })
                .collect();
            parts.push(format!("arch {}", words.join(",")));
        }
        if let Some(systems) = &self.systems {
            parts.push(format!("os {}", systems.join(",")));
        }
        if let Some(platforms) = &self.platforms {
            let words: Vec<String> = platforms.iter().map(Platform::to_string).collect();
            parts.push(format!("platforms {}", words.join(",")));
        }
        f.write_str(&if parts.is_empty() { "all platforms".to_owned() } else { parts.join(", ") })
    }
}

#[cfg(test)]
mod tests {
    use super::{Platform, PlatformFilter};

    fn selects(arch: &str, os: &str, platform: &str) -> bool {
        let filter = PlatformFilter::of_flags(Some(arch), Some(os)).unwrap();
        filter.selects(&platform.parse::<Platform>().unwrap())
    }

    #[test]
    fn variants_are_matched_as_the_design_says() {
        assert!(selects("arm", "linux", "linux/arm/v6"));
        assert!(selects("arm/v7", "linux", "linux/arm/v7"));
        assert!(selects("arm/v7", "linux", "linux/arm"));
        assert!(!selects("arm/v7", "linux", "linux/arm/v6"));
        assert!(selects("arm64/v8", "linux", "linux/arm64"));
        assert!(selects("x86_64", "linux", "linux/amd64"));
        assert!(!selects("amd64", "linux", "windows/amd64"));
    }

    #[test]
    fn lists_take_blanks_and_all() {
        assert!(selects("amd64, arm64", "all", "plan9/arm64"));
        assert!(PlatformFilter::of_flags(Some("all"), Some("ALL")).unwrap().is_everything());
        assert!(PlatformFilter::of_flags(Some(" , "), None).is_err());
        assert!(PlatformFilter::of_flags(Some("am d64"), None).is_err());
        assert!("linux".parse::<Platform>().is_err());
        assert!(PlatformFilter::of_flags(Some("linux/amd64"), None).is_err());
    }

    #[test]
    fn platforms_of_an_entry_intersect() {
        let filter = PlatformFilter::of_flags(Some("amd64"), None)
            .unwrap()
            .and_platforms(vec!["linux/amd64".parse().unwrap(), "linux/arm64".parse().unwrap()]);
        assert!(filter.selects(&"linux/amd64".parse().unwrap()));
        assert!(!filter.selects(&"linux/arm64".parse().unwrap()));
        assert!(!filter.selects(&"windows/amd64".parse().unwrap()));
    }
}
