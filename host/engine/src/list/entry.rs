//! The output of a list-format plugin: entries, and diagnostics about the input.
//!
//! The fields are those of `types` in `wit/plugin.wit`. Strings are as in the list; the plan parses
//! them.

/// A key and value that the format defines.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attribute {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// The severity of a diagnostic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The input was understood nevertheless.
    Warning,
    /// Part of the input did not become an entry.
    Error,
}

/// A diagnostic about the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The severity.
    pub severity: Severity,
    /// The line, from 1; 0 stands for the whole input.
    pub line: u32,
    /// The column, from 1, in Unicode scalar values; 0 stands for the whole line.
    pub column: u32,
    /// One lower-case fragment without a line break.
    pub message: String,
}

impl Diagnostic {
    /// The log message of the diagnostic; `list` is the list's name.
    pub fn told_of(&self, list: &str) -> String {
        match (self.line, self.column) {
            (0, _) => format!("{list}: {}", self.message),
            (line, 0) => format!("{list}:{line}: {}", self.message),
            (line, column) => format!("{list}:{line}:{column}: {}", self.message),
        }
    }
}

/// A digest, and the tag that was written with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pinned {
    /// The digest.
    pub digest: String,
    /// The tag before the digest, as in `1.4@sha256:…`.
    pub tag: Option<String>,
}

/// A filter for tags or repositories.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Regular expressions in RE2 syntax, one of which must match; an empty list allows every name.
    pub allow: Vec<String>,
    /// Regular expressions, none of which may match.
    pub deny: Vec<String>,
    /// A version range such as `>=1.2 <2 || ^3`.
    pub versions: Option<String>,
    /// How many of the highest versions to keep, by SemVer precedence.
    pub latest: Option<u32>,
}

/// The manifests of a repository that an entry selects.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Selection {
    /// One tag; an empty one is `latest`.
    ByTag(String),
    /// One digest.
    ByDigest(Pinned),
    /// All tags.
    All,
    /// The tags that match the filter.
    Matching(Filter),
}

/// One entry of a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// `[registry/]repository`, without tag and digest.
    pub source: String,
    /// If set, `source` is a registry or a path prefix, and the entry selects the matching
    /// repositories below it.
    pub repositories: Option<Filter>,
    /// The selected manifests.
    pub select: Selection,
    /// `[registry/]repository`; without it, the source's path is kept.
    pub destination: Option<String>,
    /// Another tag for the destination.
    pub destination_tag: Option<String>,
    /// `os/architecture[/variant]` of each platform to keep, or the one word `all`. If empty, the
    /// command line decides.
    pub platforms: Vec<String>,
    /// The line where the entry starts, from 1.
    pub line: u32,
    /// Further attributes that the format defines.
    pub attributes: Vec<Attribute>,
}

#[cfg(test)]
mod tests {
    use super::{Diagnostic, Severity};

    #[test]
    fn a_place_without_a_line_or_a_column_is_not_shown() {
        for (line, column, expected) in
            [(0, 0, "l: x"), (3, 0, "l:3: x"), (3, 7, "l:3:7: x"), (0, 7, "l: x")]
        {
            let message = "x".to_owned();
            let found = Diagnostic { severity: Severity::Warning, line, column, message };
            assert_eq!(found.told_of("l"), expected);
        }
    }
}
