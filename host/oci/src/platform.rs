//! Platforms, and the filter that selects children of an index by platform.

mod known;

pub use known::{ARCHITECTURES, SYSTEMS};

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::nearest::nearest;
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
    /// An architecture, a variant or an operating system is not known, so it is probably mistyped.
    #[error("{kind} {word:?} is unknown")]
    Unknown {
        /// `architecture` or `operating system`.
        kind: &'static str,
        /// The word.
        word: String,
        /// The known word that it resembles, or all of them.
        meant: Meant,
    },
}

/// What an unknown word may mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meant {
    /// The most similar word.
    Nearest(String),
    /// No word is similar; these are known.
    AnyOf(Vec<String>),
}

impl fmt::Display for Meant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nearest(word) => write!(f, "the nearest known one is {word}"),
            Self::AnyOf(words) => write!(f, "known are {}", words.join(", ")),
        }
    }
}

/// The error of a word that is none of `known`. `before` precedes each of them.
fn unknown(kind: &'static str, word: &str, before: &str, known: &[&str]) -> PlatformError {
    let known: Vec<String> = known.iter().map(|known| format!("{before}{known}")).collect();
    let nearest = nearest(word, known.iter().map(String::as_str)).map(str::to_owned);
    let meant = nearest.map_or(Meant::AnyOf(known), Meant::Nearest);
    PlatformError::Unknown { kind, word: word.to_owned(), meant }
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
        let architecture = known::normalized(architecture);
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
        let is_variant = |text: &str| {
            let digits = text.strip_prefix(['v', 'V']).unwrap_or(text);
            digits.starts_with(|c: char| c.is_ascii_digit()) && is_word(digits)
                || known::is_variant(&architecture.to_ascii_lowercase(), &text.to_ascii_lowercase())
        };
        (is_word(architecture) && variant.is_none_or(is_variant))
            .then(|| Self::of(architecture, variant))
    }

    /// Refuses an architecture or a variant that Go does not know. `word` is its text.
    fn check_known(&self, word: &str) -> Result<(), PlatformError> {
        let kind = "architecture";
        if !known::is_architecture(&self.architecture) {
            return Err(unknown(kind, word, "", &ARCHITECTURES));
        }
        match &self.variant {
            Some(variant) if !known::is_variant(&self.architecture, variant) => {
                let before = format!("{}/", self.architecture);
                match known::variants(&self.architecture) {
                    [] => Err(unknown(kind, word, "", &[&self.architecture])),
                    known => Err(unknown(kind, word, &before, known)),
                }
            }
            _ => Ok(()),
        }
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

/// One value of `--arch`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Selected {
    cpu: Cpu,
    /// The operating system, if the value is a platform. Then `--os` does not matter.
    os: Option<String>,
}

impl Selected {
    fn parse(word: &str) -> Result<Self, PlatformError> {
        if is_platform(word)
            && let Ok(platform) = word.parse::<Platform>()
        {
            return Ok(Self { cpu: platform.cpu(), os: Some(platform.os) });
        }
        match Cpu::parse(word) {
            Some(cpu) => Ok(Self { cpu, os: None }),
            None => Err(PlatformError::Architecture(word.to_owned())),
        }
    }
}

/// Says whether a value of `--arch` is `OS/ARCH` or `OS/ARCH/VARIANT`, and not `ARCH/VARIANT`.
fn is_platform(word: &str) -> bool {
    match word.split_once('/') {
        None => false,
        Some((first, _)) if known::is_architecture(first) => false,
        Some((first, rest)) => {
            known::is_system(first) || known::is_architecture(rest) || Cpu::parse(word).is_none()
        }
    }
}

/// A filter for platforms. Parts that are `None` select everything.
///
/// Clones share memory, as most entries of a list have the same filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlatformFilter {
    architectures: Option<Arc<[Selected]>>,
    systems: Option<Arc<[String]>>,
    platforms: Option<Arc<[Platform]>>,
    /// Whether one manifest takes the place of its index.
    #[serde(default)]
    one_manifest: bool,
}

impl PlatformFilter {
    /// Parses the values of `--arch` and `--os`.
    ///
    /// They are comma-separated, blanks are ignored, and `all` selects everything. `None` stands
    /// for a flag that does not apply. `--arch` also takes platforms, such as `linux/arm/v7`.
    ///
    /// # Errors
    /// If a list is empty, or a word is not valid.
    pub fn of_flags(arch: Option<&str>, os: Option<&str>) -> Result<Self, PlatformError> {
        let architectures = parse_list(arch, "--arch", Selected::parse)?;
        let systems = parse_list(os, "--os", |word| {
            let good = is_word(word).then(|| word.to_ascii_lowercase());
            good.ok_or_else(|| PlatformError::Os(word.to_owned()))
        })?;
        Ok(Self { architectures, systems, platforms: None, one_manifest: false })
    }

    /// Checks that the words of `--arch` and `--os` are known. An unknown one is probably mistyped, and
    /// would select nothing. A platform such as `plan9/sparc64` is meant as it stands.
    ///
    /// # Errors
    /// Also those of [`of_flags`](Self::of_flags).
    pub fn check_known(arch: Option<&str>, os: Option<&str>) -> Result<(), PlatformError> {
        parse_list(arch, "--arch", |word| match Selected::parse(word)? {
            Selected { os: Some(_), .. } => Ok(()),
            Selected { cpu, os: None } => cpu.check_known(word),
        })?;
        parse_list(os, "--os", |word| match known::is_system(word) {
            true => Ok(()),
            false => Err(unknown("operating system", word, "", &SYSTEMS)),
        })?;
        Ok(())
    }

