//! Which platform filter holds for an entry.

use longshore_oci::{Platform, PlatformError, PlatformFilter};

/// The formats whose entries get the default filter, as Hangar documents it.
const FILTERED_FORMATS: [&str; 2] = ["mirror", "default"];
/// The default of `--arch`.
const DEFAULT_ARCH: &str = "amd64,arm64";
/// The default of `--os`.
const DEFAULT_OS: &str = "linux,windows";
/// The word in an entry's platforms that switches its filter off.
pub(super) const ALL: &str = "all";

/// The filter flags of the command line, and the filters that follow from them.
#[derive(Clone, Debug)]
pub struct FilterFlags {
    /// What was asked for explicitly.
    explicit: PlatformFilter,
    /// For entries of the formats with a default.
    with_defaults: PlatformFilter,
}

impl FilterFlags {
    /// Reads `--arch` and `--os`, where they were given.
    ///
    /// # Errors
    /// Where one holds no list of words.
    pub fn new(arch: Option<&str>, os: Option<&str>) -> Result<Self, PlatformError> {
        Ok(Self {
            explicit: PlatformFilter::of_flags(arch, os)?,
            with_defaults: PlatformFilter::of_flags(
                Some(arch.unwrap_or(DEFAULT_ARCH)),
                Some(os.unwrap_or(DEFAULT_OS)),
            )?,
        })
    }

    /// The filter of an entry of `format` that names `platforms`.
    ///
    /// # Errors
    /// Where a platform is none.
    pub(super) fn of_entry(
        &self,
        format: &str,
        platforms: &[String],
    ) -> Result<PlatformFilter, PlatformError> {
        if platforms.is_empty() {
            let has_default = FILTERED_FORMATS.contains(&format);
            return Ok(if has_default { &self.with_defaults } else { &self.explicit }.clone());
        }
        if platforms.iter().any(|platform| platform == ALL) {
            return Ok(self.explicit.clone());
        }
        let platforms =
            platforms.iter().map(|text| text.parse::<Platform>()).collect::<Result<_, _>>()?;
        Ok(self.explicit.clone().and_platforms(platforms))
    }
}

#[cfg(test)]
mod tests {
    use super::FilterFlags;

    #[test]
    fn the_default_is_for_two_formats_and_for_entries_without_platforms() {
        let flags = FilterFlags::new(None, None).unwrap();
        let of = |format, platforms: &[&str]| {
            let platforms: Vec<String> = platforms.iter().map(|&text| text.to_owned()).collect();
            flags.of_entry(format, &platforms).map(|filter| filter.to_string())
        };
        assert_eq!(of("mirror", &[]).unwrap(), "arch amd64,arm64, os linux,windows");
        assert_eq!(of("regsync", &[]).unwrap(), "all platforms");
        assert_eq!(of("mirror", &["all"]).unwrap(), "all platforms");
        assert_eq!(of("mirror", &["linux/s390x"]).unwrap(), "platforms linux/s390x");
        assert!(of("mirror", &["linux"]).is_err());
    }

    #[test]
    fn explicit_flags_hold_everywhere() {
        let flags = FilterFlags::new(Some("arm64"), None).unwrap();
        let platforms = ["linux/amd64".to_owned()];
        assert_eq!(
            flags.of_entry("mirror", &platforms).unwrap().to_string(),
            "arch arm64, platforms linux/amd64"
        );
        assert_eq!(
            flags.of_entry("mirror", &[]).unwrap().to_string(),
            "arch arm64, os linux,windows"
        );
        assert_eq!(flags.of_entry("compose", &[]).unwrap().to_string(), "arch arm64");
    }
}
