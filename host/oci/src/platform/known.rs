//! The architectures, variants and operating systems that images are built for: those of Go, whose terms
//! the image specification uses (`go tool dist list`).

/// Go's architectures, and the word of attestations.
pub const ARCHITECTURES: [&str; 15] = [
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64",
    "ppc64le", "riscv64", "s390x", "unknown", "wasm",
];

/// Go's operating systems, and the word of attestations.
pub const SYSTEMS: [&str; 16] = [
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "illumos",
    "ios",
    "js",
    "linux",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "unknown",
    "wasip1",
    "windows",
];

/// Returns the variants of an architecture.
pub(super) fn variants(architecture: &str) -> &'static [&'static str] {
    match architecture {
        "386" => &["sse2", "softfloat"],
        "amd64" => &["v1", "v2", "v3", "v4"],
        "arm" => &["v5", "v6", "v7", "v8"],
        "arm64" => &["v8", "v9"],
        "mips" | "mips64" | "mips64le" | "mipsle" => &["hardfloat", "softfloat"],
        "ppc64" | "ppc64le" => &["power8", "power9", "power10"],
        "riscv64" => &["rva20u64", "rva22u64", "rva23u64"],
        _ => &[],
    }
}

/// Returns the architecture in Go's terms, as containerd normalizes it.
pub(super) fn normalized(architecture: &str) -> String {
    let lower = architecture.to_ascii_lowercase();
    match lower.as_str() {
        "x86_64" | "x86-64" => "amd64".to_owned(),
        "aarch64" => "arm64".to_owned(),
        "i386" => "386".to_owned(),
        "armhf" => "arm".to_owned(),
        _ => lower,
    }
}

pub(super) fn is_architecture(word: &str) -> bool {
    ARCHITECTURES.contains(&normalized(word).as_str())
}

pub(super) fn is_system(word: &str) -> bool {
    SYSTEMS.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// Says whether the architecture has this variant. `arm64` also has minor versions, such as `v8.2`.
pub(super) fn is_variant(architecture: &str, variant: &str) -> bool {
    let plain = |variant: &str| variant.strip_prefix('v').unwrap_or(variant).to_owned();
    let major = match (architecture, variant.split_once('.')) {
        ("arm64", Some((major, minor))) if minor.parse::<u8>().is_ok() => major,
        _ => variant,
    };
    variants(architecture).iter().any(|known| plain(known) == plain(major))
}
