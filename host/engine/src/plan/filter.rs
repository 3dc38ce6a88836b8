//! Which platform filter holds for an entry.

use crate::list::{Attribute, Entry, Format};
use longshore_oci::{Platform, PlatformError, PlatformFilter};

/// What to write as a platform.
pub const PLATFORM_HINT: &str = "a platform is os/architecture[/variant], as in linux/arm64";

/// The word in an entry's platforms that switches its filter off.
pub(super) const ALL: &str = "all";

/// The platform filter flags of the command line.
#[derive(Clone, Debug, Default)]
pub struct FilterFlags {
    arch: Option<String>,
    os: Option<String>,
    explicit: PlatformFilter,
}

impl FilterFlags {
    /// Parses `--arch` and `--os`.
    ///
    /// # Errors
    /// Fails if a value is not a list of words.
    pub fn new(arch: Option<&str>, os: Option<&str>) -> Result<Self, PlatformError> {
        Ok(Self {
            arch: arch.map(str::to_owned),
            os: os.map(str::to_owned),
            explicit: PlatformFilter::of_flags(arch, os)?,
        })
    }

    /// Returns the defaults of `format` for `--arch` and `--os` that hold because the flags are not
    /// given, in this order.
    pub fn defaults<'a>(&self, format: &'a Format) -> [Option<&'a str>; 2] {
        let unless = |given: &Option<String>, default: &'a Option<String>| match given {
            Some(_) => None,
            None => default.as_deref(),
        };
        [unless(&self.arch, &format.default_arch), unless(&self.os, &format.default_os)]
    }

    /// Returns the filters for the entries of a list in `format`.
    ///
    /// # Errors
    /// Fails if a default of the format is not a list of words.
    pub(super) fn for_list(&self, format: &Format) -> Result<ListFilter, PlatformError> {
        let [arch, os] = self.defaults(format);
        let with_defaults =
            PlatformFilter::of_flags(self.arch.as_deref().or(arch), self.os.as_deref().or(os))?;
        Ok(ListFilter { explicit: self.explicit.clone(), with_defaults })
    }
}

/// The filters for the entries of one list.
#[derive(Debug)]
pub(super) struct ListFilter {
    /// For entries that name platforms.
    explicit: PlatformFilter,
    /// For the others.
    with_defaults: PlatformFilter,
}

impl ListFilter {
    /// Returns the filter of `entry`.
    ///
    /// # Errors
    /// Fails if one of its platforms is not a platform, or if it wants one manifest and does not say for which
    /// platform.
    pub(super) fn of(&self, entry: &Entry) -> Result<PlatformFilter, EntryFilterError> {
        let filter = self.of_entry(&entry.platforms)?;
        if !takes_one_manifest(entry)? {
            return Ok(filter);
        }
        match entry.platforms.as_slice() {
            [platform] if platform != ALL => Ok(filter.of_one_manifest()),
            _ => Err(EntryFilterError::OneOfMany),
        }
    }

    /// Returns the filter of an entry that names `platforms`.
    ///
    /// # Errors
    /// Fails if one of them is not a platform.
    fn of_entry(&self, platforms: &[String]) -> Result<PlatformFilter, PlatformError> {
        if platforms.is_empty() {
            return Ok(self.with_defaults.clone());
        }
        if platforms.iter().any(|platform| platform == ALL) {
            return Ok(self.explicit.clone());
        }
        Ok(self.explicit.clone().and_platforms(parsed(platforms)?))
    }
}

/// The attribute with which an entry asks for the manifest of its only platform, instead of an index.
const ONE_MANIFEST: &str = "single-manifest";

