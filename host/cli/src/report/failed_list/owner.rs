//! Whose failed list a file is: the first line names the list and the destination of its run.

use std::fmt;
use std::fs::File;
use std::path::{Component, Path, PathBuf};

use super::place::{first_line, is_same};
use crate::list::{MARK, RUN};
use longshore_engine::event::Level;

/// The list of a run at the path of the failed list.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meeting {
    /// Nothing would be lost: there is no failed list, it is of this run, or it names no run.
    Nothing,
    /// The list of another run, which ended before this run began.
    Other(String),
    /// The list that another run has written meanwhile.
    Meanwhile(String),
}

impl Meeting {
    /// Compares the first line of the file with the one that this run `found`. `run` is this run.
    pub(super) fn of(now: Option<&str>, found: Option<&str>, run: &str) -> Self {
        match now.and_then(owner_of) {
            Some(owner) if owner != run && now == found => Self::Other(owner.to_owned()),
            Some(owner) if owner != run => Self::Meanwhile(owner.to_owned()),
            _ => Self::Nothing,
        }
    }
}

/// Returns the run whose failed list has this first line.
pub(super) fn owner_of(first_line: &str) -> Option<&str> {
    first_line.strip_prefix(MARK)?.rsplit_once(RUN).map(|(_, owner)| owner)
}

/// Returns the name of a run: that of its list and its destination, and of the part of the list, if it is about a
/// part only. `list` is the file that it reads, `asked` what it does without one, and `failed` the path of its failed
/// list. A run that repeats a failed list to the same destination is the run that wrote it.
pub(crate) fn run_of(
    list: Option<&Path>,
    (asked, part): (&str, Option<&str>),
    destination: Option<&str>,
    failed: &Path,
) -> String {
    let destination = destination.unwrap_or("the registries of the list");
    let part = part.map_or_else(String::new, |part| format!(" ({part})"));
    let Some(list) = list else { return format!("{asked}{part} to {destination}") };
    if list.is_file() && is_same(list, failed) {
        let line = File::open(list).and_then(first_line).unwrap_or_default();
        let has_destination = |owner: &&str| owner.ends_with(&format!(" to {destination}"));
        if let Some(owner) = owner_of(&line).filter(has_destination) {
            return owner.to_owned();
        }
    }
    let parts = list.components().filter(|part| *part != Component::CurDir);
    let list: PathBuf = parts.collect();
    format!("{}{part} to {destination}", list.display())
}

/// What became of the failed list of another run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Remark {
    /// This run has failures too, and the same path.
    Replaced { path: PathBuf, owner: String },
    /// Nothing failed, so it was left.
    Stays { path: PathBuf, owner: String },
    /// Nothing failed, and the list does not say whose it is.
    Removed { path: PathBuf },
}

impl Remark {
    /// The level of its line in the log.
    pub(crate) const fn level(&self) -> Level {
        match self {
            Self::Replaced { .. } => Level::Warning,
            Self::Stays { .. } | Self::Removed { .. } => Level::Info,
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replaced { path, owner } => write!(
                f,
                "{} had the failed entries of another run ({owner}) and was replaced; -o (--failed in \
                 mirror-charts) gives each run a failed list of its own",
                path.display()
            ),
            Self::Stays { path, owner } => {
                write!(f, "{} stays: it is of another run ({owner})", path.display())
            }
            Self::Removed { path } => {
                write!(f, "removed {}, the failed list of an earlier run", path.display())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Meeting, owner_of, run_of};

    fn line(run: &str) -> String {
        format!(
            "# failed list of longshore; repeat the run with: longshore mirror -f x # run: {run}"
        )
    }

    #[test]
    fn the_first_line_names_the_run() {
        assert_eq!(owner_of(&line("a.txt to r.io")), Some("a.txt to r.io"));
        assert_eq!(owner_of(&line("a; b to r.io")), Some("a; b to r.io"));
        assert_eq!(owner_of("# failed list of longshore; repeat the run with: longshore"), None);
        assert_eq!(owner_of("# mine # run: a"), None);
    }

    #[test]
    fn a_list_of_another_run_is_known() {
        let (own, other) = (line("a.txt to r.io"), line("b.txt to r.io"));
        let meets =
            |now: Option<&str>, found: Option<&str>| Meeting::of(now, found, "a.txt to r.io");
        let name = || "b.txt to r.io".to_owned();
        assert_eq!(meets(None, None), Meeting::Nothing);
        assert_eq!(meets(Some(&own), Some(&other)), Meeting::Nothing);
        assert_eq!(meets(Some("a b 1"), None), Meeting::Nothing);
        assert_eq!(meets(Some(&other), Some(&other)), Meeting::Other(name()));
        assert_eq!(meets(Some(&other), Some(&own)), Meeting::Meanwhile(name()));
        assert_eq!(meets(Some(&other), None), Meeting::Meanwhile(name()));
    }

    #[test]
    fn a_run_is_its_list_and_its_destination() {
        let failed = Path::new("failed.txt");
        let run =
            |list: Option<&str>, to| run_of(list.map(Path::new), ("the prompt", None), to, failed);
        assert_eq!(run(Some("./a.txt"), Some("r.io")), "a.txt to r.io");
        assert_eq!(run(Some("a.txt"), None), "a.txt to the registries of the list");
        assert_eq!(run(None, Some("r.io")), "the prompt to r.io");
    }

    #[test]
    fn a_run_of_a_part_is_not_the_run_of_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.txt");
        let run = |list: Option<&str>, part: &str| {
            run_of(list.map(Path::new), ("a.io/x", Some(part)), Some("r.io"), &path)
        };
        assert_eq!(run(Some("m.yaml"), "--chart=a"), "m.yaml (--chart=a) to r.io");
        assert_eq!(run(Some("a.txt"), "part 2 of 3"), "a.txt (part 2 of 3) to r.io");
        assert_eq!(run(None, "--tags='^1'"), "a.io/x (--tags='^1') to r.io");
        // The failed list of a part is repeated without the flags of the part.
        std::fs::write(&path, line("a.txt (part 2 of 3) to r.io")).unwrap();
        let again = run_of(Some(&path), ("", None), Some("r.io"), &path);
        assert_eq!(again, "a.txt (part 2 of 3) to r.io");
    }

    #[test]
    fn a_repeat_is_the_run_that_wrote_the_list() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.txt");
        let dotted = folder.path().join(".").join("list.txt");
        let own = format!("{} to r.io", path.display());
        for (text, expected) in [
            ("a b 1\n".to_owned(), own.as_str()),
            (String::new(), &own),
            (line("a.txt to r.io"), "a.txt to r.io"),
            (line("a.txt to s.r.io"), &own),
            (line("a.txt to the registries of the list"), &own),
            ("# failed list of longshore; an old one\n".to_owned(), &own),
        ] {
            std::fs::write(&path, &text).unwrap();
            assert_eq!(run_of(Some(&path), ("", None), Some("r.io"), &dotted), expected, "{text}");
        }
    }
}
