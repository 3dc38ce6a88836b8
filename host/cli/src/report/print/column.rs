//! A column of digests, which become short where the terminal is too narrow for them.
//!
//! Only at a terminal: a program that reads the text gets whole digests at any width.

use std::io::{self, IsTerminal as _, Write};

use longshore_oci::Digest;

/// The columns of `LABEL       `.
const LABEL: usize = 12;

/// Lines of a label, a digest and a text.
#[derive(Debug, Default)]
pub(super) struct DigestColumn {
    lines: Vec<(&'static str, String, String)>,
}

impl DigestColumn {
    /// Adds a line. The text must be escaped.
    pub(super) fn add(&mut self, label: &'static str, digest: &Digest, text: String) {
        self.lines.push((label, digest.to_string(), text));
    }

    /// Writes the lines into `columns` columns; `None` has room for everything. All digests are short if
    /// one line is too long with a whole one.
    pub(super) fn write(&self, columns: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
        let width = |(_, digest, text): &(_, String, String)| {
            LABEL + digest.chars().count() + 2 + text.chars().count()
        };
        let fits =
            columns.is_none_or(|columns| self.lines.iter().all(|line| width(line) <= columns));
        for (label, digest, text) in &self.lines {
            let digest = if fits { digest } else { short(digest) };
            writeln!(out, "{label:<LABEL$}{digest}  {text}")?;
        }
        Ok(())
    }
}

/// Returns the columns of the terminal at standard output, if it is one.
pub(super) fn columns_of_stdout() -> Option<usize> {
    let stdout = io::stdout();
    let size = rustix::termios::tcgetwinsize(&stdout).ok().filter(|_| stdout.is_terminal())?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Returns a digest as short as Docker shows it.
pub(super) fn short(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use longshore_oci::Digest;

    use super::DigestColumn;

    fn written(columns: Option<usize>) -> Vec<String> {
        let mut column = DigestColumn::default();
        column.add("manifest", &Digest::of(b"one"), "linux/amd64, 2 layers, 1.00 MiB".to_owned());
        column.add("referrer", &Digest::of(b"two"), "sbom, 3 B".to_owned());
        let mut out = Vec::new();
        column.write(columns, &mut out).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn digests_are_short_only_where_a_line_does_not_fit() {
        let one = Digest::of(b"one").to_string();
        let (whole, longest) = (written(None), 12 + 71 + 2 + 31);
        assert_eq!(whole[0], format!("manifest    {one}  linux/amd64, 2 layers, 1.00 MiB"));
        assert_eq!(whole[0].len(), longest);
        for columns in [longest, longest + 1, 1000] {
            assert_eq!(written(Some(columns)), whole, "{columns}");
        }
        for columns in [longest - 1, 80, 60, 1] {
            let narrow = written(Some(columns));
            assert_eq!(
                narrow[0],
                format!("manifest    {}  linux/amd64, 2 layers, 1.00 MiB", &one[..19])
            );
            assert!(narrow[1].len() == 12 + 19 + 2 + 9, "in all lines alike: {narrow:?}");
        }
    }
}
