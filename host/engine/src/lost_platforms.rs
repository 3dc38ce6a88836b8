//! The platforms that a tag loses when an index of fewer platforms takes the place of its own.

use std::collections::BTreeSet;

use longshore_oci::{Content, Manifest, Platform, PlatformFilter};

/// The most platforms to name.
const NAMED: usize = 10;

/// Returns the platforms that `held` has and `root`, which a run writes, lacks, such as
/// `linux/arm64, windows/amd64`; `None` if the tag loses none. If `filter` took the root out of an index, the root
/// has the platform that it selects.
pub(crate) fn between(held: &Manifest, root: &Manifest, filter: &PlatformFilter) -> Option<String> {
    let stays = |platform: &Platform| filter.takes_one_manifest() && filter.selects(platform);
    missing(&platforms(held, |platform| !stays(platform)), &platforms(root, |_| true))
}

/// Returns those platforms of the children of an index that are `wanted`.
fn platforms(manifest: &Manifest, wanted: impl Fn(&Platform) -> bool) -> BTreeSet<String> {
    let Content::Index(index) = &manifest.content else { return BTreeSet::new() };
    let platforms = index.manifests.iter().filter_map(|child| child.platform.as_ref());
    let platforms = platforms.filter(|found| !found.is_unspecified() && wanted(found));
    platforms.map(ToString::to_string).collect()
}

/// Names what is only in `old`.
fn missing(old: &BTreeSet<String>, new: &BTreeSet<String>) -> Option<String> {
    let mut lost: Vec<&str> = old.difference(new).map(String::as_str).collect();
    let more = lost.len().saturating_sub(NAMED);
    lost.truncate(NAMED);
    let named = lost.join(", ");
    match (lost.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(named),
        (false, more) => Some(format!("{named} and {more} more")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::missing;

    fn lost(old: &[&str], new: &[&str]) -> Option<String> {
        let set = |names: &[&str]| -> BTreeSet<String> {
            names.iter().map(|&name| name.to_owned()).collect()
        };
        missing(&set(old), &set(new))
    }

    #[test]
    fn only_lost_platforms_are_named() {
        let (amd64, arm64, windows) = ("linux/amd64", "linux/arm64", "windows/amd64");
        assert_eq!(lost(&[amd64, arm64], &[amd64, arm64]), None);
        assert_eq!(lost(&[amd64], &[amd64, arm64]), None, "it gains one");
        assert_eq!(lost(&[], &[amd64]), None, "it was a single image");
        assert_eq!(
            lost(&[amd64, arm64, windows], &[arm64]).as_deref(),
            Some("linux/amd64, windows/amd64")
        );
        assert_eq!(lost(&[amd64], &["linux/arm/v7"]).as_deref(), Some("linux/amd64"));
        let many: Vec<String> = (10..30).map(|number| format!("linux/a{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let named = lost(&many, &[]).unwrap();
        assert!(
            named.starts_with("linux/a10, ") && named.ends_with("linux/a19 and 10 more"),
            "{named}"
        );
    }
}
