//! The rules that find images.

use std::fmt;

/// The rule that found an image. `docs/charts.md` has the same table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The image of a container of a pod, or of an image volume.
    Container,
    /// A field whose name says that it holds an image.
    Field,
    /// A mapping with the repository and the tag or digest in separate fields.
    Parts,
    /// Two settings side by side: one names the repository, the other its tag or digest.
    Pair,
    /// An item of a list or mapping of images.
    List,
    /// An object whose kind says which field is an image.
    Kind,
    /// An argument or command of a container.
    Argument,
    /// An environment variable of a container.
    Variable,
    /// An entry of a `ConfigMap` or `Secret`.
    Entry,
    /// A text that names a registry and a version.
    Text,
    /// An annotation. It never makes an image.
    Annotation,
    /// A tag or version without a name.
    Version,
}

impl Rule {
    /// All rules, the surest first.
    pub const ALL: [Self; 12] = [
        Self::Container,
        Self::Field,
        Self::Parts,
        Self::Pair,
        Self::List,
        Self::Kind,
        Self::Argument,
        Self::Variable,
        Self::Entry,
        Self::Text,
        Self::Annotation,
        Self::Version,
    ];

    /// Returns the name that reports show.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Field => "field",
            Self::Parts => "parts",
            Self::Pair => "pair",
            Self::List => "list",
            Self::Kind => "kind",
            Self::Argument => "argument",
            Self::Variable => "variable",
            Self::Entry => "entry",
            Self::Text => "text",
            Self::Annotation => "annotation",
            Self::Version => "version",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Rule;

    #[test]
    fn each_rule_has_a_name_of_its_own() {
        let mut names = Rule::ALL.map(Rule::name).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Rule::ALL.len());
        assert_eq!(Rule::Container.to_string(), "container");
    }
}