/// Why an entry has no filter.
#[derive(Debug, thiserror::Error)]
pub(super) enum EntryFilterError {
    #[error(transparent)]
    Platform(#[from] PlatformError),
    #[error("the attribute {ONE_MANIFEST} needs exactly one platform")]
    OneOfMany,
    #[error("the attribute {ONE_MANIFEST} must be true or false, found {0:?}")]
    NotBoolean(String),
}

/// Says whether `entry` asks for one manifest.
fn takes_one_manifest(entry: &Entry) -> Result<bool, EntryFilterError> {
    match entry.attributes.iter().find(|attribute| attribute.key == ONE_MANIFEST) {
        None => Ok(false),
        Some(Attribute { value, .. }) => {
            value.parse().map_err(|_| EntryFilterError::NotBoolean(value.clone()))
        }
    }
}

/// Checks the platforms of an entry.
///
/// # Errors
/// Fails if one of them is neither a platform nor `all`.
pub fn check_platforms(platforms: &[String]) -> Result<(), PlatformError> {
    match platforms.iter().any(|platform| platform == ALL) {
        true => Ok(()),
        false => parsed(platforms).map(drop),
    }
}

fn parsed(platforms: &[String]) -> Result<Vec<Platform>, PlatformError> {
    platforms.iter().map(|text| text.parse::<Platform>()).collect()
}

#[cfg(test)]
mod tests {
    use super::{FilterFlags, ONE_MANIFEST};
    use crate::list::{Attribute, Entry, Format, Selection};
    use longshore_oci::PlatformError;

    fn filtered() -> Format {
        let text = |text: &str| Some(text.to_owned());
        Format { default_arch: text("amd64,arm64"), default_os: text("linux"), ..Format::default() }
    }

    fn of(
        flags: &FilterFlags,
        format: &Format,
        platforms: &[&str],
    ) -> Result<String, PlatformError> {
        let platforms: Vec<String> = platforms.iter().map(|&text| text.to_owned()).collect();
        flags.for_list(format)?.of_entry(&platforms).map(|filter| filter.to_string())
    }

    #[test]
    fn the_default_of_a_format_is_for_entries_without_platforms() {
        let flags = FilterFlags::new(None, None).unwrap();
        assert_eq!(of(&flags, &filtered(), &[]).unwrap(), "arch amd64,arm64, os linux");
        assert_eq!(of(&flags, &Format::default(), &[]).unwrap(), "all platforms");
        assert_eq!(of(&flags, &filtered(), &["all"]).unwrap(), "all platforms");
        assert_eq!(of(&flags, &filtered(), &["linux/s390x"]).unwrap(), "platforms linux/s390x");
        assert!(of(&flags, &filtered(), &["linux"]).is_err());
        let broken = Format { default_os: Some("a b".to_owned()), ..Format::default() };
        assert!(of(&flags, &broken, &[]).is_err());
    }

    #[test]
    fn explicit_flags_hold_everywhere() {
        let flags = FilterFlags::new(Some("arm64"), None).unwrap();
        assert_eq!(
            of(&flags, &filtered(), &["linux/amd64"]).unwrap(),
            "arch arm64, platforms linux/amd64"
        );
        assert_eq!(of(&flags, &filtered(), &[]).unwrap(), "arch arm64, os linux");
        assert_eq!(of(&flags, &Format::default(), &[]).unwrap(), "arch arm64");
        assert_eq!(flags.defaults(&filtered()), [None, Some("linux")]);
    }

    #[test]
    fn one_manifest_needs_one_platform() {
        let of = |platforms: &[&str], value: &str| {
            let attribute = Attribute { key: ONE_MANIFEST.to_owned(), value: value.to_owned() };
            let entry = Entry {
                source: "a.io/b".to_owned(),
                repositories: None,
                select: Selection::All,
                destination: None,
                destination_tag: None,
                platforms: platforms.iter().map(|&text| text.to_owned()).collect(),
                line: 1,
                attributes: vec![attribute],
            };
            let filter = FilterFlags::default().for_list(&filtered()).unwrap();
            filter
                .of(&entry)
                .map(|filter| filter.takes_one_manifest())
                .map_err(|error| error.to_string())
        };
        assert_eq!(of(&["linux/arm64"], "true"), Ok(true));
        assert_eq!(of(&["linux/arm64"], "false"), Ok(false));
        assert_eq!(of(&[], "false"), Ok(false));
        for platforms in [&[][..], &["all"], &["linux/amd64", "linux/arm64"]] {
            assert!(of(platforms, "true").unwrap_err().contains("exactly one platform"));
        }
        assert!(of(&["linux/arm64"], "yes").unwrap_err().contains("found \"yes\""));
        assert!(of(&["arm64"], "true").is_err());
    }
}
