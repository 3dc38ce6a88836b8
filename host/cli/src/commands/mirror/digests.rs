//! What a run says at its start about digests that it will change.

use longshore_engine::IndexMode;
use longshore_engine::event::Level;
use longshore_engine::list::Format;
use longshore_engine::plan::PlanError;
use longshore_oci::PlatformFilter;

use super::session::Session;

impl Session {
    /// Says once why digests will change. With `--referrers` it is a warning: a signature is for the
    /// digest that was signed.
    ///
    /// # Errors
    /// If a default of the format is not a list of words.
    pub(in crate::commands) fn tell_of_digests(&self, format: &Format) -> Result<(), PlanError> {
        let filter = self.settings.filter.usual(format)?;
        let Some(why) = why(&filter, self.settings.list.images.index) else { return Ok(()) };
        self.digests_told.call_once(|| {
            let (level, consequence) = match self.settings.referrers() {
                true => (Level::Warning, ", and signatures of the old digest do not verify there"),
                false => (Level::Info, ""),
            };
            let (cause, way_out) = why;
            self.log.write(level, &format!("{cause}{consequence}; {way_out}"));
        });
        Ok(())
    }

    /// Says whether the flags select platforms, or their defaults for lists in `format`.
    ///
    /// # Errors
    /// If a default of the format is not a list of words.
    pub(in crate::commands) fn selects_platforms(
        &self,
        format: &Format,
    ) -> Result<bool, PlanError> {
        Ok(!self.settings.filter.usual(format)?.is_everything())
    }
}

/// Returns why digests will change, and how to keep them; `None` if all are kept.
fn why(filter: &PlatformFilter, mode: IndexMode) -> Option<(String, &'static str)> {
    if mode != IndexMode::default() {
        let name = mode.name();
        let cause =
            format!("--index {name} writes indexes anew, so digests change at the destination");
        return Some((cause, "leave --index out to keep them"));
    }
    if filter.is_everything() {
        return None;
    }
    let cause = format!(
        "the platform filter ({filter}) cuts indexes with other platforms, and their digests change at the \
         destination"
    );
    Some((cause, "--arch all --os all copies them whole"))
}

#[cfg(test)]
mod tests {
    use longshore_engine::IndexMode;
    use longshore_oci::PlatformFilter;

    use super::why;

    #[test]
    fn a_filter_and_a_mode_change_digests() {
        let text = |arch: &str, mode| {
            let filter = PlatformFilter::of_flags(Some(arch), None).unwrap();
            why(&filter, mode).map(|(cause, _)| cause)
        };
        let [keep, docker, oci] = IndexMode::ALL;
        assert_eq!(text("all", keep), None);
        assert!(
            text("arm/v7", keep).unwrap().starts_with("the platform filter (arch arm/v7) cuts")
        );
        assert!(text("all", docker).unwrap().starts_with("--index docker "));
        assert!(text("amd64", oci).unwrap().starts_with("--index oci "));
    }
}
