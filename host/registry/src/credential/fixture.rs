//! Credential helpers for the tests: scripts in a throw-away directory.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Writes the helper `docker-credential-NAME`, a script for `sh`, into `directory`.
///
/// Another process does the writing: where this one held the file open, a child that a parallel test
/// starts at that moment would hold it open too, and running it would fail with "text file busy".
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
