//! A list format, and what is true of lists in it.

/// The built-in format that longshore itself writes and expects: failed lists of formats whose
/// entries are not lines, the prompt, and `convert-list` without `--to`.
///
/// Its lines have three columns: source, destination, version. Comments `# longshore: KEY=VALUE …`
/// say what these cannot. It has a default platform filter.
pub const STANDARD_FORMAT: &str = "mirror";

/// The format of a list: its name, and what its plugin says about it.
///
/// The default of all facts holds for a plugin that says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// The name that configures the plugin.
    pub name: String,
    /// The value of `--list-format`: the name of a built-in plugin or the path of a component.
    pub flag: String,
    /// Each entry is one line, and lines that start with `#` are comments.
    pub lines: bool,
    /// Comments `# longshore: KEY=VALUE …` apply to the next line.
    pub directives: bool,
    /// The `--arch` for entries that name no platforms.
    pub default_arch: Option<String>,
    /// The `--os` for entries that name no platforms.
    pub default_os: Option<String>,
    /// What a line is, for the author of a malformed one.
    pub line_hint: Option<String>,
}

impl Format {
    /// Returns the `--list-format` of the failed list: this format if its entries are lines, which
    /// are repeated as they are, else [`STANDARD_FORMAT`].
    #[must_use]
    pub fn repeated_as(&self) -> &str {
        if self.lines { &self.flag } else { STANDARD_FORMAT }
    }

    /// Returns whether entries without platforms get the same default filter as in `other`.
    #[must_use]
    pub fn has_filter_of(&self, other: &Self) -> bool {
        self.default_arch == other.default_arch && self.default_os == other.default_os
    }

    /// Returns whether entries without platforms get a default filter.
    #[must_use]
    pub const fn has_filter(&self) -> bool {
        self.default_arch.is_some() || self.default_os.is_some()
    }
}
