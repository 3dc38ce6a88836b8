//! Skips tests visibly and counts them.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

/// Reports that the running test is skipped, and why. The test must return right after this call.
///
/// libtest hides the output of passed tests. So the line also goes to the file that `cargo xtask
/// test` names in `LONGSHORE_SKIPS`, which counts it.
#[expect(
    clippy::print_stderr,
    reason = "a developer who runs a single test must see that it was skipped"
)]
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

/// Reports whether a program is on `PATH`.
pub(crate) fn installed(program: &str) -> bool {
    on_path(program).is_some()
}

/// Finds a program on `PATH` or in `~/go/bin`, where `go install` puts it.
pub(crate) fn found(program: &str) -> Option<PathBuf> {
    let of_go = || {
        let path = PathBuf::from(std::env::var_os("HOME")?).join("go/bin").join(program);
        path.is_file().then_some(path)
    };
    on_path(program).or_else(of_go)
}

/// Finds a program on `PATH` or in a folder.
pub(crate) fn found_in(program: &str, folder: &std::path::Path) -> Option<PathBuf> {
    on_path(program).or_else(|| Some(folder.join(program)).filter(|path| path.is_file()))
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(program));
    places.find(|place| place.is_file())
}