    /// Adds the condition that the platform is one of `platforms`.
    pub fn and_platforms(mut self, platforms: Vec<Platform>) -> Self {
        self.platforms = Some(platforms.into());
        self
    }

    /// Takes the first manifest that the filter selects out of its index, so that its digest stays.
    pub const fn of_one_manifest(mut self) -> Self {
        self.one_manifest = true;
        self
    }

    /// Whether one manifest takes the place of its index.
    pub const fn takes_one_manifest(&self) -> bool {
        self.one_manifest
    }

    /// Whether it selects everything.
    pub const fn is_everything(&self) -> bool {
        self.architectures.is_none() && self.systems.is_none() && self.platforms.is_none()
    }

    /// Whether it can leave a part of an index out.
    pub const fn cuts_indexes(&self) -> bool {
        !self.is_everything() && !self.one_manifest
    }

    /// Whether it has the condition of [`Self::and_platforms`].
    pub const fn names_platforms(&self) -> bool {
        self.platforms.is_some()
    }

    /// Whether it selects `platform`.
    pub fn selects(&self, platform: &Platform) -> bool {
        let cpu = platform.cpu();
        let listed = |wanted: &Platform| {
            wanted.os.eq_ignore_ascii_case(&platform.os) && cpu.is_selected_by(&wanted.cpu())
        };
        let has_system = self
            .systems
            .as_ref()
            .is_none_or(|wanted| wanted.iter().any(|os| os.eq_ignore_ascii_case(&platform.os)));
        let is_selected = |wanted: &Selected| {
            let has_system = match &wanted.os {
                Some(os) => os.eq_ignore_ascii_case(&platform.os),
                None => has_system,
            };
            has_system && cpu.is_selected_by(&wanted.cpu)
        };
        self.architectures.as_ref().map_or(has_system, |wanted| wanted.iter().any(is_selected))
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
                .map(|Selected { cpu, os }| {
                    let os = os.as_ref().map_or_else(String::new, |os| format!("{os}/"));
                    match &cpu.variant {
                        Some(variant) => format!("{os}{}/{variant}", cpu.architecture),
                        None => format!("{os}{}", cpu.architecture),
                    }
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
    use super::{Platform, PlatformError, PlatformFilter};

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
        assert!(PlatformFilter::of_flags(Some("linux/a b"), None).is_err());
    }

    #[test]
    fn an_architecture_may_name_its_system() {
        assert!(selects("linux/amd64", "windows", "linux/amd64"));
        assert!(selects("linux/386", "windows", "linux/386"));
        assert!(!selects("linux/amd64", "windows", "windows/amd64"));
        assert!(selects("arm64,freebsd/amd64", "linux", "linux/arm64"));
        assert!(!selects("arm64,freebsd/amd64", "linux", "linux/amd64"));
        assert!(
            selects("linux/arm/v7", "all", "linux/arm")
                && !selects("linux/arm/v7", "all", "linux/arm/v6")
        );
        let filter = PlatformFilter::of_flags(Some("plan9/sparc,arm/v6"), Some("linux")).unwrap();
        assert_eq!(filter.to_string(), "arch plan9/sparc,arm/v6, os linux");
    }

    #[test]
    fn unknown_words_are_refused_with_the_nearest_known_one() {
        let meant =
            |arch: Option<&str>, os: Option<&str>| match PlatformFilter::check_known(arch, os) {
                Ok(()) => String::new(),
                Err(PlatformError::Unknown { meant, .. }) => meant.to_string(),
                Err(error) => panic!("{error}"),
            };
        for (arch, expected) in [
            ("amd46", "the nearest known one is amd64"),
            ("arm64, amr", "the nearest known one is arm"),
            ("x86_65", "known are 386, amd64, "),
            ("s390", "the nearest known one is s390x"),
            ("arm/v77", "the nearest known one is arm/v7"),
            ("amd64/v9", "the nearest known one is amd64/v"),
            ("riscv64/v1", "the nearest known one is riscv64/rva2"),
            ("s390x/v1", "the nearest known one is s390x"),
        ] {
            assert!(
                meant(Some(arch), None).starts_with(expected),
                "{arch}: {}",
                meant(Some(arch), None)
            );
        }
        for (os, expected) in [
            ("linx", "the nearest known one is linux"),
            ("linux,Window", "the nearest known one is windows"),
            ("macos", "known are aix, "),
        ] {
            assert!(meant(None, Some(os)).starts_with(expected), "{os}: {}", meant(None, Some(os)));
        }
        let known = "X86_64,aarch64,i386,armhf,ARM/v6,arm/7,arm64/v8.2,amd64/v3,386/softfloat,\
                     ppc64le/power9,riscv64/rva22u64,wasm,unknown,all";
        for word in known.split(',').chain(["plan9/sparc64", "linux/amd46", "myos/386"]) {
            assert_eq!(meant(Some(word), Some("Linux,wasip1,plan9")), "", "{word}");
        }
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
