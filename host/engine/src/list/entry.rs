//! What a list-format plugin reads from a list: entries, and remarks on the input.
//!
//! The fields are those of `types` in `wit/plugin.wit`. Strings are as the list has them; the plan
//! parses them.

/// An open key and value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// How much a remark matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The input was understood all the same.
    Warning,
    /// Something of the input became no entry.
    Error,
}

/// A remark on the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// From 1; 0 is the input as a whole.
    pub line: u32,
    /// From 1, in Unicode scalar values; 0 is the whole line.
    pub column: u32,
    /// One lower-case fragment without a line break.
    pub message: String,
}

/// A digest, and the tag that it was written with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// The digest.
    pub digest: String,
    /// The tag before it, as in `1.4@sha256:…`.
    pub tag: Option<String>,
}

/// Which tags, or repositories, an entry takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Regular expressions in RE2 syntax, of which one must match; all names match none.
    pub allow: Vec<String>,
    /// Regular expressions of which none may match.
    pub deny: Vec<String>,
    /// A range such as `>=1.2 <2 || ^3`.
    pub versions: Option<String>,
    /// The so many highest by SemVer precedence.
    pub latest: Option<u32>,
}

/// Which manifests of a repository an entry means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// One tag; empty is `latest`.
    ByTag(String),
    /// One digest.
    ByDigest(Pinned),
    /// All tags.
    All,
    /// The tags that the filter takes.
    Matching(Filter),
}

/// One thing to mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `[registry/]repository`, without tag and digest.
    pub source: String,
    /// Set: `source` is a registry or a path prefix, and the repositories below it that match are
    /// meant.
    pub repositories: Option<Filter>,
    /// Which manifests.
    pub select: Selection,
    /// `[registry/]repository`; none keeps the source's path.
    pub destination: Option<String>,
    /// Another tag at the destination.
    pub destination_tag: Option<String>,
    /// `os/architecture[/variant]`, each of them to be kept, or the one word `all`; none is what the
    /// command line says.
    pub platforms: Vec<String>,
    /// Where it starts in the input, from 1.
    pub line: u32,
    /// What else the format says of it.
    pub attributes: Vec<Attribute>,
}
