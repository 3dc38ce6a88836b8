//! Names of repositories in a registry.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ReferenceError;

/// A repository's path, such as `library/redis` (distribution-spec, "Pulling manifests", `<name>`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Repository(Arc<str>);

impl Repository {
    /// Makes a repository of a text that was validated before.
    pub(super) fn known(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has only one component, and thus no project.
    pub fn is_one_part(&self) -> bool {
        !self.0.contains('/')
    }

    /// Replaces the project, which is the first component. A path of one component gets the project.
    ///
    /// # Errors
    /// If the result is too long.
    pub fn with_project(&self, project: &Self) -> Result<Self, ReferenceError> {
        let rest = self.0.split_once('/').map_or(&*self.0, |(_, rest)| rest);
        format!("{project}/{rest}").parse()
    }

    /// Prepends `project` to the path.
    ///
    /// # Errors
    /// If the result is not a valid repository.
    pub fn inside(&self, project: &str) -> Result<Self, ReferenceError> {
        format!("{project}/{}", self.0).parse()
    }
}

/// The first error of a component, whose grammar is `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn component_error(component: &str) -> Option<&'static str> {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if component.is_empty() {
        return Some("it has an empty component");
    }
    if component.chars().any(|c| c.is_ascii_uppercase()) {
        return Some("it has an upper-case letter; repository names are lower-case");
    }
    if !component.chars().all(|c| is_word(c) || matches!(c, '.' | '_' | '-')) {
        return Some("it has a character other than a-z, 0-9, '.', '_', '-' and '/'");
    }
    if !component.starts_with(is_word) || !component.ends_with(is_word) {
        return Some("a component starts or ends with a separator");
    }
    let separators_are_good = component
        .split(is_word)
        .all(|run| matches!(run, "" | "." | "_" | "__") || run.chars().all(|c| c == '-'));
    (!separators_are_good).then_some("a component has separators in a row")
}

impl FromStr for Repository {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let bad = |why| Err(ReferenceError::Repository { text: text.to_owned(), why });
        if text.len() > 255 {
            return bad("it is longer than 255 characters");
        }
        match text.split('/').find_map(component_error) {
            Some(why) => bad(why),
            None => Ok(Self(Arc::from(text))),
        }
    }
}

impl AsRef<str> for Repository {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Repository {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl From<Repository> for String {
    fn from(repository: Repository) -> Self {
        repository.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::Repository;

    #[test]
    fn a_project_replaces_the_first_component() {
        let project: Repository = "new".parse().unwrap();
        for (path, expected) in
            [("nginx", "new/nginx"), ("team/nginx", "new/nginx"), ("a/b/c", "new/b/c")]
        {
            let path: Repository = path.parse().unwrap();
            assert_eq!(path.with_project(&project).unwrap().as_str(), expected);
        }
        let long: Repository = "a".repeat(250).parse().unwrap();
        assert!(long.with_project(&"project".parse().unwrap()).is_err());
    }

    #[test]
    fn the_grammar_of_the_specification_holds() {
        for good in ["a", "a/b", "a.b_c-d", "a__b", "a---b", "0/1/2"] {
            assert!(good.parse::<Repository>().is_ok(), "{good}");
        }
        for bad in
            ["", "A", "a//b", "/a", "a/", "-a", "a-", "a..b", "a___b", "a._b", "a b", "ä", "a:b"]
        {
            assert!(bad.parse::<Repository>().is_err(), "{bad:?}");
        }
        assert!("a".repeat(256).parse::<Repository>().is_err());
    }
}
