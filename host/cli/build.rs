//! Tells the linker how to lay out the release binary, so that less of it is mapped while it runs.
//!
//! All of a mapped file's pages that were touched count as memory. A position-independent program of this
//! size has 72,000 relative relocations, a table of 1.7 MB that the dynamic loader reads at every start. In
//! the packed form (`DT_RELR`) the table has 20 KB. Code that the compiler marked as unlikely goes to a
//! section of its own, away from what runs.
//!
//! And the functions that a mirror run calls, an eighth of the program, are put next to each other. Elsewhere
//! they are on nearly every page: the kernel maps 64 KiB around each that is touched. `run-functions.txt` names
//! them; `cargo xtask order` writes it.
//!
//! A linker that does not know one of these keywords warns and ignores it.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The first glibc whose loader reads packed relocations.
const PACKED_RELOCATIONS: (u32, u32) = (2, 36);

/// The functions that a run calls: a line for each crate, below it the names of its functions.
const FUNCTIONS: &str = "run-functions.txt";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={FUNCTIONS}");
    let glibc = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux")
        && env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|environment| environment == "gnu");
    let release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if !glibc || !release {
        return;
    }
    println!("cargo::rustc-link-arg-bins=-Wl,-z,keep-text-section-prefix");
    if has_own_linker() {
        order_functions();
    }
    let native = env::var("HOST").ok() == env::var("TARGET").ok();
    // A program with packed relocations does not start with an older loader. What another machine has is
    // unknown.
    if native && installed_glibc().is_some_and(|version| version >= PACKED_RELOCATIONS) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Writes the linker script that puts the functions next to each other.
fn order_functions() {
    let functions = fs::read_to_string(FUNCTIONS).expect("the list is beside the build script");
    let folder = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let path = Path::new(&folder).join("run-functions.ld");
    fs::write(&path, script(&functions)).expect("OUT_DIR can be written");
    println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", path.display());
}

/// Returns a script that adds a section to the linker's own layout. A `*` stands for the hash in a name, which in
/// the older form of names follows `17h`.
fn script(functions: &str) -> String {
    let mut script = String::from("SECTIONS { .text.run : {");
    let mut open = "";
    for line in functions.lines().filter(|line| !line.starts_with('#')) {
        // Writing into a string cannot fail.
        let _ = match line.strip_prefix(' ') {
            Some(name) if name.starts_with("_ZN") => write!(script, "\n .text.{name}17h*"),
            Some(name) => write!(script, "\n .text.{name}*"),
            None => write!(script, "{open}\n*.{line}-*("),
        };
        open = ")";
    }
    script + open + "\n} } INSERT BEFORE .text;\n"
}

/// Reports whether the linker is the one that rustc brings for this target. Others may know no such scripts, or
/// be slow with them.
fn has_own_linker() -> bool {
    let target = env::var("TARGET").is_ok_and(|target| target == "x86_64-unknown-linux-gnu");
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    target && env::var_os("RUSTC_LINKER").is_none() && !flags.contains("link")
}

/// The version of this machine's glibc, from a line such as `glibc 2.36`.
fn installed_glibc() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
