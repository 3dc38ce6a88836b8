//! The rewrite `prefix`: puts a path before the destination's repository path.
//!
//! `private.io/library/mysql:8` with the prefix `mirror/hub` goes to
//! `private.io/mirror/hub/library/mysql:8`; registry, tag and digest stay.

use longshore_plugin_sdk::reference::is_path;
use serde::Deserialize;

#[cfg(target_arch = "wasm32")]
mod adapter;

/// What is put before every path: a checked path with a slash behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    prefix: String,
}

impl Prefix {
    /// Reads the configuration, `{"prefix": "a/b"}`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as one lower-case fragment.
    pub fn from_config(json: &str) -> Result<Self, String> {
        let Config { mut prefix } =
            serde_json::from_str(json).map_err(|error| error.to_string())?;
        if !is_path(&prefix) {
            return Err(format!(
                "prefix {prefix:?} is no repository path: lower-case letters, digits and single \
                 separators, parts joined by `/`, none at the ends"
            ));
        }
        prefix.push('/');
        Ok(Self(prefix))
    }

    /// Puts the prefix behind the registry of a complete reference.
    ///
    /// # Errors
    ///
    /// Why the destination cannot be rewritten.
    pub fn apply(&self, mut destination: String) -> Result<String, String> {
        let Some(slash) = destination.find('/') else {
            return Err("the destination names no registry".into());
        };
        destination.reserve_exact(self.0.len());
        destination.insert_str(slash + 1, &self.0);
        Ok(destination)
    }
}

#[cfg(test)]
mod tests {
    use super::Prefix;

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
            assert_eq!(prefix.apply(before.into()).as_deref(), Ok(after));
        }
        assert!(prefix.apply("mysql".into()).is_err());
    }

    #[test]
    fn configurations_that_make_no_path_are_refused() {
        for (json, part) in [
            ("{}", "prefix"),
            (r#"{"prefix":""}"#, "no repository path"),
            (r#"{"prefix":"/a"}"#, "no repository path"),
            (r#"{"prefix":"a/"}"#, "no repository path"),
            (r#"{"prefix":"A"}"#, "no repository path"),
            (r#"{"prefix":"a:1"}"#, "no repository path"),
            (r#"{"prefix":"a/../b"}"#, "no repository path"),
            (r#"{"prefix":1}"#, "string"),
            (r#"{"prefix":"a","prefixes":"b"}"#, "prefixes"),
        ] {
            let message = Prefix::from_config(json).expect_err(json);
            assert!(message.contains(part), "{json}: {message}");
        }
    }
}
