//! What a run says at its start about digests that it will change.

use longshore_engine::IndexMode;
use longshore_engine::event::Level;
use longshore_engine::job::Jobs;
use longshore_oci::PlatformFilter;

use super::session::Session;

impl Session {
    /// Says once why the digests of `jobs` will change. With `--referrers` it is a warning: a signature is
    /// for the digest that was signed.
    pub(in crate::commands) fn tell_of_digests(&self, jobs: &Jobs) {
        let Some(why) = why(jobs.filters(), self.settings.list.images.index) else { return };
        self.digests_told.call_once(|| {
            let (level, consequence) = match self.settings.referrers() {
                true => (Level::Warning, ", and signatures of the old digest do not verify there"),
                false => (Level::Info, ""),
            };
            let (cause, way_out) = why;
            self.log.write(level, &format!("{cause}{consequence}; {way_out}"));
        });
    }
}

fn is_of_flags(filter: &PlatformFilter) -> bool {
    filter.cuts_indexes() && !filter.names_platforms()
}

/// Returns why entries with these filters change digests, and how to keep them; `None` if all are kept.
fn why<'a>(
    filters: impl Iterator<Item = &'a PlatformFilter>,
    mode: IndexMode,
) -> Option<(String, &'static str)> {
    if mode != IndexMode::default() {
        let name = mode.name();
        let cause =
            format!("--index {name} writes indexes anew, so digests change at the destination");
        return Some((cause, "leave --index out to keep them"));
    }
    let cutting: Vec<&PlatformFilter> = filters.filter(|filter| filter.cuts_indexes()).collect();
    let of_flags = cutting.iter().find(|filter| is_of_flags(filter));
    let (subject, way_out) = match (of_flags, cutting.as_slice()) {
        (Some(filter), _) => (
            format!("the platform filter ({filter}) cuts"),
            "--arch all --os all copies them whole",
        ),
        (None, []) => return None,
        (None, [filter]) => (format!("the platform filter ({filter}) cuts"), OF_LIST),
        (None, _) => ("the platform filters of the entries cut".to_owned(), OF_LIST),
    };
    let cause = format!(
        "{subject} indexes with other platforms, and their digests change at the destination"
    );
    Some((cause, way_out))
}

/// Why no flag keeps the digests.
const OF_LIST: &str = "the list names these platforms";

#[cfg(test)]
mod tests {
    use longshore_engine::IndexMode;
    use longshore_oci::PlatformFilter;

    use super::{OF_LIST, why};

    fn filter(arch: &str) -> PlatformFilter {
        PlatformFilter::of_flags(Some(arch), None).unwrap()
    }

    #[test]
    fn a_filter_and_a_mode_change_digests() {
        let text = |arch: &str, mode| why([filter(arch)].iter(), mode).map(|(cause, _)| cause);
        let [keep, docker, oci] = IndexMode::ALL;
        assert_eq!(text("all", keep), None);
        assert!(
            text("arm/v7", keep).unwrap().starts_with("the platform filter (arch arm/v7) cuts")
        );
        assert!(text("all", docker).unwrap().starts_with("--index docker "));
        assert!(text("amd64", oci).unwrap().starts_with("--index oci "));
    }

    #[test]
    fn only_filters_that_entries_use_are_named() {
        let of_list = |platform: &str| filter("all").and_platforms(vec![platform.parse().unwrap()]);
        let (amd, arm) = (of_list("linux/amd64"), of_list("linux/arm64"));
        let one = amd.clone().of_one_manifest();
        let flags =
            ("the platform filter (arch arm) cuts", "--arch all --os all copies them whole");
        for (filters, expected) in [
            (vec![], None),
            (vec![filter("all")], None),
            (vec![filter("all"), one], None),
            (
                vec![filter("all"), amd.clone()],
                Some(("the platform filter (platforms linux/amd64) cuts", OF_LIST)),
            ),
            (vec![amd.clone(), arm], Some(("the platform filters of the entries cut", OF_LIST))),
            (vec![amd, filter("arm")], Some(flags)),
            (vec![filter("all"), filter("arm")], Some(flags)),
        ] {
            let told = why(filters.iter(), IndexMode::default());
            let told = told.as_ref().map(|(cause, way_out)| {
                (cause.split(" indexes with other platforms").next().unwrap(), *way_out)
            });
            assert_eq!(told, expected, "{filters:?}");
        }
    }
}
