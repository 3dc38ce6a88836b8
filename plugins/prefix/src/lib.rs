//! The rewrite `prefix`: adds a prefix to the destination's repository path.
//!
//! With the prefix `mirror/hub`, `private.io/library/mysql:8` becomes
//! `private.io/mirror/hub/library/mysql:8`. Registry, tag and digest do not change.

use longshore_plugin_sdk::reference::is_path;
use longshore_plugin_sdk::rewrite::{Item, Rewrite, Verdict};
use serde::Deserialize;

longshore_plugin_sdk::export_rewrite!(Prefix);

/// The validated prefix, with a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    prefix: String,
}

impl Rewrite for Prefix {
    /// Parses `{"prefix": "a/b"}`.
    fn from_config(json: &str) -> Result<Self, String> {
        let Config { mut prefix } =
            serde_json::from_str(json).map_err(|error| error.to_string())?;
        if !is_path(&prefix) {
            return Err(format!(
                "prefix {prefix:?} is not a repository path: lower-case letters, digits and single \
                 separators, parts joined by `/`, none at the ends"
            ));
        }
        prefix.push('/');
        Ok(Self(prefix))
    }

    fn apply(&self, item: Item) -> Verdict {
        let mut destination = item.destination;
        let Some(slash) = destination.find('/') else {
            return Verdict::Refuse("the destination names no registry".into());
        };
        destination.reserve_exact(self.0.len());
        destination.insert_str(slash + 1, &self.0);
        Verdict::Destination(destination)
    }
}

#[cfg(test)]
mod tests {
    use longshore_plugin_sdk::rewrite::{Artifact, Item, Rewrite as _, Verdict};

    use super::Prefix;

    fn to(destination: &str) -> Item {
        Item {
            artifact: Artifact::Image,
            source: "docker.io/library/mysql:8".into(),
            destination: destination.into(),
            attributes: Vec::new(),
        }
    }

    fn prefix(json: &str) -> Prefix {
        Prefix::from_config(json).expect("a valid prefix")
    }

    #[test]
    fn only_the_path_changes() {
        let prefix = prefix(r#"{"prefix":"a/b"}"#);
        for (before, after) in [
            ("docker.io/mysql:8", "docker.io/a/b/mysql:8"),
            ("h:5000/x/y:1@sha256:0", "h:5000/a/b/x/y:1@sha256:0"),
            ("h:5000/x@sha256:0", "h:5000/a/b/x@sha256:0"),
        ] {
            assert_eq!(prefix.apply(to(before)), Verdict::Destination(after.into()));
        }
        assert!(matches!(prefix.apply(to("mysql")), Verdict::Refuse(_)));
    }

    #[test]
    fn configurations_that_make_no_path_are_refused() {
        for (json, part) in [
            ("{}", "prefix"),
            (r#"{"prefix":""}"#, "not a repository path"),
            (r#"{"prefix":"/a"}"#, "not a repository path"),
            (r#"{"prefix":"a/"}"#, "not a repository path"),
            (r#"{"prefix":"A"}"#, "not a repository path"),
            (r#"{"prefix":"a:1"}"#, "not a repository path"),
            (r#"{"prefix":"a/../b"}"#, "not a repository path"),
            (r#"{"prefix":1}"#, "string"),
            (r#"{"prefix":"a","prefixes":"b"}"#, "prefixes"),
        ] {
            let message = Prefix::from_config(json).expect_err(json);
            assert!(message.contains(part), "{json}: {message}");
        }
    }
}
