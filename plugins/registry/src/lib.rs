//! The rewrite `registry`: replaces the destination's registry (`-d`) and its project
//! (`--destination-project`), or adds a default project to one-component paths (`--default-project`). It
//! runs before all other rewrites.
//!
//! With the default project `library`, `private.io/mysql:5.8` becomes
//! `private.io/library/mysql:5.8`. `private.io/a/b` is already in project `a`.

use longshore_plugin_sdk::reference::is_path;
use longshore_plugin_sdk::rewrite::{Item, Rewrite, Verdict};
use serde::Deserialize;

longshore_plugin_sdk::export_rewrite!(Target);

/// The new registry and project. Unset values change nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Target {
    registry: String,
    project: String,
    default_project: String,
}

impl Rewrite for Target {
    /// Parses `{"registry": "host[:port]", "project": "team", "default-project": "library"}`. A missing
    /// or empty value changes nothing.
    fn from_config(json: &str) -> Result<Self, String> {
        let target: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if !target.registry.is_empty() && !is_host(&target.registry) {
            return Err(format!(
                "registry {:?} must be HOST[:PORT] without a scheme and a path",
                target.registry
            ));
        }
        for (key, project) in
            [("project", &target.project), ("default-project", &target.default_project)]
        {
            if !project.is_empty() && !is_path(project) {
                return Err(format!(
                    "{key} {project:?} is not a repository path: lower-case letters, digits and single \
                     separators, parts joined by `/`"
                ));
            }
        }
        Ok(target)
    }

    fn apply(&self, item: Item) -> Verdict {
        self.rewritten(item.destination).map_or_else(
            || Verdict::Refuse("the destination names no registry".into()),
            Verdict::Destination,
        )
    }
}

impl Target {
    /// Rewrites a complete reference. Returns `None` if it has no registry.
    fn rewritten(&self, destination: String) -> Option<String> {
        let (registry, path) = destination.split_once('/')?;
        // Digests contain no slash, so a slash in `path` separates repository components.
        let (project, path) = match (self.project.as_str(), self.default_project.as_str()) {
            ("", "") => (None, path),
            ("", project) => ((!path.contains('/')).then_some(project), path),
            (project, _) => (Some(project), path.split_once('/').map_or(path, |(_, rest)| rest)),
        };
        let target = match self.registry.as_str() {
            "" => registry,
            target => target,
        };
        if project.is_none() && target == registry {
            return Some(destination);
        }
        let length = target.len() + project.map_or(0, |project| project.len() + 1) + path.len() + 1;
        let mut rewritten = String::with_capacity(length);
        for part in [Some(target), project].into_iter().flatten() {
            rewritten.push_str(part);
            rewritten.push('/');
        }
        rewritten.push_str(path);
        Some(rewritten)
    }
}

/// Reports whether the text can be a host with an optional port. The host validates it.
fn is_host(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
}

#[cfg(test)]
mod tests {
    use longshore_plugin_sdk::rewrite::Rewrite as _;

    use super::Target;

    fn target(json: &str) -> Target {
        Target::from_config(json).expect("a valid configuration")
    }

    #[test]
    fn the_registry_is_replaced_and_one_part_gets_the_project() {
        let both = target(r#"{"registry":"r.io:5000","default-project":"library"}"#);
        for (before, after) in [
            ("docker.io/mysql:5.8", "r.io:5000/library/mysql:5.8"),
            ("h:1/a/b:1@sha256:0", "r.io:5000/a/b:1@sha256:0"),
            ("r.io:5000/a/b", "r.io:5000/a/b"),
            ("r.io:5000/a@sha256:0", "r.io:5000/library/a@sha256:0"),
        ] {
            assert_eq!(both.rewritten(before.into()).as_deref(), Some(after));
        }
    }

    #[test]
    fn unset_parts_do_not_change() {
        let nothing = target("{}");
        assert_eq!(nothing.rewritten("docker.io/a:1".into()).as_deref(), Some("docker.io/a:1"));
        assert_eq!(target(r#"{"registry":"","default-project":""}"#), nothing);
        let project = target(r#"{"default-project":"mirror/hub"}"#);
        assert_eq!(
            project.rewritten("docker.io/a:1".into()).as_deref(),
            Some("docker.io/mirror/hub/a:1")
        );
        let registry = target(r#"{"registry":"r.io"}"#);
        assert_eq!(registry.rewritten("docker.io/a:1".into()).as_deref(), Some("r.io/a:1"));
    }

    #[test]
    fn a_project_replaces_the_first_component() {
        let target = target(r#"{"project":"new","default-project":"library"}"#);
        for (before, after) in [
            ("r.io/mysql:8", "r.io/new/mysql:8"),
            ("r.io/team/mysql@sha256:0", "r.io/new/mysql@sha256:0"),
            ("r.io/a/b/c:1@sha256:0", "r.io/new/b/c:1@sha256:0"),
            ("r.io/new/mysql", "r.io/new/mysql"),
        ] {
            assert_eq!(target.rewritten(before.into()).as_deref(), Some(after));
        }
        let both = Target { registry: "d.io".into(), ..target };
        assert_eq!(both.rewritten("r.io/a/b:1".into()).as_deref(), Some("d.io/new/b:1"));
    }

    #[test]
    fn a_destination_without_a_registry_is_refused() {
        assert_eq!(target("{}").rewritten("mysql:8".into()), None);
    }

    #[test]
    fn configurations_that_make_no_reference_are_refused() {
        for (json, part) in [
            (r#"{"registry":"https://r.io"}"#, "without a scheme"),
            (r#"{"registry":"r.io/path"}"#, "without a scheme and a path"),
            (r#"{"registry":"r.io\n"}"#, "HOST[:PORT]"),
            (r#"{"default-project":"Library"}"#, "not a repository path"),
            (r#"{"default-project":"/a"}"#, "not a repository path"),
            (r#"{"default-project":1}"#, "string"),
            (r#"{"project":"A"}"#, "not a repository path"),
            (r#"{"projects":"a"}"#, "projects"),
        ] {
            let message = Target::from_config(json).expect_err(json);
            assert!(message.contains(part), "{json}: {message}");
        }
    }
}
