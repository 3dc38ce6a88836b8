//! Standard output, which carries data only.

use std::io::{self, BufWriter, Write};

use crate::report::error::{Cause, ReportError};

/// Writes `text` to standard output.
///
/// # Errors
/// Returns an error if standard output cannot be written, unless its reader has ended.
pub(crate) fn print(text: &str) -> Result<(), ReportError> {
    with_stdout(|out| out.write_all(text.as_bytes()))
}

/// Buffers what `write` writes, and sends it to standard output.
pub(in crate::report) fn with_stdout(
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), ReportError> {
    let mut out = BufWriter::new(io::stdout().lock());
    quiet(write(&mut out).and_then(|()| out.flush()))
}

/// Accepts a closed pipe: in `longshore … | head`, `head` ends when it has enough lines.
fn quiet(written: io::Result<()>) -> Result<(), ReportError> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| ReportError::Output(Cause(error))),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::quiet;

    #[test]
    fn only_a_reader_that_went_away_is_no_error() {
        assert!(quiet(Err(io::ErrorKind::BrokenPipe.into())).is_ok());
        let error = quiet(Err(io::ErrorKind::StorageFull.into())).unwrap_err();
        assert_eq!(error.to_string(), "write to standard output: no storage space");
    }
}
