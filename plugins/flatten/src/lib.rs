//! The rewrite `flatten`: joins the components of the destination's repository path into one, for
//! registries that do not allow nested paths.
//! `private.io/rancher/mirrored/pause:3.7` becomes `private.io/rancher-mirrored-pause:3.7`. With
//! `keep` 1 it becomes `private.io/rancher/mirrored-pause:3.7`. Registry, tag and digest do not
//! change.

use longshore_plugin_sdk::reference::{Parts, is_path};
use longshore_plugin_sdk::rewrite::{Item, Rewrite, Verdict};
use serde::Deserialize;

longshore_plugin_sdk::export_rewrite!(Flatten);

/// The flatten settings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Flatten {
    separator: String,
    /// Number of leading components that do not change.
    keep: usize,
}

impl Default for Flatten {
    fn default() -> Self {
        Self { separator: "-".to_owned(), keep: 0 }
    }
}

impl Rewrite for Flatten {
    /// Parses `{"separator": "-", "keep": 0}`. These values are also the defaults.
    fn from_config(json: &str) -> Result<Self, String> {
        let flatten: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let separator = &flatten.separator;
        // Without a separator, `ab/c` and `a/bc` would collide.
        if separator.is_empty() || separator.contains('/') || !is_path(&format!("a{separator}a")) {
            return Err(format!(
                "separator {separator:?} cannot stand in a repository's name: one `.`, one or two \
                 `_` or any number of `-` can, and words of lower-case letters and digits between \
                 them"
            ));
        }
        Ok(flatten)
    }

    fn apply(&self, item: Item) -> Verdict {
        let Some((registry, rest)) = item.destination.split_once('/') else {
            return Verdict::Refuse("the destination names no registry".into());
        };
        let path = Parts::of(rest).name;
        let version = &rest[path.len()..];
        let components: Vec<&str> = path.split('/').collect();
        // The last component holds the name. Keeping all components changes nothing.
        let (kept, joined) = components.split_at(self.keep.min(components.len() - 1));
        let joined = joined.join(&self.separator);
        let path: Vec<&str> = kept.iter().copied().chain([joined.as_str()]).collect();
        Verdict::Destination(format!("{registry}/{}{version}", path.join("/")))
    }
}

#[cfg(test)]
mod tests {
    use longshore_plugin_sdk::rewrite::{Artifact, Item, Rewrite as _, Verdict};

    use super::Flatten;

    fn flattened(json: &str, destination: &str) -> Verdict {
        let flatten = Flatten::from_config(json).expect("a valid configuration");
        flatten.apply(Item {
            artifact: Artifact::Image,
            source: "docker.io/library/mysql:8".into(),
            destination: destination.into(),
            attributes: Vec::new(),
        })
    }

    #[test]
    fn only_the_path_is_joined() {
        for (json, before, after) in [
            ("{}", "h:5000/a/b/c:1@sha256:0", "h:5000/a-b-c:1@sha256:0"),
            ("{}", "h/a@sha256:0", "h/a@sha256:0"),
            (r#"{"keep":1}"#, "h/a/b/c:1", "h/a/b-c:1"),
            (r#"{"keep":2}"#, "h/a/b/c", "h/a/b/c"),
            (r#"{"keep":9}"#, "h/a/b/c:1", "h/a/b/c:1"),
            (r#"{"separator":"__"}"#, "h/a/b/c:1", "h/a__b__c:1"),
            (r#"{"separator":"-x-","keep":1}"#, "h/a/b/c:1", "h/a/b-x-c:1"),
        ] {
            let expected = Verdict::Destination(after.into());
            assert_eq!(flattened(json, before), expected, "{json}");
        }
        assert!(matches!(flattened("{}", "mysql"), Verdict::Refuse(_)));
    }

    #[test]
    fn configurations_that_make_no_path_are_refused() {
        for (json, part) in [
            (r#"{"separator":""}"#, "cannot stand in"),
            (r#"{"separator":"/"}"#, "cannot stand in"),
            (r#"{"separator":".."}"#, "cannot stand in"),
            (r#"{"separator":"X"}"#, "cannot stand in"),
            (r#"{"keep":-1}"#, "usize"),
            (r#"{"depth":1}"#, "depth"),
        ] {
            let message = Flatten::from_config(json).expect_err(json);
            assert!(message.contains(part), "{json}: {message}");
        }
    }
}
