//! Leaving a test out, loudly and counted.

use std::fs::OpenOptions;
use std::io::Write as _;

/// Says that the running test is left out, and why; the test returns right after it.
///
/// libtest hides what a passed test prints, so the line also goes to the file that `cargo xtask
/// test` names in `LONGSHORE_SKIPS`, where it is counted.
#[expect(clippy::print_stderr, reason = "whoever runs a single test must see that it did nothing")]
pub(crate) fn skip(why: &str) {
    let thread = std::thread::current();
    let line = format!("SKIPPED: {}: {why}", thread.name().unwrap_or("a test"));
    eprintln!("{line}");
    let Some(path) = std::env::var_os("LONGSHORE_SKIPS") else {
        return;
    };
    let file = OpenOptions::new().append(true).create(true).open(&path);
    let written = file.and_then(|mut file| writeln!(file, "{line}"));
    written.unwrap_or_else(|error| panic!("failed to write {}: {error}", path.display()));
}

/// Whether a program is on `PATH`.
pub(crate) fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
