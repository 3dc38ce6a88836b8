//! Tells the linker how to lay out the release binary, so that less of it is mapped while it runs.
//!
//! All of a mapped file's pages that were touched count as memory. A position-independent program of this
//! size has 72,000 relative relocations, a table of 1.7 MB that the dynamic loader reads at every start. In
//! the packed form (`DT_RELR`) the table has 20 KB. And code that the compiler marked as unlikely goes to a
//! section of its own, away from what runs.
//!
//! A linker that does not know one of these keywords warns and ignores it.

use std::env;
use std::process::Command;

/// The first glibc whose loader reads packed relocations.
const PACKED_RELOCATIONS: (u32, u32) = (2, 36);

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let glibc = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux")
        && env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|environment| environment == "gnu");
    let release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if !glibc || !release {
        return;
    }
    println!("cargo::rustc-link-arg-bins=-Wl,-z,keep-text-section-prefix");
    let native = env::var("HOST").ok() == env::var("TARGET").ok();
    // A program with packed relocations does not start with an older loader. What another machine has is
    // unknown.
    if native && installed_glibc().is_some_and(|version| version >= PACKED_RELOCATIONS) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of this machine's glibc, from a line such as `glibc 2.36`.
fn installed_glibc() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
