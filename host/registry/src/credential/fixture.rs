//! Credential helpers for the tests: scripts in a temporary directory.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Writes the helper `docker-credential-NAME`, a script for `sh`, into `directory`.
///
/// A child process writes the file. If this process held it open, a child forked by a parallel test
/// would inherit the handle, and running the helper would fail with "text file busy".
pub(super) fn write_program(directory: &Path, name: &str, script: &str) {
    let mut child = Command::new("/bin/sh")
        .args(["-c", "cat >\"$1\" && chmod 755 \"$1\"", "sh"])
        .arg(directory.join(format!("docker-credential-{name}")))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let script = format!("#!/bin/sh\n{script}\n");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(script.as_bytes()).unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
}
